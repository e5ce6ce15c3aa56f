//! For whom answers are worse, and what can be done.
//!
//! [`MetricFrame`] scores any metric by groups, [`FairnessReport`] the rates of decisions, both with intervals for the
//! gap between groups. [`reweighing`] acts before a fit, [`ExponentiatedGradient`] within, [`GroupThresholds`] after it.
//! The vocabulary is fairlearn's.

mod frame;
mod gaps;
mod mixture;
mod moments;
mod rates;
mod reductions;
mod report;
mod reweighing;
mod sensitive;
mod thresholds;

pub use frame::{FairnessOptions, MetricFrame};
pub use gaps::Gap;
pub use rates::{FalsePositiveRate, SelectionRate};
pub use reductions::{ExponentiatedGradient, ExponentiatedGradientModel};
pub use report::{FairnessReport, GroupRates};
pub use reweighing::reweighing;
pub use sensitive::SensitiveFeatures;
pub use thresholds::{GroupRule, GroupThresholds, ParityConstraint, ParityObjective};
