//! Cross-validation by one metric, and answers for rows that were not learned from.

use std::borrow::Borrow;
use std::time::Instant;

use perennial_core::{Error, Estimator, Predictor, Result, ResultExt, Rows};

use super::rounds::{Fit, Rounds};
use super::{CrossValidated, CrossValidation, Fold};
use crate::metric::on_rows;
use crate::{Answers, AuditReport, Judges, Metric, Split, Splitter, Stack, Strata};

/// Fits on the training part of each split and scores on its test part, folds in parallel.
///
/// Each fold has a context of its own, so the scores are the same for any number of threads. An error says in
/// which fold it happened; folds are counted from 0.
///
/// A metric that holds an entry for each row, such as [`MeanValue`](crate::decision::MeanValue) of values per row, is given those
/// of all rows, and each fold is scored by its own ([`Metric::for_rows`]). An estimator that does so goes through
/// [`cross_validate_by_rows`](crate::cross_validate_by_rows).
///
/// # Errors
/// When the splitter refuses, the [audit](CrossValidation::audit) of the splits does, a fit or a prediction fails, the metric is not defined on a fold, or the work was
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
    let rounds = Rounds::new(estimator, x, y, options);
    let (done, audit) =
        rounds.run(&splitter, &|split, model, fit| score_fold(&rounds, metric, split, model, &fit))?;
    collect(metric, x.n_rows(), done, audit)
}

/// Cross-validates several estimators of one type, each under its name: the baselines that every table of models
/// ([`ModelTable`](crate::ModelTable)) and every [`Ladder`](crate::Ladder) begins with. Estimators with their types hidden
/// (`boxed()`) are of one type.
///
/// # Errors
/// As [`cross_validate`], with the name; or when there are no estimators.
pub fn score_baselines<N, E, S, M>(
    estimators: impl IntoIterator<Item = (N, E)>,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    options: &CrossValidation<'_>,
) -> Result<Vec<Baseline<E, M>>>
where
    N: Into<String>,
    E: Estimator<Target: Strata>,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    let of = |(name, estimator): (N, E)| {
        let name = name.into();
        let scored = cross_validate(&estimator, x, y, splitter, metric, options)
            .context(format!("baseline `{name}`"))?;
        Ok((name, scored))
    };
    let scored = estimators.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    if scored.is_empty() {
        return Err(Error::empty("there are no baselines"));
    }
    Ok(scored)
}

/// The name of a baseline, and its scores.
pub type Baseline<E, M> = (String, CrossValidated<<M as Metric>::Prediction, <E as Estimator>::Model>);

/// A fold, and its answers where they are kept.
type Scored<T, P> = (Fold<T>, Option<P>);

/// Scores a model on the test part of a split.
pub(super) fn score_fold<E, M>(
    rounds: &Rounds<'_, E>,
    metric: &M,
    split: &Split,
    model: E::Model,
    fit: &Fit,
) -> Result<Scored<E::Model, M::Prediction>>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    let start = Instant::now();
    let (score, answer) = score_on(rounds, metric, &model, &split.test)?;
    let score_seconds = start.elapsed().as_secs_f64();
    let train_score = match rounds.options.train_scores {
        true => {
            let scored = score_on(rounds, metric, &model, fit.learned(split));
            Some(scored.context("the rows that were learned from")?.0)
        }
        false => None,
    };
    let fold = Fold {
        n_train: split.train.len(),
        test: split.test.clone(),
        score,
        train_score,
        fit_seconds: fit.seconds,
        score_seconds,
        model: rounds.options.keep_models.then_some(model),
    };
    Ok((fold, (!rounds.options.drop_predictions).then_some(answer)))
}

/// The score of a model on some of the rows, and its answers.
pub(super) fn score_on<E, M>(
    rounds: &Rounds<'_, E>,
    metric: &M,
    model: &E::Model,
    rows: &[usize],
) -> Result<(f64, M::Prediction)>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    let answer = metric.ask(model, rounds.x.take(rows)?.borrow())?;
    let (truth, weights) = (rounds.y.take(rows)?, rounds.weights(rows)?);
    let score =
        on_rows(metric, rows, |metric| metric.score_weighted(truth.borrow(), &answer, weights.as_deref()))?;
    Ok((score, answer))
}

/// Puts folds and their answers together.
pub(super) fn collect<M: Metric, T>(
    metric: &M,
    n_rows: usize,
    done: Vec<Scored<T, M::Prediction>>,
    audit: AuditReport,
) -> Result<CrossValidated<M::Prediction, T>> {
    let (folds, answers): (Vec<Fold<T>>, Vec<Option<M::Prediction>>) = done.into_iter().unzip();
    let order = rows_in_order(folds.iter().map(|fold| &fold.test[..]), n_rows);
    let (predictions, fold_predictions) = match (answers.into_iter().collect::<Option<Vec<_>>>(), order) {
        (Some(answers), Ok(order)) => (Some(M::Prediction::stack(&answers)?.take(&order)?), None),
        (answers, _) => (None, answers),
    };
    Ok(CrossValidated {
        metric: metric.name(),
        higher_is_better: M::HIGHER_IS_BETTER,
        bounds: metric.bounds(),
        folds,
        predictions,
        fold_predictions,
        audit,
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
    let rounds = Rounds::new(estimator, x, y, options);
    let (done, _) = rounds.run(&splitter, &|split, model, _| {
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
                "row {row} is tested more than once, so it has no single answer; use folds, such as `KFold`, or \
                 `out_of_fold` of `cross_validate`"
            )));
        }
        order[row] = place;
    }
    match order.iter().position(|&place| place == MISSING) {
        None => Ok(order),
        Some(row) => Err(Error::unsupported(format!(
            "row {row} is never tested, so it has no answer; use folds, such as `KFold`, or `out_of_fold` of `cross_validate`"
        ))),
    }
}
