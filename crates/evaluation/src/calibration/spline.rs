//! Smooth functions of the log-odds.

use perennial_core::{Context, Result};
use perennial_statistics::describe::quantile_sorted;
use perennial_statistics::special::expit;
use serde::{Deserialize, Serialize};

use super::logistic::Logistic;

/// Places of the knots, as shares of the rows (Harrell, 2015).
const SHARES: [f64; 5] = [0.05, 0.275, 0.5, 0.725, 0.95];

/// A logistic function of a natural cubic spline of the log-odds: straight beyond the outer knots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spline {
    /// Five knots; fewer than that where the log-odds have too few different values, and then the function is straight.
    knots: Vec<f64>,
    factors: [f64; 5],
}

impl Spline {
    /// By log-odds, targets between 0 and 1, and weights, from the intercept of a constant.
    pub(super) fn fit(
        log_odds: &[f64],
        targets: &[f64],
        weights: Option<&[f64]>,
        start: f64,
        ctx: &Context,
    ) -> Result<Self> {
        let mut sorted: Vec<f64> = (0..log_odds.len())
            .filter(|&row| weights.is_none_or(|weights| weights[row] > 0.0))
            .map(|row| log_odds[row])
            .collect();
        sorted.sort_by(f64::total_cmp);
        let mut knots: Vec<f64> = SHARES.iter().map(|share| quantile_sorted(&sorted, *share)).collect();
        knots.dedup_by(|a, b| *a - *b <= 1e-9 * (1.0 + b.abs()));
        if knots.len() < SHARES.len() {
            let rows: Vec<[f64; 2]> = log_odds.iter().map(|value| [1.0, *value]).collect();
            let [intercept, slope] = Logistic { rows: &rows, targets, weights }.fit([start, 0.0], ctx)?;
            return Ok(Spline { knots: Vec::new(), factors: [intercept, slope, 0.0, 0.0, 0.0] });
        }
        let rows: Vec<[f64; 5]> = log_odds.iter().map(|value| basis(&knots, *value)).collect();
        let factors = Logistic { rows: &rows, targets, weights }.fit([start, 0.0, 0.0, 0.0, 0.0], ctx)?;
        Ok(Spline { knots, factors })
    }

    pub(super) fn at(&self, log_odds: f64) -> f64 {
        let row = basis(&self.knots, log_odds);
        expit(row.iter().zip(&self.factors).map(|(value, factor)| value * factor).sum())
    }
}

/// 1, the number, and three truncated cubes that join into straight lines, in units of the squared span.
fn basis(knots: &[f64], x: f64) -> [f64; 5] {
    let mut row = [1.0, x, 0.0, 0.0, 0.0];
    let [first, .., before, last] = knots else { return row };
    let cube = |knot: f64| (x - knot).max(0.0).powi(3);
    for (place, knot) in knots[..3].iter().enumerate() {
        let ends = cube(*before) * (last - knot) - cube(*last) * (before - knot);
        row[place + 2] = (cube(*knot) - ends / (last - before)) / (last - first).powi(2);
    }
    row
}
