//! The penalised sum of any smooth loss of one score for each row, with its derivatives.
//!
//! Unknowns are those of [`Design`]: coefficients of centred and scaled features, then the intercept. The value is that of
//! the original problem divided by the sum of the weights.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use perennial_core::{Error, Result};
use perennial_numeric::linalg::{Cholesky, gram};
use perennial_numeric::optimize::{Objective, SecondOrder};
use perennial_numeric::reduce;

use super::centred::add;
use super::logistic_loss::{Design, Numbers, dot};

/// The loss of a row at a score, and its first and second derivative.
pub(super) struct AtScore {
    pub(super) value: f64,
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

/// The objective: `loss(row, score)` for each row, plus the penalty of the design.
pub(super) struct Smooth<'a, F> {
    pub(super) design: &'a Design<'a>,
    /// Added to the score of each row.
    pub(super) offsets: Option<&'a [f64]>,
    pub(super) loss: F,
}

impl<F: Fn(usize, f64) -> AtScore + Sync> Smooth<'_, F> {
    pub(super) fn n_unknowns(&self) -> usize {
        self.design.n_features + usize::from(self.design.intercept)
    }

    /// The coefficients and the intercept in the units of the input.
    pub(super) fn in_units(&self, unknowns: &[f64]) -> Result<(Vec<f64>, f64)> {
        let design = self.design;
        let coefficients: Vec<f64> =
            unknowns.iter().zip(&design.scales).map(|(u, scale)| u / scale).collect();
        let shift: f64 =
            coefficients.iter().zip(&design.centres).map(|(weight, centre)| weight * centre).sum();
        let intercept = if design.intercept { unknowns[design.n_features] - shift } else { 0.0 };
        if coefficients.iter().chain([&intercept]).all(|number| number.is_finite()) {
            return Ok((coefficients, intercept));
        }
        Err(Error::overflow("a coefficient left the range of f64; standardise the features"))
    }

    /// The roots of the diagonal of the inverse of the information, intercept first, in the units of the input; `None`
    /// where the columns depend on each other. The loss must have no penalty.
    pub(super) fn spreads(&self, unknowns: &[f64]) -> Option<Vec<f64>> {
        let (design, size) = (self.design, self.n_unknowns());
        let mut hessian = Array2::zeros((size, size));
        self.hessian(unknowns, &mut hessian);
        spreads(&hessian, design)
    }

    /// The score of a row and the numbers it came from: with their columns where they are sparse.
    fn score<'r>(
        &'r self,
        row: usize,
        vector: &[f64],
        intercept: f64,
        spare: &'r mut [f64],
    ) -> (f64, Option<&'r [u32]>, &'r [f64]) {
        let offset = self.offsets.map_or(0.0, |offsets| offsets[row]);
        match &self.design.numbers {
            Numbers::Dense(numbers) => {
                let values = self.design.row(numbers, row, spare);
                (dot(values, vector) + intercept + offset, None, values)
            }
            Numbers::Sparse(csr) => {
                let (columns, values) = csr.row(row);
                let product: f64 = columns.iter().zip(values).map(|(&c, v)| v * vector[c as usize]).sum();
                (product + intercept + offset, Some(columns), values)
            }
        }
    }

    fn vector(&self, unknowns: &[f64]) -> (Vec<f64>, f64) {
        let vector = unknowns.iter().zip(&self.design.scales).map(|(u, scale)| u / scale).collect();
        (vector, if self.design.intercept { unknowns[self.design.n_features] } else { 0.0 })
    }
}

/// The roots of the diagonal of the inverse of the Hessian of the mean loss, in the units of the input.
pub(super) fn spreads(hessian: &Array2<f64>, design: &Design<'_>) -> Option<Vec<f64>> {
    let n = design.n_features;
    let inverse = Cholesky::new(hessian).ok()?.inverse();
    let size = inverse.nrows();
    let mut rows = Vec::with_capacity(size);
    if design.intercept {
        // The intercept of the features as they are is that of the centred ones less their means' share.
        let mut row = vec![0.0; size];
        row[n] = 1.0;
        for j in 0..n {
            row[j] = -design.centres[j] / design.scales[j];
        }
        rows.push(row);
    }
    for j in 0..n {
        let mut row = vec![0.0; size];
        row[j] = 1.0 / design.scales[j];
        rows.push(row);
    }
    let spread = |row: &Vec<f64>| {
        let moved = inverse.dot(&ndarray::ArrayView1::from(row));
        let variance: f64 = row.iter().zip(&moved).map(|(a, b)| a * b).sum();
        (variance / design.total_weight).sqrt()
    };
    let spreads: Vec<f64> = rows.iter().map(spread).collect();
    spreads.iter().all(|spread| spread.is_finite()).then_some(spreads)
}

impl<F: Fn(usize, f64) -> AtScore + Sync> Objective for Smooth<'_, F> {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (design, n) = (self.design, self.design.n_features);
        let (vector, intercept) = self.vector(x);
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; n + 2];
            let mut spare = vec![0.0; n];
            for row in rows {
                let weight = design.weight(row);
                if weight == 0.0 {
                    continue;
                }
                let (score, columns, values) = self.score(row, &vector, intercept, &mut spare);
                let at = (self.loss)(row, score);
                let slope = weight * at.slope;
                sums[n] += slope;
                sums[n + 1] += weight * at.value;
                match columns {
                    None => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += slope * value),
                    Some(columns) => {
                        columns.iter().zip(values).for_each(|(&c, v)| sums[c as usize] += slope * v);
                    }
                }
            }
            sums
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), part, add);
        let sums = sums.unwrap_or_else(|| vec![0.0; n + 2]);
        let mut value = sums[n + 1] / design.total_weight;
        for j in 0..n {
            let scale = design.scales[j];
            let pull = design.alpha / design.total_weight * (x[j] / scale);
            value += 0.5 * pull * (x[j] / scale);
            gradient[j] = (sums[j] / design.total_weight + pull) / scale;
        }
        if design.intercept {
            gradient[n] = sums[n] / design.total_weight;
        }
        value
    }
}

impl<F: Fn(usize, f64) -> AtScore + Sync> SecondOrder for Smooth<'_, F> {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        let (design, n) = (self.design, self.design.n_features);
        let (vector, intercept) = self.vector(x);
        let width = self.n_unknowns();
        let inverses: Vec<f64> = design.scales.iter().map(|scale| 1.0 / scale).collect();
        let part = |rows: Range<usize>| {
            let mut block = Vec::with_capacity(rows.len() * width);
            let mut spare = vec![0.0; n];
            for row in rows.clone() {
                let (score, columns, values) = self.score(row, &vector, intercept, &mut spare);
                let curvature = design.weight(row) * (self.loss)(row, score).curvature;
                let root = curvature.max(0.0).sqrt();
                match columns {
                    None => {
                        block.extend(values.iter().zip(&inverses).map(|(v, inverse)| root * (v * inverse)))
                    }
                    Some(columns) => {
                        let first = block.len();
                        block.resize(first + n, 0.0);
                        for (&c, v) in columns.iter().zip(values) {
                            block[first + c as usize] = root * (v * inverses[c as usize]);
                        }
                    }
                }
                if design.intercept {
                    block.push(root);
                }
            }
            ArrayView2::from_shape((rows.len(), width), &block)
                .map_or_else(|_| Array2::zeros((width, width)), |block| gram(&block, None))
        };
        let rows = design.block_rows().clamp(512, 4096);
        let sums = reduce::map_reduce(design.n_rows, rows, part, |a, b| a + b);
        let sums = sums.unwrap_or_else(|| Array2::zeros((width, width)));
        hessian.assign(&(sums / design.total_weight));
        for j in 0..n {
            let scale = design.scales[j];
            hessian[[j, j]] += design.alpha / design.total_weight / scale / scale;
        }
    }
}
