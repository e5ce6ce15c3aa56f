//! Areas under curves of rows that come in parts and need not be kept.

use std::collections::BTreeMap;

use perennial_core::{Error, Param, Result, check_numbers};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::delong;
use super::precision::{PrecisionParts, of_log_odds};
use super::sides::key_of;
use crate::interval::reach;
use crate::metric::check_pairs;

/// What a stream of scores leaves behind: areas under curves, the curves, and what thresholds and depths reach, of rows that come in
/// parts, in bounded memory.
///
/// It counts positive and negative rows by their score. Where there are more different scores than it may hold, the last
/// bits of all scores are dropped, one after the other, until they fit, and scores that differ only there count together.
/// How many bits are dropped depends on the scores alone: parts may be added and merged in any order. What is not
/// known then is the order within a count, and from that follows how far a score can be off at most; it is 0 while all
/// different scores are held.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_scores` | 16,384 | 2 to 2^26 | how many different scores are held, in about 60 bytes each |
///
/// ```
/// use perennial_evaluation::metric::ranking::{RankSums, roc_auc};
///
/// let scores: Vec<f64> = (0..100_000_u64).map(|row| (row * 7919 % 100_003) as f64 / 100_003.0).collect();
/// let positive: Vec<bool> = scores.iter().enumerate().map(|(row, score)| score * score > (row % 97) as f64 / 97.0).collect();
/// let (mut first, mut second) = (RankSums::new(), RankSums::new());
/// first.add(&scores[..30_000], &positive[..30_000], None)?;
/// second.add(&scores[30_000..], &positive[30_000..], None)?;
/// first.merge(&second)?;
/// let auc = first.roc_auc()?;
/// assert!(auc.error < 1e-4 && (auc.estimate - roc_auc(&scores, &positive, None)?).abs() <= auc.error);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Held")]
pub struct RankSums {
    max_scores: usize,
    /// How many of the last bits of a score are dropped.
    pub(super) dropped: u32,
    /// Whether some weights are not 1, so that sums of them are no numbers of rows.
    weighted: bool,
    /// The weights of the negative and the positive rows by what is left of the score, the lowest first.
    pub(super) sums: BTreeMap<u64, [f64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    max_scores: usize,
    dropped: u32,
    #[serde(default)]
    weighted: bool,
    sums: BTreeMap<u64, [f64; 2]>,
}

impl TryFrom<Held> for RankSums {
    type Error = Error;

    fn try_from(Held { max_scores, dropped, mut weighted, sums }: Held) -> Result<Self> {
        MAX_SCORES.check_count(max_scores)?;
        let sound = |[negative, positive]: &[f64; 2]| *negative >= 0.0 && *positive >= 0.0;
        if dropped >= u64::BITS || sums.len() > max_scores || !sums.values().all(sound) {
            return Err(Error::corrupt("the sums are not what a stream of scores leaves behind"));
        }
        // What was written before weights were told apart does not say whether there are any.
        weighted |= sums.values().flatten().any(|sum| sum.fract() != 0.0);
        Ok(RankSums { max_scores, dropped, weighted, sums })
    }
}

/// A score that is surely within `error` of `estimate`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approximate {
    /// The middle of what the score can be.
    pub estimate: f64,
    /// How far it can be off at most; 0 where it is exact.
    pub error: f64,
}

const MAX_SCORES: Param =
    Param::integer("max_scores", "different scores that are held").at_least(2.0).at_most(67_108_864.0);

impl Default for RankSums {
    fn default() -> Self {
        RankSums { max_scores: 1 << 14, dropped: 0, weighted: false, sums: BTreeMap::new() }
    }
}

impl RankSums {
    /// Of no rows yet, with room for 16,384 different scores.
    pub fn new() -> Self {
        RankSums::default()
    }

    /// Of no rows yet, with room for so many different scores.
    ///
    /// # Errors
    /// When there is room for fewer than 2 or more than 2^26.
    pub fn with_max_scores(max_scores: usize) -> Result<Self> {
        MAX_SCORES.check_count(max_scores)?;
        Ok(RankSums { max_scores, ..RankSums::default() })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a score is not finite, or a weight is not acceptable.
    pub fn add(&mut self, scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<()> {
        check_pairs(positive.len(), scores.len(), weights)?;
        check_numbers("the scores", scores)?;
        for (row, (score, &positive)) in scores.iter().zip(positive).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            if weight > 0.0 {
                self.weighted |= weight != 1.0;
                let sums = self.sums.entry(self.left_of(key_of(*score))).or_insert([0.0; 2]);
                sums[usize::from(positive)] += weight;
                self.shorten();
            }
        }
        Ok(())
    }

    /// Adds what was gathered from other rows.
    ///
    /// # Errors
    /// When the other has room for another number of scores.
    pub fn merge(&mut self, other: &RankSums) -> Result<()> {
        if other.max_scores != self.max_scores {
            return Err(Error::malformed(format!(
                "one part holds up to {} different scores and the other up to {}; give all parts the same `max_scores`",
                self.max_scores, other.max_scores
            )));
        }
        self.weighted |= other.weighted;
        while self.dropped < other.dropped {
            self.drop_bit();
        }
        for (key, theirs) in &other.sums {
            let sums = self.sums.entry(key >> (self.dropped - other.dropped)).or_insert([0.0; 2]);
            *sums = [sums[0] + theirs[0], sums[1] + theirs[1]];
        }
        self.shorten();
        Ok(())
    }

    /// How many different scores are held.
    pub fn n_scores(&self) -> usize {
        self.sums.len()
    }

    fn left_of(&self, key: u64) -> u64 {
        // All 64 are never dropped: two counts hold what 1 bit tells apart.
        key >> self.dropped
    }

    fn shorten(&mut self) {
        while self.sums.len() > self.max_scores {
            self.drop_bit();
        }
    }

    fn drop_bit(&mut self) {
        self.dropped += 1;
        for (key, theirs) in std::mem::take(&mut self.sums) {
            let sums = self.sums.entry(key >> 1).or_insert([0.0; 2]);
            *sums = [sums[0] + theirs[0], sums[1] + theirs[1]];
        }
    }

    pub(super) fn totals(&self) -> [f64; 2] {
        self.sums.values().fold([0.0; 2], |all, sums| [all[0] + sums[0], all[1] + sums[1]])
    }

    /// The weights of negative and positive rows, where there are both.
    pub(super) fn two_sides(&self, what: &str) -> Result<[f64; 2]> {
        let [negative, positive] = self.totals();
        match negative > 0.0 && positive > 0.0 {
            true => Ok([negative, positive]),
            false => Err(Error::insufficient_data(format!(
                "`{what}` is not defined: rows with weight {positive} are positive and rows with weight {negative} negative; it needs both"
            ))),
        }
    }

    /// As [`roc_auc`](super::roc_auc). Rows whose order is not known count as ties, so it is off by half the share of
    /// pairs of which it is not known at most.
    ///
    /// # Errors
    /// When all rows with weight are positive or all are negative, or there are none.
    pub fn roc_auc(&self) -> Result<Approximate> {
        let [negative, positive] = self.two_sides("roc_auc")?;
        let (mut below, mut twice, mut tied) = (0.0, 0.0, 0.0);
        for [negative, positive] in self.sums.values() {
            twice += positive * (2.0 * below + negative);
            tied += positive * negative;
            below += negative;
        }
        let pairs = positive * negative;
        let error = if self.dropped == 0 { 0.0 } else { 0.5 * tied / pairs };
        Ok(Approximate { estimate: 0.5 * twice / pairs, error })
    }

    /// The area with the interval of [`roc_auc_interval`](super::roc_auc_interval), of DeLong, DeLong and Clarke-Pearson (1988), wider on
    /// both sides by how far the area can be off.
    ///
    /// # Errors
    /// As [`roc_auc`](RankSums::roc_auc), when a class has fewer than two rows, rows have weights, or the level is not in (0, 1).
    pub fn roc_auc_interval(&self, level: f64) -> Result<Interval> {
        let Approximate { estimate, error } = self.roc_auc()?;
        self.without_weights("RocAuc")?;
        let [n, m] = self.totals();
        if m.min(n) < 2.0 {
            return Err(Error::insufficient_data(format!(
                "the interval of `roc_auc` needs at least 2 rows of each class; there are {m} positive and {n} negative rows"
            )));
        }
        let (mut below, mut passed) = (0.0, 0.0);
        let mut squares = [0.0; 2];
        for [negative, positive] in self.sums.values() {
            squares[0] += positive * ((below + 0.5 * negative) / n - estimate).powi(2);
            squares[1] += negative * (1.0 - (passed + 0.5 * positive) / m - estimate).powi(2);
            below += negative;
            passed += positive;
        }
        let found = delong(estimate, squares, [m, n], level)?;
        Ok(Interval { low: (found.low - error).max(0.0), high: (found.high + error).min(1.0), ..found })
    }

    /// As [`average_precision`](super::average_precision): the middle between what it is when positive rows come
    /// first, and when they come last, wherever the order is not known.
    ///
    /// # Errors
    /// When there are no rows with weight.
    pub fn average_precision(&self) -> Result<Approximate> {
        let [negative, positive] = self.totals();
        if !(negative + positive > 0.0) {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        if positive == 0.0 {
            return Ok(Approximate { estimate: 0.0, error: 0.0 });
        }
        let (mut found, mut passed) = (0.0, 0.0);
        let (mut tied, mut least, mut most) = (0.0, 0.0, 0.0);
        for [negative, positive] in self.sums.values().rev().copied() {
            if positive > 0.0 {
                let (all, others) = (found + positive, passed + negative);
                tied += positive * (all / (all + others));
                // The precision at a positive row is at most that of all of them without the negative ones, and at
                // least the mean along the way with all negative ones before.
                most += positive * (all / (all + passed));
                let way = if others > 0.0 { others * (positive / (found + others)).ln_1p() } else { 0.0 };
                least += (positive - way).max(0.0);
            }
            found += positive;
            passed += negative;
        }
        let [tied, least, most] = [tied, least, most].map(|sum| sum / positive);
        if self.dropped == 0 {
            return Ok(Approximate { estimate: tied, error: 0.0 });
        }
        Ok(Approximate { estimate: 0.5 * (least + most), error: 0.5 * (most - least) })
    }

    /// The average precision and how sure it is: what each row adds to it (the infinitesimal jackknife: Jaeckel, 1972) gives its variance, and
    /// the interval is that of its log-odds (Boyd, Eng and Page, 2013), by Student's distribution with the fewer degrees of freedom the fewer rows
    /// the variance comes from (Satterthwaite, 1946). It is wider on both sides by how far the average precision can be off.
    ///
    /// Where no negative row is above a positive one the variance says nothing; then the interval is that of as many successes out of as
    /// many as there are rows of the rarer class.
    ///
    /// ```
    /// use perennial_evaluation::metric::ranking::RankSums;
    ///
    /// let mut sums = RankSums::new();
    /// sums.add(&[0.9, 0.8, 0.7, 0.6, 0.3, 0.2], &[true, true, false, true, false, false], None)?;
    /// let found = sums.average_precision_interval(0.95)?;
    /// assert_eq!(found.estimate, (1.0 + 1.0 + 0.75) / 3.0);
    /// assert!(found.low < found.estimate && found.high < 1.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`average_precision`](RankSums::average_precision), when a class has fewer than two rows, rows have weights, or the level is not
    /// in (0, 1).
    pub fn average_precision_interval(&self, level: f64) -> Result<Interval> {
        let Approximate { estimate, error } = self.average_precision()?;
        self.without_weights("AveragePrecision")?;
        let [n, m] = self.totals();
        let rarer = m.min(n);
        if rarer < 2.0 {
            return Err(Error::insufficient_data(format!(
                "the interval of `average_precision` needs at least 2 rows of each class; there are {m} positive and {n} negative rows"
            )));
        }
        let sums: Vec<[f64; 2]> = self.sums.values().copied().collect();
        let PrecisionParts { score, added } = PrecisionParts::new(&sums);
        let mut powers = [0.0; 2];
        for (rows, added) in sums.iter().flatten().zip(added.iter().flatten()) {
            let square = added * added;
            powers = [powers[0] + rows * square, powers[1] + rows * square * square];
        }
        let Interval { low, high, .. } = of_log_odds(score, reach(powers, n + m, level)?, rarer, level);
        // The tied score lies between the ends of what it can be.
        let (low, high) = (low.min(estimate), high.max(estimate));
        Ok(Interval { estimate, low: (low - error).max(0.0), high: (high + error).min(1.0), level })
    }

    /// Refuses rows with weights, of which it is not known how many there are.
    fn without_weights(&self, metric: &str) -> Result<()> {
        match self.weighted {
            false => Ok(()),
            true => Err(Error::unsupported(format!(
                "sums of weights do not tell how many rows there are; give the rows to `{metric}::interval`, with their weights"
            ))),
        }
    }
}
