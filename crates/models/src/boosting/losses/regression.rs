//! Losses of numbers.

use perennial_core::{Param, Result};
use perennial_numeric::special::exp;
use serde::{Deserialize, Serialize};

use super::{check_targets, finite_exp, location, log_loss, log_odds, log_of_mean, sigmoid};
use crate::boosting::objective::{Labels, Objective};

/// What boosting of numbers makes smaller.
///
/// | loss | answer | targets |
/// |---|---|---|
/// | `SquaredError` | mean | any |
/// | `AbsoluteError` | median | any |
/// | `Huber { delta }` | mean, with differences above `delta` counted linearly (Huber, 1964) | any |
/// | `Quantile { level }` | value with a share `level` below it (Koenker and Bassett, 1978) | any |
/// | `Poisson` | mean of counts and rates | >= 0 |
/// | `Gamma` | mean of positive amounts with a constant relative spread | > 0 |
/// | `Tweedie { power }` | mean of amounts that are often exactly 0; `power` in (1, 2) (Tweedie, 1984) | >= 0 |
/// | `CrossEntropy` | probability, when the targets are shares | 0 to 1 |
/// | `AbsolutePercentageError` | median, each target weighing one over its size | not 0 |
/// | `Fair { c }` | mean, with differences counted nearly linearly beyond about `c` (Fair, 1974) | any |
///
/// The scores of `Poisson`, `Gamma` and `Tweedie` are logarithms of the mean and those of `CrossEntropy` log-odds.
///
/// With `b - a` the slope of a logarithmic loss, `a` being the part that pulls the score up, the second derivative
/// given here is the larger of `a` and `b`: for `Poisson` the larger of target and mean. It is an upper bound of the
/// true one, and no step is longer than 1. The steps of Newton grow like the ratio of target and mean where that is
/// large, which other libraries meet by a bound on the step or by a larger second derivative for all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum RegressionLoss {
    /// Half the squared difference.
    #[default]
    SquaredError,
    /// The absolute difference.
    AbsoluteError,
    /// Half the squared difference up to `delta`, linear beyond.
    Huber {
        /// Where it turns linear; above 0, in units of the target.
        delta: f64,
    },
    /// `level` times the difference for answers that are too low, `1 - level` times it for those too high.
    Quantile {
        /// The share of targets below the answer, in (0, 1).
        level: f64,
    },
    /// The negative log-likelihood of a Poisson count, but for what does not depend on the score.
    Poisson,
    /// The negative log-likelihood of a gamma amount, but for what does not depend on the score.
    Gamma,
    /// The negative log-likelihood of a compound Poisson-gamma amount, but for what does not depend on the score.
    Tweedie {
        /// The power of the mean that the variance grows with, in (1, 2).
        power: f64,
    },
    /// The logarithmic loss of a probability.
    CrossEntropy,
    /// The absolute difference as a share of the size of the target. A target is at least 1e-100 in size.
    AbsolutePercentageError,
    /// `c (|d| - c ln(1 + |d| / c))` of a difference `d`: nearly half its square where it is small, nearly `c |d|` where it is
    /// large.
    Fair {
        /// The size of differences about which it turns; above 0, in units of the target.
        c: f64,
    },
}

const DELTA: Param = Param::real("delta", "difference beyond which the loss is linear").above(0.0);
const LEVEL: Param =
    Param::real("level", "share of targets below the answer").above(0.0).at_most(1.0 - f64::EPSILON);
const C: Param = Param::real("c", "size of differences about which the loss turns linear").above(0.0);
const POWER: Param = Param::real("power", "power of the mean that the variance grows with")
    .above(1.0)
    .at_most(2.0 - f64::EPSILON);

/// The parts of the slope by a score that is the logarithm of the mean: that of the target, which pulls the score up,
/// and that of the mean.
mod parts {
    use super::exp;

    /// Scores are cut here before they are exponentiated for derivatives, so that sums of squares of them stay finite.
    const LARGEST: f64 = 300.0;

    #[inline(always)]
    pub(super) fn poisson(y: f64, score: f64) -> (f64, f64) {
        (y, exp(score.clamp(-LARGEST, LARGEST)))
    }

    #[inline(always)]
    pub(super) fn gamma(y: f64, score: f64) -> (f64, f64) {
        (y * exp(-score.clamp(-LARGEST, LARGEST)), 1.0)
    }

    #[inline(always)]
    pub(super) fn tweedie(power: f64, y: f64, score: f64) -> (f64, f64) {
        let score = score.clamp(-LARGEST, LARGEST);
        (y * exp((1.0 - power) * score), exp((2.0 - power) * score))
    }
}

/// The derivatives that belong to such parts.
#[inline(always)]
fn of_parts((pull, mean): (f64, f64)) -> (f64, f64) {
    (mean - pull, if pull > mean { pull } else { mean })
}

impl RegressionLoss {
    fn residuals(self, labels: &Labels<'_>, scores: &[f64], rows: &[u32]) -> Vec<(f64, f64)> {
        location::weighted(rows.iter().map(|&row| {
            let row = row as usize;
            (labels.y[row] - scores[row], self.weight(labels, row))
        }))
    }

    /// What the difference of a row counts.
    fn weight(self, labels: &Labels<'_>, row: usize) -> f64 {
        match self {
            Self::AbsolutePercentageError => labels.weight(row) / labels.y[row].abs(),
            _ => labels.weight(row),
        }
    }

    /// The best constant of a loss of differences; `None` for other losses.
    fn best_constant(self, values: impl FnOnce() -> Vec<(f64, f64)>) -> Option<f64> {
        match self {
            Self::AbsoluteError | Self::AbsolutePercentageError => {
                Some(location::quantile(&mut values(), 0.5))
            }
            Self::Fair { c } => Some(location::fair(&mut values(), c)),
            Self::Quantile { level } => Some(location::quantile(&mut values(), level)),
            Self::Huber { delta } => Some(location::huber(&mut values(), delta)),
            _ => None,
        }
    }
}

/// The pinball loss of one row.
pub(super) fn pinball(level: f64, y: f64, score: f64) -> f64 {
    let above = score - y;
    if above >= 0.0 { (1.0 - level) * above } else { -level * above }
}

/// The derivatives of the pinball loss, the second taken as 1: leaves do not use it.
pub(super) fn pinball_derivatives(
    level: f64,
    labels: &Labels<'_>,
    scores: &[f64],
    gradients: &mut [f64],
    hessians: &mut [f64],
) {
    labels.each_row(scores, gradients, hessians, |y, score| {
        (if score >= y { 1.0 - level } else { -level }, 1.0)
    });
}

impl Objective for RegressionLoss {
    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        match *self {
            Self::SquaredError | Self::AbsoluteError => Ok(()),
            Self::Huber { delta } => DELTA.check(delta),
            Self::Quantile { level } => LEVEL.check(level),
            Self::Fair { c } => C.check(c),
            Self::AbsolutePercentageError => {
                let small = |y: f64| y.abs() < 1e-100;
                check_targets(labels, small, "the percentage error", "targets that are not 0")
            }
            Self::Poisson => check_targets(labels, |y| y < 0.0, "the Poisson loss", "counts or rates >= 0"),
            Self::Gamma => check_targets(labels, |y| y <= 0.0, "the gamma loss", "amounts above 0"),
            Self::Tweedie { power } => {
                POWER.check(power)?;
                check_targets(labels, |y| y < 0.0, "the Tweedie loss", "amounts >= 0")
            }
            Self::CrossEntropy => {
                let outside = |y| !(0.0..=1.0).contains(&y);
                check_targets(labels, outside, "the cross-entropy", "probabilities from 0 to 1")
            }
        }
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        let values =
            || location::weighted((0..labels.n_rows()).map(|row| (labels.y[row], self.weight(labels, row))));
        if let Some(best) = self.best_constant(values) {
            return Ok(vec![best]);
        }
        let mean = labels.mean_by(|row| labels.y[row]);
        Ok(vec![match self {
            Self::Poisson | Self::Gamma | Self::Tweedie { .. } => log_of_mean(mean),
            Self::CrossEntropy => log_odds(mean),
            _ => mean,
        }])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        match *self {
            Self::SquaredError => labels.each_row(scores, gradients, hessians, |y, score| (score - y, 1.0)),
            Self::AbsoluteError => labels.each_row(scores, gradients, hessians, |y, score| {
                (f64::from(u8::from(score > y)) - f64::from(u8::from(score < y)), 1.0)
            }),
            Self::Huber { delta } => {
                labels.each_row(scores, gradients, hessians, |y, score| {
                    ((score - y).clamp(-delta, delta), 1.0)
                });
            }
            Self::Quantile { level } => pinball_derivatives(level, labels, scores, gradients, hessians),
            // The second is taken as 1, whatever the unit of the targets: leaves do not use it.
            Self::AbsolutePercentageError => labels.each_row(scores, gradients, hessians, |y, score| {
                let above = f64::from(u8::from(score > y)) - f64::from(u8::from(score < y));
                (above / y.abs(), 1.0)
            }),
            // The slope over the difference, an upper bound of the true second derivative: that falls so fast that steps of
            // Newton would leap over the target.
            Self::Fair { c } => labels.each_row(scores, gradients, hessians, |y, score| {
                let bound = c / ((score - y).abs() + c);
                ((score - y) * bound, bound)
            }),
            Self::Poisson => {
                labels.each_row(scores, gradients, hessians, |y, score| of_parts(parts::poisson(y, score)));
            }
            Self::Gamma => {
                labels.each_row(scores, gradients, hessians, |y, score| of_parts(parts::gamma(y, score)));
            }
            Self::Tweedie { power } => {
                labels.each_row(scores, gradients, hessians, |y, score| {
                    of_parts(parts::tweedie(power, y, score))
                });
            }
            Self::CrossEntropy => super::classification::logistic(labels, scores, gradients, hessians),
        }
    }

    fn unit_hessian(&self) -> bool {
        matches!(
            self,
            Self::SquaredError
                | Self::AbsoluteError
                | Self::AbsolutePercentageError
                | Self::Huber { .. }
                | Self::Quantile { .. }
        )
    }

    fn leaf_score(&self, labels: &Labels<'_>, scores: &[f64], rows: &[u32], _output: usize) -> Option<f64> {
        self.best_constant(|| self.residuals(labels, scores, rows))
    }

    fn answer(&self, scores: &mut [f64]) {
        match self {
            Self::Poisson | Self::Gamma | Self::Tweedie { .. } => scores[0] = finite_exp(scores[0]),
            Self::CrossEntropy => scores[0] = sigmoid(scores[0]),
            _ => {}
        }
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        let mean =
            |term: &(dyn Fn(f64, f64) -> f64 + Sync)| labels.mean_by(|row| term(labels.y[row], scores[row]));
        match *self {
            Self::SquaredError => mean(&|y, score| 0.5 * (score - y) * (score - y)),
            Self::AbsoluteError => mean(&|y, score| (score - y).abs()),
            Self::Huber { delta } => mean(&|y, score| {
                let size = (score - y).abs();
                if size <= delta { 0.5 * size * size } else { delta * (size - 0.5 * delta) }
            }),
            Self::Quantile { level } => mean(&|y, score| pinball(level, y, score)),
            Self::Poisson => mean(&|y, score| parts::poisson(y, score).1 - y * score),
            Self::Gamma => mean(&|y, score| parts::gamma(y, score).0 + score),
            Self::Tweedie { power } => mean(&|y, score| {
                let (pull, mean) = parts::tweedie(power, y, score);
                pull / (power - 1.0) + mean / (2.0 - power)
            }),
            Self::CrossEntropy => mean(&log_loss),
            Self::AbsolutePercentageError => mean(&|y, score| (score - y).abs() / y.abs()),
            Self::Fair { c } => mean(&|y, score| {
                let size = (score - y).abs();
                c * (size - c * (size / c).ln_1p())
            }),
        }
    }
}
