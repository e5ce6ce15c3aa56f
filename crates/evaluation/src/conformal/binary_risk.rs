//! Losses of a threshold on scores, for `LearnThenTest`.

use ndarray::Array2;
use perennial_core::{Error, Result, check_numbers};
use serde::{Deserialize, Serialize};

/// The most losses that are held.
const MOST_LOSSES: usize = 1 << 28;

/// What of a binary decision is kept below a risk. Each is one minus a rate of rows, or a rate; rows that are not part of the
/// rate do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryRisk {
    /// One minus the precision: flagged rows that are not positive.
    FalseDiscovery,
    /// One minus the recall: positive rows that are not flagged.
    FalseNegative,
    /// Rows flagged that are not positive, among those that are not.
    FalsePositive,
    /// One minus the accuracy.
    Error,
    /// Rows that are flagged, right or wrong.
    Flagged,
    /// Rows that are not flagged, such as those a model abstains from.
    NotFlagged,
}

impl BinaryRisk {
    /// The losses of rows whose scores are flagged from each threshold on: rows x thresholds, NaN where a row does not count.
    ///
    /// ```
    /// use perennial_evaluation::conformal::{BinaryRisk, FwerProcedure, LearnThenTest};
    ///
    /// // Above 0.5 all rows are positive, below half of them: from which threshold on is the precision at least 0.9?
    /// let scores: Vec<f64> = (0..400).map(|row| f64::from(row) / 400.0).collect();
    /// let positive: Vec<bool> = (0..400).map(|row| row > 200 || row % 2 == 0).collect();
    /// let thresholds = [0.1, 0.3, 0.5, 0.7];
    /// let losses = BinaryRisk::FalseDiscovery.losses(&scores, &positive, &thresholds)?;
    /// assert_eq!(LearnThenTest::new(0.1).choose(&losses)?, [2, 3]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no rows or thresholds, the lengths differ, or a number is not finite.
    pub fn losses(self, scores: &[f64], positive: &[bool], thresholds: &[f64]) -> Result<Array2<f64>> {
        if scores.is_empty() || thresholds.is_empty() {
            return Err(Error::empty("there are no scores or no thresholds to choose from"));
        }
        if scores.len() != positive.len() {
            return Err(Error::length_mismatch("the positive rows", scores.len(), positive.len()));
        }
        if scores.len().saturating_mul(thresholds.len()) > MOST_LOSSES {
            return Err(Error::too_large(format!(
                "{} rows by {} thresholds are more than {MOST_LOSSES} losses; give fewer thresholds",
                scores.len(),
                thresholds.len()
            )));
        }
        check_numbers("the scores", scores)?;
        check_numbers("the thresholds", thresholds)?;
        let share = |holds: bool| f64::from(u8::from(holds));
        Ok(Array2::from_shape_fn((scores.len(), thresholds.len()), |(row, place)| {
            let (flagged, positive) = (scores[row] >= thresholds[place], positive[row]);
            match self {
                BinaryRisk::FalseDiscovery if flagged => share(!positive),
                BinaryRisk::FalseNegative if positive => share(!flagged),
                BinaryRisk::FalsePositive if !positive => share(flagged),
                BinaryRisk::FalseDiscovery | BinaryRisk::FalseNegative | BinaryRisk::FalsePositive => {
                    f64::NAN
                }
                BinaryRisk::Error => share(flagged != positive),
                BinaryRisk::Flagged => share(flagged),
                BinaryRisk::NotFlagged => share(!flagged),
            }
        }))
    }
}
