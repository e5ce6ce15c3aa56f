//! Standard errors that hold where the variance is not what the model says.

use std::ops::Range;

use ndarray::{Array2, ArrayView1};
use perennial_core::{Error, Result};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::StandardErrors;
use super::design::{Design, Numbers};
use super::smooth::AtScore;

/// Rows of one task.
const BLOCK: usize = 1024;

/// Rows whose leverage is nearer to 1 than this have a residual of rounding alone, over a share of rounding alone.
const LEAST_REST: f64 = 1e-10;

/// Robust standard errors, the intercept first; none where there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Robust {
    pub(super) errors: Vec<f64>,
    /// The first row that the fit goes through whatever its target is, where the kind asks for its residual without it.
    pub(super) bound: Option<usize>,
}

impl Robust {
    pub(super) fn new(kind: StandardErrors, (sums, bound): Sums, n_rows: f64) -> Self {
        let correction = match kind {
            StandardErrors::Hc1 => n_rows / (n_rows - sums.len() as f64),
            _ => 1.0,
        };
        let errors: Vec<f64> = sums.iter().map(|sum| (correction * sum).sqrt()).collect();
        let sound = bound.is_none() && errors.iter().all(|error| error.is_finite());
        Robust { errors: if sound { errors } else { Vec::new() }, bound }
    }

    /// Refuses errors that a row makes impossible.
    pub(super) fn check(&self) -> Result<()> {
        let Some(row) = self.bound else { return Ok(()) };
        Err(Error::singular(format!(
            "the fit goes through row {row} whatever its target is (its leverage is not below 1), so `Hc2` and `Hc3` do not exist; ask for `Hc0` or `Hc1`, or drop the row and the column that it alone determines"
        )))
    }
}

/// Sums of squares, and the first row of leverage 1.
pub(super) type Sums = (Vec<f64>, Option<usize>);

/// The sums of both; earlier rows are on the left.
pub(super) fn add_sums((mut sums, bound): Sums, (others, other): Sums) -> Sums {
    sums.iter_mut().zip(&others).for_each(|(sum, other)| *sum += other);
    (sums, bound.or(other))
}

/// What the slope of a row is divided by, given its leverage; nothing where that is 1.
pub(super) fn rest_of(kind: StandardErrors, leverage: impl FnOnce() -> f64) -> Option<f64> {
    if !matches!(kind, StandardErrors::Hc2 | StandardErrors::Hc3) {
        return Some(1.0);
    }
    let rest = 1.0 - leverage();
    let divisor = if kind == StandardErrors::Hc2 { rest.max(0.0).sqrt() } else { rest };
    // NaN must not pass for a row that is bound: it makes all errors NaN.
    (!(rest < LEAST_REST)).then_some(divisor)
}

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
    pub(super) fn errors(&self, unknowns: &[f64], hessian: &Array2<f64>) -> Robust {
        let Ok(factor) = Cholesky::new(hessian) else { return Robust::default() };
        let inverse = factor.inverse() / self.design.total_weight;
        let size = inverse.nrows();
        let part = |rows: Range<usize>| {
            let (mut sums, mut z, mut bound) = (vec![0.0; size], vec![0.0; size], None);
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
                let leverage = || weight / frequency * at.curvature * moved.dot(&z);
                let Some(rest) = rest_of(self.kind, leverage) else {
                    bound = bound.or(Some(row));
                    continue;
                };
                // What the weight of its class makes of a row is no further row.
                let slope = weight * (at.slope / rest);
                let square = slope / frequency * slope;
                self.in_units(moved.iter().copied(), &mut sums, square);
            }
            (sums, bound)
        };
        let sums = reduce::map_reduce(self.design.n_rows, BLOCK, part, add_sums).unwrap_or_default();
        let n_rows = super::model::total_weight(self.weights, self.design.n_rows);
        Robust::new(self.kind, sums, n_rows)
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
