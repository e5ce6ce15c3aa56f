//! What settings say of symmetric trees.

use perennial_core::{Error, Result};

use super::settings::{Growth, Settings};

/// The levels where no depth is set.
const LEVELS: usize = 6;
/// The most of them.
const MOST_LEVELS: usize = 16;

impl Settings {
    /// The levels of a symmetric tree.
    pub(crate) fn n_levels(&self) -> usize {
        self.max_depth.unwrap_or(LEVELS)
    }

    /// Refuses what symmetric trees cannot keep to.
    pub(crate) fn check_symmetric(&self) -> Result<()> {
        if self.growth != Growth::Symmetric {
            return Ok(());
        }
        let n_levels = self.n_levels();
        if n_levels > MOST_LEVELS {
            return Err(Error::unsupported(format!(
                "`max_depth` = {n_levels} does not go with `Growth::Symmetric`, whose trees have 2^`max_depth` leaves; set at most {MOST_LEVELS}"
            )));
        }
        if self.max_leaves != Settings::default().max_leaves && self.max_leaves < 1 << n_levels {
            return Err(Error::unsupported(format!(
                "`max_leaves` = {} does not go with `Growth::Symmetric` of `max_depth` = {n_levels}, whose trees have up to {} leaves; \
                 set a smaller `max_depth`, and leave `max_leaves` as it is",
                self.max_leaves,
                1 << n_levels
            )));
        }
        if self.columns_by_node < 1.0 {
            return Err(Error::unsupported(format!(
                "`columns_by_node` = {} does not go with `Growth::Symmetric`, where all nodes of a level ask the same; set \
                 `columns_by_level`",
                self.columns_by_node
            )));
        }
        Ok(())
    }

    /// The leaves of a symmetric tree that hold histograms at the same time, of rows for so many leaves: all that the last level
    /// asks, twice where rows are counted beside.
    pub(crate) fn open_leaves(&self, of_rows: u64) -> u64 {
        let open = (1 << (self.n_levels() - 1)).min(of_rows);
        if self.min_samples_leaf > 1 { 2 * open } else { open }
    }
}
