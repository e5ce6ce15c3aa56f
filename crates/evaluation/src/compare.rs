//! Which of two models is better, on the same rows.

mod alike;
mod bayes;
mod delong;
mod folds;
mod ranks;
mod seeds;
mod table;

pub use bayes::{BayesianComparison, compare_bayes};
pub use delong::compare_roc_auc;
pub(crate) use folds::gains_alike;
pub use folds::{FiveByTwo, compare_folds, five_by_two};
pub use ranks::CriticalDifferences;
pub use seeds::{SeedRanking, SeedScores};
pub use table::{ModelPair, ModelRow, ModelTable, ModelTableBuilder};

use std::fmt;

use perennial_core::{Classes, Error, Param, Result, Rows};
use perennial_statistics::interval::Interval;
use perennial_statistics::test::{self, TestResult};
use serde::{Deserialize, Serialize};

use crate::metric::score_rows;
use crate::{IntervalOptions, Metric};
use alike::Seen;

/// What can be said of the second model against the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval of the gain is above the region of equivalence.
    Better,
    /// The whole interval of the gain is below the region of equivalence.
    Worse,
    /// The whole interval of the gain is inside the region of equivalence. Few rows that two models answer alike are no
    /// reason to say so: see [`compare`].
    Equivalent,
    /// The interval of the gain crosses a border of the region: more rows are needed.
    Unclear,
}

/// How two models are compared.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `equivalence` | 0 | >= 0 | a gain or loss of at most this makes no difference in practice |
/// | `interval` | [`IntervalOptions::new`] | | level, seed, weights, groups or blocks |
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparisonOptions<'a> {
    equivalence: f64,
    interval: IntervalOptions<'a>,
}

const EQUIVALENCE: Param = Param::real("equivalence", "gain that makes no difference").at_least(0.0);

impl<'a> ComparisonOptions<'a> {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// A gain or loss of at most this makes no difference in practice; in units of the metric.
    #[must_use]
    pub fn equivalence(mut self, equivalence: f64) -> Self {
        self.equivalence = equivalence;
        self
    }

    /// How the interval of the gain is made.
    #[must_use]
    pub fn interval(mut self, interval: IntervalOptions<'a>) -> Self {
        self.interval = interval;
        self
    }
}

/// Two models on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The name of the metric.
    pub metric: String,
    /// The score of the first model.
    pub first: f64,
    /// The score of the second model.
    pub second: f64,
    /// By how much the second is better: positive is better, whichever way the metric goes.
    pub gain: Interval,
    /// A gain or loss of at most this makes no difference in practice.
    pub equivalence: f64,
    /// What can be said of the second against the first.
    pub verdict: Verdict,
    /// The probability of a gain or loss at least as large, were there none; where a test gives it.
    #[serde(default)]
    pub p_value: Option<f64>,
}

impl Comparison {
    fn new(metric: String, scores: [f64; 2], gain: Interval, equivalence: f64) -> Self {
        let verdict = if gain.low > equivalence {
            Verdict::Better
        } else if gain.high < -equivalence {
            Verdict::Worse
        } else if gain.low >= -equivalence && gain.high <= equivalence {
            Verdict::Equivalent
        } else {
            Verdict::Unclear
        };
        Comparison { metric, first: scores[0], second: scores[1], gain, equivalence, verdict, p_value: None }
    }
}

/// A sentence, such as "accuracy: the second is better than the first by 0.03 [0.01, 0.05] (0.84 against 0.81)".
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { metric, first, second, gain, equivalence, verdict, .. } = self;
        let scores = format!("{second:.4} against {first:.4}");
        match verdict {
            Verdict::Better => {
                write!(f, "{metric}: the second is better than the first by {gain} ({scores})")
            }
            Verdict::Worse => {
                let loss = Interval { estimate: -gain.estimate, low: -gain.high, high: -gain.low, ..*gain };
                write!(f, "{metric}: the second is worse than the first by {loss} ({scores})")
            }
            Verdict::Equivalent => write!(
                f,
                "{metric}: the two are equivalent, the gain of the second is {gain} and within {equivalence} ({scores})"
            ),
            Verdict::Unclear => write!(
                f,
                "{metric}: it is unclear which is better, the gain of the second is {gain} ({scores})"
            ),
        }
    }
}

/// Compares the answers of two models on the same rows.
///
/// The rows are resampled in pairs, so what makes a row hard for both models does not blur the difference.
///
/// Where all that is drawn (rows, groups or blocks, by their weights) shows the same gain, such as none, resampling says
/// nothing of what was not seen. The interval is then the exact one (Clopper and Pearson, 1934): so many rows leave it
/// possible that a share of others differs, each by the whole range of the metric; of a metric without bounds, by the range
/// of the losses that were seen. Of a metric that is no mean over rows and shows no gain in any draw it is not known how far one
/// row moves it, and the interval is the whole range; for areas under the ROC curve [`compare_roc_auc`] says more.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::{ComparisonOptions, Verdict, compare, metric::MeanAbsoluteError};
///
/// let truth: Values = (0..50).map(f64::from).collect();
/// let first: Values = (0..50).map(|i| f64::from(i) + 1.0 + f64::from(i % 3)).collect();
/// let second: Values = (0..50).map(|i| f64::from(i) + f64::from(i % 4) / 2.0).collect();
/// let comparison = compare(&MeanAbsoluteError, &truth, &first, &second, &ComparisonOptions::new())?;
/// assert_eq!(comparison.verdict, Verdict::Better);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`Metric::interval`], or when the region of equivalence is negative.
pub fn compare<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    first: &M::Prediction,
    second: &M::Prediction,
    options: &ComparisonOptions<'_>,
) -> Result<Comparison> {
    EQUIVALENCE.check(options.equivalence)?;
    let weights = options.interval.row_weights();
    let score = |name, prediction| -> Result<f64> {
        metric.score_weighted(truth, prediction, weights).map_err(|error| error.context(name))
    };
    let scores = [score("the first model", first)?, score("the second model", second)?];
    let sign = if M::HIGHER_IS_BETTER { 1.0 } else { -1.0 };
    let (gain, seen) = match (metric.row_scores(truth, first)?, metric.row_scores(truth, second)?) {
        (Some(first), Some(second)) => {
            let gains: Vec<f64> = first.iter().zip(&second).map(|(a, b)| sign * (b - a)).collect();
            let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
            let seen = (0..gains.len()).filter(counts).flat_map(|row| [first[row], second[row]]);
            let seen = Seen::new(metric.bounds(), seen);
            let gain = options.interval.of_mean(&gains)?;
            (seen.of_mean(options.interval.worth(gains.len()), gain), seen)
        }
        _ => {
            metric.check_bootstrap()?;
            let gain = options.interval.of_rows(truth.n_rows(), |rows| {
                let score =
                    |prediction| score_rows(metric, truth, prediction, weights, rows).unwrap_or(f64::NAN);
                sign * (score(second) - score(first))
            })?;
            let seen = Seen::new(metric.bounds(), scores.into_iter());
            (seen.of_statistic(options.interval.worth(truth.n_rows()), gain), seen)
        }
    };
    Ok(seen.judge(Comparison::new(metric.name(), scores, gain, options.equivalence)))
}

/// Do two classifiers err equally often on the same rows? (McNemar, 1947.)
///
/// # Errors
/// When the lengths differ, or the two are right on the same rows.
pub fn mcnemar(truth: &Classes, first: &Classes, second: &Classes) -> Result<TestResult> {
    let right = |answer: &Classes| -> Result<Vec<bool>> {
        if answer.n_rows() != truth.n_rows() {
            return Err(Error::length_mismatch("the prediction", truth.n_rows(), answer.n_rows()));
        }
        Ok(truth.labels().zip(answer.labels()).map(|(truth, answer)| truth == answer).collect())
    };
    let (first, second) = (right(first)?, right(second)?);
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count() as u64;
    test::mcnemar(only(&first, &second), only(&second, &first))
}
