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

/// The bins of a column of which the values that quantiles are taken from were put aside, with the weights of their rows.
pub(super) fn numeric_of(
    few: Option<FewValues>,
    values: &[f64],
    weights: Option<&[f64]>,
    max_bins: usize,
) -> Bins {
    let cuts = match few.and_then(FewValues::points) {
        Some(points) => cut(points.into_iter(), max_bins),
        None => of_rows(ArrayView1::from(values), 0..values.len(), weights, max_bins, &Keys::default()),
    };
    Bins::Numeric { cuts }
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
    let mut totals = Totals::default();
    for (row, &code) in column.iter().enumerate() {
        totals.add(code, row, weights.map_or(1.0, |weights| weights[row]), name)?;
    }
    Ok(totals.bins(max_bins))
}

/// Refuses what is no code of a category.
pub(crate) fn check_category(code: f64, row: usize, name: &str) -> Result<()> {
    if code >= 0.0 && code < f64::from(CATEGORIES) && code.fract() == 0.0 {
        return Ok(());
    }
    Err(Error::malformed(format!(
        "column `{name}` holds categories, but row {row} is {code}; codes are whole numbers from 0 to {}",
        CATEGORIES - 1
    )))
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
        check_category(code, row, name)?;
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
