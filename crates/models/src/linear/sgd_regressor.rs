//! Linear regression by stochastic gradient descent, which can go on learning from further rows.

use std::borrow::Cow;

use perennial_core::{
    Capabilities, Error, Estimator, Matrix, Param, PartialFit, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::centred::Scaled;
use super::descent::{Descent, LearningRate, Loss, Passes, Rule};
use super::iterative::IterativeLinearModel;
use super::sgd::{
    ALPHA, ETA0, L1_RATIO, MAX_ITER, N_ITER, POWER_T, Plan, TOLERANCE, common_builders, descent_builders,
    given_unit, in_units,
};
use crate::classes::ClassWeight;
use crate::rows::tame_by;

const EPSILON: Param = Param::real("epsilon", "the size of a miss from which the loss changes").at_least(0.0);

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

/// A linear regression by stochastic gradient descent, for rows that come by the million or little by little.
///
/// The method is that of [`SgdClassifier`](super::SgdClassifier). Steps are taken for the target in units of its spread around its mean (those of
/// the first rows), so `epsilon` and the tolerance are in those units. Standardise features first. A row of weight 2 makes a step twice as long, as
/// there.
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

common_builders!(SgdRegressor);
descent_builders!(SgdRegressor, ValueLoss);

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

    fn weights_of_classes(&self) -> ClassWeight {
        ClassWeight::None
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

/// A linear regression that can go on learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RegressorParts")]
pub struct SgdRegressorModel {
    linear: IterativeLinearModel,
    state: Descent,
    centre: f64,
    scale: f64,
    /// The mean weight of the rows of the first fit, where these had weights.
    unit: Option<f64>,
}

#[derive(Deserialize)]
struct RegressorParts {
    linear: IterativeLinearModel,
    state: Descent,
    centre: f64,
    scale: f64,
    unit: Option<f64>,
}

impl TryFrom<RegressorParts> for SgdRegressorModel {
    type Error = Error;

    fn try_from(parts: RegressorParts) -> Result<Self> {
        let RegressorParts { linear, state, centre, scale, unit } = parts;
        let sound = state.is_sound() && state.n_features() == linear.features().len();
        let known = unit.is_none_or(|unit| unit > 0.0 && unit.is_finite());
        if !(sound && known && centre.is_finite() && scale > 0.0 && scale.is_finite()) {
            return Err(Error::corrupt("the linear regression is damaged: it cannot go on learning"));
        }
        Ok(SgdRegressorModel { linear, state, centre, scale, unit })
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
        (weights, unit): (Option<&[f64]>, Option<f64>),
        x: &Matrix,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<SgdRegressorModel> {
        let plan = self.plan()?;
        let y = train.y.as_slice();
        let target = |row: usize| (y[row] - centre) / scale;
        let seed = train.ctx.seed(plan.seed);
        let search =
            state.learn(x, (target, weights), (self.loss_of()?, plan.rule), passes, seed, &train.ctx)?;
        let (mut coefficients, intercept) = state.answer();
        coefficients.iter_mut().for_each(|weight| *weight *= scale);
        let linear =
            IterativeLinearModel::new(x.features(), coefficients, intercept * scale + centre, search)?;
        Ok(SgdRegressorModel { linear, state, centre, scale, unit })
    }
}

impl Estimator for SgdRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = SgdRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SgdRegressorModel> {
        let (weights, by) = tame_by(train.weights);
        let target = Scaled::new(train.y.as_slice(), weights.as_deref(), self.fit_intercept);
        let units = (target.centre, target.scale);
        let plan = self.plan()?;
        let weighted = weights.is_some();
        let (weights, unit) = in_units(weights, None, train.y.as_slice().len());
        let of_rows = (weights.as_deref(), weighted.then(|| given_unit(unit, by)));
        self.learn(&plan.passes, Descent::new(train.x.n_cols()), units, of_rows, train.x, train)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
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
        // As they were given: their unit is known.
        let unit = model.unit.or(Some(1.0));
        let (weights, _) = in_units(train.weights.map(Cow::Borrowed), unit, train.y.as_slice().len());
        let units = (model.centre, model.scale);
        self.learn(&passes, model.state, units, (weights.as_deref(), unit), &x, train)
    }
}
