//! Sets of rows that grow together, from several threads at a time.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Disjoint sets of rows (Galler and Fischer, 1964; without locks: Anderson and Woll, 1991). What stands for a set is its lowest
/// row, so in the end it does not matter who joined what, or when.
#[derive(Debug)]
pub(super) struct Forest {
    parents: Vec<AtomicU32>,
}

impl Forest {
    /// Each row alone.
    pub(super) fn new(n_rows: usize) -> Self {
        Forest { parents: (0..n_rows as u32).map(AtomicU32::new).collect() }
    }

    /// The lowest row of the set as far as is known.
    pub(super) fn root(&self, mut row: u32) -> u32 {
        // Parents are lower than their children and only ever become lower, so this ends.
        loop {
            let parent = self.parents[row as usize].load(Relaxed);
            if parent == row {
                return row;
            }
            let above = self.parents[parent as usize].load(Relaxed);
            if above != parent {
                // Half of the way is enough; if another thread was faster, its change serves as well.
                let _ = self.parents[row as usize].compare_exchange_weak(parent, above, Relaxed, Relaxed);
            }
            row = above;
        }
    }

    /// Makes one set of two.
    pub(super) fn join(&self, a: u32, b: u32) {
        let (mut a, mut b) = (self.root(a), self.root(b));
        while a != b {
            let (low, high) = (a.min(b), a.max(b));
            // Fails where `high` has got a parent in between.
            if self.parents[high as usize].compare_exchange(high, low, Relaxed, Relaxed).is_ok() {
                return;
            }
            (a, b) = (self.root(low), self.root(high));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_same_whoever_joins_them() {
        let n = 20_000u32;
        let pairs: Vec<(u32, u32)> = (0..n).map(|i| (i, (i.wrapping_mul(2_654_435_761) >> 7) % n)).collect();
        // One after the other, every set written out.
        let mut sets: Vec<u32> = (0..n).collect();
        let mut members: Vec<Vec<u32>> = (0..n).map(|row| vec![row]).collect();
        for &(a, b) in &pairs {
            let (a, b) = (sets[a as usize], sets[b as usize]);
            if a != b {
                let moved = std::mem::take(&mut members[a.max(b) as usize]);
                moved.iter().for_each(|&row| sets[row as usize] = a.min(b));
                members[a.min(b) as usize].extend(moved);
            }
        }
        for n_threads in [1, 2, 4] {
            let forest = Forest::new(n as usize);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                crate::reduce::map_chunks(pairs.len(), 64, |range| {
                    pairs[range].iter().for_each(|&(a, b)| forest.join(a, b));
                });
            });
            assert!((0..n).all(|row| forest.root(row) == sets[row as usize]), "{n_threads} threads");
        }
    }
}
