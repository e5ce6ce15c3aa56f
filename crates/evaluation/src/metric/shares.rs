//! Metrics of probabilities beside a baseline, and at one threshold.

use perennial_core::{Classes, Error, Param, Probabilities, Result};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::probabilities::{Binary, Brier, LogLoss, true_columns};
use super::ranking::{Ranked, threshold_counts};
use super::{Metric, mean_by};
use crate::IntervalOptions;
use crate::decision::cost_intervals;

/// The mean log loss of answering every row with the shares of the classes.
fn log_loss_of_shares(shares: &[f64]) -> f64 {
    shares.iter().map(|share| -share * share.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()).sum()
}

/// The Brier score of the same.
fn brier_of_shares(shares: &[f64]) -> f64 {
    // So that no share of nearly 1 is taken from 1.
    let of_class = |class: usize| -> f64 {
        let others = shares.iter().enumerate().filter(|(other, _)| *other != class);
        shares[class] * others.map(|(_, share)| share).sum::<f64>()
    };
    let sum: f64 = (0..shares.len()).map(of_class).sum();
    if shares.len() == 2 { 0.5 * sum } else { sum }
}

/// The loss, as a share of that of the class shares, of rows with these weights; nothing where all of them are of one class.
fn beside(
    columns: &[usize],
    n_classes: usize,
    weight: impl Fn(usize) -> f64,
    loss: impl Fn(usize) -> f64,
    of_shares: fn(&[f64]) -> f64,
) -> Option<f64> {
    let (mut shares, mut sum) = (vec![0.0; n_classes], 0.0);
    for (row, &column) in columns.iter().enumerate() {
        let weight = weight(row);
        if weight > 0.0 {
            shares[column] += weight;
            sum += weight * loss(row);
        }
    }
    let total: f64 = shares.iter().sum();
    if shares.iter().filter(|share| **share > 0.0).count() < 2 {
        return None;
    }
    shares.iter_mut().for_each(|share| *share /= total);
    let baseline = of_shares(&shares);
    (baseline > 0.0).then(|| sum / total / baseline)
}

macro_rules! beside_shares {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $loss:ident, $of_shares:ident) => {
        $(#[$doc])*
        ///
        /// Rows of a single class are an error: nothing can be better than their share.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $metric;

        impl Metric for $metric {
            type Truth = Classes;
            type Prediction = Probabilities;
            const HIGHER_IS_BETTER: bool = true;

            fn name(&self) -> String {
                $name.to_owned()
            }

            fn bounds(&self) -> (f64, f64) {
                (f64::NEG_INFINITY, 1.0)
            }

            fn score_weighted(
                &self,
                truth: &Classes,
                prediction: &Probabilities,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                let columns = true_columns(truth, prediction, weights)?;
                let mut shares = vec![0.0; prediction.names().len()];
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                columns.iter().enumerate().for_each(|(row, &column)| shares[column] += weight(row));
                let n_there = shares.iter().filter(|share| **share > 0.0).count();
                let total: f64 = reduce::sum(&shares);
                shares.iter_mut().for_each(|share| *share /= total);
                let baseline = $of_shares(&shares);
                if n_there < 2 || !(baseline > 0.0) {
                    return Err(Error::insufficient_data(concat!(
                        "`", $name, "` compares with the shares of the classes, and all rows are of one class; check how the rows were split"
                    )));
                }
                let loss = mean_by(columns.len(), weights, |row| $loss::loss(prediction, row, columns[row]));
                Ok(1.0 - loss / baseline)
            }

            fn interval(
                &self,
                truth: &Classes,
                prediction: &Probabilities,
                options: &IntervalOptions<'_>,
            ) -> Result<Interval> {
                let weights = options.row_weights();
                self.score_weighted(truth, prediction, weights)?;
                let columns = true_columns(truth, prediction, weights)?;
                let losses: Vec<f64> =
                    (0..columns.len()).map(|row| $loss::loss(prediction, row, columns[row])).collect();
                let n_classes = prediction.names().len();
                options.of_counts(columns.len(), |counts| {
                    let weight =
                        |row: usize| f64::from(counts[row]) * weights.map_or(1.0, |weights| weights[row]);
                    let left = beside(&columns, n_classes, weight, |row| losses[row], $of_shares);
                    left.map_or(f64::NAN, |left| 1.0 - left)
                })
            }
        }
    };
}

beside_shares!(
    /// The share of the log loss of the class shares that is taken away: 1 is perfect, 0 is as good as the shares.
    D2LogLoss, "d2_log_loss", LogLoss, log_loss_of_shares
);
beside_shares!(
    /// The share of the Brier score of the class shares that is taken away (the Brier skill score): 1 is perfect, 0 is as
    /// good as the shares.
    D2Brier, "d2_brier", Brier, brier_of_shares
);

/// What is looked at on the curve of thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Point {
    KolmogorovSmirnov,
    RecallAtPrecision(f64),
    PrecisionAtRecall(f64),
    SpecificityAtRecall(f64),
    RecallAtSpecificity(f64),
}

/// The best that a threshold of the probability of a class can reach.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `positive` | the second of two classes | the class to find |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::{Metric, metric::ThresholdScore};
///
/// let truth = Classes::from_labels(["no", "no", "yes", "yes"]);
/// let answer = Probabilities::new(array![[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.2, 0.8]], truth.shared_names())?;
/// assert_eq!(ThresholdScore::recall_at_precision(0.9).score(&truth, &answer)?, 0.5);
/// assert_eq!(ThresholdScore::kolmogorov_smirnov().score(&truth, &answer)?, 0.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdScore {
    point: Point,
    #[serde(default)]
    positive: Option<String>,
}

const BOUND: Param = Param::real("bound", "what the other side must reach").at_least(0.0).at_most(1.0);

impl ThresholdScore {
    fn new(point: Point) -> Self {
        ThresholdScore { point, positive: None }
    }

    /// The largest gap between the shares of positive and of negative rows at or above a threshold.
    pub fn kolmogorov_smirnov() -> Self {
        ThresholdScore::new(Point::KolmogorovSmirnov)
    }

    /// The largest recall of a threshold with at least this precision; 0 where there is none.
    pub fn recall_at_precision(precision: f64) -> Self {
        ThresholdScore::new(Point::RecallAtPrecision(precision))
    }

    /// The largest precision of a threshold with at least this recall.
    pub fn precision_at_recall(recall: f64) -> Self {
        ThresholdScore::new(Point::PrecisionAtRecall(recall))
    }

    /// The largest specificity of a threshold with at least this recall.
    pub fn specificity_at_recall(recall: f64) -> Self {
        ThresholdScore::new(Point::SpecificityAtRecall(recall))
    }

    /// The largest recall of a threshold with at least this specificity; 0 where there is none.
    pub fn recall_at_specificity(specificity: f64) -> Self {
        ThresholdScore::new(Point::RecallAtSpecificity(specificity))
    }

    /// The class to find.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }
}

impl Metric for ThresholdScore {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        let name = match self.point {
            Point::KolmogorovSmirnov => "kolmogorov_smirnov".to_owned(),
            Point::RecallAtPrecision(bound) => format!("recall_at_precision_{bound}"),
            Point::PrecisionAtRecall(bound) => format!("precision_at_recall_{bound}"),
            Point::SpecificityAtRecall(bound) => format!("specificity_at_recall_{bound}"),
            Point::RecallAtSpecificity(bound) => format!("recall_at_specificity_{bound}"),
        };
        self.positive.as_ref().map_or(name.clone(), |class| format!("{name}_{class}"))
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    /// Of the gap of Kolmogorov and Smirnov it is that of a least cost (see [`cost_intervals`]): the threshold is the best for the rows that it is
    /// judged on, and what it looks better by is taken out of the interval.
    fn interval(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let weights = options.row_weights();
        let estimate = self.score_weighted(truth, prediction, weights)?;
        let Binary { scores, positive } = Binary::new(truth, prediction, self.positive.as_deref(), weights)?;
        if self.point == Point::KolmogorovSmirnov {
            // Where both classes weigh the same, it is what is left of the cost of calling none.
            let costs = cost_intervals(&scores, &positive, &[0.5], options)?;
            let of = |cost: &Interval| Interval {
                estimate,
                low: 1.0 - 2.0 * cost.high,
                high: 1.0 - 2.0 * cost.low,
                level: cost.level,
            };
            return costs.first().map(of).ok_or_else(|| Error::empty("there are no rows to score"));
        }
        let ranked = Ranked::new(&scores, &positive)?;
        options.of_counts(scores.len(), |counts| {
            let (cuts, all) = ranked.cuts(counts, weights);
            match all[0] > 0.0 && all[1] > 0.0 {
                true => self.best_of(&cuts, all).unwrap_or(f64::NAN),
                false => f64::NAN,
            }
        })
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        let Binary { scores, positive } = Binary::new(truth, prediction, self.positive.as_deref(), weights)?;
        let counts = threshold_counts(&scores, &positive, weights)?;
        let cuts =
            counts.true_positives.iter().zip(&counts.false_positives).map(|(right, wrong)| [*right, *wrong]);
        self.best_of(&cuts.collect::<Vec<_>>(), [counts.positive, counts.negative])
    }
}

impl ThresholdScore {
    /// The best that thresholds reach above which there are so much positive and negative weight, of all there is.
    pub(super) fn best_of(&self, cuts: &[[f64; 2]], [positive, negative]: [f64; 2]) -> Result<f64> {
        // Recall, precision and specificity at each threshold.
        let points = || {
            cuts.iter().map(|[right, wrong]| {
                ((right / positive).min(1.0), right / (right + wrong), (1.0 - wrong / negative).max(0.0))
            })
        };
        let best = |pick: &dyn Fn((f64, f64, f64)) -> (f64, f64), bound: f64| -> Result<f64> {
            BOUND.check(bound)?;
            Ok(points()
                .map(pick)
                .filter(|(_, other)| *other >= bound)
                .fold(0.0, |best, (score, _)| score.max(best)))
        };
        match self.point {
            Point::KolmogorovSmirnov => {
                Ok(points().map(|(recall, _, specificity)| recall + specificity - 1.0).fold(0.0, f64::max))
            }
            Point::RecallAtPrecision(bound) => best(&|(recall, precision, _)| (recall, precision), bound),
            Point::PrecisionAtRecall(bound) => best(&|(recall, precision, _)| (precision, recall), bound),
            Point::SpecificityAtRecall(bound) => {
                best(&|(recall, _, specificity)| (specificity, recall), bound)
            }
            Point::RecallAtSpecificity(bound) => {
                best(&|(recall, _, specificity)| (recall, specificity), bound)
            }
        }
    }
}
