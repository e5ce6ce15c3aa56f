//! Tasks side by side.

use std::sync::Mutex;

use perennial_core::{Error, Result};
use perennial_numeric::reduce;

/// As [`reduce::try_map_each`], for tasks that each take far longer than a lock: what shares them out among threads is
/// compiled once here, and not again for each estimator, metric and splitter that they are about.
pub(crate) fn try_each<T: Send>(n: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let slots: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
    share(n, &|task| {
        let done = work(task)?;
        if let Ok(mut slot) = slots[task].lock() {
            *slot = Some(done);
        }
        Ok(())
    })?;
    let given = |slot: Mutex<Option<T>>| slot.into_inner().ok().flatten();
    slots.into_iter().map(|slot| given(slot).ok_or_else(|| Error::other("a task gave nothing"))).collect()
}

fn share(n: usize, work: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    reduce::try_map_each(n, work).map(drop)
}
