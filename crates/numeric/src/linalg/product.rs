//! Products of matrices and vectors.

use std::borrow::Cow;
use std::ops::Range;

use faer::linalg::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};

use super::blocks::{array, contiguous, row_block, rows_of};
use super::{narrow, tall};
use crate::reduce;
use crate::simd::{Kernel, widest};

/// Rows of one task of a Gram matrix.
const GRAM_ROWS: usize = 8192;
/// Rows are multiplied in multiples of so many, zeros behind them, so that each has the same bits in any company.
const UNIT: usize = 8;
/// Rows that are multiplied at once.
const BLOCK: usize = 256;

/// The product `a b`.
///
/// A row of the result depends on the same row of `a` alone, to the bit: predicting rows one by one
/// and all at once gives the same numbers.
///
/// # Panics
/// When `a` does not have as many columns as `b` has rows.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::linalg::matmul;
///
/// let product = matmul(&array![[1.0, 2.0], [3.0, 4.0]], &array![[0.0, 1.0], [1.0, 0.0]]);
/// assert_eq!(product, array![[2.0, 1.0], [4.0, 3.0]]);
/// ```
pub fn matmul(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    let (n_rows, inner, width) = (a.nrows(), a.ncols(), b.ncols());
    assert_eq!(inner, b.nrows(), "the columns of the left matrix must match the rows of the right one");
    if width == 1 {
        let product = matvec(a, &b.column(0));
        return array(n_rows, 1, product.to_vec());
    }
    if narrow::suits(inner, width) {
        return array(n_rows, width, narrow::products(a, None, b));
    }
    array(n_rows, width, products(n_rows, inner, b, |rows| row_block(a, rows)))
}

/// The products of `n_rows` rows of `inner` numbers, given block by block, with `b`.
pub(super) fn products<'a>(
    n_rows: usize,
    inner: usize,
    b: &ArrayRef2<f64>,
    rows_at: impl Fn(Range<usize>) -> Cow<'a, [f64]> + Sync,
) -> Vec<f64> {
    let width = b.ncols();
    let mut out = vec![0.0; n_rows * width];
    let b = row_block(b, 0..inner);
    let task = rows_of(1 << 17, inner + width).next_multiple_of(BLOCK);
    reduce::fill_rows(&mut out, width, task, |first, out| {
        for (index, out) in out.chunks_mut(BLOCK * width).enumerate() {
            let n = out.len() / width;
            let start = first + index * BLOCK;
            let rows = rows_at(start..start + n);
            if n.is_multiple_of(UNIT) {
                multiply(&rows, &b, out, inner);
            } else {
                let padded = n.next_multiple_of(UNIT);
                let mut rows = rows.into_owned();
                rows.resize(padded * inner, 0.0);
                let mut product = vec![0.0; padded * width];
                multiply(&rows, &b, &mut product, inner);
                out.copy_from_slice(&product[..n * width]);
            }
        }
    });
    out
}

/// `out = a b` for row-major matrices; `inner` is the number of columns of `a`.
fn multiply(a: &[f64], b: &[f64], out: &mut [f64], inner: usize) {
    let width = b.len().checked_div(inner).unwrap_or(0);
    if width == 0 {
        return;
    }
    let n_rows = out.len() / width;
    let a = MatRef::from_row_major_slice(a, n_rows, inner);
    let b = MatRef::from_row_major_slice(b, inner, width);
    let out = MatMut::from_row_major_slice_mut(out, n_rows, width);
    matmul::matmul(out, Accum::Replace, a, b, 1.0, Par::Seq);
}

/// The Gram matrix of the columns, `x^T x`, or `x^T W x` with one weight for each row.
///
/// # Panics
/// When there are not as many weights as rows.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::linalg::gram;
///
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(gram(&x, None), array![[10.0, 14.0], [14.0, 20.0]]);
/// assert_eq!(gram(&x, Some(&[2.0, 0.0])), array![[2.0, 4.0], [4.0, 8.0]]);
/// ```
pub fn gram(x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Array2<f64> {
    let width = x.ncols();
    assert!(weights.is_none_or(|w| w.len() == x.nrows()), "there must be one weight for each row");
    let part = |rows: Range<usize>| {
        let n = rows.len();
        let block = row_block(x, rows.clone());
        if tall::suits(width) {
            let lower = tall::narrow_gram(&block, width, weights.map(|weights| &weights[rows]));
            return Mat::from_fn(width, width, |i, j| lower[i * width + j]);
        }
        let right = MatRef::from_row_major_slice(&block, n, width);
        let mut out = Mat::zeros(width, width);
        let mut product = |left: MatRef<'_, f64>| {
            let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
            triangular::matmul(
                out.as_mut(),
                lower,
                Accum::Replace,
                left.transpose(),
                full,
                right,
                full,
                1.0,
                Par::Seq,
            );
        };
        match weights {
            None => product(right),
            Some(weights) => {
                let mut left = block.to_vec();
                for (row, weight) in left.chunks_exact_mut(width.max(1)).zip(&weights[rows]) {
                    row.iter_mut().for_each(|value| *value *= weight);
                }
                product(MatRef::from_row_major_slice(&left, n, width));
            }
        }
        out
    };
    let total = reduce::map_reduce(x.nrows(), GRAM_ROWS, part, |left, right| left + right);
    let lower = total.unwrap_or_else(|| Mat::zeros(width, width));
    Array2::from_shape_fn((width, width), |(i, j)| lower[(i.max(j), i.min(j))])
}

/// The product `a v`; row `i` depends on row `i` of `a` alone.
///
/// # Panics
/// When `v` is not as long as `a` has columns.
pub fn matvec(a: &ArrayRef2<f64>, v: &ArrayRef1<f64>) -> Array1<f64> {
    let (n_rows, width) = a.dim();
    assert_eq!(width, v.len(), "the vector must be as long as the matrix has columns");
    let v = contiguous(v);
    let mut out = vec![0.0; n_rows];
    if width > 0 {
        reduce::fill_chunks(&mut out, rows_of(1 << 16, width), |first, out| {
            let rows = row_block(a, first..first + out.len());
            widest(RowsTimes { rows: &rows, v: &v, out });
        });
    }
    Array1::from(out)
}

/// The inner products of rows with a vector.
struct RowsTimes<'a> {
    rows: &'a [f64],
    v: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for RowsTimes<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, row) in self.out.iter_mut().zip(self.rows.chunks_exact(self.v.len())) {
            *out = reduce::dot_chunk(row, self.v);
        }
    }
}

/// The product `a^T v`.
///
/// # Panics
/// When `v` is not as long as `a` has rows.
pub fn matvec_t(a: &ArrayRef2<f64>, v: &ArrayRef1<f64>) -> Array1<f64> {
    let (n_rows, width) = a.dim();
    assert_eq!(n_rows, v.len(), "the vector must be as long as the matrix has rows");
    let v = contiguous(v);
    let part = |rows: Range<usize>| {
        let mut sums = vec![0.0; width];
        let block = row_block(a, rows.clone());
        for (row, &factor) in block.chunks_exact(width.max(1)).zip(&v[rows]) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += factor * value;
            }
        }
        sums
    };
    Array1::from(
        reduce::map_reduce(n_rows, rows_of(1 << 16, width), part, add).unwrap_or_else(|| vec![0.0; width]),
    )
}

/// The sum of two vectors of one length.
pub(crate) fn add(mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
    for (left, right) in left.iter_mut().zip(right) {
        *left += right;
    }
    left
}
