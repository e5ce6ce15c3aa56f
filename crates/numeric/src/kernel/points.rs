//! The rows that others are compared with.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Result};

use super::Function;
use super::tiles::{AddSums, Differences, Exponentials, Rbf, TRUSTED};
use crate::linalg::{HIGH, Tile, WIDE, array, row_block, tile};
use crate::{reduce, simd, special};

/// Rows that are compared with a panel of points at a time: what comes of it stays near the processor.
const ROWS: usize = 8 * HIGH;
/// Squared lengths up to this one have sums and differences within the range of f64.
const LONGEST: f64 = f64::MAX / 4.0;

/// The rows that others are compared with, laid out for products.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    function: Function,
    /// What is taken off all rows before products, so that lengths are no larger than they must be.
    centre: Vec<f64>,
    n: usize,
    /// Panel by panel, for each column the numbers of the points of a panel, and zeros where there is none.
    panels: Vec<[f64; WIDE]>,
    lengths: Vec<[f64; WIDE]>,
    /// The largest of the lengths of each panel.
    longest: Vec<f64>,
}

/// Up to [`HIGH`] rows that are compared with points, for each column their numbers, and zeros behind them.
struct Strip {
    first: usize,
    n_rows: usize,
    rows: Vec<[f64; HIGH]>,
    lengths: [f64; HIGH],
    longest: f64,
}

impl Points {
    pub(super) fn new(function: Function, rows: &ArrayRef2<f64>) -> Result<Points> {
        let (n, width) = rows.dim();
        let block = row_block(rows, 0..n);
        let centre = centre(function, &block, n, width);
        let n_panels = n.div_ceil(WIDE);
        let mut panels = vec![[0.0; WIDE]; n_panels * width];
        let mut lengths = vec![[0.0; WIDE]; n_panels];
        let mut shifted = vec![0.0; width];
        for i in 0..n {
            let (row, panel, place) = (&block[i * width..(i + 1) * width], i / WIDE, i % WIDE);
            function.check_row(i, row)?;
            shift(row, &centre, &mut shifted);
            let length = length_of(function, &shifted);
            if !(length <= LONGEST) {
                return Err(too_long(i));
            }
            lengths[panel][place] = length;
            for (numbers, value) in panels[panel * width..].iter_mut().zip(&shifted) {
                numbers[place] = *value;
            }
        }
        let longest = lengths.iter().map(|lengths| lengths.iter().copied().fold(0.0, f64::max)).collect();
        Ok(Points { function, centre, n, panels, lengths, longest })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.n == 0
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
        let (n_rows, n) = (rows.nrows(), self.len());
        let mut out = vec![0.0; n_rows * n];
        reduce::try_fill_chunks(&mut out, (ROWS * n).max(1), |first, out| {
            let first = first / n;
            self.compare(rows, first..first + out.len() / n, |strip, panel, kernels| {
                let start = panel * WIDE;
                let n_points = WIDE.min(n - start);
                let rows = out[(strip.first - first) * n..].chunks_exact_mut(n).take(strip.n_rows);
                for (out, kernels) in rows.zip(kernels) {
                    out[start..start + n_points].copy_from_slice(&kernels[..n_points]);
                }
            })
        })?;
        Ok(array(n_rows, n, out))
    }

    /// The sums over the points of kernel times coefficient, rows x columns of the coefficients; the kernels are not held.
    ///
    /// # Errors
    /// As for [`gram`](Points::gram).
    ///
    /// # Panics
    /// When the rows do not have as many columns as the points, or there is no row of coefficients for each point.
    pub fn expand(&self, rows: &ArrayRef2<f64>, coefficients: &ArrayRef2<f64>) -> Result<Array2<f64>> {
        let (n_rows, (n, width)) = (rows.nrows(), coefficients.dim());
        assert_eq!(n, self.len(), "there must be coefficients for each point");
        let mut factors = vec![[0.0; WIDE]; self.lengths.len() * width];
        for (i, row) in coefficients.rows().into_iter().enumerate() {
            for (factors, coefficient) in factors[i / WIDE * width..].iter_mut().zip(row) {
                factors[i % WIDE] = *coefficient;
            }
        }
        let mut out = vec![0.0; n_rows * width];
        reduce::try_fill_chunks(&mut out, (ROWS * width).max(1), |first, out| {
            let first = first / width;
            let which = first..first + out.len() / width;
            let mut sums = vec![[[0.0; reduce::LANES]; HIGH]; which.len().div_ceil(HIGH) * width];
            self.compare(rows, which, |strip, panel, kernels| {
                let factors = &factors[panel * width..(panel + 1) * width];
                let sums = &mut sums[(strip.first - first) / HIGH * width..][..width];
                simd::widest(AddSums { kernels, factors, sums });
            })?;
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                for (out, sums) in out.iter_mut().zip(&sums[row / HIGH * width..]) {
                    *out = reduce::pair(sums[row % HIGH]);
                }
            }
            Ok(())
        })?;
        Ok(array(n_rows, width, out))
    }

    /// Tells the kernels of some rows, strip by strip, with one panel of points after the other.
    fn compare(
        &self,
        rows: &ArrayRef2<f64>,
        which: Range<usize>,
        mut see: impl FnMut(&Strip, usize, &Tile),
    ) -> Result<()> {
        let width = self.centre.len();
        assert_eq!(rows.ncols(), width, "rows and points must have the same columns");
        let strips = self.strips(rows, which)?;
        let mut out = [[0.0; WIDE]; HIGH];
        for panel in 0..self.lengths.len() {
            let n_points = WIDE.min(self.n - panel * WIDE);
            for strip in &strips {
                self.kernels(strip, panel, &mut out);
                if !self.function.is_exponential() {
                    let finite = |row: &usize| out[*row][..n_points].iter().all(|value| value.is_finite());
                    if let Some(row) = (0..strip.n_rows).find(|row| !finite(row)) {
                        return Err(too_long(strip.first + row));
                    }
                }
                if n_points < WIDE {
                    out.iter_mut().for_each(|row| row[n_points..].fill(0.0));
                }
                see(strip, panel, &out);
            }
        }
        Ok(())
    }

    /// Rows as they are multiplied.
    fn strips(&self, rows: &ArrayRef2<f64>, which: Range<usize>) -> Result<Vec<Strip>> {
        let width = self.centre.len();
        let block = row_block(rows, which.clone());
        let mut shifted = vec![0.0; width];
        let mut strips: Vec<Strip> = Vec::with_capacity(which.len().div_ceil(HIGH));
        for first in which.clone().step_by(HIGH) {
            let n_rows = HIGH.min(which.end - first);
            let (rows, lengths) = (vec![[0.0; HIGH]; width], [0.0; HIGH]);
            let mut strip = Strip { first, n_rows, rows, lengths, longest: 0.0 };
            for place in 0..n_rows {
                let row = &block[(first - which.start + place) * width..][..width];
                self.function.check_row(first + place, row)?;
                shift(row, &self.centre, &mut shifted);
                let length = length_of(self.function, &shifted);
                if !(length <= LONGEST) {
                    return Err(too_long(first + place));
                }
                strip.lengths[place] = length;
                strip.longest = strip.longest.max(length);
                strip.rows.iter_mut().zip(&shifted).for_each(|(numbers, value)| numbers[place] = *value);
            }
            strips.push(strip);
        }
        Ok(strips)
    }

    /// The kernels of a strip of rows and a panel of points.
    fn kernels(&self, strip: &Strip, panel: usize, out: &mut Tile) {
        let (rows, lengths) = (&strip.rows[..], &self.lengths[panel]);
        let points = &self.panels[panel * rows.len()..(panel + 1) * rows.len()];
        if self.function.of_products() {
            tile(rows, points, out);
        }
        let out = &mut out[..strip.n_rows];
        match self.function {
            Function::Linear => {}
            Function::Rbf { gamma } => {
                let rows = &strip.lengths;
                let within = (gamma * strip.longest + gamma * self.longest[panel]).is_finite();
                // Where all lengths are small the kernel does not show what cancellation costs.
                if gamma * (strip.longest + self.longest[panel]) <= 4.0 {
                    simd::widest(Rbf::<false> { rows, points: lengths, gamma, out });
                } else if simd::widest(Rbf::<true> { rows, points: lengths, gamma, out }) || !within {
                    repair(strip, points, lengths, gamma, out);
                }
            }
            Function::Polynomial { degree, gamma, coef0 } => {
                let each = |out: &mut f64| *out = (gamma * *out + coef0).powi(degree as i32);
                out.as_flattened_mut().iter_mut().for_each(each);
            }
            Function::Sigmoid { gamma, coef0 } => {
                out.as_flattened_mut().iter_mut().for_each(|out| *out = tanh(gamma * *out + coef0));
            }
            Function::Laplacian { gamma } => {
                simd::widest(Differences::<false> { rows, points, out });
                simd::widest(Exponentials { gamma, out: out.as_flattened_mut() });
            }
            Function::Chi2 { gamma } => {
                simd::widest(Differences::<true> { rows, points, out });
                simd::widest(Exponentials { gamma, out: out.as_flattened_mut() });
            }
            Function::AdditiveChi2 => {
                simd::widest(Differences::<true> { rows, points, out });
                out.as_flattened_mut().iter_mut().for_each(|out| *out = -*out);
            }
        }
    }
}

/// Kernels of distances that cancellation has cost digits which the kernel shows.
#[cold]
fn repair(strip: &Strip, points: &[[f64; WIDE]], lengths: &[f64; WIDE], gamma: f64, out: &mut [[f64; WIDE]]) {
    for (row, out) in out.iter_mut().enumerate() {
        for (place, out) in out.iter_mut().enumerate() {
            let pairs = || strip.rows.iter().zip(points).map(|(rows, points)| (rows[row], points[place]));
            let product = pairs().fold(0.0, |sum, (a, b)| f64::mul_add(a, b, sum));
            let (length, other) = (strip.lengths[row], lengths[place]);
            // As `Rbf` decides, to the bit: whether a pair is repaired must not depend on its neighbours. NaN is out of range.
            let scaled = gamma * length + gamma * other;
            let poor = scaled.mul_add(-TRUSTED, -product.mul_add(2.0 * gamma, -scaled));
            if !(poor >= 0.0) && gamma * (length + other) > 4.0 {
                let distance: f64 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
                *out = special::exp_falling(-gamma * distance);
            }
        }
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
        Function::Laplacian { .. } | Function::Chi2 { .. } | Function::AdditiveChi2 => {
            row.iter().map(|value| value.abs()).sum()
        }
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
