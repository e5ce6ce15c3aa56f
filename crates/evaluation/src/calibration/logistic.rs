//! Logistic functions of a few numbers per row, fitted to targets between 0 and 1.

use ndarray::Array2;
use perennial_core::{Context, Result};
use perennial_numeric::optimize::{Objective, SecondOrder, Settings, newton};
use perennial_numeric::reduce;
use perennial_statistics::special::{expit, softplus};

const CHUNK: usize = 1 << 13;

/// Numbers per row, targets and weights.
pub(super) struct Logistic<'a, const K: usize> {
    pub(super) rows: &'a [[f64; K]],
    pub(super) targets: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
}

impl<const K: usize> Logistic<'_, K> {
    /// The factors of the numbers that make the mean log loss least, from `start`.
    pub(super) fn fit(&self, start: [f64; K], ctx: &Context) -> Result<[f64; K]> {
        let minimum = newton(self, &start, &Settings::new().tolerance(1e-12), ctx)?;
        let mut factors = [0.0; K];
        factors.copy_from_slice(&minimum.x);
        Ok(factors)
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn total(&self) -> f64 {
        self.weights.map_or(self.rows.len() as f64, reduce::sum)
    }

    /// The weighted sums over rows of some numbers of a row.
    fn sums<const N: usize>(&self, of_row: impl Fn(usize) -> [f64; N] + Sync) -> [f64; N] {
        let part = |rows: std::ops::Range<usize>| {
            rows.fold([0.0; N], |mut sums, row| {
                let weight = self.weight(row);
                sums.iter_mut().zip(of_row(row)).for_each(|(sum, value)| *sum += weight * value);
                sums
            })
        };
        let add = |left: [f64; N], right: [f64; N]| std::array::from_fn(|place| left[place] + right[place]);
        reduce::map_reduce(self.rows.len(), CHUNK, part, add).unwrap_or([0.0; N])
    }
}

fn score<const K: usize>(row: &[f64; K], factors: &[f64]) -> f64 {
    row.iter().zip(factors).map(|(value, factor)| value * factor).sum()
}

impl<const K: usize> Objective for Logistic<'_, K> {
    fn value_gradient(&self, factors: &[f64], gradient: &mut [f64]) -> f64 {
        let total = self.total();
        let [loss] = self.sums(|row| {
            let score = score(&self.rows[row], factors);
            [softplus(score) - self.targets[row] * score]
        });
        let slopes: [f64; K] = self.sums(|row| {
            let error = expit(score(&self.rows[row], factors)) - self.targets[row];
            self.rows[row].map(|value| error * value)
        });
        gradient.iter_mut().zip(slopes).for_each(|(gradient, slope)| *gradient = slope / total);
        loss / total
    }
}

impl<const K: usize> SecondOrder for Logistic<'_, K> {
    fn hessian(&self, factors: &[f64], hessian: &mut Array2<f64>) {
        let total = self.total();
        for i in 0..K {
            let products: [f64; K] = self.sums(|row| {
                let share = expit(score(&self.rows[row], factors));
                self.rows[row].map(|value| share * (1.0 - share) * self.rows[row][i] * value)
            });
            (0..K).for_each(|j| hessian[[i, j]] = products[j] / total);
        }
    }
}
