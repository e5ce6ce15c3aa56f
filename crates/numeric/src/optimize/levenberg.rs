//! Nonlinear least squares by the method of Levenberg and Marquardt.

use ndarray::{Array2, ArrayView1, Axis};
use perennial_core::{Context, Error, Result};

use crate::linalg::Qr;

/// Residuals whose sum of squares is to be made small.
pub trait Residuals {
    /// How many residuals there are.
    fn n_residuals(&self) -> usize;

    /// Writes all residuals at `x`. Numbers that are not finite tell the search that it stepped too far.
    fn residuals(&self, x: &[f64], out: &mut [f64]);

    /// Writes the derivatives at `x`, residuals x parameters; by central differences unless you know them better.
    fn jacobian(&self, x: &[f64], out: &mut Array2<f64>) {
        let n = self.n_residuals();
        let (mut above, mut below) = (vec![0.0; n], vec![0.0; n]);
        let mut point = x.to_vec();
        for j in 0..x.len() {
            // The cube root of the rounding balances it against the curvature.
            let step = f64::EPSILON.cbrt() * if x[j] == 0.0 { 1.0 } else { x[j].abs() };
            let (high, low) = (x[j] + step, x[j] - step);
            point[j] = high;
            self.residuals(&point, &mut above);
            point[j] = low;
            self.residuals(&point, &mut below);
            point[j] = x[j];
            for (out, (above, below)) in out.column_mut(j).iter_mut().zip(above.iter().zip(&below)) {
                *out = (above - below) / (high - low);
            }
        }
    }
}

/// When nonlinear least squares stops.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_iter` | 1000 | >= 1 | the most steps that are tried |
/// | `tolerance` | 1e-10 | >= 0 | stop when the residuals and no column of derivatives have a larger cosine |
#[derive(Clone, Debug, PartialEq)]
pub struct LeastSquaresSettings {
    max_iter: usize,
    tolerance: f64,
}

impl LeastSquaresSettings {
    /// The defaults.
    pub fn new() -> Self {
        LeastSquaresSettings { max_iter: 1000, tolerance: 1e-10 }
    }

    /// Sets the most steps that are tried.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the cosine between residuals and derivatives at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }
}

impl Default for LeastSquaresSettings {
    fn default() -> Self {
        LeastSquaresSettings::new()
    }
}

/// The best parameters that were found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LeastSquaresMinimum {
    /// The parameters.
    pub x: Vec<f64>,
    /// The sum of squared residuals there.
    pub residual_sum_of_squares: f64,
    /// The derivatives there, residuals x parameters.
    pub jacobian: Array2<f64>,
    /// The largest cosine between the residuals and a column of derivatives; 0 at a minimum.
    pub cosine: f64,
    /// How many steps were tried.
    pub n_iterations: usize,
    /// Whether the cosine came below the tolerance, or steps became smaller than rounding where it is below 0.01 or the
    /// residuals are themselves rounding.
    pub converged: bool,
}

impl LeastSquaresMinimum {
    /// The standard errors of the parameters, from the derivatives at the minimum.
    ///
    /// # Errors
    /// When there are not more residuals than parameters, or the derivatives depend on each other.
    pub fn standard_errors(&self) -> Result<Vec<f64>> {
        let (n, p) = self.jacobian.dim();
        if n <= p {
            return Err(Error::insufficient_data(format!(
                "{n} residuals leave nothing to estimate the noise from beside {p} parameters; use more data"
            )));
        }
        let qr = Qr::new(&self.jacobian, &Array2::zeros((n, 0)), None, false)?;
        let variance = self.residual_sum_of_squares / (n - p) as f64;
        Ok(qr.covariance()?.diag().iter().map(|spread| (spread * variance).sqrt()).collect())
    }
}

/// Makes the sum of squared residuals small (Levenberg, 1944; Marquardt, 1963).
///
/// Each step is a linear least-squares problem, solved by QR and damped in the scale of the columns (More, 1978); the
/// damping follows how well the last step was predicted (Nielsen, 1999). The minimum may be a local one.
///
/// # Errors
/// When there are no parameters or residuals, the residuals are not finite at `x0`, a setting is out of range, or the work
/// is cancelled. Running out of steps is no error: see [`LeastSquaresMinimum::converged`].
///
/// ```
/// use perennial_core::Context;
/// use perennial_numeric::optimize::{LeastSquaresSettings, Residuals, least_squares};
///
/// /// y = b0 * (1 - exp(-b1 * x))
/// struct Growth;
/// impl Residuals for Growth {
///     fn n_residuals(&self) -> usize {
///         3
///     }
///     fn residuals(&self, b: &[f64], out: &mut [f64]) {
///         for (out, x) in out.iter_mut().zip([1.0, 2.0, 4.0]) {
///             let truth = 5.0 * (1.0 - f64::exp(-0.5 * x));
///             *out = b[0] * (1.0 - f64::exp(-b[1] * x)) - truth;
///         }
///     }
/// }
///
/// let fit = least_squares(&Growth, &[1.0, 1.0], &LeastSquaresSettings::new(), &Context::new())?;
/// assert!(fit.converged && (fit.x[0] - 5.0).abs() < 1e-8 && (fit.x[1] - 0.5).abs() < 1e-8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn least_squares(
    problem: &(impl Residuals + ?Sized),
    x0: &[f64],
    settings: &LeastSquaresSettings,
    ctx: &Context,
) -> Result<LeastSquaresMinimum> {
    if !(settings.tolerance >= 0.0) {
        return Err(Error::invalid_param("tolerance", settings.tolerance, "a number >= 0"));
    }
    let (n, p) = (problem.n_residuals(), x0.len());
    if n == 0 || p == 0 {
        return Err(Error::empty(format!("there are {n} residuals and {p} parameters")));
    }
    let mut x = x0.to_vec();
    let mut residuals = vec![0.0; n];
    problem.residuals(&x, &mut residuals);
    let mut cost = squares(&residuals);
    let mut jacobian = Array2::zeros((n, p));
    problem.jacobian(&x, &mut jacobian);
    if !cost.is_finite() || !jacobian.iter().all(|value| value.is_finite()) {
        return Err(Error::overflow(format!(
            "the sum of squared residuals is {cost} at the starting point, or its derivatives are not finite; start elsewhere, or scale the data"
        )));
    }
    let mut lengths = lengths_of(&jacobian);
    let (mut damping, mut growth) = (1e-3, 2.0);
    let (mut done, mut small_steps) = (0, false);
    let mut trial = vec![0.0; n];
    while done < settings.max_iter && !small_steps && cosine(&jacobian, &residuals) > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        done += 1;
        let Some(step) = damped_step(&jacobian, &residuals, &lengths, damping) else {
            damping *= growth;
            growth *= 2.0;
            small_steps = !damping.is_finite();
            continue;
        };
        let next: Vec<f64> = x.iter().zip(&step).map(|(x, step)| x + step).collect();
        problem.residuals(&next, &mut trial);
        let next_cost = squares(&trial);
        let moved = jacobian.dot(&ArrayView1::from(&step));
        let bound: f64 = step.iter().zip(&lengths).map(|(step, length)| (step * length).powi(2)).sum();
        // What the linear model says the step gains.
        let promised = moved.dot(&moved) + 2.0 * damping * bound;
        let tiny = step.iter().zip(&x).all(|(step, x)| step.abs() <= 4.0 * f64::EPSILON * x.abs());
        if next_cost.is_finite() && next_cost <= cost {
            let share = if promised > 0.0 { (cost - next_cost) / promised } else { 1.0 };
            x = next;
            std::mem::swap(&mut residuals, &mut trial);
            cost = next_cost;
            problem.jacobian(&x, &mut jacobian);
            if !jacobian.iter().all(|value| value.is_finite()) {
                return Err(Error::overflow(
                    "the derivatives of the residuals are not finite near the best point; scale the parameters",
                ));
            }
            lengths.iter_mut().zip(lengths_of(&jacobian)).for_each(|(old, new)| *old = old.max(new));
            damping = (damping * f64::max(1.0 / 3.0, 1.0 - (2.0 * share - 1.0).powi(3))).max(1e-300);
            growth = 2.0;
        } else {
            damping *= growth;
            growth *= 2.0;
        }
        small_steps = tiny || !damping.is_finite();
    }
    let cosine = cosine(&jacobian, &residuals);
    // Residuals that are no more than rounding have any direction.
    let size = x.iter().zip(&lengths).map(|(x, length)| (x * length).abs()).fold(0.0, f64::max);
    let exact = cost.sqrt() <= 1e-14 * size;
    let converged = cosine <= settings.tolerance || small_steps && (exact || cosine <= 1e-2);
    Ok(LeastSquaresMinimum {
        x,
        residual_sum_of_squares: cost,
        jacobian,
        cosine,
        n_iterations: done,
        converged,
    })
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// The lengths of the columns; 1 for one of zeros, so that its parameter stays where it is.
fn lengths_of(jacobian: &Array2<f64>) -> Vec<f64> {
    let length = |column: ArrayView1<'_, f64>| column.dot(&column).sqrt();
    let positive = |length: f64| if length > 0.0 { length } else { 1.0 };
    jacobian.axis_iter(Axis(1)).map(|column| positive(length(column))).collect()
}

fn cosine(jacobian: &Array2<f64>, residuals: &[f64]) -> f64 {
    let residuals = ArrayView1::from(residuals);
    let length = residuals.dot(&residuals).sqrt();
    if length == 0.0 {
        return 0.0;
    }
    let one = |column: ArrayView1<'_, f64>| {
        let own = column.dot(&column).sqrt();
        if own == 0.0 { 0.0 } else { (column.dot(&residuals) / own / length).abs() }
    };
    jacobian.axis_iter(Axis(1)).map(one).fold(0.0, f64::max)
}

/// The step that makes `|J s + r|^2 + damping |D s|^2` smallest.
fn damped_step(jacobian: &Array2<f64>, residuals: &[f64], lengths: &[f64], damping: f64) -> Option<Vec<f64>> {
    let (n, p) = jacobian.dim();
    let root = damping.sqrt();
    let design = Array2::from_shape_fn((n + p, p), |(i, j)| match i {
        i if i < n => jacobian[[i, j]],
        i if i - n == j => root * lengths[j],
        _ => 0.0,
    });
    let target = Array2::from_shape_fn((n + p, 1), |(i, _)| if i < n { -residuals[i] } else { 0.0 });
    let answer = Qr::new(&design, &target, None, false).ok()?.solve().ok()?;
    Some(answer.coefficients.column(0).to_vec())
}
