//! Columns cut into at most 255 bins, which trees learn from.
//!
//! A byte for each value instead of eight: what a forest or a booster reads many times is small, and a cut between
//! bins is found by adding up counts instead of sorting. Values are put into bins once; folds, trials and models
//! share the result.

mod batches;
mod binner;
mod bins;
mod cells;
mod cuts;
mod data;
mod on_bins;

pub use binner::Binner;
pub(crate) use binner::N_BINS;
pub use bins::{Binning, Bins};
pub(crate) use cells::check_sparse;
pub(crate) use cuts::check_category;
pub use data::Binned;
pub use on_bins::{BinsAnswer, LearnsFromBins, OnBins, OnBinsModel};

/// The bin of missing values.
pub(crate) const MISSING: u8 = 255;
/// Codes of categories are below this: sets of categories have a bit for each.
pub(crate) const CATEGORIES: u32 = 1 << 24;
/// The most bins of a column beside that of missing values.
pub(crate) const MAX_BINS: usize = 255;
