//! How well the rows of each query are put in order: search, recommendation.

use std::collections::BTreeMap;

use perennial_core::{Error, Param, Result, check_numbers, check_weights};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::sides::key_of;
use crate::IntervalOptions;
use crate::metric::mean_by;

/// What is measured of the order of the rows of a query. A row is relevant where its relevance is above 0.
///
/// Rows of equal score are taken in every order and averaged for the gains, and in the order in which they stand for the
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryMetric {
    /// The gains of the rows, discounted by the logarithm of their place (Järvelin and Kekäläinen, 2002): the relevance
    /// is the gain, as in scikit-learn.
    Dcg,
    /// The same as a share of that of the best order; 0 where no row of the query is relevant.
    Ndcg,
    /// One by the place of the first relevant row; 0 where there is none.
    ReciprocalRank,
    /// The mean of the precision at each relevant row; 0 where there is none.
    AveragePrecision,
    /// The share of the first rows that are relevant.
    Precision,
    /// The share of the relevant rows that are among the first; 0 where no row of the query is relevant.
    Recall,
    /// Whether one of the first rows is relevant.
    Hit,
}

/// The scores of all queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryScores {
    /// The queries, rising.
    pub queries: Vec<u32>,
    /// The score of each.
    pub scores: Vec<f64>,
}

impl QueryScores {
    /// The mean over the queries.
    pub fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }

    /// The mean over the queries, each counting as much as its weight, in the order of [`queries`](QueryScores::queries).
    ///
    /// # Errors
    /// When there is not a weight for each query, or one is not acceptable.
    pub fn mean_weighted(&self, weights: &[f64]) -> Result<f64> {
        check_weights(weights, self.scores.len())?;
        Ok(mean_by(self.scores.len(), Some(weights), |query| self.scores[query]))
    }

    /// Adds the scores of other queries, as of another part of the rows; the rows of a query belong in one part.
    ///
    /// ```
    /// use perennial_evaluation::metric::ranking::{QueryMetric, score_queries};
    ///
    /// let of = |query: u32, relevance: [f64; 2]| {
    ///     score_queries(QueryMetric::ReciprocalRank, None, &relevance, &[0.9, 0.1], &[query; 2])
    /// };
    /// let mut ranks = of(7, [0.0, 1.0])?;
    /// ranks.merge(&of(3, [1.0, 0.0])?)?;
    /// assert_eq!((ranks.queries.as_slice(), ranks.mean()), ([3, 7].as_slice(), 0.75));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a query is in both.
    pub fn merge(&mut self, other: &QueryScores) -> Result<()> {
        if let Some(query) = other.queries.iter().find(|query| self.queries.binary_search(query).is_ok()) {
            return Err(Error::malformed(format!(
                "query {query} is in both parts; give all rows of a query to one of them"
            )));
        }
        let pairs = |scores: &QueryScores| {
            scores.queries.iter().copied().zip(scores.scores.iter().copied()).collect::<Vec<(u32, f64)>>()
        };
        let mut all = pairs(self);
        all.extend(pairs(other));
        all.sort_by_key(|(query, _)| *query);
        (self.queries, self.scores) = all.into_iter().unzip();
        Ok(())
    }

    /// The mean over the queries and how sure it is: queries are drawn anew, not rows.
    ///
    /// # Errors
    /// As [`IntervalOptions::of_mean`]; weights, groups and blocks are those of the queries.
    pub fn interval(&self, options: &IntervalOptions<'_>) -> Result<Interval> {
        options.of_mean(&self.scores)
    }
}

const K: Param = Param::integer("k", "how many of the first rows count").at_least(1.0);

/// Scores the order of the rows of each query by their scores; only the first `k` rows count, or all of them.
///
/// ```
/// use perennial_evaluation::metric::ranking::{QueryMetric, score_queries};
///
/// let (queries, relevance) = ([1, 1, 1, 2, 2], [0.0, 1.0, 0.0, 1.0, 0.0]);
/// let scores = [0.9, 0.8, 0.1, 0.7, 0.2];
/// let ranks = score_queries(QueryMetric::ReciprocalRank, None, &relevance, &scores, &queries)?;
/// assert_eq!(ranks.scores, [0.5, 1.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, a relevance is negative, a number is not finite, or `k` is 0.
pub fn score_queries(
    metric: QueryMetric,
    k: Option<usize>,
    relevance: &[f64],
    scores: &[f64],
    queries: &[u32],
) -> Result<QueryScores> {
    if let Some(k) = k {
        K.check_count(k)?;
    }
    if relevance.is_empty() {
        return Err(Error::empty("there are no rows to score"));
    }
    if scores.len() != relevance.len() {
        return Err(Error::length_mismatch("the scores", relevance.len(), scores.len()));
    }
    if queries.len() != relevance.len() {
        return Err(Error::length_mismatch("the queries", relevance.len(), queries.len()));
    }
    check_numbers("the relevance", relevance)?;
    check_numbers("the scores", scores)?;
    if let Some(row) = relevance.iter().position(|relevance| *relevance < 0.0) {
        return Err(Error::malformed(format!(
            "the relevance of row {row} is {}; it must be 0 or more",
            relevance[row]
        )));
    }
    let mut members: BTreeMap<u32, Vec<(u64, f64)>> = BTreeMap::new();
    for ((&query, &score), &relevance) in queries.iter().zip(scores).zip(relevance) {
        members.entry(query).or_default().push((key_of(score), relevance));
    }
    let queries = members.keys().copied().collect();
    let scores = members.into_values().map(|mut rows| {
        // Stable, so that equal scores stay in the order in which they stand.
        rows.sort_by_key(|&(key, _)| std::cmp::Reverse(key));
        metric.of(&rows, k.unwrap_or(rows.len()).min(rows.len()))
    });
    Ok(QueryScores { queries, scores: scores.collect() })
}

impl QueryMetric {
    /// Of rows by falling score; `k` is at most their number.
    fn of(self, rows: &[(u64, f64)], k: usize) -> f64 {
        let relevant = |row: &&(u64, f64)| row.1 > 0.0;
        let found = || rows[..k].iter().filter(relevant).count() as f64;
        let all = || rows.iter().filter(relevant).count() as f64;
        match self {
            QueryMetric::Dcg => dcg(rows, k),
            QueryMetric::Ndcg => {
                let mut best: Vec<f64> = rows.iter().map(|row| row.1).collect();
                best.sort_by(|a, b| b.total_cmp(a));
                let best: f64 =
                    best[..k].iter().enumerate().map(|(place, gain)| gain * discount(place)).sum();
                if best > 0.0 { dcg(rows, k) / best } else { 0.0 }
            }
            QueryMetric::ReciprocalRank => {
                rows[..k].iter().position(|row| row.1 > 0.0).map_or(0.0, |place| 1.0 / (place + 1) as f64)
            }
            QueryMetric::AveragePrecision => {
                let (mut found, mut sum) = (0.0, 0.0);
                for (place, _) in rows[..k].iter().enumerate().filter(|(_, row)| row.1 > 0.0) {
                    found += 1.0;
                    sum += found / (place + 1) as f64;
                }
                let most = all().min(k as f64);
                if most > 0.0 { sum / most } else { 0.0 }
            }
            QueryMetric::Precision => found() / k as f64,
            QueryMetric::Recall => {
                let all = all();
                if all > 0.0 { found() / all } else { 0.0 }
            }
            QueryMetric::Hit => f64::from(u8::from(found() > 0.0)),
        }
    }
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

/// The discounted gain of the first `k` rows, tied rows sharing the mean of their gains.
fn dcg(rows: &[(u64, f64)], k: usize) -> f64 {
    let (mut first, mut sum) = (0, 0.0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let mean = tied.iter().map(|row| row.1).sum::<f64>() / tied.len() as f64;
        let places = first.min(k)..(first + tied.len()).min(k);
        sum += mean * places.map(discount).sum::<f64>();
        first += tied.len();
    }
    sum
}
