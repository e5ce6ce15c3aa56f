//! The numbers of a covariance under which the data is most probable.

use perennial_core::{Context, Result};
use perennial_numeric::optimize::{self, Objective, lbfgs};
use perennial_numeric::random::Random;

/// How far the numbers may move from where they start, as a factor.
const REACH: f64 = 1e5;

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
    pub(super) parameters: Vec<f64>,
    pub(super) converged: bool,
}

/// Starts from the given numbers, and from `n_restarts` others drawn at random; the best end counts.
pub(super) fn search<E: Evidence>(
    evidence: &E,
    start: &[f64],
    max_iter: usize,
    n_restarts: usize,
    seed: u64,
    ctx: &Context,
) -> Result<Found> {
    let low: Vec<f64> = start.iter().map(|value| (value / REACH).ln()).collect();
    let high: Vec<f64> = start.iter().map(|value| (value * REACH).ln()).collect();
    let problem = Bounded { evidence, low: &low, high: &high };
    let settings = optimize::Settings::new().max_iter(max_iter).tolerance(1e-2);
    let mut best: Option<(f64, Found)> = None;
    for attempt in 0..=n_restarts {
        ctx.check()?;
        let mut random = Random::new(seed).fork(attempt as u64);
        let free: Vec<f64> = match attempt {
            0 => vec![0.0; start.len()],
            // Within a factor of 100 both ways, where most of what is probable lies.
            _ => start.iter().map(|_| random.uniform_in(-0.8, 0.8)).collect(),
        };
        let minimum = match lbfgs(&problem, &free, &settings, &ctx.child(&format!("start {attempt}"))) {
            Ok(minimum) => minimum,
            Err(error)
                if attempt == 0 || matches!(error.kind(), perennial_core::ErrorKind::Cancelled { .. }) =>
            {
                // What made the start impossible says more than that it is not finite.
                ctx.check()?;
                evidence.of(start)?;
                return Err(error);
            }
            Err(_) => continue,
        };
        ctx.check()?;
        let parameters = problem.logs(&minimum.x).0.iter().map(|log| log.exp()).collect();
        let found = Found { parameters, converged: minimum.converged };
        if best.as_ref().is_none_or(|(value, _)| minimum.value < *value) {
            best = Some((minimum.value, found));
        }
    }
    Ok(best.map_or_else(|| Found { parameters: start.to_vec(), converged: false }, |(_, found)| found))
}
