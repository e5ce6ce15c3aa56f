//! The numbers of a covariance under which the data is most probable.

use perennial_core::{Context, Result};
use perennial_numeric::optimize::{self, Objective, lbfgs};
use perennial_numeric::random::Random;

use super::Covariance;
use super::limits::Limit;

/// Minus the logarithm of how probable the data is, and what it changes by for the logarithm of each number.
pub(super) trait Evidence {
    fn of(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>)>;
}

/// Numbers between bounds, as numbers without.
struct Bounded<'a, E> {
    evidence: &'a E,
    low: &'a [f64],
    high: &'a [f64],
}

impl<E: Evidence> Bounded<'_, E> {
    /// Logarithms, and what they change by.
    fn logs(&self, free: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let bounds = self.low.iter().zip(self.high);
        free.iter()
            .zip(bounds)
            .map(|(free, (low, high))| {
                let share = 1.0 / (1.0 + (-free).exp());
                (low + (high - low) * share, (high - low) * share * (1.0 - share))
            })
            .unzip()
    }
}

impl<E: Evidence> Objective for Bounded<'_, E> {
    fn value_gradient(&self, free: &[f64], gradient: &mut [f64]) -> f64 {
        let (logs, changes) = self.logs(free);
        let parameters: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        match self.evidence.of(&parameters) {
            Ok((value, slopes)) => {
                let all = gradient.iter_mut().zip(slopes.iter().zip(&changes));
                all.for_each(|(gradient, (slope, change))| *gradient = slope * change);
                value
            }
            // A step too far.
            Err(_) => f64::NAN,
        }
    }
}

/// What a search found.
pub(super) struct Found {
    pub(super) covariance: Covariance,
    pub(super) converged: bool,
    /// The magnitude of the largest slope where it ended.
    pub(super) slope: f64,
}

/// Starts from the numbers of a covariance, and from `n_restarts` others drawn at random; the best end counts.
pub(super) fn search<E: Evidence>(
    evidence: &E,
    covariance: &Covariance,
    max_iter: usize,
    n_restarts: usize,
    seed: u64,
    ctx: &Context,
) -> Result<Found> {
    covariance.check_limits()?;
    let (start, limits) = (covariance.parameters(), covariance.limits());
    if limits.iter().all(|limit| *limit == Limit::Fixed) {
        return Ok(Found { covariance: covariance.clone(), converged: true, slope: 0.0 });
    }
    let both = || limits.iter().zip(&start);
    let (low, high): (Vec<f64>, Vec<f64>) = both().map(|(limit, start)| limit.logs(*start)).unzip();
    let problem = Bounded { evidence, low: &low, high: &high };
    let settings = optimize::Settings::new().max_iter(max_iter).tolerance(1e-2);
    let mut best: Option<(f64, Found)> = None;
    for attempt in 0..=n_restarts {
        ctx.check()?;
        let mut random = Random::new(seed).fork(attempt as u64);
        let free: Vec<f64> = match attempt {
            0 => both().map(|(limit, start)| limit.start(*start)).collect(),
            _ => limits.iter().map(|limit| limit.drawn(random.uniform_in(-1.0, 1.0))).collect(),
        };
        let minimum = match lbfgs(&problem, &free, &settings, &ctx.child(&format!("start {attempt}"))) {
            Ok(minimum) => minimum,
            Err(error)
                if attempt == 0 || matches!(error.kind(), perennial_core::ErrorKind::Cancelled { .. }) =>
            {
                // What made the start impossible says more than that it is not finite.
                ctx.check()?;
                evidence.of(&start)?;
                return Err(error);
            }
            Err(_) => continue,
        };
        ctx.check()?;
        let logs = problem.logs(&minimum.x).0;
        let number = |((limit, start), log): ((&Limit, &f64), &f64)| match limit {
            // To the last bit.
            Limit::Fixed => *start,
            Limit::Between(low, high) => log.exp().clamp(*low, *high),
            _ => log.exp(),
        };
        let parameters: Vec<f64> = both().zip(&logs).map(number).collect();
        let found = Found {
            covariance: covariance.with(&parameters),
            converged: minimum.converged,
            slope: minimum.gradient_norm,
        };
        if best.as_ref().is_none_or(|(value, _)| minimum.value < *value) {
            best = Some((minimum.value, found));
        }
    }
    let none = || Found { covariance: covariance.clone(), converged: false, slope: f64::MAX };
    Ok(best.map_or_else(none, |(_, found)| found))
}
