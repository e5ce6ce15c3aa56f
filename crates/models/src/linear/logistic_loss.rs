//! The penalised log loss of a linear model, with its derivatives.
//!
//! Unknowns are the coefficients of features that are centred and scaled, which no copy of the input ever is:
//! `z = (x - centre) / scale . u + b`. The value, and the penalty above all, are those of the original
//! problem divided by the sum of the weights.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use perennial_core::{Error, Result};
use perennial_numeric::linalg::{gram, matmul};
use perennial_numeric::optimize::{Objective, SecondOrder};
use perennial_numeric::reduce;
use perennial_numeric::special::exp_in_place;

use super::design::{Design, Numbers};

/// The objective for the classes that have rows.
pub(super) struct Loss<'a> {
    design: &'a Design<'a>,
    /// The position of each row's class among those that have rows; rows of other classes have no weight.
    classes: Vec<u32>,
    /// 1 for two classes.
    n_vectors: usize,
}

impl<'a> Loss<'a> {
    pub(super) fn new(design: &'a Design<'a>, codes: &[u32], present: &[u32]) -> Self {
        let place = |code: &u32| present.binary_search(code).unwrap_or(0) as u32;
        let n_vectors = if present.len() == 2 { 1 } else { present.len() };
        Loss { design, classes: codes.iter().map(place).collect(), n_vectors }
    }

    /// For each vector its coefficients, and then the intercepts.
    pub(super) fn n_unknowns(&self) -> usize {
        self.n_vectors * (self.design.n_features + usize::from(self.design.intercept))
    }

    /// Coefficients (vectors x features) and intercepts in the units of the input.
    pub(super) fn in_units(&self, unknowns: &[f64]) -> Result<(Array2<f64>, Vec<f64>)> {
        let n = self.design.n_features;
        let coefficients =
            Array2::from_shape_fn((self.n_vectors, n), |(k, j)| unknowns[k * n + j] / self.design.scales[j]);
        let intercepts: Vec<f64> = (0..self.n_vectors).map(|k| self.intercept(unknowns, k)).collect();
        if coefficients.iter().chain(&intercepts).all(|number| number.is_finite()) {
            return Ok((coefficients, intercepts));
        }
        Err(Error::overflow("a coefficient left the range of f64; standardise the features"))
    }

    /// The intercept of the features as they are.
    fn intercept(&self, unknowns: &[f64], vector: usize) -> f64 {
        let design = self.design;
        if !design.intercept {
            return 0.0;
        }
        let n = design.n_features;
        let own = unknowns[self.n_vectors * n + vector];
        own - (0..n).map(|j| unknowns[vector * n + j] / design.scales[j] * design.centres[j]).sum::<f64>()
    }

    /// The vectors for features that are centred but not scaled, and their intercepts.
    fn vectors(&self, unknowns: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.design.n_features;
        let (coefficients, intercepts) = unknowns.split_at(self.n_vectors * n);
        let scaled = coefficients.iter().enumerate().map(|(i, u)| u / self.design.scales[i % n]).collect();
        let intercepts = match self.design.intercept {
            true => intercepts.to_vec(),
            false => vec![0.0; self.n_vectors],
        };
        (scaled, intercepts)
    }

    /// The loss of one row from its scores, which become the derivatives of the loss.
    fn row_loss(&self, class: u32, scores: &mut [f64]) -> f64 {
        if let [score] = scores {
            // log(1 + e^-m) and its slope, for the margin m of the row's class.
            let sign = if class == 1 { 1.0 } else { -1.0 };
            let margin = sign * *score;
            let odds = (-margin.abs()).exp();
            *score = -sign * if margin > 0.0 { odds } else { 1.0 } / (1.0 + odds);
            return odds.ln_1p() + f64::max(-margin, 0.0);
        }
        let own = scores[class as usize];
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for score in scores.iter_mut() {
            *score = (*score - top).exp();
            total += *score;
        }
        scores.iter_mut().for_each(|score| *score /= total);
        scores[class as usize] -= 1.0;
        total.ln() + (top - own)
    }

    /// Loss and derivatives of some rows: for each vector those by its features, then by its intercept, then
    /// the loss itself.
    fn block(&self, rows: Range<usize>, vectors: &[f64], intercepts: &[f64]) -> Vec<f64> {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let mut out = vec![0.0; k * n + k + 1];
        let (by_feature, rest) = out.split_at_mut(k * n);
        let mut scores = vec![0.0; k];
        let mut spare = vec![0.0; n];
        for row in rows {
            let weight = design.weight(row);
            if weight == 0.0 {
                continue;
            }
            // The stored entries of the row; a dense row has one for each feature.
            let (columns, values) = match &design.numbers {
                Numbers::Dense(numbers) => (None, design.row(numbers, row, &mut spare)),
                Numbers::Sparse(csr) => {
                    let (columns, values) = csr.row(row);
                    (Some(columns), values)
                }
            };
            for (score, (vector, intercept)) in scores.iter_mut().zip(vectors.chunks_exact(n).zip(intercepts))
            {
                let product = match columns {
                    None => dot(values, vector),
                    Some(columns) => columns.iter().zip(values).map(|(&c, v)| v * vector[c as usize]).sum(),
                };
                *score = product + intercept;
            }
            rest[k] += weight * self.row_loss(self.classes[row], &mut scores);
            for (class, slope) in scores.iter().map(|slope| weight * slope).enumerate() {
                rest[class] += slope;
                let gradient = &mut by_feature[class * n..(class + 1) * n];
                match columns {
                    None => gradient.iter_mut().zip(values).for_each(|(g, value)| *g += slope * value),
                    Some(columns) => {
                        columns.iter().zip(values).for_each(|(&c, v)| gradient[c as usize] += slope * v);
                    }
                }
            }
        }
        out
    }

    /// The same as [`block`](Loss::block) for dense rows and more than two classes, by products of matrices.
    fn dense_block(
        &self,
        rows: Range<usize>,
        numbers: &[f64],
        turned: &Array2<f64>,
        intercepts: &[f64],
    ) -> Vec<f64> {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let mut out = vec![0.0; k * n + k + 1];
        let values = design.dense_rows(rows.clone(), numbers);
        let Ok(values) = ArrayView2::from_shape((rows.len(), n), &values) else { return out };
        let mut scores = matmul(&values, turned).into_raw_vec_and_offset().0;
        let mut rest = Vec::with_capacity(rows.len());
        for (row, scores) in rows.clone().zip(scores.chunks_exact_mut(k)) {
            scores.iter_mut().zip(intercepts).for_each(|(score, intercept)| *score += intercept);
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            rest.push(top - scores[self.classes[row] as usize]);
            scores.iter_mut().for_each(|score| *score -= top);
        }
        exp_in_place(&mut scores);
        let (by_feature, by_intercept) = out.split_at_mut(k * n);
        for ((row, slopes), rest) in rows.zip(scores.chunks_exact_mut(k)).zip(rest) {
            let weight = design.weight(row);
            let total: f64 = slopes.iter().sum();
            let share = weight / total;
            slopes.iter_mut().for_each(|slope| *slope *= share);
            slopes[self.classes[row] as usize] -= weight;
            by_intercept.iter_mut().zip(slopes.iter()).for_each(|(sum, slope)| *sum += slope);
            if weight > 0.0 {
                by_intercept[k] += weight * (total.ln() + rest);
            }
        }
        let Ok(slopes) = ArrayView2::from_shape((values.nrows(), k), &scores) else { return out };
        by_feature.copy_from_slice(&matmul(&slopes.t(), &values).into_raw_vec_and_offset().0);
        out
    }

    /// The second derivatives of the loss of some rows, by the unknowns of two vectors at a time.
    fn hessian_block(
        &self,
        rows: Range<usize>,
        numbers: &[f64],
        vectors: &[f64],
        intercepts: &[f64],
    ) -> Vec<Array2<f64>> {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let width = n + usize::from(design.intercept);
        let mut block = Vec::with_capacity(rows.len() * width);
        let mut shares = Vec::with_capacity(rows.len() * k);
        let mut scores = vec![0.0; k];
        let mut spare = vec![0.0; n];
        let inverses: Vec<f64> = design.scales.iter().map(|scale| 1.0 / scale).collect();
        for row in rows.clone() {
            let values = design.row(numbers, row, &mut spare);
            for (score, (vector, intercept)) in scores.iter_mut().zip(vectors.chunks_exact(n).zip(intercepts))
            {
                *score = dot(values, vector) + intercept;
            }
            // The slopes for class 0 are probabilities but for a sign or a 1.
            self.row_loss(0, &mut scores);
            if k > 1 {
                scores[0] += 1.0;
            }
            // Two classes need one product, to which each row can bring its root.
            let root = match k {
                1 => (design.weight(row) * scores[0] * (1.0 - scores[0])).max(0.0).sqrt(),
                _ => 1.0,
            };
            block.extend(values.iter().zip(&inverses).map(|(value, inverse)| root * (value * inverse)));
            if design.intercept {
                block.push(root);
            }
            shares.extend_from_slice(&scores);
        }
        let Ok(block) = ArrayView2::from_shape((rows.len(), width), &block) else { return Vec::new() };
        if k == 1 {
            return vec![gram(&block, None)];
        }
        let mut parts = Vec::with_capacity(k * (k + 1) / 2);
        for a in 0..k {
            for b in 0..=a {
                let factor = |(row, shares): (usize, &[f64])| {
                    design.weight(row) * shares[a] * (f64::from(a == b) - shares[b])
                };
                let factors: Vec<f64> = rows.clone().zip(shares.chunks_exact(k)).map(factor).collect();
                parts.push(gram(&block, Some(&factors)));
            }
        }
        parts
    }

    /// The places of a vector's coefficients and of its intercept among the unknowns.
    fn unknowns_of(&self, vector: usize) -> impl Iterator<Item = usize> {
        let (n, k) = (self.design.n_features, self.n_vectors);
        let intercept = self.design.intercept.then_some(k * n + vector);
        (vector * n..(vector + 1) * n).chain(intercept)
    }
}

/// An inner product in eight lanes.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

impl Objective for Loss<'_> {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let (vectors, intercepts) = self.vectors(x);
        let add = |mut left: Vec<f64>, right: Vec<f64>| {
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
            left
        };
        let turned = match &design.numbers {
            Numbers::Dense(numbers) if k > 1 => {
                Some((numbers, Array2::from_shape_fn((n, k), |(j, class)| vectors[class * n + j])))
            }
            _ => None,
        };
        let work = |rows| match &turned {
            Some((numbers, turned)) => self.dense_block(rows, numbers, turned, &intercepts),
            None => self.block(rows, &vectors, &intercepts),
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), work, add);
        let sums = sums.unwrap_or_else(|| vec![0.0; k * n + k + 1]);
        let mut value = sums[k * n + k] / design.total_weight;
        let n_unknowns = gradient.len();
        gradient[k * n..].copy_from_slice(&sums[k * n..n_unknowns]);
        gradient[k * n..].iter_mut().for_each(|g| *g /= design.total_weight);
        for (i, unknown) in x[..k * n].iter().enumerate() {
            let scale = design.scales[i % n];
            let pull = design.alpha / design.total_weight * (unknown / scale);
            value += 0.5 * pull * (unknown / scale);
            gradient[i] = (sums[i] / design.total_weight + pull) / scale;
        }
        value
    }
}

impl SecondOrder for Loss<'_> {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        // Only dense input is sent here.
        let Numbers::Dense(numbers) = &design.numbers else { return };
        let (vectors, intercepts) = self.vectors(x);
        let work = |rows| self.hessian_block(rows, numbers, &vectors, &intercepts);
        let add = |left: Vec<Array2<f64>>, right: Vec<Array2<f64>>| {
            left.into_iter().zip(right).map(|(left, right)| left + right).collect()
        };
        let rows = design.block_rows().max(512);
        let parts: Vec<Array2<f64>> = reduce::map_reduce(design.n_rows, rows, work, add).unwrap_or_default();
        let pairs = (0..k).flat_map(|a| (0..=a).map(move |b| (a, b)));
        for ((a, b), part) in pairs.zip(&parts) {
            for (i, row) in self.unknowns_of(a).enumerate() {
                for (j, column) in self.unknowns_of(b).enumerate() {
                    let value = part[[i, j]] / design.total_weight;
                    hessian[[row, column]] = value;
                    hessian[[column, row]] = value;
                }
            }
        }
        for i in 0..k * n {
            let scale = design.scales[i % n];
            hessian[[i, i]] += design.alpha / design.total_weight / scale / scale;
        }
        if k > 1 {
            // The loss does not change when the same is added to all vectors. Making that direction costly moves no
            // step, as the gradient has nothing there, and makes the matrix positive definite.
            for j in 0..n + usize::from(design.intercept) {
                let of = |vector: usize| if j < n { vector * n + j } else { k * n + vector };
                for a in 0..k {
                    for b in 0..k {
                        hessian[[of(a), of(b)]] += 1.0 / (k * k) as f64;
                    }
                }
            }
        }
    }
}
