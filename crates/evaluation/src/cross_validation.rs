//! Learning on one part of the rows and scoring on another, several times.

use std::borrow::Borrow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perennial_core::{Context, Error, Estimator, Predictor, Result, ResultExt, Rows, Train, check_rows};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::interval::two_sided_t;
use crate::{Answers, Judges, Metric, Split, SplitInputs, Splitter, Stack, Strata};

/// What cross-validation may use beside rows and target.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `weights` | none | how much each row counts, in fits and in scores |
/// | `groups` | none | which rows belong together, for splitters and fits |
/// | `times` | none | when each row was, in any unit, for splitters |
/// | `ends` | none | when the target of each row was known, in the unit of the times, for splitters that purge |
/// | `coordinates` | none | where each row was, for splitters by place |
/// | `context` | a new one | seed, progress and cancelling; fold 3 gets the child `fold3` |
/// | `keep_models` | false | whether the model of each fold is kept |
#[derive(Debug, Clone, Default)]
pub struct CrossValidation<'a> {
    weights: Option<&'a [f64]>,
    groups: Option<&'a [u32]>,
    times: Option<&'a [i64]>,
    ends: Option<&'a [i64]>,
    coordinates: Option<&'a [[f64; 2]]>,
    ctx: Context,
    keep_models: bool,
}

impl<'a> CrossValidation<'a> {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much each row counts.
    #[must_use]
    pub fn weights(mut self, weights: &'a [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Which rows belong together.
    #[must_use]
    pub fn groups(mut self, groups: &'a [u32]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// When each row was, in any unit.
    #[must_use]
    pub fn times(mut self, times: &'a [i64]) -> Self {
        self.times = Some(times);
        self
    }

    /// When the target of each row was known, in the unit of the times.
    #[must_use]
    pub fn ends(mut self, ends: &'a [i64]) -> Self {
        self.ends = Some(ends);
        self
    }

    /// Where each row was.
    #[must_use]
    pub fn coordinates(mut self, coordinates: &'a [[f64; 2]]) -> Self {
        self.coordinates = Some(coordinates);
        self
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// Whether the model of each fold is kept.
    #[must_use]
    pub fn keep_models(mut self, keep: bool) -> Self {
        self.keep_models = keep;
        self
    }

    /// What a splitter sees of these rows.
    pub fn split_inputs<'b, Y: ?Sized + Strata>(&'b self, n_rows: usize, y: &'b Y) -> SplitInputs<'b> {
        SplitInputs {
            n_rows,
            classes: y.classes(),
            groups: self.groups,
            values: y.numbers(),
            labels: y.label_sets(),
            times: self.times,
            ends: self.ends,
            coordinates: self.coordinates,
            ctx: self.ctx.child("split"),
        }
    }

    /// Where the work stands.
    pub fn surroundings(&self) -> &Context {
        &self.ctx
    }
}

/// One fold: what it learned from and how well it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fold<M> {
    /// The number of rows that it learned from.
    pub n_train: usize,
    /// The rows that it was scored on.
    pub test: Vec<usize>,
    /// The score.
    pub score: f64,
    /// How long the fit took, in seconds.
    pub fit_seconds: f64,
    /// How long predicting and scoring took, in seconds.
    pub score_seconds: f64,
    /// The model, where it was to be kept.
    pub model: Option<M>,
}

/// The scores of all folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidated<P, M> {
    /// The name of the metric.
    pub metric: String,
    /// Whether a larger score is better.
    pub higher_is_better: bool,
    /// The lowest and the highest score there can be.
    pub bounds: (f64, f64),
    /// The folds, in the order of the splits.
    pub folds: Vec<Fold<M>>,
    /// The answer for each row by the model that has not seen it, in the order of the rows; nothing unless every
    /// row was tested exactly once.
    pub predictions: Option<P>,
}

impl<P, M> CrossValidated<P, M> {
    /// The score of each fold.
    pub fn scores(&self) -> Vec<f64> {
        self.folds.iter().map(|fold| fold.score).collect()
    }

    /// The mean of the scores.
    pub fn mean(&self) -> f64 {
        reduce::mean(&self.scores())
    }

    /// The standard error of the mean, corrected for the rows that the fits share (Nadeau and Bengio, 2003); NaN
    /// for a single fold.
    pub fn standard_error(&self) -> f64 {
        corrected_error(&self.scores(), &self.folds)
    }

    /// Student's interval of the mean with the corrected standard error, cut to the scores there can be.
    ///
    /// # Errors
    /// If there is a single fold or the level is not in (0, 1).
    pub fn interval(&self, level: f64) -> Result<Interval> {
        let half = corrected_half(&self.scores(), &self.folds, level)?;
        let estimate = self.mean();
        let (least, most) = self.bounds;
        Ok(Interval { estimate, low: (estimate - half).max(least), high: (estimate + half).min(most), level })
    }
}

/// Shows the mean score with its 95 % interval.
impl<P, M> fmt::Display for CrossValidated<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_folds = self.folds.len();
        match self.interval(0.95) {
            Ok(interval) => write!(f, "{}: {interval} over {n_folds} folds", self.metric),
            Err(_) => write!(f, "{}: {:.4} on one split", self.metric, self.mean()),
        }
    }
}

/// The standard error of the mean of a number per fold (Nadeau and Bengio, 2003).
fn corrected_error<M>(values: &[f64], folds: &[Fold<M>]) -> f64 {
    let (_, variance) = reduce::mean_variance(values, 1);
    let shares = folds.iter().map(|fold| fold.test.len() as f64 / fold.n_train as f64);
    let share = shares.sum::<f64>() / folds.len() as f64;
    (variance * (1.0 / folds.len() as f64 + share)).sqrt()
}

/// Half of the width of Student's interval of the mean of a number per fold.
pub(crate) fn corrected_half<M>(values: &[f64], folds: &[Fold<M>], level: f64) -> Result<f64> {
    if folds.len() < 2 {
        return Err(Error::insufficient_data("an interval over folds needs at least 2 folds"));
    }
    Ok(two_sided_t(folds.len() as f64 - 1.0, level)? * corrected_error(values, folds))
}

/// Fits on the training part of each split and scores on its test part, folds in parallel.
///
/// Each fold has a context of its own, so the scores are the same for any number of threads. An error says in
/// which fold it happened; folds are counted from 0.
///
/// # Errors
/// When the splitter refuses, a fit or a prediction fails, the metric is not defined on a fold, or the work was
/// cancelled.
pub fn cross_validate<E, S, M>(
    estimator: &E,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    options: &CrossValidation<'_>,
) -> Result<CrossValidated<M::Prediction, E::Model>>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    let rounds = Rounds { estimator, x, y, options };
    let done = rounds.run(splitter, |split, model, fit_seconds| {
        let start = Instant::now();
        let answer = metric.ask(&model, x.take(&split.test)?.borrow())?;
        let truth = y.take(&split.test)?;
        let weights = options.weights.map(|weights| weights.take(&split.test)).transpose()?;
        let score = metric.score_weighted(truth.borrow(), &answer, weights.as_deref())?;
        let fold = Fold {
            n_train: split.train.len(),
            test: split.test.clone(),
            score,
            fit_seconds,
            score_seconds: start.elapsed().as_secs_f64(),
            model: options.keep_models.then_some(model),
        };
        Ok((fold, answer))
    })?;
    let (folds, answers): (Vec<Fold<E::Model>>, Vec<M::Prediction>) = done.into_iter().unzip();
    let predictions = match rows_in_order(folds.iter().map(|fold| &fold.test[..]), x.n_rows()) {
        Ok(order) => Some(M::Prediction::stack(&answers)?.take(&order)?),
        Err(_) => None,
    };
    Ok(CrossValidated {
        metric: metric.name(),
        higher_is_better: M::HIGHER_IS_BETTER,
        bounds: metric.bounds(),
        folds,
        predictions,
    })
}

/// The answer for each row by a model that has not seen it, in the order of the rows, to score with many metrics.
///
/// # Errors
/// As [`cross_validate`], or when the splitter does not test every row exactly once.
pub fn cross_predict<E, S, P>(
    estimator: &E,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    options: &CrossValidation<'_>,
) -> Result<P>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input> + Answers<P>,
    S: Splitter + ?Sized,
    P: Stack + Send + Sync,
{
    let rounds = Rounds { estimator, x, y, options };
    let done = rounds.run(splitter, |split, model, _| {
        Ok((split.test.clone(), model.answer(x.take(&split.test)?.borrow())?))
    })?;
    let (tested, answers): (Vec<Vec<usize>>, Vec<P>) = done.into_iter().unzip();
    let order = rows_in_order(tested.iter().map(Vec::as_slice), x.n_rows())?;
    P::stack(&answers)?.take(&order)
}

/// Where each row stands among the tested rows.
fn rows_in_order<'a>(tested: impl Iterator<Item = &'a [usize]>, n_rows: usize) -> Result<Vec<usize>> {
    const MISSING: usize = usize::MAX;
    let mut order = vec![MISSING; n_rows];
    for (place, &row) in tested.flatten().enumerate() {
        if order[row] != MISSING {
            return Err(Error::unsupported(format!(
                "row {row} is tested more than once, so it has no single answer; use folds, such as `KFold`"
            )));
        }
        order[row] = place;
    }
    match order.iter().position(|&place| place == MISSING) {
        None => Ok(order),
        Some(row) => Err(Error::unsupported(format!(
            "row {row} is never tested, so it has no answer; use folds, such as `KFold`"
        ))),
    }
}

/// The fits of one estimator on the parts of the rows.
struct Rounds<'a, E: Estimator + ?Sized> {
    estimator: &'a E,
    x: &'a E::Input,
    y: &'a E::Target,
    options: &'a CrossValidation<'a>,
}

impl<E: Estimator<Target: Strata> + ?Sized> Rounds<'_, E> {
    /// Fits on each split in parallel and passes on the model with the seconds that the fit took.
    fn run<T: Send>(
        &self,
        splitter: &(impl Splitter + ?Sized),
        then: impl Fn(&Split, E::Model, f64) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let n_rows = self.x.n_rows();
        if !self.y.matches(n_rows) {
            return Err(Error::length_mismatch("the target", n_rows, self.y.n_rows()));
        }
        if let Some(weights) = self.options.weights
            && weights.len() != n_rows
        {
            return Err(Error::length_mismatch("the weights", n_rows, weights.len()));
        }
        let splits = splitter.split(&self.options.split_inputs(n_rows, self.y))?;
        let done = AtomicUsize::new(0);
        reduce::try_map_each(splits.len(), |number| {
            let round = || {
                check_rows(&splits[number].test, n_rows)?;
                let ctx = self.options.ctx.child(&format!("fold{number}"));
                let start = Instant::now();
                let model = self.fit(&splits[number], ctx)?;
                let result = then(&splits[number], model, start.elapsed().as_secs_f64())?;
                self.options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, splits.len())?;
                Ok(result)
            };
            round().context(format!("fold {number}"))
        })
    }

    fn fit(&self, split: &Split, ctx: Context) -> Result<E::Model> {
        let (x, y) = (self.x.take(&split.train)?, self.y.take(&split.train)?);
        let weights = self.options.weights.map(|weights| weights.take(&split.train)).transpose()?;
        let groups = self.options.groups.map(|groups| groups.take(&split.train)).transpose()?;
        let mut train = Train::new(x.borrow(), y.borrow()).context(ctx);
        train.weights = weights.as_deref();
        train.groups = groups.as_deref();
        // Groups may be meant for the splitter alone.
        train.limited_to(&self.estimator.capabilities()).fit(self.estimator)
    }
}
