//! Conformal regression with folds: CV+ and the jackknife+.

use perennial_core::{Capabilities, Error, Estimator, Param, Predictor, Result, Rows, Train, Values};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, check_enough, nine_of_ten, place, units, weighted_place};
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

/// A regressor with intervals that uses every row to learn and to measure errors: CV+, or with as many folds as rows
/// the jackknife+ (Barber, Candès, Ramdas and Tibshirani, 2021).
///
/// Answers are those of a model of all rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals should hold |
/// | `method` | plus | | how the models of the folds make an interval |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | folds | which rows are held out together |
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
            let folds = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let y = train.y.take(&split.test)?;
                let errors = RegressionScore::Absolute.scores(&y, &model.predict(x)?)?;
                Ok((split.test.clone(), model, errors))
            })?;
            let mut held = vec![false; train.y.n_rows()];
            for row in folds.iter().flat_map(|(rows, ..)| rows) {
                if std::mem::replace(&mut held[*row], true) {
                    return Err(Error::unsupported(format!(
                        "row {row} is held out more than once; use folds, such as `CrossFit`"
                    )));
                }
            }
            let weights = units(train.weights);
            let fold = |(rows, model, errors): (Vec<usize>, E::Model, Vec<f64>)| {
                let weights = weights.as_ref().map(|weights| weights.take(&rows)).transpose()?;
                Ok(FoldModel { model, errors: Scores::counted(errors, weights.as_deref())? })
            };
            let folds: Vec<FoldModel<E::Model>> = folds.into_iter().map(fold).collect::<Result<_>>()?;
            check_enough(total(&folds), self.level)?;
            let model = fit_whole(&self.estimator, train)?;
            Ok(CrossConformalModel { model, level: self.level, method: self.method, folds })
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
fn total<M>(folds: &[FoldModel<M>]) -> f64 {
    folds.iter().flat_map(|fold| fold.errors.pairs()).map(|(_, weight)| weight).sum()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FoldModel<M> {
    model: M,
    errors: Scores,
}

/// A model of all rows, and the models of the folds with their errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossConformalModel<M> {
    model: M,
    level: f64,
    method: CrossMethod,
    folds: Vec<FoldModel<M>>,
}

impl<M> CrossConformalModel<M> {
    /// The model of all rows.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The models of the folds with the absolute errors of the rows that were held out, the smallest first.
    pub fn folds(&self) -> impl ExactSizeIterator<Item = (&M, &[f64])> {
        self.folds.iter().map(|fold| (&fold.model, fold.errors.as_slice()))
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
        let total = total(&self.folds);
        check_enough(total, self.level)?;
        let plain = self.folds.iter().all(|fold| fold.errors.is_plain());
        let bound = |mut all: Vec<(f64, f64)>| {
            if plain {
                let place = place(all.len(), self.level)?;
                return Ok(all.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0)).1.0);
            }
            all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            weighted_place(all.into_iter(), total, self.level)
        };
        let reach = || bound(self.folds.iter().flat_map(|fold| fold.errors.pairs()).collect());
        if self.method == CrossMethod::Base {
            return RegressionScore::Absolute.intervals(self.level, &self.model.predict(x)?, reach()?);
        }
        let answers: Vec<Values> =
            self.folds.iter().map(|fold| fold.model.predict(x)).collect::<Result<_>>()?;
        let of_folds = |row: usize| answers.iter().map(move |answer| answer.as_slice()[row]);
        let ends: Vec<(f64, f64)> = if self.method == CrossMethod::Minmax {
            let reach = reach()?;
            let ends = |row: usize| {
                let least = of_folds(row).fold(f64::INFINITY, f64::min);
                (least - reach, of_folds(row).fold(f64::NEG_INFINITY, f64::max) + reach)
            };
            (0..x.n_rows()).map(ends).collect()
        } else {
            reduce::try_map_each(x.n_rows(), |row| {
                let shifted = |sign: f64| {
                    // Both ends are found as the larger end of an interval, the lower one mirrored.
                    let of_fold = |(fold, answer): (&FoldModel<M>, f64)| {
                        fold.errors
                            .pairs()
                            .map(move |(error, weight)| (sign * answer + error, weight))
                            .collect::<Vec<_>>()
                    };
                    Ok::<f64, Error>(
                        sign * bound(self.folds.iter().zip(of_folds(row)).flat_map(of_fold).collect())?,
                    )
                };
                Ok::<(f64, f64), Error>((shifted(-1.0)?, shifted(1.0)?))
            })?
        };
        let (low, high) = ends.into_iter().unzip();
        Ok(PredictionIntervals { level: self.level, low, high })
    }
}
