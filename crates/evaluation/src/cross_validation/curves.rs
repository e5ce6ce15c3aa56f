//! How scores change with the number of rows, or with a setting.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perennial_core::{Context, Error, Estimator, Param, Predictor, Result, ResultExt};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::rounds::Rounds;
use super::run::score_on;
use super::{CrossValidated, CrossValidation, Fold};
use crate::tasks;
use crate::{AuditedSplits, Judges, Metric, Split, Splitter, Strata};

/// Scores at several numbers of rows, or at several values of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// What changes: `share of the rows`, or the name that was given.
    pub name: String,
    /// The points, in the order in which they were asked for.
    pub points: Vec<CurvePoint>,
}

/// The scores at one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// The share of the rows, or the value of the setting.
    pub at: f64,
    /// The score of each fold on the rows that it learned from.
    pub train: Vec<f64>,
    /// The scores on the test parts, with the numbers of rows learned from and the times.
    pub test: CrossValidated<(), ()>,
}

impl CurvePoint {
    /// The mean score on the rows that were learned from.
    pub fn train_mean(&self) -> f64 {
        reduce::mean(&self.train)
    }
}

impl Curve {
    /// The point with the best mean score on the test parts; the first of those that are equal.
    pub fn best(&self) -> Option<&CurvePoint> {
        self.points.iter().filter(|point| !point.test.mean().is_nan()).reduce(|best, point| {
            let (new, old) = (point.test.mean(), best.test.mean());
            let better = if point.test.higher_is_better { new > old } else { new < old };
            if better { point } else { best }
        })
    }
}

/// A line for each point: the score on the test parts, and on the rows that were learned from.
impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, point) in self.points.iter().enumerate() {
            let start = if place == 0 { "" } else { "\n" };
            write!(f, "{start}{} {}: {}; ", self.name, point.at, point.test.score())?;
            write!(f, "{:.4} on the rows learned from", point.train_mean())?;
        }
        // All points have the same splits.
        match self.points.first().and_then(|point| point.test.audit.in_short()) {
            Some(found) => write!(f, "\n{found}"),
            None => Ok(()),
        }
    }
}

const SHARE: Param = Param::real("shares", "share of the rows to learn from").above(0.0).at_most(1.0);

/// How well an estimator does when it learns from a part of each training part: would more rows help?
///
/// Of each training part the first rows of a random order are taken, with the classes in their shares, so a smaller
/// part is contained in a larger one. Rows in the order of time keep it.
///
/// # Errors
/// As [`cross_validate`](crate::cross_validate), or when there are no shares or one is not in (0, 1].
pub fn learning_curve<E, S, M>(
    estimator: &E,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    shares: &[f64],
    options: &CrossValidation<'_>,
) -> Result<Curve>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    if shares.is_empty() {
        return Err(Error::empty("the list of shares is empty"));
    }
    shares.iter().try_for_each(|&share| SHARE.check(share))?;
    let rounds = Rounds::new(estimator, x, y, options);
    let audited = rounds.splits(&splitter)?;
    let splits = audited.splits();
    let codes = y.classes().map(|classes| classes.codes().to_vec());
    let random = Random::new(options.ctx.child("learning_curve").seed(None));
    let orders: Vec<Vec<usize>> = splits
        .iter()
        .enumerate()
        .map(|(number, split)| order(split, codes.as_deref(), random.fork(number as u64)))
        .collect();
    let part = |point: usize, number: usize| {
        let split = &splits[number];
        // 0.2 * 15 is a little more than 3, and must still be 3.
        let count = (split.train.len() as f64 * shares[point] * (1.0 + f64::EPSILON)) as usize;
        let mut kept = vec![false; split.train.len()];
        orders[number].iter().take(count.max(1)).for_each(|&place| kept[place] = true);
        let train = split.train.iter().zip(kept).filter(|(_, kept)| *kept).map(|(&row, _)| row).collect();
        Split { train, test: split.test.clone() }
    };
    curve("share of the rows", shares, &audited, metric, options, |point, number, ctx| {
        score_both(&rounds, metric, &part(point, number), ctx).context(format!("share {}", shares[point]))
    })
}

/// The places of a training part in a random order, each class spread evenly over it.
fn order(split: &Split, codes: Option<&[u32]>, mut random: Random) -> Vec<usize> {
    let places = random.permutation(split.train.len());
    let Some(codes) = codes else { return places };
    let mut counts = std::collections::BTreeMap::new();
    split.train.iter().for_each(|&row| *counts.entry(codes[row]).or_insert(0_usize) += 1);
    let mut seen = std::collections::BTreeMap::new();
    let mut keyed: Vec<(f64, usize)> = places
        .into_iter()
        .map(|place| {
            let code = codes[split.train[place]];
            let before = seen.entry(code).or_insert(0_usize);
            *before += 1;
            ((*before as f64 - 0.5) / counts[&code] as f64, place)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    keyed.into_iter().map(|(_, place)| place).collect()
}

/// How well an estimator does at each value of a setting, on rows that it learned from and on others.
///
/// `make` turns a value into an estimator. All values are tried on the same splits. The best score of a curve is too
/// good, as it was chosen; [`nested_cross_validate`](crate::nested_cross_validate) is honest.
///
/// # Errors
/// As [`cross_validate`](crate::cross_validate), or when there are no values.
#[expect(clippy::too_many_arguments, reason = "the arguments of cross-validation, and what is varied")]
pub fn validation_curve<E, S, M>(
    name: &str,
    values: &[f64],
    make: impl Fn(f64) -> E + Sync,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    options: &CrossValidation<'_>,
) -> Result<Curve>
where
    E: Estimator<Target: Strata>,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    if values.is_empty() {
        return Err(Error::empty("the list of values is empty"));
    }
    let estimators: Vec<E> = values.iter().map(|&value| make(value)).collect();
    let rounds = |point: usize| Rounds::new(&estimators[point], x, y, options);
    let audited = rounds(0).splits(&splitter)?;
    let splits = audited.splits();
    curve(name, values, &audited, metric, options, |point, number, ctx| {
        score_both(&rounds(point), metric, &splits[number], ctx).context(format!("{name} {}", values[point]))
    })
}

/// The scores of all points and folds, side by side.
fn curve<M: Metric>(
    name: &str,
    values: &[f64],
    audited: &AuditedSplits,
    metric: &M,
    options: &CrossValidation<'_>,
    score: impl Fn(usize, usize, Context) -> Result<(f64, Fold<()>)> + Sync,
) -> Result<Curve> {
    let n_folds = audited.splits().len();
    let (total, done) = (values.len() * n_folds, AtomicUsize::new(0));
    let scores = tasks::try_each(total, |task| {
        let (point, number) = (task / n_folds, task % n_folds);
        // The same seeds at each point, so that points differ by what is varied alone.
        let ctx = options.ctx.child(&format!("fold{number}"));
        let scored = score(point, number, ctx).context(format!("fold {number}"))?;
        options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, total)?;
        Ok(scored)
    })?;
    let mut scores = scores.into_iter();
    let point = |&at: &f64| {
        let (train, folds) = scores.by_ref().take(n_folds).unzip();
        let test = CrossValidated {
            metric: metric.name(),
            higher_is_better: M::HIGHER_IS_BETTER,
            bounds: metric.bounds(),
            folds,
            predictions: None,
            fold_predictions: None,
            audit: audited.report().clone(),
        };
        CurvePoint { at, train, test }
    };
    Ok(Curve { name: name.to_owned(), points: values.iter().map(point).collect() })
}

/// The score on the rows that were learned from, and the fold of the test part.
fn score_both<E, M>(
    rounds: &Rounds<'_, E>,
    metric: &M,
    split: &Split,
    ctx: Context,
) -> Result<(f64, Fold<()>)>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    rounds.round(split, ctx, |split, model, fit| {
        let start = Instant::now();
        let (test, _) = score_on(rounds, metric, &model, &split.test)?;
        let score_seconds = start.elapsed().as_secs_f64();
        let fold = Fold {
            n_train: split.train.len(),
            test: split.test.clone(),
            score: test,
            train_score: None,
            fit_seconds: fit.seconds,
            score_seconds,
            model: None,
        };
        Ok((score_on(rounds, metric, &model, fit.learned(split))?.0, fold))
    })
}
