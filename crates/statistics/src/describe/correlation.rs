use perennial_core::{Error, Result};

use super::{Moments, ranks};
use crate::check::{at_least, finite, no_nan, same_length};

/// Pearson's correlation.
///
/// ```
/// use perennial_statistics::describe::pearson;
/// assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0])? - 1.0).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the samples differ in length, have fewer than two values, are constant or not finite.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64> {
    same_length(x, y)?;
    at_least("the sample", x, 2)?;
    finite("the first sample", x)?;
    finite("the second sample", y)?;
    let (mx, my) = (Moments::of(x), Moments::of(y));
    let scale = mx.sum_of_squares().sqrt() * my.sum_of_squares().sqrt();
    if !(scale > 0.0) {
        return Err(Error::singular("a sample is constant, so it has no correlation; leave it out"));
    }
    let cross: f64 = x.iter().zip(y).map(|(a, b)| (a - mx.mean()) * (b - my.mean())).sum();
    Ok((cross / scale).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation, with ties.
///
/// # Errors
/// As [`pearson`], but infinite values are allowed.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64> {
    pearson(&ranks(x)?, &ranks(y)?)
}

/// Kendall's tau-b, with ties, in `n log n` steps (Knight, 1966).
///
/// # Errors
/// As [`spearman`].
pub fn kendall(x: &[f64], y: &[f64]) -> Result<f64> {
    same_length(x, y)?;
    at_least("the sample", x, 2)?;
    no_nan("the first sample", x)?;
    no_nan("the second sample", y)?;
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let mut order: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x: f64 = order.chunk_by(|a, b| a.0 == b.0).map(|run| pairs(run.len())).sum();
    let tied_both: f64 = order.chunk_by(|a, b| a == b).map(|run| pairs(run.len())).sum();
    // Sorting by x with equal values in the order of y: every inversion of y is a discordant pair.
    let mut by_y: Vec<f64> = order.into_iter().map(|(_, y)| y).collect();
    let discordant = count_inversions(&mut by_y);
    let tied_y: f64 = by_y.chunk_by(|a, b| a == b).map(|run| pairs(run.len())).sum();
    let all = pairs(x.len());
    let scale = ((all - tied_x) * (all - tied_y)).sqrt();
    if !(scale > 0.0) {
        return Err(Error::singular("a sample is constant, so it has no correlation; leave it out"));
    }
    Ok(((all - tied_x - tied_y + tied_both - 2.0 * discordant) / scale).clamp(-1.0, 1.0))
}

/// Sorts by merging, and counts the pairs that were out of order.
fn count_inversions(values: &mut Vec<f64>) -> f64 {
    let (mut inversions, mut width) = (0.0, 1);
    while width < values.len() {
        let mut merged = Vec::with_capacity(values.len());
        for run in values.chunks(2 * width) {
            let (left, right) = run.split_at(width.min(run.len()));
            let (mut i, mut j) = (0, 0);
            while i < left.len() || j < right.len() {
                if j == right.len() || (i < left.len() && left[i] <= right[j]) {
                    merged.push(left[i]);
                    i += 1;
                } else {
                    inversions += (left.len() - i) as f64;
                    merged.push(right[j]);
                    j += 1;
                }
            }
        }
        *values = merged;
        width *= 2;
    }
    inversions
}

/// The autocorrelation of a series at a lag.
///
/// # Errors
/// If the series is constant, not finite, or not longer than the lag.
pub fn autocorrelation(x: &[f64], lag: usize) -> Result<f64> {
    at_least("the series", x, lag.saturating_add(1))?;
    finite("the series", x)?;
    let moments = Moments::of(x);
    if !(moments.sum_of_squares() > 0.0) {
        return Err(Error::singular("the series is constant, so it has no autocorrelation; leave it out"));
    }
    let mean = moments.mean();
    let cross: f64 = x.iter().zip(&x[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum();
    Ok(cross / moments.sum_of_squares())
}
