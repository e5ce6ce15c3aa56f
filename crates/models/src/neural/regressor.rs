//! Regression by a network.

use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, PartialFit, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::data::Truth;
use super::history::Epoch;
use super::layer::Layer;
use super::optimizer::{Optimizer, Schedule};
use super::settings::{Settings, builders};
use super::training::{Fitted, Task};
use crate::rows::{power_of_two, tame_by};

/// A network of layers that ends in a number, by half the squared error.
///
/// The target is brought to mean 0 and deviation 1 inside. The settings are those of
/// [`MlpClassifier`](super::MlpClassifier), but for `class_weight`.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::neural::{Activation, Layer, MlpRegressor};
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 20.0));
/// let y: Values = (0..200).map(|i| (f64::from(i) / 20.0).sin()).collect();
/// let layers = [Layer::dense(32).activation(Activation::Tanh), Layer::dense(32).activation(Activation::Tanh)];
/// let model = MlpRegressor::new().layers(layers).batch_size(20).learning_rate(0.01).fit(&x, &y)?;
/// let worst = model.predict(&x)?.as_slice().iter().zip(y.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
/// assert!(worst < 0.3, "{worst}");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpRegressor {
    settings: Settings,
}

builders!(MlpRegressor);

/// A fitted [`MlpRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MlpRegressorModel {
    mean: f64,
    deviation: f64,
    fitted: Fitted,
}

#[derive(Deserialize)]
struct Parts {
    mean: f64,
    deviation: f64,
    fitted: Fitted,
}

impl TryFrom<Parts> for MlpRegressorModel {
    type Error = Error;

    fn try_from(Parts { mean, deviation, fitted }: Parts) -> Result<Self> {
        if !(mean.is_finite() && deviation > 0.0 && deviation.is_finite()) || fitted.n_out() != 1 {
            return Err(Error::corrupt("the network does not answer with one number"));
        }
        Ok(MlpRegressorModel { mean, deviation, fitted })
    }
}

/// The weighted mean and deviation of the target; a deviation of 1 where it is constant.
fn moments(y: &[f64], weights: Option<&[f64]>) -> (f64, f64) {
    let unit = power_of_two(y.iter().fold(0.0, |most, value| f64::max(most, value.abs())));
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..y.len()).map(weight).sum();
    let mean_of = |f: &dyn Fn(f64) -> f64| {
        (0..y.len())
            .map(|row| if weight(row) > 0.0 { weight(row) / total * f(y[row] / unit) } else { 0.0 })
            .sum::<f64>()
    };
    let first = (0..y.len()).find(|&row| weight(row) > 0.0).map_or(0.0, |row| y[row]);
    let constant = (0..y.len()).all(|row| weight(row) == 0.0 || y[row] == first);
    if constant {
        return (first, 1.0);
    }
    let mean = mean_of(&|value| value);
    let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt() * unit;
    (mean * unit, if deviation > 0.0 { deviation } else { 1.0 })
}

/// The target in standard units.
fn standard(y: &Values, mean: f64, deviation: f64) -> Truth {
    let number = |value: &f64| ((value - mean) / deviation).clamp(-1e6, 1e6) as f32;
    Truth::Values(y.as_slice().iter().map(number).collect())
}

impl PartialFit for MlpRegressor {
    fn partial_fit_on(
        &self,
        model: MlpRegressorModel,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<MlpRegressorModel> {
        let MlpRegressorModel { mean, deviation, fitted } = model;
        let (weights, by) = tame_by(train.weights);
        let x = fitted.features.align(train.x)?.into_owned();
        let task = Task {
            settings: &self.settings,
            x: &x,
            truth: &standard(train.y, mean, deviation),
            weights: weights.as_deref(),
            divided_by: by,
            validation: None,
            validation_weights: None,
            n_out: 1,
            flat: true,
            ctx: &train.ctx,
        };
        Ok(MlpRegressorModel { mean, deviation, fitted: task.go_on(fitted)? })
    }
}

impl Estimator for MlpRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = MlpRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MlpRegressorModel> {
        self.settings.check()?;
        let (weights, by) = tame_by(train.weights);
        let (mean, deviation) = moments(train.y.as_slice(), weights.as_deref());
        let truth = standard(train.y, mean, deviation);
        let watched = train.validation.map(|(_, y)| standard(y, mean, deviation));
        let task = Task {
            settings: &self.settings,
            x: train.x,
            truth: &truth,
            weights: weights.as_deref(),
            divided_by: by,
            validation: train.validation.map(|(x, _)| x).zip(watched.as_ref()),
            validation_weights: train.validation_weights,
            n_out: 1,
            // Before anything is learned the best answer is the mean.
            flat: true,
            ctx: &train.ctx,
        };
        Ok(MlpRegressorModel { mean, deviation, fitted: task.learn()? })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().categorical().validation()
    }
}

impl MlpRegressorModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.fitted.features
    }

    /// The layers before the last.
    pub fn layers(&self) -> &[Layer] {
        self.fitted.layers()
    }

    /// How many numbers were learned.
    pub fn n_parameters(&self) -> usize {
        self.fitted.n_parameters()
    }

    /// What each pass over the rows came to; the losses are those of the target in standard units.
    pub fn history(&self) -> &[Epoch] {
        &self.fitted.history
    }

    /// Whether learning ended because the loss no longer fell, and not at `max_iter`. If not, take more passes, a larger learning
    /// rate or a larger tolerance.
    pub fn converged(&self) -> bool {
        self.fitted.converged
    }

    /// How far learning was from its end, in the measure of its tolerance: by how much one of the last `n_iter_no_change` passes lowered
    /// the loss that decides (that of the rows that are watched, where there are any), at most. At most `tolerance` where it converged;
    /// of the first fit, whatever came later.
    pub fn gap(&self) -> f64 {
        self.fitted.gap
    }
}

impl Predictor for MlpRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.fitted.features.align(x)?;
        x.check_finite(false)?;
        let answers: Values = self
            .fitted
            .answer(&x)?
            .iter()
            .map(|answer| self.mean + self.deviation * f64::from(*answer))
            .collect();
        match answers.as_slice().iter().position(|answer| !answer.is_finite()) {
            None => Ok(answers),
            Some(row) => Err(Error::overflow(format!(
                "the answer for row {row} left the range of numbers; its values are far from all rows of training"
            ))),
        }
    }
}
