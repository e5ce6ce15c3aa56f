//! The settings that both networks share.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::optimizer::{Optimizer, Schedule};

pub(super) const LEARNING_RATE: Param =
    Param::real("learning_rate", "the size of steps").above(0.0).at_most(1e3).search_log(1e-4, 1e-1);
pub(super) const ALPHA: Param =
    Param::real("alpha", "strength of the L2 penalty").at_least(0.0).at_most(1e10).search_log(1e-6, 1e-1);
pub(super) const BATCH_SIZE: Param =
    Param::integer("batch_size", "the rows of one step").at_least(1.0).search_log(32.0, 1024.0);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most passes over the rows").at_least(1.0).at_most(1e9);
pub(super) const TOLERANCE: Param =
    Param::real("tolerance", "by how much the loss must fall to count as falling").at_least(0.0);
pub(super) const PATIENCE: Param =
    Param::integer("n_iter_no_change", "passes without a fall after which learning ends").at_least(1.0);
pub(super) const VALIDATION: Param =
    Param::real("validation_fraction", "the share of the rows set aside by early stopping")
        .above(0.0)
        .at_most(0.9);
pub(super) const EMBEDDING: Param =
    Param::integer("embedding_size", "how many numbers a category has").at_least(1.0).at_most(4096.0);

/// The settings that both networks share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) layers: Vec<Layer>,
    pub(super) optimizer: Optimizer,
    pub(super) schedule: Schedule,
    pub(super) learning_rate: f64,
    pub(super) alpha: f64,
    pub(super) batch_size: Option<usize>,
    pub(super) max_iter: usize,
    pub(super) tolerance: f64,
    pub(super) n_iter_no_change: usize,
    pub(super) early_stopping: bool,
    pub(super) validation_fraction: f64,
    pub(super) standardize: bool,
    pub(super) embedding_size: Option<usize>,
    pub(super) seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            layers: vec![Layer::dense(100)],
            optimizer: Optimizer::adam(),
            schedule: Schedule::Constant,
            learning_rate: 1e-3,
            alpha: 1e-4,
            batch_size: None,
            max_iter: 200,
            tolerance: 1e-4,
            n_iter_no_change: 10,
            early_stopping: false,
            validation_fraction: 0.1,
            standardize: true,
            embedding_size: None,
            seed: None,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<()> {
        LEARNING_RATE.check(self.learning_rate)?;
        ALPHA.check(self.alpha)?;
        self.batch_size.map_or(Ok(()), |size| BATCH_SIZE.check_count(size))?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        PATIENCE.check_count(self.n_iter_no_change)?;
        VALIDATION.check(self.validation_fraction)?;
        self.embedding_size.map_or(Ok(()), |size| EMBEDDING.check_count(size))?;
        self.optimizer.check()?;
        self.schedule.check()
    }

    /// The rows of one step: as said, or up to 200.
    pub(super) fn batch_size(&self, n_rows: usize) -> usize {
        self.batch_size.unwrap_or(200).min(n_rows).max(1)
    }
}

/// The builders of both networks; the classifier's and the regressor's settings are the same.
macro_rules! builders {
    ($name:ident) => {
        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[
                $crate::neural::settings::LEARNING_RATE,
                $crate::neural::settings::ALPHA,
                $crate::neural::settings::BATCH_SIZE,
                $crate::neural::settings::MAX_ITER,
                $crate::neural::settings::TOLERANCE,
                $crate::neural::settings::PATIENCE,
                $crate::neural::settings::VALIDATION,
                $crate::neural::settings::EMBEDDING,
            ];

            /// One hidden layer of 100 units, learned by Adam.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the layers between the input and the last layer, which is added by itself.
            #[must_use]
            pub fn layers(mut self, layers: impl Into<Vec<Layer>>) -> Self {
                self.settings.layers = layers.into();
                self
            }

            /// Sets how parameters follow gradients.
            #[must_use]
            pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
                self.settings.optimizer = optimizer;
                self
            }

            /// Sets how the learning rate changes over the steps.
            #[must_use]
            pub fn schedule(mut self, schedule: Schedule) -> Self {
                self.settings.schedule = schedule;
                self
            }

            /// Sets the size of steps.
            #[must_use]
            pub fn learning_rate(mut self, learning_rate: f64) -> Self {
                self.settings.learning_rate = learning_rate;
                self
            }

            /// Sets the strength of the L2 penalty of the weights.
            #[must_use]
            pub fn alpha(mut self, alpha: f64) -> Self {
                self.settings.alpha = alpha;
                self
            }

            /// Sets how many rows a step looks at.
            #[must_use]
            pub fn batch_size(mut self, batch_size: usize) -> Self {
                self.settings.batch_size = Some(batch_size);
                self
            }

            /// Sets the most passes over the rows.
            #[must_use]
            pub fn max_iter(mut self, max_iter: usize) -> Self {
                self.settings.max_iter = max_iter;
                self
            }

            /// Sets by how much the loss must fall to count as falling.
            #[must_use]
            pub fn tolerance(mut self, tolerance: f64) -> Self {
                self.settings.tolerance = tolerance;
                self
            }

            /// Sets after how many passes without a fall learning ends.
            #[must_use]
            pub fn n_iter_no_change(mut self, n_iter_no_change: usize) -> Self {
                self.settings.n_iter_no_change = n_iter_no_change;
                self
            }

            /// Sets whether rows are set aside to see when to stop, where no validation set is given.
            #[must_use]
            pub fn early_stopping(mut self, early_stopping: bool) -> Self {
                self.settings.early_stopping = early_stopping;
                self
            }

            /// Sets the share of the rows that early stopping sets aside.
            #[must_use]
            pub fn validation_fraction(mut self, validation_fraction: f64) -> Self {
                self.settings.validation_fraction = validation_fraction;
                self
            }

            /// Sets whether columns of numbers are brought to mean 0 and deviation 1 inside.
            #[must_use]
            pub fn standardize(mut self, standardize: bool) -> Self {
                self.settings.standardize = standardize;
                self
            }

            /// Sets how many numbers each category has.
            #[must_use]
            pub fn embedding_size(mut self, embedding_size: usize) -> Self {
                self.settings.embedding_size = Some(embedding_size);
                self
            }

            /// Sets what decides the first weights, the order of rows and what is dropped.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.settings.seed = Some(seed);
                self
            }
        }
    };
}
pub(super) use builders;

/// Learning that left the range of numbers.
pub(super) fn diverged(epoch: usize) -> Error {
    Error::overflow(format!(
        "learning diverged in pass {epoch}: lower `learning_rate`, keep `standardize` on, or scale the target"
    ))
}
