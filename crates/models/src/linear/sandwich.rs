//! Standard errors that hold where the variance is not what the model says.

use std::ops::Range;

use ndarray::{Array2, ArrayView1};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;

use super::StandardErrors;
use super::centred::add;
use super::design::{Design, Numbers};
use super::smooth::AtScore;

/// Rows of one task.
const BLOCK: usize = 1024;

/// What a fit without penalty is looked at by.
pub(super) struct Sandwich<'a, F> {
    pub(super) kind: StandardErrors,
    pub(super) design: &'a Design<'a>,
    pub(super) offsets: Option<&'a [f64]>,
    /// How many rows each row stands for; weights of classes are not among them.
    pub(super) weights: Option<&'a [f64]>,
    /// The slope of a row's loss at its score, and the curvature that its information is made of.
    pub(super) at: F,
}

impl<F: Fn(usize, f64) -> AtScore + Sync> Sandwich<'_, F> {
    /// The roots of the diagonal of `C (sum of slope^2 x x^T) C`, the intercept first, with `C` the inverse of the
    /// information (Huber, 1967; White, 1980), in the units of the input; none where that has no inverse or a root is not finite.
    ///
    /// `hessian` is the mean information by the unknowns of the design.
    pub(super) fn errors(&self, unknowns: &[f64], hessian: &Array2<f64>) -> Vec<f64> {
        let Ok(factor) = Cholesky::new(hessian) else { return Vec::new() };
        let inverse = factor.inverse() / self.design.total_weight;
        let size = inverse.nrows();
        let part = |rows: Range<usize>| {
            let (mut sums, mut z) = (vec![0.0; size], vec![0.0; size]);
            for row in rows {
                let frequency = self.weights.map_or(1.0, |weights| weights[row]);
                let weight = self.design.weight(row);
                // A row without weight must not count, whatever it holds.
                if weight == 0.0 || frequency == 0.0 {
                    continue;
                }
                self.fill(row, &mut z);
                let z = ArrayView1::from(&z[..]);
                let score = z.dot(&ArrayView1::from(unknowns)) + self.offsets.map_or(0.0, |own| own[row]);
                let at = (self.at)(row, score);
                let moved = inverse.dot(&z);
                let rest = match self.kind {
                    StandardErrors::Hc2 | StandardErrors::Hc3 => {
                        (1.0 - weight / frequency * at.curvature * moved.dot(&z)).max(f64::EPSILON)
                    }
                    _ => 1.0,
                };
                let slope = match self.kind {
                    StandardErrors::Hc2 => at.slope / rest.sqrt(),
                    _ => at.slope / rest,
                };
                // What the weight of its class makes of a row is no further row.
                let slope = weight * slope;
                let square = slope / frequency * slope;
                self.in_units(moved.iter().copied(), &mut sums, square);
            }
            sums
        };
        let sums = reduce::map_reduce(self.design.n_rows, BLOCK, part, add).unwrap_or_default();
        let n_rows = super::model::total_weight(self.weights, self.design.n_rows);
        let correction = match self.kind {
            StandardErrors::Hc1 => n_rows / (n_rows - size as f64),
            _ => 1.0,
        };
        let errors: Vec<f64> = sums.iter().map(|sum| (correction * sum).sqrt()).collect();
        if errors.iter().all(|error| error.is_finite()) { errors } else { Vec::new() }
    }

    /// A row by the unknowns of the design: centred, scaled, and 1 for the intercept.
    fn fill(&self, row: usize, z: &mut [f64]) {
        let (design, n) = (self.design, self.design.n_features);
        match &design.numbers {
            Numbers::Dense(numbers) => {
                let values = &numbers[row * n..(row + 1) * n];
                for (j, (z, value)) in z.iter_mut().zip(values).enumerate() {
                    *z = (value - design.centres[j]) / design.scales[j];
                }
            }
            Numbers::Sparse(csr) => {
                z[..n].fill(0.0);
                let (columns, values) = csr.row(row);
                columns
                    .iter()
                    .zip(values)
                    .for_each(|(&c, value)| z[c as usize] = value / design.scales[c as usize]);
            }
        }
        if design.intercept {
            z[n] = 1.0;
        }
    }

    /// Adds the squares of a change of the unknowns, in the units of the input and with the intercept first.
    fn in_units(&self, moved: impl Iterator<Item = f64>, sums: &mut [f64], square: f64) {
        let (design, n) = (self.design, self.design.n_features);
        let first = usize::from(design.intercept);
        let mut constant = 0.0;
        for (j, moved) in moved.enumerate() {
            if j == n {
                constant += moved;
                continue;
            }
            let own = moved / design.scales[j];
            constant -= own * design.centres[j];
            sums[first + j] += square * own * own;
        }
        if design.intercept {
            sums[0] += square * constant * constant;
        }
    }
}
