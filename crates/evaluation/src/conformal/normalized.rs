//! Split conformal regression with intervals that are wide where errors are.

use perennial_core::{
    Capabilities, Error, Estimator, Param, Predictor, Result, ResultExt, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, nine_of_ten};
use super::split::{RegressionScore, only, weights_of};
use crate::cross_fit::{accepted, part, rounds, with_weight};
use crate::{CrossFit, Holdout, Splitter};

/// A regressor with intervals as wide as the errors that a second regressor expects (residual-normalised scores:
/// Papadopoulos, Vovk and Gammerman, 2011).
///
/// The second one learns the logarithm of the absolute errors that models of five folds make on training rows that
/// they have not seen.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals hold |
/// | `splitter` | [`Holdout::new(0.25)`](Holdout) | one split | which rows are held out |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Mean;
/// # struct MeanModel(f64);
/// # impl Estimator for Mean {
/// #     type Input = Matrix; type Target = Values; type Model = MeanModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
/// #         let y = train.y.as_slice(); Ok(MeanModel(y.iter().sum::<f64>() / y.len() as f64)) }
/// # }
/// # impl Predictor for MeanModel {
/// #     type Input = Matrix; type Output = Values;
/// #     fn predict(&self, x: &Matrix) -> Result<Values> { Ok(vec![self.0; x.n_rows()].into()) }
/// # }
/// use perennial_evaluation::conformal::{IntervalPredictor, NormalizedConformalRegressor};
///
/// // `Mean` predicts the mean of what it learns: here errors are expected to be as large everywhere.
/// let x = Matrix::from(Array2::zeros((200, 1)));
/// let y: Values = (0..200).map(|row| f64::from(row * 37 % 101)).collect();
/// let model = NormalizedConformalRegressor::new(Mean, Mean).level(0.8).fit(&x, &y)?;
/// let intervals = model.predict_interval(&x)?;
/// assert!((intervals.high[0] - intervals.low[0] - 80.0).abs() < 15.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizedConformalRegressor<E, R, S = Holdout> {
    estimator: E,
    residual_estimator: R,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    splitter: S,
}

impl<E, R> NormalizedConformalRegressor<E, R> {
    /// Around a regressor, with another one for the logarithm of its absolute errors.
    pub fn new(estimator: E, residual_estimator: R) -> Self {
        let splitter = Holdout::default();
        NormalizedConformalRegressor { estimator, residual_estimator, level: nine_of_ten(), splitter }
    }
}

impl<E, R, S> NormalizedConformalRegressor<E, R, S> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[LEVEL];

    /// Sets the share of the rows whose truth intervals hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets which rows are held out.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> NormalizedConformalRegressor<E, R, T> {
        let NormalizedConformalRegressor { estimator, residual_estimator, level, .. } = self;
        NormalizedConformalRegressor { estimator, residual_estimator, level, splitter }
    }
}

/// The logarithm of an error, kept from being infinite where the error is 0.
const LEAST: f64 = 1e-8;

impl<E, R, S> Estimator for NormalizedConformalRegressor<E, R, S>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
    R: Estimator<Input = E::Input, Target = Values>,
    R::Model: Predictor<Input = E::Input, Output = Values>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Values;
    type Model = NormalizedConformalModel<E::Model, R::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        with_weight(train, |train| {
            let parts = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let residual_model = part(train, &split.train, |own| self.fit_residuals(own))
                    .context("the regressor of the errors")?;
                let y = train.y.take(&split.test)?;
                let sizes = sizes(&residual_model, x)?;
                let errors = RegressionScore::Absolute.scores(&y, &model.predict(x)?)?;
                let scores = errors.into_iter().zip(sizes).map(|(error, size)| error / size).collect();
                let weights = weights_of(train, &split.test)?;
                let scores = Scores::weighted(scores, weights.as_deref()).context("calibration")?;
                scores.quantile(self.level)?;
                Ok(NormalizedConformalModel { model, residual_model, level: self.level, scores })
            })?;
            only(parts)
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities().and(self.residual_estimator.capabilities()))
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("NormalizedConformalRegressor({})", self.estimator.steps().join(" -> "))]
    }
}

impl<E, R, S> NormalizedConformalRegressor<E, R, S>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
    R: Estimator<Input = E::Input, Target = Values>,
{
    /// Learns the errors that models make on rows that they have not seen.
    fn fit_residuals(&self, train: &Train<'_, E::Input, Values>) -> Result<R::Model> {
        let train = train.clone().context(train.ctx.child("errors"));
        let parts = rounds(&self.estimator, &train, &CrossFit::default(), None, |split, model, x| {
            let y = train.y.take(&split.test)?;
            Ok((split.test.clone(), RegressionScore::Absolute.scores(&y, &model.predict(x)?)?))
        })?;
        let mut errors = vec![0.0; train.y.n_rows()];
        for (rows, found) in parts {
            rows.into_iter().zip(found).for_each(|(row, error)| errors[row] = error);
        }
        let largest = errors.iter().copied().fold(0.0, f64::max);
        if !largest.is_finite() {
            return Err(Error::overflow("an error leaves the range of f64; scale the target"));
        }
        let least = if largest > 0.0 { largest * LEAST } else { 1.0 };
        let logs: Values = errors.into_iter().map(|error| error.max(least).ln()).collect();
        let mut own = Train::new(train.x, &logs).context(train.ctx.child("fit"));
        own.weights = train.weights;
        own.fit(&self.residual_estimator)
    }
}

/// How large errors are expected to be.
fn sizes<R: Predictor<Output = Values>>(model: &R, x: &R::Input) -> Result<Vec<f64>> {
    let size = |(row, log): (usize, f64)| {
        let size = log.exp();
        match size.is_finite() && size > 0.0 {
            true => Ok(size),
            false => {
                Err(Error::overflow(format!("the error expected of row {row} is {size}; scale the target")))
            }
        }
    };
    model.predict(x)?.into_vec().into_iter().enumerate().map(size).collect()
}

/// A model, a model of its errors, and the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalizedConformalModel<M, R> {
    model: M,
    residual_model: R,
    level: f64,
    scores: Scores,
}

impl<M, R> NormalizedConformalModel<M, R> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model of the logarithm of the absolute errors.
    pub fn residual_model(&self) -> &R {
        &self.residual_model
    }
}

impl<M, R> Predictor for NormalizedConformalModel<M, R>
where
    M: Predictor<Output = Values>,
    R: Predictor<Input = M::Input, Output = Values>,
{
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        self.model.predict(x)
    }
}

impl<M, R> IntervalPredictor for NormalizedConformalModel<M, R>
where
    M: Predictor<Output = Values>,
    R: Predictor<Input = M::Input, Output = Values>,
{
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        let (points, sizes) = (self.model.predict(x)?, sizes(&self.residual_model, x)?);
        let reach = self.scores.quantile(self.level)?;
        Ok(PredictionIntervals::around(self.level, points.as_slice(), |row, point| {
            (point - reach * sizes[row], point + reach * sizes[row])
        }))
    }
}
