//! Distances between the rows of two matrices.
//!
//! Entry (i, j) of a result is the distance between row `i` of `a` and row `j` of `b`. It depends on row `i` and `b`
//! alone, so rows may be passed all at once or in batches.

use ndarray::{Array2, ArrayRef2};

use crate::linalg::{array, matmul, row_block, rows_of};
use crate::reduce;

/// Products are trusted where the squared distance is at least this share of the squared lengths;
/// below, cancellation has cost more than four digits and the differences are summed instead.
const TRUSTED: f64 = 1e-4;

/// Squared Euclidean distances, rows of `a` x rows of `b`.
///
/// They come from one matrix product, after a shift to the mean of `b`; pairs too close for that to be
/// exact are computed from their differences, so equal rows are at distance 0 and no value is negative.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::distance;
///
/// let d = distance::squared_euclidean(&array![[0.0, 0.0], [3.0, 4.0]], &array![[3.0, 4.0]]);
/// assert_eq!(d, array![[25.0], [0.0]]);
/// ```
pub fn squared_euclidean(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let width = same_width(a, b);
    let n_others = b.nrows();
    let b = row_block(b, 0..n_others);
    let n = n_others as f64;
    let mut centre = vec![0.0; width];
    for row in b.chunks_exact(width.max(1)) {
        centre.iter_mut().zip(row).for_each(|(centre, value)| *centre += value / n);
    }
    let a_rows = row_block(a, 0..a.nrows());
    let shift = |rows: &[f64]| {
        let mut shifted = rows.to_vec();
        for row in shifted.chunks_exact_mut(width.max(1)) {
            row.iter_mut().zip(&centre).for_each(|(value, centre)| *value -= centre);
        }
        shifted
    };
    from_products(&array(a.nrows(), width, shift(&a_rows)), &array(n_others, width, shift(&b)))
}

/// Euclidean distances, rows of `a` x rows of `b`.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
pub fn euclidean(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let mut distances = squared_euclidean(a, b);
    distances.mapv_inplace(f64::sqrt);
    distances
}

/// Euclidean distances of rows of which cells may be missing (NaN), rows of `a` x rows of `b`: from the columns that both rows have,
/// stretched to all columns (Dixon, 1979; `nan_euclidean_distances` of scikit-learn). NaN where they share none.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::distance;
///
/// let missing = f64::NAN;
/// let a = array![[3.0, missing, missing, 6.0], [missing, 1.0, missing, missing]];
/// let d = distance::nan_euclidean(&a, &array![[1.0, missing, 4.0, 5.0]]);
/// // Two of four columns differ by 2 and 1.
/// assert!((d[[0, 0]] - 10.0_f64.sqrt()).abs() < 1e-15 && d[[1, 0]].is_nan());
/// ```
pub fn nan_euclidean(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let width = a.ncols() as f64;
    pairwise(a, b, |x, y| {
        let shared = x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan());
        let (squares, n) = shared.fold((0.0, 0.0), |(sum, n), (x, y)| (sum + (x - y) * (x - y), n + 1.0));
        (width / n * squares).sqrt()
    })
}

/// Manhattan distances, the sums of absolute differences; rows of `a` x rows of `b`.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
pub fn manhattan(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    pairwise(a, b, |x, y| x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum())
}

/// Chebyshev distances, the largest absolute differences; rows of `a` x rows of `b`.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
pub fn chebyshev(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    pairwise(a, b, |x, y| x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max))
}

/// Cosine distances, 1 minus the cosine of the angle, from 0 to 2; rows of `a` x rows of `b`.
///
/// A row of zeros has no direction: its distance to any row is 1.
///
/// # Panics
/// When the matrices do not have as many columns as each other.
pub fn cosine(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let width = same_width(a, b);
    // Half the squared distance of unit vectors keeps the digits that 1 - cos would lose.
    let (unit_a, unit_b) = (unit_rows(a), unit_rows(b));
    let zero_rows = |rows: &[f64], n: usize| -> Vec<bool> {
        (0..n).map(|i| rows[i * width..(i + 1) * width].iter().all(|&value| value == 0.0)).collect()
    };
    let (zero_a, zero_b) = (zero_rows(&unit_a, a.nrows()), zero_rows(&unit_b, b.nrows()));
    let mut distances = from_products(&array(a.nrows(), width, unit_a), &array(b.nrows(), width, unit_b));
    for ((i, j), distance) in distances.indexed_iter_mut() {
        *distance = if zero_a[i] || zero_b[j] { 1.0 } else { (*distance / 2.0).min(2.0) };
    }
    distances
}

/// Squared distances of rows from their inner products.
fn from_products(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let (n_rows, n_others, width) = (a.nrows(), b.nrows(), a.ncols());
    let mut out = matmul(a, &b.t()).into_raw_vec_and_offset().0;
    let (a, b) = (row_block(a, 0..n_rows), row_block(b, 0..n_others));
    let length = |row: &[f64]| reduce::dot_chunk(row, row);
    let b_lengths: Vec<f64> = b.chunks_exact(width.max(1)).map(length).collect();
    reduce::fill_rows(&mut out, n_others, rows_of(1 << 15, n_others), |first, rows| {
        for (i, out) in rows.chunks_exact_mut(n_others).enumerate() {
            let row = &a[(first + i) * width..(first + i + 1) * width];
            let row_length = length(row);
            for ((out, other), other_length) in
                out.iter_mut().zip(b.chunks_exact(width.max(1))).zip(&b_lengths)
            {
                let lengths = row_length + other_length;
                let distance = lengths - 2.0 * *out;
                let trusted = distance >= TRUSTED * lengths && distance.is_finite();
                *out = if trusted { distance } else { squared_difference(row, other) };
            }
        }
    });
    array(n_rows, n_others, out)
}

fn squared_difference(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum()
}

fn pairwise(
    a: &ArrayRef2<f64>,
    b: &ArrayRef2<f64>,
    distance: impl Fn(&[f64], &[f64]) -> f64 + Sync,
) -> Array2<f64> {
    let width = same_width(a, b);
    let (n_rows, others) = (a.nrows(), b.nrows());
    let b = row_block(b, 0..others);
    let mut out = vec![0.0; n_rows * others];
    if width > 0 {
        reduce::fill_rows(&mut out, others, rows_of(1 << 16, others * width), |first, rows| {
            let block = row_block(a, first..first + rows.len() / others);
            for (out, row) in rows.chunks_exact_mut(others).zip(block.chunks_exact(width)) {
                for (out, other) in out.iter_mut().zip(b.chunks_exact(width)) {
                    *out = distance(row, other);
                }
            }
        });
    }
    array(n_rows, others, out)
}

/// The rows at length 1; rows of zeros stay.
fn unit_rows(a: &ArrayRef2<f64>) -> Vec<f64> {
    let mut rows = row_block(a, 0..a.nrows()).into_owned();
    for row in rows.chunks_exact_mut(a.ncols().max(1)) {
        // The largest entry first, so that squares neither overflow nor vanish.
        let largest = row.iter().fold(0.0, |largest, value| f64::max(largest, value.abs()));
        if largest > 0.0 {
            row.iter_mut().for_each(|value| *value /= largest);
            let length = reduce::dot_chunk(row, row).sqrt();
            row.iter_mut().for_each(|value| *value /= length);
        }
    }
    rows
}

fn same_width(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> usize {
    assert_eq!(a.ncols(), b.ncols(), "both matrices must have the same columns");
    a.ncols()
}
