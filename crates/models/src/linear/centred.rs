//! Rows around their weighted means, which no copy of the whole input ever is.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Context, Csr, Error, Matrix, Result, Rows};
use perennial_numeric::linalg::gram;
use perennial_numeric::reduce;
use perennial_numeric::simd::{Kernel, widest};

use super::design::Numbers;
use super::model::total_weight;
use crate::rows::row_major;

/// Numbers of a block that stays in the second-level cache.
const NUMBERS: usize = 1 << 16;
/// Rows whose means are where deviations are taken from.
const ORIGIN_ROWS: usize = 64;

/// A regression problem: the rows, their weights, and the means that are taken away where there is an intercept.
pub(super) struct Centred<'a> {
    numbers: Numbers<'a>,
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    pub(super) total_weight: f64,
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    pub(super) means: Vec<f64>,
    pub(super) mean: f64,
    /// Of sparse rows where the entries of each column count from, and the means from there.
    pub(super) origin: Vec<f64>,
    pub(super) shifts: Vec<f64>,
    /// What [`pull`](Centred::pull) gives where no coefficient counts, where it came with the means.
    pub(super) start: Option<(Vec<f64>, f64)>,
}

impl<'a> Centred<'a> {
    pub(super) fn new(
        x: &'a Matrix,
        y: &'a [f64],
        weights: Option<&'a [f64]>,
        intercept: bool,
    ) -> Result<Self> {
        let (n_rows, n_features) = (x.n_rows(), x.n_cols());
        let mut problem = Centred {
            numbers: match x.sparse() {
                Some(csr) => Numbers::Sparse(csr),
                None => Numbers::Dense(row_major(x.dense()?)),
            },
            y,
            weights,
            total_weight: total_weight(weights, n_rows),
            n_rows,
            n_features,
            means: vec![0.0; n_features],
            mean: 0.0,
            origin: vec![0.0; n_features],
            shifts: vec![0.0; n_features],
            start: None,
        };
        match problem.sparse() {
            _ if !intercept || n_rows == 0 => {}
            Some(csr) => problem.find_sparse_means(csr),
            None => problem.find_means(),
        }
        if problem.means.iter().chain([&problem.mean]).all(|mean| mean.is_finite()) {
            return Ok(problem);
        }
        Err(Error::overflow("the mean of a column left the range of f64; scale the features and the target"))
    }

    /// The rows, where they are sparse.
    pub(super) fn sparse(&self) -> Option<&'a Csr> {
        match self.numbers {
            Numbers::Sparse(csr) => Some(csr),
            Numbers::Dense(_) => None,
        }
    }

    /// Dense rows one after the other; none where they are sparse.
    fn cells(&self) -> &[f64] {
        match &self.numbers {
            Numbers::Dense(cells) => cells,
            Numbers::Sparse(_) => &[],
        }
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// A dense row.
    fn row(&self, row: usize) -> &[f64] {
        &self.cells()[row * self.n_features..(row + 1) * self.n_features]
    }

    pub(super) fn target(&self, row: usize) -> f64 {
        self.y[row] - self.mean
    }

    fn block_rows(&self) -> usize {
        (NUMBERS / self.n_features.max(1)).clamp(64, 4096)
    }

    /// Means and products with the target in one pass. Deviations are taken from the means of a few rows, which are so
    /// near that the correction at the end costs no digits; those of the few rows from the first of them, so that constant
    /// columns stay exact. With weights the few rows may be far from what counts, and a second pass starts from the means.
    fn find_means(&mut self) {
        let n = self.n_features;
        let rows = (0..self.n_rows).step_by(self.n_rows.div_ceil(ORIGIN_ROWS));
        let mut rows: Vec<usize> = rows.filter(|&row| self.weight(row) > 0.0).collect();
        if rows.is_empty() {
            rows.extend((0..self.n_rows).find(|&row| self.weight(row) > 0.0));
        }
        let Some(&first) = rows.first() else { return };
        let weight: f64 = rows.iter().map(|&row| self.weight(row)).sum();
        let (mut origin, mut y_origin) = (vec![0.0; n], 0.0);
        for &row in &rows {
            let share = self.weight(row) / weight;
            for ((origin, value), base) in origin.iter_mut().zip(self.row(row)).zip(self.row(first)) {
                *origin += share * (value - base);
            }
            y_origin += share * (self.y[row] - self.y[first]);
        }
        origin.iter_mut().zip(self.row(first)).for_each(|(origin, base)| *origin += base);
        (self.means, self.mean) = (origin, y_origin + self.y[first]);
        for _ in 0..if self.weights.is_some() { 2 } else { 1 } {
            self.correct_means();
        }
    }

    /// Moves the means to where the deviations from them add up to nothing, and makes the products with the target.
    fn correct_means(&mut self) {
        let n = self.n_features;
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; 2 * n + 2];
            widest(Moments {
                values: &self.cells()[rows.start * n..rows.end * n],
                y: &self.y[rows.clone()],
                weights: self.weights.map(|weights| &weights[rows]),
                origin: &self.means,
                y_origin: self.mean,
                sums: &mut sums,
            });
            sums
        };
        let sums = reduce::map_reduce(self.n_rows, self.block_rows(), part, add).unwrap_or_default();
        let y_drift = sums[2 * n] / self.total_weight;
        self.means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean += sum / self.total_weight);
        self.mean += y_drift;
        let cross = sums[n..2 * n].iter().zip(&sums).map(|(cross, sum)| cross - sum * y_drift).collect();
        self.start = Some((cross, (sums[2 * n + 1] - sums[2 * n] * y_drift).max(0.0)));
    }

    /// The rows of a block around the means, of the given columns or of all, then the target and a one, each times the
    /// root of its weight.
    fn block(&self, rows: Range<usize>, columns: Option<&[usize]>) -> Array2<f64> {
        let width = columns.map_or(self.n_features, <[usize]>::len) + 2;
        let mut block = Vec::with_capacity(rows.len() * width);
        let n_rows = rows.len();
        let means: Vec<f64> = columns.unwrap_or_default().iter().map(|&j| self.means[j]).collect();
        for row in rows {
            let root = self.weights.map_or(1.0, |weights| weights[row].sqrt());
            let values = self.row(row);
            match columns {
                None => {
                    block.extend(values.iter().zip(&self.means).map(|(value, mean)| root * (value - mean)))
                }
                Some(columns) => {
                    let cells = columns.iter().zip(&means);
                    block.extend(cells.map(|(&j, mean)| root * (values[j] - mean)));
                }
            }
            block.push(root * self.target(row));
            block.push(root);
        }
        Array2::from_shape_vec((n_rows, width), block).unwrap_or_default()
    }

    /// Some dense rows around the means.
    pub(super) fn centred_block(&self, rows: Range<usize>) -> Array2<f64> {
        self.block(rows, None).slice(ndarray::s![.., ..self.n_features]).to_owned()
    }

    /// All rows, which are dense, around the means.
    pub(super) fn centred_rows(&self) -> Array2<f64> {
        self.centred_block(0..self.n_rows)
    }

    /// The sums of products of the columns (all or the given ones), of the target and of a column of ones, of some rows.
    pub(super) fn products(
        &self,
        rows: Range<usize>,
        columns: Option<&[usize]>,
        ctx: &Context,
    ) -> Result<Array2<f64>> {
        if let Some(csr) = self.sparse() {
            return self.sparse_products(csr, rows, columns, ctx);
        }
        let width = columns.map_or(self.n_features, <[usize]>::len) + 2;
        let first = rows.start;
        // Long enough for the product to be worth its set-up and its sum, short enough to stop when asked to.
        let step = ((1 << 18) / width).max(4 * width);
        let part = |part: Range<usize>| {
            ctx.check()?;
            Ok(gram(&self.block(first + part.start..first + part.end, columns), None))
        };
        let sums = reduce::try_map_reduce(rows.len(), step.clamp(256, 8192), part, |a, b| Ok(a + b))?;
        Ok(sums.unwrap_or_else(|| Array2::zeros((width, width))))
    }

    /// For each feature the sum over the rows of weight, residual and centred feature, where only the coefficients of
    /// `columns` are not 0; and the sum of weighted squares of the residuals.
    pub(super) fn pull(&self, columns: &[usize], coefficients: &[f64]) -> (Vec<f64>, f64) {
        let n = self.n_features;
        if let (true, Some((cross, squares))) = (columns.is_empty(), &self.start) {
            return (cross.clone(), *squares);
        }
        if let Some(csr) = self.sparse() {
            return self.sparse_pull(csr, columns, coefficients);
        }
        let offset: f64 = columns.iter().zip(coefficients).map(|(&j, weight)| self.means[j] * weight).sum();
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; n + 2];
            let mut pulls = Vec::with_capacity(rows.len());
            for row in rows.clone() {
                let values = self.row(row);
                let fitted = gathered(values, columns, coefficients);
                let residual = self.target(row) - (fitted - offset);
                let pull = self.weight(row) * residual;
                pulls.push(pull);
                sums[n] += pull * residual;
            }
            let values = &self.cells()[rows.start * n..rows.end * n];
            widest(Pulled { values, means: &self.means, pulls: &pulls, sums: &mut sums[..n] });
            sums
        };
        let mut sums = reduce::map_reduce(self.n_rows, self.block_rows(), part, add).unwrap_or_default();
        sums.resize(n + 2, 0.0);
        let squares = sums[n];
        sums.truncate(n);
        (sums, squares)
    }

    /// The intercept of the features as they are.
    pub(super) fn intercept(&self, coefficients: &[f64]) -> f64 {
        self.mean - self.means.iter().zip(coefficients).map(|(mean, weight)| mean * weight).sum::<f64>()
    }
}

/// Sums over rows of weighted deviations from an origin, of their products with the target's, and at last of the target's
/// deviations and their squares.
struct Moments<'a> {
    values: &'a [f64],
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    origin: &'a [f64],
    y_origin: f64,
    sums: &'a mut [f64],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.origin.len();
        let (sums, rest) = self.sums.split_at_mut(n);
        let (cross, last) = rest.split_at_mut(n);
        for (row, y) in self.y.iter().enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            let deviation = y - self.y_origin;
            let pull = weight * deviation;
            last[0] += pull;
            last[1] += pull * deviation;
            let values = self.values[row * n..(row + 1) * n].iter().zip(self.origin);
            for ((sum, cross), (value, origin)) in sums.iter_mut().zip(cross.iter_mut()).zip(values) {
                let deviation = value - origin;
                *sum += weight * deviation;
                *cross += pull * deviation;
            }
        }
    }
}

/// The sum of the rows around the means, each times its pull.
struct Pulled<'a> {
    values: &'a [f64],
    means: &'a [f64],
    pulls: &'a [f64],
    sums: &'a mut [f64],
}

impl Kernel for Pulled<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.means.len();
        for (row, pull) in self.pulls.iter().enumerate() {
            let values = self.values[row * n..(row + 1) * n].iter().zip(self.means);
            self.sums.iter_mut().zip(values).for_each(|(sum, (value, mean))| *sum += pull * (value - mean));
        }
    }
}

/// The inner product of coefficients with the numbers of some columns, in four lanes.
fn gathered(values: &[f64], columns: &[usize], coefficients: &[f64]) -> f64 {
    let ((columns, few), (coefficients, rest)) = (columns.as_chunks::<4>(), coefficients.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (columns, coefficients) in columns.iter().zip(coefficients) {
        for lane in 0..4 {
            lanes[lane] += values[columns[lane]] * coefficients[lane];
        }
    }
    let rest: f64 = few.iter().zip(rest).map(|(&j, weight)| values[j] * weight).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// The sum of two vectors.
pub(super) fn add(mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
    left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
    left
}

/// A target in units of its spread around its mean, so that steps and tolerances fit targets of any size.
pub(super) struct Scaled<'a> {
    y: &'a [f64],
    pub(super) centre: f64,
    pub(super) scale: f64,
}

impl<'a> Scaled<'a> {
    /// Around 0 where the answers cannot be shifted.
    pub(super) fn new(y: &'a [f64], weights: Option<&[f64]>, shifted: bool) -> Self {
        let total = total_weight(weights, y.len());
        let share = |row: usize| weights.map_or(1.0, |weights| weights[row]) / total;
        let average = |centre: f64| reduce::sum_by(y.len(), |row| share(row) * (y[row] - centre));
        let mut centre = 0.0;
        if shifted {
            centre = average(0.0);
            centre += average(centre);
        }
        let size = y.iter().fold(0.0, |size: f64, y| size.max((y - centre).abs()));
        let unit = if size > 0.0 && size.is_finite() { size } else { 1.0 };
        let square = reduce::sum_by(y.len(), |row| share(row) * ((y[row] - centre) / unit).powi(2));
        // Below the rounding of the mean there is no spread.
        let constant = size <= 16.0 * f64::EPSILON * centre.abs();
        let scale = if constant || !(square > 0.0) { 1.0 } else { unit * square.sqrt() };
        Scaled { y, centre, scale }
    }

    pub(super) fn at(&self, row: usize) -> f64 {
        (self.y[row] - self.centre) / self.scale
    }
}
