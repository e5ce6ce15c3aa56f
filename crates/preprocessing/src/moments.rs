//! Moments of columns in one pass over the rows, which may come in parts.

use std::ops::Range;

use ndarray::{ArrayRef2, ArrayView2};
use perennial_core::{Csr, Error, Matrix, Result};
use perennial_numeric::{reduce, simd};

use crate::cells::rows_of;

/// Rows per chunk: a chunk of a usual width stays in the cache while it is read twice.
pub(crate) const CHUNK: usize = 1024;

/// The height of the trees of chunks that are merged as one task.
const PART: u32 = 6;

/// Weighted moments and extremes of each column; missing cells and rows of weight 0 do not count.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub(crate) weight: Vec<f64>,
    pub(crate) mean: Vec<f64>,
    /// The weighted sum of squared deviations from the mean.
    pub(crate) squares: Vec<f64>,
    pub(crate) min: Vec<f64>,
    pub(crate) max: Vec<f64>,
}

impl Moments {
    /// Moments of all columns. Chunks of rows are merged in a fixed order (Chan, Golub and LeVeque, 1979), so
    /// the bits do not depend on the number of threads, nor on whether rows come at once or in parts: see [`Growing`].
    pub(crate) fn of(x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Self {
        let part = |rows: Range<usize>| {
            let mut part = Growing::default();
            for start in rows.clone().step_by(CHUNK) {
                part.push(0, Moments::of_chunk(x, weights, start..(start + CHUNK).min(rows.end)));
            }
            part.finish()
        };
        let mut all = Growing::default();
        // Whole parts are whole trees of the same height.
        for part in reduce::map_chunks(x.nrows(), CHUNK << PART, part).into_iter().flatten() {
            all.push(PART, part);
        }
        all.finish().unwrap_or_else(|| Moments::none(x.ncols()))
    }

    /// Moments of the columns of a sparse matrix, zeros included.
    pub(crate) fn of_sparse(x: &Csr, weights: Option<&[f64]>) -> Self {
        let mut moments = Moments::none(x.n_cols());
        let total = weights.map_or(x.n_rows() as f64, reduce::sum);
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let cells = || {
            (0..x.n_rows()).filter(|&row| weight(row) > 0.0).flat_map(|row| {
                let (columns, values) = x.row(row);
                columns.iter().zip(values).map(move |(&column, &value)| (column as usize, value, weight(row)))
            })
        };
        let mut missing = vec![0.0; x.n_cols()];
        for (column, value, weight) in cells() {
            if value.is_nan() {
                missing[column] += weight;
                continue;
            }
            moments.weight[column] += weight;
            moments.mean[column] += weight * value;
            moments.min[column] = moments.min[column].min(value);
            moments.max[column] = moments.max[column].max(value);
        }
        for column in 0..x.n_cols() {
            let zeros = (total - missing[column] - moments.weight[column]).max(0.0);
            if zeros > 0.0 {
                moments.min[column] = moments.min[column].min(0.0);
                moments.max[column] = moments.max[column].max(0.0);
            }
            let stored = std::mem::replace(&mut moments.weight[column], total - missing[column]);
            let count = moments.weight[column];
            moments.mean[column] = if count > 0.0 { moments.mean[column] / count } else { 0.0 };
            moments.squares[column] = (count - stored).max(0.0) * moments.mean[column].powi(2);
        }
        for (column, value, weight) in cells().filter(|(_, value, _)| !value.is_nan()) {
            moments.squares[column] += weight * (value - moments.mean[column]).powi(2);
        }
        moments
    }

    /// Those of a dense or a sparse matrix.
    pub(crate) fn of_matrix(x: &Matrix, weights: Option<&[f64]>) -> Result<Self> {
        match x.sparse() {
            Some(csr) => Ok(Moments::of_sparse(csr, weights)),
            None => Ok(Moments::of(x.dense()?, weights)),
        }
    }

    fn none(n_cols: usize) -> Self {
        Moments {
            weight: vec![0.0; n_cols],
            mean: vec![0.0; n_cols],
            squares: vec![0.0; n_cols],
            min: vec![f64::INFINITY; n_cols],
            max: vec![f64::NEG_INFINITY; n_cols],
        }
    }

    fn of_chunk(x: &ArrayRef2<f64>, weights: Option<&[f64]>, range: Range<usize>) -> Self {
        let mut moments = Moments::none(x.ncols());
        let mut copy = Vec::new();
        let cells = rows_of(x, range.start, range.len(), &mut copy);
        simd::widest(Chunk { cells, weights: weights.map(|all| &all[range]), moments: &mut moments });
        moments
    }

    fn merge(mut self, other: Moments) -> Moments {
        for column in 0..self.mean.len() {
            let (left, right) = (self.weight[column], other.weight[column]);
            let total = left + right;
            if right > 0.0 {
                let gap = other.mean[column] - self.mean[column];
                let share = right / total;
                self.mean[column] += gap * share;
                self.squares[column] += other.squares[column] + gap * gap * left * share;
            }
            self.weight[column] = total;
            self.min[column] = self.min[column].min(other.min[column]);
            self.max[column] = self.max[column].max(other.max[column]);
        }
        self
    }

    /// The variance of a column, over n; 0 where nothing counts.
    pub(crate) fn variance(&self, column: usize) -> f64 {
        if self.weight[column] > 0.0 { self.squares[column] / self.weight[column] } else { 0.0 }
    }

    /// The standard deviation of a column; 1 where the column is constant but for what rounding alone may leave,
    /// as in scikit-learn.
    pub(crate) fn divisor(&self, column: usize) -> f64 {
        let (variance, mean, n) = (self.variance(column), self.mean[column], self.weight[column]);
        let noise = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
        if variance > noise { variance.sqrt() } else { 1.0 }
    }
}

/// The moments of chunks that come one after the other, merged as soon as two trees of one height stand side by side: the
/// shape of the tree is known without knowing how many chunks will come.
#[derive(Default)]
struct Growing(Vec<(u32, Moments)>);

impl Growing {
    fn push(&mut self, height: u32, moments: Moments) {
        let mut tree = (height, moments);
        while let Some((height, left)) = self.0.pop_if(|(height, _)| *height == tree.0) {
            tree = (height + 1, left.merge(tree.1));
        }
        self.0.push(tree);
    }

    fn finish(self) -> Option<Moments> {
        self.0.into_iter().map(|(_, moments)| moments).rev().reduce(|right, left| left.merge(right))
    }
}

/// The moments of rows that come in parts: the bits of [`Moments::of`] all rows, in the memory of a chunk.
#[derive(Default)]
pub(crate) struct PartMoments {
    growing: Growing,
    /// Rows that do not make a chunk yet, and their weights where rows have some.
    waiting: Vec<f64>,
    weights: Vec<f64>,
}

impl PartMoments {
    /// Takes in rows; all parts must have the same columns, and all or none of them weights.
    pub(crate) fn add(&mut self, x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Result<()> {
        let full = CHUNK * x.ncols();
        for (at, row) in x.rows().into_iter().enumerate() {
            self.waiting.extend(row);
            self.weights.extend(weights.and_then(|weights| weights.get(at)));
            if self.waiting.len() == full {
                self.end_chunk(x.ncols())?;
            }
        }
        Ok(())
    }

    fn end_chunk(&mut self, n_cols: usize) -> Result<()> {
        let n_rows = self.waiting.len() / n_cols.max(1);
        let chunk = ArrayView2::from_shape((n_rows, n_cols), &self.waiting).map_err(Error::other)?;
        let weights = (self.weights.len() == n_rows).then_some(self.weights.as_slice());
        self.growing.push(0, Moments::of_chunk(&chunk, weights, 0..n_rows));
        self.waiting.clear();
        self.weights.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self, n_cols: usize) -> Result<Moments> {
        if !self.waiting.is_empty() {
            self.end_chunk(n_cols)?;
        }
        Ok(self.growing.finish().unwrap_or_else(|| Moments::none(n_cols)))
    }
}

/// The cells of a few rows, whose moments are wanted.
struct Chunk<'a> {
    cells: &'a [f64],
    weights: Option<&'a [f64]>,
    moments: &'a mut Moments,
}

impl simd::Kernel for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Chunk { cells, weights, moments } = self;
        let n_cols = moments.mean.len();
        moments.blocks(cells, weights, Pass::Sums);
        for column in 0..n_cols {
            let count = moments.weight[column];
            moments.mean[column] = if count > 0.0 { moments.mean[column] / count } else { 0.0 };
        }
        moments.blocks(cells, weights, Pass::Squares);
    }
}

/// What is added up in a pass over the rows of a chunk.
#[derive(Clone, Copy)]
enum Pass {
    /// Weights, sums, which stand where the means will, and extremes.
    Sums,
    Squares,
}

/// Rows that stay in the first cache while their columns go by.
const BLOCK: usize = 64;

impl Moments {
    /// A pass over rows, a few of them at a time.
    #[inline(always)]
    fn blocks(&mut self, cells: &[f64], weights: Option<&[f64]>, pass: Pass) {
        let n_cols = self.mean.len();
        let Some(width) = n_cols.checked_mul(BLOCK).filter(|width| *width > 0) else { return };
        for (block, cells) in cells.chunks(width).enumerate() {
            let weights = weights.map(|weights| &weights[block * BLOCK..]);
            let mut column = 0;
            // As many columns at a time as a vector holds; their sums stay in registers while the rows go by.
            while column < n_cols {
                column += match n_cols - column {
                    8.. => self.add::<8>(cells, weights, column, pass),
                    4.. => self.add::<4>(cells, weights, column, pass),
                    _ => self.add::<1>(cells, weights, column, pass),
                };
            }
        }
    }

    /// Adds `N` columns of some rows; gives `N`.
    #[inline(always)]
    fn add<const N: usize>(
        &mut self,
        cells: &[f64],
        weights: Option<&[f64]>,
        first: usize,
        pass: Pass,
    ) -> usize {
        let n_cols = self.mean.len();
        let lanes = |all: &[f64]| {
            let mut lanes = [0.0; N];
            lanes.copy_from_slice(&all[first..first + N]);
            lanes
        };
        match pass {
            Pass::Sums => {
                let (mut count, mut sum) = (lanes(&self.weight), lanes(&self.mean));
                let (mut min, mut max) = (lanes(&self.min), lanes(&self.max));
                rows::<N>(cells, n_cols, weights, first, |weight, cells| {
                    for lane in 0..N {
                        let cell = cells[lane];
                        let counts = if cell.is_nan() { 0.0 } else { weight };
                        count[lane] += counts;
                        sum[lane] += counts * if cell.is_nan() { 0.0 } else { cell };
                        // NaN loses every comparison.
                        min[lane] = if cell < min[lane] { cell } else { min[lane] };
                        max[lane] = if cell > max[lane] { cell } else { max[lane] };
                    }
                });
                self.weight[first..first + N].copy_from_slice(&count);
                self.mean[first..first + N].copy_from_slice(&sum);
                self.min[first..first + N].copy_from_slice(&min);
                self.max[first..first + N].copy_from_slice(&max);
            }
            Pass::Squares => {
                let (mean, mut squares) = (lanes(&self.mean), lanes(&self.squares));
                rows::<N>(cells, n_cols, weights, first, |weight, cells| {
                    for lane in 0..N {
                        let gap = if cells[lane].is_nan() { 0.0 } else { cells[lane] - mean[lane] };
                        squares[lane] += weight * gap * gap;
                    }
                });
                self.squares[first..first + N].copy_from_slice(&squares);
            }
        }
        N
    }
}

/// `add(weight, cells of N columns)` for each row whose weight is not 0.
#[inline(always)]
fn rows<const N: usize>(
    cells: &[f64],
    n_cols: usize,
    weights: Option<&[f64]>,
    first: usize,
    mut add: impl FnMut(f64, &[f64; N]),
) {
    let rows = cells.chunks_exact(n_cols).filter_map(|row| row[first..].first_chunk::<N>());
    match weights {
        None => rows.for_each(|cells| add(1.0, cells)),
        Some(weights) => rows.zip(weights).for_each(|(cells, &weight)| {
            if weight != 0.0 {
                add(weight, cells);
            }
        }),
    }
}
