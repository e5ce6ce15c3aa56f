//! Rows around their weighted means, which no copy of the whole input ever is.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use perennial_core::{Context, Error, Matrix, Result, Rows};
use perennial_numeric::linalg::gram;
use perennial_numeric::reduce;

use super::model::total_weight;
use crate::rows::row_major;

/// Numbers of a block that stays in the second-level cache.
const NUMBERS: usize = 1 << 16;

/// A regression problem: the rows, their weights, and the means that are taken away where there is an intercept.
pub(super) struct Centred<'a> {
    x: Cow<'a, [f64]>,
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    pub(super) total_weight: f64,
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    pub(super) means: Vec<f64>,
    pub(super) mean: f64,
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
            x: row_major(x.dense()?),
            y,
            weights,
            total_weight: total_weight(weights, n_rows),
            n_rows,
            n_features,
            means: vec![0.0; n_features],
            mean: 0.0,
        };
        if intercept {
            problem.find_means();
        }
        if problem.means.iter().chain([&problem.mean]).all(|mean| mean.is_finite()) {
            return Ok(problem);
        }
        Err(Error::overflow("the mean of a column left the range of f64; scale the features and the target"))
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.x[row * self.n_features..(row + 1) * self.n_features]
    }

    pub(super) fn target(&self, row: usize) -> f64 {
        self.y[row] - self.mean
    }

    fn block_rows(&self) -> usize {
        (NUMBERS / self.n_features.max(1)).clamp(64, 4096)
    }

    /// Two passes, the second of which corrects the rounding of the first.
    fn find_means(&mut self) {
        for _ in 0..2 {
            let part = |rows: Range<usize>| {
                let mut sums = vec![0.0; self.n_features + 1];
                for row in rows {
                    let weight = self.weight(row) / self.total_weight;
                    for ((sum, value), mean) in sums.iter_mut().zip(self.row(row)).zip(&self.means) {
                        *sum += weight * (value - mean);
                    }
                    sums[self.n_features] += weight * self.target(row);
                }
                sums
            };
            let sums = reduce::map_reduce(self.n_rows, self.block_rows(), part, add).unwrap_or_default();
            self.means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean += sum);
            self.mean += sums[self.n_features];
        }
    }

    /// The rows of a block around the means, of the given columns or of all, then the target and a one, each times the
    /// root of its weight.
    fn block(&self, rows: Range<usize>, columns: Option<&[usize]>) -> Array2<f64> {
        let width = columns.map_or(self.n_features, <[usize]>::len) + 2;
        let mut block = Vec::with_capacity(rows.len() * width);
        let n_rows = rows.len();
        for row in rows {
            let root = self.weights.map_or(1.0, |weights| weights[row].sqrt());
            let values = self.row(row);
            match columns {
                None => {
                    block.extend(values.iter().zip(&self.means).map(|(value, mean)| root * (value - mean)))
                }
                Some(columns) => block.extend(columns.iter().map(|&j| root * (values[j] - self.means[j]))),
            }
            block.push(root * self.target(row));
            block.push(root);
        }
        ArrayView2::from_shape((n_rows, width), &block).map(|block| block.to_owned()).unwrap_or_default()
    }

    /// Some rows around the means.
    pub(super) fn centred_block(&self, rows: Range<usize>) -> Array2<f64> {
        self.block(rows, None).slice(ndarray::s![.., ..self.n_features]).to_owned()
    }

    /// All rows around the means.
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
        let width = columns.map_or(self.n_features, <[usize]>::len) + 2;
        let first = rows.start;
        // Long enough for the product to be worth its set-up, short enough to stop when asked to.
        let step = (1 << 18) / width;
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
        let offset: f64 = columns.iter().zip(coefficients).map(|(&j, weight)| self.means[j] * weight).sum();
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; n + 2];
            for row in rows {
                let values = self.row(row);
                let fitted: f64 =
                    columns.iter().zip(coefficients).map(|(&j, weight)| values[j] * weight).sum();
                let residual = self.target(row) - (fitted - offset);
                let pull = self.weight(row) * residual;
                for ((sum, value), mean) in sums.iter_mut().zip(values).zip(&self.means) {
                    *sum += pull * (value - mean);
                }
                sums[n] += pull * residual;
            }
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
