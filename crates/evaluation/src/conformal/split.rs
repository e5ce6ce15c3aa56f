//! Split conformal regression.

use perennial_core::{
    Capabilities, Error, Estimator, Param, Predictor, Result, ResultExt, Rows, Train, Values, check_numbers,
    check_weights,
};
use serde::{Deserialize, Serialize};

use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, nine_of_ten};
use crate::cross_fit::{accepted, rounds, with_weight};
use crate::{Holdout, Splitter};

/// What is measured of a calibration row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionScore {
    /// The absolute error: intervals are as wide everywhere.
    #[default]
    Absolute,
    /// The absolute error as a share of the prediction, which must be above 0: wider where more is predicted.
    Gamma,
}

impl RegressionScore {
    /// How much one unit of the score is worth at a prediction.
    fn unit(self, row: usize, point: f64) -> Result<f64> {
        match self {
            RegressionScore::Absolute => Ok(1.0),
            RegressionScore::Gamma if point > 0.0 => Ok(point),
            RegressionScore::Gamma => Err(Error::unsupported(format!(
                "the gamma score needs predictions above 0, and that of row {row} is {point}; use the absolute score"
            ))),
        }
    }

    pub(super) fn scores(self, truth: &Values, points: &Values) -> Result<Vec<f64>> {
        check_numbers("the target", truth.as_slice())?;
        if truth.n_rows() != points.n_rows() {
            return Err(Error::length_mismatch("the target", points.n_rows(), truth.n_rows()));
        }
        let pairs = truth.as_slice().iter().zip(points.as_slice()).enumerate();
        pairs.map(|(row, (truth, point))| Ok((truth - point).abs() / self.unit(row, *point)?)).collect()
    }

    pub(super) fn intervals(self, level: f64, points: &Values, reach: f64) -> Result<PredictionIntervals> {
        let points = points.as_slice();
        let units: Vec<f64> =
            points.iter().enumerate().map(|(row, point)| self.unit(row, *point)).collect::<Result<_>>()?;
        Ok(PredictionIntervals::around(level, points, |row, point| {
            (point - reach * units[row], point + reach * units[row])
        }))
    }
}

/// A regressor with intervals: one part of the rows serves to learn, the other to measure errors (Papadopoulos and
/// others, 2002; Lei and others, 2018).
///
/// The truth of a new row is in its interval with a probability from `level` to `level + 1 / (n + 1)`, for `n` rows
/// held out. Weights of rows count on both sides: a row held out with a weight of 2 is what two rows are.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals hold |
/// | `score` | absolute | | what is measured of a row held out |
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
/// use perennial_evaluation::conformal::{Coverage, IntervalPredictor, SplitConformalRegressor};
/// use perennial_evaluation::Metric;
///
/// // `Mean` predicts the mean of the target; the target goes evenly from 0 to 100.
/// let x = Matrix::from(Array2::zeros((400, 1)));
/// let y: Values = (0..400).map(|row| f64::from(row * 37 % 101)).collect();
/// let model = SplitConformalRegressor::new(Mean).level(0.8).fit(&x, &y)?;
/// let intervals = model.predict_interval(&x)?;
/// assert!((Coverage.score(&y, &intervals)? - 0.8).abs() < 0.08);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConformalRegressor<E, S = Holdout> {
    estimator: E,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    score: RegressionScore,
    #[serde(default)]
    splitter: S,
}

impl<E> SplitConformalRegressor<E> {
    /// Around a regressor, with a quarter of the rows held out.
    pub fn new(estimator: E) -> Self {
        let (score, splitter) = (RegressionScore::default(), Holdout::default());
        SplitConformalRegressor { estimator, level: nine_of_ten(), score, splitter }
    }
}

impl<E, S> SplitConformalRegressor<E, S> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[LEVEL];

    /// Sets the share of the rows whose truth intervals hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets what is measured of a row held out.
    #[must_use]
    pub fn score(mut self, score: RegressionScore) -> Self {
        self.score = score;
        self
    }

    /// Sets which rows are held out.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> SplitConformalRegressor<E, T> {
        let SplitConformalRegressor { estimator, level, score, .. } = self;
        SplitConformalRegressor { estimator, level, score, splitter }
    }
}

/// The weights of some of the training rows.
pub(super) fn weights_of<X: ?Sized, Y: ?Sized>(
    train: &Train<'_, X, Y>,
    rows: &[usize],
) -> Result<Option<Vec<f64>>> {
    train.weights.map(|weights| weights.take(rows)).transpose()
}

/// The result of the one round of a splitter.
pub(super) fn only<T>(mut parts: Vec<T>) -> Result<T> {
    match (parts.pop(), parts.len()) {
        (Some(part), 0) => Ok(part),
        (_, more) => Err(Error::unsupported(format!(
            "the splitter gave {} splits where one part is to be held out; use `Holdout`, or the estimator that takes folds",
            more + 1
        ))),
    }
}

impl<E, S> Estimator for SplitConformalRegressor<E, S>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Values;
    type Model = SplitConformalModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        with_weight(train, |train| {
            let parts = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let (y, weights) = (train.y.take(&split.test)?, weights_of(train, &split.test)?);
                conformalize_weighted(model, self.score, self.level, x, &y, weights.as_deref())
            })?;
            only(parts)
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("SplitConformalRegressor({})", self.estimator.steps().join(" -> "))]
    }
}

/// Gives intervals to a model that is fitted already, by its errors on rows that it has not learned from.
///
/// # Errors
/// When the level is out of range, the model refuses the rows, or they are too few for the level: the message says how
/// many are needed.
pub fn conformalize<M: Predictor<Output = Values>>(
    model: M,
    score: RegressionScore,
    level: f64,
    x: &M::Input,
    y: &Values,
) -> Result<SplitConformalModel<M>> {
    conformalize_weighted(model, score, level, x, y, None)
}

/// As [`conformalize`], by rows that count as much as their weights say: a weight of 2 is what two rows are.
///
/// # Errors
/// As [`conformalize`], or when a weight is not acceptable.
pub fn conformalize_weighted<M: Predictor<Output = Values>>(
    model: M,
    score: RegressionScore,
    level: f64,
    x: &M::Input,
    y: &Values,
    weights: Option<&[f64]>,
) -> Result<SplitConformalModel<M>> {
    weights.map_or(Ok(()), |weights| check_weights(weights, y.n_rows()))?;
    let scores = Scores::weighted(score.scores(y, &model.predict(x)?)?, weights).context("calibration")?;
    scores.quantile(level)?;
    Ok(SplitConformalModel { model, score, level, scores })
}

/// A model with the errors of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitConformalModel<M> {
    model: M,
    score: RegressionScore,
    level: f64,
    scores: Scores,
}

impl<M> SplitConformalModel<M> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The scores of the rows held out, the smallest first.
    pub fn scores(&self) -> &[f64] {
        self.scores.as_slice()
    }

    /// The same model with intervals of another level.
    ///
    /// # Errors
    /// When the level is out of range, or there are too few calibration rows for it.
    pub fn at_level(mut self, level: f64) -> Result<Self> {
        self.scores.quantile(level)?;
        self.level = level;
        Ok(self)
    }
}

impl<M: Predictor<Output = Values>> Predictor for SplitConformalModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        self.model.predict(x)
    }
}

impl<M: Predictor<Output = Values>> IntervalPredictor for SplitConformalModel<M> {
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        self.score.intervals(self.level, &self.model.predict(x)?, self.scores.quantile(self.level)?)
    }
}
