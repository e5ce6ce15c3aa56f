//! Rows of the kernel matrix of the training rows, for solvers that ask for some rows at a time.

use faer::linalg::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayRef2;
use perennial_core::Result;

use super::tiles::relative;
use super::{Function, Points};
use crate::linalg::row_block;
use crate::{reduce, simd, special};

/// Columns of one task.
const COLUMNS: usize = 1024;

/// The training rows, in numbers of one width.
#[derive(Debug)]
pub struct TrainRows<T> {
    function: Function,
    n: usize,
    width: usize,
    /// Row-major, shifted to the mean for kernels of differences.
    rows: Vec<T>,
    lengths: Vec<T>,
}

/// A floating-point number that kernel matrices can be made of.
pub trait Number: ComplexField + Copy + Send + Sync + Default + std::fmt::Debug + 'static {
    /// The nearest number.
    fn from_f64(value: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    #[doc(hidden)]
    fn rbf(out: &mut [Self], length: Self, lengths: &[Self], gamma: Self);
}

impl Number for f64 {
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    fn rbf(out: &mut [f64], length: f64, lengths: &[f64], gamma: f64) {
        simd::widest(
            #[inline(always)]
            || {
                for (out, other) in out.iter_mut().zip(lengths) {
                    *out = special::exp(-gamma * ((length + other) - 2.0 * *out).max(0.0));
                }
            },
        );
    }
}

impl Number for f32 {
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn rbf(out: &mut [f32], length: f32, lengths: &[f32], gamma: f32) {
        simd::widest(
            #[inline(always)]
            || {
                for (out, other) in out.iter_mut().zip(lengths) {
                    *out = exp_f32(-gamma * ((length + other) - 2.0 * *out).max(0.0));
                }
            },
        );
    }
}

impl<T: Number> TrainRows<T> {
    /// The training rows of a kernel.
    ///
    /// # Errors
    /// When the squared length of a row leaves the range of f64.
    pub fn new(function: Function, x: &ArrayRef2<f64>) -> Result<Self> {
        let (n, width) = x.dim();
        Points::new(function, x)?;
        let block = row_block(x, 0..n);
        let centre = super::points::centre(function, &block, n, width);
        let mut rows = Vec::with_capacity(n * width);
        let mut lengths = Vec::with_capacity(n);
        for row in block.chunks_exact(width.max(1)) {
            let mut length = 0.0;
            for (value, centre) in row.iter().zip(&centre) {
                let value = T::from_f64(value - centre);
                // The length of what is kept, so that a row is at distance 0 from itself but for rounding.
                length += value.to_f64() * value.to_f64();
                rows.push(value);
            }
            lengths.push(T::from_f64(length));
        }
        Ok(TrainRows { function, n, width, rows, lengths })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The kernel of each row with itself.
    pub fn diagonal(&self) -> Vec<f64> {
        let length = |i: usize| self.lengths[i].to_f64();
        (0..self.n)
            .map(|i| match self.function {
                Function::Linear => length(i),
                Function::Rbf { .. } | Function::Laplacian { .. } | Function::Chi2 { .. } => 1.0,
                Function::AdditiveChi2 => 0.0,
                Function::Polynomial { degree, gamma, coef0 } => {
                    (gamma * length(i) + coef0).powi(degree as i32)
                }
                Function::Sigmoid { gamma, coef0 } => libm::tanh(gamma * length(i) + coef0),
            })
            .collect()
    }

    /// The rows of the kernel matrix that `which` lists, each of [`len`](TrainRows::len) numbers.
    pub fn rows(&self, which: &[usize]) -> Vec<Vec<T>> {
        let (n, width, q) = (self.n, self.width, which.len());
        let mut left = Vec::with_capacity(q * width);
        which.iter().for_each(|&i| left.extend_from_slice(&self.rows[i * width..(i + 1) * width]));
        let left = MatRef::from_row_major_slice(&left, q, width);
        // Each task makes the columns of some training rows; they are put in place after it.
        let parts = reduce::map_chunks(n, COLUMNS, |columns| {
            let m = columns.len();
            let mut out = vec![T::default(); q * m];
            let right = &self.rows[columns.start * width..columns.end * width];
            match self.function {
                Function::Laplacian { gamma } => {
                    pairs(left, right, &mut out, |a, b| (a - b).abs(), |sum| special::exp(-gamma * sum));
                    return out;
                }
                Function::Chi2 { gamma } => {
                    pairs(left, right, &mut out, relative, |sum| special::exp(-gamma * sum));
                    return out;
                }
                Function::AdditiveChi2 => {
                    pairs(left, right, &mut out, relative, |sum| -sum);
                    return out;
                }
                _ => {}
            }
            let right = MatRef::from_row_major_slice(right, m, width);
            let target = MatMut::from_row_major_slice_mut(&mut out, q, m);
            matmul::matmul(target, Accum::Replace, left, right.transpose(), T::from_f64(1.0), Par::Seq);
            for (out, &i) in out.chunks_exact_mut(m).zip(which) {
                self.finish(out, i, columns.start);
            }
            out
        });
        reduce::map_each(q, |k| {
            let mut row = Vec::with_capacity(n);
            for part in &parts {
                let m = part.len() / q;
                row.extend_from_slice(&part[k * m..(k + 1) * m]);
            }
            row
        })
    }

    fn finish(&self, out: &mut [T], i: usize, first: usize) {
        let each = |out: &mut [T], f: &dyn Fn(f64) -> f64| {
            out.iter_mut().for_each(|out| *out = T::from_f64(f(out.to_f64())));
        };
        match self.function {
            Function::Linear
            | Function::Laplacian { .. }
            | Function::Chi2 { .. }
            | Function::AdditiveChi2 => {}
            Function::Rbf { gamma } => {
                let lengths = &self.lengths[first..first + out.len()];
                T::rbf(out, self.lengths[i], lengths, T::from_f64(gamma));
            }
            Function::Polynomial { degree, gamma, coef0 } => {
                each(out, &|product| (gamma * product + coef0).powi(degree as i32));
            }
            Function::Sigmoid { gamma, coef0 } => each(out, &|product| libm::tanh(gamma * product + coef0)),
        }
    }
}

/// Of each pair of rows what follows from the sum over the columns.
fn pairs<T: Number>(
    left: MatRef<'_, T>,
    right: &[T],
    out: &mut [T],
    of_cells: impl Fn(f64, f64) -> f64,
    of_sum: impl Fn(f64) -> f64,
) {
    let width = left.ncols();
    let m = right.len().checked_div(width).unwrap_or(0);
    for (i, out) in out.chunks_exact_mut(m.max(1)).enumerate() {
        for (out, other) in out.iter_mut().zip(right.chunks_exact(width.max(1))) {
            let sum: f64 = (0..width).map(|j| of_cells(left[(i, j)].to_f64(), other[j].to_f64())).sum();
            *out = T::from_f64(of_sum(sum));
        }
    }
}

/// `e^x` for `x <= 0` to about one unit in the last place, 0 below -87.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    const ROUND: f32 = 1.5 * (1u32 << 23) as f32;
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let inside = x.clamp(-87.0, 1.0);
    let shifted = inside * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (inside - whole * LN_2[0]) - whole * LN_2[1];
    let r2 = rest * rest;
    let high = (0.041_666_668 + rest * 0.008_333_334) + r2 * (0.001_388_889 + rest * 1.984_127e-4);
    let tail = (0.5 + rest * 0.166_666_67) + r2 * high;
    let power = 1.0 + (rest + r2 * tail);
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { power * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_exponentials_are_exact_to_the_last_digits() {
        for k in 0..9000 {
            let x = -(k as f32) * 0.01;
            let truth = f64::from(x).exp();
            let error = (f64::from(exp_f32(x)) - truth).abs();
            assert!(error <= 1.5e-7 * truth || x < -87.0, "{x}: {error}");
        }
    }

    #[test]
    fn rows_are_those_of_the_points() -> Result<()> {
        let x = ndarray::Array2::from_shape_fn((40, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f64 / 3.0 + 100.0);
        for function in [
            Function::Linear,
            Function::Rbf { gamma: 0.3 },
            Function::Polynomial { degree: 3, gamma: 0.01, coef0: 1.0 },
            Function::Sigmoid { gamma: 1e-4, coef0: -0.5 },
            Function::Laplacian { gamma: 0.3 },
            Function::Chi2 { gamma: 0.3 },
            Function::AdditiveChi2,
        ] {
            let gram = function.points(&x)?.gram(&x)?;
            let (wide, narrow) = (TrainRows::<f64>::new(function, &x)?, TrainRows::<f32>::new(function, &x)?);
            let which = [3, 0, 39];
            let (wide_rows, narrow_rows) = (wide.rows(&which), narrow.rows(&which));
            for (k, &i) in which.iter().enumerate() {
                for j in 0..40 {
                    let truth = gram[[i, j]];
                    assert!((wide_rows[k][j] - truth).abs() <= 1e-11 * truth.abs().max(1.0), "{function:?}");
                    let narrow = f64::from(narrow_rows[k][j]);
                    assert!((narrow - truth).abs() <= 2e-5 * truth.abs().max(1.0), "{function:?}");
                }
                assert!((wide.diagonal()[i] - gram[[i, i]]).abs() <= 1e-11 * gram[[i, i]].abs());
            }
        }
        Ok(())
    }
}
