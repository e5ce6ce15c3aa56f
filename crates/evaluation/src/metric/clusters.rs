//! How well groups of rows stand apart, where no truth is known.

mod interval;

pub use interval::{calinski_harabasz_interval, davies_bouldin_interval, silhouette_interval};

use ndarray::{Array2, ArrayRef2, Axis, s};
use perennial_core::{Error, Result};
use perennial_numeric::{distance, reduce};

/// Rows whose distances to all others are looked at together.
const BLOCK: usize = 256;

/// The members of each group that has rows; two groups or more, and fewer than rows.
fn groups(x: &ArrayRef2<f64>, labels: &[u32]) -> Result<(Vec<usize>, Vec<f64>)> {
    if labels.len() != x.nrows() {
        return Err(Error::length_mismatch("the labels", x.nrows(), labels.len()));
    }
    if let Some(((row, column), value)) = x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::malformed(format!(
            "row {row} has {value} in column {column}; distances need finite numbers"
        )));
    }
    let mut distinct = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 2 || distinct.len() >= labels.len() {
        return Err(Error::insufficient_data(format!(
            "the rows are in {} groups; of {} rows, 2 groups at least and {} at most can be told apart",
            distinct.len(),
            labels.len(),
            labels.len().saturating_sub(1)
        )));
    }
    let places: Vec<usize> = labels.iter().map(|label| distinct.binary_search(label).unwrap_or(0)).collect();
    let mut sizes = vec![0.0; distinct.len()];
    places.iter().for_each(|&group| sizes[group] += 1.0);
    Ok((places, sizes))
}

/// The silhouette of each row (Rousseeuw, 1987): how much nearer it is to its own group than to the next one, from -1 to
/// 1; 0 for the only row of a group. Euclidean; the time grows with the square of the rows.
///
/// ```
/// use ndarray::array;
/// use perennial_evaluation::metric::clusters::silhouette;
///
/// let x = array![[0.0], [1.0], [10.0], [11.0]];
/// let rows = silhouette(&x, &[0, 0, 1, 1])?;
/// assert!(rows.iter().all(|row| *row > 0.85));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the lengths differ, a value is not finite, or there are not 2 to `n - 1` groups.
pub fn silhouette(x: &ArrayRef2<f64>, labels: &[u32]) -> Result<Vec<f64>> {
    let (groups, sizes) = groups(x, labels)?;
    let of_rows = |rows: std::ops::Range<usize>| {
        let distances = distance::euclidean(&x.slice(s![rows.clone(), ..]), x);
        let of_row = |(row, distances): (usize, ndarray::ArrayView1<'_, f64>)| {
            let mut sums = vec![0.0; sizes.len()];
            distances.iter().zip(&groups).for_each(|(distance, &group)| sums[group] += distance);
            of_sums(&sums, &sizes, groups[row])
        };
        rows.zip(distances.axis_iter(Axis(0))).map(of_row).collect::<Vec<f64>>()
    };
    Ok(reduce::map_chunks(x.nrows(), BLOCK, of_rows).concat())
}

/// The silhouette of a row by the sums of its distances to the rows of each group; groups of size 0 do not count.
fn of_sums(sums: &[f64], sizes: &[f64], own: usize) -> f64 {
    if sizes[own] == 1.0 {
        return 0.0;
    }
    let within = sums[own] / (sizes[own] - 1.0);
    let others = (0..sizes.len()).filter(|&group| group != own && sizes[group] > 0.0);
    let next = others.map(|group| sums[group] / sizes[group]).fold(f64::INFINITY, f64::min);
    let larger = within.max(next);
    if larger > 0.0 { (next - within) / larger } else { 0.0 }
}

/// The centre of each group, and the mean of all rows.
fn centres(x: &ArrayRef2<f64>, groups: &[usize], sizes: &[f64]) -> (Array2<f64>, Vec<f64>) {
    let mut centres = Array2::zeros((sizes.len(), x.ncols()));
    let mut mean = vec![0.0; x.ncols()];
    for (row, &group) in x.rows().into_iter().zip(groups) {
        for (column, value) in row.iter().enumerate() {
            centres[[group, column]] += value / sizes[group];
            mean[column] += value / groups.len() as f64;
        }
    }
    (centres, mean)
}

/// The variance between groups by that within, each by its degrees of freedom (Caliński and Harabasz, 1974): larger is
/// better. It is 1 where no group has any spread.
///
/// # Errors
/// As [`silhouette`].
pub fn calinski_harabasz(x: &ArrayRef2<f64>, labels: &[u32]) -> Result<f64> {
    let [ratio, n_groups] = between_by_within(x, labels)?;
    Ok(if ratio.is_infinite() { 1.0 } else { ratio * (x.nrows() as f64 - n_groups) / (n_groups - 1.0) })
}

/// The squares between groups by those within, infinite where no group has any spread; and how many groups there are.
fn between_by_within(x: &ArrayRef2<f64>, labels: &[u32]) -> Result<[f64; 2]> {
    let (groups, sizes) = groups(x, labels)?;
    let (centres, mean) = centres(x, &groups, &sizes);
    let squared = |a: ndarray::ArrayView1<'_, f64>, b: &dyn Fn(usize) -> f64| {
        a.iter().enumerate().map(|(column, value)| (value - b(column)).powi(2)).sum::<f64>()
    };
    let between: f64 = sizes
        .iter()
        .zip(centres.rows())
        .map(|(size, centre)| size * squared(centre, &|column| mean[column]))
        .sum();
    let within =
        reduce::sum_by(x.nrows(), |row| squared(x.row(row), &|column| centres[[groups[row], column]]));
    Ok([if within == 0.0 { f64::INFINITY } else { between / within }, sizes.len() as f64])
}

/// How near each group is to the one most like it, by the spread of both (Davies and Bouldin, 1979): smaller is better, 0
/// the least. Groups with one and the same centre are an error.
///
/// # Errors
/// As [`silhouette`], or when two groups with spread have the same centre.
pub fn davies_bouldin(x: &ArrayRef2<f64>, labels: &[u32]) -> Result<f64> {
    let (groups, sizes) = groups(x, labels)?;
    let (centres, _) = centres(x, &groups, &sizes);
    let mut spreads = vec![0.0; sizes.len()];
    for (row, &group) in groups.iter().enumerate() {
        let (row, centre) = (x.row(row), centres.row(group));
        let squares: f64 = row.iter().zip(centre).map(|(a, b)| (a - b).powi(2)).sum();
        spreads[group] += squares.sqrt() / sizes[group];
    }
    let between = distance::euclidean(&centres, &centres);
    let mut sum = 0.0;
    for a in 0..sizes.len() {
        let mut worst: f64 = 0.0;
        for b in (0..sizes.len()).filter(|&b| b != a) {
            let spread = spreads[a] + spreads[b];
            if spread > 0.0 && between[[a, b]] == 0.0 {
                return Err(Error::insufficient_data(
                    "two groups have the same centre, so no distance tells them apart; use `silhouette`",
                ));
            }
            worst = worst.max(if spread > 0.0 { spread / between[[a, b]] } else { 0.0 });
        }
        sum += worst;
    }
    Ok(sum / sizes.len() as f64)
}
