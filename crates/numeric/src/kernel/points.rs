//! The rows that others are compared with.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Result};

use super::Function;
use crate::linalg::{array, multiply, row_block, unit};
use crate::{reduce, simd, special};

/// Squared distances below this share of the squared lengths are computed from differences, where the scale of the
/// kernel makes the digits that cancellation costs count.
const TRUSTED: f64 = 1e-3;
/// Rows that are compared with a tile of points at a time: what comes of it stays near the processor.
const ROWS: usize = 64;
/// Points of a tile.
const TILE: usize = 512;
/// Squared lengths up to this one have sums and differences within the range of f64.
const LONGEST: f64 = f64::MAX / 4.0;

/// The rows that others are compared with, laid out for products.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    function: Function,
    /// What is taken off all rows before products, so that lengths are no larger than they must be.
    centre: Vec<f64>,
    /// Tile by tile; one point in each column of a tile.
    tiles: Vec<f64>,
    lengths: Vec<f64>,
}

/// Up to [`ROWS`] rows that are compared with points, and zeros behind them.
struct Block {
    rows: Vec<f64>,
    lengths: Vec<f64>,
}

impl Points {
    pub(super) fn new(function: Function, rows: &ArrayRef2<f64>) -> Result<Points> {
        let (n, width) = rows.dim();
        let block = row_block(rows, 0..n);
        let centre = centre(function, &block, n, width);
        let mut tiles = Vec::with_capacity(n * width);
        for tile in block.chunks(TILE * width.max(1)) {
            for (j, centre) in centre.iter().enumerate() {
                tiles.extend(tile.iter().skip(j).step_by(width).map(|value| value - centre));
            }
        }
        let mut lengths = vec![0.0; n];
        let mut shifted = vec![0.0; width];
        for (i, (length, row)) in lengths.iter_mut().zip(block.chunks_exact(width.max(1))).enumerate() {
            function.check_row(i, row)?;
            shift(row, &centre, &mut shifted);
            *length = length_of(function, &shifted);
        }
        match lengths.iter().position(|length| !(*length <= LONGEST)) {
            Some(row) => Err(too_long(row)),
            None => Ok(Points { function, centre, tiles, lengths }),
        }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
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
            self.compare(rows, first..first + out.len() / n, |row, points, kernels| {
                out[row * n..][points].copy_from_slice(kernels);
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
        let turned = coefficients.t();
        let turned = row_block(&turned, 0..width);
        let mut out = vec![0.0; n_rows * width];
        reduce::try_fill_chunks(&mut out, (ROWS * width).max(1), |first, out| {
            let first = first / width;
            self.compare(rows, first..first + out.len() / width, |row, points, kernels| {
                for (out, of_all) in out[row * width..][..width].iter_mut().zip(turned.chunks_exact(n)) {
                    *out += simd::widest(Product(kernels, &of_all[points.clone()]));
                }
            })
        })?;
        Ok(array(n_rows, width, out))
    }

    /// Tells the kernels of some rows, at most [`ROWS`], with one tile of points after the other.
    fn compare(
        &self,
        rows: &ArrayRef2<f64>,
        which: Range<usize>,
        mut see: impl FnMut(usize, Range<usize>, &[f64]),
    ) -> Result<()> {
        let width = self.centre.len();
        assert_eq!(rows.ncols(), width, "rows and points must have the same columns");
        let (n_rows, first) = (which.len(), which.start);
        let block = self.block(rows, which)?;
        let mut out = vec![0.0; self.n_padded(n_rows) * self.len().min(TILE)];
        for start in (0..self.len()).step_by(TILE) {
            let points = start..self.len().min(start + TILE);
            let n = points.len();
            let n_padded = n_rows.next_multiple_of(unit(width, n));
            if matches!(self.function, Function::Laplacian { .. }) || self.function.of_shares() {
                out.fill(0.0);
            } else {
                let tile = &self.tiles[start * width..points.end * width];
                multiply(&block.rows[..n_padded * width], tile, &mut out[..n_padded * n], width);
            }
            for (row, out) in out.chunks_exact_mut(n).take(n_rows).enumerate() {
                self.finish(&block, row, &points, out);
                if !simd::widest(reduce::AllFinite(out)) {
                    return Err(too_long(first + row));
                }
                see(row, points.clone(), out);
            }
        }
        Ok(())
    }

    /// As many rows as are multiplied with the smallest tile.
    fn n_padded(&self, n_rows: usize) -> usize {
        let last = self.len() % TILE;
        n_rows.next_multiple_of(unit(self.centre.len(), if last > 0 { last } else { TILE }))
    }

    /// Rows as they are multiplied.
    fn block(&self, rows: &ArrayRef2<f64>, which: Range<usize>) -> Result<Block> {
        let (n_rows, first, width) = (which.len(), which.start, self.centre.len());
        let mut block = Block { rows: row_block(rows, which).into_owned(), lengths: vec![0.0; n_rows] };
        for (i, (row, length)) in
            block.rows.chunks_exact_mut(width.max(1)).zip(&mut block.lengths).enumerate()
        {
            self.function.check_row(first + i, row)?;
            row.iter_mut().zip(&self.centre).for_each(|(value, centre)| *value -= centre);
            *length = length_of(self.function, row);
        }
        block.rows.resize(self.n_padded(n_rows) * width, 0.0);
        match block.lengths.iter().position(|length| !(*length <= LONGEST)) {
            Some(row) => Err(too_long(first + row)),
            None => Ok(block),
        }
    }

    /// Turns the products of a row with the points of a tile into kernels.
    fn finish(&self, block: &Block, row: usize, points: &Range<usize>, out: &mut [f64]) {
        let length = block.lengths[row];
        match self.function {
            Function::Linear => {}
            Function::Rbf { gamma } => {
                let lengths = &self.lengths[points.clone()];
                if simd::widest(Distances { length, lengths, gamma, out }) {
                    self.repair(block, row, points, gamma, out);
                }
                simd::widest(Exponentials { gamma, out });
            }
            Function::Polynomial { degree, gamma, coef0 } => {
                out.iter_mut().for_each(|out| *out = (gamma * *out + coef0).powi(degree as i32));
            }
            Function::Sigmoid { gamma, coef0 } => {
                out.iter_mut().for_each(|out| *out = tanh(gamma * *out + coef0));
            }
            Function::Laplacian { gamma } => {
                let width = self.centre.len();
                let tile = &self.tiles[points.start * width..points.end * width];
                for (value, others) in block.rows[row * width..].iter().zip(tile.chunks_exact(out.len())) {
                    simd::widest(AddDifferences { value: *value, others, out });
                }
                simd::widest(Exponentials { gamma, out });
            }
            Function::Chi2 { .. } | Function::AdditiveChi2 => {
                let width = self.centre.len();
                let tile = &self.tiles[points.start * width..points.end * width];
                for (value, others) in block.rows[row * width..].iter().zip(tile.chunks_exact(out.len())) {
                    simd::widest(AddRelative { value: *value, others, out });
                }
                match self.function {
                    Function::Chi2 { gamma } => simd::widest(Exponentials { gamma, out }),
                    _ => out.iter_mut().for_each(|out| *out = -*out),
                }
            }
        }
    }

    /// Distances that cancellation has cost digits which the kernel shows.
    #[cold]
    fn repair(&self, block: &Block, row: usize, points: &Range<usize>, gamma: f64, out: &mut [f64]) {
        let (width, n) = (self.centre.len(), out.len());
        let tile = &self.tiles[points.start * width..points.end * width];
        let values = &block.rows[row * width..][..width];
        for (j, out) in out.iter_mut().enumerate() {
            let lengths = block.lengths[row] + self.lengths[points.start + j];
            if is_poor(*out, lengths, gamma) {
                let others = tile.iter().skip(j).step_by(n);
                *out = values.iter().zip(others).map(|(a, b)| (a - b) * (a - b)).sum();
            }
        }
    }
}

/// Whether cancellation has cost a squared distance digits which the kernel shows.
#[inline(always)]
fn is_poor(distance: f64, lengths: f64, gamma: f64) -> bool {
    (distance < TRUSTED * lengths) & (gamma * lengths > 4.0)
}

/// Products become squared distances; tells whether one of them is poor.
struct Distances<'a> {
    length: f64,
    lengths: &'a [f64],
    gamma: f64,
    out: &'a mut [f64],
}

impl simd::Kernel for Distances<'_> {
    type Output = bool;
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) -> bool {
        let mut n_poor = 0_u64;
        for (out, other) in self.out.iter_mut().zip(self.lengths) {
            let lengths = self.length + other;
            *out = lengths - 2.0 * *out;
            n_poor += u64::from(is_poor(*out, lengths, self.gamma));
        }
        n_poor > 0
    }
}

/// Distances become kernels.
struct Exponentials<'a> {
    gamma: f64,
    out: &'a mut [f64],
}

impl simd::Kernel for Exponentials<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for out in self.out {
            *out = special::exp(-self.gamma * out.max(0.0));
        }
    }
}

struct AddDifferences<'a> {
    value: f64,
    others: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for AddDifferences<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (out, other) in self.out.iter_mut().zip(self.others) {
            *out += (self.value - other).abs();
        }
    }
}

/// Adds `(a - b)^2 / (a + b)`.
struct AddRelative<'a> {
    value: f64,
    others: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for AddRelative<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (out, other) in self.out.iter_mut().zip(self.others) {
            *out += relative(self.value, *other);
        }
    }
}

/// `(a - b)^2 / (a + b)`; 0 where both are.
#[inline(always)]
pub(super) fn relative(a: f64, b: f64) -> f64 {
    let (gap, sum) = (a - b, a + b);
    if sum > 0.0 { gap * (gap / sum) } else { 0.0 }
}

struct Product<'a>(&'a [f64], &'a [f64]);

impl simd::Kernel for Product<'_> {
    type Output = f64;
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) -> f64 {
        reduce::dot_chunk(self.0, self.1)
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
