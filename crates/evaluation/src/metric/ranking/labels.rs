//! How well the labels of each row are put before those that it lacks.

use ndarray::{ArrayRef2, ArrayView1};
use perennial_core::{Error, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::IntervalOptions;
use crate::metric::{check_pairs, mean_by};

/// What is measured of the order in which scores put the labels of a row: a number for each row, and its mean.
///
/// `has` says which labels each row has, and `scores` how high each label stands: rows x labels.
///
/// ```
/// use ndarray::array;
/// use perennial_evaluation::metric::ranking::LabelMetric;
///
/// let has = array![[true, false, false], [false, false, true]];
/// let scores = array![[0.75, 0.5, 1.0], [1.0, 0.2, 0.1]];
/// assert_eq!(LabelMetric::Coverage.score(&has, &scores, None)?, 2.5);
/// assert_eq!(LabelMetric::Coverage.row_scores(&has, &scores)?, [2.0, 3.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelMetric {
    /// How far one must go down the labels of a row, by falling score, to meet all that it has (Tsoumakas, Katakis and
    /// Vlahavas, 2010): less is better. Tied labels are all met. A row without labels counts 0.
    Coverage,
    /// For each label that a row has, the share of the labels at or above it that the row has (Schapire and Singer, 2000): more
    /// is better, 1 the most. A row with all labels or none counts 1.
    AveragePrecision,
    /// The share of the pairs of a label that a row has and one that it lacks that are in the wrong order or tied (Tsoumakas,
    /// Katakis and Vlahavas, 2010): less is better. A row with all labels or none counts 0.
    Loss,
}

impl LabelMetric {
    /// The mean over rows, each counting as much as its weight.
    ///
    /// # Errors
    /// When there are no rows, the shapes differ, a score is not finite, or a weight is not acceptable.
    pub fn score(
        self,
        has: &ArrayRef2<bool>,
        scores: &ArrayRef2<f64>,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        checked(has, scores, weights)?;
        Ok(mean_by(has.nrows(), weights, |row| self.of(has.row(row), scores.row(row))))
    }

    /// The number of each row.
    ///
    /// # Errors
    /// As [`score`](LabelMetric::score).
    pub fn row_scores(self, has: &ArrayRef2<bool>, scores: &ArrayRef2<f64>) -> Result<Vec<f64>> {
        checked(has, scores, None)?;
        Ok((0..has.nrows()).map(|row| self.of(has.row(row), scores.row(row))).collect())
    }

    /// The mean over rows and how sure it is.
    ///
    /// # Errors
    /// As [`score`](LabelMetric::score) and [`IntervalOptions::of_mean`].
    pub fn interval(
        self,
        has: &ArrayRef2<bool>,
        scores: &ArrayRef2<f64>,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        options.of_mean(&self.row_scores(has, scores)?)
    }

    fn of(self, has: ArrayView1<'_, bool>, scores: ArrayView1<'_, f64>) -> f64 {
        let side = |wanted: bool| {
            has.iter().zip(&scores).filter(move |(has, _)| **has == wanted).map(|(_, &score)| score)
        };
        let (n_own, n_other) = (side(true).count(), side(false).count());
        match self {
            LabelMetric::Coverage => {
                let lowest = side(true).fold(f64::INFINITY, f64::min);
                scores.iter().filter(|score| **score >= lowest).count() as f64
            }
            LabelMetric::AveragePrecision if n_own == 0 || n_other == 0 => 1.0,
            LabelMetric::AveragePrecision => {
                let share = |score: f64| {
                    let above = side(true).filter(|other| *other >= score).count() as f64;
                    above / scores.iter().filter(|other| **other >= score).count() as f64
                };
                side(true).map(share).sum::<f64>() / n_own as f64
            }
            LabelMetric::Loss if n_own == 0 || n_other == 0 => 0.0,
            LabelMetric::Loss => {
                let wrong = |own: f64| side(false).filter(|other| *other >= own).count();
                side(true).map(wrong).sum::<usize>() as f64 / (n_own * n_other) as f64
            }
        }
    }
}

/// For each row the labels that it has, and the score of each label.
fn checked(has: &ArrayRef2<bool>, scores: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Result<()> {
    check_pairs(has.nrows(), scores.nrows(), weights)?;
    if has.ncols() != scores.ncols() {
        return Err(Error::length_mismatch("the scores of a row", has.ncols(), scores.ncols()));
    }
    match scores.indexed_iter().find(|(_, score)| !score.is_finite()) {
        None => Ok(()),
        Some(((row, label), score)) => Err(Error::malformed(format!(
            "the score of label {label} in row {row} is {score}; scores are finite numbers"
        ))),
    }
}
