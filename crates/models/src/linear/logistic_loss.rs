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
use perennial_numeric::simd::widest;
use perennial_numeric::special::exp_in_place;

use super::centred::add;
use super::design::{Design, Numbers};
use super::logistic_information::tie_classes;
use super::logistic_sparse::{Gather, LANES, Scatter, turn, turn_back};

/// The objective for the classes that have rows.
pub(super) struct Loss<'a> {
    pub(super) design: &'a Design<'a>,
    /// The position of each row's class among those that have rows; rows of other classes have no weight.
    classes: Vec<u32>,
    /// 1 for two classes.
    pub(super) n_vectors: usize,
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
    pub(super) fn vectors(&self, unknowns: &[f64]) -> (Vec<f64>, Vec<f64>) {
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

    /// Turns the scores of some sparse rows into the slopes of their weighted losses, whose sum it gives; what fills
    /// blocks of classes up is minus infinity, and becomes 0.
    fn slopes(&self, rows: Range<usize>, scores: &mut [[f64; LANES]]) -> f64 {
        let groups = self.groups();
        let tops = self.shares(rows.clone(), scores);
        let mut loss = 0.0;
        for ((row, slopes), own) in rows.zip(scores.chunks_exact_mut(groups)).zip(tops) {
            let weight = self.design.weight(row);
            if weight == 0.0 {
                slopes.fill([0.0; LANES]);
                continue;
            }
            loss += weight * own;
            slopes.as_flattened_mut().iter_mut().for_each(|slope| *slope *= weight);
            let class = self.classes[row] as usize;
            if self.n_vectors > 1 {
                slopes[class / LANES][class % LANES] -= weight;
            } else if class == 1 {
                slopes[0][0] -= weight;
            }
        }
        loss
    }

    /// Turns the scores of some rows into probabilities, and gives their losses.
    pub(super) fn shares(&self, rows: Range<usize>, scores: &mut [[f64; LANES]]) -> Vec<f64> {
        let groups = self.groups();
        if self.n_vectors == 1 {
            let share = |(row, scores): (usize, &mut [f64; LANES])| {
                let [score, ..] = *scores;
                let loss = self.row_loss(self.classes[row], &mut [score]);
                // The slope for class 0 is the probability of class 1.
                let mut slope = [score];
                self.row_loss(0, &mut slope);
                *scores = [slope[0], 0.0, 0.0, 0.0];
                loss
            };
            return rows.zip(scores).map(share).collect();
        }
        let mut losses = Vec::with_capacity(rows.len());
        for (row, scores) in rows.zip(scores.chunks_exact_mut(groups)) {
            let class = self.classes[row] as usize;
            let scores = scores.as_flattened_mut();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            losses.push(top - scores[class]);
            scores.iter_mut().for_each(|score| *score -= top);
        }
        exp_in_place(scores.as_flattened_mut());
        for (scores, loss) in scores.chunks_exact_mut(groups).zip(&mut losses) {
            let scores = scores.as_flattened_mut();
            let total: f64 = scores.iter().sum();
            *loss += total.ln();
            scores.iter_mut().for_each(|score| *score /= total);
        }
        losses
    }

    /// Blocks of classes.
    pub(super) fn groups(&self) -> usize {
        self.n_vectors.div_ceil(LANES)
    }

    /// Intercepts in blocks; `filler` fills up the last.
    pub(super) fn starts(&self, intercepts: &[f64], filler: f64) -> Vec<[f64; LANES]> {
        let of = |i: usize| intercepts.get(i).copied().unwrap_or(filler);
        (0..self.groups()).map(|group| std::array::from_fn(|lane| of(group * LANES + lane))).collect()
    }

    /// The products of some rows with vectors that are turned, each from its intercept.
    pub(super) fn scores(
        &self,
        rows: Range<usize>,
        turned: &[[f64; LANES]],
        starts: &[[f64; LANES]],
    ) -> Vec<[f64; LANES]> {
        let (n, groups) = (self.design.n_features, starts.len());
        let mut scores = starts.repeat(rows.len());
        match &self.design.numbers {
            Numbers::Sparse(csr) => {
                let columns = self.design.columns(csr);
                widest(Gather { csr, columns, rows, turned, groups, scores: &mut scores });
            }
            Numbers::Dense(numbers) => {
                let values = self.design.dense_rows(rows.clone(), numbers);
                let both = (
                    ArrayView2::from_shape((rows.len(), n), &values),
                    ArrayView2::from_shape((n, groups * LANES), turned.as_flattened()),
                );
                if let (Ok(values), Ok(turned)) = both {
                    let products = matmul(&values, &turned);
                    scores.as_flattened_mut().iter_mut().zip(&products).for_each(|(sum, more)| *sum += more);
                }
            }
        }
        scores
    }

    /// Adds the sums over some rows of slope times feature, turned, and then those of the slopes.
    pub(super) fn pull(&self, rows: Range<usize>, slopes: &[[f64; LANES]], sums: &mut [[f64; LANES]]) {
        let (n, groups) = (self.design.n_features, self.groups());
        let (by_feature, by_intercept) = sums.split_at_mut(n * groups);
        for slopes in slopes.chunks_exact(groups) {
            add_to(by_intercept, slopes);
        }
        match &self.design.numbers {
            Numbers::Sparse(csr) => {
                let columns = self.design.columns(csr);
                widest(Scatter::<false> { csr, columns, rows, slopes, groups, sums: by_feature });
            }
            Numbers::Dense(numbers) => {
                let values = self.design.dense_rows(rows.clone(), numbers);
                let both = (
                    ArrayView2::from_shape((rows.len(), n), &values),
                    ArrayView2::from_shape((rows.len(), groups * LANES), slopes.as_flattened()),
                );
                if let (Ok(values), Ok(slopes)) = both {
                    let products = matmul(&values.t(), &slopes);
                    by_feature
                        .as_flattened_mut()
                        .iter_mut()
                        .zip(&products)
                        .for_each(|(sum, more)| *sum += more);
                }
            }
        }
    }

    /// Sums of 0 for all features, and then for the intercepts.
    pub(super) fn no_sums(&self) -> Vec<[f64; LANES]> {
        vec![[0.0; LANES]; (self.design.n_features + 1) * self.groups()]
    }

    /// Sums over features and intercepts, turned, in the places of the unknowns.
    pub(super) fn placed(&self, sums: &[[f64; LANES]], out: &mut [f64]) {
        let (n, k) = (self.design.n_features, self.n_vectors);
        let (by_feature, by_intercept) = sums.split_at(n * self.groups());
        let (vectors, intercepts) = out.split_at_mut(k * n);
        turn_back(by_feature, &self.design.places, vectors, n);
        intercepts.iter_mut().zip(by_intercept.as_flattened()).for_each(|(to, from)| *to = *from);
    }

    /// Loss and derivatives of sparse rows: for each vector those by its features, then by its intercept, then
    /// the loss itself.
    fn sums_by_class(&self, vectors: &[f64], intercepts: &[f64]) -> Vec<f64> {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let (turned, starts) =
            (turn(vectors, &design.places, n, k), self.starts(intercepts, f64::NEG_INFINITY));
        let work = |rows: Range<usize>| {
            let (mut sums, mut loss) = (self.no_sums(), 0.0);
            for rows in design.bites(rows) {
                let mut scores = self.scores(rows.clone(), &turned, &starts);
                loss += self.slopes(rows.clone(), &mut scores);
                self.pull(rows, &scores, &mut sums);
            }
            (sums, loss)
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), work, |mut left, right| {
            add_to(&mut left.0, &right.0);
            (left.0, left.1 + right.1)
        });
        let mut out = vec![0.0; k * n + k + 1];
        if let Some((sums, loss)) = sums {
            out[k * n + k] = loss;
            self.placed(&sums, &mut out[..k * n + k]);
        }
        out
    }

    /// Loss and derivatives of some dense rows of more than two classes, by products of matrices: for each vector those
    /// by its features, then by its intercept, then the loss itself.
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
        let sums = match &design.numbers {
            Numbers::Dense(numbers) if k > 1 => {
                let turned = Array2::from_shape_fn((n, k), |(j, class)| vectors[class * n + j]);
                let work = |rows| self.dense_block(rows, numbers, &turned, &intercepts);
                let sums = reduce::map_reduce(design.n_rows, design.block_rows(), work, add);
                sums.unwrap_or_else(|| vec![0.0; k * n + k + 1])
            }
            _ => self.sums_by_class(&vectors, &intercepts),
        };
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
        tie_classes(hessian, design, k);
    }
}

/// Adds blocks to as many others.
pub(super) fn add_to(left: &mut [[f64; LANES]], right: &[[f64; LANES]]) {
    left.as_flattened_mut().iter_mut().zip(right.as_flattened()).for_each(|(to, from)| *to += from);
}
