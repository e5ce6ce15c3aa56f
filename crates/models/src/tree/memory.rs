//! How much memory a single tree takes.

use perennial_core::{Error, Result};

use super::histogram::Splits;
use super::limits::Limits;

/// What a node takes beside its value: while it grows, in the list that was longer by half before, and in the tree.
const NODE_BYTES: f64 = 450.0;
/// What the best cut of one column in one node takes.
const CUT_BYTES: f64 = 64.0;
/// What a row takes in a column that is in order.
const ENTRY_BYTES: f64 = 8.0;
/// What a row takes of each thread that sorts, parts or looks through a column.
const THREAD_BYTES: f64 = 48.0;
/// What a row takes beside: its target, its weight, its number and its side.
const ROW_BYTES: f64 = 48.0;

/// What the memory of a tree depends on.
pub(super) struct Need<'a> {
    pub(super) limits: &'a Limits,
    pub(super) splits: Splits,
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    /// The numbers of a node.
    pub(super) n_values: usize,
}

impl Need<'_> {
    /// The most bytes that learning and the model take together, beside the input.
    fn bytes(&self) -> f64 {
        let (rows, columns) = (self.n_rows as f64, self.n_cols as f64);
        let (cells, at_once) = (rows * columns, columns.min(rayon::current_num_threads() as f64));
        let (learning, n_leaves) = match self.splits {
            Splits::Exact => {
                // All that may be split is, and leaves beyond the most are cut off at last.
                let n_leaves = Limits { max_leaf_nodes: None, ..self.limits.clone() }.most_leaves(rows);
                // The nodes of a level are cut at the same time, and there are no more of them than leaves of two rows.
                let cuts =
                    CUT_BYTES * columns * n_leaves.min(rows / self.limits.min_samples_split.max(2) as f64);
                (ENTRY_BYTES * cells + cuts, n_leaves)
            }
            Splits::Histogram => (cells, self.limits.most_leaves(rows)),
            // The bins once more, row by row.
            Splits::Random => (2.0 * cells, self.limits.most_leaves(rows)),
        };
        let nodes = 2.0 * n_leaves * (NODE_BYTES + 32.0 * self.n_values as f64);
        learning + (THREAD_BYTES * at_once + ROW_BYTES) * rows + nodes
    }

    /// Refuses to start where more than so many bytes may be needed.
    pub(super) fn check(&self, limit: Option<u64>) -> Result<()> {
        let needed = self.bytes();
        match limit {
            Some(limit) if needed > limit as f64 => Err(Error::too_large(format!(
                "a tree on {} rows and {} columns may take {needed:.0} bytes, more than `memory_limit` = {limit}; set `max_depth` \
                 lower, `min_samples_leaf` higher, `splits` to `Histogram`, or raise the limit",
                self.n_rows, self.n_cols
            ))),
            _ => Ok(()),
        }
    }
}
