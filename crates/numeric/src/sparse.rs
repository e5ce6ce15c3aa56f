//! Products of sparse matrices, in parallel over fixed blocks of rows.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use perennial_core::{Csr, Error, Result};

use crate::linalg::{add, array, contiguous, row_block};
use crate::reduce;

/// Rows of one task that writes rows.
const ROWS: usize = 2048;
/// The largest Gram matrix: 1 GiB.
const GRAM_LIMIT: usize = 1 << 27;

/// The product `a v`.
///
/// # Panics
/// When `v` is not as long as `a` has columns.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Csr;
/// use perennial_numeric::sparse;
///
/// let a = Csr::new(3, vec![0, 1, 3], vec![2, 0, 1], vec![5.0, 1.0, 2.0])?;
/// assert_eq!(sparse::csr_matvec(&a, &array![1.0, 2.0, 3.0]), array![15.0, 5.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn csr_matvec(a: &Csr, v: &ArrayRef1<f64>) -> Array1<f64> {
    assert_eq!(a.n_cols(), v.len(), "the vector must be as long as the matrix has columns");
    let v = contiguous(v);
    let mut out = vec![0.0; a.n_rows()];
    reduce::fill_chunks(&mut out, ROWS, |first, out| {
        for (i, out) in out.iter_mut().enumerate() {
            let (columns, values) = a.row(first + i);
            *out = columns.iter().zip(values).map(|(&j, value)| value * v[j as usize]).sum();
        }
    });
    Array1::from(out)
}

/// The product `a^T v`.
///
/// # Panics
/// When `v` is not as long as `a` has rows.
pub fn csr_matvec_t(a: &Csr, v: &ArrayRef1<f64>) -> Array1<f64> {
    assert_eq!(a.n_rows(), v.len(), "the vector must be as long as the matrix has rows");
    let v = contiguous(v);
    let part = |rows: Range<usize>| {
        let mut sums = vec![0.0; a.n_cols()];
        for row in rows {
            let (columns, values) = a.row(row);
            for (&j, value) in columns.iter().zip(values) {
                sums[j as usize] += v[row] * value;
            }
        }
        sums
    };
    let sums = reduce::map_reduce(a.n_rows(), long_blocks(a.n_rows(), 64), part, add);
    Array1::from(sums.unwrap_or_else(|| vec![0.0; a.n_cols()]))
}

/// The product `a b` with a dense matrix.
///
/// # Panics
/// When `a` does not have as many columns as `b` has rows.
pub fn csr_matmul_dense(a: &Csr, b: &ArrayRef2<f64>) -> Array2<f64> {
    assert_eq!(a.n_cols(), b.nrows(), "the columns of the left matrix must match the rows of the right one");
    let width = b.ncols();
    let b = row_block(b, 0..b.nrows());
    let mut out = vec![0.0; a.n_rows() * width];
    reduce::fill_rows(&mut out, width, ROWS, |first, rows| {
        for (i, out) in rows.chunks_exact_mut(width).enumerate() {
            let (columns, values) = a.row(first + i);
            for (&j, value) in columns.iter().zip(values) {
                let row = &b[j as usize * width..(j as usize + 1) * width];
                out.iter_mut().zip(row).for_each(|(out, b)| *out += value * b);
            }
        }
    });
    array(a.n_rows(), width, out)
}

/// The product `a^T b` with a dense matrix.
///
/// # Panics
/// When `a` does not have as many rows as `b`.
pub fn csr_t_matmul_dense(a: &Csr, b: &ArrayRef2<f64>) -> Array2<f64> {
    assert_eq!(a.n_rows(), b.nrows(), "both matrices must have the same rows");
    let width = b.ncols();
    let b = row_block(b, 0..b.nrows());
    let part = |rows: Range<usize>| {
        let mut sums = vec![0.0; a.n_cols() * width];
        for row in rows {
            let (columns, values) = a.row(row);
            let right = &b[row * width..(row + 1) * width];
            for (&j, value) in columns.iter().zip(values) {
                let out = &mut sums[j as usize * width..(j as usize + 1) * width];
                out.iter_mut().zip(right).for_each(|(out, b)| *out += value * b);
            }
        }
        sums
    };
    let sums = reduce::map_reduce(a.n_rows(), long_blocks(a.n_rows(), 16), part, add);
    array(a.n_cols(), width, sums.unwrap_or_else(|| vec![0.0; a.n_cols() * width]))
}

/// The dense Gram matrix `x^T x`, or `x^T W x` with one weight for each row.
///
/// # Errors
/// When there are more columns than fit a dense square (1 GiB).
///
/// # Panics
/// When there are not as many weights as rows.
pub fn csr_gram(x: &Csr, weights: Option<&[f64]>) -> Result<Array2<f64>> {
    let n = x.n_cols();
    assert!(weights.is_none_or(|w| w.len() == x.n_rows()), "there must be one weight for each row");
    if n.checked_mul(n).is_none_or(|size| size > GRAM_LIMIT) {
        return Err(Error::too_large(format!(
            "a Gram matrix of {n} columns would hold more than {GRAM_LIMIT} numbers; select columns, or use an iterative solver"
        )));
    }
    let part = |rows: Range<usize>| {
        let mut lower = vec![0.0; n * n];
        for row in rows {
            let weight = weights.map_or(1.0, |w| w[row]);
            let (columns, values) = x.row(row);
            for (place, (&i, value)) in columns.iter().zip(values).enumerate() {
                let value = value * weight;
                for (&j, other) in columns[..=place].iter().zip(values) {
                    lower[i as usize * n + j as usize] += value * other;
                }
            }
        }
        lower
    };
    let lower = reduce::map_reduce(x.n_rows(), long_blocks(x.n_rows(), 16), part, add);
    let lower = lower.unwrap_or_else(|| vec![0.0; n * n]);
    Ok(Array2::from_shape_fn((n, n), |(i, j)| lower[i.max(j) * n + i.min(j)]))
}

/// Rows of a block where each block costs a whole accumulator: at most `most` blocks.
fn long_blocks(n_rows: usize, most: usize) -> usize {
    n_rows.div_ceil(most).max(4096)
}
