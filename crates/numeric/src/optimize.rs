//! Minima of smooth functions.

mod interior;
mod lbfgs;
mod levenberg;
mod line_search;
mod newton;
mod proximal;
mod truncated;
mod vertex;

pub use interior::{Kinked, KinkedMinimum};
pub use lbfgs::{lbfgs, lbfgs_near};
pub use levenberg::{LeastSquaresMinimum, LeastSquaresSettings, Residuals, least_squares};
use ndarray::Array2;
pub use newton::newton;
use perennial_core::{Error, Result};
pub use proximal::proximal_newton;
pub use truncated::{HessianProduct, newton_cg};

/// A function to be made small.
pub trait Objective {
    /// The value at `x`; writes all of the gradient into `gradient`, which is as long as `x`.
    ///
    /// A value or gradient that is not finite tells the search that it stepped too far.
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64;
}

/// A function whose second derivatives are known.
pub trait SecondOrder: Objective {
    /// Writes all of the Hessian at `x` into `hessian`; only its lower triangle is read.
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>);
}

/// When to stop, and how much to remember.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_iter` | 200 | any | the most steps |
/// | `tolerance` | 1e-8 | >= 0 | stop when no entry of the gradient is larger |
/// | `history` | 10 | >= 1 | steps that L-BFGS remembers |
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    max_iter: usize,
    tolerance: f64,
    history: usize,
}

impl Settings {
    /// The defaults.
    pub fn new() -> Self {
        Settings { max_iter: 200, tolerance: 1e-8, history: 10 }
    }

    /// Sets the most steps.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the size of the largest entry of the gradient at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the number of steps that L-BFGS remembers.
    #[must_use]
    pub fn history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }

    fn check(&self) -> Result<()> {
        if !(self.tolerance >= 0.0) {
            return Err(Error::invalid_param("tolerance", self.tolerance, "a number >= 0"));
        }
        if self.history == 0 {
            return Err(Error::invalid_param("history", self.history, "at least 1"));
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::new()
    }
}

/// The best point that was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The magnitude of the largest entry of the gradient there.
    pub gradient_norm: f64,
    /// How many steps were taken.
    pub n_iterations: usize,
    /// Whether the gradient came below the tolerance. Otherwise the steps ran out, or rounding
    /// left nothing to gain.
    pub converged: bool,
}

/// A point with its value and gradient.
#[derive(Clone)]
struct Point {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn at(problem: &(impl Objective + ?Sized), x: Vec<f64>) -> Point {
        let mut gradient = vec![0.0; x.len()];
        let value = problem.value_gradient(&x, &mut gradient);
        Point { x, value, gradient }
    }

    /// The first point, which must be one where the function is defined.
    fn start(problem: &(impl Objective + ?Sized), x0: &[f64]) -> Result<Point> {
        let start = Point::at(problem, x0.to_vec());
        if start.is_finite() {
            return Ok(start);
        }
        Err(Error::overflow(format!(
            "the objective is {} at the starting point, or its gradient is not finite; scale the features",
            start.value
        )))
    }

    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }

    fn gradient_norm(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest, g| f64::max(largest, g.abs()))
    }

    fn into_minimum(self, n_iterations: usize, settings: &Settings) -> Minimum {
        let gradient_norm = self.gradient_norm();
        let converged = gradient_norm <= settings.tolerance;
        Minimum { x: self.x, value: self.value, gradient_norm, n_iterations, converged }
    }
}
