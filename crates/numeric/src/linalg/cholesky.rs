//! The Cholesky factor of a positive definite matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, Mat, MatMut, Par};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use perennial_core::{Context, Error, Result};

use super::blocks::{check_square, from_faer, magnitude, to_faer};
use super::forward::forward;

/// The lower triangular L with `a = L L^T`.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::linalg::Cholesky;
///
/// let factor = Cholesky::new(&array![[4.0, 2.0], [2.0, 3.0]])?;
/// let x = factor.solve(&array![8.0, 7.0]);
/// assert!((x[0] - 1.25).abs() < 1e-15 && (x[1] - 1.5).abs() < 1e-15);
/// assert!((factor.log_det() - 8f64.ln()).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cholesky {
    lower: Mat<f64>,
}

impl Cholesky {
    /// Factors a symmetric matrix, of which only the lower triangle is read.
    ///
    /// # Errors
    /// When the matrix is empty, not square, not finite, or not positive definite.
    pub fn new(a: &ArrayRef2<f64>) -> Result<Cholesky> {
        check_square(a, "the matrix to factor")?;
        magnitude(a, "the matrix to factor")?;
        let n = a.nrows();
        let mut lower = to_faer(a, 1.0);
        factor_in_place(lower.as_mut(), 0, n)?;
        Cholesky::of(&lower)
    }

    /// As [`new`](Cholesky::new), but stops where `ctx` says so: a matrix of more than 2048 rows is factored some columns at a
    /// time, so that its last digits may be others than those of `new`.
    ///
    /// # Errors
    /// As [`new`](Cholesky::new), and [`Cancelled`](perennial_core::ErrorKind::Cancelled).
    pub fn new_in(ctx: &Context, a: &ArrayRef2<f64>) -> Result<Cholesky> {
        const WHOLE: usize = 2048;
        const BLOCK: usize = 128;
        ctx.check()?;
        let n = a.nrows();
        if n <= WHOLE {
            return Cholesky::new(a);
        }
        check_square(a, "the matrix to factor")?;
        magnitude(a, "the matrix to factor")?;
        let mut lower = to_faer(a, 1.0);
        for done in (0..n).step_by(BLOCK) {
            ctx.check()?;
            let width = BLOCK.min(n - done);
            let (.., rest) = lower.as_mut().split_at_mut(done, done);
            let (mut top, _, mut below, rest) = rest.split_at_mut(width, width);
            factor_in_place(top.as_mut(), done, n)?;
            solve_lower_triangular_in_place(top.as_ref(), below.as_mut().transpose_mut(), Par::Seq);
            let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
            let below = below.as_ref();
            triangular::matmul(rest, lower, Accum::Add, below, full, below.transpose(), full, -1.0, Par::Seq);
        }
        Cholesky::of(&lower)
    }

    /// The factor in the lower half of a matrix.
    fn of(lower: &Mat<f64>) -> Result<Cholesky> {
        let n = lower.nrows();
        if let Some(index) = (0..n).find(|&i| !(lower[(i, i)] > 0.0 && lower[(i, i)].is_finite())) {
            return Err(not_positive(index, n));
        }
        Ok(Cholesky { lower: Mat::from_fn(n, n, |i, j| if i >= j { lower[(i, j)] } else { 0.0 }) })
    }

    /// The factor L, with zeros above its diagonal.
    pub fn lower(&self) -> Array2<f64> {
        from_faer(self.lower.as_ref())
    }

    /// The `x` with `a x = b`.
    ///
    /// # Panics
    /// When `b` is not as long as the matrix has rows.
    pub fn solve(&self, b: &ArrayRef1<f64>) -> Array1<f64> {
        assert_eq!(b.len(), self.lower.nrows(), "the right-hand side must have one entry for each row");
        let mut x = b.to_vec();
        self.solve_in_place(MatMut::from_column_major_slice_mut(&mut x, b.len(), 1));
        Array1::from(x)
    }

    /// The `x` with `a x = b`, for each column of `b`.
    ///
    /// # Panics
    /// When `b` does not have as many rows as the matrix.
    pub fn solve_columns(&self, b: &ArrayRef2<f64>) -> Array2<f64> {
        assert_eq!(b.nrows(), self.lower.nrows(), "the right-hand side must have one row for each row");
        let mut x = to_faer(b, 1.0);
        self.solve_in_place(x.as_mut());
        from_faer(x.as_ref())
    }

    /// Each row `b` becomes the solution of `L x = b`: half the way to that of `A x = b`. What becomes of a row depends on
    /// that row alone, to the bit.
    ///
    /// # Panics
    /// When the rows are not as long as those of the matrix.
    pub fn half_solve_rows(&self, rows: &mut [f64]) {
        let n = self.lower.nrows();
        assert_eq!(rows.len() % n.max(1), 0, "each right-hand side must have one entry for each row");
        forward(&self.lower, rows);
    }

    /// The inverse of the matrix, symmetric to the bit.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.lower.nrows();
        let mut x = Mat::identity(n, n);
        self.solve_in_place(x.as_mut());
        Array2::from_shape_fn((n, n), |(i, j)| x[(i.max(j), i.min(j))])
    }

    /// The natural logarithm of the determinant.
    pub fn log_det(&self) -> f64 {
        2.0 * (0..self.lower.nrows()).map(|i| self.lower[(i, i)].ln()).sum::<f64>()
    }

    fn solve_in_place(&self, mut x: MatMut<'_, f64>) {
        solve_lower_triangular_in_place(self.lower.as_ref(), x.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(self.lower.transpose(), x, Par::Seq);
    }
}

/// Factors what is left of a matrix of `n` rows after `done` of them.
fn factor_in_place(lower: MatMut<'_, f64>, done: usize, n: usize) -> Result<()> {
    let scratch = factor::cholesky_in_place_scratch::<f64>(lower.nrows(), Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    factor::cholesky_in_place(
        lower,
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .map(|_| ())
    .map_err(|factor::LltError::NonPositivePivot { index }| not_positive(done + index, n))
}

fn not_positive(index: usize, n: usize) -> Error {
    Error::singular(format!(
        "the {n} x {n} matrix is not positive definite: its leading {} rows and columns depend on each other; drop columns that others determine, or add a small number to the diagonal",
        index + 1
    ))
}

#[cfg(test)]
mod tests {
    use perennial_core::{CancelToken, ErrorKind};

    use super::*;

    #[test]
    fn blocks_of_columns_are_the_same_factor_and_can_be_cancelled() {
        let n = 2100;
        let near = |i: usize, j: usize| (-(i.abs_diff(j) as f64) / 20.0).exp();
        let a = Array2::from_shape_fn((n, n), |(i, j)| near(i, j));
        let whole = Cholesky::new(&a).unwrap().lower();
        let blocks = Cholesky::new_in(&Context::new(), &a).unwrap().lower();
        assert!((&whole - &blocks).iter().all(|apart| apart.abs() < 1e-12));
        let token = CancelToken::new();
        token.cancel();
        let error = Cholesky::new_in(&Context::new().with_cancel(token), &a).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
        let mut flat = a;
        flat[[2050, 2050]] = -1.0;
        let error = Cholesky::new_in(&Context::new(), &flat).unwrap_err();
        assert!(error.to_string().contains("leading 2051 rows"), "{error}");
    }
}
