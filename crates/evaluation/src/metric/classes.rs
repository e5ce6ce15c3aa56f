//! Metrics of classes.

use perennial_core::{Classes, Error, Result};
use perennial_statistics::interval::{Interval, clopper_pearson};
use serde::{Deserialize, Serialize};

use super::confusion::Aligned;
use super::counted::{counted_rows, left_out};
use super::{ConfusionMatrix, Metric, bootstrap, confusion_matrix, mean_by};
use crate::IntervalOptions;

/// The share of the rows that were given their true class.
///
/// Its interval is exact (Clopper and Pearson, 1934) where rows are independent and not weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracy;

impl Metric for Accuracy {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        "accuracy".to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        let pair = Aligned::new(truth, prediction, weights)?;
        Ok(mean_by(pair.truth.len(), weights, |row| f64::from(pair.truth[row] == pair.prediction[row])))
    }

    fn row_scores(&self, truth: &Classes, prediction: &Classes) -> Result<Option<Vec<f64>>> {
        let pair = Aligned::new(truth, prediction, None)?;
        Ok(Some(pair.truth.iter().zip(&*pair.prediction).map(|(t, p)| f64::from(t == p)).collect()))
    }

    fn interval(
        &self,
        truth: &Classes,
        prediction: &Classes,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        if !options.is_plain() {
            return bootstrap(self, truth, prediction, options);
        }
        let pair = Aligned::new(truth, prediction, None)?;
        let right = pair.truth.iter().zip(&*pair.prediction).filter(|(t, p)| t == p).count();
        clopper_pearson(right as u64, pair.truth.len() as u64, options.confidence())
    }
}

/// A metric that the confusion matrix decides: one pass over the rows serves many of them, and matrices of parts of the
/// rows can be [merged](ConfusionMatrix::merge) first.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::metric::{Accuracy, F1, OfConfusion, Recall, confusion_matrix};
///
/// let truth = Classes::from_labels(["no", "yes", "yes", "yes"]);
/// let answer = Classes::from_labels(["no", "no", "yes", "yes"]);
/// let mut confusion = confusion_matrix(&truth, &answer, None)?;
/// confusion.merge(&confusion_matrix(&answer, &truth, None)?)?;
/// assert_eq!(Accuracy.of_confusion(&confusion)?, 0.75);
/// assert_eq!(F1::of("yes").of_confusion(&confusion)?, 0.8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait OfConfusion: Metric<Truth = Classes, Prediction = Classes> {
    /// The score of the rows that were counted.
    ///
    /// # Errors
    /// When nothing was counted, or the metric is not defined for such counts.
    fn of_confusion(&self, confusion: &ConfusionMatrix) -> Result<f64>;

    /// How sure the score is, of counted rows that are independent: exact or analytic where [`Metric::interval`] is, else Student's by
    /// the jackknife, which leaves out a row of each count (of more than a million rows a millionth of them). For few rows the bootstrap of [`Metric::interval`] is better; it needs the
    /// rows.
    ///
    /// ```
    /// use perennial_core::Classes;
    /// use perennial_evaluation::metric::{F1, OfConfusion, confusion_matrix};
    ///
    /// let truth = Classes::from_labels((0..300).map(|row| row % 3 == 0));
    /// let answer = Classes::from_labels((0..300).map(|row| row % 3 == 0 && row % 5 > 0 || row % 10 == 1));
    /// let f1 = F1::of("true").interval_of_confusion(&confusion_matrix(&truth, &answer, None)?, 0.95)?;
    /// assert!(f1.low < f1.estimate - 0.03 && f1.high > f1.estimate + 0.03);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`of_confusion`](OfConfusion::of_confusion), when the counts are weights and no numbers of rows, the level is not in (0, 1),
    /// or the metric is not defined without one of the rows.
    fn interval_of_confusion(&self, confusion: &ConfusionMatrix, level: f64) -> Result<Interval> {
        left_out(self, confusion, level)
    }
}

/// The share of the rows that were not given their true class: one minus [`Accuracy`]. Of several outputs per row it is one
/// minus [`ExactMatch`](super::ExactMatch).
///
/// Its interval is exact where that of the accuracy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ZeroOneLoss;

impl Metric for ZeroOneLoss {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = false;

    fn name(&self) -> String {
        "zero_one_loss".to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        Ok(1.0 - Accuracy.score_weighted(truth, prediction, weights)?)
    }

    fn row_scores(&self, truth: &Classes, prediction: &Classes) -> Result<Option<Vec<f64>>> {
        let right = Accuracy.row_scores(truth, prediction)?;
        Ok(right.map(|right| right.into_iter().map(|right| 1.0 - right).collect()))
    }

    fn interval(
        &self,
        truth: &Classes,
        prediction: &Classes,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let Interval { estimate, low, high, level } = Accuracy.interval(truth, prediction, options)?;
        Ok(Interval { estimate: 1.0 - estimate, low: 1.0 - high, high: 1.0 - low, level })
    }
}

impl OfConfusion for ZeroOneLoss {
    fn of_confusion(&self, confusion: &ConfusionMatrix) -> Result<f64> {
        Ok(1.0 - Accuracy.of_confusion(confusion)?)
    }

    fn interval_of_confusion(&self, confusion: &ConfusionMatrix, level: f64) -> Result<Interval> {
        let Interval { estimate, low, high, level } = Accuracy.interval_of_confusion(confusion, level)?;
        Ok(Interval { estimate: 1.0 - estimate, low: 1.0 - high, high: 1.0 - low, level })
    }
}

impl OfConfusion for Accuracy {
    fn of_confusion(&self, confusion: &ConfusionMatrix) -> Result<f64> {
        Ok(confusion.counts().diag().sum() / confusion.total()?)
    }

    fn interval_of_confusion(&self, confusion: &ConfusionMatrix, level: f64) -> Result<Interval> {
        let n_rows = counted_rows(confusion)?;
        clopper_pearson(confusion.counts().diag().sum() as u64, n_rows as u64, level)
    }
}

/// Metrics that the confusion matrix decides.
macro_rules! of_confusion {
    ($metric:ident, $least:literal, |$self:ident| $name:expr, |$this:ident, $confusion:ident| $score:expr) => {
        of_confusion!($metric, $least, 1.0, true, |$self| $name, |$this, $confusion| $score);
    };
    ($metric:ident, $least:expr, $most:expr, $higher:literal, |$self:ident| $name:expr, |$this:ident, $confusion:ident| $score:expr $(, analytic: $analytic:expr)?) => {
        impl Metric for $metric {
            type Truth = Classes;
            type Prediction = Classes;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                let $self = self;
                let _ = $self;
                $name
            }

            fn bounds(&self) -> (f64, f64) {
                ($least, $most)
            }

            fn score_weighted(
                &self,
                truth: &Classes,
                prediction: &Classes,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                self.of_confusion(&confusion_matrix(truth, prediction, weights)?)
            }

            fn interval(
                &self,
                truth: &Classes,
                prediction: &Classes,
                options: &IntervalOptions<'_>,
            ) -> Result<Interval> {
                let weights = options.row_weights();
                self.score_weighted(truth, prediction, weights)?;
                $(if options.is_plain() {
                    return $analytic(self, &confusion_matrix(truth, prediction, None)?, options.confidence());
                })?
                let pair = Aligned::new(truth, prediction, weights)?;
                let found = options.of_counts(pair.truth.len(), |counts| {
                    self.of_confusion(&pair.confusion_of(counts, weights)).unwrap_or(f64::NAN)
                })?;
                let confusion = confusion_matrix(truth, prediction, weights)?;
                Ok(options.of_classes(found, truth.codes(), &confusion, |confusion| {
                    self.of_confusion(confusion).ok().filter(|score| score.is_finite())
                }))
            }
        }

        impl OfConfusion for $metric {
            fn of_confusion(&self, $confusion: &ConfusionMatrix) -> Result<f64> {
                let $this = self;
                let _ = $this;
                $confusion.total()?;
                $score
            }

            $(fn interval_of_confusion(&self, confusion: &ConfusionMatrix, level: f64) -> Result<Interval> {
                counted_rows(confusion)?;
                self.of_confusion(confusion)?;
                $analytic(self, confusion, level)
            })?
        }
    };
}

pub(super) use of_confusion;

/// The mean of the recall of the classes that have rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BalancedAccuracy;

of_confusion!(BalancedAccuracy, 0.0, |metric| "balanced_accuracy".to_owned(), |metric, confusion| {
    let recalls: Vec<f64> = confusion
        .true_weights()
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(class, weight)| confusion.counts()[[class, class]] / weight)
        .collect();
    Ok(recalls.iter().sum::<f64>() / recalls.len() as f64)
});

/// The correlation of true and given classes, from -1 to 1 (Matthews, 1975; Gorodkin, 2004).
///
/// It is 0 where all rows have, or were given, the same class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatthewsCorrelation;

of_confusion!(MatthewsCorrelation, -1.0, |metric| "matthews_correlation".to_owned(), |metric, confusion| {
    // In shares of the weight, so that the products of large counts keep their digits.
    let total: f64 = confusion.true_weights().iter().sum();
    let share =
        |weights: Vec<f64>| -> Vec<f64> { weights.into_iter().map(|weight| weight / total).collect() };
    let (truth, given) = (share(confusion.true_weights()), share(confusion.predicted_weights()));
    let right = confusion.counts().diag().sum() / total;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = |shares: &[f64]| if shares.contains(&1.0) { 0.0 } else { 1.0 - product(shares, shares) };
    let scale = (spread(&truth) * spread(&given)).sqrt();
    Ok(if scale > 0.0 { (right - product(&truth, &given)) / scale } else { 0.0 })
});

/// How the scores of the classes become one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The mean over the classes that occur in rows with weight, as true or as given class, as scikit-learn takes it: of a fold
    /// that lacks a class the average is over the others, even where the list of names has it.
    #[default]
    Macro,
    /// The mean over all classes of the list of names, with or without rows, as scikit-learn takes it where `labels` are given:
    /// a class that nobody has or is given counts as 0.
    Named,
    /// Of all decisions together; with one class per row this is the accuracy.
    Micro,
    /// The mean over classes, weighted by their rows.
    Weighted,
    /// Of this class alone.
    Class(String),
}

impl Average {
    /// `score(true positives, weight of the true class, weight of the given class)`, averaged.
    pub(super) fn of(
        &self,
        confusion: &ConfusionMatrix,
        score: impl Fn(f64, f64, f64) -> f64,
    ) -> Result<f64> {
        let (truth, given) = (confusion.true_weights(), confusion.predicted_weights());
        let of_class = |class: usize| score(confusion.counts()[[class, class]], truth[class], given[class]);
        let n_classes = truth.len();
        let total: f64 = truth.iter().sum();
        Ok(match self {
            Average::Macro => {
                let there: Vec<usize> = confusion.present().collect();
                there.iter().map(|&class| of_class(class)).sum::<f64>() / there.len() as f64
            }
            Average::Named => (0..n_classes).map(of_class).sum::<f64>() / n_classes as f64,
            Average::Micro => score(confusion.counts().diag().sum(), total, total),
            Average::Weighted => {
                (0..n_classes).map(|class| truth[class] * of_class(class)).sum::<f64>() / total
            }
            Average::Class(name) => {
                let class = confusion.names().iter().position(|known| known == name);
                of_class(class.ok_or_else(|| {
                    Error::unknown(format!(
                        "no class is named `{name}`; there are: {}",
                        confusion.names().join(", ")
                    ))
                })?)
            }
        })
    }

    pub(super) fn name(&self, metric: &str) -> String {
        match self {
            Average::Macro => format!("{metric}_macro"),
            Average::Named => format!("{metric}_macro_of_names"),
            Average::Micro => format!("{metric}_micro"),
            Average::Weighted => format!("{metric}_weighted"),
            Average::Class(name) => format!("{metric}_{name}"),
        }
    }
}

pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Metrics of each class that are averaged.
macro_rules! averaged {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $score:expr) => {
        $(#[$doc])*
        ///
        /// A class for which it is not defined counts as 0. The default is the macro average.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $metric {
            average: Average,
        }

        impl $metric {
            /// With this average over classes.
            pub fn new(average: Average) -> Self {
                $metric { average }
            }

            /// Of one class alone.
            pub fn of(class: impl Into<String>) -> Self {
                $metric { average: Average::Class(class.into()) }
            }
        }

        of_confusion!($metric, 0.0, |metric| metric.average.name($name), |metric, confusion| {
            metric.average.of(confusion, $score)
        });
    };
}

averaged!(
    /// The share of the rows given a class that have it.
    Precision, "precision", |right, _, given| ratio(right, given)
);
averaged!(
    /// The share of the rows of a class that were given it.
    Recall, "recall", |right, truth, _| ratio(right, truth)
);
averaged!(
    /// The harmonic mean of precision and recall.
    F1, "f1", |right, truth, given| ratio(2.0 * right, truth + given)
);
averaged!(
    /// The rows of a class that were given it, as a share of those that have it or were given it (Jaccard, 1901).
    Jaccard, "jaccard", |right, truth, given| ratio(right, truth + given - right)
);
