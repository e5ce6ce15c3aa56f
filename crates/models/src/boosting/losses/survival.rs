//! Times to an event, some of which are not over yet.

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::finite_exp;
use crate::boosting::objective::{Labels, Objective};

/// The proportional hazards of Cox (1972), for times until something happens.
///
/// A target is the time of the event, or the negative time at which a row was last seen without one: 12.5 for an event
/// at 12.5, -12.5 for none up to then. The answer is the hazard of a row as a multiple of that of a row with score 0.
/// The loss is the negative logarithm of the partial likelihood, divided by the total weight; events at the same time
/// are those of Breslow (1974), and a row leaves the rows at risk after its time.
///
/// All sums over the rows at risk are kept as logarithms, so scores of any size neither overflow nor vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cox;

/// The logarithm of a growing sum of exponentials.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f64,
    sum: f64,
}

impl LogSum {
    const EMPTY: LogSum = LogSum { largest: f64::NEG_INFINITY, sum: 0.0 };

    fn add(&mut self, log: f64) {
        if log <= self.largest {
            self.sum += (log - self.largest).exp();
        } else {
            self.sum = self.sum * (self.largest - log).exp() + 1.0;
            self.largest = log;
        }
    }

    fn log(&self) -> f64 {
        self.largest + self.sum.ln()
    }
}

/// Rows of one time: their places in the order of times, and the logarithm of the weighted hazards at risk.
struct Time {
    start: usize,
    end: usize,
    log_risk: f64,
}

/// The different times, rising. Rows of weight 0 are not at risk.
fn times(labels: &Labels<'_>, scores: &[f64]) -> Vec<Time> {
    let (order, y) = (labels.by_time(), labels.y);
    let time = |place: usize| y[order[place] as usize].abs();
    let mut times = Vec::new();
    let (mut risk, mut end) = (LogSum::EMPTY, order.len());
    while end > 0 {
        let mut start = end;
        while start > 0 && time(start - 1) == time(end - 1) {
            start -= 1;
            let row = order[start] as usize;
            if labels.weight(row) > 0.0 {
                risk.add(labels.weight(row).ln() + scores[row]);
            }
        }
        times.push(Time { start, end, log_risk: risk.log() });
        end = start;
    }
    times.reverse();
    times
}

fn is_event(y: f64) -> bool {
    y >= 0.0
}

impl Objective for Cox {
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        if (0..labels.n_rows()).any(|row| is_event(labels.y[row]) && labels.weight(row) > 0.0) {
            return Ok(());
        }
        Err(Error::insufficient_data(
            "no row has an event: all targets are negative, which marks times without one; give the times of events as positive targets",
        ))
    }

    fn base_scores(&self, _labels: &Labels<'_>) -> Result<Vec<f64>> {
        // All constants are equally likely: hazards are known up to a factor.
        Ok(vec![0.0])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        // Sums over the events up to now of weight / risk and of weight / risk^2.
        let (mut hazard, mut square) = (LogSum::EMPTY, LogSum::EMPTY);
        for Time { start, end, log_risk } in times(labels, scores) {
            let rows = &labels.by_time()[start..end];
            let events: f64 = rows
                .iter()
                .filter(|&&row| is_event(labels.y[row as usize]))
                .map(|&row| labels.weight(row as usize))
                .sum();
            if events > 0.0 {
                hazard.add(events.ln() - log_risk);
                square.add(events.ln() - 2.0 * log_risk);
            }
            let (log_hazard, log_square) = (hazard.log(), square.log());
            for &row in rows {
                let row = row as usize;
                let weight = labels.weight(row);
                (gradients[row], hessians[row]) = if weight > 0.0 {
                    let log_share = weight.ln() + scores[row];
                    let expected = (log_share + log_hazard).exp();
                    let observed = if is_event(labels.y[row]) { weight } else { 0.0 };
                    (expected - observed, (expected - (2.0 * log_share + log_square).exp()).max(0.0))
                } else {
                    (0.0, 0.0)
                };
            }
        }
    }

    fn answer(&self, scores: &mut [f64]) {
        scores[0] = finite_exp(scores[0]);
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        let mut loss = 0.0;
        for Time { start, end, log_risk } in times(labels, scores) {
            for &row in &labels.by_time()[start..end] {
                let row = row as usize;
                if is_event(labels.y[row]) && labels.weight(row) > 0.0 {
                    loss += labels.weight(row) * (log_risk - scores[row]);
                }
            }
        }
        loss / labels.total_weight()
    }
}
