//! Positive and negative rows in the order of their scores.

use perennial_core::{Error, Result, check_numbers};

use crate::metric::check_pairs;

/// A score as a whole number of the same order, with a weight.
pub(super) trait Scored: Copy + Ord + Send {
    fn key(self) -> u64;
    fn weight(self) -> f64;
}

impl Scored for u64 {
    fn key(self) -> u64 {
        self
    }

    fn weight(self) -> f64 {
        1.0
    }
}

/// Key and the bits of a weight: equal scores are then in one order, and sums do not depend on the sort.
impl Scored for (u64, u64) {
    fn key(self) -> u64 {
        self.0
    }

    fn weight(self) -> f64 {
        f64::from_bits(self.1)
    }
}

/// The positive and the negative rows, each in rising order of the score.
pub(super) struct Sides<T> {
    pub(super) positive: Vec<T>,
    pub(super) negative: Vec<T>,
}

pub(super) fn weighted(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
) -> Result<Sides<(u64, u64)>> {
    check_pairs(positive.len(), scores.len(), weights)?;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut sides = Sides::new(scores, positive, |key, row| (key, weight(row).to_bits()))?;
    sides.positive.retain(|row| row.weight() > 0.0);
    sides.negative.retain(|row| row.weight() > 0.0);
    Ok(sides)
}

impl<T: Scored> Sides<T> {
    pub(super) fn new(scores: &[f64], positive: &[bool], row: impl Fn(u64, usize) -> T) -> Result<Self> {
        check_pairs(positive.len(), scores.len(), None)?;
        check_numbers("the scores", scores)?;
        let n_positive = positive.iter().filter(|&&positive| positive).count();
        // Every row is written to the end of both sides, and one end moves: no branch to mispredict.
        let mut sides = [vec![row(0, 0); scores.len() - n_positive + 1], vec![row(0, 0); n_positive + 1]];
        let mut ends = [0, 0];
        for (place, (score, &positive)) in scores.iter().zip(positive).enumerate() {
            let item = row(key_of(*score), place);
            let side = usize::from(positive);
            sides[side][ends[side]] = item;
            ends[side] += 1;
        }
        let [mut negative, mut positive] = sides;
        negative.truncate(ends[0]);
        positive.truncate(ends[1]);
        let parts = rayon::current_num_threads();
        rayon::join(|| sort(&mut positive, parts), || sort(&mut negative, parts));
        Ok(Sides { positive, negative })
    }

    pub(super) fn two_sides(self, what: &str) -> Result<Self> {
        let only = match (self.positive.is_empty(), self.negative.is_empty()) {
            (false, false) => return Ok(self),
            (false, true) => "positive",
            (true, _) => "negative",
        };
        Err(Error::insufficient_data(format!(
            "`{what}` is not defined: all rows are {only}, and it needs rows of both classes; check how the rows were split"
        )))
    }

    pub(super) fn positive_weight(&self) -> f64 {
        self.positive.iter().map(|row| row.weight()).sum()
    }

    pub(super) fn negative_weight(&self) -> f64 {
        self.negative.iter().map(|row| row.weight()).sum()
    }

    /// `visit(key, positive weight, negative weight)` for each different score, from the highest down.
    pub(super) fn each_score(&self, mut visit: impl FnMut(u64, f64, f64)) {
        let (mut positive, mut negative) = (self.positive.as_slice(), self.negative.as_slice());
        loop {
            let key = match (positive.last(), negative.last()) {
                (Some(a), Some(b)) => a.key().max(b.key()),
                (Some(a), None) => a.key(),
                (None, Some(b)) => b.key(),
                (None, None) => return,
            };
            visit(key, take_tied(&mut positive, key), take_tied(&mut negative, key));
        }
    }

    pub(super) fn auc(&self) -> f64 {
        let (mut above, mut twice) = (0.0, 0.0);
        self.each_score(|_, positive, negative| {
            twice += negative * (2.0 * above + positive);
            above += positive;
        });
        twice / (2.0 * above * self.negative_weight())
    }

    pub(super) fn average_precision(&self) -> f64 {
        let (mut above_positive, mut above_all, mut sum) = (0.0, 0.0, 0.0);
        self.each_score(|_, positive, negative| {
            above_positive += positive;
            above_all += positive + negative;
            if positive > 0.0 {
                sum += positive * (above_positive / above_all);
            }
        });
        if above_positive > 0.0 { sum / above_positive } else { 0.0 }
    }
}

/// Sorts in about as many parallel parts; rows that are equal are the same, so the result is too.
fn sort<T: Scored>(rows: &mut [T], parts: usize) {
    if parts < 2 || rows.len() < 1 << 16 {
        return rows.sort_unstable();
    }
    let (low, _, high) = rows.select_nth_unstable(rows.len() / 2);
    rayon::join(|| sort(low, parts / 2), || sort(high, parts / 2));
}

/// Takes the rows with this score off the end, and gives their weight.
fn take_tied<T: Scored>(rows: &mut &[T], key: u64) -> f64 {
    let mut weight = 0.0;
    while let Some((last, rest)) = rows.split_last() {
        if last.key() != key {
            break;
        }
        weight += last.weight();
        *rows = rest;
    }
    weight
}

/// The bits of a score as a whole number of the same order; -0 is 0.
pub(super) fn key_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

pub(super) fn score_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}
