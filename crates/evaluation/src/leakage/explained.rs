//! How much of a target one column explains.

use std::collections::BTreeMap;

use perennial_core::{Classes, Error, Result, check_numbers};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

/// A column is cut into at most so many bins.
const MOST_BINS: usize = 50;

/// The bin of each row.
pub(super) struct Bins {
    of_row: Vec<usize>,
    n_bins: usize,
}

impl Bins {
    /// Bins of equal number by rank; equal values share a bin, and all NaN have one of their own.
    pub(super) fn of_values(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let n_bins = n_bins(sorted.len());
        let mut edges: Vec<f64> =
            (1..n_bins).filter_map(|bin| sorted.get(bin * sorted.len() / n_bins).copied()).collect();
        edges.dedup();
        let bin = |value: &f64| {
            if value.is_nan() { edges.len() + 1 } else { edges.partition_point(|edge| edge <= value) }
        };
        Bins { of_row: values.iter().map(bin).collect(), n_bins: edges.len() + 2 }
    }

    /// Equal values share a bin, and all NaN have one of their own.
    pub(super) fn of_labels(values: &[f64]) -> Self {
        let mut different: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        different.sort_by(f64::total_cmp);
        different.dedup();
        let bin = |value: &f64| {
            if value.is_nan() { different.len() } else { different.partition_point(|other| other < value) }
        };
        Bins { of_row: values.iter().map(bin).collect(), n_bins: different.len() + 1 }
    }

    /// What is there is one bin, and all NaN are the other.
    pub(super) fn of_missing(values: &[f64]) -> Self {
        Bins { of_row: values.iter().map(|value| usize::from(value.is_nan())).collect(), n_bins: 2 }
    }

    /// Neighbouring rows share a bin.
    pub(super) fn of_order(n_rows: usize) -> Self {
        let n_bins = n_bins(n_rows);
        Bins { of_row: (0..n_rows).map(|row| row * n_bins / n_rows).collect(), n_bins }
    }
}

/// A bin must have rows in both halves, and enough that a mean says something.
fn n_bins(n_rows: usize) -> usize {
    (n_rows / 8).clamp(2, MOST_BINS)
}

/// What is to be explained.
pub(super) struct Truth<'a> {
    what: What<'a>,
    /// Each half is explained by what the other taught.
    second_half: Vec<bool>,
}

enum What<'a> {
    Numbers(Vec<f64>),
    Classes(&'a Classes),
}

impl<'a> Truth<'a> {
    pub(super) fn new(classes: Option<&'a Classes>, numbers: Option<&[f64]>) -> Result<Self> {
        let (what, n_rows) = match (classes, numbers) {
            (Some(classes), _) => (What::Classes(classes), classes.codes().len()),
            (None, Some(numbers)) => {
                check_numbers("the target", numbers)?;
                // Divided by the largest, so that squares stay in range; no share depends on it.
                let most = numbers.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
                let scale = if most > 0.0 { most } else { 1.0 };
                (What::Numbers(numbers.iter().map(|value| value / scale).collect()), numbers.len())
            }
            (None, None) => {
                return Err(Error::unsupported(
                    "a leakage scan needs a target of numbers or classes; scan each output alone",
                ));
            }
        };
        let mut second_half = vec![false; n_rows];
        let mut random = Random::new(0).stream("halves");
        random.sample(n_rows, n_rows / 2).into_iter().for_each(|row| second_half[row] = true);
        Ok(Truth { what, second_half })
    }

    /// The share that the bins explain of the variance of the numbers, or of the indicators of the classes; below zero
    /// where they explain less than nothing.
    pub(super) fn explained_by(&self, bins: &Bins) -> f64 {
        // The sums of the targets of each half and bin, and how many there are.
        let mut sums = [vec![Sums::default(); bins.n_bins], vec![Sums::default(); bins.n_bins]];
        for (row, &bin) in bins.of_row.iter().enumerate() {
            sums[usize::from(self.second_half[row])][bin].add(self, row, 1.0);
        }
        let all = self.overall();
        self.share(|row| {
            let other = &sums[usize::from(!self.second_half[row])][bins.of_row[row]];
            self.squared_error(row, if other.weight > 0.0 { other } else { &all })
        })
    }

    /// The share that is explained by the two nearest values of the other half, one to each side: finer than bins
    /// where the target is a function of the values. Nothing where a value is missing or infinite.
    pub(super) fn explained_by_neighbours(&self, values: &[f64]) -> Option<f64> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let sides = [false, true].map(|half| {
            let mut rows: Vec<usize> =
                (0..values.len()).filter(|&row| self.second_half[row] == half).collect();
            rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            rows
        });
        Some(self.share(|row| {
            let other = &sides[usize::from(!self.second_half[row])];
            let right = other.partition_point(|&near| values[near] < values[row]);
            let (left, right) = (other[right.saturating_sub(1)], other[right.min(other.len() - 1)]);
            let between = (values[row] - values[left]) / (values[right] - values[left]);
            let between = if (0.0..=1.0).contains(&between) { between } else { 0.5 };
            let mut sums = Sums::default();
            sums.add(self, left, 1.0 - between);
            sums.add(self, right, between);
            self.squared_error(row, &sums)
        }))
    }

    fn overall(&self) -> Sums {
        let mut all = Sums::default();
        (0..self.second_half.len()).for_each(|row| all.add(self, row, 1.0));
        all
    }

    fn share(&self, error: impl Fn(usize) -> f64 + Sync) -> f64 {
        let n = self.second_half.len();
        let all = self.overall();
        let whole = reduce::sum_by(n, |row| self.squared_error(row, &all));
        // A target that does not vary leaves rounding errors alone.
        if whole <= 1e-24 * n as f64 { 0.0 } else { 1.0 - reduce::sum_by(n, error) / whole }
    }

    /// The squared distance of a row's target from the mean of others.
    fn squared_error(&self, row: usize, others: &Sums) -> f64 {
        match &self.what {
            What::Numbers(values) => (values[row] - others.sum / others.weight).powi(2),
            What::Classes(classes) => {
                let share = |code: u32| others.of_class.get(&code).map_or(0.0, |sum| sum / others.weight);
                let squares: f64 = others.of_class.values().map(|sum| (sum / others.weight).powi(2)).sum();
                1.0 - 2.0 * share(classes.codes()[row]) + squares
            }
        }
    }
}

/// A weighted sum of targets; of classes only those that occur, since there may be many.
#[derive(Clone, Default)]
struct Sums {
    weight: f64,
    sum: f64,
    of_class: BTreeMap<u32, f64>,
}

impl Sums {
    fn add(&mut self, truth: &Truth<'_>, row: usize, weight: f64) {
        self.weight += weight;
        match &truth.what {
            What::Numbers(values) => self.sum += weight * values[row],
            What::Classes(classes) => {
                *self.of_class.entry(classes.codes()[row]).or_insert(0.0) += weight;
            }
        }
    }
}
