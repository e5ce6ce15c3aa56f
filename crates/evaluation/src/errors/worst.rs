use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::metric::ConfusionMatrix;

/// A row and what it adds to the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorstRow {
    /// The row.
    pub row: usize,
    /// Its part of the score, such as its loss.
    pub score: f64,
}

/// The rows that were answered worst, the worst first; equally bad ones in the order in which they stand. Rows without
/// weight are not among them.
///
/// # Errors
/// When a weight is not acceptable, the metric is no mean over rows, or is not defined for them.
pub fn worst_rows<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    weights: Option<&[f64]>,
    n: usize,
) -> Result<Vec<WorstRow>> {
    metric.score_weighted(truth, prediction, weights)?;
    let scores = metric.row_scores(truth, prediction)?.ok_or_else(|| {
        Error::unsupported(format!(
            "`{}` is no mean over rows, so no row is the worst; use `LogLoss`, `Accuracy` or an error",
            metric.name()
        ))
    })?;
    let mut rows: Vec<WorstRow> = scores
        .into_iter()
        .enumerate()
        .filter(|&(row, _)| weights.is_none_or(|weights| weights[row] > 0.0))
        .map(|(row, score)| WorstRow { row, score })
        .collect();
    let way = if M::HIGHER_IS_BETTER { 1.0 } else { -1.0 };
    rows.sort_by(|a, b| (way * a.score).total_cmp(&(way * b.score)));
    rows.truncate(n);
    Ok(rows)
}

/// A class that was taken for another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// The class that it is.
    pub truth: String,
    /// The class that it was taken for.
    pub given: String,
    /// The weight of such rows.
    pub count: f64,
    /// The same as a share of the rows of the true class.
    pub share_of_truth: f64,
    /// The same as a share of all errors.
    pub share_of_errors: f64,
}

/// A sentence, such as "12 rows of `cat` were taken for `dog`: 24 % of `cat`, 60 % of all errors".
impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Confusion { truth, given, count, share_of_truth, share_of_errors } = self;
        let (of_truth, of_errors) = (100.0 * share_of_truth, 100.0 * share_of_errors);
        write!(
            f,
            "{count} rows of `{truth}` were taken for `{given}`: {of_truth:.0} % of `{truth}`, {of_errors:.0} % of all errors"
        )
    }
}

/// Which classes are taken for which, the most common error first.
pub fn confusions(confusion: &ConfusionMatrix) -> Vec<Confusion> {
    let (names, truth) = (confusion.names(), confusion.true_weights());
    let wrong = || {
        confusion.counts().indexed_iter().filter(|((truth, given), count)| truth != given && **count > 0.0)
    };
    let errors: f64 = wrong().map(|(_, count)| *count).sum();
    let mut found: Vec<Confusion> = wrong()
        .map(|((class, given), &count)| Confusion {
            truth: names[class].clone(),
            given: names[given].clone(),
            count,
            share_of_truth: count / truth[class],
            share_of_errors: count / errors,
        })
        .collect();
    found.sort_by(|a, b| b.count.total_cmp(&a.count));
    found
}
