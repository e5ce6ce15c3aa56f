//! Rows by the rank of their score.

use std::ops::AddAssign;

use perennial_core::{Error, Result, check_numbers};

use super::sides::key_of;
use crate::metric::check_pairs;

/// Rows by the rank of their score: resamples of them are scored in one pass, without sorting again.
pub(in crate::metric) struct Ranked {
    /// Twice the place of the score among the different ones, from the highest down, and one more for a positive row.
    cells: Vec<u32>,
    n_scores: usize,
}

impl Ranked {
    pub(in crate::metric) fn new(scores: &[f64], positive: &[bool]) -> Result<Self> {
        check_pairs(positive.len(), scores.len(), None)?;
        check_numbers("the scores", scores)?;
        if scores.len() > (u32::MAX / 2) as usize {
            return Err(Error::too_large(format!(
                "{} rows are more than a bootstrap of ranks can hold; draw a sample of them",
                scores.len()
            )));
        }
        let mut order: Vec<(u64, u32)> =
            scores.iter().enumerate().map(|(row, score)| (!key_of(*score), row as u32)).collect();
        order.sort_unstable();
        let mut cells = vec![0; scores.len()];
        let mut n_scores = 0;
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            tied.iter()
                .for_each(|&(_, row)| cells[row as usize] = 2 * n_scores + u32::from(positive[row as usize]));
            n_scores += 1;
        }
        Ok(Ranked { cells, n_scores: n_scores as usize })
    }

    /// The weights of negative and positive rows at each score, from the highest down.
    fn totals<T: Copy + Default + AddAssign>(
        &self,
        rows: &[usize],
        weight: impl Fn(usize) -> T,
    ) -> Vec<[T; 2]> {
        let mut totals = vec![[T::default(); 2]; self.n_scores];
        for &row in rows {
            let cell = self.cells[row];
            totals[(cell >> 1) as usize][(cell & 1) as usize] += weight(row);
        }
        totals
    }

    /// Visits the weights of negative and positive rows at each score, from the highest down.
    fn each_score(&self, rows: &[usize], weights: Option<&[f64]>, mut visit: impl FnMut(f64, f64)) {
        match weights {
            None => {
                let totals = self.totals(rows, |_| 1_u32);
                totals
                    .iter()
                    .for_each(|[negative, positive]| visit(f64::from(*negative), f64::from(*positive)));
            }
            Some(weights) => {
                let totals = self.totals(rows, |row| weights[row]);
                totals.iter().for_each(|[negative, positive]| visit(*negative, *positive));
            }
        }
    }

    /// The area under the ROC curve of some of the rows, which may come more than once; NaN where a side has no weight.
    pub(in crate::metric) fn roc_auc(&self, rows: &[usize], weights: Option<&[f64]>) -> f64 {
        let (mut above, mut twice, mut below) = (0.0, 0.0, 0.0);
        self.each_score(rows, weights, |negative, positive| {
            twice += negative * (2.0 * above + positive);
            above += positive;
            below += negative;
        });
        twice / (2.0 * above * below)
    }

    /// The average precision of some of the rows, which may come more than once; 0 where none is positive.
    pub(in crate::metric) fn average_precision(&self, rows: &[usize], weights: Option<&[f64]>) -> f64 {
        let (mut found, mut taken, mut sum) = (0.0, 0.0, 0.0);
        self.each_score(rows, weights, |negative, positive| {
            found += positive;
            taken += positive + negative;
            if positive > 0.0 {
                sum += positive * (found / taken);
            }
        });
        if found > 0.0 { sum / found } else { 0.0 }
    }
}
