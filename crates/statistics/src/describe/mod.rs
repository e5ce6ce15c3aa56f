//! Describing samples: moments that merge, quantiles, ranks, correlation.

mod correlation;
mod moments;
mod quantile;
mod rank;

pub use correlation::{autocorrelation, kendall, pearson, spearman};
pub use moments::Moments;
pub use quantile::{median, quantile_sorted, quantiles};
pub use rank::ranks;

pub(crate) use rank::{sorted, tie_sizes};
