//! A matrix made row by row from codes.

use ndarray::Array2;
use perennial_core::{Error, Features, Matrix, Result};
use perennial_data::Table;
use perennial_numeric::reduce;

use crate::moments::CHUNK;

/// A matrix with as many rows as `x`, each of which `write(row, cells)` fills.
///
/// # Errors
/// When it would hold more than 2^31 numbers.
pub(super) fn coded_matrix(
    x: &Table,
    output: &Features,
    write: impl Fn(usize, &mut [f64]) + Sync,
) -> Result<Matrix> {
    check_size(x, output)?;
    let (n_rows, width) = (x.n_rows(), output.len());
    let mut out = vec![0.0; n_rows * width];
    reduce::fill_rows(&mut out, width, CHUNK, |first, rows| {
        rows.chunks_exact_mut(width).enumerate().for_each(|(row, out)| write(first + row, out));
    });
    let out = Array2::from_shape_vec((n_rows, width), out).map_err(Error::other)?;
    Matrix::from_dense(out, output.clone())
}

/// Whether such a matrix is small enough.
///
/// # Errors
/// As for [`coded_matrix`].
pub(super) fn check_size(x: &Table, output: &Features) -> Result<()> {
    let (n_rows, width) = (x.n_rows(), output.len());
    if n_rows.checked_mul(width).is_none_or(|size| size > 1 << 31) {
        return Err(Error::too_large(format!(
            "a dense matrix of {n_rows} x {width} is too large; encode fewer categories with a column of their own, or a one-hot encoding with `sparse(true)`"
        )));
    }
    Ok(())
}
