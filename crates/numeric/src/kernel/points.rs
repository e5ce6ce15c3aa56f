//! The rows that others are compared with.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Result};

use super::Function;
use crate::linalg::{array, matmul, row_block, rows_of};
use crate::{reduce, simd, special};

/// Squared distances below this share of the squared lengths are computed from differences, where the scale of the
/// kernel makes the digits that cancellation costs count.
const TRUSTED: f64 = 1e-3;

/// The rows that others are compared with, laid out for products.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    function: Function,
    /// What is taken off all rows before products, so that lengths are no larger than they must be.
    centre: Vec<f64>,
    /// One point in each column.
    turned: Array2<f64>,
    lengths: Vec<f64>,
}

impl Points {
    pub(super) fn new(function: Function, rows: &ArrayRef2<f64>) -> Result<Points> {
        let (n, width) = rows.dim();
        let block = row_block(rows, 0..n);
        let centre = centre(function, &block, n, width);
        let turned = Array2::from_shape_fn((width, n), |(j, i)| block[i * width + j] - centre[j]);
        let mut lengths = vec![0.0; n];
        let mut shifted = vec![0.0; width];
        for (length, row) in lengths.iter_mut().zip(block.chunks_exact(width.max(1))) {
            shift(row, &centre, &mut shifted);
            *length = length_of(function, &shifted);
        }
        match lengths.iter().position(|length| !length.is_finite()) {
            Some(row) => Err(too_long(row)),
            None => Ok(Points { function, centre, turned, lengths }),
        }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.turned.ncols()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kernel.
    pub fn function(&self) -> Function {
        self.function
    }

    /// The kernel between each row and each point, rows x points.
    ///
    /// # Errors
    /// When a row is so long that its kernel leaves the range of f64.
    ///
    /// # Panics
    /// When the rows do not have as many columns as the points.
    pub fn gram(&self, rows: &ArrayRef2<f64>) -> Result<Array2<f64>> {
        let (n_rows, width) = rows.dim();
        assert_eq!(width, self.centre.len(), "rows and points must have the same columns");
        let n = self.len();
        if n == 0 || n_rows == 0 {
            return Ok(Array2::zeros((n_rows, n)));
        }
        let mut block = row_block(rows, 0..n_rows).into_owned();
        let mut lengths = vec![0.0; n_rows];
        for (row, length) in block.chunks_exact_mut(width.max(1)).zip(&mut lengths) {
            row.iter_mut().zip(&self.centre).for_each(|(value, centre)| *value -= centre);
            *length = length_of(self.function, row);
        }
        if let Some(row) = lengths.iter().position(|length| !length.is_finite()) {
            return Err(too_long(row));
        }
        let block = array(n_rows, width, block);
        if let Function::Laplacian { gamma } = self.function {
            return Ok(self.laplacian(&block, gamma));
        }
        let mut out = matmul(&block, &self.turned).into_raw_vec_and_offset().0;
        reduce::fill_rows(&mut out, n, rows_of(1 << 15, n), |first, part| {
            for (i, out) in part.chunks_exact_mut(n).enumerate() {
                self.finish(&block, first + i, lengths[first + i], out);
            }
        });
        match out.iter().position(|value| !value.is_finite()) {
            Some(cell) => Err(too_long(cell / n)),
            None => Ok(array(n_rows, n, out)),
        }
    }

    /// Turns the products of a row with all points into kernels.
    fn finish(&self, block: &Array2<f64>, row: usize, length: f64, out: &mut [f64]) {
        match self.function {
            Function::Linear | Function::Laplacian { .. } => {}
            Function::Rbf { gamma } => {
                let lengths = &self.lengths;
                simd::widest(|| {
                    for (out, other) in out.iter_mut().zip(lengths) {
                        *out = (length + other) - 2.0 * *out;
                    }
                });
                self.repair(block, row, length, gamma, out);
                simd::widest(
                    #[inline(always)]
                    || {
                        for out in out.iter_mut() {
                            *out = special::exp(-gamma * out.max(0.0));
                        }
                    },
                );
            }
            Function::Polynomial { degree, gamma, coef0 } => {
                out.iter_mut().for_each(|out| *out = (gamma * *out + coef0).powi(degree as i32));
            }
            Function::Sigmoid { gamma, coef0 } => {
                out.iter_mut().for_each(|out| *out = tanh(gamma * *out + coef0));
            }
        }
    }

    /// Distances that cancellation has cost digits which the kernel shows.
    fn repair(&self, block: &Array2<f64>, row: usize, length: f64, gamma: f64, out: &mut [f64]) {
        let row = block.row(row);
        for (j, out) in out.iter_mut().enumerate() {
            let lengths = length + self.lengths[j];
            if *out < TRUSTED * lengths && gamma * lengths > 4.0 {
                *out = row.iter().zip(self.turned.column(j)).map(|(a, b)| (a - b) * (a - b)).sum();
            }
        }
    }

    fn laplacian(&self, block: &Array2<f64>, gamma: f64) -> Array2<f64> {
        let n = self.len();
        let mut out = vec![0.0; block.nrows() * n];
        reduce::fill_rows(&mut out, n, rows_of(1 << 12, n), |first, part| {
            for (i, out) in part.chunks_exact_mut(n).enumerate() {
                for (value, others) in block.row(first + i).iter().zip(self.turned.rows()) {
                    let others = others.to_slice().unwrap_or_default();
                    simd::widest(|| {
                        for (out, other) in out.iter_mut().zip(others) {
                            *out += (value - other).abs();
                        }
                    });
                }
                simd::widest(
                    #[inline(always)]
                    || out.iter_mut().for_each(|out| *out = special::exp(-gamma * *out)),
                );
            }
        });
        array(block.nrows(), n, out)
    }
}

/// The mean of the points for kernels of differences, which it does not change; else nothing.
pub(super) fn centre(function: Function, block: &[f64], n: usize, width: usize) -> Vec<f64> {
    let mut centre = vec![0.0; width];
    if function.of_differences() {
        for row in block.chunks_exact(width.max(1)) {
            centre.iter_mut().zip(row).for_each(|(centre, value)| *centre += value / n as f64);
        }
    }
    centre
}

fn shift(row: &[f64], centre: &[f64], out: &mut [f64]) {
    for ((out, value), centre) in out.iter_mut().zip(row).zip(centre) {
        *out = value - centre;
    }
}

/// The squared length, or the sum of magnitudes where that is what counts.
fn length_of(function: Function, row: &[f64]) -> f64 {
    match function {
        Function::Laplacian { .. } => row.iter().map(|value| value.abs()).sum(),
        _ => reduce::dot_chunk(row, row),
    }
}

/// `tanh`, with the same bits on every machine.
fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

fn too_long(row: usize) -> Error {
    Error::overflow(format!(
        "the numbers of row {row} are so large that its kernel leaves the range of f64; scale the columns first"
    ))
}
