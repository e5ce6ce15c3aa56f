//! How well scores put positive rows before negative ones.

use perennial_core::{Error, Result, check_numbers};
use perennial_statistics::distribution::{Distribution, Normal};
use perennial_statistics::interval::{Interval, clopper_pearson};
use serde::{Deserialize, Serialize};

use super::check_pairs;

/// The area under the ROC curve: the share of the pairs of a positive and a negative row in which the positive
/// one has the higher score; ties count half.
///
/// Without weights it is the exact count of pairs, rounded once (up to 2^52 pairs).
///
/// ```
/// use perennial_evaluation::metric::ranking::roc_auc;
///
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true], None)?, 0.875);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the lengths differ, a score is not finite, a weight is not acceptable, or all rows with weight are
/// positive or all are negative.
pub fn roc_auc(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    let auc = match weights {
        None => Sides::new(scores, positive, |key, _| key)?.two_sides("roc_auc")?.auc(),
        Some(_) => weighted(scores, positive, weights)?.two_sides("roc_auc")?.auc(),
    };
    Ok(auc)
}

/// The mean of the precision at each positive row, ties taken together; 0 where no row is positive.
///
/// # Errors
/// When there are no rows, the lengths differ, a score is not finite, or a weight is not acceptable.
pub fn average_precision(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    match weights {
        None => Ok(Sides::new(scores, positive, |key, _| key)?.average_precision()),
        Some(_) => Ok(weighted(scores, positive, weights)?.average_precision()),
    }
}

/// The shares of negative and positive rows at or above each threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocCurve {
    /// The share of the negative rows at or above the threshold, from 0 to 1.
    pub false_positive_rate: Vec<f64>,
    /// The share of the positive rows at or above the threshold, from 0 to 1.
    pub true_positive_rate: Vec<f64>,
    /// The thresholds, falling; the curve begins above the first, so it has one point more.
    pub thresholds: Vec<f64>,
}

/// The ROC curve, with a point for each different score.
///
/// # Errors
/// As [`roc_auc`].
pub fn roc_curve(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<RocCurve> {
    let sides = weighted(scores, positive, weights)?.two_sides("roc_curve")?;
    let (all_positive, all_negative) = (sides.positive_weight(), sides.negative_weight());
    let (mut above_positive, mut above_negative) = (0.0, 0.0);
    let mut curve =
        RocCurve { false_positive_rate: vec![0.0], true_positive_rate: vec![0.0], thresholds: Vec::new() };
    sides.each_score(|key, positive, negative| {
        above_positive += positive;
        above_negative += negative;
        curve.false_positive_rate.push((above_negative / all_negative).min(1.0));
        curve.true_positive_rate.push((above_positive / all_positive).min(1.0));
        curve.thresholds.push(score_of(key));
    });
    Ok(curve)
}

/// The area under the ROC curve with its interval by the variance of DeLong, DeLong and Clarke-Pearson (1988), in
/// the time of a sort (Sun and Xu, 2014).
///
/// Where the scores separate the classes wholly the variance says nothing; then the interval is that of
/// `k` out of `k` successes, `k` being the rows of the rarer class.
///
/// # Errors
/// As [`roc_auc`], or when a class has fewer than two rows or the level is not in (0, 1).
pub fn roc_auc_interval(scores: &[f64], positive: &[bool], level: f64) -> Result<Interval> {
    let sides = Sides::new(scores, positive, |key, _| key)?.two_sides("roc_auc")?;
    let (m, n) = (sides.positive.len(), sides.negative.len());
    let rarer = m.min(n);
    if rarer < 2 {
        return Err(Error::insufficient_data(format!(
            "the interval of `roc_auc` needs at least 2 rows of each class; there are {m} positive and {n} negative rows"
        )));
    }
    let auc = sides.auc();
    // Per positive row: the share of negatives below it. Per negative row: the share of positives above it.
    let (mut above_positive, mut above_negative) = (0.0, 0.0);
    let (mut of_positive, mut of_negative) = (0.0, 0.0);
    sides.each_score(|_, positive, negative| {
        let below = (n as f64 - above_negative - 0.5 * negative) / n as f64;
        let above = (above_positive + 0.5 * positive) / m as f64;
        of_positive += positive * (below - auc).powi(2);
        of_negative += negative * (above - auc).powi(2);
        above_positive += positive;
        above_negative += negative;
    });
    let (m, n) = (m as f64, n as f64);
    let variance = of_positive / ((m - 1.0) * m) + of_negative / ((n - 1.0) * n);
    let bound = clopper_pearson(rarer as u64, rarer as u64, level)?;
    let (low, high) = if variance > 0.0 {
        let half = Normal::new(0.0, 1.0)?.isf(0.5 * (1.0 - level)) * variance.sqrt();
        ((auc - half).max(0.0), (auc + half).min(1.0))
    } else if auc > 0.5 {
        (bound.low, 1.0)
    } else if auc < 0.5 {
        (0.0, 1.0 - bound.low)
    } else {
        (0.5, 0.5)
    };
    Ok(Interval { estimate: auc, low, high, level })
}

/// A score as a whole number of the same order, with a weight.
trait Scored: Copy + Ord + Send {
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
struct Sides<T> {
    positive: Vec<T>,
    negative: Vec<T>,
}

fn weighted(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Sides<(u64, u64)>> {
    check_pairs(positive.len(), scores.len(), weights)?;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut sides = Sides::new(scores, positive, |key, row| (key, weight(row).to_bits()))?;
    sides.positive.retain(|row| row.weight() > 0.0);
    sides.negative.retain(|row| row.weight() > 0.0);
    Ok(sides)
}

impl<T: Scored> Sides<T> {
    fn new(scores: &[f64], positive: &[bool], row: impl Fn(u64, usize) -> T) -> Result<Self> {
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

    fn two_sides(self, what: &str) -> Result<Self> {
        let only = match (self.positive.is_empty(), self.negative.is_empty()) {
            (false, false) => return Ok(self),
            (false, true) => "positive",
            (true, _) => "negative",
        };
        Err(Error::insufficient_data(format!(
            "`{what}` is not defined: all rows are {only}, and it needs rows of both classes; check how the rows were split"
        )))
    }

    fn positive_weight(&self) -> f64 {
        self.positive.iter().map(|row| row.weight()).sum()
    }

    fn negative_weight(&self) -> f64 {
        self.negative.iter().map(|row| row.weight()).sum()
    }

    /// `visit(key, positive weight, negative weight)` for each different score, from the highest down.
    fn each_score(&self, mut visit: impl FnMut(u64, f64, f64)) {
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

    fn auc(&self) -> f64 {
        let (mut above, mut twice) = (0.0, 0.0);
        self.each_score(|_, positive, negative| {
            twice += negative * (2.0 * above + positive);
            above += positive;
        });
        twice / (2.0 * above * self.negative_weight())
    }

    fn average_precision(&self) -> f64 {
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
fn key_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn score_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}
