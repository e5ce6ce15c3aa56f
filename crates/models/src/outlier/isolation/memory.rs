//! How much memory an isolation forest takes.

use perennial_core::{Error, Result};

use super::BLOCK;

/// What a node takes: in its tree, whose list was longer by half before, and in the layout that rows walk down.
const NODE_BYTES: f64 = 80.0;
/// What a node takes while its tree is laid out.
const LAID_OUT_BYTES: f64 = 72.0;
/// What a number takes while its row is scored: a key for each side where a value is missing.
const KEY_BYTES: f64 = 8.0;
/// What a row takes of each tree that draws at the same time.
const DRAW_BYTES: f64 = 16.0;

/// What the memory of the forest depends on.
pub(super) struct Need {
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    pub(super) n_trees: usize,
    /// How many rows each tree draws.
    pub(super) n_samples: usize,
    /// Whether all rows are scored.
    pub(super) scores: bool,
    /// Whether the rows are written out anew.
    pub(super) copies: bool,
}

impl Need {
    /// The most bytes that learning and the model take together, beside the input.
    fn bytes(&self) -> f64 {
        let (rows, columns, trees) = (self.n_rows as f64, self.n_cols as f64, self.n_trees as f64);
        let threads = rayon::current_num_threads() as f64;
        let at_once = trees.min(threads);
        let nodes = 2.0 * rows.min(self.n_samples as f64);
        let copied = if self.copies { 8.0 * rows * columns } else { 0.0 };
        // A number for each row, and those of all with their weights in order.
        let scored = if self.scores { 24.0 * rows } else { 0.0 };
        // Of the rows that are scored at the same time.
        let keyed = if self.scores { KEY_BYTES * columns * rows.min(BLOCK as f64 * threads) } else { 0.0 };
        trees * nodes * NODE_BYTES
            + at_once * (nodes * LAID_OUT_BYTES + DRAW_BYTES * rows)
            + 4.0 * rows
            + copied
            + scored
            + keyed
    }

    /// Refuses to start where more than so many bytes may be needed.
    pub(super) fn check(&self, limit: Option<u64>) -> Result<()> {
        let needed = self.bytes();
        match limit {
            Some(limit) if needed > limit as f64 => Err(Error::too_large(format!(
                "an isolation forest of {} trees on {} of {} rows may take {needed:.0} bytes, more than `memory_limit` = {limit}; \
                 set `n_trees` or `max_samples` lower, or raise the limit",
                self.n_trees,
                self.n_samples.min(self.n_rows),
                self.n_rows
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_wide_rows_count_where_rows_are_scored() {
        let bytes = |scores: bool, n_rows: usize| {
            Need { n_rows, n_cols: 500, n_trees: 2, n_samples: 16, scores, copies: false }.bytes()
        };
        assert_eq!(bytes(true, 1000) - bytes(false, 1000), 24e3 + 8.0 * 500.0 * 1000.0);
        // No more than each thread scores at a time.
        let keys = bytes(true, 1 << 30) - bytes(false, 1 << 30) - 24.0 * f64::from(1 << 30);
        assert_eq!(keys, 8.0 * 500.0 * 2048.0 * rayon::current_num_threads() as f64);
    }
}
