//! Products into buffers that are there already, for work that repeats small products many times.

use faer::linalg::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// How a row-major matrix stands in a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// As it is.
    Plain,
    /// Turned over its diagonal.
    Transposed,
}

/// `out = a b`, or `out += a b` where `add`, in single precision on one thread.
///
/// `out` is `n_rows` x `n_cols`, row-major; so are `a` and `b`, which are turned as their sides say; `inner` is the length of
/// the sums. The bits depend on the shape of the product: a row has the same bits in products of equal shape.
///
/// # Panics
/// When a slice is not as long as its shape says.
///
/// ```
/// use perennial_numeric::linalg::{Side, multiply_f32};
///
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 2.0]);
/// let mut out = [0.0; 4];
/// multiply_f32(&mut out, (2, 2), 2, (&a, Side::Transposed), (&b, Side::Plain), false);
/// assert_eq!(out, [1.0, 6.0, 2.0, 8.0]);
/// ```
pub fn multiply_f32(
    out: &mut [f32],
    (n_rows, n_cols): (usize, usize),
    inner: usize,
    (a, a_side): (&[f32], Side),
    (b, b_side): (&[f32], Side),
    add: bool,
) {
    if n_rows == 0 || n_cols == 0 {
        return;
    }
    if inner == 0 {
        if !add {
            out.fill(0.0);
        }
        return;
    }
    let left = match a_side {
        Side::Plain => MatRef::from_row_major_slice(a, n_rows, inner),
        Side::Transposed => MatRef::from_row_major_slice(a, inner, n_rows).transpose(),
    };
    let right = match b_side {
        Side::Plain => MatRef::from_row_major_slice(b, inner, n_cols),
        Side::Transposed => MatRef::from_row_major_slice(b, n_cols, inner).transpose(),
    };
    let out = MatMut::from_row_major_slice_mut(out, n_rows, n_cols);
    let mode = if add { Accum::Add } else { Accum::Replace };
    matmul::matmul(out, mode, left, right, 1.0, Par::Seq);
}
