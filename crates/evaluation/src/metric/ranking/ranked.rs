//! Rows by the rank of their score.

use std::ops::AddAssign;

use perennial_core::{Error, Result, check_numbers};

use super::precision::PrecisionParts;
use super::sides::key_of;
use crate::metric::check_pairs;

/// Rows in the order of their scores: resamples of them are scored in one pass, without sorting again.
pub(in crate::metric) struct Ranked {
    /// From the highest score down.
    rows: Vec<Place>,
}

struct Place {
    row: u32,
    positive: bool,
    /// Whether the next row has another score.
    last: bool,
}

impl Ranked {
    pub(in crate::metric) fn new(scores: &[f64], positive: &[bool]) -> Result<Self> {
        check_pairs(positive.len(), scores.len(), None)?;
        check_numbers("the scores", scores)?;
        if u32::try_from(scores.len()).is_err() {
            return Err(Error::too_large(format!(
                "{} rows are more than a bootstrap of ranks can hold; draw a sample of them",
                scores.len()
            )));
        }
        let mut order: Vec<(u64, u32)> =
            scores.iter().enumerate().map(|(row, score)| (!key_of(*score), row as u32)).collect();
        order.sort_unstable();
        let place = |at: usize| Place {
            row: order[at].1,
            positive: positive[order[at].1 as usize],
            last: order.get(at + 1).is_none_or(|next| next.0 != order[at].0),
        };
        Ok(Ranked { rows: (0..order.len()).map(place).collect() })
    }

    /// Visits the weights of negative and positive rows at each score, from the highest down.
    fn each_score<T>(&self, weight: impl Fn(usize) -> T, mut visit: impl FnMut([T; 2]))
    where
        T: Copy + Default + AddAssign,
    {
        let mut tied = [T::default(); 2];
        for place in &self.rows {
            tied[usize::from(place.positive)] += weight(place.row as usize);
            if place.last {
                visit(tied);
                tied = [T::default(); 2];
            }
        }
    }

    /// The area under the ROC curve of rows that come so often; NaN where a side has no weight.
    pub(in crate::metric) fn roc_auc(&self, counts: &[u32], weights: Option<&[f64]>) -> f64 {
        let Some(weights) = weights else {
            // Whole numbers: no rounding, and no waiting for sums of floating point.
            let (mut above, mut twice, mut below) = (0_u64, 0_u64, 0_u64);
            let (mut negative, mut positive) = (0, 0);
            for place in &self.rows {
                let count = u64::from(counts[place.row as usize]);
                let own = u64::from(place.positive).wrapping_neg();
                positive += count & own;
                negative += count & !own;
                if place.last {
                    twice += negative * (2 * above + positive);
                    above += positive;
                    below += negative;
                    (negative, positive) = (0, 0);
                }
            }
            return twice as f64 / (2.0 * above as f64 * below as f64);
        };
        let (mut above, mut twice, mut below) = (0.0, 0.0, 0.0);
        self.each_score(
            |row| f64::from(counts[row]) * weights[row],
            |[negative, positive]| {
                twice += negative * (2.0 * above + positive);
                above += positive;
                below += negative;
            },
        );
        twice / (2.0 * above * below)
    }

    /// The average precision of rows that come so often; 0 where none is positive.
    pub(in crate::metric) fn average_precision(&self, counts: &[u32], weights: Option<&[f64]>) -> f64 {
        let weight = |row: usize| f64::from(counts[row]) * weights.map_or(1.0, |weights| weights[row]);
        let (mut found, mut taken, mut sum) = (0.0, 0.0, 0.0);
        self.each_score(weight, |[negative, positive]| {
            found += positive;
            taken += positive + negative;
            if positive > 0.0 {
                sum += positive * (found / taken);
            }
        });
        if found > 0.0 { sum / found } else { 0.0 }
    }

    /// The average precision, and what each row adds to it; some weight is positive.
    pub(in crate::metric) fn precision_influences(&self, weights: Option<&[f64]>) -> (f64, Vec<f64>) {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut sums = Vec::new();
        self.each_score(weight, |tied| sums.push(tied));
        sums.reverse();
        let PrecisionParts { score, added } = PrecisionParts::new(&sums);
        let mut influences = vec![0.0; self.rows.len()];
        let mut scores = added.iter().rev();
        let mut own = scores.next();
        for place in &self.rows {
            let row = place.row as usize;
            influences[row] = own.map_or(0.0, |added| weight(row) * added[usize::from(place.positive)]);
            if place.last {
                own = scores.next();
            }
        }
        (score, influences)
    }

    /// The weights of positive and negative rows down to each score, of rows that come so often, and those of all positive and negative
    /// rows.
    pub(in crate::metric) fn cuts(
        &self,
        counts: &[u32],
        weights: Option<&[f64]>,
    ) -> (Vec<[f64; 2]>, [f64; 2]) {
        let weight = |row: usize| f64::from(counts[row]) * weights.map_or(1.0, |weights| weights[row]);
        let (mut cuts, mut down) = (Vec::new(), [0.0; 2]);
        self.each_score(weight, |[negative, positive]| {
            if negative + positive > 0.0 {
                down = [down[0] + positive, down[1] + negative];
                cuts.push(down);
            }
        });
        (cuts, down)
    }
}
