//! How much memory an isolation forest takes.

use perennial_core::{Error, Result};

/// What a node takes: in its tree, whose list was longer by half before, and in the layout that rows walk down.
const NODE_BYTES: f64 = 80.0;
/// What a node takes while its tree is laid out.
const LAID_OUT_BYTES: f64 = 72.0;
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
        let at_once = trees.min(rayon::current_num_threads() as f64);
        let nodes = 2.0 * rows.min(self.n_samples as f64);
        let copied = if self.copies { 8.0 * rows * columns } else { 0.0 };
        // A number for each row, and those of all with their weights in order.
        let scored = if self.scores { 24.0 * rows } else { 0.0 };
        trees * nodes * NODE_BYTES
            + at_once * (nodes * LAID_OUT_BYTES + DRAW_BYTES * rows)
            + 4.0 * rows
            + copied
            + scored
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
