//! Rows of an array as row-major numbers, and the checks that the decompositions share.

use std::borrow::Cow;
use std::ops::Range;

use faer::{Mat, MatRef};
use ndarray::{Array2, ArrayRef1, ArrayRef2, s};
use perennial_core::{Error, ErrorKind, Result};

use crate::reduce;

/// The numbers of some rows in row-major order, without a copy where they lie so.
///
/// A copy of the block puts every layout on the same path, so that no kernel can
/// choose another order of summation for another stride.
pub(crate) fn row_block(a: &ArrayRef2<f64>, rows: Range<usize>) -> Cow<'_, [f64]> {
    let width = a.ncols();
    match a.as_slice() {
        Some(all) => Cow::Borrowed(&all[rows.start * width..rows.end * width]),
        None => Cow::Owned(a.slice(s![rows, ..]).iter().copied().collect()),
    }
}

/// The numbers of a vector, without a copy where they lie in order.
pub(crate) fn contiguous(v: &ArrayRef1<f64>) -> Cow<'_, [f64]> {
    v.as_slice().map_or_else(|| Cow::Owned(v.to_vec()), Cow::Borrowed)
}

/// How many rows make a block of about `n_numbers` numbers.
pub(crate) fn rows_of(n_numbers: usize, width: usize) -> usize {
    (n_numbers / width.max(1)).clamp(1, 8192)
}

/// An array of these rows.
pub(crate) fn array(n_rows: usize, n_cols: usize, numbers: Vec<f64>) -> Array2<f64> {
    Array2::from_shape_vec((n_rows, n_cols), numbers).expect("as many numbers as the shape holds")
}

pub(crate) fn to_faer(a: &ArrayRef2<f64>, scale: f64) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[[i, j]] * scale)
}

pub(crate) fn from_faer(a: MatRef<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), a.ncols()), |(i, j)| a[(i, j)])
}

/// The largest magnitude of each column.
///
/// # Errors
/// The first number, in the order of the rows, that is NaN or infinite.
pub(crate) fn column_magnitudes(a: &ArrayRef2<f64>, what: &str) -> Result<Vec<f64>> {
    let width = a.ncols();
    let largest = |rows: Range<usize>| {
        let first = rows.start;
        let block = row_block(a, rows);
        let mut largest = vec![0.0; width];
        for (i, row) in block.chunks_exact(width.max(1)).enumerate() {
            for (j, (largest, &value)) in largest.iter_mut().zip(row).enumerate() {
                if !value.is_finite() {
                    return Err(not_finite(what, value, first + i, Some(j)));
                }
                *largest = f64::max(*largest, value.abs());
            }
        }
        Ok(largest)
    };
    let max = |a: Vec<f64>, b: Vec<f64>| Ok(a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect());
    let found = reduce::try_map_reduce(a.nrows(), rows_of(1 << 16, width), largest, max)?;
    Ok(found.unwrap_or_else(|| vec![0.0; width]))
}

/// The largest magnitude of all numbers of a matrix that must not be empty.
pub(crate) fn magnitude(a: &ArrayRef2<f64>, what: &str) -> Result<f64> {
    if a.is_empty() {
        return Err(Error::empty(format!("{what} has {} rows and {} columns", a.nrows(), a.ncols())));
    }
    Ok(column_magnitudes(a, what)?.into_iter().fold(0.0, f64::max))
}

pub(crate) fn not_finite(what: &str, value: f64, row: usize, column: Option<usize>) -> Error {
    Error::new(ErrorKind::NonFinite {
        what: what.to_owned(),
        value: value.to_string(),
        row,
        column: column.map(|column| column.to_string()),
        advice: "remove the row or replace the value".to_owned(),
    })
}

/// A power of two near `magnitude`: dividing by it costs no rounding and keeps squares in range.
pub(crate) fn power_of_two(magnitude: f64) -> f64 {
    if magnitude == 0.0 { 1.0 } else { 2f64.powi((magnitude.log2().floor() as i32).clamp(-1000, 1000)) }
}

pub(crate) fn check_square(a: &ArrayRef2<f64>, what: &str) -> Result<()> {
    if a.nrows() == a.ncols() {
        return Ok(());
    }
    Err(Error::malformed(format!("{what} is {} x {}; it must be square", a.nrows(), a.ncols())))
}
