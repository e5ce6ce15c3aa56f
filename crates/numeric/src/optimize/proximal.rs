//! Newton's method for a smooth function plus absolute values.

use ndarray::Array2;
use perennial_core::{Context, Error, Result};

use super::{Minimum, Point, SecondOrder, Settings};

/// More unknowns than this would need a Hessian of more than 512 MiB.
const MOST_UNKNOWNS: usize = 8192;
/// Sweeps of one quadratic problem at most.
const SWEEPS: usize = 1000;

/// Minimises a smooth function plus the sum of `strengths[j] * |x[j]|`; many unknowns end at exactly 0.
///
/// Each step solves the quadratic model with its absolute values by coordinate descent, and is shortened until the function
/// falls (Lee, Sun and Saunders, 2014). [`Minimum::value`] is that of the whole, and [`Minimum::gradient_norm`] the largest
/// distance of 0 from the slopes along one unknown.
///
/// # Errors
/// When the function is not finite at `x0`, there are more than 8192 unknowns, a setting is out of range, or the work is
/// cancelled. Running out of steps is no error: see [`Minimum::converged`].
pub fn proximal_newton(
    problem: &(impl SecondOrder + ?Sized),
    strengths: &[f64],
    x0: &[f64],
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    settings.check()?;
    if strengths.len() != x0.len() {
        return Err(Error::length_mismatch("the strengths", x0.len(), strengths.len()));
    }
    if x0.len() > MOST_UNKNOWNS {
        return Err(Error::too_large(format!(
            "{} unknowns with an L1 penalty; at most {MOST_UNKNOWNS} are taken, so select features first",
            x0.len()
        )));
    }
    let whole = |point: &Point| point.value + absolute(&point.x, strengths);
    let mut here = Point::start(problem, x0)?;
    let mut hessian = Array2::zeros((x0.len(), x0.len()));
    let mut done = 0;
    while done < settings.max_iter && distance(&here, strengths) > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        problem.hessian(&here.x, &mut hessian);
        let goal = quadratic(&hessian, &here, strengths, ctx)?;
        let step: Vec<f64> = goal.iter().zip(&here.x).map(|(goal, x)| goal - x).collect();
        let slope: f64 = here.gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
        let promised = slope + absolute(&goal, strengths) - absolute(&here.x, strengths);
        let before = whole(&here);
        let ceiling = before + 1e-15 * before.abs();
        let mut share = 1.0;
        let next = loop {
            let x = match share {
                1.0 => goal.clone(),
                _ => here.x.iter().zip(&step).map(|(x, step)| x + share * step).collect(),
            };
            let point = Point::at(problem, x);
            if point.is_finite() && whole(&point) <= ceiling + 1e-4 * share * promised.min(0.0) {
                break Some(point);
            }
            share *= 0.5;
            if share < 1e-12 {
                break None;
            }
        };
        done += 1;
        match next {
            Some(next) => here = next,
            None => break,
        }
    }
    let gradient_norm = distance(&here, strengths);
    let converged = gradient_norm <= settings.tolerance;
    Ok(Minimum { value: whole(&here), x: here.x, gradient_norm, n_iterations: done, converged })
}

fn absolute(x: &[f64], strengths: &[f64]) -> f64 {
    x.iter().zip(strengths).map(|(x, strength)| strength * x.abs()).sum()
}

/// How far 0 is from the slopes along each unknown, at most.
fn distance(point: &Point, strengths: &[f64]) -> f64 {
    let one = |((x, g), strength): ((&f64, &f64), &f64)| match x {
        0.0 => (g.abs() - strength).max(0.0),
        _ => (g + strength.copysign(*x)).abs(),
    };
    point.x.iter().zip(&point.gradient).zip(strengths).map(one).fold(0.0, f64::max)
}

/// The minimum of the quadratic model with its absolute values.
fn quadratic(hessian: &Array2<f64>, here: &Point, strengths: &[f64], ctx: &Context) -> Result<Vec<f64>> {
    let n = here.x.len();
    let largest = hessian.diag().iter().fold(0.0, |largest: f64, h| largest.max(h.abs()));
    // A little more curvature, so that directions of none do not send the step to infinity.
    let extra = 1e-12 * if largest > 0.0 { largest } else { 1.0 };
    let mut x = here.x.clone();
    let mut gradient = here.gradient.clone();
    let all: Vec<usize> = (0..n).collect();
    let mut active = all.clone();
    let mut first: f64 = 0.0;
    for sweep in 0..SWEEPS {
        if sweep % 16 == 0 {
            ctx.check()?;
        }
        let mut largest: f64 = 0.0;
        for &j in &active {
            let curvature = hessian[[j, j]].max(0.0) + extra;
            let free = curvature * x[j] - gradient[j];
            let new = (free.abs() - strengths[j]).max(0.0).copysign(free) / curvature;
            let change = new - x[j];
            if change != 0.0 {
                x[j] = new;
                gradient.iter_mut().zip(hessian.row(j)).for_each(|(g, h)| *g += change * h);
                gradient[j] += change * extra;
                largest = largest.max(change * change * curvature);
            }
        }
        first = first.max(largest);
        let settled = largest <= 1e-16 * first;
        if settled && active.len() == n {
            break;
        }
        // Those that are not 0 settle before the others are looked at again.
        active = match settled || sweep % 8 == 7 {
            true => all.clone(),
            false => (0..n).filter(|&j| x[j] != 0.0 || strengths[j] == 0.0).collect(),
        };
    }
    Ok(x)
}
