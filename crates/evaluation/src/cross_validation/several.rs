//! Several metrics at once, with one fit for all.

use std::borrow::Borrow;
use std::time::Instant;

use perennial_core::{Estimator, Predictor, Result, Rows};

use super::rounds::Rounds;
use super::{CrossValidated, CrossValidation, Fold};
use crate::metric::on_rows;
use crate::{AuditReport, Judges, Metric, Splitter, Strata};

/// Metrics of the same truth that judge the same model: a tuple of up to eight.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of metrics that judge the model `{T}`",
    note = "give a tuple of metrics of the same truth, such as `(Accuracy, LogLoss)`; one metric alone is `(Accuracy,)`"
)]
pub trait Metrics<T: Predictor>: Send + Sync {
    /// What is true.
    type Truth: ?Sized + Rows + Sync;

    /// A result without folds for each metric.
    #[doc(hidden)]
    fn results(&self) -> Vec<CrossValidated<(), ()>>;

    /// The score by each metric, of rows with these numbers.
    ///
    /// # Errors
    /// As [`Judges::ask`] and [`Metric::score_weighted`].
    fn scores(
        &self,
        model: &T,
        x: &T::Input,
        truth: &Self::Truth,
        rows: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Vec<f64>>;
}

fn result<M: Metric>(metric: &M) -> CrossValidated<(), ()> {
    CrossValidated {
        metric: metric.name(),
        higher_is_better: M::HIGHER_IS_BETTER,
        bounds: metric.bounds(),
        folds: Vec::new(),
        predictions: None,
        fold_predictions: None,
        audit: AuditReport::default(),
    }
}

fn score<T: Predictor, M: Judges<T>>(
    metric: &M,
    model: &T,
    x: &T::Input,
    truth: &M::Truth,
    rows: &[usize],
    weights: Option<&[f64]>,
) -> Result<f64> {
    let answer = metric.ask(model, x)?;
    on_rows(metric, rows, |metric| metric.score_weighted(truth, &answer, weights))
}

macro_rules! tuples {
    ($($first:ident $($other:ident)*;)*) => {$(
        impl<T, $first, $($other),*> Metrics<T> for ($first, $($other,)*)
        where
            T: Predictor,
            $first: Judges<T>,
            $($other: Metric<Truth = $first::Truth> + Judges<T>,)*
        {
            type Truth = $first::Truth;

            #[allow(non_snake_case)]
            fn results(&self) -> Vec<CrossValidated<(), ()>> {
                let ($first, $($other,)*) = self;
                vec![result($first), $(result($other)),*]
            }

            #[allow(non_snake_case)]
            fn scores(
                &self,
                model: &T,
                x: &T::Input,
                truth: &Self::Truth,
                rows: &[usize],
                weights: Option<&[f64]>,
            ) -> Result<Vec<f64>> {
                let ($first, $($other,)*) = self;
                Ok(vec![
                    score($first, model, x, truth, rows, weights)?,
                    $(score($other, model, x, truth, rows, weights)?),*
                ])
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D F;
    A B C D F G;
    A B C D F G H;
    A B C D F G H I;
}

/// Fits once on the training part of each split and scores on its test part by all metrics: a result for each of
/// them, in their order, to be judged and compared like that of [`cross_validate`](crate::cross_validate).
///
/// Models and answers are not kept.
///
/// # Errors
/// As [`cross_validate`](crate::cross_validate).
pub fn cross_validate_all<E, S, M>(
    estimator: &E,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metrics: &M,
    options: &CrossValidation<'_>,
) -> Result<Vec<CrossValidated<(), ()>>>
where
    E: Estimator<Target: Strata> + ?Sized,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metrics<E::Model, Truth = E::Target>,
{
    let rounds = Rounds::new(estimator, x, y, options);
    let (done, audit) = rounds.run(&splitter, &|split, model, fit| {
        let scores = |rows: &[usize]| {
            let (x, truth, weights) = (x.take(rows)?, y.take(rows)?, rounds.weights(rows)?);
            metrics.scores(&model, x.borrow(), truth.borrow(), rows, weights.as_deref())
        };
        let start = Instant::now();
        let tested = scores(&split.test)?;
        let score_seconds = start.elapsed().as_secs_f64();
        let learned = match options.train_scores {
            true => scores(fit.learned(split))?.into_iter().map(Some).collect(),
            false => vec![None; tested.len()],
        };
        let fold = Fold {
            n_train: split.train.len(),
            test: split.test.clone(),
            score: f64::NAN,
            train_score: None,
            fit_seconds: fit.seconds,
            score_seconds,
            model: None,
        };
        Ok((fold, tested.into_iter().zip(learned).collect::<Vec<_>>()))
    })?;
    let mut results = metrics.results();
    results.iter_mut().for_each(|result| result.audit.clone_from(&audit));
    for (fold, scores) in done {
        for (result, (score, train_score)) in results.iter_mut().zip(scores) {
            result.folds.push(Fold { score, train_score, ..fold.clone() });
        }
    }
    Ok(results)
}
