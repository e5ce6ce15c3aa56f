//! Products with the Hessian of [`Loss`], which is never made.

use std::ops::Range;

use perennial_numeric::optimize::HessianProduct;
use perennial_numeric::reduce;
use perennial_numeric::simd::widest;

use super::design::Numbers;
use super::logistic_loss::{Loss, add_to};
use super::logistic_sparse::{LANES, Scatter, turn};

impl HessianProduct for Loss<'_> {
    /// The probabilities of the rows, in blocks of classes.
    type Curvature = Vec<[f64; LANES]>;

    fn curvature(&self, x: &[f64]) -> Self::Curvature {
        let design = self.design;
        let (vectors, intercepts) = self.vectors(x);
        let turned = turn(&vectors, &design.places, design.n_features, self.n_vectors);
        let starts = self.starts(&intercepts, f64::NEG_INFINITY);
        let work = |rows: Range<usize>| {
            let mut scores = self.scores(rows.clone(), &turned, &starts);
            self.shares(rows, &mut scores);
            scores
        };
        reduce::map_chunks(design.n_rows, design.block_rows(), work).concat()
    }

    fn times(&self, at: &Self::Curvature, vector: &[f64], out: &mut [f64]) {
        let (design, n, k) = (self.design, self.design.n_features, self.n_vectors);
        let groups = self.groups();
        let (vectors, intercepts) = self.vectors(vector);
        let (turned, starts) = (turn(&vectors, &design.places, n, k), self.starts(&intercepts, 0.0));
        let work = |rows: Range<usize>| {
            let mut sums = self.no_sums();
            for rows in design.bites(rows) {
                let mut moves = self.scores(rows.clone(), &turned, &starts);
                let shares = at[rows.start * groups..rows.end * groups].chunks_exact(groups);
                for ((row, moves), shares) in rows.clone().zip(moves.chunks_exact_mut(groups)).zip(shares) {
                    let (moves, shares) = (moves.as_flattened_mut(), shares.as_flattened());
                    let weight = design.weight(row);
                    // A row without weight must not count, whatever its score.
                    if weight == 0.0 {
                        moves.fill(0.0);
                        continue;
                    }
                    let mean: f64 = moves.iter().zip(shares).map(|(step, share)| step * share).sum();
                    let slope = |(step, share): (&mut f64, &f64)| *step = weight * share * (*step - mean);
                    moves.iter_mut().zip(shares).for_each(slope);
                }
                self.pull(rows, &moves, &mut sums);
            }
            sums
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), work, |mut left, right| {
            add_to(&mut left, &right);
            left
        });
        self.placed(&sums.unwrap_or_else(|| self.no_sums()), out);
        out.iter_mut().for_each(|sum| *sum /= design.total_weight);
        for (i, (out, step)) in out[..k * n].iter_mut().zip(vector).enumerate() {
            let scale = design.scales[i % n];
            *out = (*out + design.alpha / design.total_weight * (step / scale)) / scale;
        }
    }

    /// Means over the vectors.
    fn diagonal(&self, at: &Self::Curvature) -> Option<Vec<f64>> {
        let (design, n, k, groups) = (self.design, self.design.n_features, self.n_vectors, self.groups());
        let Numbers::Sparse(csr) = &design.numbers else { return None };
        let work = |rows: Range<usize>| {
            let mut sums = self.no_sums();
            let mut slopes = at[rows.start * groups..rows.end * groups].to_vec();
            for (row, slopes) in rows.clone().zip(slopes.chunks_exact_mut(groups)) {
                let weight = design.weight(row);
                let slope = |share: &mut f64| {
                    *share = if weight == 0.0 { 0.0 } else { weight * *share * (1.0 - *share) }
                };
                slopes.as_flattened_mut().iter_mut().for_each(slope);
                add_to(&mut sums[n * groups..], slopes);
            }
            let sums_of = &mut sums[..n * groups];
            let columns = design.columns(csr);
            widest(Scatter::<true> { csr, columns, rows, slopes: &slopes, groups, sums: sums_of });
            sums
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), work, |mut left, right| {
            add_to(&mut left, &right);
            left
        });
        let mut out = vec![0.0; self.n_unknowns()];
        self.placed(&sums?, &mut out);
        out.iter_mut().for_each(|sum| *sum /= design.total_weight);
        for (i, out) in out[..k * n].iter_mut().enumerate() {
            let scale = design.scales[i % n];
            *out = (*out + design.alpha / design.total_weight) / scale / scale;
        }
        // The same for all vectors: a step whose numbers add up to nothing over the vectors, as those of the gradient do, stays
        // one, and adding the same to all vectors changes no answer.
        let width = n + usize::from(design.intercept);
        for j in 0..width {
            let of = |vector: usize| if j < n { vector * n + j } else { k * n + vector };
            let mean = (0..k).map(|vector| out[of(vector)]).sum::<f64>() / k as f64;
            (0..k).for_each(|vector| out[of(vector)] = mean);
        }
        Some(out)
    }
}
