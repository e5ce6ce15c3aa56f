//! Conformalised quantile regression.

use perennial_core::{
    Capabilities, Error, Estimator, Outputs, Param, Predictor, Result, ResultExt, Rows, Train, Values,
    check_numbers,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::held_out::{Pattern, check_models, mean_of, patterns, upper_end};
use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, nine_of_ten, units};
use crate::cross_fit::{accepted, part, rounds, with_weight};
use crate::{Holdout, Splitter};

/// Intervals between two learned quantiles, moved until they hold the truth as often as they say (Romano, Patterson
/// and Candès, 2019). The answer is the middle between the two.
///
/// The two should be of the quantiles `(1 - level) / 2` and `(1 + level) / 2`; the promise holds for any.
///
/// With a splitter of folds, such as [`CrossFit`](crate::CrossFit), every row serves both to learn and to measure, as in CV+
/// (Barber, Candès, Ramdas and Tibshirani, 2021): the ends of each fold's models are moved by the scores of the rows that
/// these have not learned from. At least `1 - 2 (1 - level)` is then promised, and `level` is what is seen; the answer is
/// the mean over the folds.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose truth intervals hold |
/// | `symmetric` | true | | whether both ends are moved by the same; else each by its own, and each keeps its half of the level |
/// | `splitter` | [`Holdout::new(0.25)`](Holdout) | | which rows are held out |
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
    fn new(symmetric: bool, ends: &[[f64; 2]], truth: &Values, counts: Option<&[f64]>) -> Result<Self> {
        check_numbers("the target", truth.as_slice())?;
        let of = |score: &dyn Fn([f64; 2], f64) -> f64| {
            let scores =
                ends.iter().zip(truth.as_slice()).map(|(ends, truth)| score(*ends, *truth)).collect();
            Scores::counted(scores, counts).context("calibration")
        };
        Ok(match symmetric {
            true => Beyond::Nearer(of(&|[low, high], truth| (low - truth).max(truth - high))?),
            false => Beyond::Each(of(&|[low, _], truth| low - truth)?, of(&|[_, high], truth| truth - high)?),
        })
    }

    /// The scores of the lower and of the upper end, and the level that each is to keep.
    fn sides(&self, level: f64) -> (&Scores, &Scores, f64) {
        match self {
            Beyond::Nearer(scores) => (scores, scores, level),
            Beyond::Each(below, above) => (below, above, 0.5 * (1.0 + level)),
        }
    }
}

/// The scores of rows that the same models have not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HeldOut {
    models: Vec<u32>,
    beyond: Beyond,
}

/// The scores of all rows that were held out, from those of each part and the ends that its models gave them.
fn held_out<X: ?Sized + Rows>(
    symmetric: bool,
    level: f64,
    train: &Train<'_, X, Values>,
    parts: &[(Vec<usize>, Vec<[f64; 2]>)],
) -> Result<Vec<HeldOut>> {
    let counts = units(train.weights);
    let of_pattern = |Pattern { models, rows, said }: Pattern<2>| {
        let counts = counts.as_ref().map(|counts| counts.take(&rows)).transpose()?;
        let beyond = Beyond::new(symmetric, &said, &train.y.take(&rows)?, counts.as_deref())?;
        Ok(HeldOut { models, beyond })
    };
    let held_out: Vec<HeldOut> =
        patterns(train.y.n_rows(), parts).into_iter().map(of_pattern).collect::<Result<_>>()?;
    // Too few rows are an error now, not when the first interval is asked for.
    moved(level, &held_out, &vec![vec![[0.0; 2]]; parts.len()])?;
    Ok(held_out)
}

/// The ends that models gave, moved outwards by the scores of the rows that they have not learned from; where they would
/// cross, both are in the middle.
fn moved(level: f64, held_out: &[HeldOut], said: &[Vec<[f64; 2]>]) -> Result<PredictionIntervals> {
    LEVEL.check(level)?;
    check_models(held_out.iter().map(|held| &held.models), said.len())?;
    let n_rows = said.first().map_or(0, Vec::len);
    let ends = reduce::try_map_each(n_rows, |row| {
        let end = |side: usize, sign: f64| {
            let mut own = level;
            let parts: Vec<(f64, &Scores)> = held_out
                .iter()
                .map(|held| {
                    let (below, above, level) = held.beyond.sides(level);
                    own = level;
                    let answer = mean_of(&held.models, |model| said[model][row][side]);
                    (sign * answer, if side == 0 { below } else { above })
                })
                .collect();
            Ok::<f64, Error>(sign * upper_end(parts.into_iter(), own)?)
        };
        let (low, high) = (end(0, -1.0)?, end(1, 1.0)?);
        let middle = 0.5 * low + 0.5 * high;
        Ok::<(f64, f64), Error>(if low <= high { (low, high) } else { (middle, middle) })
    })?;
    let (low, high) = ends.into_iter().unzip();
    Ok(PredictionIntervals { level, low, high })
}

/// The mean over models of the middle that each says.
fn middle(said: &[Vec<f64>]) -> Result<Values> {
    let n_rows = said.first().map(Vec::len).ok_or_else(|| Error::corrupt("there are no models"))?;
    let of_row = |row: usize| said.iter().map(|said| said[row]).sum::<f64>() / said.len() as f64;
    Ok((0..n_rows).map(of_row).collect())
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
            let fitted = rounds(&self.lower, train, &self.splitter, None, |split, lower, x| {
                let upper = part(train, &split.train, |own| {
                    let own = own.clone().context(train.ctx.child("upper"));
                    own.limited_to(&self.upper.capabilities()).fit(&self.upper).context("the upper quantile")
                })?;
                let said = both(&lower, &upper, x)?;
                Ok(((lower, upper), (split.test.clone(), said)))
            })?;
            let (models, parts): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
            let held_out = held_out(self.symmetric, self.level, train, &parts)?;
            Ok(ConformalizedQuantileModel { models, level: self.level, held_out })
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
            let fitted = rounds(&self.estimator, train, &self.splitter, None, |split, model, x| {
                let said = ends(&model.predict(x)?)?.0;
                Ok((model, (split.test.clone(), said)))
            })?;
            let (models, parts): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
            let held_out = held_out(self.symmetric, self.level, train, &parts)?;
            Ok(ConformalizedQuantilesModel { models, level: self.level, held_out })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("ConformalizedQuantiles({})", self.estimator.steps().join(" -> "))]
    }
}

/// What a model of the lower and one of the upper quantile say.
fn both<L, U>(lower: &L, upper: &U, x: &L::Input) -> Result<Vec<[f64; 2]>>
where
    L: Predictor<Output = Values>,
    U: Predictor<Input = L::Input, Output = Values>,
{
    let (low, high) = (lower.predict(x)?, upper.predict(x)?);
    Ok(low.as_slice().iter().zip(high.as_slice()).map(|(low, high)| [*low, *high]).collect())
}

/// The first and the last output, and the middle.
fn ends(answer: &Outputs) -> Result<(Vec<[f64; 2]>, Vec<f64>)> {
    let values = answer.values();
    let n = values.ncols();
    if n < 2 {
        return Err(Error::unsupported(format!(
            "the estimator gives {n} quantiles; an interval needs at least 2, the lowest first"
        )));
    }
    let rows = || values.rows().into_iter();
    let middle = rows().map(|row| 0.5 * row[(n - 1) / 2] + 0.5 * row[n / 2]).collect();
    Ok((rows().map(|row| [row[0], row[n - 1]]).collect(), middle))
}

/// Models of two quantiles, with the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConformalizedQuantileModel<L, U> {
    models: Vec<(L, U)>,
    level: f64,
    held_out: Vec<HeldOut>,
}

/// Models of several quantiles, with the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConformalizedQuantilesModel<M> {
    models: Vec<M>,
    level: f64,
    held_out: Vec<HeldOut>,
}

impl<L, U> ConformalizedQuantileModel<L, U> {
    /// The models of the lower and the upper quantile: one pair for each split.
    pub fn models(&self) -> &[(L, U)] {
        &self.models
    }
}

impl<M> ConformalizedQuantilesModel<M> {
    /// The models inside: one for each split.
    pub fn models(&self) -> &[M] {
        &self.models
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
        let one = |(lower, upper): &(L, U)| {
            Ok(both(lower, upper, x)?.into_iter().map(|[low, high]| 0.5 * low + 0.5 * high).collect())
        };
        middle(&self.models.iter().map(one).collect::<Result<Vec<_>>>()?)
    }
}

impl<L, U> IntervalPredictor for ConformalizedQuantileModel<L, U>
where
    L: Predictor<Output = Values>,
    U: Predictor<Input = L::Input, Output = Values>,
{
    fn predict_interval(&self, x: &L::Input) -> Result<PredictionIntervals> {
        let said = self.models.iter().map(|(lower, upper)| both(lower, upper, x));
        moved(self.level, &self.held_out, &said.collect::<Result<Vec<_>>>()?)
    }
}

impl<M: Predictor<Output = Outputs>> Predictor for ConformalizedQuantilesModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let said = self.models.iter().map(|model| Ok(ends(&model.predict(x)?)?.1));
        middle(&said.collect::<Result<Vec<_>>>()?)
    }
}

impl<M: Predictor<Output = Outputs>> IntervalPredictor for ConformalizedQuantilesModel<M> {
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        let said = self.models.iter().map(|model| Ok(ends(&model.predict(x)?)?.0));
        moved(self.level, &self.held_out, &said.collect::<Result<Vec<_>>>()?)
    }
}
