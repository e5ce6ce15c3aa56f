//! Products of rows less their mean, block by block, so that the centred rows are never written down.

use std::borrow::Cow;
use std::ops::Range;

use faer::linalg::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayRef2};

use super::blocks::{array, row_block, rows_of};
use super::product::{add, products};
use super::{narrow, tall};
use crate::reduce;

/// Rows of one task.
const TASK: usize = 8192;
/// Numbers of a block that stays in the cache.
const CACHED: usize = 1 << 16;

/// Rows as they are, or less a mean.
#[derive(Debug, Clone, Copy)]
pub struct Centred<'a> {
    rows: &'a ArrayRef2<f64>,
    mean: Option<&'a [f64]>,
}

impl<'a> Centred<'a> {
    /// The rows less `mean`, where there is one.
    ///
    /// # Panics
    /// When the mean is not as long as the rows.
    pub fn new(rows: &'a ArrayRef2<f64>, mean: Option<&'a [f64]>) -> Self {
        assert!(mean.is_none_or(|mean| mean.len() == rows.ncols()), "there must be one mean for each column");
        Centred { rows, mean }
    }

    /// The mean of each column of the rows as they are, the rounding of a first pass corrected by a second.
    pub fn column_means(rows: &ArrayRef2<f64>) -> Vec<f64> {
        let (n, width) = (rows.nrows().max(1) as f64, rows.ncols());
        let pass = |mean: &[f64]| {
            let part = |range: Range<usize>| {
                let mut sums = vec![0.0; width];
                for row in row_block(rows, range).chunks_exact(width.max(1)) {
                    for ((sum, value), mean) in sums.iter_mut().zip(row).zip(mean) {
                        *sum += value - mean;
                    }
                }
                sums
            };
            reduce::map_reduce(rows.nrows(), rows_of(CACHED, width), part, add)
                .unwrap_or_else(|| vec![0.0; width])
        };
        let first: Vec<f64> = pass(&vec![0.0; width]).into_iter().map(|sum| sum / n).collect();
        pass(&first).into_iter().zip(first).map(|(drift, mean)| mean + drift / n).collect()
    }

    fn block(&self, range: Range<usize>) -> Cow<'a, [f64]> {
        let block = row_block(self.rows, range);
        let Some(mean) = self.mean else { return block };
        let mut shifted = Vec::with_capacity(block.len());
        for row in block.chunks_exact(mean.len().max(1)) {
            shifted.extend(row.iter().zip(mean).map(|(value, mean)| value - mean));
        }
        Cow::Owned(shifted)
    }

    fn blocks(&self, task: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let step = rows_of(CACHED, self.rows.ncols());
        task.clone().step_by(step).map(move |start| start..(start + step).min(task.end))
    }

    /// The Gram matrix of the columns.
    pub fn gram(&self) -> Array2<f64> {
        let width = self.rows.ncols();
        if tall::suits(width) {
            let none = vec![0.0; width];
            let products = tall::shifted(self.rows, self.mean.unwrap_or(&none));
            return Array2::from_shape_fn((width, width), |(i, j)| products.at(i, j));
        }
        let part = |task: Range<usize>| {
            let mut out = Mat::<f64>::zeros(width, width);
            for range in self.blocks(task) {
                let block = self.block(range.clone());
                let block = MatRef::from_row_major_slice(&block, range.len(), width);
                let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
                let (left, out) = (block.transpose(), out.as_mut());
                triangular::matmul(out, lower, Accum::Add, left, full, block, full, 1.0, Par::Seq);
            }
            out
        };
        let total = reduce::map_reduce(self.rows.nrows(), TASK, part, |left, right| left + right);
        let lower = total.unwrap_or_else(|| Mat::zeros(width, width));
        Array2::from_shape_fn((width, width), |(i, j)| lower[(i.max(j), i.min(j))])
    }

    /// The means of the columns and the Gram matrix around them, in one pass.
    ///
    /// Rows are taken less the mean of about a thousand of them, which is near enough for the correction at the end to
    /// cost no digits.
    pub fn moments(rows: &ArrayRef2<f64>) -> (Vec<f64>, Array2<f64>) {
        let (n, width) = rows.dim();
        let step = (n / 1024).max(1);
        let sampled = rows.slice(ndarray::s![..;step, ..]).to_owned();
        let shift = Centred::column_means(&sampled);
        let around = |sums: &[f64], product: &dyn Fn(usize, usize) -> f64| {
            let drift: Vec<f64> = sums.iter().map(|sum| sum / n.max(1) as f64).collect();
            let cell = |(i, j)| product(i, j) - n as f64 * drift[i] * drift[j];
            let gram = Array2::from_shape_fn((width, width), cell);
            (shift.iter().zip(drift).map(|(shift, drift)| shift + drift).collect(), gram)
        };
        if tall::suits(width) {
            let products = tall::shifted(rows, &shift);
            let sums: Vec<f64> = (0..width).map(|column| products.sum(column)).collect();
            return around(&sums, &|i, j| products.at(i, j));
        }
        let centred = Centred::new(rows, Some(&shift));
        let part = |task: Range<usize>| {
            let (mut out, mut sums) = (Mat::<f64>::zeros(width, width), vec![0.0; width]);
            for range in centred.blocks(task) {
                let block = centred.block(range.clone());
                for row in block.chunks_exact(width.max(1)) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                let block = MatRef::from_row_major_slice(&block, range.len(), width);
                let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
                let (left, out) = (block.transpose(), out.as_mut());
                triangular::matmul(out, lower, Accum::Add, left, full, block, full, 1.0, Par::Seq);
            }
            (out, sums)
        };
        let total = reduce::map_reduce(n, TASK, part, |left, right| (left.0 + right.0, add(left.1, right.1)));
        let (lower, sums) = total.unwrap_or_else(|| (Mat::zeros(width, width), vec![0.0; width]));
        around(&sums, &|i, j| lower[(i.max(j), i.min(j))])
    }

    /// The sum of all squares.
    pub fn sum_of_squares(&self) -> f64 {
        let part = |task: Range<usize>| {
            let of = |range: Range<usize>| {
                let block = self.block(range);
                reduce::dot_chunk(&block, &block)
            };
            self.blocks(task).map(of).sum::<f64>()
        };
        reduce::map_reduce(self.rows.nrows(), TASK, part, |left, right| left + right).unwrap_or(0.0)
    }

    /// The rows times `b`; a row of the result depends on the same row alone, to the bit.
    pub fn times(&self, b: &Array2<f64>) -> Array2<f64> {
        let (n, inner) = self.rows.dim();
        if narrow::suits(inner, b.ncols()) {
            return array(n, b.ncols(), narrow::products(self.rows, self.mean, b));
        }
        if b.ncols() != 1 {
            return array(n, b.ncols(), products(n, inner, b, |rows| self.block(rows)));
        }
        let mut out = vec![0.0; n];
        reduce::fill_rows(&mut out, 1, rows_of(CACHED, inner), |first, out| {
            let rows = array(out.len(), inner, self.block(first..first + out.len()).into_owned());
            out.copy_from_slice(super::matvec(&rows, &b.column(0)).as_slice().unwrap_or_default());
        });
        array(n, 1, out)
    }

    /// The turned rows times `b`, which has as many rows.
    pub fn turned_times(&self, b: &Array2<f64>) -> Array2<f64> {
        let (width, k) = (self.rows.ncols(), b.ncols());
        assert_eq!(b.nrows(), self.rows.nrows(), "both matrices must have the same rows");
        let right = row_block(b, 0..b.nrows());
        let part = |task: Range<usize>| {
            let mut out = vec![0.0; width * k];
            for range in self.blocks(task) {
                let block = self.block(range.clone());
                let block = MatRef::from_row_major_slice(&block, range.len(), width);
                let some = &right[range.start * k..range.end * k];
                let some = MatRef::from_row_major_slice(some, range.len(), k);
                let out = MatMut::from_row_major_slice_mut(&mut out, width, k);
                matmul::matmul(out, Accum::Add, block.transpose(), some, 1.0, Par::Seq);
            }
            out
        };
        let total = reduce::map_reduce(self.rows.nrows(), TASK, part, add);
        array(width, k, total.unwrap_or_else(|| vec![0.0; width * k]))
    }

    /// The Gram matrix of the columns times `b`, without the matrix itself.
    pub fn gram_times(&self, b: &Array2<f64>) -> Array2<f64> {
        let (width, k) = b.dim();
        let b = row_block(b, 0..width);
        let part = |task: Range<usize>| {
            let mut out = vec![0.0; width * k];
            for range in self.blocks(task) {
                let n = range.len();
                let block = self.block(range);
                let block = MatRef::from_row_major_slice(&block, n, width);
                let right = MatRef::from_row_major_slice(&b, width, k);
                let mut product = Mat::zeros(n, k);
                matmul::matmul(product.as_mut(), Accum::Replace, block, right, 1.0, Par::Seq);
                let out = MatMut::from_row_major_slice_mut(&mut out, width, k);
                matmul::matmul(out, Accum::Add, block.transpose(), &product, 1.0, Par::Seq);
            }
            out
        };
        let total = reduce::map_reduce(self.rows.nrows(), TASK, part, add);
        array(width, k, total.unwrap_or_else(|| vec![0.0; width * k]))
    }
}
