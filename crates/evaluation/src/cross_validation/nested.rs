//! Choosing among candidates inside each fold.

use std::borrow::Borrow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{Context, Error, Estimator, Predictor, Result, ResultExt, Rows, check_rows};
use serde::{Deserialize, Serialize};

use super::rounds::{Part, Rounds};
use super::run::{collect, cross_validate, score_fold};
use super::{CrossValidated, CrossValidation};
use crate::metric::on_rows;
use crate::tasks;
use crate::{Judges, Metric, Splitter, Strata};

/// How well the best of some candidates does on rows that had no part in the choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nested<P, M> {
    /// The scores of the candidate that each outer fold chose.
    pub outer: CrossValidated<P, M>,
    /// The place of the chosen candidate in the list, for each outer fold.
    pub chosen: Vec<usize>,
    /// The mean inner score of each candidate, for each outer fold.
    pub inner: Vec<Vec<f64>>,
}

/// The outer score, and how often each candidate was chosen.
impl<P, M> fmt::Display for Nested<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.outer)?;
        let n_candidates = self.inner.first().map_or(0, Vec::len);
        for candidate in 0..n_candidates {
            let times = self.chosen.iter().filter(|&&chosen| chosen == candidate).count();
            let start = if candidate == 0 { "; chosen:" } else { "," };
            write!(f, "{start} candidate {candidate} {times} times")?;
        }
        Ok(())
    }
}

/// Nested cross-validation (Varma and Simon, 2006): in each fold of `outer` the candidates are cross-validated by
/// `inner` on the training part alone, the best of them learns from all of that part, and is scored on the test part.
///
/// The outer mean says how well the whole procedure does, the choice included; the best inner mean is too good. Of
/// candidates that are equally good, the first is chosen. For a choice by other means, such as a search, make an
/// estimator that chooses when it is fitted ([`perennial_core::estimator_fn`]) and give it to
/// [`cross_validate`](crate::cross_validate).
///
/// Groups go with the rows into the inner splits; times, ends and coordinates do as well.
///
/// # Errors
/// As [`cross_validate`](crate::cross_validate), when there are no candidates, or no inner score is a number.
pub fn nested_cross_validate<E, S, R, M>(
    candidates: &[E],
    x: &E::Input,
    y: &E::Target,
    outer: &S,
    inner: &R,
    metric: &M,
    options: &CrossValidation<'_>,
) -> Result<Nested<M::Prediction, E::Model>>
where
    E: Estimator<Target: Strata>,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    R: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    if candidates.is_empty() {
        return Err(Error::empty("the list of candidates is empty"));
    }
    let audited = Rounds::new(&candidates[0], x, y, options).splits(&outer)?;
    let splits = audited.splits();
    let done = AtomicUsize::new(0);
    let folds = tasks::try_each(splits.len(), |number| {
        let round = || {
            let split = &splits[number];
            let ctx = options.ctx.child(&format!("fold{number}"));
            let scores = inner_scores(candidates, x, y, &split.train, inner, metric, options, &ctx)?;
            let place = best(&scores, M::HIGHER_IS_BETTER)?;
            let rounds = Rounds::new(&candidates[place], x, y, options);
            let scored = rounds
                .round(split, ctx, |split, model, fit| score_fold(&rounds, metric, split, model, &fit))?;
            options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, splits.len())?;
            Ok((scored, (place, scores)))
        };
        round().context(format!("fold {number}"))
    })?;
    let (scored, choices): (Vec<_>, Vec<_>) = folds.into_iter().unzip();
    let (chosen, inner) = choices.into_iter().unzip();
    Ok(Nested { outer: collect(metric, x.n_rows(), scored, audited.report().clone())?, chosen, inner })
}

/// The mean score of each candidate on some of the rows.
#[expect(
    clippy::too_many_arguments,
    reason = "the arguments of nested cross-validation, and where it stands"
)]
fn inner_scores<E, R, M>(
    candidates: &[E],
    x: &E::Input,
    y: &E::Target,
    rows: &[usize],
    inner: &R,
    metric: &M,
    options: &CrossValidation<'_>,
    ctx: &Context,
) -> Result<Vec<f64>>
where
    E: Estimator<Target: Strata>,
    E::Model: Predictor<Input = E::Input>,
    R: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    check_rows(rows, x.n_rows())?;
    let (x, y) = (x.take(rows)?, y.take(rows)?);
    let part = Part::new(options, rows)?;
    // All candidates are tried on the same inner splits, by the same seeds.
    let mut inside = part.options(ctx.child("inner"));
    inside.validation = options.validation;
    inside.drop_predictions = true;
    inside.audit.clone_from(&options.audit);
    let splits = inside.splits(x.borrow(), y.borrow(), inner)?;
    on_rows(metric, rows, |metric| {
        let score = |(place, candidate): (usize, &E)| {
            let scored = cross_validate(candidate, x.borrow(), y.borrow(), &splits, metric, &inside);
            scored.map(|scored| scored.mean()).context(format!("candidate {place}"))
        };
        candidates.iter().enumerate().map(score).collect()
    })
}

/// The place of the best score, the first of those that are equal; NaN is never best.
fn best(scores: &[f64], higher_is_better: bool) -> Result<usize> {
    let better = |a: f64, b: f64| if higher_is_better { a > b } else { a < b };
    let known = (0..scores.len()).filter(|&place| !scores[place].is_nan());
    known
        .reduce(|best, place| if better(scores[place], scores[best]) { place } else { best })
        .ok_or_else(|| Error::overflow("the score of every candidate is NaN; check their answers"))
}
