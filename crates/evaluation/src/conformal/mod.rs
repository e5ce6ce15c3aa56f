//! Intervals and sets that hold the truth as often as they say, whatever the model (Vovk, Gammerman and Shafer, 2005).
//!
//! All that is asked is that the rows to come are like those of the calibration: in any order as likely. Then intervals
//! of level 0.9 hold the truth of nine rows out of ten on average. How often they do for some of the rows is measured
//! by [`Coverage`] and [`MeanWidth`] with [`score_slices`](crate::score_slices).
//!
//! With too few rows for a level no finite interval has its promise; that is an error which says how many are needed.

mod adaptive;
mod binary_risk;
mod cross;
mod cross_classifier;
mod enbpi;
mod exchangeability;
mod fwer;
mod held_out;
mod intervals;
mod martingale;
mod mondrian;
mod normalized;
mod predictive;
mod quantile;
mod rank;
mod risk;
mod risk_monitoring;
mod sets;
mod split;
mod split_classifier;

pub use adaptive::AdaptiveConformal;
pub use binary_risk::BinaryRisk;
pub use cross::{CrossConformalModel, CrossConformalRegressor, CrossMethod};
pub use cross_classifier::{CrossConformalClassifier, CrossConformalClassifierModel};
pub use enbpi::{EnbPiModel, EnbPiRegressor};
pub use exchangeability::{ExchangeabilityTest, test_exchangeability};
pub use fwer::FwerProcedure;
pub use intervals::{Coverage, IntervalPredictor, IntervalScore, MeanWidth, PredictionIntervals};
pub use martingale::{Betting, ExchangeabilityMartingale};
pub use mondrian::{MondrianModel, conformalize_by};
pub use normalized::{NormalizedConformalModel, NormalizedConformalRegressor};
pub use predictive::PredictiveSystem;
pub use quantile::{
    ConformalizedQuantileModel, ConformalizedQuantileRegressor, ConformalizedQuantiles,
    ConformalizedQuantilesModel,
};
pub use rank::rows_needed;
pub use risk::{ControlledRisk, LearnThenTest, RiskControl};
pub use risk_monitoring::RiskMonitoring;
pub use sets::{ClassSets, MeanSetSize, SetCoverage, SetPredictor, SizeStratifiedCoverage};
pub use split::{
    RegressionScore, SplitConformalModel, SplitConformalRegressor, conformalize, conformalize_weighted,
};
pub use split_classifier::{
    ClassificationScore, SplitConformalClassifier, SplitConformalClassifierModel, conformalize_classifier,
    conformalize_classifier_weighted,
};
