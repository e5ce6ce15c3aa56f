//! Two areas under the ROC curve on the same rows.

use perennial_core::{Error, Result, check_numbers};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Distribution, Normal};
use perennial_statistics::interval::Interval;

use super::alike::Seen;
use super::{Comparison, ComparisonOptions, EQUIVALENCE};
use crate::interval::two_sided_t;

/// Compares the areas under the ROC curves of two scores on the same rows: DeLong's paired test (DeLong, DeLong and
/// Clarke-Pearson, 1988), in the time of a sort (Sun and Xu, 2014).
///
/// Of `options`, the level and the region of equivalence count; where rows are weighted or not independent,
/// [`compare`](crate::compare) resamples them.
///
/// Where all rows gain the same, such as nothing, their variance says nothing. The interval is then the exact one of the
/// rows of the rarer class, of which a share may be otherwise (Clopper and Pearson, 1934), and the p-value that of their
/// sign test.
///
/// ```
/// use perennial_evaluation::{ComparisonOptions, compare_roc_auc};
///
/// let positive = [true, true, true, false, false, false];
/// let (first, second) = ([0.5, 0.2, 0.6, 0.3, 0.4, 0.1], [0.9, 0.6, 0.7, 0.2, 0.5, 0.1]);
/// let comparison = compare_roc_auc(&positive, &first, &second, &ComparisonOptions::new())?;
/// assert_eq!(comparison.second, 1.0);
/// assert!((comparison.gain.estimate - 2.0 / 9.0).abs() < 1e-15);
/// assert!(comparison.p_value.unwrap() > 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When lengths differ, a score is not finite, a class has fewer than two rows, rows have weights, groups or blocks, or
/// a setting is out of range.
pub fn compare_roc_auc(
    positive: &[bool],
    first: &[f64],
    second: &[f64],
    options: &ComparisonOptions<'_>,
) -> Result<Comparison> {
    EQUIVALENCE.check(options.equivalence)?;
    let level = options.interval.confidence();
    // Refuses a level out of range.
    two_sided_t(1.0, level)?;
    if !options.interval.is_plain() {
        return Err(Error::unsupported(
            "the paired test of DeLong is for independent rows of one weight; use `compare`, which resamples them",
        ));
    }
    let side =
        |class: bool| -> Vec<usize> { (0..positive.len()).filter(|&row| positive[row] == class).collect() };
    let (positives, negatives) = (side(true), side(false));
    if positives.len().min(negatives.len()) < 2 {
        return Err(Error::insufficient_data(format!(
            "the test of two `roc_auc` needs at least 2 rows of each class; there are {} positive and {} negative rows",
            positives.len(),
            negatives.len()
        )));
    }
    let places = |scores: &[f64], name: &str| -> Result<[Vec<f64>; 2]> {
        if scores.len() != positive.len() {
            return Err(Error::length_mismatch(name, positive.len(), scores.len()));
        }
        check_numbers(name, scores)?;
        Ok(placements(scores, &positives, &negatives))
    };
    let (a, b) = (places(first, "the first score")?, places(second, "the second score")?);
    let aucs = [reduce::mean(&a[0]), reduce::mean(&b[0])];
    let differences: [Vec<f64>; 2] =
        [0_usize, 1].map(|side| a[side].iter().zip(&b[side]).map(|(a, b)| b - a).collect());
    // The variance of a mean of differences, on each side.
    let spread = |side: &[f64]| reduce::mean_variance(side, 1).1 / side.len() as f64;
    let error = (spread(&differences[0]) + spread(&differences[1])).sqrt();
    let estimate = aucs[1] - aucs[0];
    let normal = Normal::new(0.0, 1.0)?;
    let half = normal.isf(0.5 * (1.0 - level)) * error;
    let gain =
        Interval { estimate, low: (estimate - half).max(-1.0), high: (estimate + half).min(1.0), level };
    // Where no row differs from another in its gain, what the rarer class leaves possible.
    let rarer = positives.len().min(negatives.len()) as f64;
    let seen = Seen::new((0.0, 1.0), std::iter::empty());
    let (gain, p_value) = if differences.iter().all(|side| seen.all_alike(side)) {
        (seen.around(rarer, gain), seen.sign_test(estimate, rarer))
    } else {
        (gain, (2.0 * normal.sf((estimate / error).abs())).min(1.0))
    };
    let comparison = Comparison::new("roc_auc".to_owned(), aucs, gain, options.equivalence);
    Ok(Comparison { p_value: Some(p_value), ..comparison })
}

/// For each positive row the share of negative rows below it, and for each negative row the share of positive rows
/// above it; ties count half.
fn placements(scores: &[f64], positives: &[usize], negatives: &[usize]) -> [Vec<f64>; 2] {
    let sorted = |rows: &[usize]| {
        let mut sorted: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let below = |sorted: &[f64], score: f64| {
        let (less, up_to) =
            (sorted.partition_point(|other| *other < score), sorted.partition_point(|other| *other <= score));
        0.5 * (less + up_to) as f64 / sorted.len() as f64
    };
    let (of_positives, of_negatives) = (sorted(positives), sorted(negatives));
    let first = positives.iter().map(|&row| below(&of_negatives, scores[row])).collect();
    let second = negatives.iter().map(|&row| 1.0 - below(&of_positives, scores[row])).collect();
    [first, second]
}
