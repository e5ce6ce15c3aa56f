//! How sure it is that groups of rows stand apart.

use std::collections::BTreeSet;

use ndarray::{ArrayRef2, Axis, s};
use perennial_core::{Error, Result};
use perennial_numeric::distance;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;

use super::{BLOCK, between_by_within, calinski_harabasz, davies_bouldin, groups, of_sums, silhouette};
use crate::IntervalOptions;

/// More sums of distances than this (2 GiB) are not held.
const MOST_SUMS: usize = 1 << 28;

/// The mean of [`silhouette`] over all rows and how sure it is, by the jackknife: what a row adds depends on all others, so
/// neither the rows' own numbers nor resamples, in which a row is its own neighbour, say how sure the mean is. The labels are
/// those of a rule that does not change with the rows; what another clustering of other rows would add is not in it.
///
/// ```
/// use ndarray::Array2;
/// use perennial_evaluation::IntervalOptions;
/// use perennial_evaluation::metric::clusters::silhouette_interval;
///
/// let x = Array2::from_shape_fn((60, 1), |(row, _)| (row % 2 * 8 + row * 7 % 5) as f64);
/// let labels: Vec<u32> = (0..60).map(|row| row % 2).collect();
/// let mean = silhouette_interval(&x, &labels, &IntervalOptions::new())?;
/// assert!(mean.estimate > 0.7 && mean.low > 0.6 && mean.high < 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`silhouette`] and [`IntervalOptions::of_left_out`], or when the options have weights or ask for a bootstrap,
/// or rows times groups are more than 2^28.
pub fn silhouette_interval(
    x: &ArrayRef2<f64>,
    labels: &[u32],
    options: &IntervalOptions<'_>,
) -> Result<Interval> {
    check(options)?;
    let (groups, sizes) = groups(x, labels)?;
    let (n_rows, n_groups) = (x.nrows(), sizes.len());
    if n_rows.saturating_mul(n_groups) > MOST_SUMS {
        return Err(Error::too_large(format!(
            "{n_rows} rows times {n_groups} groups are more than {MOST_SUMS} sums of distances; draw a sample of the rows"
        )));
    }
    let own = silhouette(x, labels)?;
    let sums = group_distances(x, &groups, n_groups);
    let found = options.of_left_out(n_rows, |left_out| {
        if left_out.is_empty() {
            return reduce::mean(&own);
        }
        let mut sizes = sizes.clone();
        left_out.iter().for_each(|&row| sizes[groups[row]] -= 1.0);
        let n_left = n_rows - left_out.len();
        let groups_left = sizes.iter().filter(|size| **size > 0.0).count();
        if groups_left < 2 || groups_left >= n_left {
            return f64::NAN;
        }
        let (mut sum, mut leaving) = (0.0, left_out.to_vec());
        leaving.sort_unstable();
        for (block, sums) in sums.iter().enumerate() {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(n_rows);
            let near = x.slice(s![rows.clone(), ..]);
            let mut left = sums.clone();
            for part in left_out.chunks(BLOCK) {
                let gone = distance::euclidean(&near, &x.select(Axis(0), part));
                for (left, gone) in left.chunks_mut(n_groups).zip(gone.rows()) {
                    part.iter().zip(gone).for_each(|(&other, distance)| left[groups[other]] -= distance);
                }
            }
            for (row, left) in rows.zip(left.chunks(n_groups)) {
                if leaving.binary_search(&row).is_err() {
                    sum += of_sums(left, &sizes, groups[row]);
                }
            }
        }
        sum / n_left as f64
    })?;
    Ok(Interval { low: found.low.max(-1.0), high: found.high.min(1.0), ..found })
}

/// [`calinski_harabasz`] and how sure it is, by the jackknife of the squares between groups by those within.
///
/// # Errors
/// As [`silhouette_interval`], or when no group has any spread.
pub fn calinski_harabasz_interval(
    x: &ArrayRef2<f64>,
    labels: &[u32],
    options: &IntervalOptions<'_>,
) -> Result<Interval> {
    check(options)?;
    let estimate = calinski_harabasz(x, labels)?;
    let found = options.of_left_out(x.nrows(), |left_out| {
        without(x, labels, left_out, |x, labels| Ok(between_by_within(x, labels)?[0])).unwrap_or(f64::NAN)
    })?;
    let n_groups = labels.iter().collect::<BTreeSet<_>>().len() as f64;
    let scale = (x.nrows() as f64 - n_groups) / (n_groups - 1.0);
    Ok(Interval { estimate, low: scale * found.low.max(0.0), high: scale * found.high, ..found })
}

/// [`davies_bouldin`] and how sure it is, by the jackknife.
///
/// # Errors
/// As [`silhouette_interval`] and [`davies_bouldin`].
pub fn davies_bouldin_interval(
    x: &ArrayRef2<f64>,
    labels: &[u32],
    options: &IntervalOptions<'_>,
) -> Result<Interval> {
    check(options)?;
    davies_bouldin(x, labels)?;
    let found = options.of_left_out(x.nrows(), |left_out| {
        without(x, labels, left_out, davies_bouldin).unwrap_or(f64::NAN)
    })?;
    Ok(Interval { low: found.low.max(0.0), ..found })
}

fn check(options: &IntervalOptions<'_>) -> Result<()> {
    if options.row_weights().is_some() {
        return Err(Error::unsupported("scores of clusters take no weights; give options without them"));
    }
    if options.is_forced() {
        return Err(Error::unsupported(
            "a bootstrap makes each row a neighbour of itself, so it says nothing of clusters; leave out `bootstrap()`",
        ));
    }
    Ok(())
}

/// A score of the rows that are left.
fn without(
    x: &ArrayRef2<f64>,
    labels: &[u32],
    left_out: &[usize],
    score: impl Fn(&ArrayRef2<f64>, &[u32]) -> Result<f64>,
) -> Result<f64> {
    let mut keep = vec![true; labels.len()];
    left_out.iter().for_each(|&row| keep[row] = false);
    let rows: Vec<usize> = (0..labels.len()).filter(|&row| keep[row]).collect();
    let labels: Vec<u32> = rows.iter().map(|&row| labels[row]).collect();
    score(&x.select(Axis(0), &rows), &labels)
}

/// For each row the sum of its distances to the rows of each group, row by row in blocks of [`BLOCK`] rows.
fn group_distances(x: &ArrayRef2<f64>, groups: &[usize], n_groups: usize) -> Vec<Vec<f64>> {
    let of_rows = |rows: std::ops::Range<usize>| {
        let distances = distance::euclidean(&x.slice(s![rows, ..]), x);
        let mut sums = vec![0.0; distances.nrows() * n_groups];
        for (distances, sums) in distances.rows().into_iter().zip(sums.chunks_mut(n_groups)) {
            distances.iter().zip(groups).for_each(|(distance, &group)| sums[group] += distance);
        }
        sums
    };
    reduce::map_chunks(x.nrows(), BLOCK, of_rows)
}
