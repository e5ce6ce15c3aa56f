//! Stochastic gradient descent of one linear score: the steps, and when they end.

use perennial_core::{Context, Error, Matrix, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::simd::prefetch;
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use crate::rows::row_major;

/// Rows between two looks at whether the work should stop.
const PATIENCE: usize = 8192;
/// So many rows ahead of their step the numbers are asked for.
const AHEAD: usize = 6;
/// Below this the common factor of the coefficients is multiplied out.
const LEAST_SCALE: f64 = 1e-9;

/// The loss of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    Hinge,
    SquaredHinge,
    ModifiedHuber,
    Log,
    Perceptron,
    Squared,
    Huber(f64),
    EpsilonInsensitive(f64),
    SquaredEpsilonInsensitive(f64),
}

impl Loss {
    /// The loss and its slope. Targets of the losses of classes are -1 and 1.
    fn at(self, score: f64, y: f64) -> (f64, f64) {
        let (margin, miss) = (y * score, score - y);
        match self {
            Loss::Hinge if margin < 1.0 => (1.0 - margin, -y),
            Loss::Perceptron if margin <= 0.0 => (-margin, -y),
            Loss::SquaredHinge if margin < 1.0 => {
                ((1.0 - margin) * (1.0 - margin), -2.0 * y * (1.0 - margin))
            }
            Loss::ModifiedHuber if margin < -1.0 => (-4.0 * margin, -4.0 * y),
            Loss::ModifiedHuber if margin < 1.0 => {
                ((1.0 - margin) * (1.0 - margin), -2.0 * y * (1.0 - margin))
            }
            Loss::Hinge | Loss::Perceptron | Loss::SquaredHinge | Loss::ModifiedHuber => (0.0, 0.0),
            Loss::Log => {
                let odds = (-margin.abs()).exp();
                let slope = -y * if margin > 0.0 { odds } else { 1.0 } / (1.0 + odds);
                (odds.ln_1p() + f64::max(-margin, 0.0), slope)
            }
            Loss::Squared => (0.5 * miss * miss, miss),
            Loss::Huber(epsilon) if miss.abs() <= epsilon => (0.5 * miss * miss, miss),
            Loss::Huber(epsilon) => (epsilon * (miss.abs() - 0.5 * epsilon), epsilon.copysign(miss)),
            Loss::EpsilonInsensitive(epsilon) => {
                let beyond = miss.abs() - epsilon;
                if beyond > 0.0 { (beyond, 1f64.copysign(miss)) } else { (0.0, 0.0) }
            }
            Loss::SquaredEpsilonInsensitive(epsilon) => {
                let beyond = (miss.abs() - epsilon).max(0.0);
                (beyond * beyond, 2.0 * beyond.copysign(miss))
            }
        }
    }
}

/// How long the steps are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningRate {
    /// `1 / (alpha (t + t0))`, where the first step is as long as suits coefficients of the expected size (Bottou, 2010).
    Optimal,
    /// `eta0 / t^power_t`.
    #[default]
    InvScaling,
    /// `eta0`.
    Constant,
}

/// How a step changes the coefficients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    /// Against the slope of the loss, with penalties and a schedule of lengths.
    Gradient { l1: f64, l2: f64, rate: LearningRate, eta0: f64, power_t: f64 },
    /// Just so far that the loss of the row is 0, at most `c` (Crammer and others, 2006); squared: the second variant.
    Aggressive { c: f64, squared: bool },
}

/// When passes over the rows end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Passes {
    pub(super) max_iter: usize,
    /// Stop when the mean loss did not fall by so much for `n_iter_no_change` passes; negative for never.
    pub(super) tolerance: f64,
    pub(super) n_iter_no_change: usize,
    pub(super) shuffle: bool,
    pub(super) intercept: bool,
}

/// The coefficients, `scale` times `vector`, and what the schedule and the L1 penalty remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Descent {
    vector: Vec<f64>,
    scale: f64,
    intercept: f64,
    steps: f64,
    /// The L1 penalty that each coefficient could have had, and what it had (Tsuruoka and others, 2009).
    owed: f64,
    paid: Vec<f64>,
}

impl Descent {
    pub(super) fn new(n_features: usize) -> Self {
        let vector = vec![0.0; n_features];
        Descent { vector, scale: 1.0, intercept: 0.0, steps: 1.0, owed: 0.0, paid: Vec::new() }
    }

    pub(super) fn n_features(&self) -> usize {
        self.vector.len()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.vector
            .iter()
            .chain(&self.paid)
            .chain([&self.scale, &self.intercept, &self.steps, &self.owed])
            .all(|number| number.is_finite())
            && (self.paid.is_empty() || self.paid.len() == self.vector.len())
    }

    /// Coefficients and intercept.
    pub(super) fn answer(&self) -> (Vec<f64>, f64) {
        (self.vector.iter().map(|value| value * self.scale).collect(), self.intercept)
    }

    /// Passes over the rows in a new order each time. `target` gives the number that the loss compares with; steps are as
    /// many times as long as `weights` say, where there are any, and rows without weight are not looked at.
    pub(super) fn learn(
        &mut self,
        x: &Matrix,
        (target, weights): (impl Fn(usize) -> f64, Option<&[f64]>),
        (loss, rule): (Loss, Rule),
        passes: &Passes,
        seed: u64,
        ctx: &Context,
    ) -> Result<Search> {
        let n = self.vector.len();
        let dense = match x.sparse() {
            Some(_) => None,
            None => Some(row_major(x.dense()?)),
        };
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut order: Vec<usize> = (0..x.n_rows()).filter(|&row| weight(row) > 0.0).collect();
        let mut random = Random::new(seed);
        let first = match rule {
            Rule::Gradient { l2, l1, rate: LearningRate::Optimal, .. } => {
                // The length of a typical coefficient, and the slope of the loss there.
                let alpha = l1 + l2;
                let typical = (1.0 / alpha.sqrt()).sqrt();
                let eta = typical / loss.at(-typical, 1.0).1.abs().max(1.0);
                1.0 / (eta * alpha)
            }
            _ => 0.0,
        };
        let (mut best, mut without_gain) = (f64::INFINITY, 0);
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: false };
        let mut last = f64::INFINITY;
        while search.n_iterations < passes.max_iter {
            ctx.step(search.n_iterations, passes.max_iter)?;
            if passes.shuffle {
                random.shuffle(&mut order);
            }
            let mut sum = 0.0;
            for chunk in order.chunks(PATIENCE) {
                ctx.check()?;
                for (place, &row) in chunk.iter().enumerate() {
                    let (y, weight) = (target(row), weight(row));
                    // Rows come in any order, so the processor cannot guess which is next.
                    if let (Some(numbers), Some(&next)) = (&dense, chunk.get(place + AHEAD)) {
                        (next * n..(next + 1) * n).step_by(8).for_each(|at| prefetch(numbers, at));
                    }
                    let loss_of_row = match (&dense, x.sparse()) {
                        (Some(numbers), _) => {
                            let row = &numbers[row * n..(row + 1) * n];
                            self.step(Entries::Dense(row), (y, weight), loss, rule, first, passes.intercept)
                        }
                        (None, Some(csr)) => {
                            let (columns, values) = csr.row(row);
                            self.step(
                                Entries::Sparse(columns, values),
                                (y, weight),
                                loss,
                                rule,
                                first,
                                passes.intercept,
                            )
                        }
                        (None, None) => 0.0,
                    };
                    sum += weight * loss_of_row;
                }
            }
            self.multiply_out();
            if !self.is_sound() || !sum.is_finite() {
                return Err(Error::overflow(
                    "the steps of the descent grew beyond the range of f64; standardise the features, or take a smaller `eta0`",
                ));
            }
            search.n_iterations += 1;
            let mean = sum / order.len().max(1) as f64;
            search.gap = if last.is_finite() { (last - mean).abs() } else { mean };
            last = mean;
            if passes.tolerance >= 0.0 {
                without_gain = if mean > best - passes.tolerance { without_gain + 1 } else { 0 };
                best = best.min(mean);
                if without_gain >= passes.n_iter_no_change {
                    search.converged = true;
                    break;
                }
            }
        }
        // Without a tolerance the passes that were asked for are all there is to do.
        search.converged |= passes.tolerance < 0.0;
        Ok(search)
    }

    /// One row; gives its loss before the step.
    #[inline]
    fn step(
        &mut self,
        row: Entries<'_>,
        (y, weight): (f64, f64),
        loss: Loss,
        rule: Rule,
        first: f64,
        intercept: bool,
    ) -> f64 {
        let score = self.scale * row.dot(&self.vector) + self.intercept;
        let (value, slope) = loss.at(score, y);
        match rule {
            Rule::Gradient { l1, l2, rate, eta0, power_t } => {
                let eta = match rate {
                    LearningRate::Optimal => 1.0 / ((l1 + l2) * (first + self.steps - 1.0)),
                    LearningRate::InvScaling if power_t == 0.5 => eta0 / self.steps.sqrt(),
                    LearningRate::InvScaling => eta0 / self.steps.powf(power_t),
                    LearningRate::Constant => eta0,
                };
                if l2 > 0.0 {
                    self.scale *= (1.0 - eta * l2).max(0.0);
                    if self.scale < LEAST_SCALE {
                        self.multiply_out();
                    }
                }
                // Slopes beyond any sound one would throw the coefficients out of range.
                let move_by = -eta * (weight * slope.clamp(-1e12, 1e12));
                if move_by != 0.0 {
                    row.add(&mut self.vector, move_by / self.scale);
                    if intercept {
                        self.intercept += move_by;
                    }
                }
                if l1 > 0.0 {
                    self.owed += eta * l1;
                    self.pay(&row);
                }
            }
            Rule::Aggressive { c, squared } if value > 0.0 => {
                let length = row.dot_self() + if intercept { 1.0 } else { 0.0 };
                let c = c * weight;
                let by = if squared { value / (length + 0.5 / c) } else { c.min(value / length) };
                if by.is_finite() {
                    row.add(&mut self.vector, -by * slope);
                    if intercept {
                        self.intercept -= by * slope;
                    }
                }
            }
            Rule::Aggressive { .. } => {}
        }
        self.steps += 1.0;
        value
    }

    /// Takes from the coefficients of a row what they owe to the L1 penalty, at most down to 0.
    fn pay(&mut self, row: &Entries<'_>) {
        if self.paid.is_empty() {
            self.paid = vec![0.0; self.vector.len()];
        }
        let (scale, owed) = (self.scale, self.owed);
        let one = |value: &mut f64, paid: &mut f64| {
            let before = *value * scale;
            let after = if before > 0.0 {
                (before - (owed + *paid)).max(0.0)
            } else if before < 0.0 {
                (before + (owed - *paid)).min(0.0)
            } else {
                return;
            };
            *paid += after - before;
            *value = after / scale;
        };
        match row {
            Entries::Dense(_) => {
                self.vector.iter_mut().zip(&mut self.paid).for_each(|(v, paid)| one(v, paid))
            }
            Entries::Sparse(columns, _) => {
                columns.iter().for_each(|&c| one(&mut self.vector[c as usize], &mut self.paid[c as usize]));
            }
        }
    }

    fn multiply_out(&mut self) {
        let scale = self.scale;
        self.vector.iter_mut().for_each(|value| *value *= scale);
        self.scale = 1.0;
    }
}

/// The stored numbers of a row.
enum Entries<'a> {
    Dense(&'a [f64]),
    Sparse(&'a [u32], &'a [f64]),
}

impl Entries<'_> {
    #[inline]
    fn dot(&self, vector: &[f64]) -> f64 {
        match self {
            Entries::Dense(row) => super::logistic_loss::dot(row, vector),
            Entries::Sparse(columns, values) => {
                columns.iter().zip(*values).map(|(&c, value)| value * vector[c as usize]).sum()
            }
        }
    }

    fn dot_self(&self) -> f64 {
        match self {
            Entries::Dense(values) | Entries::Sparse(_, values) => {
                values.iter().map(|value| value * value).sum()
            }
        }
    }

    #[inline]
    fn add(&self, vector: &mut [f64], factor: f64) {
        match self {
            Entries::Dense(row) => vector.iter_mut().zip(*row).for_each(|(to, value)| *to += factor * value),
            Entries::Sparse(columns, values) => {
                columns.iter().zip(*values).for_each(|(&c, value)| vector[c as usize] += factor * value);
            }
        }
    }
}
