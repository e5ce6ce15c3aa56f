//! Which of the sorted scores bounds an interval.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

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
pub(super) struct Scores(Vec<f64>);

impl Scores {
    /// # Errors
    /// When a score is not finite.
    pub(super) fn new(mut scores: Vec<f64>) -> Result<Self> {
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::overflow(format!(
                "the score of calibration row {row} is {}; scale the target, or check what the model answers",
                scores[row]
            )));
        }
        scores.sort_by(f64::total_cmp);
        Ok(Scores(scores))
    }

    pub(super) fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The score that a new row's is at most with a probability of at least `level`.
    ///
    /// # Errors
    /// When there are too few rows for the level.
    pub(super) fn quantile(&self, level: f64) -> Result<f64> {
        LEVEL.check(level)?;
        self.0
            .get(rank(self.0.len(), level) - 1)
            .copied()
            .map_or_else(|| Err(too_few(self.0.len(), level)), Ok)
    }

    /// The score that a new row's is at least with a probability of at least `level`.
    pub(super) fn lower_quantile(&self, level: f64) -> Result<f64> {
        LEVEL.check(level)?;
        let (n, rank) = (self.0.len(), rank(self.0.len(), level));
        n.checked_sub(rank).map_or_else(|| Err(too_few(n, level)), |place| Ok(self.0[place]))
    }
}

/// The place of the score that bounds an interval from above among `n` sorted ones.
pub(super) fn place(n: usize, level: f64) -> Result<usize> {
    LEVEL.check(level)?;
    let rank = rank(n, level);
    if rank > n { Err(too_few(n, level)) } else { Ok(rank - 1) }
}

fn too_few(n: usize, level: f64) -> Error {
    let needed = rows_needed(level).map_or_else(|_| "more".to_owned(), |needed| format!("at least {needed}"));
    Error::insufficient_data(format!(
        "{n} calibration rows give no finite interval of level {level}; {needed} are needed, or a lower level"
    ))
}
