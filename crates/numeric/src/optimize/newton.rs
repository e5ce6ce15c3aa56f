//! Newton's method, damped.

use ndarray::{Array2, ArrayView1};
use perennial_core::{Context, Result};

use super::line_search::line_search;
use super::{Minimum, Point, SecondOrder, Settings};
use crate::linalg::Cholesky;

/// Minimises a function from its gradient and Hessian, with quadratic convergence near the minimum.
///
/// Where the Hessian is not positive definite a growing multiple of the identity is added until it is
/// (Nocedal and Wright, 2006, algorithm 3.3); a line search damps the steps.
///
/// # Errors
/// When the function is not finite at `x0`, a setting is out of range, or the work is cancelled.
/// Running out of steps is no error: see [`Minimum::converged`].
pub fn newton(
    problem: &(impl SecondOrder + ?Sized),
    x0: &[f64],
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    settings.check()?;
    let mut here = Point::start(problem, x0)?;
    let mut hessian = Array2::zeros((x0.len(), x0.len()));
    let mut done = 0;
    while done < settings.max_iter && here.gradient_norm() > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        problem.hessian(&here.x, &mut hessian);
        let downhill = || here.gradient.iter().map(|g| -g).collect::<Vec<f64>>();
        let next = match damped(&hessian) {
            Some(factor) => {
                let step = factor.solve(&ArrayView1::from(&here.gradient));
                let direction: Vec<f64> = step.iter().map(|s| -s).collect();
                line_search(problem, &here, &direction, 1.0)
            }
            None => line_search(problem, &here, &downhill(), 1.0 / here.gradient_norm().max(1.0)),
        };
        match next {
            Some(next) => here = next,
            None => break,
        }
        done += 1;
    }
    Ok(here.into_minimum(done, settings))
}

/// The factor of the Hessian plus the smallest tried multiple of the identity that makes it positive definite.
fn damped(hessian: &Array2<f64>) -> Option<Cholesky> {
    if let Ok(factor) = Cholesky::new(hessian) {
        return Some(factor);
    }
    let largest = hessian.diag().iter().fold(0.0, |largest, h| f64::max(largest, h.abs()));
    let mut extra = 1e-10 * if largest > 0.0 { largest } else { 1.0 };
    for _ in 0..40 {
        let mut shifted = hessian.clone();
        shifted.diag_mut().iter_mut().for_each(|h| *h += extra);
        if let Ok(factor) = Cholesky::new(&shifted) {
            return Some(factor);
        }
        extra *= 10.0;
    }
    None
}
