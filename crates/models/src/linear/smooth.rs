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
use perennial_numeric::simd::{Kernel, widest};

use super::centred::add;
use super::design::{Design, Numbers};

/// The loss of a row at a score, and its first and second derivative.
pub(super) struct AtScore {
    pub(super) value: f64,
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

/// The losses of rows at their scores. A function of row and score is one.
pub(super) trait RowLoss: Sync {
    /// The loss of one row.
    fn at(&self, row: usize, score: f64) -> AtScore;

    /// Turns the scores of the rows from `first` on into slopes, and writes their losses into `values`.
    fn fill(&self, first: usize, scores: &mut [f64], values: &mut [f64]) {
        for (i, (score, value)) in scores.iter_mut().zip(values).enumerate() {
            let at = self.at(first + i, *score);
            (*score, *value) = (at.slope, at.value);
        }
    }
}

impl<F: Fn(usize, f64) -> AtScore + Sync> RowLoss for F {
    #[inline]
    fn at(&self, row: usize, score: f64) -> AtScore {
        self(row, score)
    }
}

/// The objective: `loss(row, score)` for each row, plus the penalty of the design.
pub(super) struct Smooth<'a, F> {
    pub(super) design: &'a Design<'a>,
    /// Added to the score of each row.
    pub(super) offsets: Option<&'a [f64]>,
    pub(super) loss: F,
}

impl<F: RowLoss> Smooth<'_, F> {
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

    pub(super) fn offset(&self, row: usize) -> f64 {
        self.offsets.map_or(0.0, |offsets| offsets[row])
    }

    pub(super) fn sparse_score(&self, row: usize, vector: &[f64], intercept: f64) -> f64 {
        let Numbers::Sparse(csr) = &self.design.numbers else { return f64::NAN };
        let (columns, values) = csr.row(row);
        let product: f64 = columns.iter().zip(values).map(|(&c, v)| v * vector[c as usize]).sum();
        product + intercept + self.offset(row)
    }

    /// The sums of slope times feature, of slopes and of losses over some rows.
    fn dense_block(&self, rows: Range<usize>, numbers: &[f64], vector: &[f64], intercept: f64) -> Vec<f64> {
        let (design, n) = (self.design, self.design.n_features);
        let mut sums = vec![0.0; n + 2];
        let values = design.dense_rows(rows.clone(), numbers);
        let mut slopes = vec![0.0; rows.len()];
        widest(Scores { values: &values, vector, out: &mut slopes });
        for (row, slope) in rows.clone().zip(&mut slopes) {
            *slope += intercept + self.offset(row);
        }
        let mut losses = vec![0.0; rows.len()];
        self.loss.fill(rows.start, &mut slopes, &mut losses);
        if let Some(weights) = design.weights(rows) {
            // A row without weight must not count, whatever its loss.
            let weigh = |number: &mut f64, weight: &f64| {
                *number = if *weight == 0.0 { 0.0 } else { weight * *number }
            };
            for ((slope, loss), weight) in slopes.iter_mut().zip(&mut losses).zip(weights) {
                weigh(slope, weight);
                weigh(loss, weight);
            }
        }
        sums[n] = reduce::sum(&slopes);
        sums[n + 1] = reduce::sum(&losses);
        widest(Pulls { values: &values, slopes: &slopes, sums: &mut sums[..n] });
        sums
    }

    pub(super) fn vector(&self, unknowns: &[f64]) -> (Vec<f64>, f64) {
        let vector = unknowns.iter().zip(&self.design.scales).map(|(u, scale)| u / scale).collect();
        (vector, if self.design.intercept { unknowns[self.design.n_features] } else { 0.0 })
    }

    /// The sums over the rows of weighted slope times feature, of weighted slopes and of weighted losses, without penalty.
    pub(super) fn sums(&self, x: &[f64]) -> Vec<f64> {
        let (design, n) = (self.design, self.design.n_features);
        let (vector, intercept) = self.vector(x);
        let part = |rows: Range<usize>| match &design.numbers {
            Numbers::Dense(numbers) => self.dense_block(rows, numbers, &vector, intercept),
            Numbers::Sparse(csr) => {
                let mut sums = vec![0.0; n + 2];
                for row in rows.filter(|&row| design.weight(row) != 0.0) {
                    let (columns, values) = csr.row(row);
                    let (score, weight) = (self.sparse_score(row, &vector, intercept), design.weight(row));
                    let at = self.loss.at(row, score);
                    let slope = weight * at.slope;
                    sums[n] += slope;
                    sums[n + 1] += weight * at.value;
                    columns.iter().zip(values).for_each(|(&c, v)| sums[c as usize] += slope * v);
                }
                sums
            }
        };
        reduce::map_reduce(design.n_rows, design.block_rows(), part, add).unwrap_or_else(|| vec![0.0; n + 2])
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

/// The inner products of rows with a vector.
pub(super) struct Scores<'a> {
    pub(super) values: &'a [f64],
    pub(super) vector: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.vector.len();
        if n == 0 {
            return;
        }
        for (out, row) in self.out.iter_mut().zip(self.values.chunks_exact(n)) {
            let ((a, a_rest), (b, b_rest)) = (row.as_chunks::<8>(), self.vector.as_chunks::<8>());
            let mut lanes = [0.0; 8];
            for (a, b) in a.iter().zip(b) {
                for lane in 0..8 {
                    lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
                }
            }
            let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
            let half = [0, 1, 2, 3].map(|lane| lanes[lane] + lanes[lane + 4]);
            *out = (half[0] + half[2]) + (half[1] + half[3]) + rest;
        }
    }
}

/// The sum of the rows, each times its slope.
pub(super) struct Pulls<'a> {
    pub(super) values: &'a [f64],
    pub(super) slopes: &'a [f64],
    pub(super) sums: &'a mut [f64],
}

impl Kernel for Pulls<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.sums.len();
        if n == 0 {
            return;
        }
        // Four rows at a time, so that sums are loaded and stored less often.
        let mut slopes = self.slopes.chunks_exact(4);
        let mut rows = self.values.chunks_exact(4 * n);
        for (slopes, rows) in slopes.by_ref().zip(rows.by_ref()) {
            let (top, bottom) = rows.split_at(2 * n);
            let ((a, b), (c, d)) = (top.split_at(n), bottom.split_at(n));
            for ((((sum, a), b), c), d) in self.sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let pair = slopes[0].mul_add(*a, slopes[1] * b);
                *sum += slopes[2].mul_add(*c, slopes[3].mul_add(*d, pair));
            }
        }
        for (slope, row) in slopes.remainder().iter().zip(rows.remainder().chunks_exact(n)) {
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += slope * value);
        }
    }
}

/// Rows at unit scale, each times its root.
struct Weighted<'a> {
    values: &'a [f64],
    inverses: &'a [f64],
    roots: &'a [f64],
    width: usize,
    out: &'a mut [f64],
}

impl Kernel for Weighted<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.inverses.len();
        if n == 0 {
            return;
        }
        let rows = self.out.chunks_exact_mut(self.width).zip(self.values.chunks_exact(n));
        for ((out, values), root) in rows.zip(self.roots) {
            for ((out, value), inverse) in out.iter_mut().zip(values).zip(self.inverses) {
                *out = root * (value * inverse);
            }
        }
    }
}

impl<F: RowLoss> Objective for Smooth<'_, F> {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (design, n) = (self.design, self.design.n_features);
        let sums = self.sums(x);
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

impl<F: RowLoss> SecondOrder for Smooth<'_, F> {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        let (design, n) = (self.design, self.design.n_features);
        let (vector, intercept) = self.vector(x);
        let width = self.n_unknowns();
        let inverses: Vec<f64> = design.scales.iter().map(|scale| 1.0 / scale).collect();
        let part = |rows: Range<usize>| {
            let mut roots = vec![0.0; rows.len()];
            let own = match &design.numbers {
                Numbers::Dense(numbers) => {
                    let values = design.dense_rows(rows.clone(), numbers);
                    widest(Scores { values: &values, vector: &vector, out: &mut roots });
                    Some(values)
                }
                Numbers::Sparse(_) => None,
            };
            for (row, root) in rows.clone().zip(&mut roots) {
                let score = match own {
                    Some(_) => *root + intercept + self.offset(row),
                    None => self.sparse_score(row, &vector, intercept),
                };
                let weight = design.weight(row);
                let curvature = if weight == 0.0 { 0.0 } else { weight * self.loss.at(row, score).curvature };
                *root = curvature.max(0.0).sqrt();
            }
            let mut block = vec![0.0; rows.len() * width];
            match (&design.numbers, &own) {
                (Numbers::Sparse(csr), _) => {
                    for ((row, out), root) in rows.clone().zip(block.chunks_exact_mut(width)).zip(&roots) {
                        let (columns, values) = csr.row(row);
                        for (&c, v) in columns.iter().zip(values) {
                            out[c as usize] = root * (v * inverses[c as usize]);
                        }
                    }
                }
                (_, Some(values)) => {
                    widest(Weighted { values, inverses: &inverses, roots: &roots, width, out: &mut block });
                }
                _ => {}
            }
            if design.intercept {
                block.chunks_exact_mut(width).zip(&roots).for_each(|(out, root)| out[n] = *root);
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
