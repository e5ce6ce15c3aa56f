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

/// The distinct values that count, where they are at most so many. Their weights do not matter to the cuts then.
fn few_values(column: ArrayView1<'_, f64>, weights: Option<&[f64]>, most: usize) -> Option<Vec<Point>> {
    let mut known: Vec<u64> = Vec::with_capacity(most + 1);
    let mut last = None;
    for (row, &value) in column.iter().enumerate() {
        if value.is_nan() || weights.is_some_and(|weights| !(weights[row] > 0.0)) {
            continue;
        }
        let key = key(value);
        // Values come in runs.
        if last.replace(key) == Some(key) {
            continue;
        }
        if let Err(place) = known.binary_search(&key) {
            if known.len() == most {
                return None;
            }
            known.insert(place, key);
        }
    }
    Some(known.into_iter().map(|key| (value(key), 1.0)).collect())
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
    let mut totals: BTreeMap<u32, f64> = BTreeMap::new();
    for (row, &code) in column.iter().enumerate().filter(|(_, code)| !code.is_nan()) {
        if !(code >= 0.0 && code < f64::from(CATEGORIES) && code.fract() == 0.0) {
            return Err(Error::malformed(format!(
                "column `{name}` holds categories, but row {row} is {code}; codes are whole numbers from 0 to {}",
                CATEGORIES - 1
            )));
        }
        *totals.entry(code as u32).or_default() += weights.map_or(1.0, |weights| weights[row]);
    }
    let mut order: Vec<(u32, f64)> = totals.into_iter().filter(|(_, total)| *total > 0.0).collect();
    // The most frequent first; of equally frequent ones the lower code.
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    order.truncate(max_bins.min(MAX_BINS) - 1);
    Ok(Bins::Categorical { kept: order.into_iter().map(|(code, _)| code).collect() })
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
