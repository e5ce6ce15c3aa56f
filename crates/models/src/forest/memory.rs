//! How much memory a forest takes.

use perennial_core::{Error, Result};

use crate::tree::limits::Limits;

/// What a node takes beside its value.
const NODE_BYTES: f64 = 100.0;
/// What a growing tree takes for each row of its sample.
const SAMPLE_BYTES: f64 = 48.0;
/// The most places between which all bins of a column are cut again.
const PLACES: f64 = 65_280.0;
/// What a state that is written takes, beside the trees that it is of.
const STATE_SHARE: f64 = 1.5;

/// What the memory of a forest depends on.
pub(super) struct Need<'a> {
    pub(super) limits: &'a Limits,
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    pub(super) n_trees: usize,
    /// The numbers of a node.
    pub(super) n_values: usize,
    /// How many of the rows a tree draws.
    pub(super) share: f64,
    /// Whether columns are put into bins here, and these cut again.
    pub(super) from_matrix: bool,
    pub(super) random_cuts: bool,
    pub(super) out_of_bag: bool,
    /// Whether the rows of each leaf are kept.
    pub(super) keeps_rows: bool,
    /// Whether states are kept on the disk, each of which is written from a copy of the trees.
    pub(super) keeps_checkpoints: bool,
}

impl Need<'_> {
    /// The most bytes that learning and the model take together, beside the input.
    fn bytes(&self) -> f64 {
        let (rows, columns, trees) = (self.n_rows as f64, self.n_cols as f64, self.n_trees as f64);
        let cells = rows * columns;
        let bins = if self.from_matrix { cells } else { 0.0 };
        // A second byte for each cell: the bins row by row, or the parts of bins, which have cuts of their own.
        let again = match (self.random_cuts, self.from_matrix) {
            (true, _) => cells,
            (false, true) => cells + 8.0 * columns * rows.min(PLACES),
            (false, false) => 0.0,
        };
        let sample = (rows * self.share).max(1.0);
        let at_once = trees.min(rayon::current_num_threads() as f64);
        let growing = at_once * (SAMPLE_BYTES * sample + 4.0 * rows);
        let n_leaves = self.limits.most_leaves(sample);
        let grown = trees * 2.0 * n_leaves * (NODE_BYTES + 8.0 * self.n_values as f64);
        let left_out =
            if self.out_of_bag { trees * rows / 8.0 + 8.0 * rows * self.n_values as f64 } else { 0.0 };
        let kept = if self.keeps_rows { trees * (4.0 * rows + 8.0 * n_leaves) } else { 0.0 };
        let states = if self.keeps_checkpoints { STATE_SHARE * (grown + left_out) } else { 0.0 };
        bins + again + growing + grown + left_out + kept + states
    }

    /// Refuses to start where more than so many bytes may be needed.
    pub(super) fn check(&self, limit: Option<u64>) -> Result<()> {
        let needed = self.bytes();
        match limit {
            Some(limit) if needed > limit as f64 => Err(Error::too_large(format!(
                "a forest of {} trees on {} rows and {} columns may take {needed:.0} bytes, more than `memory_limit` = {limit}; set \
                 `max_depth`, `max_leaf_nodes` or `n_trees` lower, `min_samples_leaf` higher, or raise the limit",
                self.n_trees, self.n_rows, self.n_cols
            ))),
            _ => Ok(()),
        }
    }
}
