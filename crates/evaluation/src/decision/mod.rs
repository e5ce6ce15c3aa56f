//! What answers are worth, and the threshold that is worth most.
//!
//! [`OutcomeValues`] says what each outcome is worth and [`CostMatrix`] what each confusion costs; both judge answers.
//! [`ThresholdRule`] chooses a threshold, [`TunedThreshold`] does it inside a fit, on rows that the model has not seen.
//! The curves show what would be gained at every threshold.

mod costs;
mod curves;
mod profit;
mod rule;
mod sure;
mod sweep;
mod tuned;
mod value;

pub use costs::CostMatrix;
pub use curves::{CostCurve, DecisionCurve, LiftRow, NetBenefit, cost_curve, decision_curve, lift_table};
pub use profit::{profit_at_k, profit_intervals};
pub use rule::{Objective, ThresholdChoice, ThresholdRule};
pub(crate) use sure::DEPTH;
pub use sure::{cost_intervals, decision_intervals, lift_intervals};
pub use tuned::{FixedThreshold, TunedThreshold, TunedThresholdModel};
pub use value::{MeanValue, OutcomeValues, ValueModel};

pub(crate) use curves::upper_hull;
pub(crate) use sweep::{Cut, Sweep};
