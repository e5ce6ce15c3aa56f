//! For whom answers are worse, and what can be done.
//!
//! [`MetricFrame`] scores any metric by groups, [`FairnessReport`] the rates of decisions, both with intervals for the
//! gap between groups. [`reweighing`] acts before a fit, [`ExponentiatedGradient`] within, [`GroupThresholds`] after it; as
//! estimators, which read the groups off the rows, they are [`Reweighed`], [`GroupedGradient`] and [`ThresholdOptimizer`].
//! The vocabulary is fairlearn's.

mod frame;
mod gaps;
mod grouped;
mod groups_of;
mod mixture;
mod moments;
mod optimizer;
mod rates;
mod reductions;
mod report;
mod reweighed;
mod reweighing;
mod sensitive;
mod thresholds;

pub use frame::{FairnessOptions, MetricFrame};
pub use gaps::Gap;
pub use grouped::GroupedGradient;
pub use groups_of::{GroupColumn, GroupsOf};
pub use optimizer::{ThresholdOptimizer, ThresholdOptimizerModel};
pub use rates::{FalsePositiveRate, SelectionRate};
pub use reductions::{ExponentiatedGradient, ExponentiatedGradientModel};
pub use report::{FairnessReport, GroupRates};
pub use reweighed::Reweighed;
pub use reweighing::reweighing;
pub(crate) use sensitive::Grouped;
pub use sensitive::SensitiveFeatures;
pub use thresholds::{GroupRule, GroupThresholds, ParityConstraint, ParityObjective};
