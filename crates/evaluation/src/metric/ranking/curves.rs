//! What each threshold of a score does.

use perennial_core::{Error, Result, check_numbers};
use serde::{Deserialize, Serialize};

use super::sides::{score_of, weighted};

/// The shares of negative and positive rows at or above each threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocCurve {
    /// The share of the negative rows at or above the threshold, from 0 to 1.
    pub false_positive_rate: Vec<f64>,
    /// The share of the positive rows at or above the threshold, from 0 to 1.
    pub true_positive_rate: Vec<f64>,
    /// The thresholds, falling; the curve begins above the first, so it has one point more.
    pub thresholds: Vec<f64>,
}

/// The ROC curve, with a point for each different score.
///
/// # Errors
/// As [`roc_auc`](super::roc_auc).
pub fn roc_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<RocCurve> {
    Ok(threshold_counts(scores, positive, weights)?.roc_curve())
}

/// Precision and recall of the rows at or above each threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionRecallCurve {
    /// The share of the rows at or above the threshold that are positive; 1 for none, the last point.
    pub precision: Vec<f64>,
    /// The share of the positive rows at or above the threshold; falls to 0, the last point.
    pub recall: Vec<f64>,
    /// The thresholds, rising; the curve has one point more.
    pub thresholds: Vec<f64>,
}

/// The curve of precision and recall, with a point for each different score and one for no row at all.
///
/// # Errors
/// As [`roc_auc`](super::roc_auc).
pub fn precision_recall_curve(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
) -> Result<PrecisionRecallCurve> {
    Ok(threshold_counts(scores, positive, weights)?.precision_recall_curve())
}

/// The two kinds of error at each threshold: rows that are taken for positive, and positive rows that are missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetCurve {
    /// The share of the negative rows at or above the threshold.
    pub false_positive_rate: Vec<f64>,
    /// The share of the positive rows below the threshold.
    pub false_negative_rate: Vec<f64>,
    /// The thresholds, falling.
    pub thresholds: Vec<f64>,
}

/// The detection error trade-off (Martin and others, 1997), with a point for each different score.
///
/// # Errors
/// As [`roc_auc`](super::roc_auc).
pub fn det_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<DetCurve> {
    Ok(threshold_counts(scores, positive, weights)?.det_curve())
}

/// What is right and wrong when the rows at or above each threshold are taken for positive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCounts {
    /// The different scores, falling.
    pub thresholds: Vec<f64>,
    /// The weight of the positive rows at or above each threshold.
    pub true_positives: Vec<f64>,
    /// The weight of the negative rows at or above each threshold.
    pub false_positives: Vec<f64>,
    /// The weight of all positive rows.
    pub positive: f64,
    /// The weight of all negative rows.
    pub negative: f64,
}

impl ThresholdCounts {
    /// As the free function [`roc_curve`].
    pub fn roc_curve(&self) -> RocCurve {
        let from_none = |weights: &[f64], whole: f64| -> Vec<f64> {
            std::iter::once(0.0).chain(weights.iter().map(|weight| (weight / whole).min(1.0))).collect()
        };
        RocCurve {
            false_positive_rate: from_none(&self.false_positives, self.negative),
            true_positive_rate: from_none(&self.true_positives, self.positive),
            thresholds: self.thresholds.clone(),
        }
    }

    /// As the free function [`precision_recall_curve`].
    pub fn precision_recall_curve(&self) -> PrecisionRecallCurve {
        let n = self.thresholds.len();
        let mut curve = PrecisionRecallCurve {
            precision: Vec::with_capacity(n + 1),
            recall: Vec::with_capacity(n + 1),
            thresholds: self.thresholds.iter().rev().copied().collect(),
        };
        for place in (0..n).rev() {
            let (right, wrong) = (self.true_positives[place], self.false_positives[place]);
            curve.precision.push(right / (right + wrong));
            curve.recall.push((right / self.positive).min(1.0));
        }
        curve.precision.push(1.0);
        curve.recall.push(0.0);
        curve
    }

    /// As the free function [`det_curve`].
    pub fn det_curve(&self) -> DetCurve {
        let missed = |right: &f64| (1.0 - right / self.positive).max(0.0);
        DetCurve {
            false_positive_rate: self
                .false_positives
                .iter()
                .map(|wrong| (wrong / self.negative).min(1.0))
                .collect(),
            false_negative_rate: self.true_positives.iter().map(missed).collect(),
            thresholds: self.thresholds.clone(),
        }
    }
}

/// Counts both sides at each different score: any measure of a threshold follows from it.
///
/// ```
/// use perennial_evaluation::metric::ranking::threshold_counts;
///
/// let counts = threshold_counts(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true], None)?;
/// assert_eq!(counts.thresholds, [0.8, 0.4, 0.1]);
/// assert_eq!((counts.true_positives[1], counts.false_positives[1]), (2.0, 1.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`roc_auc`](super::roc_auc).
pub fn threshold_counts(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
) -> Result<ThresholdCounts> {
    let sides = weighted(scores, positive, weights)?.two_sides("the curve")?;
    let mut counts = ThresholdCounts {
        thresholds: Vec::new(),
        true_positives: Vec::new(),
        false_positives: Vec::new(),
        positive: sides.positive_weight(),
        negative: sides.negative_weight(),
    };
    let (mut right, mut wrong) = (0.0, 0.0);
    sides.each_score(|key, positive, negative| {
        right += positive;
        wrong += negative;
        counts.thresholds.push(score_of(key));
        counts.true_positives.push(right);
        counts.false_positives.push(wrong);
    });
    Ok(counts)
}

/// The area under a line through points, by trapezoids; `x` rises or falls, equal neighbours allowed.
///
/// ```
/// assert_eq!(perennial_evaluation::metric::ranking::area(&[0.0, 0.5, 1.0], &[0.0, 1.0, 1.0])?, 0.75);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are fewer than two points, the lengths differ, a number is not finite, or `x` both rises and falls.
pub fn area(x: &[f64], y: &[f64]) -> Result<f64> {
    if x.len() != y.len() {
        return Err(Error::length_mismatch("the heights of the line", x.len(), y.len()));
    }
    if x.len() < 2 {
        return Err(Error::insufficient_data(format!(
            "an area needs 2 points at least; there are {}",
            x.len()
        )));
    }
    check_numbers("x", x)?;
    check_numbers("y", y)?;
    let steps = || x.windows(2).map(|pair| pair[1] - pair[0]);
    let sign = match (steps().any(|step| step < 0.0), steps().any(|step| step > 0.0)) {
        (true, true) => {
            return Err(Error::malformed("x rises and falls; sort the points by x"));
        }
        (true, false) => -1.0,
        _ => 1.0,
    };
    Ok(sign * steps().zip(y.windows(2)).map(|(step, pair)| step * 0.5 * (pair[0] + pair[1])).sum::<f64>())
}
