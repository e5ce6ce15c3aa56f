//! How well scores order the times of events of which some were not waited for.

use perennial_core::{Error, Result, Rows, Values, check_numbers, check_weights};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::{Metric, check_pairs};
use crate::{IntervalOptions, Stack};

/// For each row a time, and whether the event happened then; otherwise nothing is known but that it had not happened yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct EventTimes {
    times: Vec<f64>,
    happened: Vec<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    times: Vec<f64>,
    happened: Vec<bool>,
}

impl TryFrom<Parts> for EventTimes {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        EventTimes::new(parts.times, parts.happened)
    }
}

impl EventTimes {
    /// Times, and whether the event happened at each.
    ///
    /// # Errors
    /// When lengths differ, or a time is not finite.
    pub fn new(times: Vec<f64>, happened: Vec<bool>) -> Result<Self> {
        if times.len() != happened.len() {
            return Err(Error::length_mismatch("whether the event happened", times.len(), happened.len()));
        }
        check_numbers("the times", &times)?;
        Ok(EventTimes { times, happened })
    }

    /// The time of each row.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Whether the event happened at the time of each row.
    pub fn happened(&self) -> &[bool] {
        &self.happened
    }
}

impl Rows for EventTimes {
    type Owned = EventTimes;

    fn n_rows(&self) -> usize {
        self.times.len()
    }

    fn take(&self, rows: &[usize]) -> Result<EventTimes> {
        Ok(EventTimes { times: self.times.take(rows)?, happened: self.happened.take(rows)? })
    }
}

impl Stack for EventTimes {
    fn stack(parts: &[Self]) -> Result<Self> {
        EventTimes::new(
            parts.iter().flat_map(|part| &part.times).copied().collect(),
            parts.iter().flat_map(|part| &part.happened).copied().collect(),
        )
    }
}

/// How often, of two rows of which it is known whose event came first, the later one got the larger score (Harrell, 1982): 1
/// where scores order all events, 0.5 by chance. Equal scores count half.
///
/// Scores are expected times: negate a risk. Of two rows with the same time the one without an event counts as later, and two
/// events at one time are no pair; where no pair can be compared the score is not defined: an error.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::{Metric, metric::{Concordance, EventTimes}};
///
/// let truth = EventTimes::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, false, true])?;
/// // Of five pairs the second and the third row are the wrong way round.
/// assert_eq!(Concordance.score(&truth, &Values::from(vec![1.0, 3.0, 2.0, 4.0]))?, 0.8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concordance;

/// Rows from the latest time down, with the place of their score from the lowest up: resamples are scored without sorting again.
struct InTime<'a> {
    truth: &'a EventTimes,
    order: Vec<usize>,
    ranks: Vec<usize>,
    n_ranks: usize,
}

impl<'a> InTime<'a> {
    fn new(truth: &'a EventTimes, scores: &[f64]) -> Self {
        let mut different: Vec<f64> = scores.to_vec();
        different.sort_by(f64::total_cmp);
        different.dedup();
        let rank = |score: &f64| different.partition_point(|other| other < score);
        let ranks = scores.iter().map(rank).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| truth.times[b].total_cmp(&truth.times[a]).then(a.cmp(&b)));
        InTime { truth, order, ranks, n_ranks: different.len() }
    }

    /// The weights of pairs in the right order, and of all that can be compared.
    fn sums(&self, weight: impl Fn(usize) -> f64) -> (f64, f64) {
        let (truth, rank) = (self.truth, |row: usize| self.ranks[row]);
        // Who is in the tree is later than the row that asks.
        let order: Vec<usize> = self.order.iter().copied().filter(|&row| weight(row) > 0.0).collect();
        let mut tree = vec![0.0; self.n_ranks + 1];
        let (mut total, mut right, mut pairs) = (0.0, 0.0, 0.0);
        let mut start = 0;
        let add = |tree: &mut [f64], row: usize, total: &mut f64| {
            *total += weight(row);
            let mut place = rank(row) + 1;
            while place < tree.len() {
                tree[place] += weight(row);
                place += place & place.wrapping_neg();
            }
        };
        let below = |tree: &[f64], rank: usize| {
            let (mut place, mut sum) = (rank, 0.0);
            while place > 0 {
                sum += tree[place];
                place -= place & place.wrapping_neg();
            }
            sum
        };
        while start < order.len() {
            let time = truth.times[order[start]];
            let end = start + order[start..].iter().take_while(|&&row| truth.times[row] == time).count();
            let here = &order[start..end];
            here.iter().filter(|&&row| !truth.happened[row]).for_each(|&row| add(&mut tree, row, &mut total));
            for &row in here.iter().filter(|&&row| truth.happened[row]) {
                let rank = rank(row);
                let (smaller, up_to) = (below(&tree, rank), below(&tree, rank + 1));
                right += weight(row) * ((total - up_to) + 0.5 * (up_to - smaller));
                pairs += weight(row) * total;
            }
            here.iter().filter(|&&row| truth.happened[row]).for_each(|&row| add(&mut tree, row, &mut total));
            start = end;
        }
        (right, pairs)
    }
}

impl Metric for Concordance {
    type Truth = EventTimes;
    type Prediction = Values;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        "concordance".to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &EventTimes,
        prediction: &Values,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        check_pairs(truth.n_rows(), prediction.n_rows(), weights)?;
        weights.map_or(Ok(()), |weights| check_weights(weights, truth.n_rows()))?;
        check_numbers("the prediction", prediction.as_slice())?;
        // In units of the largest one, products of weights stay in range.
        let largest = weights.map_or(1.0, |weights| weights.iter().copied().fold(0.0, f64::max));
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row] / largest);
        let (right, pairs) = InTime::new(truth, prediction.as_slice()).sums(weight);
        if pairs > 0.0 {
            return Ok((right / pairs).clamp(0.0, 1.0));
        }
        Err(Error::insufficient_data(
            "`concordance` needs two rows of which it is known whose event came first; no pair of rows is so",
        ))
    }

    fn interval(
        &self,
        truth: &EventTimes,
        prediction: &Values,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let weights = options.row_weights();
        self.score_weighted(truth, prediction, weights)?;
        let largest = weights.map_or(1.0, |weights| weights.iter().copied().fold(0.0, f64::max));
        let rows = InTime::new(truth, prediction.as_slice());
        options.of_counts(truth.n_rows(), |counts| {
            let weight = |row: usize| weights.map_or(1.0, |weights| weights[row] / largest);
            let (right, pairs) = rows.sums(|row| f64::from(counts[row]) * weight(row));
            if pairs > 0.0 { (right / pairs).clamp(0.0, 1.0) } else { f64::NAN }
        })
    }
}
