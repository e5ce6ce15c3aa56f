//! All thresholds of a list of scores, from the highest down.

use perennial_core::{Error, Result, check_numbers};

use super::value::ValueModel;
use crate::align::check_rows_of;

/// What is called positive at and above a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    /// The score from which on rows are called positive; above all scores where none is.
    pub(crate) threshold: f64,
    /// How many rows are called positive.
    pub(crate) flagged: usize,
    /// The weight of the positive rows among them.
    pub(crate) true_positive: f64,
    /// The weight of the negative rows among them.
    pub(crate) false_positive: f64,
    /// The weighted sum of the values of all rows.
    pub(crate) value: f64,
}

/// The cuts, and the weights of all positive and all negative rows.
pub(crate) struct Sweep {
    pub(crate) cuts: Vec<Cut>,
    pub(crate) positives: f64,
    pub(crate) negatives: f64,
}

impl Sweep {
    /// # Errors
    /// When there are no rows, the lengths differ, or a number is not acceptable.
    pub(crate) fn new(
        scores: &[f64],
        positive: &[bool],
        weights: Option<&[f64]>,
        values: Option<&ValueModel>,
    ) -> Result<Self> {
        check_rows_of(positive.len(), scores.len(), weights)?;
        check_numbers("the scores", scores)?;
        values.map_or(Ok(()), |values| values.check(positive.len()))?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        Ok(Sweep::over(&ranked(scores, weights), scores, positive, weight, |_| 1, values))
    }

    /// Of checked rows in the order of their scores, each of which counts so much and is there so often.
    pub(super) fn over(
        order: &[usize],
        scores: &[f64],
        positive: &[bool],
        weight: impl Fn(usize) -> f64,
        count: impl Fn(usize) -> u32,
        values: Option<&ValueModel>,
    ) -> Self {
        let weight = |row: usize| f64::from(count(row)) * weight(row);
        let worth = |row: usize, called: bool| {
            values.map_or(0.0, |values| weight(row) * values.row(row).of(positive[row], called))
        };
        let highest = order.first().map_or(0.0, |&row| scores[row]);
        let mut cut = Cut {
            threshold: highest.next_up().min(f64::MAX),
            flagged: 0,
            true_positive: 0.0,
            false_positive: 0.0,
            value: order.iter().map(|&row| worth(row, false)).sum(),
        };
        let mut cuts = vec![cut];
        for tied in tied(order, scores) {
            for &row in tied {
                cut.flagged += count(row) as usize;
                if positive[row] {
                    cut.true_positive += weight(row);
                } else {
                    cut.false_positive += weight(row);
                }
                cut.value += worth(row, true) - worth(row, false);
            }
            cut.threshold = scores[tied[0]];
            cuts.push(cut);
        }
        Sweep { cuts, positives: cut.true_positive, negatives: cut.false_positive }
    }

    pub(crate) fn total(&self) -> f64 {
        self.positives + self.negatives
    }

    /// Refuses rows of one class.
    pub(super) fn two_sides(&self) -> Result<()> {
        match self.positives > 0.0 && self.negatives > 0.0 {
            true => Ok(()),
            false => {
                Err(Error::insufficient_data("a cost curve needs positive and negative rows with weight"))
            }
        }
    }

    pub(crate) fn recall(&self, cut: &Cut) -> f64 {
        share(cut.true_positive, self.positives)
    }

    pub(crate) fn false_positive_rate(&self, cut: &Cut) -> f64 {
        share(cut.false_positive, self.negatives)
    }
}

/// The rows with weight from the highest score down.
pub(super) fn ranked(scores: &[f64], weights: Option<&[f64]>) -> Vec<usize> {
    let there = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
    let mut rows: Vec<usize> = (0..scores.len()).filter(there).collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    rows
}

/// Ranked rows, those with the same score together.
pub(super) fn tied<'a>(order: &'a [usize], scores: &'a [f64]) -> impl Iterator<Item = &'a [usize]> {
    order.chunk_by(|&a, &b| scores[a] == scores[b])
}

/// A share that is 0 where there is nothing to have a share of.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Cut {
    pub(super) fn precision(&self) -> f64 {
        share(self.true_positive, self.true_positive + self.false_positive)
    }
}
