//! The losses that come with the library.

mod classification;
mod failure_interval;
mod failure_time;
mod location;
mod quantiles;
mod ranking;
mod regression;
mod survival;
mod xe_ndcg;

pub use classification::ClassificationLoss;
pub(super) use classification::MAX_MARGIN;
pub use failure_time::{AcceleratedFailureTime, TimeDistribution};
pub use quantiles::Quantiles;
pub use ranking::RankingLoss;
pub(super) use ranking::{check_grades, mean_ndcg};
pub use regression::RegressionLoss;
pub use survival::Cox;

use perennial_core::{Error, Result};

use super::objective::Labels;

/// Stands for a logarithm or log-odds of 0: the mean it leads to is 1e-15.
const LOG_OF_NOTHING: f64 = -34.538_776_394_910_684;

/// The least second derivative of a loss that is strictly convex: where it underflows, a step stays finite.
const LEAST_HESSIAN: f64 = 1e-16;

/// Refuses the first target for which `wrong` holds.
fn check_targets(labels: &Labels<'_>, wrong: impl Fn(f64) -> bool, loss: &str, expected: &str) -> Result<()> {
    match labels.y.iter().position(|&y| wrong(y)) {
        None => Ok(()),
        Some(row) => Err(Error::malformed(format!(
            "the target is {:?} at row {row}; {loss} needs {expected}: correct the target or choose another loss",
            labels.y[row]
        ))),
    }
}

/// `ln(mean)`, and a mean of 1e-15 for none.
fn log_of_mean(mean: f64) -> f64 {
    if mean > 0.0 { mean.ln() } else { LOG_OF_NOTHING }
}

/// The log-odds of a share, kept finite.
fn log_odds(share: f64) -> f64 {
    if share <= 0.0 {
        LOG_OF_NOTHING
    } else if share >= 1.0 {
        -LOG_OF_NOTHING
    } else {
        share.ln() - (-share).ln_1p()
    }
}

/// The logistic function; 0 and 1 far out.
#[inline(always)]
fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + perennial_numeric::special::exp(-score))
}

/// The logarithmic loss of a score against the probability `y`, exact also where it is tiny.
fn log_loss(y: f64, score: f64) -> f64 {
    (-score.abs()).exp().ln_1p() + if score > 0.0 { (1.0 - y) * score } else { -y * score }
}

/// The exponential of a score, never infinite.
fn finite_exp(score: f64) -> f64 {
    perennial_numeric::special::exp(score).min(f64::MAX)
}
