//! Rows of the kernel matrix, kept as long as memory allows.

use perennial_numeric::kernel::{Number, TrainRows};

/// Rows that were used last, within a bound of memory.
pub(super) struct RowCache<'a, T> {
    kernel: &'a TrainRows<T>,
    capacity: usize,
    /// The rows that are held, by slot; and the slot of each row.
    slots: Vec<Vec<T>>,
    owner: Vec<usize>,
    slot_of: Vec<Option<u32>>,
    /// When a slot was used last.
    used: Vec<u64>,
    clock: u64,
}

impl<'a, T: Number> RowCache<'a, T> {
    /// A cache of so many bytes; it always holds two rows.
    pub(super) fn new(kernel: &'a TrainRows<T>, bytes: usize) -> Self {
        let n = kernel.len();
        let capacity = (bytes / (n * size_of::<T>()).max(1)).clamp(2, n.max(2));
        let (slots, owner, used) = (Vec::new(), Vec::new(), Vec::new());
        RowCache { kernel, capacity, slots, owner, slot_of: vec![None; n], used, clock: 0 }
    }

    /// How many rows it holds at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// These rows, no more than there is room for.
    pub(super) fn rows(&mut self, which: &[usize]) -> Vec<&[T]> {
        self.clock += 1;
        let missing: Vec<usize> = which.iter().copied().filter(|&row| self.slot_of[row].is_none()).collect();
        for &row in which {
            if let Some(slot) = self.slot_of[row] {
                self.used[slot as usize] = self.clock;
            }
        }
        if !missing.is_empty() {
            let mut free = self.free(missing.len());
            for (&row, numbers) in missing.iter().zip(self.kernel.rows(&missing)) {
                let slot = match free.pop() {
                    Some(slot) => {
                        self.slot_of[self.owner[slot]] = None;
                        (self.slots[slot], self.owner[slot], self.used[slot]) = (numbers, row, self.clock);
                        slot
                    }
                    None => {
                        self.slots.push(numbers);
                        self.owner.push(row);
                        self.used.push(self.clock);
                        self.slots.len() - 1
                    }
                };
                self.slot_of[row] = Some(slot as u32);
            }
        }
        which.iter().filter_map(|&row| Some(&*self.slots[self.slot_of[row]? as usize])).collect()
    }

    /// The slots to give up for `wanted` new rows: those that were not used for longest.
    fn free(&self, wanted: usize) -> Vec<usize> {
        let surplus = (self.slots.len() + wanted).saturating_sub(self.capacity);
        let mut old: Vec<(u64, usize)> =
            self.used.iter().copied().zip(0..).filter(|slot| slot.0 < self.clock).collect();
        old.sort_unstable();
        old.truncate(surplus);
        old.into_iter().rev().map(|(_, slot)| slot).collect()
    }
}
