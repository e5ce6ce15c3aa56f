//! Conformal regression with folds: CV+, the jackknife+, and after a bootstrap.

use perennial_core::{Capabilities, Error, Estimator, Param, Predictor, Result, Rows, Train, Values};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::held_out::{Pattern, check_models, mean_of, patterns, upper_end};
use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, check_enough, nine_of_ten, units};
use super::split::RegressionScore;
use crate::cross_fit::{accepted, fit_whole, rounds, with_weight};
use crate::{CrossFit, Splitter};

/// How the models of the folds make an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossMethod {
    /// The model of all rows, as wide as the errors of the folds: no promise where models change with the rows.
    Base,
    /// What each fold's model answers, less and more by each of its errors: at least `1 - 2 (1 - level)` is
    /// promised, and `level` is what is seen (Barber and others, 2021).
    #[default]
    Plus,
    /// From the least answer of a fold to the largest, widened by the errors: at least `level` is promised, and
    /// more is held.
    Minmax,
}

/// A regressor with intervals that uses every row to learn and to measure errors: CV+, with as many folds as rows the
/// jackknife+ (Barber, Candès, Ramdas and Tibshirani, 2021), and with a [`Bootstrap`](crate::split::Bootstrap) the
/// jackknife+ after bootstrap (Kim, Xu and Barber, 2020).
///
/// A row that several models have not learned from is answered by their mean; one that all have learned from has no error
/// and does not count.
///
/// Answers are those of a model of all rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals should hold |
/// | `method` | plus | | how the models of the folds make an interval |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | | which rows are held out together |
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
/// use perennial_evaluation::CrossFit;
/// use perennial_evaluation::conformal::{CrossConformalRegressor, IntervalPredictor};
///
/// // `Mean` predicts the mean of the target. With as many folds as rows it is the jackknife+.
/// let x = Matrix::from(Array2::zeros((50, 1)));
/// let y: Values = (0..50).map(f64::from).collect();
/// let model = CrossConformalRegressor::new(Mean).level(0.8).splitter(CrossFit::new(50)).fit(&x, &y)?;
/// let intervals = model.predict_interval(&x)?;
/// assert!((intervals.low[0] - 4.0).abs() < 2.0 && (intervals.high[0] - 45.0).abs() < 2.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossConformalRegressor<E, S = CrossFit> {
    estimator: E,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    method: CrossMethod,
    #[serde(default)]
    splitter: S,
}

impl<E> CrossConformalRegressor<E> {
    /// Around a regressor, with five folds.
    pub fn new(estimator: E) -> Self {
        let (method, splitter) = (CrossMethod::default(), CrossFit::default());
        CrossConformalRegressor { estimator, level: nine_of_ten(), method, splitter }
    }
}

impl<E, S> CrossConformalRegressor<E, S> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[LEVEL];

    /// Sets the share of the rows whose truth intervals should hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets how the models of the folds make an interval.
    #[must_use]
    pub fn method(mut self, method: CrossMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets which rows are held out together.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> CrossConformalRegressor<E, T> {
        let CrossConformalRegressor { estimator, level, method, .. } = self;
        CrossConformalRegressor { estimator, level, method, splitter }
    }
}

impl<E, S> Estimator for CrossConformalRegressor<E, S>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Values;
    type Model = CrossConformalModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        with_weight(train, |train| {
            let fitted = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let said = model.predict(x)?.as_slice().iter().map(|answer| [*answer]).collect();
                Ok((model, (split.test.clone(), said)))
            })?;
            let (models, parts): (Vec<E::Model>, Vec<_>) = fitted.into_iter().unzip();
            let weights = units(train.weights);
            let held_out =
                patterns(train.y.n_rows(), &parts).into_iter().map(|Pattern { models, rows, said }| {
                    let said = said.into_iter().map(|[answer]| answer).collect();
                    let errors = RegressionScore::Absolute.scores(&train.y.take(&rows)?, &said)?;
                    let weights = weights.as_ref().map(|weights| weights.take(&rows)).transpose()?;
                    Ok(HeldOut { errors: Scores::counted(errors, weights.as_deref())?, models })
                });
            let held_out: Vec<HeldOut> = held_out.collect::<Result<_>>()?;
            check_enough(total(&held_out), self.level)?;
            let model = fit_whole(&self.estimator, train)?;
            Ok(CrossConformalModel { model, level: self.level, method: self.method, models, held_out })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("CrossConformalRegressor({})", self.estimator.steps().join(" -> "))]
    }
}

/// The rows that were held out, as many as their weights say.
fn total(held_out: &[HeldOut]) -> f64 {
    held_out.iter().flat_map(|held| held.errors.pairs()).map(|(_, weight)| weight).sum()
}

/// The errors of rows that the same models have not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HeldOut {
    models: Vec<u32>,
    errors: Scores,
}

/// A model of all rows, and the models of the parts with the errors of the rows that they have not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossConformalModel<M> {
    model: M,
    level: f64,
    method: CrossMethod,
    models: Vec<M>,
    held_out: Vec<HeldOut>,
}

impl<M> CrossConformalModel<M> {
    /// The model of all rows.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The models of the parts, in the order of the splits.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The absolute errors of the rows that were held out, the smallest first, with the numbers of the
    /// [`models`](CrossConformalModel::models) that have not learned from them.
    pub fn errors(&self) -> impl ExactSizeIterator<Item = (&[u32], &[f64])> {
        self.held_out.iter().map(|held| (held.models.as_slice(), held.errors.as_slice()))
    }
}

impl<M: Predictor<Output = Values>> Predictor for CrossConformalModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        self.model.predict(x)
    }
}

impl<M: Predictor<Output = Values>> IntervalPredictor for CrossConformalModel<M> {
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        check_models(self.held_out.iter().map(|held| &held.models), self.models.len())?;
        check_enough(total(&self.held_out), self.level)?;
        if self.method == CrossMethod::Base {
            let reach = reach(self.level, &self.held_out)?;
            return RegressionScore::Absolute.intervals(self.level, &self.model.predict(x)?, reach);
        }
        let answers: Vec<Values> = self.models.iter().map(|model| model.predict(x)).collect::<Result<_>>()?;
        let (low, high) = ends(self.level, self.method, &self.held_out, &answers)?.into_iter().unzip();
        Ok(PredictionIntervals { level: self.level, low, high })
    }
}

/// How far the errors of all rows that were held out reach.
fn reach(level: f64, held_out: &[HeldOut]) -> Result<f64> {
    upper_end(held_out.iter().map(|held| (0.0, &held.errors)), level)
}

/// The ends of the intervals, from what the models of the parts answer.
fn ends(
    level: f64,
    method: CrossMethod,
    held_out: &[HeldOut],
    answers: &[Values],
) -> Result<Vec<(f64, f64)>> {
    let n_rows = answers.first().map_or(0, Rows::n_rows);
    let said = |held: &HeldOut, row: usize| mean_of(&held.models, |model| answers[model].as_slice()[row]);
    if method == CrossMethod::Minmax {
        let reach = reach(level, held_out)?;
        let of_row = |row: usize| {
            let of_row = held_out.iter().map(|held| said(held, row));
            let least = of_row.clone().fold(f64::INFINITY, f64::min);
            (least - reach, of_row.fold(f64::NEG_INFINITY, f64::max) + reach)
        };
        return Ok((0..n_rows).map(of_row).collect());
    }
    reduce::try_map_each(n_rows, |row| {
        // Both ends are found as the larger end of an interval, the lower one mirrored.
        let end = |sign: f64| {
            let parts = held_out.iter().map(|held| (sign * said(held, row), &held.errors));
            Ok::<f64, Error>(sign * upper_end(parts, level)?)
        };
        Ok::<(f64, f64), Error>((end(-1.0)?, end(1.0)?))
    })
}
