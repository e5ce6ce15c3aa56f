//! Buffers that are used again.

use std::sync::Mutex;

use perennial_core::memory;

/// Buffers that wait.
pub(crate) struct Pool<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool(Mutex::default())
    }
}

impl<T> Pool<T> {
    /// The smallest buffer that has room for so many, or the largest: so that small leaves do not wear large buffers, and
    /// only one has to grow.
    pub(crate) fn take(&self, room: usize) -> Vec<T> {
        let Ok(mut waiting) = self.0.lock() else { return Vec::new() };
        let fits = |index: &usize| waiting[*index].capacity() >= room;
        let size = |index: &usize| waiting[*index].capacity();
        let best = (0..waiting.len()).filter(fits).min_by_key(size).or((0..waiting.len()).max_by_key(size));
        best.map_or_else(Vec::new, |index| waiting.swap_remove(index))
    }

    /// A buffer of so many elements, which are those it held before, or the default.
    pub(crate) fn sized(&self, n: usize) -> Vec<T>
    where
        T: Clone + Default,
    {
        let mut buffer = self.take(n);
        let more = n.saturating_sub(buffer.len());
        memory::make_room(&mut buffer, more);
        buffer.resize(n, T::default());
        buffer
    }

    pub(crate) fn give(&self, buffer: Vec<T>) {
        if let Ok(mut waiting) = self.0.lock() {
            waiting.push(buffer);
        }
    }
}
