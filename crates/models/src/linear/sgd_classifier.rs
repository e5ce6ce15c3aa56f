//! Linear classification by stochastic gradient descent, which can go on learning from further rows.

use std::borrow::Cow;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Matrix, Param, PartialFit, Predictor, Probabilities, Result,
    Train,
};
use serde::{Deserialize, Serialize};

use super::LinearClassifierModel;
use super::descent::{Descent, LearningRate, Loss, Passes, Rule};
use super::iterative::Search;
use super::sgd::{
    ALPHA, ETA0, L1_RATIO, MAX_ITER, N_ITER, POWER_T, Plan, TOLERANCE, class_weight_builder, common_builders,
    descent_builders, given_unit, in_units,
};
use crate::classes::{ClassWeight, check_further, two_or_more};
use crate::rows::tame_by;

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

/// A linear classifier by stochastic gradient descent, for rows that come by the million or little by little.
///
/// Each step looks at one row (Bottou, 2010); the L2 penalty is one factor of all coefficients, the L1 penalty is paid when
/// a coefficient is next used (Tsuruoka, Tsujii and Ananiadou, 2009). More than two classes have one score each, against the
/// others. It goes on with [`PartialFit`]. Standardise features first.
///
/// With `LogLoss` and `ModifiedHuber` scores become probabilities (Zhang, 2004; those of several classes are divided by their
/// sum); with the other losses asking for them is an error.
///
/// A row of weight 2, in units of the mean weight of the first rows, makes a step twice as long: the problem is that of two such
/// rows, and steps come near its answer, but not by the same way. [`ClassWeight`] works in the same manner; in further rows
/// balanced classes are those of these rows.
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
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
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
    class_weight: ClassWeight,
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
            class_weight: ClassWeight::None,
            shuffle: true,
            seed: None,
        }
    }
}

common_builders!(SgdClassifier);
class_weight_builder!(SgdClassifier);
descent_builders!(SgdClassifier, ClassLoss);

impl SgdClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, L1_RATIO, ETA0, POWER_T, MAX_ITER, TOLERANCE, N_ITER];
}

/// A linear classifier that can go on learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ClassifierParts")]
pub struct SgdClassifierModel {
    linear: LinearClassifierModel,
    states: Vec<Descent>,
    /// The mean weight of the rows of the first fit, where these had weights.
    unit: Option<f64>,
    link: Option<Link>,
}

/// How a score becomes the probability of its class against the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Link {
    Logistic,
    /// In a straight line from -1 to 1.
    Straight,
}

impl Link {
    fn of(loss: Loss) -> Option<Link> {
        match loss {
            Loss::Log => Some(Link::Logistic),
            Loss::ModifiedHuber => Some(Link::Straight),
            _ => None,
        }
    }

    /// The probability of the class of a score, and that of the others.
    fn of_score(self, score: f64) -> [f64; 2] {
        match self {
            Link::Logistic => {
                // The smaller side first, so that it keeps its digits.
                let odds = (-score.abs()).exp();
                let (small, large) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
                if score > 0.0 { [large, small] } else { [small, large] }
            }
            Link::Straight => [score, -score].map(|score| (1.0 + score.clamp(-1.0, 1.0)) / 2.0),
        }
    }
}

#[derive(Deserialize)]
struct ClassifierParts {
    linear: LinearClassifierModel,
    states: Vec<Descent>,
    unit: Option<f64>,
    link: Option<Link>,
}

impl TryFrom<ClassifierParts> for SgdClassifierModel {
    type Error = Error;

    fn try_from(parts: ClassifierParts) -> Result<Self> {
        let ClassifierParts { linear, states, unit, link } = parts;
        let n = linear.features().len();
        let fits = |state: &Descent| state.n_features() == n && state.is_sound();
        let known = unit.is_none_or(|unit| unit > 0.0 && unit.is_finite());
        if states.len() != linear.intercepts().len() || !states.iter().all(fits) || !known {
            return Err(Error::corrupt("the linear classifier is damaged: it cannot go on learning"));
        }
        Ok(SgdClassifierModel { linear, states, unit, link })
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

    /// The probability of each class for each row; classes without rows have 0. With `ModifiedHuber` several classes may be as
    /// probable, as scores beyond -1 and 1 are alike; the largest score says which is predicted.
    /// As not every loss has them, the model is no [`Classifier`](perennial_core::Classifier): calibrate it where one is asked for.
    ///
    /// # Errors
    /// As for [`decision_function`](SgdClassifierModel::decision_function), and where the loss gives no probabilities.
    pub fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let Some(link) = self.link else {
            return Err(Error::unsupported(
                "the scores of this loss are no probabilities: choose `LogLoss` or `ModifiedHuber`, or calibrate the classifier",
            ));
        };
        let scores = self.decision_function(x)?;
        let (present, names) = (self.linear.present(), self.linear.class_names());
        let mut shares = Array2::zeros((scores.nrows(), names.len()));
        for (mut shares, scores) in shares.rows_mut().into_iter().zip(scores.rows()) {
            if let (&[first, second], Some(&score)) = (present, scores.first()) {
                [shares[second as usize], shares[first as usize]] = link.of_score(score);
                continue;
            }
            let of_classes = scores.iter().map(|&score| link.of_score(score)[0]);
            let sum: f64 = of_classes.clone().sum();
            for (&class, share) in present.iter().zip(of_classes) {
                // No class may be likely: then all are alike.
                shares[class as usize] = if sum > 0.0 { share / sum } else { 1.0 / present.len() as f64 };
            }
        }
        Probabilities::new(shares, names.to_vec())
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
    (mut states, unit): (Vec<Descent>, Option<f64>),
    weights: Option<Cow<'_, [f64]>>,
    x: &Matrix,
    train: &Train<'_, Matrix, Classes>,
) -> Result<SgdClassifierModel> {
    let scored = if present.len() == 2 { &present[1..] } else { &present[..] };
    let codes = train.y.codes();
    let weighted = weights.is_some();
    let (weights, own) = in_units(weights, unit, codes.len());
    let unit = unit.or(weighted.then_some(own));
    let weights = weights.as_deref();
    let mut all = Search { n_iterations: 0, gap: 0.0, converged: true };
    for (state, &class) in states.iter_mut().zip(scored) {
        let target = |row: usize| if codes[row] == class { 1.0 } else { -1.0 };
        let seed = train.ctx.seed(plan.seed);
        let search = state.learn(x, (target, weights), (loss, plan.rule), &plan.passes, seed, &train.ctx)?;
        all.n_iterations = all.n_iterations.max(search.n_iterations);
        all.gap = all.gap.max(search.gap);
        all.converged &= search.converged;
    }
    let vectors = states.iter().map(Descent::answer).collect();
    let linear = LinearClassifierModel::new(x.features(), train.y, present, vectors, all)?;
    Ok(SgdClassifierModel { linear, states, unit, link: Link::of(loss) })
}

pub(super) fn fit_classes(
    plan: &Plan,
    loss: Loss,
    train: &Train<'_, Matrix, Classes>,
) -> Result<SgdClassifierModel> {
    let (weights, by) = tame_by(train.weights);
    let weights = plan.class_weight.apply(train.y, weights)?;
    let present = two_or_more(train.y, weights.as_deref())?;
    let n_scores = if present.len() == 2 { 1 } else { present.len() };
    let states = vec![Descent::new(train.x.n_cols()); n_scores];
    let mut model = learn_classes(plan, loss, present, (states, None), weights, train.x, train)?;
    model.unit = model.unit.map(|unit| given_unit(unit, by));
    Ok(model)
}

/// One pass over further rows.
pub(super) fn go_on(
    plan: &Plan,
    loss: Loss,
    model: SgdClassifierModel,
    train: &Train<'_, Matrix, Classes>,
) -> Result<SgdClassifierModel> {
    let present = model.linear.present().to_vec();
    check_further(train.y, model.linear.class_names(), &present)?;
    let x = model.linear.features().align(train.x)?;
    let passes = Passes { max_iter: 1, tolerance: -1.0, ..plan.passes };
    let plan = Plan { passes, ..plan.clone() };
    // As they were given: their unit is known.
    let weights = plan.class_weight.apply(train.y, train.weights.map(Cow::Borrowed))?;
    let unit = model.unit.or(Some(1.0));
    learn_classes(&plan, loss, present, (model.states, unit), weights, &x, train)
}

/// All that learn such a model differ by their plan and their loss.
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
                Capabilities::new().weights().sparse()
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
pub(super) use classifier;

classifier!(SgdClassifier, |settings| match settings.loss {
    ClassLoss::Hinge => Loss::Hinge,
    ClassLoss::LogLoss => Loss::Log,
    ClassLoss::SquaredHinge => Loss::SquaredHinge,
    ClassLoss::ModifiedHuber => Loss::ModifiedHuber,
});
