//! Growing a tree level by level.
//!
//! Each column is sorted once. A node owns the same range of entries in every column; cutting it puts the
//! entries of both children side by side without losing their order. So a level costs two passes over
//! the entries of its nodes, columns in parallel, and nothing is sorted again (Mehta, Agrawal and Rissanen, 1996).

use std::ops::Range;

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, FeatureKind, Matrix, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use rayon::prelude::*;

use super::criterion::Impurity;
use super::limits::Limits;
use super::monotone::Bounds;
use super::split::{Cut, Entry, MISSING, Terms, best_cut, by_means};
use super::structure::{Question, Rule, Summary};

/// A node in the order in which nodes were made, level by level.
pub(crate) struct Grown {
    pub(crate) summary: Summary,
    /// The rule, the gain, and the left child; the right child is the next.
    pub(crate) cut: Option<(Rule, f64, usize)>,
}

/// A node whose rows may still be cut.
struct Open<T> {
    node: usize,
    range: Range<usize>,
    totals: T,
    bounds: Bounds,
}

/// The most memory that the sets of categories of a tree may take, in words of 8 bytes.
const MOST_SET_WORDS: usize = 1 << 23;

/// What a tree of exact splits learns from.
pub(super) struct Exact<'a> {
    pub(super) x: &'a ArrayRef2<f64>,
    /// Which columns hold categories.
    pub(super) categorical: &'a [bool],
    /// The rows that have weight.
    pub(super) rows: &'a [u32],
    pub(super) limits: &'a Limits,
    /// For each column 1 where the answers may not fall along it, -1 where they may not rise; or nothing.
    pub(super) monotone: &'a [i8],
    pub(super) random: &'a Random,
    pub(super) ctx: &'a Context,
}

/// Which columns hold categories.
///
/// # Errors
/// When a category is no whole number from 0 to 2^32 - 2.
pub(super) fn categorical_columns(x: &Matrix) -> Result<Vec<bool>> {
    let kinds = x.features().iter().map(|feature| matches!(feature.kind, FeatureKind::Categorical { .. }));
    let categorical: Vec<bool> = kinds.collect();
    for (column, _) in categorical.iter().enumerate().filter(|(_, categorical)| **categorical) {
        let odd = |code: &f64| !(*code >= 0.0 && *code < f64::from(u32::MAX) && code.fract() == 0.0);
        let values = x.dense()?.column(column);
        if let Some(row) = values.iter().position(|code| !code.is_nan() && odd(code)) {
            return Err(Error::malformed(format!(
                "column `{}` holds categories, but row {row} is {}; codes are whole numbers from 0 on",
                x.features().name(column),
                values[row]
            )));
        }
    }
    Ok(categorical)
}

impl Exact<'_> {
    /// Grows a tree.
    pub(super) fn grow<I: Impurity>(&self, impurity: &I) -> Result<Vec<Grown>> {
        grow(self, impurity)
    }
}

fn grow<I: Impurity>(exact: &Exact<'_>, impurity: &I) -> Result<Vec<Grown>> {
    let &Exact { x, categorical, rows, limits, monotone, random, ctx } = exact;
    let direction = |column: usize| monotone.get(column).copied().unwrap_or(0);
    let mut n_set_words = 0;
    let n_cols = x.ncols();
    let mut columns = reduce::try_map_each(n_cols, |column| {
        ctx.check()?;
        Ok(sorted(x, rows, column))
    })?;
    let mut goes_left = vec![false; x.nrows()];
    let totals = impurity.totals(&mut rows.iter().copied());
    let summary = impurity.summary(&totals, Bounds::NONE);
    let root_weight = summary.weight;
    let mut grown = vec![Grown { summary, cut: None }];
    let mut level = vec![Open { node: 0, range: 0..rows.len(), totals, bounds: Bounds::NONE }];
    let mut depth = 0;
    loop {
        ctx.step(depth, limits.max_depth.unwrap_or(0))?;
        level.retain(|open| !impurity.is_pure(&open.totals) && limits.may_split(open.range.len()));
        if level.is_empty() || limits.max_depth.is_some_and(|max| depth >= max) {
            return Ok(grown);
        }
        let chosen = limits.max_features.filter(|&n| n < n_cols).map(|n| {
            reduce::map_each(level.len(), |index| {
                choose(&columns, &level[index].range, n, &mut random.fork(level[index].node as u64))
            })
        });
        let scan = |column: usize| {
            let cuts = level.iter().enumerate().map(|(index, open)| {
                if chosen.as_ref().is_some_and(|chosen| !chosen[index].contains(&(column as u32))) {
                    return None;
                }
                let arranged;
                let mut entries = &columns[column][open.range.clone()];
                if categorical[column] {
                    arranged = by_means(entries, |row| impurity.place(&open.totals, row));
                    entries = &arranged;
                }
                let (min_leaf, direction) = (limits.min_samples_leaf, direction(column));
                let terms = Terms { min_leaf, direction, bounds: open.bounds };
                best_cut(entries, column, terms, || impurity.sides(&open.totals))
            });
            ctx.check().map(|()| cuts.collect::<Vec<Option<Cut>>>())
        };
        let cuts = reduce::try_map_reduce(n_cols, 1, |columns| scan(columns.start), |a, b| Ok(better(a, b)))?;
        let worth = |cut: &Cut| {
            impurity.in_units(cut.gain / root_weight) + f64::EPSILON >= limits.min_impurity_decrease
        };
        let cuts: Vec<(&Open<I::Totals>, Cut)> = level
            .iter()
            .zip(cuts.unwrap_or_default())
            .filter_map(|(open, cut)| Some((open, cut.filter(worth)?)))
            .collect();

        let mut splits = Vec::with_capacity(cuts.len());
        for (open, cut) in &cuts {
            let arranged;
            let mut entries = &columns[cut.column as usize][open.range.clone()];
            let is_categorical = categorical[cut.column as usize];
            if is_categorical {
                arranged = by_means(entries, |row| impurity.place(&open.totals, row));
                entries = &arranged;
            }
            let (rule, n_left) = rule(x, entries, cut, is_categorical);
            if let Question::OneOf(categories) = &rule.question {
                n_set_words += categories.last().map_or(0, |&largest| largest as usize / 64 + 2);
                if n_set_words > MOST_SET_WORDS {
                    return Err(Error::too_large(format!(
                        "a tree cannot hold sets of the categories of column {}, whose codes are too high; \
                         number the categories from 0, frequent ones first",
                        cut.column
                    )));
                }
            }
            for (place, entry) in entries.iter().enumerate() {
                let left = place < cut.n_left as usize || (rule.missing_left && entry.rank == MISSING);
                goes_left[entry.row as usize] = left;
            }
            grown[open.node].cut = Some((rule, cut.gain, grown.len()));
            let middle = open.range.start + n_left;
            let ranges = [open.range.start..middle, middle..open.range.end];
            let bounds = open.bounds.divide(direction(cut.column as usize), cut.means);
            for (range, bounds) in ranges.into_iter().zip(bounds) {
                splits.push((grown.len(), range, bounds));
                grown.push(Grown { summary: Summary::default(), cut: None });
            }
        }
        columns.par_iter_mut().for_each_init(Vec::new, |spare, column| {
            for (open, _) in &cuts {
                partition(&mut column[open.range.clone()], |entry| goes_left[entry.row as usize], spare);
            }
        });
        level = reduce::map_each(splits.len(), |index| {
            let (node, range, bounds) = splits[index].clone();
            let totals = impurity.totals(&mut columns[0][range.clone()].iter().map(|entry| entry.row));
            Open { node, range, totals, bounds }
        });
        for open in &level {
            grown[open.node].summary = impurity.summary(&open.totals, open.bounds);
        }
        depth += 1;
    }
}

/// The rows in the order of one column. -0 and 0 are equal, and missing values come last.
pub(crate) fn sorted(x: &ArrayRef2<f64>, rows: &[u32], column: usize) -> Vec<Entry> {
    let column = x.column(column);
    let mut keys: Vec<(u64, u32)> = rows.iter().map(|&row| (key(column[row as usize]), row)).collect();
    keys.sort_unstable();
    let (mut rank, mut last) = (0, None);
    let entry = |(key, row): (u64, u32)| {
        if last.is_some_and(|last| last != key) {
            rank += 1;
        }
        last = Some(key);
        Entry { rank: if key == u64::MAX { MISSING } else { rank }, row }
    };
    keys.into_iter().map(entry).collect()
}

/// A whole number in the order of the values.
fn key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// `n` columns drawn from those in which the node has more than one value.
fn choose(columns: &[Vec<Entry>], range: &Range<usize>, n: usize, random: &mut Random) -> Vec<u32> {
    let varies = |column: &usize| {
        let entries = &columns[*column][range.clone()];
        entries.first().map(|entry| entry.rank) != entries.last().map(|entry| entry.rank)
    };
    let order = random.permutation(columns.len());
    order.into_iter().filter(varies).take(n).map(|column| column as u32).collect()
}

/// The better cut of each node; the columns of `left` come first.
fn better(mut left: Vec<Option<Cut>>, right: Vec<Option<Cut>>) -> Vec<Option<Cut>> {
    for (left, right) in left.iter_mut().zip(right) {
        if let Some(right) = right
            && left.is_none_or(|left| right.beats(&left))
        {
            *left = Some(right);
        }
    }
    left
}

/// The rule of a cut, and how many of the rows go left.
fn rule(x: &ArrayRef2<f64>, entries: &[Entry], cut: &Cut, categorical: bool) -> (Rule, usize) {
    let column = cut.column as usize;
    let value = |place: usize| x[[entries[place].row as usize, column]];
    let cut_at = cut.n_left as usize;
    let n_present = entries.partition_point(|entry| entry.rank != MISSING);
    let n_missing = entries.len() - n_present;
    let question = if categorical {
        let mut categories: Vec<u32> = (0..cut_at).map(|place| value(place) as u32).collect();
        categories.sort_unstable();
        categories.dedup();
        Question::OneOf(categories)
    } else if cut_at < n_present {
        Question::AtMost(midway(value(cut_at - 1), value(cut_at)))
    } else {
        // Only missing values go right.
        Question::AtMost(f64::MAX)
    };
    // Where no value was missing, missing values will follow the larger side.
    let missing_left = cut.missing_left.unwrap_or(cut_at * 2 >= entries.len());
    let n_left = cut_at + if missing_left { n_missing } else { 0 };
    (Rule { feature: cut.column, question, missing_left }, n_left)
}

/// A number from `low` on and below `high`, in the middle where there is one.
pub(crate) fn midway(low: f64, high: f64) -> f64 {
    let middle = low.midpoint(high) + 0.0;
    if middle < high && middle >= low { middle } else { low }
}

/// Puts what goes left before the rest, both in their order, and gives its number.
pub(crate) fn partition<T: Copy + Default>(
    entries: &mut [T],
    goes_left: impl Fn(T) -> bool,
    spare: &mut Vec<T>,
) -> usize {
    if spare.len() < entries.len() {
        spare.resize(entries.len(), T::default());
    }
    let (mut n_left, mut n_right) = (0, 0);
    for place in 0..entries.len() {
        // Both are written and one counts: which one is too hard to foresee for a branch.
        let entry = entries[place];
        let left = goes_left(entry);
        entries[n_left] = entry;
        spare[n_right] = entry;
        n_left += usize::from(left);
        n_right += usize::from(!left);
    }
    entries[n_left..].copy_from_slice(&spare[..n_right]);
    n_left
}
