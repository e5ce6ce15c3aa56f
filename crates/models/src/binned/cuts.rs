//! Where columns are cut.

use std::collections::BTreeMap;

use ndarray::ArrayView1;
use perennial_core::{Error, Result};
use perennial_numeric::random::Random;

use super::{Bins, CATEGORIES, MAX_BINS};
use crate::pool::Pool;

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

/// Room for the values of a column, which the columns take after each other.
pub(super) type Keys = Pool<u64>;

/// The bins of a column of numbers.
pub(super) fn numeric(
    column: ArrayView1<'_, f64>,
    rows: Option<&[usize]>,
    weights: Option<&[f64]>,
    max_bins: usize,
    spare: &Keys,
) -> Bins {
    // A value that is rare among many rows may not be drawn, so columns of few values are looked at whole.
    if rows.is_some()
        && let Some(points) = few_values(column, weights, max_bins)
    {
        return Bins::Numeric { cuts: cut(points.into_iter(), max_bins) };
    }
    let cuts = match rows {
        Some(rows) => of_rows(column, rows.iter().copied(), weights, max_bins, spare),
        None => of_rows(column, 0..column.len(), weights, max_bins, spare),
    };
    Bins::Numeric { cuts }
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

/// The cuts by the values of some rows.
fn of_rows(
    column: ArrayView1<'_, f64>,
    rows: impl ExactSizeIterator<Item = usize>,
    weights: Option<&[f64]>,
    max_bins: usize,
    spare: &Keys,
) -> Vec<f64> {
    match weights {
        None => {
            let mut keys = spare.take(rows.len());
            keys.clear();
            keys.reserve_exact(rows.len());
            keys.extend(rows.map(|row| column[row]).filter(|value| !value.is_nan()).map(key));
            keys.sort_unstable();
            let runs = keys.chunk_by(|a, b| a == b).map(|run| (value(run[0]), run.len() as f64));
            let cuts = cut(runs, max_bins);
            spare.give(keys);
            cuts
        }
        Some(weights) => {
            let present = rows.filter(|&row| !column[row].is_nan() && weights[row] > 0.0);
            let mut keys: Vec<(u64, f64)> = present.map(|row| (key(column[row]), weights[row])).collect();
            // Among equal values the weights are ordered too, so that their sum does not depend on the order of rows.
            keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            keys.dedup_by(|next, first| {
                let equal = next.0 == first.0;
                if equal {
                    first.1 += next.1;
                }
                equal
            });
            cut(keys.iter().map(|&(key, weight)| (value(key), weight)), max_bins)
        }
    }
}

/// Cuts between the distinct values, ascending, so that bins hold about the same weight.
///
/// Bins are filled from the left. Each aims at its part of the weight that is left, where values that fill a bin
/// alone are set aside; it is closed where that comes nearest, and before a value that fills a bin alone unless too many
/// of those are among others.
fn cut(points: impl Iterator<Item = Point> + Clone, max_bins: usize) -> Vec<f64> {
    let pairs = points.clone().zip(points.clone().skip(1));
    if points.clone().nth(max_bins).is_none() {
        return pairs.map(|(point, next)| midway(point.0, next.0)).collect();
    }
    let weights = points.map(|point| point.1);
    let total: f64 = weights.clone().sum();
    let large = total / max_bins as f64;
    let n_large = weights.clone().filter(|&weight| weight >= large).count();
    let mut left_weight: f64 = weights.filter(|&weight| weight < large).sum::<f64>();
    let mut left_bins = (max_bins - n_large) as f64;
    // Where small values stand between many large ones, bins for all of the small would leave none for the large.
    let n_between = pairs.clone().filter(|(point, next)| next.1 >= large && point.1 < large).count();
    let alone = 2.0 * n_between as f64 <= left_bins;
    let mut cuts = Vec::with_capacity(max_bins - 1);
    let mut held = 0.0;
    for ((this, weight), (next, next_weight)) in pairs {
        held += weight;
        let own = weight >= large;
        let target = left_weight / left_bins.max(1.0);
        // A small value after which the bin is nearer to its target than after the next.
        let nearer = next_weight >= large || held + next_weight - target > target - held;
        let full = left_bins >= 1.0 && (held >= target || (nearer && held > 0.5 * target));
        if own || full || (alone && next_weight >= large) {
            if cuts.len() + 1 == max_bins {
                break;
            }
            cuts.push(midway(this, next));
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
            &Keys::default(),
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
