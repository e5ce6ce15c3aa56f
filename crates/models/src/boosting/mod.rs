//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod concordance;
mod groups;
mod losses;
mod metric;
mod objective;
mod stopping;

pub use groups::Groups;
pub use losses::{ClassificationLoss, Cox, Quantiles, RankingLoss, RegressionLoss};
pub use metric::{BoostingMetric, Watch, Watched};
pub use objective::{Labels, Objective};
pub use stopping::{EarlyStopping, Stopper};
