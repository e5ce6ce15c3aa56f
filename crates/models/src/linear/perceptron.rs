//! The perceptron and the passive-aggressive classifier.

use perennial_core::{Capabilities, Classes, Estimator, Matrix, Param, PartialFit, Result, Train};
use serde::{Deserialize, Serialize};

use super::descent::{LearningRate, Loss, Passes, Rule};
use super::sgd::{MAX_ITER, N_ITER, Plan, TOLERANCE, class_weight_builder, common_builders};
use super::sgd_classifier::{SgdClassifierModel, classifier, fit_classes, go_on};
use crate::classes::ClassWeight;

const C: Param = Param::real("c", "the longest step").above(0.0).at_most(1e100).search_log(1e-4, 1e2);

/// The perceptron (Rosenblatt, 1958): a step of one length for each row on the wrong side.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `max_iter` | 1000 | >= 1 | the most passes over the rows |
/// | `tolerance` | 1e-3 | | the gain of the mean loss below which to stop; negative: never |
/// | `n_iter_no_change` | 5 | >= 1 | passes without gain after which to stop |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
/// | `shuffle` | true | | whether each pass takes the rows in a new order |
/// | `seed` | from the context | | of the order of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::Perceptron;
///
/// let x = Matrix::from(array![[-1.0], [-0.8], [0.9], [1.1]]);
/// let y = Classes::from_labels(["low", "low", "up", "up"]);
/// assert_eq!(Perceptron::new().fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perceptron {
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    n_iter_no_change: usize,
    class_weight: ClassWeight,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for Perceptron {
    fn default() -> Self {
        Perceptron {
            fit_intercept: true,
            max_iter: 1000,
            tolerance: 1e-3,
            n_iter_no_change: 5,
            class_weight: ClassWeight::None,
            shuffle: true,
            seed: None,
        }
    }
}

/// The passive-aggressive classifier (Crammer and others, 2006): each row moves the score just so far that its hinge loss
/// is 0, but by no more than `c` lets it.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | > 0 | the longest step |
/// | `squared` | false | | the second variant, which softens all steps |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `max_iter` | 1000 | >= 1 | the most passes over the rows |
/// | `tolerance` | 1e-3 | | the gain of the mean loss below which to stop; negative: never |
/// | `n_iter_no_change` | 5 | >= 1 | passes without gain after which to stop |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
/// | `shuffle` | true | | whether each pass takes the rows in a new order |
/// | `seed` | from the context | | of the order of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::PassiveAggressive;
///
/// let x = Matrix::from(array![[-1.0], [-0.8], [0.9], [1.1]]);
/// let y = Classes::from_labels(["low", "low", "up", "up"]);
/// assert_eq!(PassiveAggressive::new().fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PassiveAggressive {
    c: f64,
    squared: bool,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    n_iter_no_change: usize,
    class_weight: ClassWeight,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for PassiveAggressive {
    fn default() -> Self {
        PassiveAggressive {
            c: 1.0,
            squared: false,
            fit_intercept: true,
            max_iter: 1000,
            tolerance: 1e-3,
            n_iter_no_change: 5,
            class_weight: ClassWeight::None,
            shuffle: true,
            seed: None,
        }
    }
}

common_builders!(Perceptron);
class_weight_builder!(Perceptron);
common_builders!(PassiveAggressive);
class_weight_builder!(PassiveAggressive);

impl Perceptron {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MAX_ITER, TOLERANCE, N_ITER];

    fn plan(&self) -> Result<Plan> {
        self.passes().check()?;
        let (rate, eta0, power_t) = (LearningRate::Constant, 1.0, 0.0);
        let rule = Rule::Gradient { l1: 0.0, l2: 0.0, rate, eta0, power_t };
        let class_weight = self.weights_of_classes();
        Ok(Plan { rule, passes: self.passes(), seed: self.seed, class_weight })
    }
}

impl PassiveAggressive {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, MAX_ITER, TOLERANCE, N_ITER];

    /// Sets the longest step.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Sets whether all steps are softened, the second variant.
    #[must_use]
    pub fn squared(mut self, squared: bool) -> Self {
        self.squared = squared;
        self
    }

    fn plan(&self) -> Result<Plan> {
        C.check(self.c)?;
        self.passes().check()?;
        let rule = Rule::Aggressive { c: self.c, squared: self.squared };
        let class_weight = self.weights_of_classes();
        Ok(Plan { rule, passes: self.passes(), seed: self.seed, class_weight })
    }
}

classifier!(Perceptron, |_| Loss::Perceptron);
classifier!(PassiveAggressive, |_| Loss::Hinge);
