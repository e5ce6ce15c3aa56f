//! Linear models by stochastic gradient descent, which can go on learning from further rows.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Matrix, Param, PartialFit, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::LinearClassifierModel;
use super::centred::Scaled;
use super::descent::{Descent, LearningRate, Loss, Passes, Rule};
use super::iterative::{IterativeLinearModel, Search};
use crate::classes::two_or_more;

const ALPHA: Param =
    Param::real("alpha", "strength of the penalties").at_least(0.0).at_most(1e6).search_log(1e-7, 1e-1);
const L1_RATIO: Param = Param::real("l1_ratio", "the share of the L1 penalty").at_least(0.0).at_most(1.0);
const EPSILON: Param = Param::real("epsilon", "the size of a miss from which the loss changes").at_least(0.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most passes over the rows").at_least(1.0);
const N_ITER: Param =
    Param::integer("n_iter_no_change", "passes without gain after which to stop").at_least(1.0);
const ETA0: Param = Param::real("eta0", "the length of the first step").above(0.0).at_most(1e6);
const POWER_T: Param = Param::real("power_t", "how fast steps grow shorter").at_least(0.0).at_most(10.0);
const C: Param = Param::real("c", "the longest step").above(0.0).at_most(1e100).search_log(1e-4, 1e2);
const TOLERANCE: Param = Param::real("tolerance", "the gain of the mean loss below which to stop");

/// What a classifier by descent makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassLoss {
    /// `max(0, 1 - margin)`: the support vector machine.
    #[default]
    Hinge,
    /// `log(1 + e^-margin)`: logistic regression.
    LogLoss,
    /// The square of the hinge.
    SquaredHinge,
    /// The squared hinge, straight for margins below -1 (Zhang, 2004).
    ModifiedHuber,
}

/// What a regressor by descent makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueLoss {
    /// Half the square of the miss.
    #[default]
    SquaredError,
    /// The same, straight for misses above `epsilon`.
    Huber,
    /// The miss beyond `epsilon`.
    EpsilonInsensitive,
    /// Its square.
    SquaredEpsilonInsensitive,
}

/// The settings of all, of which each estimator shows its own.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    rule: Rule,
    passes: Passes,
    seed: Option<u64>,
}

impl Passes {
    fn check(&self) -> Result<()> {
        MAX_ITER.check_count(self.max_iter)?;
        N_ITER.check_count(self.n_iter_no_change)?;
        TOLERANCE.check(self.tolerance)
    }
}

impl PartialEq for Passes {
    fn eq(&self, other: &Self) -> bool {
        (self.max_iter, self.n_iter_no_change, self.shuffle, self.intercept)
            == (other.max_iter, other.n_iter_no_change, other.shuffle, other.intercept)
            && self.tolerance == other.tolerance
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
                Ok(Plan { rule, passes: self.passes(), seed: self.seed })
            }
        }
    };
}

/// A linear classifier by stochastic gradient descent, for rows that come by the million or little by little.
///
/// Each step looks at one row (Bottou, 2010); the L2 penalty is one factor of all coefficients, the L1 penalty is paid when
/// a coefficient is next used (Tsuruoka, Tsujii and Ananiadou, 2009). More than two classes have one score each, against the
/// others. It goes on with [`PartialFit`]. Standardise features first. Row weights are not taken, as a longer step is not
/// two steps.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `loss` | `Hinge` | `Hinge`, `LogLoss`, `SquaredHinge`, `ModifiedHuber` | what is made small |
/// | `alpha` | 1e-4 | 0 to 1e6 | strength of the penalties |
/// | `l1_ratio` | 0 | 0 to 1 | the share of the L1 penalty |
/// | `learning_rate` | `Optimal` | `Optimal`, `InvScaling`, `Constant` | how long the steps are |
/// | `eta0` | 0.01 | > 0 | the length of the first step, but for `Optimal` |
/// | `power_t` | 0.5 | 0 to 10 | how fast steps grow shorter with `InvScaling` |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `max_iter` | 1000 | >= 1 | the most passes over the rows |
/// | `tolerance` | 1e-3 | | the gain of the mean loss below which to stop; negative: never |
/// | `n_iter_no_change` | 5 | >= 1 | passes without gain after which to stop |
/// | `shuffle` | true | | whether each pass takes the rows in a new order |
/// | `seed` | from the context | | of the order of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, PartialFit, Predictor};
/// use perennial_models::SgdClassifier;
///
/// let x = Matrix::from(array![[-1.0], [-0.8], [0.9], [1.1]]);
/// let y = Classes::from_labels(["low", "low", "up", "up"]);
/// let model = SgdClassifier::new().fit(&x, &y)?;
/// let model = SgdClassifier::new().partial_fit(model, &x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdClassifier {
    loss: ClassLoss,
    alpha: f64,
    l1_ratio: f64,
    learning_rate: LearningRate,
    eta0: f64,
    power_t: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    n_iter_no_change: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for SgdClassifier {
    fn default() -> Self {
        SgdClassifier {
            loss: ClassLoss::Hinge,
            alpha: 1e-4,
            l1_ratio: 0.0,
            learning_rate: LearningRate::Optimal,
            eta0: 0.01,
            power_t: 0.5,
            fit_intercept: true,
            max_iter: 1000,
            tolerance: 1e-3,
            n_iter_no_change: 5,
            shuffle: true,
            seed: None,
        }
    }
}

/// The perceptron (Rosenblatt, 1958): a step of one length for each row on the wrong side.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `max_iter` | 1000 | >= 1 | the most passes over the rows |
/// | `tolerance` | 1e-3 | | the gain of the mean loss below which to stop; negative: never |
/// | `n_iter_no_change` | 5 | >= 1 | passes without gain after which to stop |
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
            shuffle: true,
            seed: None,
        }
    }
}

/// A linear regression by stochastic gradient descent, for rows that come by the million or little by little.
///
/// The method is that of [`SgdClassifier`]. Steps are taken for the target in units of its spread around its mean (those of
/// the first rows), so `epsilon` and the tolerance are in those units. Standardise features first. Row weights are not taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `loss` | `SquaredError` | `SquaredError`, `Huber`, `EpsilonInsensitive`, `SquaredEpsilonInsensitive` | what is made small |
/// | `epsilon` | 0.1 | >= 0 | the size of a miss from which the loss changes |
/// | `alpha` | 1e-4 | 0 to 1e6 | strength of the penalties |
/// | `l1_ratio` | 0 | 0 to 1 | the share of the L1 penalty |
/// | `learning_rate` | `InvScaling` | `Optimal`, `InvScaling`, `Constant` | how long the steps are |
/// | `eta0` | 0.01 | > 0 | the length of the first step, but for `Optimal` |
/// | `power_t` | 0.25 | 0 to 10 | how fast steps grow shorter with `InvScaling` |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 1000 | >= 1 | the most passes over the rows |
/// | `tolerance` | 1e-3 | | the gain of the mean loss below which to stop; negative: never |
/// | `n_iter_no_change` | 5 | >= 1 | passes without gain after which to stop |
/// | `shuffle` | true | | whether each pass takes the rows in a new order |
/// | `seed` | from the context | | of the order of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::SgdRegressor;
///
/// let x = Matrix::from(array![[-1.0], [-0.5], [0.5], [1.0]]);
/// let model = SgdRegressor::new().tolerance(1e-9).fit(&x, &Values::from(vec![1.0, 2.0, 4.0, 5.0]))?;
/// assert!((model.model().coefficients()[0] - 2.0).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdRegressor {
    loss: ValueLoss,
    epsilon: f64,
    alpha: f64,
    l1_ratio: f64,
    learning_rate: LearningRate,
    eta0: f64,
    power_t: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    n_iter_no_change: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for SgdRegressor {
    fn default() -> Self {
        SgdRegressor {
            loss: ValueLoss::SquaredError,
            epsilon: 0.1,
            alpha: 1e-4,
            l1_ratio: 0.0,
            learning_rate: LearningRate::InvScaling,
            eta0: 0.01,
            power_t: 0.25,
            fit_intercept: true,
            max_iter: 1000,
            tolerance: 1e-3,
            n_iter_no_change: 5,
            shuffle: true,
            seed: None,
        }
    }
}

common_builders!(SgdClassifier);
common_builders!(Perceptron);
common_builders!(PassiveAggressive);
common_builders!(SgdRegressor);
descent_builders!(SgdClassifier, ClassLoss);
descent_builders!(SgdRegressor, ValueLoss);

impl SgdClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, L1_RATIO, ETA0, POWER_T, MAX_ITER, TOLERANCE, N_ITER];
}

impl Perceptron {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MAX_ITER, TOLERANCE, N_ITER];

    fn plan(&self) -> Result<Plan> {
        self.passes().check()?;
        let (rate, eta0, power_t) = (LearningRate::Constant, 1.0, 0.0);
        let rule = Rule::Gradient { l1: 0.0, l2: 0.0, rate, eta0, power_t };
        Ok(Plan { rule, passes: self.passes(), seed: self.seed })
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
        Ok(Plan { rule, passes: self.passes(), seed: self.seed })
    }
}

impl SgdRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] =
        &[EPSILON, ALPHA, L1_RATIO, ETA0, POWER_T, MAX_ITER, TOLERANCE, N_ITER];

    /// Sets the size of a miss from which the loss changes.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    fn loss_of(&self) -> Result<Loss> {
        EPSILON.check(self.epsilon)?;
        Ok(match self.loss {
            ValueLoss::SquaredError => Loss::Squared,
            ValueLoss::Huber => Loss::Huber(self.epsilon),
            ValueLoss::EpsilonInsensitive => Loss::EpsilonInsensitive(self.epsilon),
            ValueLoss::SquaredEpsilonInsensitive => Loss::SquaredEpsilonInsensitive(self.epsilon),
        })
    }
}

/// A linear classifier that can go on learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ClassifierParts")]
pub struct SgdClassifierModel {
    linear: LinearClassifierModel,
    states: Vec<Descent>,
}

#[derive(Deserialize)]
struct ClassifierParts {
    linear: LinearClassifierModel,
    states: Vec<Descent>,
}

impl TryFrom<ClassifierParts> for SgdClassifierModel {
    type Error = Error;

    fn try_from(parts: ClassifierParts) -> Result<Self> {
        let (linear, states) = (parts.linear, parts.states);
        let n = linear.features().len();
        let fits = |state: &Descent| state.n_features() == n && state.is_sound();
        if states.len() != linear.intercepts().len() || !states.iter().all(fits) {
            return Err(Error::corrupt("the linear classifier is damaged: it cannot go on learning"));
        }
        Ok(SgdClassifierModel { linear, states })
    }
}

impl SgdClassifierModel {
    /// The coefficients, and how the passes ended.
    pub fn model(&self) -> &LinearClassifierModel {
        &self.linear
    }

    /// The scores of each row; see [`LinearClassifierModel::decision_function`].
    ///
    /// # Errors
    /// As for [`LinearClassifierModel::decision_function`].
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        self.linear.decision_function(x)
    }
}

impl Predictor for SgdClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        self.linear.predict(x)
    }
}

/// Passes for each score, from the given states; all classes of the target count as present where there are states.
fn learn_classes(
    plan: &Plan,
    loss: Loss,
    present: Vec<u32>,
    mut states: Vec<Descent>,
    x: &Matrix,
    train: &Train<'_, Matrix, Classes>,
) -> Result<SgdClassifierModel> {
    let scored = if present.len() == 2 { &present[1..] } else { &present[..] };
    let codes = train.y.codes();
    let mut all = Search { n_iterations: 0, gap: 0.0, converged: true };
    for (state, &class) in states.iter_mut().zip(scored) {
        let target = |row: usize| if codes[row] == class { 1.0 } else { -1.0 };
        let seed = train.ctx.seed(plan.seed);
        let search = state.learn(x, target, (loss, plan.rule), &plan.passes, seed, &train.ctx)?;
        all.n_iterations = all.n_iterations.max(search.n_iterations);
        all.gap = all.gap.max(search.gap);
        all.converged &= search.converged;
    }
    let vectors = states.iter().map(Descent::answer).collect();
    let linear = LinearClassifierModel::new(x.features(), train.y, present, vectors, all)?;
    Ok(SgdClassifierModel { linear, states })
}

fn fit_classes(plan: &Plan, loss: Loss, train: &Train<'_, Matrix, Classes>) -> Result<SgdClassifierModel> {
    let present = two_or_more(train.y, None)?;
    let n_scores = if present.len() == 2 { 1 } else { present.len() };
    let states = vec![Descent::new(train.x.n_cols()); n_scores];
    learn_classes(plan, loss, present, states, train.x, train)
}

/// One pass over further rows.
fn go_on(
    plan: &Plan,
    loss: Loss,
    model: SgdClassifierModel,
    train: &Train<'_, Matrix, Classes>,
) -> Result<SgdClassifierModel> {
    if train.y.names() != model.linear.class_names() {
        return Err(Error::malformed(
            "the classes of these rows are not those of the model; give each batch the whole list of names (`Classes::new`)",
        ));
    }
    let present = model.linear.present().to_vec();
    if let Some(&code) = train.y.codes().iter().find(|code| !present.contains(code)) {
        return Err(Error::malformed(format!(
            "the class `{}` had no rows when the model was fitted first, so it has no score; fit again with rows of it",
            train.y.names()[code as usize]
        )));
    }
    let x = model.linear.features().align(train.x)?;
    let passes = Passes { max_iter: 1, tolerance: -1.0, ..plan.passes };
    let plan = Plan { passes, ..plan.clone() };
    learn_classes(&plan, loss, present, model.states, &x, train)
}

macro_rules! classifier {
    ($name:ident, $loss:expr) => {
        impl Estimator for $name {
            type Input = Matrix;
            type Target = Classes;
            type Model = SgdClassifierModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SgdClassifierModel> {
                let loss: fn(&$name) -> Loss = $loss;
                fit_classes(&self.plan()?, loss(self), train)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().sparse()
            }
        }

        impl PartialFit for $name {
            fn partial_fit_on(
                &self,
                model: SgdClassifierModel,
                train: &Train<'_, Matrix, Classes>,
            ) -> Result<SgdClassifierModel> {
                let loss: fn(&$name) -> Loss = $loss;
                go_on(&self.plan()?, loss(self), model, train)
            }
        }
    };
}

classifier!(SgdClassifier, |settings| match settings.loss {
    ClassLoss::Hinge => Loss::Hinge,
    ClassLoss::LogLoss => Loss::Log,
    ClassLoss::SquaredHinge => Loss::SquaredHinge,
    ClassLoss::ModifiedHuber => Loss::ModifiedHuber,
});
classifier!(Perceptron, |_| Loss::Perceptron);
classifier!(PassiveAggressive, |_| Loss::Hinge);

/// A linear regression that can go on learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RegressorParts")]
pub struct SgdRegressorModel {
    linear: IterativeLinearModel,
    state: Descent,
    centre: f64,
    scale: f64,
}

#[derive(Deserialize)]
struct RegressorParts {
    linear: IterativeLinearModel,
    state: Descent,
    centre: f64,
    scale: f64,
}

impl TryFrom<RegressorParts> for SgdRegressorModel {
    type Error = Error;

    fn try_from(parts: RegressorParts) -> Result<Self> {
        let RegressorParts { linear, state, centre, scale } = parts;
        let sound = state.is_sound() && state.n_features() == linear.features().len();
        if !(sound && centre.is_finite() && scale > 0.0 && scale.is_finite()) {
            return Err(Error::corrupt("the linear regression is damaged: it cannot go on learning"));
        }
        Ok(SgdRegressorModel { linear, state, centre, scale })
    }
}

impl SgdRegressorModel {
    /// The coefficients, and how the passes ended.
    pub fn model(&self) -> &IterativeLinearModel {
        &self.linear
    }
}

impl Predictor for SgdRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.linear.predict(x)
    }
}

impl SgdRegressor {
    fn learn(
        &self,
        passes: &Passes,
        mut state: Descent,
        (centre, scale): (f64, f64),
        x: &Matrix,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<SgdRegressorModel> {
        let plan = self.plan()?;
        let y = train.y.as_slice();
        let target = |row: usize| (y[row] - centre) / scale;
        let seed = train.ctx.seed(plan.seed);
        let search = state.learn(x, target, (self.loss_of()?, plan.rule), passes, seed, &train.ctx)?;
        let (mut coefficients, intercept) = state.answer();
        coefficients.iter_mut().for_each(|weight| *weight *= scale);
        let linear =
            IterativeLinearModel::new(x.features(), coefficients, intercept * scale + centre, search)?;
        Ok(SgdRegressorModel { linear, state, centre, scale })
    }
}

impl Estimator for SgdRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = SgdRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SgdRegressorModel> {
        let target = Scaled::new(train.y.as_slice(), None, self.fit_intercept);
        let units = (target.centre, target.scale);
        let plan = self.plan()?;
        self.learn(&plan.passes, Descent::new(train.x.n_cols()), units, train.x, train)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

impl PartialFit for SgdRegressor {
    fn partial_fit_on(
        &self,
        model: SgdRegressorModel,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<SgdRegressorModel> {
        let x = model.linear.features().align(train.x)?.into_owned();
        let passes = Passes { max_iter: 1, tolerance: -1.0, ..self.plan()?.passes };
        self.learn(&passes, model.state, (model.centre, model.scale), &x, train)
    }
}
