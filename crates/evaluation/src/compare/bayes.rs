//! How probable it is that one model is better.

use std::fmt;

use perennial_core::Result;
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Distribution, StudentT};
use serde::{Deserialize, Serialize};

use super::alike::Seen;
use super::folds::gains;
use super::{ComparisonOptions, Verdict};
use crate::CrossValidated;
use crate::cross_validation::corrected_error;
use crate::interval::two_sided_t;

/// What is believed of the gain of the second model over the first, once the folds are seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BayesianComparison {
    /// The name of the metric.
    pub metric: String,
    /// The mean gain; positive is better, whichever way the metric goes.
    pub gain: f64,
    /// A gain or loss of at most this makes no difference in practice.
    pub equivalence: f64,
    /// The probability that the second is worse.
    pub worse: f64,
    /// The probability that the difference makes no difference in practice.
    pub equivalent: f64,
    /// The probability that the second is better.
    pub better: f64,
    /// The one of the three that is at least as probable as the level, or unclear.
    pub verdict: Verdict,
}

impl fmt::Display for BayesianComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the second is better with probability {:.3}, equivalent within {} with {:.3}, worse with {:.3}",
            self.metric, self.better, self.equivalence, self.equivalent, self.worse
        )
    }
}

/// The Bayesian correlated t-test with a region of practical equivalence (Benavoli, Corani, Demšar and Zaffalon,
/// 2017).
///
/// The posterior of the gain is Student's t about the mean gain of the folds, with the error corrected for the rows
/// that fits share. Of `options`, the level and the region of equivalence count. Where the gain is the same in each fold, but for
/// rounding, it is taken for certain.
///
/// # Errors
/// As [`compare_folds`](crate::compare_folds).
pub fn compare_bayes<P, Q, A, B>(
    first: &CrossValidated<P, A>,
    second: &CrossValidated<Q, B>,
    options: &ComparisonOptions<'_>,
) -> Result<BayesianComparison> {
    let gains = gains(first, second, options)?;
    let (level, equivalence) = (options.interval.confidence(), options.equivalence);
    let df = gains.len() as f64 - 1.0;
    // Refuses a level out of range and a single fold.
    two_sided_t(df, level)?;
    let (gain, error) = (reduce::mean(&gains), corrected_error(&gains, &first.folds));
    // Gains that differ by rounding alone have a variance that says nothing, and those of rounding are none.
    let seen = Seen::new(first.bounds, first.scores().into_iter().chain(second.scores()));
    let (worse, better) = if error == 0.0 || seen.all_alike(&gains) {
        let certain = |beyond: f64| if beyond > 0.0 && !seen.is_nothing(beyond) { 1.0 } else { 0.0 };
        (certain(-gain - equivalence), certain(gain - equivalence))
    } else {
        let posterior = StudentT::new(df)?;
        (posterior.cdf((-equivalence - gain) / error), posterior.sf((equivalence - gain) / error))
    };
    let equivalent = (1.0 - worse - better).max(0.0);
    let verdict = if better >= level {
        Verdict::Better
    } else if worse >= level {
        Verdict::Worse
    } else if equivalent >= level {
        Verdict::Equivalent
    } else {
        Verdict::Unclear
    };
    let metric = first.metric.clone();
    Ok(BayesianComparison { metric, gain, equivalence, worse, equivalent, better, verdict })
}
