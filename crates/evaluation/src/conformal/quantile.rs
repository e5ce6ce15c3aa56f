//! Conformalised quantile regression.

use perennial_core::{
    Capabilities, Error, Estimator, Outputs, Param, Predictor, Result, ResultExt, Rows, Train, Values,
    check_numbers,
};
use serde::{Deserialize, Serialize};

use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, nine_of_ten};
use super::split::{only, weights_of};
use crate::cross_fit::{accepted, part, rounds, with_weight};
use crate::{Holdout, Splitter};

/// Intervals between two learned quantiles, moved until they hold the truth as often as they say (Romano, Patterson
/// and Candès, 2019). The answer is the middle between the two.
///
/// The two should be of the quantiles `(1 - level) / 2` and `(1 + level) / 2`; the promise holds for any.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals hold |
/// | `symmetric` | true | | whether both ends are moved by the same; else each by its own, and each keeps its half of the level |
/// | `splitter` | [`Holdout::new(0.25)`](Holdout) | one split | which rows are held out |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Always(f64);
/// # impl Estimator for Always {
/// #     type Input = Matrix; type Target = Values; type Model = Always;
/// #     fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<Always> { Ok(self.clone()) }
/// # }
/// # impl Predictor for Always {
/// #     type Input = Matrix; type Output = Values;
/// #     fn predict(&self, x: &Matrix) -> Result<Values> { Ok(vec![self.0; x.n_rows()].into()) }
/// # }
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::conformal::{ConformalizedQuantileRegressor, Coverage, IntervalPredictor};
///
/// // `Always(q)` predicts q. The two are too near to each other, which is put right.
/// let x = Matrix::from(Array2::zeros((400, 1)));
/// let y: Values = (0..400).map(|row| f64::from(row * 37 % 101)).collect();
/// let model = ConformalizedQuantileRegressor::new(Always(40.0), Always(60.0)).level(0.8).fit(&x, &y)?;
/// assert!((Coverage.score(&y, &model.predict_interval(&x)?)? - 0.8).abs() < 0.08);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformalizedQuantileRegressor<L, U, S = Holdout> {
    lower: L,
    upper: U,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default = "yes")]
    symmetric: bool,
    #[serde(default)]
    splitter: S,
}

/// As [`ConformalizedQuantileRegressor`], around one estimator of several quantiles: of its outputs the first is the
/// lower end, the last the upper one, and the answer is the one in the middle (of an even number, the mean of two).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformalizedQuantiles<E, S = Holdout> {
    estimator: E,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default = "yes")]
    symmetric: bool,
    #[serde(default)]
    splitter: S,
}

fn yes() -> bool {
    true
}

impl<L, U> ConformalizedQuantileRegressor<L, U> {
    /// Around a regressor of a low and one of a high quantile.
    pub fn new(lower: L, upper: U) -> Self {
        let splitter = Holdout::default();
        ConformalizedQuantileRegressor { lower, upper, level: nine_of_ten(), symmetric: true, splitter }
    }
}

impl<E> ConformalizedQuantiles<E> {
    /// Around a regressor of at least two quantiles, the lowest first.
    pub fn new(estimator: E) -> Self {
        let splitter = Holdout::default();
        ConformalizedQuantiles { estimator, level: nine_of_ten(), symmetric: true, splitter }
    }
}

macro_rules! settings {
    ($settings:ident <$($own:ident $field:ident),*>) => {
        impl<$($own,)* S> $settings<$($own,)* S> {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[LEVEL];

            /// Sets the share of the rows whose truth intervals hold.
            #[must_use]
            pub fn level(mut self, level: f64) -> Self {
                self.level = level;
                self
            }

            /// Sets whether both ends are moved by the same.
            #[must_use]
            pub fn symmetric(mut self, symmetric: bool) -> Self {
                self.symmetric = symmetric;
                self
            }

            /// Sets which rows are held out.
            #[must_use]
            pub fn splitter<T: Splitter>(self, splitter: T) -> $settings<$($own,)* T> {
                let (level, symmetric) = (self.level, self.symmetric);
                $settings { $($field: self.$field,)* level, symmetric, splitter }
            }
        }
    };
}

settings!(ConformalizedQuantileRegressor<L lower, U upper>);
settings!(ConformalizedQuantiles<E estimator>);

/// How far the truths of rows held out lie beyond the ends; below 0 inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Beyond {
    /// Beyond the nearer one.
    Nearer(Scores),
    /// Below the lower and above the upper one.
    Each(Scores, Scores),
}

impl Beyond {
    fn new(
        symmetric: bool,
        level: f64,
        low: &[f64],
        high: &[f64],
        truth: &Values,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check_numbers("the target", truth.as_slice())?;
        let of = |score: &dyn Fn(f64, f64, f64) -> f64| {
            let ends = low.iter().zip(high).zip(truth.as_slice());
            let scores = ends.map(|((low, high), truth)| score(*low, *high, *truth)).collect();
            Scores::weighted(scores, weights).context("calibration")
        };
        let beyond = if symmetric {
            Beyond::Nearer(of(&|low, high, truth| (low - truth).max(truth - high))?)
        } else {
            Beyond::Each(of(&|low, _, truth| low - truth)?, of(&|_, high, truth| truth - high)?)
        };
        beyond.reach(level)?;
        Ok(beyond)
    }

    /// How far the lower and the upper end are moved.
    fn reach(&self, level: f64) -> Result<(f64, f64)> {
        match self {
            Beyond::Nearer(scores) => scores.quantile(level).map(|reach| (reach, reach)),
            Beyond::Each(below, above) => {
                let side = 0.5 * (1.0 + level);
                Ok((below.quantile(side)?, above.quantile(side)?))
            }
        }
    }
}

/// The ends moved outwards; where they would cross, both are in the middle.
fn moved(level: f64, scores: &Beyond, low: &[f64], high: &[f64]) -> Result<PredictionIntervals> {
    let (down, up) = scores.reach(level)?;
    let end = |(low, high): (&f64, &f64)| {
        let (low, high) = (low - down, high + up);
        let middle = 0.5 * low + 0.5 * high;
        if low <= high { (low, high) } else { (middle, middle) }
    };
    let (low, high) = low.iter().zip(high).map(end).unzip();
    Ok(PredictionIntervals { level, low, high })
}

impl<L, U, S> Estimator for ConformalizedQuantileRegressor<L, U, S>
where
    L: Estimator<Target = Values>,
    L::Model: Predictor<Input = L::Input, Output = Values>,
    U: Estimator<Input = L::Input, Target = Values>,
    U::Model: Predictor<Input = L::Input, Output = Values>,
    S: Splitter,
{
    type Input = L::Input;
    type Target = Values;
    type Model = ConformalizedQuantileModel<L::Model, U::Model>;

    fn fit_on(&self, train: &Train<'_, L::Input, Values>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        with_weight(train, |train| {
            let parts = rounds(&self.lower, train, &self.splitter, None, |split, lower, x| {
                let upper = part(train, &split.train, |own| {
                    let own = own.clone().context(train.ctx.child("upper"));
                    own.limited_to(&self.upper.capabilities()).fit(&self.upper).context("the upper quantile")
                })?;
                let (low, high) = (lower.predict(x)?, upper.predict(x)?);
                let (low, high) = (low.as_slice(), high.as_slice());
                let (truth, weights) = (train.y.take(&split.test)?, weights_of(train, &split.test)?);
                let scores = Beyond::new(self.symmetric, self.level, low, high, &truth, weights.as_deref())?;
                Ok(ConformalizedQuantileModel { lower, upper, level: self.level, scores })
            })?;
            only(parts)
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.lower.capabilities().and(self.upper.capabilities()))
    }

    fn steps(&self) -> Vec<String> {
        let (lower, upper) = (self.lower.steps().join(" -> "), self.upper.steps().join(" -> "));
        vec![format!("ConformalizedQuantileRegressor({lower}, {upper})")]
    }
}

impl<E, S> Estimator for ConformalizedQuantiles<E, S>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Outputs>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Values;
    type Model = ConformalizedQuantilesModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        with_weight(train, |train| {
            let parts = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let (low, _, high) = ends(&model.predict(x)?)?;
                let (truth, weights) = (train.y.take(&split.test)?, weights_of(train, &split.test)?);
                let scores =
                    Beyond::new(self.symmetric, self.level, &low, &high, &truth, weights.as_deref())?;
                Ok(ConformalizedQuantilesModel { model, level: self.level, scores })
            })?;
            only(parts)
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("ConformalizedQuantiles({})", self.estimator.steps().join(" -> "))]
    }
}

/// The first output, the middle, and the last.
fn ends(answer: &Outputs) -> Result<(Vec<f64>, Values, Vec<f64>)> {
    let values = answer.values();
    let n = values.ncols();
    if n < 2 {
        return Err(Error::unsupported(format!(
            "the estimator gives {n} quantiles; an interval needs at least 2, the lowest first"
        )));
    }
    let middle = values.rows().into_iter().map(|row| 0.5 * row[(n - 1) / 2] + 0.5 * row[n / 2]).collect();
    Ok((values.column(0).to_vec(), middle, values.column(n - 1).to_vec()))
}

/// Two models of quantiles, with the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConformalizedQuantileModel<L, U> {
    lower: L,
    upper: U,
    level: f64,
    scores: Beyond,
}

/// A model of several quantiles, with the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConformalizedQuantilesModel<M> {
    model: M,
    level: f64,
    scores: Beyond,
}

impl<L, U> ConformalizedQuantileModel<L, U> {
    /// The models of the lower and the upper quantile.
    pub fn models(&self) -> (&L, &U) {
        (&self.lower, &self.upper)
    }
}

impl<M> ConformalizedQuantilesModel<M> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }
}

impl<L, U> Predictor for ConformalizedQuantileModel<L, U>
where
    L: Predictor<Output = Values>,
    U: Predictor<Input = L::Input, Output = Values>,
{
    type Input = L::Input;
    type Output = Values;

    fn predict(&self, x: &L::Input) -> Result<Values> {
        let (low, high) = (self.lower.predict(x)?, self.upper.predict(x)?);
        Ok(low.as_slice().iter().zip(high.as_slice()).map(|(low, high)| 0.5 * low + 0.5 * high).collect())
    }
}

impl<L, U> IntervalPredictor for ConformalizedQuantileModel<L, U>
where
    L: Predictor<Output = Values>,
    U: Predictor<Input = L::Input, Output = Values>,
{
    fn predict_interval(&self, x: &L::Input) -> Result<PredictionIntervals> {
        let (low, high) = (self.lower.predict(x)?, self.upper.predict(x)?);
        moved(self.level, &self.scores, low.as_slice(), high.as_slice())
    }
}

impl<M: Predictor<Output = Outputs>> Predictor for ConformalizedQuantilesModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        Ok(ends(&self.model.predict(x)?)?.1)
    }
}

impl<M: Predictor<Output = Outputs>> IntervalPredictor for ConformalizedQuantilesModel<M> {
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        let (low, _, high) = ends(&self.model.predict(x)?)?;
        moved(self.level, &self.scores, &low, &high)
    }
}
