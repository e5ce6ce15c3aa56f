//! Newton's method whose steps come from conjugate gradients.

use perennial_core::{Context, Result};

use super::line_search::line_search;
use super::{Minimum, Objective, Point, Settings};
use crate::reduce::dot;

/// The most products with the Hessian of one step.
const MAX_PRODUCTS: usize = 200;
/// The largest residual, as a share of the gradient, that ends a step's search.
const LOOSEST: f64 = 0.5;

/// A function whose Hessian, too large to be written down, can be multiplied with vectors.
pub trait HessianProduct: Objective {
    /// What all products at one point share.
    type Curvature;

    /// What the products at `x` share.
    fn curvature(&self, x: &[f64]) -> Self::Curvature;

    /// Writes the product of the Hessian with `vector` into `out`, which is as long.
    fn times(&self, at: &Self::Curvature, vector: &[f64], out: &mut [f64]);

    /// About the entries of the Hessian's diagonal, where they are worth the time they take: the search for a step divides by
    /// them, so that it need not tell the sizes of the unknowns apart.
    fn diagonal(&self, at: &Self::Curvature) -> Option<Vec<f64>> {
        let _ = at;
        None
    }
}

/// Minimises a function from its gradient and products with its Hessian: the equations of a Newton step are solved by
/// conjugate gradients, no better than the step is worth (Dembo and Steihaug, 1983), and a line search damps it.
///
/// Few steps, of a few passes each, where the entries of the Hessian's diagonal are about as large as each other or
/// [known](HessianProduct::diagonal); it needs no memory but that of a handful of vectors.
///
/// # Errors
/// When the function is not finite at `x0`, a setting is out of range, or the work is cancelled.
/// Running out of steps is no error: see [`Minimum::converged`].
///
/// ```
/// use perennial_core::Context;
/// use perennial_numeric::optimize::{HessianProduct, Objective, Settings, newton_cg};
///
/// struct Bowl;
/// impl Objective for Bowl {
///     fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient[0] = 2.0 * (x[0] - 3.0);
///         (x[0] - 3.0).powi(2)
///     }
/// }
/// impl HessianProduct for Bowl {
///     type Curvature = ();
///     fn curvature(&self, _: &[f64]) {}
///     fn times(&self, _: &(), vector: &[f64], out: &mut [f64]) {
///         out[0] = 2.0 * vector[0];
///     }
/// }
///
/// let minimum = newton_cg(&Bowl, &[0.0], &Settings::new(), &Context::new())?;
/// assert!(minimum.converged && (minimum.x[0] - 3.0).abs() < 1e-8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn newton_cg<P: HessianProduct + ?Sized>(
    problem: &P,
    x0: &[f64],
    settings: &Settings,
    ctx: &Context,
) -> Result<Minimum> {
    settings.check()?;
    let mut here = Point::start(problem, x0)?;
    let mut done = 0;
    while done < settings.max_iter && here.gradient_norm() > settings.tolerance {
        ctx.step(done, settings.max_iter)?;
        let direction = direction(problem, &here, settings.tolerance, ctx)?;
        let next = line_search(problem, &here, &direction, 1.0).or_else(|| {
            let downhill: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
            line_search(problem, &here, &downhill, 1.0 / here.gradient_norm().max(1.0))
        });
        match next {
            Some(next) => here = next,
            None => break,
        }
        done += 1;
    }
    Ok(here.into_minimum(done, settings))
}

/// The step that a quadratic model of the function asks for, roughly far from the minimum and better near it.
fn direction<P: HessianProduct + ?Sized>(
    problem: &P,
    here: &Point,
    tolerance: f64,
    ctx: &Context,
) -> Result<Vec<f64>> {
    let at = problem.curvature(&here.x);
    let largest = |numbers: &[f64]| numbers.iter().fold(0.0, |most: f64, number| most.max(number.abs()));
    let slope = here.gradient_norm();
    // The square root of the gradient gives more than linear convergence; below the tolerance nothing is asked.
    let enough = (slope.sqrt().min(LOOSEST) * slope).max(0.25 * tolerance);
    let mut step = vec![0.0; here.x.len()];
    let mut residual: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
    let diagonal = problem.diagonal(&at);
    let ease = |residual: &[f64], eased: &mut [f64]| {
        eased.copy_from_slice(residual);
        for (eased, entry) in
            eased.iter_mut().zip(diagonal.iter().flatten()).filter(|(_, entry)| **entry > 0.0)
        {
            *eased /= entry;
        }
    };
    let mut eased = vec![0.0; step.len()];
    ease(&residual, &mut eased);
    let mut toward = eased.clone();
    let mut product = vec![0.0; step.len()];
    let mut squares = dot(&residual, &toward);
    for n_products in 0..MAX_PRODUCTS.min(2 * step.len() + 10) {
        ctx.check()?;
        problem.times(&at, &toward, &mut product);
        let curvature = dot(&toward, &product);
        // Where the function is flat, or not convex, the step so far must do.
        if !(curvature > f64::EPSILON * dot(&toward, &toward)) || !curvature.is_finite() {
            if n_products == 0 {
                step.copy_from_slice(&toward);
            }
            break;
        }
        let length = squares / curvature;
        step.iter_mut().zip(&toward).for_each(|(step, toward)| *step += length * toward);
        residual.iter_mut().zip(&product).for_each(|(residual, product)| *residual -= length * product);
        if largest(&residual) <= enough {
            break;
        }
        ease(&residual, &mut eased);
        let before = std::mem::replace(&mut squares, dot(&residual, &eased));
        let share = squares / before;
        toward.iter_mut().zip(&eased).for_each(|(toward, eased)| *toward = eased + share * *toward);
    }
    Ok(step)
}
