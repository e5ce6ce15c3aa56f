//! How well scores put positive rows before negative ones.

mod curves;
mod labels;
mod precision;
mod queries;
mod rank_points;
mod rank_sums;
mod ranked;
mod sides;

pub use curves::{
    DetCurve, PrecisionRecallCurve, RocCurve, ThresholdCounts, area, det_curve, precision_recall_curve,
    roc_curve, threshold_counts,
};
pub use labels::LabelMetric;
pub use queries::{QueryMetric, QueryScores, score_queries};
pub use rank_sums::{Approximate, RankSums};

use perennial_core::{Error, Result};
use perennial_statistics::distribution::{Distribution, Normal};
use perennial_statistics::interval::{Interval, clopper_pearson};

pub(super) use precision::of_log_odds;
pub(super) use ranked::Ranked;
use sides::{Sides, weighted};

/// The area under the ROC curve: the share of the pairs of a positive and a negative row in which the positive
/// one has the higher score; ties count half.
///
/// Without weights it is the exact count of pairs, rounded once (up to 2^52 pairs).
///
/// ```
/// use perennial_evaluation::metric::ranking::roc_auc;
///
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true], None)?, 0.875);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the lengths differ, a score is not finite, a weight is not acceptable, or all rows with weight are
/// positive or all are negative.
pub fn roc_auc(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let auc = match weights {
        None => Sides::new(scores, positive, |key, _| key)?.two_sides("roc_auc")?.auc(),
        Some(_) => weighted(scores, positive, weights)?.two_sides("roc_auc")?.auc(),
    };
    Ok(auc)
}

/// The mean of the precision at each positive row, ties taken together; 0 where no row is positive.
///
/// # Errors
/// When there are no rows, the lengths differ, a score is not finite, or a weight is not acceptable.
pub fn average_precision(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    match weights {
        None => Ok(Sides::new(scores, positive, |key, _| key)?.average_precision()),
        Some(_) => Ok(weighted(scores, positive, weights)?.average_precision()),
    }
}

/// The area under the ROC curve with its interval by the variance of DeLong, DeLong and Clarke-Pearson (1988), in
/// the time of a sort (Sun and Xu, 2014).
///
/// Where the scores separate the classes wholly the variance says nothing; then the interval is that of
/// `k` out of `k` successes, `k` being the rows of the rarer class.
///
/// # Errors
/// As [`roc_auc`], or when a class has fewer than two rows or the level is not in (0, 1).
pub fn roc_auc_interval(scores: &[f64], positive: &[bool], level: f64) -> Result<Interval> {
    let sides = Sides::new(scores, positive, |key, _| key)?.two_sides("roc_auc")?;
    let (m, n) = (sides.positive.len(), sides.negative.len());
    let rarer = m.min(n);
    if rarer < 2 {
        return Err(Error::insufficient_data(format!(
            "the interval of `roc_auc` needs at least 2 rows of each class; there are {m} positive and {n} negative rows"
        )));
    }
    let auc = sides.auc();
    let counts = [m as f64, n as f64];
    // Per positive row: the share of negatives below it. Per negative row: the share of positives above it.
    let (mut above_positive, mut above_negative) = (0.0, 0.0);
    let (mut of_positive, mut of_negative) = (0.0, 0.0);
    sides.each_score(|_, positive, negative| {
        let below = (n as f64 - above_negative - 0.5 * negative) / n as f64;
        let above = (above_positive + 0.5 * positive) / m as f64;
        of_positive += positive * (below - auc).powi(2);
        of_negative += negative * (above - auc).powi(2);
        above_positive += positive;
        above_negative += negative;
    });
    delong(auc, [of_positive, of_negative], counts, level)
}

/// The interval of an area, from the squared distances of the places of positive and negative rows from it, and their numbers.
fn delong(auc: f64, squares: [f64; 2], [m, n]: [f64; 2], level: f64) -> Result<Interval> {
    let rarer = m.min(n) as u64;
    let variance = squares[0] / ((m - 1.0) * m) + squares[1] / ((n - 1.0) * n);
    let bound = clopper_pearson(rarer, rarer, level)?;
    let (low, high) = if variance > 0.0 {
        let half = Normal::new(0.0, 1.0)?.isf(0.5 * (1.0 - level)) * variance.sqrt();
        ((auc - half).max(0.0), (auc + half).min(1.0))
    } else if auc > 0.5 {
        (bound.low, 1.0)
    } else if auc < 0.5 {
        (0.0, 1.0 - bound.low)
    } else {
        (0.5, 0.5)
    };
    Ok(Interval { estimate: auc, low, high, level })
}
