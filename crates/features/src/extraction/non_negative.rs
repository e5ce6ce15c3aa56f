//! Rows of numbers that are not negative, dense or sparse, as a factorisation needs them.

use std::borrow::Cow;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Csr, Error, Matrix, Result};
use perennial_numeric::linalg::{Centred, Subspace, largest_singular, matmul};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::sparse::{csr_matmul_dense, csr_t_matmul_dense};

use super::spectrum::{PcaSolver, spectrum};

/// Numbers of which the squares stay in the range of f64.
const MOST: f64 = 1e140;
/// What a sum of parts is at least where a number is divided by it.
pub(super) const LEAST: f64 = 1e-150;
/// Rows of one task.
const CHUNK: usize = 512;
/// Where the largest number lies within these, nothing is scaled.
const TAME: std::ops::Range<f64> = 1e-3..1e6;

/// The rows, in units of a power of two.
pub(super) enum NonNegative<'a> {
    Dense(Cow<'a, ArrayRef2<f64>>),
    Sparse(Cow<'a, Csr>),
}

impl<'a> NonNegative<'a> {
    /// The rows as they are, checked.
    pub(super) fn new(x: &'a Matrix) -> Result<Self> {
        match x.sparse() {
            Some(csr) => {
                for row in 0..csr.n_rows() {
                    let (columns, values) = csr.row(row);
                    columns.iter().zip(values).try_for_each(|(&j, &value)| check(row, j as usize, value))?;
                }
                Ok(NonNegative::Sparse(Cow::Borrowed(csr)))
            }
            None => {
                let x = x.dense()?;
                x.indexed_iter().try_for_each(|((row, column), &value)| check(row, column, value))?;
                Ok(NonNegative::Dense(Cow::Borrowed(x)))
            }
        }
    }

    /// In units of the largest number, so that no product leaves the range; and the unit.
    pub(super) fn in_units(self) -> Result<(Self, f64)> {
        let stored: &mut dyn Iterator<Item = &f64> = match &self {
            NonNegative::Dense(x) => &mut x.iter(),
            NonNegative::Sparse(x) => &mut x.values().iter(),
        };
        let largest = stored.fold(0.0, |most: f64, value| most.max(*value));
        if largest == 0.0 || TAME.contains(&largest) {
            return Ok((self, 1.0));
        }
        let unit = 2f64.powi(largest.log2().floor() as i32);
        let scaled = match self {
            NonNegative::Dense(x) => NonNegative::Dense(Cow::Owned(x.mapv(|value| value / unit))),
            NonNegative::Sparse(x) => {
                let values = x.values().iter().map(|value| value / unit).collect();
                let (indptr, indices) = (x.indptr().to_vec(), x.indices().to_vec());
                NonNegative::Sparse(Cow::Owned(Csr::new(x.n_cols(), indptr, indices, values)?))
            }
        };
        Ok((scaled, unit))
    }

    /// The number of rows and that of columns.
    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            NonNegative::Dense(x) => x.dim(),
            NonNegative::Sparse(x) => (x.n_rows(), x.n_cols()),
        }
    }

    pub(super) fn mean(&self) -> f64 {
        let (n, p) = self.dim();
        let sum = match self {
            NonNegative::Dense(x) => x.iter().sum::<f64>(),
            NonNegative::Sparse(x) => x.values().iter().sum(),
        };
        sum / (n * p) as f64
    }

    pub(super) fn sum_of_squares(&self) -> f64 {
        match self {
            NonNegative::Dense(x) => Centred::new(x, None).sum_of_squares(),
            NonNegative::Sparse(x) => {
                reduce::sum_by(x.n_stored(), |place| x.values()[place] * x.values()[place])
            }
        }
    }

    /// The product with the columns of `b`.
    pub(super) fn times(&self, b: &Array2<f64>) -> Array2<f64> {
        match self {
            NonNegative::Dense(x) => Centred::new(x, None).times(b),
            NonNegative::Sparse(x) => csr_matmul_dense(x, b),
        }
    }

    /// The product of the turned rows with the columns of `b`.
    pub(super) fn turned_times(&self, b: &Array2<f64>) -> Array2<f64> {
        match self {
            NonNegative::Dense(x) => Centred::new(x, None).turned_times(b),
            NonNegative::Sparse(x) => csr_t_matmul_dense(x, b),
        }
    }

    /// Each number that is not 0 over the product of its row of `w` and its row of `h`.
    pub(super) fn over(&self, w: &Array2<f64>, h: &Array2<f64>) -> Result<NonNegative<'static>> {
        let ratio = |value: f64, sum: f64| if value > 0.0 { value / sum.max(LEAST) } else { 0.0 };
        match self {
            NonNegative::Dense(x) => {
                let mut ratios = matmul(w, &h.t());
                ratios.iter_mut().zip(x.iter()).for_each(|(sum, value)| *sum = ratio(*value, *sum));
                Ok(NonNegative::Dense(Cow::Owned(ratios)))
            }
            NonNegative::Sparse(x) => {
                let part = |rows: std::ops::Range<usize>| {
                    let mut ratios = Vec::new();
                    for row in rows {
                        let (columns, values) = x.row(row);
                        let own = w.row(row);
                        let sums = columns.iter().map(|&column| own.dot(&h.row(column as usize)));
                        ratios.extend(values.iter().zip(sums).map(|(value, sum)| ratio(*value, sum)));
                    }
                    ratios
                };
                let ratios = reduce::map_chunks(x.n_rows(), CHUNK, part).concat();
                let (indptr, indices) = (x.indptr().to_vec(), x.indices().to_vec());
                Ok(NonNegative::Sparse(Cow::Owned(Csr::new(x.n_cols(), indptr, indices, ratios)?)))
            }
        }
    }

    /// The sum of `x (ln ratio - 1)` over the numbers that are not 0, for ratios that [`over`](NonNegative::over) gave.
    pub(super) fn log_sum(&self, ratios: &NonNegative<'_>) -> f64 {
        // Where the ratio of a tiny number vanishes, its term is nothing beside the others.
        let term = |value: f64, ratio: f64| {
            if value > 0.0 && ratio > 0.0 { value * (ratio.ln() - 1.0) } else { 0.0 }
        };
        match (self, ratios) {
            (NonNegative::Dense(x), NonNegative::Dense(ratios)) => {
                x.iter().zip(ratios.iter()).map(|(value, ratio)| term(*value, *ratio)).sum()
            }
            (NonNegative::Sparse(x), NonNegative::Sparse(ratios)) => {
                reduce::sum_by(x.n_stored(), |place| term(x.values()[place], ratios.values()[place]))
            }
            // Ratios have the form of their rows.
            _ => 0.0,
        }
    }

    /// The columns and numbers of a row that are not 0.
    pub(super) fn entries(&self, row: usize) -> Vec<(usize, f64)> {
        match self {
            NonNegative::Dense(x) => {
                let cells = x.row(row).into_iter().copied().enumerate();
                cells.filter(|(_, value)| *value > 0.0).collect()
            }
            NonNegative::Sparse(x) => {
                let (columns, values) = x.row(row);
                let cells = columns.iter().map(|&column| column as usize).zip(values.iter().copied());
                cells.filter(|(_, value)| *value > 0.0).collect()
            }
        }
    }

    /// The largest singular values, at most `k`, and their right vectors in rows.
    pub(super) fn singular(&self, k: usize, seed: u64, ctx: &Context) -> Result<(Vec<f64>, Array2<f64>)> {
        const N_ITER: usize = 7;
        match self {
            NonNegative::Dense(x) => {
                let (_, found) = spectrum(x, false, Some(k), PcaSolver::Auto, (seed, N_ITER), ctx)?;
                Ok((found.s.to_vec(), found.vt))
            }
            NonNegative::Sparse(x) => {
                let (n, p) = self.dim();
                let effort =
                    Subspace { n_components: k.min(n).min(p), n_oversamples: 10, n_iterations: N_ITER };
                let mut random = Random::new(seed);
                let times = |b: &Array2<f64>| csr_matmul_dense(x, b);
                let gram_times = |b: &Array2<f64>| csr_t_matmul_dense(x, &csr_matmul_dense(x, b));
                let (s, vt) = largest_singular(p, effort, &mut random, ctx, times, gram_times)?;
                Ok((s.to_vec(), vt))
            }
        }
    }
}

/// Refuses a negative number, and one whose square leaves the range of f64.
fn check(row: usize, column: usize, value: f64) -> Result<()> {
    if value < 0.0 {
        return Err(Error::unsupported(format!(
            "row {row} has {value} in column {column}; a non-negative factorisation takes numbers >= 0"
        )));
    }
    if value > MOST {
        return Err(Error::overflow(format!(
            "row {row} has {value:e} in column {column}; its square leaves the range of f64: scale the columns first"
        )));
    }
    Ok(())
}
