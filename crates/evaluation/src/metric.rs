//! Metrics: how good answers are.
//!
//! Each metric says what it compares: [`Classes`], [`Probabilities`] or [`Values`]. A metric is never turned around:
//! [`HIGHER_IS_BETTER`](Metric::HIGHER_IS_BETTER) says which way is up. The definitions are those of scikit-learn
//! 1.9.

mod agreement;
mod calibration_interval;
mod calibration_sums;
mod certainty;
mod class_outputs;
mod class_report;
mod classes;
pub mod clusters;
mod confusion;
mod counted;
mod deviance;
mod distributions;
mod double;
mod error_sums;
mod grouping;
mod hinge;
mod label_sets;
mod likelihood;
mod multi_output;
mod one_class;
mod pairwise;
mod probabilities;
pub mod ranking;
mod scaled;
mod score_sums;
mod scorer;
mod share_sums;
mod shares;
mod survival;
mod tweedie_share;
mod tweedie_sums;
mod values;

pub use crate::IntervalOptions;
pub use agreement::{CohenKappa, Disagreement, FBeta, GeometricMean, Specificity};
pub use calibration_sums::CalibrationSums;
pub use certainty::{CalibrationError, TopKAccuracy};
pub use class_outputs::{ExactMatch, HammingLoss};
pub use class_report::{ClassReport, ClassScores};
pub use classes::{
    Accuracy, Average, BalancedAccuracy, F1, Jaccard, MatthewsCorrelation, OfConfusion, Precision, Recall,
    ZeroOneLoss,
};
pub use confusion::{ConfusionMatrix, confusion_matrix};
pub use deviance::{
    D2Pinball, ExplainedVariance, MeanSquaredLogError, MeanTweedieDeviance,
    SymmetricMeanAbsolutePercentageError,
};
pub use distributions::{Crps, QuantileLoss, WeightedIntervalScore};
pub use error_sums::ErrorSums;
pub use grouping::{
    AdjustedMutualInformation, AdjustedRand, Completeness, FowlkesMallows, Homogeneity, MutualInformation,
    NormalizedMutualInformation, Rand, VMeasure, pair_confusion_matrix,
};
pub use hinge::HingeLoss;
pub use label_sets::LabelSets;
pub use likelihood::{IndexBalancedAccuracy, NegativeLikelihoodRatio, PositiveLikelihoodRatio};
pub use multi_output::MultiOutput;
pub use one_class::{Gini, metric_at_thresholds, multilabel_confusion_matrix};
pub use pairwise::OneVsOneAuc;
pub(crate) use probabilities::true_columns;
pub use probabilities::{AveragePrecision, Brier, LogLoss, RocAuc};
pub use scaled::{MeanAbsoluteScaledError, RootMeanSquaredScaledError};
pub use score_sums::ScoreSums;
pub use scorer::{Scored, Scorer};
pub use share_sums::ShareSums;
pub use shares::{D2Brier, D2LogLoss, ThresholdScore};
pub use survival::{Concordance, EventTimes};
pub use tweedie_share::D2Tweedie;
pub use tweedie_sums::TweedieSums;
pub(crate) use values::checked_pair as paired_values;
#[cfg(feature = "report")]
pub(crate) use values::weighted_quantile;
pub use values::{
    MaxError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanPinball, MeanSquaredError,
    MedianAbsoluteError, R2, RootMeanSquaredError,
};

use std::borrow::Borrow;

use perennial_core::{
    ClassOutputs, Classes, Classifier, Error, ErrorKind, Outputs, Predictor, Probabilities, Result, Rows,
    Values, check_weights,
};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;

use crate::Stack;

/// A number that tells how good answers are.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::metric::{IntervalOptions, MeanAbsoluteError};
///
/// let truth = Values::from(vec![1.0, 2.0, 4.0, 8.0]);
/// let answer = Values::from(vec![1.5, 2.0, 3.0, 6.5]);
/// assert_eq!(MeanAbsoluteError.score(&truth, &answer)?, 0.75);
/// assert_eq!(MeanAbsoluteError.score_weighted(&truth, &answer, Some(&[1.0, 1.0, 0.0, 0.0]))?, 0.25);
///
/// let interval = MeanAbsoluteError.interval(&truth, &answer, &IntervalOptions::new())?;
/// // Four rows say little.
/// assert!(interval.low < 0.5 && interval.high > 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a metric",
    note = "use one of `perennial_evaluation::metric`, or implement `Metric`"
)]
pub trait Metric: Sized + Send + Sync {
    /// What is true.
    type Truth: ?Sized + Rows + Sync;
    /// What was answered.
    type Prediction: Stack + Send + Sync;
    /// Whether a larger score means better answers.
    const HIGHER_IS_BETTER: bool;

    /// A short name for tables and trackers, such as `roc_auc`.
    fn name(&self) -> String;

    /// The lowest and the highest score there can be.
    fn bounds(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }

    /// The score, each row counting as much as its weight.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a weight or a value is not acceptable, or the metric is not
    /// defined for such rows.
    fn score_weighted(
        &self,
        truth: &Self::Truth,
        prediction: &Self::Prediction,
        weights: Option<&[f64]>,
    ) -> Result<f64>;

    /// The score, all rows counting the same.
    ///
    /// # Errors
    /// As [`score_weighted`](Metric::score_weighted).
    fn score(&self, truth: &Self::Truth, prediction: &Self::Prediction) -> Result<f64> {
        self.score_weighted(truth, prediction, None)
    }

    /// A number per row whose weighted mean is the score; nothing where the metric is no mean over rows.
    ///
    /// It makes intervals, comparisons and tests of slices fast.
    ///
    /// # Errors
    /// As [`score_weighted`](Metric::score_weighted).
    fn row_scores(&self, truth: &Self::Truth, prediction: &Self::Prediction) -> Result<Option<Vec<f64>>> {
        let _ = (truth, prediction);
        Ok(None)
    }

    /// The metric for some of the rows, in this order; nothing where it is the same whatever the rows are.
    ///
    /// A metric that holds an entry for each row, as [`MeanValue`](crate::decision::MeanValue) of values per row does, is asked for it
    /// wherever a part of the rows is scored: a fold, a slice or a resample.
    ///
    /// # Errors
    /// When it has no entry for a row.
    fn for_rows(&self, rows: &[usize]) -> Result<Option<Self>> {
        let _ = rows;
        Ok(None)
    }

    /// Refuses where rows that are drawn anew say nothing of how sure the score is, as of a largest error, and says why.
    ///
    /// # Errors
    /// Where that is so.
    fn check_bootstrap(&self) -> Result<()> {
        Ok(())
    }

    /// The score and how sure it is: exact where a formula is known, else by the bootstrap.
    ///
    /// # Errors
    /// As [`score_weighted`](Metric::score_weighted), when a setting is out of range, there are fewer than two
    /// rows or groups, or the metric is not defined on a resample of the rows.
    fn interval(
        &self,
        truth: &Self::Truth,
        prediction: &Self::Prediction,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        bootstrap(self, truth, prediction, options)
    }
}

/// The interval that needs no formula.
pub(crate) fn bootstrap<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    options: &IntervalOptions<'_>,
) -> Result<Interval> {
    let weights = options.row_weights();
    metric.score_weighted(truth, prediction, weights)?;
    metric.check_bootstrap()?;
    if let Some(scores) = metric.row_scores(truth, prediction)? {
        return Ok(options.within(options.of_mean(&scores)?, &scores, metric.bounds()));
    }
    options.of_rows(truth.n_rows(), |rows| {
        score_rows(metric, truth, prediction, weights, rows).unwrap_or(f64::NAN)
    })
}

/// Truth and prediction of some of the rows.
pub(crate) fn score_parts<M: Metric>(
    truth: &M::Truth,
    prediction: &M::Prediction,
    rows: &[usize],
) -> Result<(<M::Truth as Rows>::Owned, M::Prediction)> {
    Ok((truth.take(rows)?, prediction.take(rows)?))
}

/// Whether an error says that rows like these have no answer, and not that something was asked wrongly.
pub(crate) fn is_undefined(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InsufficientData { .. } | ErrorKind::SingleClass { .. })
}

/// Nothing where rows like these have no answer; every other error stays one.
pub(crate) fn where_defined<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_undefined(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The score of some of the rows.
pub(crate) fn score_rows<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    weights: Option<&[f64]>,
    rows: &[usize],
) -> Result<f64> {
    let (truth, prediction) = score_parts::<M>(truth, prediction, rows)?;
    let weights = weights.map(|weights| weights.take(rows)).transpose()?;
    on_rows(metric, rows, |metric| metric.score_weighted(truth.borrow(), &prediction, weights.as_deref()))
}

/// Does the work with the metric as it is for some of the rows.
pub(crate) fn on_rows<M: Metric, R>(
    metric: &M,
    rows: &[usize],
    work: impl FnOnce(&M) -> Result<R>,
) -> Result<R> {
    match metric.for_rows(rows)? {
        Some(own) => work(&own),
        None => work(metric),
    }
}

/// A model whose answers a metric can judge: values, classes, or probabilities.
///
/// Predictors of [`Values`], [`Classes`], [`ClassOutputs`] and [`Outputs`] and [`Classifier`]s have it already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot give the `{P}` that this metric judges",
    label = "this model and this metric do not fit",
    note = "metrics of `Values` judge regressors, metrics of `Classes` judge classifiers, and metrics of `Probabilities` need a model with `predict_proba`"
)]
pub trait Answers<P>: Predictor {
    /// The answer for each row.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn answer(&self, x: &Self::Input) -> Result<P>;
}

impl<M: Predictor<Output = Values>> Answers<Values> for M {
    fn answer(&self, x: &Self::Input) -> Result<Values> {
        self.predict(x)
    }
}

impl<M: Predictor<Output = Classes>> Answers<Classes> for M {
    fn answer(&self, x: &Self::Input) -> Result<Classes> {
        self.predict(x)
    }
}

impl<M: Predictor<Output = Outputs>> Answers<Outputs> for M {
    fn answer(&self, x: &Self::Input) -> Result<Outputs> {
        self.predict(x)
    }
}

impl<M: Predictor<Output = ClassOutputs>> Answers<ClassOutputs> for M {
    fn answer(&self, x: &Self::Input) -> Result<ClassOutputs> {
        self.predict(x)
    }
}

impl<M: Classifier> Answers<Probabilities> for M {
    fn answer(&self, x: &Self::Input) -> Result<Probabilities> {
        self.predict_proba(x)
    }
}

/// A metric that can judge a model: the model gives the answers that the metric compares.
///
/// Every metric judges every model that [`Answers`] it; functions that take a model and a metric ask for this.
#[diagnostic::on_unimplemented(
    message = "the metric `{Self}` cannot judge the model `{T}`",
    label = "this metric and this model do not fit",
    note = "metrics of `Values` judge regressors, metrics of `Classes` judge classifiers, and metrics of `Probabilities` need a model with `predict_proba`"
)]
pub trait Judges<T: Predictor>: Metric {
    /// The answers of the model that this metric compares.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn ask(&self, model: &T, x: &T::Input) -> Result<Self::Prediction>;
}

impl<M: Metric, T: Answers<M::Prediction>> Judges<T> for M {
    fn ask(&self, model: &T, x: &T::Input) -> Result<M::Prediction> {
        model.answer(x)
    }
}

/// Refuses no rows, lengths that differ, and weights that are not acceptable.
fn check_pairs(n_truth: usize, n_predicted: usize, weights: Option<&[f64]>) -> Result<()> {
    if n_truth == 0 {
        return Err(Error::empty("there are no rows to score"));
    }
    if n_predicted != n_truth {
        return Err(Error::length_mismatch("the prediction", n_truth, n_predicted));
    }
    weights.map_or(Ok(()), |weights| check_weights(weights, n_truth))
}

/// The weighted mean of a number per row.
fn mean_by(n_rows: usize, weights: Option<&[f64]>, value: impl Fn(usize) -> f64 + Sync) -> f64 {
    match weights {
        None => reduce::sum_by(n_rows, value) / n_rows as f64,
        Some(weights) => {
            // Rows without weight must not count, even where their value is beyond the range of f64.
            let mean = |unit: f64| {
                let term = |row| if weights[row] == 0.0 { 0.0 } else { weights[row] * unit * value(row) };
                (reduce::sum_by(n_rows, term), reduce::sum_by(n_rows, |row| weights[row] * unit))
            };
            let (sum, total) = mean(1.0);
            match total.is_finite() {
                true => sum / total,
                // Weights so large that they cannot be added up, in a smaller unit.
                false => {
                    let (sum, total) = mean(1.0 / n_rows as f64);
                    sum / total
                }
            }
        }
    }
}
