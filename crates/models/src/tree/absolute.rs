//! Absolute error around the median.

use super::criterion::{Impurity, weight};
use super::monotone::Bounds;
use super::split::Tally;
use super::structure::{Summary, Value};

/// Gains below this share of the error of the node are rounding.
const ROUNDING: f64 = 1e-13;

/// An error in the units of the target.
pub(super) fn in_units(error: f64, unit: f64) -> f64 {
    (error * unit).min(f64::MAX)
}

/// Absolute error around the weighted median.
pub(super) struct AbsoluteError<'a> {
    /// The target in units of `unit`.
    pub(super) y: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) unit: f64,
}

/// Weights, and weights times the deviations from a centre.
#[derive(Clone, Copy, Debug, Default)]
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

/// The rows of a node around their median.
#[derive(Debug)]
pub(crate) struct Deviations {
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

/// The least sum of absolute deviations of rows with these sums, and the median of theirs from which it is taken.
fn least_error(values: &[f64], total: Sums, sums: impl Fn(usize) -> Sums) -> (f64, f64) {
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
    ((median * below.weight - below.deviation) + (above.deviation - median * above.weight), median)
}

impl Deviations {
    /// Of rows with these targets and weights.
    pub(super) fn of(mut pairs: Vec<(f64, f64)>) -> Self {
        let n_rows = pairs.len();
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

    pub(super) fn median(&self) -> f64 {
        self.median
    }

    /// Whether all rows have the same target.
    pub(super) fn is_pure(&self) -> bool {
        self.values.len() < 2
    }

    /// What is kept of the node, in units of `unit`.
    pub(super) fn summary(&self, unit: f64, bounds: Bounds) -> Summary {
        let weight = self.total.weight;
        let mean = if weight > 0.0 { self.error / weight } else { 0.0 };
        Summary {
            n_rows: self.n_rows as u64,
            weight,
            measure: in_units(mean, unit),
            value: Value::One([bounds.clip(self.median) * unit]),
        }
    }
}

impl Impurity for AbsoluteError<'_> {
    type Totals = Deviations;
    type Sides<'a>
        = Sides<'a>
    where
        Self: 'a;

    fn totals(&self, rows: &mut (dyn ExactSizeIterator<Item = u32> + Send)) -> Deviations {
        Deviations::of(rows.map(|row| (self.y[row as usize] + 0.0, weight(self.weights, row))).collect())
    }

    fn is_pure(&self, totals: &Deviations) -> bool {
        totals.is_pure()
    }

    fn summary(&self, totals: &Deviations, bounds: Bounds) -> Summary {
        totals.summary(self.unit, bounds)
    }

    fn sides<'a>(&'a self, totals: &'a Deviations) -> Sides<'a> {
        Sides { target: self, left: LeftSide::new(totals) }
    }

    fn place(&self, totals: &Deviations, row: u32) -> (f64, f64) {
        (weight(self.weights, row), self.y[row as usize] - totals.median)
    }

    fn in_units(&self, impurity: f64) -> f64 {
        in_units(impurity, self.unit)
    }
}

/// Rows on the left side of a cut, by value; those on the right side are the rest.
#[derive(Debug)]
pub(super) struct LeftSide<'a> {
    totals: &'a Deviations,
    left: Vec<Sums>,
    total: Sums,
}

impl<'a> LeftSide<'a> {
    /// None yet.
    pub(super) fn new(totals: &'a Deviations) -> Self {
        LeftSide { totals, left: vec![Sums::default(); totals.whole.len()], total: Sums::default() }
    }

    /// Adds a row with this target.
    pub(super) fn add(&mut self, y: f64, weight: f64) {
        let deviation = y - self.totals.median;
        let sums = Sums { weight, deviation: weight * deviation };
        let place = self.totals.values.partition_point(|&value| value < deviation);
        add(&mut self.left, place, sums);
        self.total = self.total.plus(sums);
    }

    /// The errors and the medians of both sides.
    fn errors(&self) -> [(f64, f64); 2] {
        let (Deviations { values, whole, total, .. }, left) = (self.totals, &self.left);
        [
            least_error(values, self.total, |place| left[place]),
            least_error(values, total.less(self.total), |place| whole[place].less(left[place])),
        ]
    }

    /// How much less error both sides have than the whole.
    pub(super) fn gain(&self) -> f64 {
        let [left, right] = self.errors();
        let gain = self.totals.error - left.0 - right.0;
        if gain < self.totals.error * ROUNDING { 0.0 } else { gain }
    }

    /// The medians of both sides.
    pub(super) fn medians(&self) -> [f64; 2] {
        self.errors().map(|(_, median)| self.totals.median + median)
    }
}

pub(super) struct Sides<'a> {
    target: &'a AbsoluteError<'a>,
    left: LeftSide<'a>,
}

impl Tally for Sides<'_> {
    fn move_left(&mut self, row: u32) {
        self.left.add(self.target.y[row as usize], weight(self.target.weights, row));
    }

    fn gain(&self) -> f64 {
        self.left.gain()
    }

    fn means(&self) -> [f64; 2] {
        self.left.medians()
    }
}
