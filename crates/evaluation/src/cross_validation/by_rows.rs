//! Cross-validation of what has an entry for each row inside.

use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{Error, Estimator, Predictor, Result, ResultExt, Rows};

use super::rounds::Rounds;
use super::run::{collect, score_fold};
use super::{CrossValidated, CrossValidation};
use crate::tasks;
use crate::{Judges, Metric, Splitter, Strata};

/// As [`cross_validate`](crate::cross_validate), with an estimator that holds something for each row, such as what its outcomes are
/// worth: each fold makes its own, for the rows that it learns from.
///
/// `estimator` is given the training rows of a split, in the order in which they are learned from. A validation set would take some of
/// them away: estimators with entries for each row must not ask for one, as [`TunedThreshold`](crate::decision::TunedThreshold) does
/// not.
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Slope;
/// # #[derive(Debug)] struct SlopeModel(Vec<String>);
/// # impl Estimator for Slope {
/// #     type Input = Matrix; type Target = Classes; type Model = SlopeModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SlopeModel> { Ok(SlopeModel(train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SlopeModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) }
/// # }
/// # impl Classifier for SlopeModel {
/// #     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #         let x = x.dense()?;
/// #         let share = |row: usize, class: usize| if class == 1 { x[[row, 0]] } else { 1.0 - x[[row, 0]] };
/// #         Probabilities::new(Array2::from_shape_fn((x.nrows(), 2), |(row, class)| share(row, class)), self.0.clone())
/// #     }
/// # }
/// use perennial_evaluation::decision::{MeanValue, OutcomeValues, ThresholdRule, TunedThreshold, ValueModel};
/// use perennial_evaluation::split::KFold;
/// use perennial_evaluation::{CrossValidation, cross_validate_by_rows};
///
/// // `Slope` takes its only column for the probability of the second class. A fraud that is missed costs its amount.
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| (row * 37 % 101) as f64 / 101.0));
/// let y = Classes::from_labels((0..200).map(|row| row * 37 % 101 >= 31));
/// let amounts = (0..200).map(|row| OutcomeValues::costs(5.0, 5.0, (row % 7) as f64 * 10.0, 0.0));
/// let values = ValueModel::PerRow(amounts.collect());
/// let scored = cross_validate_by_rows(
///     |rows| Ok(TunedThreshold::new(Slope, ThresholdRule::value(values.take(rows)?))),
///     &x,
///     &y,
///     &KFold::new(3),
///     &MeanValue::new(values.clone()),
///     &CrossValidation::new(),
/// )?;
/// assert_eq!(scored.folds.len(), 3);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`cross_validate`](crate::cross_validate), or those of `estimator`.
pub fn cross_validate_by_rows<E, S, M>(
    estimator: impl Fn(&[usize]) -> Result<E> + Sync,
    x: &E::Input,
    y: &E::Target,
    splitter: &S,
    metric: &M,
    options: &CrossValidation<'_>,
) -> Result<CrossValidated<M::Prediction, E::Model>>
where
    E: Estimator<Target: Strata>,
    E::Model: Predictor<Input = E::Input>,
    S: Splitter + ?Sized,
    M: Metric<Truth = E::Target> + Judges<E::Model>,
{
    if let Some(weights) = options.weights
        && weights.len() != x.n_rows()
    {
        return Err(Error::length_mismatch("the weights", x.n_rows(), weights.len()));
    }
    let audited = options.splits(x, y, splitter)?;
    let splits = audited.splits();
    let done = AtomicUsize::new(0);
    let folds = tasks::try_each(splits.len(), |number| {
        let round = || {
            let split = &splits[number];
            let estimator = estimator(&split.train)?;
            let rounds = Rounds::new(&estimator, x, y, options);
            let ctx = options.ctx.child(&format!("fold{number}"));
            let scored = rounds
                .round(split, ctx, |split, model, fit| score_fold(&rounds, metric, split, model, &fit))?;
            options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, splits.len())?;
            Ok(scored)
        };
        round().context(format!("fold {number}"))
    })?;
    collect(metric, x.n_rows(), folds, audited.report().clone())
}
