//! Intervals of what counted rows say.

use perennial_core::{Error, Result};
use perennial_statistics::interval::Interval;

use super::{ConfusionMatrix, OfConfusion};
use crate::interval::{two_sided_t, unseen_of_classes};

/// Up to here every whole number is an f64.
const MOST_ROWS: f64 = 9_007_199_254_740_992.0;

/// Of more rows several are left out at once: what one of them changes would be lost in the rounding of the score.
const ONE_BY_ONE: f64 = 1e6;

/// The number of the rows that were counted.
///
/// # Errors
/// When there are none, or the counts are weights.
pub(super) fn counted_rows(confusion: &ConfusionMatrix) -> Result<f64> {
    let total = confusion.total()?;
    match confusion.counts().iter().all(|count| count.fract() == 0.0) && total < MOST_ROWS {
        true => Ok(total),
        false => Err(Error::unsupported(
            "the confusion matrix holds weights, which do not tell how many rows there are; give the rows to `Metric::interval`, with their weights",
        )),
    }
}

/// Student's interval by the jackknife (Tukey, 1958): all rows of a cell are alike, so one of each is left out, of more than a
/// million rows a millionth of them. It is [`IntervalOptions::of_left_out`](crate::IntervalOptions::of_left_out) of the rows.
pub(super) fn left_out<M: OfConfusion>(
    metric: &M,
    confusion: &ConfusionMatrix,
    level: f64,
) -> Result<Interval> {
    let n_rows = counted_rows(confusion)?;
    let estimate = metric.of_confusion(confusion)?;
    if n_rows < 2.0 {
        return Err(Error::insufficient_data("an interval needs at least 2 rows, and 1 was counted"));
    }
    let reach = two_sided_t(n_rows - 1.0, level)?;
    let unit = (n_rows / ONE_BY_ONE).max(1.0);
    let rounding = 8.0 * f64::EPSILON * estimate.abs().max(1.0);
    let mut changes: Vec<(f64, f64)> = Vec::new();
    let mut moves = false;
    for (place, &count) in confusion.counts().indexed_iter().filter(|(_, count)| **count > 0.0) {
        let mut without = confusion.clone();
        let step = unit.min(count);
        without.counts[place] -= step;
        let score = metric.of_confusion(&without).map_err(|error| {
            error.context(
                "without one of the rows, so nothing is known of how sure the score is; count more rows",
            )
        })?;
        moves |= (estimate - score).abs() > rounding;
        changes.push((count, (estimate - score) / step));
    }
    let mean = changes.iter().map(|(count, change)| count * change).sum::<f64>() / n_rows;
    let squares = changes.iter().map(|(count, change)| count * (change - mean).powi(2)).sum::<f64>();
    // What few rows make too high or too low is nothing of so many.
    let centre = if unit > 1.0 { estimate } else { estimate + (n_rows - 1.0) * mean };
    let half = reach * (squares * (n_rows - 1.0) / n_rows).sqrt();
    let found = match moves && half > 0.0 {
        true => Interval { estimate, low: centre - half, high: centre + half, level },
        false => {
            let found = Interval { estimate, low: estimate, high: estimate, level };
            let mut own = confusion.true_weights();
            own.resize(own.len().max(2), 0.0);
            unseen_of_classes(found, n_rows, &own, confusion, |confusion| {
                metric.of_confusion(confusion).ok().filter(|score| score.is_finite())
            })
        }
    };
    let (least, most) = metric.bounds();
    Ok(Interval { low: found.low.clamp(least, most), high: found.high.clamp(least, most), ..found })
}
