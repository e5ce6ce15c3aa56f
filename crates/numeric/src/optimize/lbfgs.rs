//! The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

use std::collections::VecDeque;

use ndarray::ArrayView1;
use perennial_core::{Context, Result};

use super::line_search::line_search;
use super::{Minimum, Objective, Point, Settings};
use crate::linalg::Cholesky;
use crate::reduce::dot;

/// A remembered step, with the change of the gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Minimises a function from its gradient (Liu and Nocedal, 1989).
///
/// # Errors
/// When the function is not finite at `x0`, a setting is out of range, or the work is cancelled.
/// Running out of steps is no error: see [`Minimum::converged`].
///
/// ```
/// use perennial_core::Context;
/// use perennial_numeric::optimize::{Objective, Settings, lbfgs};
///
/// struct Bowl;
/// impl Objective for Bowl {
///     fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient[0] = 2.0 * (x[0] - 3.0);
///         (x[0] - 3.0).powi(2)
///     }
/// }
///
/// let minimum = lbfgs(&Bowl, &[0.0], &Settings::new(), &Context::new())?;
/// assert!(minimum.converged && (minimum.x[0] - 3.0).abs() < 1e-8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn lbfgs(
    problem: &(impl Objective + ?Sized),
    x0: &[f64],
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    search(problem, x0, None, settings, ctx)
}

/// As [`lbfgs`], from the factor of a matrix that is near the Hessian, such as that of a part of the rows: a handful of
/// steps then do what else takes dozens.
///
/// # Errors
/// As for [`lbfgs`].
///
/// # Panics
/// When the factor is not of the size of `x0`.
pub fn lbfgs_near(
    problem: &(impl Objective + ?Sized),
    x0: &[f64],
    hessian: &Cholesky,
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    search(problem, x0, Some(hessian), settings, ctx)
}

fn search(
    problem: &(impl Objective + ?Sized),
    x0: &[f64],
    hessian: Option<&Cholesky>,
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    settings.check()?;
    let mut here = Point::start(problem, x0)?;
    let mut memory: VecDeque<Pair> = VecDeque::with_capacity(settings.history);
    let mut done = 0;
    while done < settings.max_iter && here.gradient_norm() > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        let direction = direction(&here.gradient, &memory, hessian);
        // Without knowledge of the curvature the first step has length 1 at most.
        let blind = memory.is_empty() && hessian.is_none();
        let first_step = if blind { 1.0 / here.gradient_norm().max(1.0) } else { 1.0 };
        let Some(next) = line_search(problem, &here, &direction, first_step) else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let step = difference(&next.x, &here.x);
        let change = difference(&next.gradient, &here.gradient);
        let curvature = dot(&step, &change);
        if curvature > f64::EPSILON * dot(&change, &change) {
            if memory.len() == settings.history {
                memory.pop_front();
            }
            memory.push_back(Pair { step, change, curvature });
        }
        here = next;
        done += 1;
    }
    Ok(here.into_minimum(done, settings))
}

/// The two-loop recursion (Nocedal and Wright, 2006, algorithm 7.4).
fn direction(gradient: &[f64], memory: &VecDeque<Pair>, hessian: Option<&Cholesky>) -> Vec<f64> {
    let add = |to: &mut [f64], factor: f64, from: &[f64]| {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
    };
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let factor = dot(&pair.step, &direction) / pair.curvature;
        add(&mut direction, -factor, &pair.change);
        factors.push(factor);
    }
    if let Some(hessian) = hessian {
        direction = hessian.solve(&ArrayView1::from(&direction)).to_vec();
    } else if let Some(last) = memory.back() {
        let scale = last.curvature / dot(&last.change, &last.change);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (pair, factor) in memory.iter().zip(factors.iter().rev()) {
        let other = dot(&pair.change, &direction) / pair.curvature;
        add(&mut direction, factor - other, &pair.step);
    }
    direction
}
