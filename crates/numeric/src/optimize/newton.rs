//! Newton's method, damped.

use ndarray::{Array2, ArrayView1};
use perennial_core::{Context, Result};

use super::line_search::line_search;
use super::{Minimum, Point, SecondOrder, Settings};
use crate::linalg::Cholesky;

/// A rough Hessian must make the gradient at least so much smaller with each step.
const ENOUGH: f64 = 0.3;

/// Minimises a function from its gradient and Hessian, with quadratic convergence near the minimum.
///
/// Where the Hessian is not positive definite a growing multiple of the identity is added until it is
/// (Nocedal and Wright, 2006, algorithm 3.3); a line search damps the steps. Where the function has a rough Hessian, that
/// is taken as long as each step makes the gradient much smaller (Byrd, Chin, Neveitt and Nocedal, 2011).
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
    let (mut done, mut rough) = (0, true);
    while done < settings.max_iter && here.gradient_norm() > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        rough = rough && problem.rough_hessian(&here.x, &mut hessian);
        if !rough {
            problem.hessian(&here.x, &mut hessian);
        }
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
            Some(next) => {
                rough = rough && next.gradient_norm() < ENOUGH * here.gradient_norm();
                here = next;
            }
            None if rough => {
                rough = false;
                continue;
            }
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
