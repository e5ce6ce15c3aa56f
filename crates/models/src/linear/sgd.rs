//! What linear models by stochastic gradient descent share: their settings, the builders of these, and weights of rows.

use std::borrow::Cow;

use perennial_core::{Param, Result};

use super::descent::{Passes, Rule};
use crate::classes::ClassWeight;

pub(super) const ALPHA: Param =
    Param::real("alpha", "strength of the penalties").at_least(0.0).at_most(1e6).search_log(1e-7, 1e-1);
pub(super) const L1_RATIO: Param =
    Param::real("l1_ratio", "the share of the L1 penalty").at_least(0.0).at_most(1.0);
pub(super) const MAX_ITER: Param = Param::integer("max_iter", "the most passes over the rows").at_least(1.0);
pub(super) const N_ITER: Param =
    Param::integer("n_iter_no_change", "passes without gain after which to stop").at_least(1.0);
pub(super) const ETA0: Param = Param::real("eta0", "the length of the first step").above(0.0).at_most(1e6);
pub(super) const POWER_T: Param =
    Param::real("power_t", "how fast steps grow shorter").at_least(0.0).at_most(10.0);
pub(super) const TOLERANCE: Param = Param::real("tolerance", "the gain of the mean loss below which to stop");

/// Weights of rows in units of the mean of those of the first rows, which leaves the length of the steps its meaning; the unit
/// is found where it is not known.
pub(super) fn in_units<'w>(
    weights: Option<Cow<'w, [f64]>>,
    unit: Option<f64>,
    n_rows: usize,
) -> (Option<Cow<'w, [f64]>>, f64) {
    let Some(weights) = weights else {
        let alike = unit.filter(|unit| *unit != 1.0).map(|unit| vec![1.0 / unit; n_rows].into());
        return (alike, unit.unwrap_or(1.0));
    };
    let (mut sum, mut n) = (0.0, 0.0);
    weights.iter().filter(|weight| **weight > 0.0).for_each(|weight| {
        sum += weight;
        n += 1.0;
    });
    let unit = unit.unwrap_or(if sum > 0.0 { sum / n } else { 1.0 });
    (Some(weights.iter().map(|weight| weight / unit).collect()), unit)
}

/// The unit of weights as they were given, where it was found of weights that had been divided by `by`.
pub(super) fn given_unit(unit: f64, by: f64) -> f64 {
    (unit * by).clamp(f64::MIN_POSITIVE, f64::MAX)
}

/// The settings of all, of which each estimator shows its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) rule: Rule,
    pub(super) passes: Passes,
    pub(super) seed: Option<u64>,
    pub(super) class_weight: ClassWeight,
}

impl Passes {
    pub(super) fn check(&self) -> Result<()> {
        MAX_ITER.check_count(self.max_iter)?;
        N_ITER.check_count(self.n_iter_no_change)?;
        TOLERANCE.check(self.tolerance)
    }
}

macro_rules! common_builders {
    ($name:ident) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets whether scores may be shifted.
            #[must_use]
            pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
                self.fit_intercept = fit_intercept;
                self
            }

            /// Sets the most passes over the rows.
            #[must_use]
            pub fn max_iter(mut self, max_iter: usize) -> Self {
                self.max_iter = max_iter;
                self
            }

            /// Sets the gain of the mean loss below which to stop; a negative one takes all passes.
            #[must_use]
            pub fn tolerance(mut self, tolerance: f64) -> Self {
                self.tolerance = tolerance;
                self
            }

            /// Sets after how many passes without gain to stop.
            #[must_use]
            pub fn n_iter_no_change(mut self, n_iter_no_change: usize) -> Self {
                self.n_iter_no_change = n_iter_no_change;
                self
            }

            /// Sets whether each pass takes the rows in a new order.
            #[must_use]
            pub fn shuffle(mut self, shuffle: bool) -> Self {
                self.shuffle = shuffle;
                self
            }

            /// Sets the seed of the order of the rows; without one it comes from the context.
            #[must_use]
            pub fn seed(mut self, seed: impl Into<Option<u64>>) -> Self {
                self.seed = seed.into();
                self
            }

            fn passes(&self) -> Passes {
                Passes {
                    max_iter: self.max_iter,
                    tolerance: self.tolerance,
                    n_iter_no_change: self.n_iter_no_change,
                    shuffle: self.shuffle,
                    intercept: self.fit_intercept,
                }
            }
        }
    };
}

macro_rules! descent_builders {
    ($name:ident, $loss:ident) => {
        impl $name {
            /// Sets what is made small.
            #[must_use]
            pub fn loss(mut self, loss: $loss) -> Self {
                self.loss = loss;
                self
            }

            /// Sets the strength of the penalties.
            #[must_use]
            pub fn alpha(mut self, alpha: f64) -> Self {
                self.alpha = alpha;
                self
            }

            /// Sets the share of the L1 penalty.
            #[must_use]
            pub fn l1_ratio(mut self, l1_ratio: f64) -> Self {
                self.l1_ratio = l1_ratio;
                self
            }

            /// Sets how long the steps are.
            #[must_use]
            pub fn learning_rate(mut self, learning_rate: LearningRate) -> Self {
                self.learning_rate = learning_rate;
                self
            }

            /// Sets the length of the first step.
            #[must_use]
            pub fn eta0(mut self, eta0: f64) -> Self {
                self.eta0 = eta0;
                self
            }

            /// Sets how fast steps grow shorter.
            #[must_use]
            pub fn power_t(mut self, power_t: f64) -> Self {
                self.power_t = power_t;
                self
            }

            fn plan(&self) -> Result<Plan> {
                ALPHA.check(self.alpha)?;
                L1_RATIO.check(self.l1_ratio)?;
                ETA0.check(self.eta0)?;
                POWER_T.check(self.power_t)?;
                self.passes().check()?;
                if self.learning_rate == LearningRate::Optimal && !(self.alpha > 0.0) {
                    return Err(Error::invalid_param(
                        "alpha",
                        self.alpha,
                        "a number > 0, as the learning rate `Optimal` follows from it",
                    ));
                }
                let rule = Rule::Gradient {
                    l1: self.alpha * self.l1_ratio,
                    l2: self.alpha * (1.0 - self.l1_ratio),
                    rate: self.learning_rate,
                    eta0: self.eta0,
                    power_t: self.power_t,
                };
                let class_weight = self.weights_of_classes();
                Ok(Plan { rule, passes: self.passes(), seed: self.seed, class_weight })
            }
        }
    };
}
macro_rules! class_weight_builder {
    ($name:ident) => {
        impl $name {
            /// Sets how much the rows of each class count.
            #[must_use]
            pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
                self.class_weight = class_weight;
                self
            }

            fn weights_of_classes(&self) -> ClassWeight {
                self.class_weight.clone()
            }
        }
    };
}
pub(super) use {class_weight_builder, common_builders, descent_builders};
