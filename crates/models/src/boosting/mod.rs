//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).
//!
//! # Which loss
//!
//! | the target | what is wanted | loss |
//! |---|---|---|
//! | a number | its mean | [`RegressionLoss::SquaredError`] |
//! | a number with outliers that are errors | its typical value | [`RegressionLoss::AbsoluteError`] for the median; [`RegressionLoss::Huber`] for nearly the mean, `delta` at the size from which differences look wrong |
//! | a number | a bound that a given share stays below | [`RegressionLoss::Quantile`] |
//! | a number | an interval or the whole distribution | [`Quantiles`] |
//! | a count, or a rate with the exposure as weight | its mean | [`RegressionLoss::Poisson`] |
//! | a positive amount whose spread grows with it: a cost, a duration | its mean | [`RegressionLoss::Gamma`] |
//! | an amount that is mostly 0: claims, rain, sales | its mean | [`RegressionLoss::Tweedie`], `power` near 1.5 |
//! | a share or a probability | its mean | [`RegressionLoss::CrossEntropy`] |
//! | one of two classes | its probability | [`ClassificationLoss::Logistic`] |
//! | one of several classes | their probabilities | [`ClassificationLoss::Softmax`] |
//! | a rare class among rows that are mostly easy | the order of the rows | [`ClassificationLoss::Focal`]; its probabilities need calibration, and weights of the classes often do as well |
//! | grades of relevance within groups | the top of each group | [`RankingLoss::Lambda`] |
//! | grades of relevance within groups | the whole order | [`RankingLoss::Pairwise`] |
//! | a time to an event, that some rows have not had yet | the relative hazard | [`Cox`] |
//! | anything else | | your own [`Objective`] |

mod booster;
mod classifier;
mod concordance;
mod engine;
mod explain;
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
pub use stopping::Stopper;
