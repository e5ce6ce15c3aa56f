//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod groups;
mod losses;
mod objective;

pub use groups::Groups;
pub use losses::{ClassificationLoss, Cox, Quantiles, RankingLoss, RegressionLoss};
pub use objective::{Labels, Objective};
