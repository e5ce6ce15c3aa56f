//! Which of the sorted scores bounds an interval.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use crate::align::tame;

pub(super) const LEVEL: Param =
    Param::real("level", "share of the rows whose truth is held").above(0.0).at_most(1.0 - f64::EPSILON);

/// The default level of intervals and sets.
pub(super) fn nine_of_ten() -> f64 {
    0.9
}

/// `ceil((n + 1) level)`, where rounding must not turn 18 into 19.
fn rank(n: usize, level: f64) -> usize {
    ((n as f64 + 1.0) * level * (1.0 - 4.0 * f64::EPSILON)).ceil().max(1.0) as usize
}

/// The least number of calibration rows that gives finite intervals of a level.
///
/// ```
/// assert_eq!(perennial_evaluation::conformal::rows_needed(0.9)?, 9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the level is not in (0, 1).
pub fn rows_needed(level: f64) -> Result<usize> {
    LEVEL.check(level)?;
    let level_in_rank = level * (1.0 - 4.0 * f64::EPSILON);
    let mut needed = ((level_in_rank / (1.0 - level_in_rank)).ceil() as usize).max(1);
    // Rounding of the quotient can be off by one.
    if needed > 1 && rank(needed - 1, level) < needed {
        needed -= 1;
    } else if rank(needed, level) > needed {
        needed += 1;
    }
    Ok(needed)
}

/// Scores of calibration rows, the smallest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scores {
    scores: Vec<f64>,
    /// How much each score counts; nothing where all count as one row.
    #[serde(default)]
    weights: Vec<f64>,
}

impl Scores {
    /// # Errors
    /// When a score is not finite.
    pub(super) fn new(scores: Vec<f64>) -> Result<Self> {
        Scores::counted(scores, None)
    }

    /// Of rows that count as often as [`units`] of their weights.
    ///
    /// # Errors
    /// When a score is not finite.
    pub(super) fn weighted(scores: Vec<f64>, weights: Option<&[f64]>) -> Result<Self> {
        Scores::counted(scores, units(weights).as_deref())
    }

    /// Of scores that count so often.
    ///
    /// # Errors
    /// When a score is not finite.
    pub(super) fn counted(scores: Vec<f64>, counts: Option<&[f64]>) -> Result<Self> {
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::overflow(format!(
                "the score of calibration row {row} is {}; scale the target, or check what the model answers",
                scores[row]
            )));
        }
        let count = |row: usize| counts.map_or(1.0, |counts| counts[row]);
        let pairs = scores.into_iter().enumerate().map(|(row, score)| (score, count(row)));
        let mut pairs: Vec<(f64, f64)> = pairs.filter(|(_, count)| *count > 0.0).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (scores, weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let weighted = weights.iter().any(|weight| *weight != 1.0);
        Ok(Scores { scores, weights: if weighted { weights } else { Vec::new() } })
    }

    pub(super) fn as_slice(&self) -> &[f64] {
        &self.scores
    }

    /// The scores, the smallest first, with what each counts.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let weight = |place: usize| self.weights.get(place).copied().unwrap_or(1.0);
        self.scores.iter().enumerate().map(move |(place, score)| (*score, weight(place)))
    }

    /// The score that a new row's is at most with a probability of at least `level`.
    ///
    /// # Errors
    /// When there are too few rows for the level.
    pub(super) fn quantile(&self, level: f64) -> Result<f64> {
        LEVEL.check(level)?;
        self.reached(self.pairs(), level)
    }

    /// The score that a new row's is at least with a probability of at least `level`.
    pub(super) fn lower_quantile(&self, level: f64) -> Result<f64> {
        LEVEL.check(level)?;
        let pairs: Vec<(f64, f64)> = self.pairs().collect();
        self.reached(pairs.into_iter().rev(), level)
    }

    /// Whether all scores count as one row.
    pub(super) fn is_plain(&self) -> bool {
        self.weights.is_empty()
    }

    fn reached(&self, mut pairs: impl Iterator<Item = (f64, f64)>, level: f64) -> Result<f64> {
        if self.weights.is_empty() {
            let n = self.scores.len();
            let bound = pairs.nth(rank(n, level) - 1);
            return bound.map_or_else(|| Err(too_few(n, level)), |pair| Ok(pair.0));
        }
        weighted_place(pairs, self.weights.iter().sum(), level)
    }
}

/// How many rows each weight is: a weight of 2 is what two rows are, but weights that are below 1 on average are as many
/// rows as there are with weight.
pub(super) fn units(weights: Option<&[f64]>) -> Option<Vec<f64>> {
    let weights = tame(weights)?;
    let n_rows = weights.iter().filter(|weight| **weight > 0.0).count().max(1);
    let mean = weights.iter().sum::<f64>() / n_rows as f64;
    Some(if mean < 1.0 { weights.iter().map(|weight| weight / mean).collect() } else { weights.to_vec() })
}

/// The place of the score that bounds an interval from above among `n` sorted ones that count the same.
pub(super) fn place(n: usize, level: f64) -> Result<usize> {
    LEVEL.check(level)?;
    let rank = rank(n, level);
    if rank > n { Err(too_few(n, level)) } else { Ok(rank - 1) }
}

/// The value at which the weight of the values so far reaches the share `level` of the weight of all and one row more; of
/// values in the order in which they bound an interval.
pub(super) fn weighted_place(pairs: impl Iterator<Item = (f64, f64)>, total: f64, level: f64) -> Result<f64> {
    // Sums of weights are rounded; what is short of it by rounding alone has reached it.
    let needed = (total + 1.0) * level * (1.0 - 1e-12);
    let mut so_far = 0.0;
    for (value, weight) in pairs {
        so_far += weight;
        if so_far >= needed {
            return Ok(value);
        }
    }
    Err(too_few(total.floor() as usize, level))
}

/// Refuses fewer rows than a finite interval of the level needs.
pub(super) fn check_enough(total: f64, level: f64) -> Result<()> {
    LEVEL.check(level)?;
    if (total + 1.0) * level * (1.0 - 1e-12) <= total {
        Ok(())
    } else {
        Err(too_few(total.floor() as usize, level))
    }
}

fn too_few(n: usize, level: f64) -> Error {
    let needed = rows_needed(level).map_or_else(|_| "more".to_owned(), |needed| format!("at least {needed}"));
    Error::insufficient_data(format!(
        "{n} calibration rows give no finite interval of level {level}; {needed} are needed, or a lower level"
    ))
}
