//! How sure the points of curves are.

use perennial_core::{Error, Param, Result};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;

use super::curves::{MIX, THRESHOLD};
use super::rule::{CHOICES, OUT_OF_BAG};
use super::sweep::{Sweep, ranked, tied};
use crate::IntervalOptions;

pub(crate) const DEPTH: Param =
    Param::real("depth", "share of the weight that is acted on").above(0.0).at_most(1.0);

/// The net benefit of the model at each threshold of a [`decision_curve`](super::decision_curve), with how sure it is: of
/// independent rows, groups or blocks, by their weights.
///
/// ```
/// use perennial_evaluation::IntervalOptions;
/// use perennial_evaluation::decision::{decision_curve, decision_intervals};
///
/// let said: Vec<f64> = (0..200).map(|row| f64::from(row) / 200.0).collect();
/// let positive: Vec<bool> = (0..200).map(|row| row * 7 % 200 < row).collect();
/// let sure = decision_intervals(&said, &positive, &[0.3], &IntervalOptions::new())?;
/// let curve = decision_curve(&said, &positive, None, &[0.3])?;
/// assert!((sure[0].estimate - curve.model[0]).abs() < 1e-12 && sure[0].low < curve.model[0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`decision_curve`](super::decision_curve), and [`IntervalOptions::of_mean`].
pub fn decision_intervals(
    probabilities: &[f64],
    positive: &[bool],
    thresholds: &[f64],
    options: &IntervalOptions<'_>,
) -> Result<Vec<Interval>> {
    thresholds.iter().try_for_each(|threshold| THRESHOLD.check(*threshold))?;
    Sweep::new(probabilities, positive, options.row_weights(), None)?;
    let at = |&threshold: &f64| {
        let benefit = |(said, positive): (&f64, &bool)| match (*said >= threshold, *positive) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => -threshold / (1.0 - threshold),
        };
        options.of_mean(&probabilities.iter().zip(positive).map(benefit).collect::<Vec<f64>>())
    };
    thresholds.iter().map(at).collect()
}

/// The lift of the rows with the highest scores down to each depth, a share of all weight, with how sure it is: how many times as many
/// positives there are among them as among as many rows drawn at random. By the bootstrap of the options, which ranks drawn rows
/// anew; of rows with the same score, of which only a part is reached, that part of each counts.
///
/// ```
/// use perennial_evaluation::IntervalOptions;
/// use perennial_evaluation::decision::lift_intervals;
///
/// let scores: Vec<f64> = (0..100).map(f64::from).collect();
/// let positive: Vec<bool> = (0..100).map(|row| row >= 80 || row % 10 == 0).collect();
/// let lift = lift_intervals(&scores, &positive, &[0.1, 1.0], &IntervalOptions::new().replicates(200))?;
/// // All of the first tenth are positive, and 28 of all.
/// assert!((lift[0].estimate - 100.0 / 28.0).abs() < 1e-12);
/// assert_eq!((lift[1].low, lift[1].high), (1.0, 1.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, lengths differ, a number is not acceptable, no row is positive, a depth is not in (0, 1], or as
/// [`IntervalOptions::of_counts`].
pub fn lift_intervals(
    scores: &[f64],
    positive: &[bool],
    depths: &[f64],
    options: &IntervalOptions<'_>,
) -> Result<Vec<Interval>> {
    depths.iter().try_for_each(|depth| DEPTH.check(*depth))?;
    let weights = options.row_weights();
    if !(Sweep::new(scores, positive, weights, None)?.positives > 0.0) {
        return Err(Error::insufficient_data("lift is not defined: no row with weight is positive"));
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let order = ranked(scores, weights);
    let lift = |depth: f64, counts: &[u32]| {
        let own = |row: &usize| f64::from(counts[*row]) * weight(*row);
        let sides = |rows: &[usize]| {
            rows.iter().fold([0.0; 2], |mut sides, row| {
                sides[usize::from(positive[*row])] += own(row);
                sides
            })
        };
        let all = sides(&order);
        let mut left = depth * (all[0] + all[1]);
        let mut found = 0.0;
        for tied in tied(&order, scores) {
            let [negatives, positives] = sides(tied);
            let reached = negatives + positives;
            if reached > 0.0 && left > 0.0 {
                found += positives * (left / reached).min(1.0);
                left -= reached;
            }
        }
        if depth < 1.0 { found / all[1] / depth } else { found / all[1] }
    };
    depths.iter().map(|&depth| options.of_counts(scores.len(), |counts| lift(depth, counts))).collect()
}

/// The least cost at each mix of a [`cost_curve`](super::cost_curve), with how sure it is.
///
/// The threshold is the best for the rows that it is judged on, so the estimate is a little below what other rows cost. The interval is that of
/// the bootstrap of the options, at this threshold or, where it is wider, at the best of each draw; moved up by 0.632 of what thresholds
/// that are chosen on draws cost more on the rows that are not among them (Efron, 1983; Noma and others, 2021), so the estimate can lie
/// outside. It ends where all or no rows are called.
///
/// # Errors
/// As [`cost_curve`](super::cost_curve) and [`IntervalOptions::of_counts`], or when a mix is not in [0, 1].
pub fn cost_intervals(
    scores: &[f64],
    positive: &[bool],
    mixes: &[f64],
    options: &IntervalOptions<'_>,
) -> Result<Vec<Interval>> {
    mixes.iter().try_for_each(|mix| MIX.check(*mix))?;
    let weights = options.row_weights();
    Sweep::new(scores, positive, weights, None)?.two_sides()?;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let costs = Costs::new(&ranked(scores, weights), scores, positive);
    let n_rows = scores.len();
    let of_mix = |&mix: &f64| {
        let drawn = |counts: &[u32], row: usize| f64::from(counts[row]) * weight(row);
        let (_, called) = costs.least(mix, weight);
        let [least, same] = options.of_counts_together(n_rows, |counts| {
            let weight = |row| drawn(counts, row);
            [costs.least(mix, weight).0, costs.at(called, mix, weight)]
        })?;
        let left_out = options.map_counts(n_rows, CHOICES, |counts| {
            let (_, called) = costs.least(mix, |row| drawn(counts, row));
            costs.at(called, mix, |row| if counts[row] == 0 { weight(row) } else { 0.0 })
        })?;
        let left_out: Vec<f64> = left_out.into_iter().filter(|cost| cost.is_finite()).collect();
        let by = match left_out.is_empty() {
            true => 0.0,
            false => OUT_OF_BAG * (reduce::mean(&left_out) - least.estimate),
        };
        let most = mix.min(1.0 - mix);
        Ok(Interval {
            low: (least.low.min(same.low) + by).clamp(0.0, most),
            high: (least.high.max(same.high) + by).clamp(0.0, most),
            ..least
        })
    };
    mixes.iter().map(of_mix).collect()
}

/// Rows from the highest score down, and what it costs to call the first of them.
struct Costs {
    rows: Vec<Place>,
}

struct Place {
    row: usize,
    side: usize,
    /// Whether the next row has another score.
    last: bool,
}

impl Costs {
    fn new(order: &[usize], scores: &[f64], positive: &[bool]) -> Self {
        let mut rows = Vec::with_capacity(order.len());
        for tied in tied(order, scores) {
            rows.extend(tied.iter().map(|&row| Place { row, side: usize::from(positive[row]), last: false }));
            rows.last_mut().into_iter().for_each(|place| place.last = true);
        }
        Costs { rows }
    }

    /// The weights of negative and positive rows.
    fn sides(rows: &[Place], weight: impl Fn(usize) -> f64) -> [f64; 2] {
        rows.iter().fold([0.0; 2], |mut sides, place| {
            sides[place.side] += weight(place.row);
            sides
        })
    }

    /// The cost of calling those; NaN where a class is not there.
    fn of(called: [f64; 2], all: [f64; 2], mix: f64) -> f64 {
        match all[0] > 0.0 && all[1] > 0.0 {
            true => (1.0 - called[1] / all[1]) * mix + called[0] / all[0] * (1.0 - mix),
            false => f64::NAN,
        }
    }

    /// The cost of calling so many rows.
    fn at(&self, called: usize, mix: f64, weight: impl Fn(usize) -> f64) -> f64 {
        let all = Costs::sides(&self.rows, &weight);
        Costs::of(Costs::sides(&self.rows[..called], &weight), all, mix)
    }

    /// The least cost, and how many rows are called then.
    fn least(&self, mix: f64, weight: impl Fn(usize) -> f64) -> (f64, usize) {
        let all = Costs::sides(&self.rows, &weight);
        let mut called = [0.0; 2];
        let mut best = (Costs::of(called, all, mix), 0);
        for (place, row) in self.rows.iter().enumerate() {
            called[row.side] += weight(row.row);
            if row.last {
                let cost = Costs::of(called, all, mix);
                if cost < best.0 {
                    best = (cost, place + 1);
                }
            }
        }
        best
    }
}
