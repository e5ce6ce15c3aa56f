//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod booster;
mod classifier;
mod concordance;
mod engine;
mod groups;
mod inputs;
mod losses;
mod metric;
mod objective;
mod quantile_regressor;
mod ranker;
mod regressor;
mod sampling;
mod settings;
mod stopping;

pub use booster::{Booster, History};
pub use classifier::{GradientBoostingClassifier, GradientBoostingClassifierModel};
pub use groups::Groups;
pub use losses::{ClassificationLoss, Cox, Quantiles, RankingLoss, RegressionLoss};
pub use metric::{BoostingMetric, Watch, Watched};
pub use objective::{Labels, Objective};
pub use quantile_regressor::{GradientBoostingQuantileRegressor, GradientBoostingQuantileRegressorModel};
pub use ranker::{GradientBoostingRanker, GradientBoostingRankerModel};
pub use regressor::{GradientBoostingRegressor, GradientBoostingRegressorModel};
pub use settings::{Growth, Mode, Monotone, RowSampling};
pub use stopping::{EarlyStopping, Stopper};
