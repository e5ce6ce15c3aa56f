//! Absolute error around the median.

use super::criterion::{Impurity, weight};
use super::split::Tally;
use super::structure::Summary;

/// Gains below this share of the error of the node are rounding.
const ROUNDING: f64 = 1e-13;

/// Absolute error around the weighted median.
pub(super) struct AbsoluteError<'a> {
    /// The target in units of `unit`.
    pub(super) y: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) unit: f64,
}

/// Weights, and weights times the deviations from a centre.
#[derive(Clone, Copy, Default)]
struct Sums {
    weight: f64,
    deviation: f64,
}

impl Sums {
    fn plus(self, other: Sums) -> Sums {
        Sums { weight: self.weight + other.weight, deviation: self.deviation + other.deviation }
    }

    fn less(self, other: Sums) -> Sums {
        Sums { weight: self.weight - other.weight, deviation: self.deviation - other.deviation }
    }
}

pub(super) struct Deviations {
    n_rows: usize,
    median: f64,
    /// The different values, in order, as deviations from the median.
    values: Vec<f64>,
    /// Sums of all rows by value, as a tree: see [`add`].
    whole: Vec<Sums>,
    total: Sums,
    /// The sum of the absolute deviations.
    error: f64,
}

/// Adds to the sums of a value. Place `i`, from 1 on, holds the sums of as many values up to the `i`-th as the lowest
/// bit of `i` says (Fenwick, 1994).
fn add(tree: &mut [Sums], value: usize, change: Sums) {
    let mut place = value + 1;
    while let Some(sums) = tree.get_mut(place) {
        *sums = sums.plus(change);
        place += place & place.wrapping_neg();
    }
}

/// The least sum of absolute deviations of rows with these sums, from the median of theirs.
fn least_error(values: &[f64], total: Sums, sums: impl Fn(usize) -> Sums) -> f64 {
    let half = total.weight / 2.0;
    let (mut below, mut n_below) = (Sums::default(), 0);
    let mut step = 1 << values.len().max(1).ilog2();
    while step > 0 {
        if n_below + step < values.len() {
            let more = below.plus(sums(n_below + step));
            if more.weight < half {
                (below, n_below) = (more, n_below + step);
            }
        }
        step /= 2;
    }
    let (median, above) = (values[n_below], total.less(below));
    (median * below.weight - below.deviation) + (above.deviation - median * above.weight)
}

impl Impurity for AbsoluteError<'_> {
    type Totals = Deviations;
    type Sides<'a>
        = Sides<'a>
    where
        Self: 'a;

    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Deviations {
        let n_rows = rows.len();
        let mut pairs: Vec<(f64, f64)> =
            rows.map(|row| (self.y[row as usize] + 0.0, weight(self.weights, row))).collect();
        // Weights too, so that sums are taken in the same order whatever the order of the rows.
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let groups: Vec<(f64, f64)> = pairs
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| (group[0].0, group.iter().map(|pair| pair.1).sum()))
            .collect();
        let weight: f64 = groups.iter().map(|group| group.1).sum();
        let (mut median, mut up_to) = (0.0, 0.0);
        for (place, group) in groups.iter().enumerate() {
            up_to += group.1;
            median = group.0;
            if up_to >= weight / 2.0 {
                // With as much weight on both sides, all numbers between two values are medians.
                let next = groups.get(place + 1).filter(|_| up_to == weight / 2.0);
                median = next.map_or(median, |next| median.midpoint(next.0));
                break;
            }
        }
        let values: Vec<f64> = groups.iter().map(|group| group.0 - median).collect();
        let mut whole = vec![Sums::default(); groups.len() + 1];
        let (mut total, mut error) = (Sums::default(), 0.0);
        for (place, (&value, group)) in values.iter().zip(&groups).enumerate() {
            let sums = Sums { weight: group.1, deviation: group.1 * value };
            add(&mut whole, place, sums);
            total = total.plus(sums);
            error += group.1 * value.abs();
        }
        Deviations { n_rows, median, values, whole, total, error }
    }

    fn is_pure(&self, totals: &Deviations) -> bool {
        totals.values.len() < 2
    }

    fn summary(&self, totals: &Deviations) -> Summary {
        let weight = totals.total.weight;
        let mean = if weight > 0.0 { totals.error / weight } else { 0.0 };
        Summary {
            n_rows: totals.n_rows as u64,
            weight,
            measure: self.in_units(mean),
            value: vec![totals.median * self.unit],
        }
    }

    fn sides<'a>(&'a self, totals: &'a Deviations) -> Sides<'a> {
        Sides {
            target: self,
            totals,
            left: vec![Sums::default(); totals.whole.len()],
            total: Sums::default(),
        }
    }

    fn place(&self, totals: &Deviations, row: u32) -> (f64, f64) {
        (weight(self.weights, row), self.y[row as usize] - totals.median)
    }

    fn in_units(&self, impurity: f64) -> f64 {
        (impurity * self.unit).min(f64::MAX)
    }
}

/// The sums on the left side by value; those on the right side are the rest.
pub(super) struct Sides<'a> {
    target: &'a AbsoluteError<'a>,
    totals: &'a Deviations,
    left: Vec<Sums>,
    total: Sums,
}

impl Tally for Sides<'_> {
    fn move_left(&mut self, row: u32) {
        let values = &self.totals.values;
        let deviation = self.target.y[row as usize] - self.totals.median;
        let weight = weight(self.target.weights, row);
        let sums = Sums { weight, deviation: weight * deviation };
        add(&mut self.left, values.partition_point(|&value| value < deviation), sums);
        self.total = self.total.plus(sums);
    }

    fn gain(&self) -> f64 {
        let Deviations { values, whole, total, error, .. } = self.totals;
        let left = least_error(values, self.total, |place| self.left[place]);
        let right = least_error(values, total.less(self.total), |place| whole[place].less(self.left[place]));
        let gain = error - left - right;
        if gain < error * ROUNDING { 0.0 } else { gain }
    }
}
