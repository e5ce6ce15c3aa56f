//! Where columns are cut.

use std::collections::BTreeMap;

use ndarray::ArrayView1;
use perennial_core::{Error, Result};
use perennial_numeric::random::Random;

use super::{Bins, CATEGORIES, MAX_BINS};

/// Up to so many rows, all of them are looked at.
const EXACT: usize = 4_000_000;
/// Above, so many.
const SAMPLE: usize = 2_000_000;

/// The rows that quantiles are taken from, of those that count; `None` for all of them.
pub(super) fn drawn(n_rows: usize, weights: Option<&[f64]>, random: &Random) -> Option<Vec<usize>> {
    if n_rows <= EXACT {
        return None;
    }
    let sample = |n: usize| {
        let mut rows = random.stream("rows").sample(n, SAMPLE);
        rows.sort_unstable();
        rows
    };
    let Some(weights) = weights else { return Some(sample(n_rows)) };
    let counted: Vec<usize> = (0..n_rows).filter(|&row| weights[row] > 0.0).collect();
    if counted.len() <= EXACT {
        return Some(counted);
    }
    Some(sample(counted.len()).into_iter().map(|place| counted[place]).collect())
}

/// A whole number in the order of the values; -0 is 0.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// A distinct value and the weight of its rows.
type Point = (f64, f64);

/// The bins of a column of numbers.
pub(super) fn numeric(
    column: ArrayView1<'_, f64>,
    rows: Option<&[usize]>,
    weights: Option<&[f64]>,
    max_bins: usize,
) -> Bins {
    let all = 0..column.len();
    let points = match rows {
        // A value that is rare among many rows may not be drawn, so columns of few values are looked at whole.
        Some(rows) => few_values(column, weights, max_bins)
            .unwrap_or_else(|| points(column, rows.iter().copied(), weights)),
        None => points(column, all, weights),
    };
    Bins::Numeric { cuts: cut(&points, max_bins) }
}

/// The bins of a column of which the values that quantiles are taken from were put aside, with the weights of their rows.
pub(super) fn numeric_of(
    few: Option<FewValues>,
    values: &[f64],
    weights: Option<&[f64]>,
    max_bins: usize,
) -> Bins {
    let few = few.and_then(FewValues::points);
    let points = few.unwrap_or_else(|| points(ArrayView1::from(values), 0..values.len(), weights));
    Bins::Numeric { cuts: cut(&points, max_bins) }
}

/// The distinct values of a column, while they are at most so many.
pub(super) struct FewValues {
    known: Option<Vec<u64>>,
    last: Option<u64>,
    most: usize,
}

impl FewValues {
    pub(super) fn new(most: usize) -> Self {
        FewValues { known: Some(Vec::with_capacity(most + 1)), last: None, most }
    }

    /// Takes in a value of a row that counts; gives whether there are few up to now.
    pub(super) fn add(&mut self, value: f64) -> bool {
        let Some(known) = self.known.as_mut() else { return false };
        let key = key(value);
        // Values come in runs.
        if value.is_nan() || self.last.replace(key) == Some(key) {
            return true;
        }
        if let Err(place) = known.binary_search(&key) {
            if known.len() == self.most {
                self.known = None;
                return false;
            }
            known.insert(place, key);
        }
        true
    }

    /// The values, where they are few. Their weights do not matter to the cuts then.
    fn points(self) -> Option<Vec<Point>> {
        Some(self.known?.into_iter().map(|key| (value(key), 1.0)).collect())
    }
}

fn few_values(column: ArrayView1<'_, f64>, weights: Option<&[f64]>, most: usize) -> Option<Vec<Point>> {
    let mut few = FewValues::new(most);
    let counts = |row: usize| weights.is_none_or(|weights| weights[row] > 0.0);
    column.iter().enumerate().filter(|(row, _)| counts(*row)).all(|(_, &value)| few.add(value));
    few.points()
}

/// The distinct values that count, ascending, with their weights.
fn points(
    column: ArrayView1<'_, f64>,
    rows: impl Iterator<Item = usize>,
    weights: Option<&[f64]>,
) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let mut add = |key: u64, weight: f64| match points.last_mut() {
        Some(last) if last.0 == value(key) => last.1 += weight,
        _ => points.push((value(key), weight)),
    };
    match weights {
        None => {
            let present = rows.map(|row| column[row]).filter(|value| !value.is_nan());
            let mut keys: Vec<u64> = present.map(key).collect();
            keys.sort_unstable();
            keys.into_iter().for_each(|key| add(key, 1.0));
        }
        Some(weights) => {
            let present = rows.filter(|&row| !column[row].is_nan() && weights[row] > 0.0);
            let mut keys: Vec<(u64, f64)> = present.map(|row| (key(column[row]), weights[row])).collect();
            // Among equal values the weights are ordered too, so that their sum does not depend on the order of rows.
            keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            keys.into_iter().for_each(|(key, weight)| add(key, weight));
        }
    }
    points
}

/// Cuts between the distinct values so that bins hold about the same weight.
///
/// Bins are filled from the left. Each aims at its part of the weight that is left, where values that fill a bin
/// alone are set aside; it is closed where that comes nearest, and before a value that fills a bin alone unless too many
/// of those are among others.
fn cut(points: &[Point], max_bins: usize) -> Vec<f64> {
    let between = |index: usize| midway(points[index].0, points[index + 1].0);
    if points.len() <= max_bins {
        return (0..points.len().saturating_sub(1)).map(between).collect();
    }
    let total: f64 = points.iter().map(|point| point.1).sum();
    let large = total / max_bins as f64;
    let is_large = |index: usize| points[index].1 >= large;
    let n_large = (0..points.len()).filter(|&index| is_large(index)).count();
    let mut left_weight: f64 =
        points.iter().map(|point| point.1).filter(|&weight| weight < large).sum::<f64>();
    let mut left_bins = (max_bins - n_large) as f64;
    // Where small values stand between many large ones, bins for all of the small would leave none for the large.
    let n_between = (1..points.len()).filter(|&index| is_large(index) && !is_large(index - 1)).count();
    let alone = 2.0 * n_between as f64 <= left_bins;
    let mut cuts = Vec::with_capacity(max_bins - 1);
    let mut held = 0.0;
    for index in 0..points.len() - 1 {
        let weight = points[index].1;
        held += weight;
        let own = is_large(index);
        let target = left_weight / left_bins.max(1.0);
        let next = points[index + 1].1;
        // A small value after which the bin is nearer to its target than after the next.
        let nearer = is_large(index + 1) || held + next - target > target - held;
        let full = left_bins >= 1.0 && (held >= target || (nearer && held > 0.5 * target));
        if own || full || (alone && is_large(index + 1)) {
            if cuts.len() + 1 == max_bins {
                break;
            }
            cuts.push(between(index));
            left_weight -= if own { held - weight } else { held };
            left_bins -= if own { 0.0 } else { 1.0 };
            held = 0.0;
        }
    }
    cuts
}

/// A number from `low` on and below `high`, in the middle where there is one.
fn midway(low: f64, high: f64) -> f64 {
    let middle = low.midpoint(high) + 0.0;
    if middle < high && middle >= low { middle } else { low }
}

/// The bins of a column of categories.
///
/// # Errors
/// When a code is no whole number below [`CATEGORIES`].
pub(super) fn categories(
    column: ArrayView1<'_, f64>,
    weights: Option<&[f64]>,
    max_bins: usize,
    name: &str,
) -> Result<Bins> {
    let mut totals = Totals::default();
    for (row, &code) in column.iter().enumerate() {
        totals.add(code, row, weights.map_or(1.0, |weights| weights[row]), name)?;
    }
    Ok(totals.bins(max_bins))
}

/// The weight of each category.
#[derive(Default)]
pub(super) struct Totals(BTreeMap<u32, f64>);

impl Totals {
    /// Takes in the code of a row of the column `name`, or what stands for one that is missing.
    pub(super) fn add(&mut self, code: f64, row: usize, weight: f64, name: &str) -> Result<()> {
        if code.is_nan() {
            return Ok(());
        }
        if !(code >= 0.0 && code < f64::from(CATEGORIES) && code.fract() == 0.0) {
            return Err(Error::malformed(format!(
                "column `{name}` holds categories, but row {row} is {code}; codes are whole numbers from 0 to {}",
                CATEGORIES - 1
            )));
        }
        *self.0.entry(code as u32).or_default() += weight;
        Ok(())
    }

    pub(super) fn bins(self, max_bins: usize) -> Bins {
        let mut order: Vec<(u32, f64)> = self.0.into_iter().filter(|(_, total)| *total > 0.0).collect();
        // The most frequent first; of equally frequent ones the lower code.
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(max_bins.min(MAX_BINS) - 1);
        Bins::Categorical { kept: order.into_iter().map(|(code, _)| code).collect() }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    #[test]
    fn a_rare_value_that_was_not_drawn_has_a_cut() {
        let mut column = Array1::zeros(1000);
        column[777] = 1.0;
        let of = |rows: &[usize], weights: Option<&[f64]>| match numeric(
            column.view(),
            Some(rows),
            weights,
            255,
        ) {
            Bins::Numeric { cuts } => cuts,
            Bins::Categorical { .. } => Vec::new(),
        };
        assert_eq!(of(&[1, 2, 3], None), [0.5]);
        let mut weights = vec![1.0; 1000];
        weights[777] = 0.0;
        assert_eq!(of(&[1, 2, 777], Some(&weights)), [0.0; 0]);
    }

    #[test]
    fn only_rows_that_count_are_drawn() {
        let mut weights = vec![0.0; EXACT + 1];
        weights[17] = 1.0;
        let random = Random::new(1);
        assert_eq!(drawn(weights.len(), Some(&weights), &random), Some(vec![17]));
        assert_eq!(drawn(weights.len(), None, &random).map(|rows| rows.len()), Some(SAMPLE));
        assert_eq!(drawn(EXACT, None, &random), None);
    }
}
