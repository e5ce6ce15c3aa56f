//! What the rows with the highest scores are worth.

use perennial_core::{Error, Result};
use perennial_statistics::interval::Interval;

use super::sweep::{Sweep, ranked, tied};
use super::value::ValueModel;
use crate::IntervalOptions;

/// The value of acting on the `k` rows with the highest scores and on no other, for each `k`; of rows with the same score, the mean
/// over all ways to choose among them.
///
/// With weights it is that of acting on rows of the weight `k`: a row of weight 2 stands for two rows, and one that reaches beyond
/// `k` counts by its part.
///
/// ```
/// use perennial_evaluation::decision::{OutcomeValues, profit_at_k};
///
/// let values = OutcomeValues::gains(10.0, -2.0, 0.0, 0.0).into();
/// let (scores, positive) = ([0.9, 0.8, 0.1], [true, false, true]);
/// assert_eq!(profit_at_k(&scores, &positive, None, &values, &[0, 1, 2, 3])?, [0.0, 10.0, 8.0, 18.0]);
/// assert_eq!(profit_at_k(&scores, &positive, Some(&[2.0, 1.0, 1.0]), &values, &[1, 2, 3])?, [10.0, 20.0, 18.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, a number is not acceptable, or a `k` is larger than the number of rows, or their
/// weight.
pub fn profit_at_k(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
    values: &ValueModel,
    ks: &[usize],
) -> Result<Vec<f64>> {
    let sweep = Sweep::new(scores, positive, weights, Some(values))?;
    let depth = |place: usize| sweep.cuts[place].true_positive + sweep.cuts[place].false_positive;
    let depths: Vec<f64> = (0..sweep.cuts.len()).map(depth).collect();
    let profit = |&k: &usize| {
        let k = reachable(k, sweep.total())?;
        let above = depths.partition_point(|depth| *depth < k);
        let cut = &sweep.cuts[above];
        let Some(before) = above.checked_sub(1) else { return Ok(cut.value) };
        let share = (k - depths[before]) / (depths[above] - depths[before]);
        Ok(sweep.cuts[before].value + share * (cut.value - sweep.cuts[before].value))
    };
    let found = ks.iter().map(profit).collect::<Result<Vec<f64>>>()?;
    match found.iter().all(|profit| profit.is_finite()) {
        true => Ok(found),
        false => Err(Error::overflow(
            "what the rows are worth is beyond the range of f64; scale the values or the weights",
        )),
    }
}

/// A `k` that is not above the weight of all rows.
fn reachable(k: usize, total: f64) -> Result<f64> {
    // The sum of weights may miss a whole number by a rounding.
    match k as f64 {
        wanted if wanted <= total * (1.0 + 1e-12) => Ok(wanted.min(total)),
        _ => Err(Error::invalid_param(
            "k",
            k,
            format!("at most {total}, the number of the rows or their weight"),
        )),
    }
}

/// [`profit_at_k`] with how sure each value is, for other rows like these and as many of them: by the bootstrap of the options, with
/// their weights, groups or blocks. Rows that are drawn are ranked anew.
///
/// Where weights differ, rows that are drawn may weigh less than `k` together; then all of them are acted on.
///
/// # Errors
/// As [`profit_at_k`], and [`IntervalOptions::of_counts`].
pub fn profit_intervals(
    scores: &[f64],
    positive: &[bool],
    values: &ValueModel,
    ks: &[usize],
    options: &IntervalOptions<'_>,
) -> Result<Vec<Interval>> {
    let weights = options.row_weights();
    let total = Sweep::new(scores, positive, weights, Some(values))?.total();
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let worth = |row: usize, called: bool| weight(row) * values.row(row).of(positive[row], called);
    let order = ranked(scores, weights);
    // What each row weighs, what it is worth when left alone, and what acting on it adds.
    let rows: Vec<[f64; 3]> = (0..scores.len())
        .map(|row| [weight(row), worth(row, false), worth(row, true) - worth(row, false)])
        .collect();
    let profit = |k: f64, counts: &[u32]| {
        let (mut profit, mut left) = (0.0, k);
        for tied in tied(&order, scores) {
            let (mut weight, mut gain) = (0.0, 0.0);
            for &row in tied {
                let (count, row) = (f64::from(counts[row]), rows[row]);
                weight += count * row[0];
                profit += count * row[1];
                gain += count * row[2];
            }
            if weight > 0.0 && left > 0.0 {
                profit += gain * (left / weight).min(1.0);
                left -= weight;
            }
        }
        profit
    };
    let interval = |&k: &usize| {
        let k = reachable(k, total)?;
        options.of_counts(scores.len(), |counts| profit(k, counts))
    };
    ks.iter().map(interval).collect()
}
