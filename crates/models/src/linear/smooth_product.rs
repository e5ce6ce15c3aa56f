//! Products with the Hessian of [`Smooth`], which is never made.

use std::ops::Range;

use perennial_numeric::optimize::HessianProduct;
use perennial_numeric::reduce;
use perennial_numeric::simd::widest;

use super::centred::add;
use super::design::Numbers;
use super::smooth::{Pulls, RowLoss, Scores, Smooth};

impl<F: RowLoss> Smooth<'_, F> {
    /// The products of some rows with a vector.
    fn moves(&self, rows: Range<usize>, vector: &[f64]) -> Vec<f64> {
        match &self.design.numbers {
            Numbers::Dense(numbers) => {
                let values = self.design.dense_rows(rows.clone(), numbers);
                let mut moves = vec![0.0; rows.len()];
                widest(Scores { values: &values, vector, out: &mut moves });
                moves
            }
            Numbers::Sparse(csr) => {
                let product = |row: usize| {
                    let (columns, values) = csr.row(row);
                    columns.iter().zip(values).map(|(&c, v)| v * vector[c as usize]).sum()
                };
                rows.map(product).collect()
            }
        }
    }
}

impl<F: RowLoss> HessianProduct for Smooth<'_, F> {
    /// The second derivative of each row's loss, times its weight.
    type Curvature = Vec<f64>;

    fn curvature(&self, x: &[f64]) -> Vec<f64> {
        let design = self.design;
        let (vector, intercept) = self.vector(x);
        let part = |rows: Range<usize>| {
            let mut moves = self.moves(rows.clone(), &vector);
            for (row, number) in rows.zip(&mut moves) {
                let weight = design.weight(row);
                // A row without weight must not count, whatever its loss.
                *number = match weight == 0.0 {
                    true => 0.0,
                    false => weight * self.loss.at(row, *number + intercept + self.offset(row)).curvature,
                };
            }
            moves
        };
        reduce::map_chunks(design.n_rows, design.block_rows(), part).concat()
    }

    fn times(&self, at: &Vec<f64>, vector: &[f64], out: &mut [f64]) {
        let (design, n) = (self.design, self.design.n_features);
        let (own, intercept) = self.vector(vector);
        let part = |rows: Range<usize>| {
            let mut slopes = self.moves(rows.clone(), &own);
            for (slope, curvature) in slopes.iter_mut().zip(&at[rows.clone()]) {
                *slope = if *curvature == 0.0 { 0.0 } else { curvature * (*slope + intercept) };
            }
            let mut sums = vec![0.0; n + 1];
            sums[n] = reduce::sum(&slopes);
            match &design.numbers {
                Numbers::Dense(numbers) => {
                    let values = design.dense_rows(rows, numbers);
                    widest(Pulls { values: &values, slopes: &slopes, sums: &mut sums[..n] });
                }
                Numbers::Sparse(csr) => {
                    for (row, slope) in rows.zip(&slopes) {
                        let (columns, values) = csr.row(row);
                        columns.iter().zip(values).for_each(|(&c, v)| sums[c as usize] += slope * v);
                    }
                }
            }
            sums
        };
        let sums = reduce::map_reduce(design.n_rows, design.block_rows(), part, add);
        let sums = sums.unwrap_or_else(|| vec![0.0; n + 1]);
        // Without an intercept there is no place for the last sum.
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = sum / design.total_weight);
        for ((out, step), scale) in out.iter_mut().zip(vector).zip(&design.scales) {
            *out = (*out + design.alpha / design.total_weight * (step / scale)) / scale;
        }
    }
}
