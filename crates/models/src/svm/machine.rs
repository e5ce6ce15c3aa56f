//! What the machines share: settings of the solver, and the width of the kernel's numbers.

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, Param, Result};
use perennial_numeric::kernel::{Function, TrainRows};

use super::solver::{Limits, Problem, Solution};

pub(super) const C: Param =
    Param::real("c", "the most that one row may pull").at_least(1e-100).at_most(1e12).search_log(1e-2, 1e3);
pub(super) const TOLERANCE: Param =
    Param::real("tolerance", "by how much a pair of rows may violate optimality").above(0.0);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most steps of pairs").at_least(1.0).at_most(1e15);
pub(super) const CACHE_SIZE: Param =
    Param::real("cache_size", "megabytes for rows of the kernel matrix").above(0.0).at_most(1e9);

/// Settings of the solver, the same for all machines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) tolerance: f64,
    pub(super) max_iter: usize,
    pub(super) cache_size: f64,
}

impl Effort {
    pub(super) fn check(&self) -> Result<()> {
        TOLERANCE.check(self.tolerance)?;
        MAX_ITER.check_count(self.max_iter)?;
        CACHE_SIZE.check(self.cache_size)
    }

    /// For one of several problems that share the cache.
    pub(super) fn limits(&self, n_problems: usize) -> Limits {
        let cache = (self.cache_size * 1e6 / n_problems.clamp(1, 4) as f64) as usize;
        Limits { tolerance: self.tolerance, max_iter: self.max_iter, cache }
    }
}

/// A problem without its kernel.
pub(super) struct Terms {
    pub(super) linear: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    pub(super) kink: f64,
    pub(super) start: Vec<f64>,
}

/// Solves a problem, with the kernel in the narrowest numbers that keep the tolerance.
pub(super) fn solve(
    function: Function,
    x: &ArrayRef2<f64>,
    terms: Terms,
    limits: Limits,
    ctx: &Context,
) -> Result<Solution> {
    let largest = terms.low.iter().chain(&terms.high).fold(0.0, |most, bound| f64::max(most, bound.abs()));
    let narrow = f32_noise(function, x) * largest <= 0.05 * limits.tolerance;
    let Terms { linear, low, high, kink, start } = terms;
    if narrow {
        let kernel = &TrainRows::<f32>::new(function, x)?;
        return Problem { kernel, linear, low, high, kink, start }.solve(limits, ctx);
    }
    let kernel = &TrainRows::<f64>::new(function, x)?;
    Problem { kernel, linear, low, high, kink, start }.solve(limits, ctx)
}

/// About how far a kernel of f32 numbers is from the true one; infinity where that has not been worked out.
fn f32_noise(function: Function, x: &ArrayRef2<f64>) -> f64 {
    let Function::Rbf { gamma } = function else { return f64::INFINITY };
    // The squared distances come from squared lengths around the mean, whose rounding they keep.
    let n = x.nrows().max(1) as f64;
    let spread: f64 = x
        .columns()
        .into_iter()
        .map(|column| {
            let mean = column.sum() / n;
            column.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n
        })
        .sum();
    f64::from(f32::EPSILON) * (1.0 + 4.0 * gamma * spread)
}

/// The bound of each row: `c` times its weight.
pub(super) fn bounds(c: f64, n_rows: usize, weights: Option<&[f64]>) -> Result<Vec<f64>> {
    let bound = |row: usize| {
        let bound = c * weights.map_or(1.0, |weights| weights[row]);
        match bound <= 1e100 {
            true => Ok(bound),
            false => Err(Error::overflow(format!(
                "`c` times the weight of row {row} is {bound:e}; at most 1e100 can be worked with: make `c` or the weights smaller"
            ))),
        }
    };
    (0..n_rows).map(bound).collect()
}
