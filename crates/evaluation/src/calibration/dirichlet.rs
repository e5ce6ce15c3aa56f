//! All probabilities of a row corrected together.

use ndarray::Array2;
use perennial_core::{Context, Probabilities, Result};
use perennial_numeric::optimize::{Objective, Settings, lbfgs};
use perennial_numeric::reduce;
use perennial_statistics::special::log_sum_exp;

use super::calibrator::log;

/// How much factors off the diagonal, and intercepts, are held back.
const RIDGE: f64 = 1e-3;
const CHUNK: usize = 1 << 12;

/// The log loss of a softmax of a linear map of the logarithms of the probabilities.
struct Loss<'a> {
    logs: &'a Array2<f64>,
    codes: &'a [usize],
    weights: Option<&'a [f64]>,
    total: f64,
}

impl Objective for Loss<'_> {
    fn value_gradient(&self, factors: &[f64], gradient: &mut [f64]) -> f64 {
        let k = self.logs.ncols();
        let part = |rows: std::ops::Range<usize>| {
            let mut sums = vec![0.0; k * (k + 1) + 1];
            let mut scores = vec![0.0; k];
            for row in rows {
                let weight = self.weights.map_or(1.0, |weights| weights[row]);
                if weight == 0.0 {
                    continue;
                }
                let logs = self.logs.row(row);
                for (class, score) in scores.iter_mut().enumerate() {
                    let own = &factors[class * (k + 1)..(class + 1) * (k + 1)];
                    *score = own[k] + own.iter().zip(&logs).map(|(factor, log)| factor * log).sum::<f64>();
                }
                let norm = log_sum_exp(&scores);
                sums[k * (k + 1)] += weight * (norm - scores[self.codes[row]]);
                for class in 0..k {
                    let error = (scores[class] - norm).exp() - f64::from(u8::from(class == self.codes[row]));
                    let own = &mut sums[class * (k + 1)..(class + 1) * (k + 1)];
                    own.iter_mut()
                        .zip(logs.iter().chain([&1.0]))
                        .for_each(|(sum, log)| *sum += weight * error * log);
                }
            }
            sums
        };
        let add = |mut left: Vec<f64>, right: Vec<f64>| {
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
            left
        };
        let sums = reduce::map_reduce(self.codes.len(), CHUNK, part, add).unwrap_or_default();
        let (off, all) = ((k * (k - 1)) as f64, k as f64);
        let mut value = sums.last().copied().unwrap_or(0.0) / self.total;
        for (place, (gradient, sum)) in gradient.iter_mut().zip(&sums).enumerate() {
            let (class, column) = (place / (k + 1), place % (k + 1));
            let strength = if column == k {
                RIDGE / all
            } else if column == class {
                0.0
            } else {
                RIDGE / off
            };
            *gradient = sum / self.total + 2.0 * strength * factors[place];
            value += strength * factors[place] * factors[place];
        }
        value
    }
}

/// The factors of the logarithms and the intercept, for each class a row (Kull and others, 2019), where factors off the
/// diagonal and intercepts are held back (ODIR).
pub(super) fn fit(
    said: &Probabilities,
    codes: &[usize],
    weights: Option<&[f64]>,
    ctx: &Context,
) -> Result<Array2<f64>> {
    let logs = said.values().mapv(log);
    let k = logs.ncols();
    let total = weights.map_or(codes.len() as f64, reduce::sum);
    let start: Vec<f64> =
        (0..k * (k + 1)).map(|place| f64::from(u8::from(place / (k + 1) == place % (k + 1)))).collect();
    let loss = Loss { logs: &logs, codes, weights, total };
    let minimum = lbfgs(&loss, &start, &Settings::new().tolerance(1e-8).max_iter(1000), ctx)?;
    Ok(Array2::from_shape_fn((k, k + 1), |(class, column)| minimum.x[class * (k + 1) + column]))
}

/// The corrected probabilities of a row.
pub(super) fn apply(factors: &Array2<f64>, said: ndarray::ArrayView1<'_, f64>) -> Vec<f64> {
    let logs: Vec<f64> = said.iter().map(|share| log(*share)).collect();
    let score = |own: ndarray::ArrayView1<'_, f64>| {
        own[logs.len()] + own.iter().zip(&logs).map(|(factor, log)| factor * log).sum::<f64>()
    };
    let scores: Vec<f64> = factors.rows().into_iter().map(score).collect();
    let norm = log_sum_exp(&scores);
    let shares: Vec<f64> = scores.iter().map(|score| (score - norm).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}
