//! Distributions that cells are compared with, and how far they are from them.

use std::collections::BTreeMap;
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::cells::numbers;
use crate::Column;

/// How far the cells of a column are from a [`Distribution`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Distance {
    /// Kullback and Leibler's divergence of the cells from the distribution, in nats (1951); infinite where there are cells
    /// that the distribution says do not occur.
    KullbackLeibler,
    /// Pearson's statistic (1900): the squared deviations of the counts, each divided by the count that is expected; infinite
    /// where none is.
    ChiSquare,
    /// The largest distance of the distribution functions, from 0 to 1 (A. Kolmogorov, 1933); of numbers in bins, within which
    /// the function is a straight line.
    KolmogorovSmirnov,
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distance::KullbackLeibler => "Kullback-Leibler divergence",
            Distance::ChiSquare => "chi-square statistic",
            Distance::KolmogorovSmirnov => "Kolmogorov-Smirnov distance",
        })
    }
}

/// How often what occurs. Weights need not add up to one.
///
/// ```
/// use perennial_data::{Column, Contract, Distance, Distribution, Rule, Table};
///
/// let ages = Distribution::bins([0.0, 18.0, 65.0, 120.0], [0.2, 0.6, 0.2]);
/// let contract = Contract::new().extra_columns(true).rule(Rule::distance("age", Distance::KolmogorovSmirnov, ages, 0.5));
/// let old = Table::new([("age", Column::integer([99, 101, 110]))])?;
/// assert!(contract.enforce(&old).unwrap_err().to_string().contains("Kolmogorov-Smirnov"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Distribution {
    /// Cells as they are written, and their weights.
    Categories(BTreeMap<String, f64>),
    /// Numbers in bins: rising edges, and one weight less than there are edges. An inner edge belongs to the bin above it; the
    /// first and the last bin take in what lies beyond them.
    Bins {
        /// The edges.
        edges: Vec<f64>,
        /// The weights.
        weights: Vec<f64>,
    },
}

impl Distribution {
    /// Cells as they are written, and their weights.
    pub fn categories<S: Into<String>>(weights: impl IntoIterator<Item = (S, f64)>) -> Self {
        Distribution::Categories(weights.into_iter().map(|(name, weight)| (name.into(), weight)).collect())
    }

    /// Numbers in bins: `n + 1` rising edges and `n` weights.
    pub fn bins(edges: impl IntoIterator<Item = f64>, weights: impl IntoIterator<Item = f64>) -> Self {
        Distribution::Bins { edges: edges.into_iter().collect(), weights: weights.into_iter().collect() }
    }

    /// That of a column: numbers in `n_bins` bins of equal width from the smallest to the largest, anything else by its cells.
    ///
    /// # Errors
    /// When no cell is present, a number is infinite, or `n_bins` is not 1 to 10 000.
    pub fn of(column: &Column, n_bins: usize) -> Result<Self> {
        if column.null_count() == column.n_rows() {
            return Err(Error::empty("the column has no cells of which there could be a distribution"));
        }
        let Some(numbers) = numbers(column) else {
            return Ok(Distribution::categories(
                counts(column).into_iter().map(|(cell, n)| (cell, n as f64)),
            ));
        };
        if !(1..=10_000).contains(&n_bins) {
            return Err(Error::invalid_param("n_bins", n_bins, "1 to 10000 bins"));
        }
        let present = || numbers.iter().flatten().copied();
        let (min, max) =
            (present().fold(f64::INFINITY, f64::min), present().fold(f64::NEG_INFINITY, f64::max));
        if !min.is_finite() || !max.is_finite() {
            return Err(Error::unsupported(
                "the column has infinite numbers, which lie in no bin; leave them out first",
            ));
        }
        // A constant column has one bin around it; halves, so that the width cannot overflow.
        let (low, high) = if min == max { (min - 0.5, max + 0.5) } else { (min, max) };
        let at = |k: usize| low + (high / n_bins as f64 - low / n_bins as f64) * k as f64;
        let mut edges: Vec<f64> = (0..n_bins).map(at).chain([high]).collect();
        edges.dedup_by(|next, edge| *next <= *edge);
        if edges.len() < 2 {
            edges = vec![low.next_down().max(-f64::MAX), high.next_up().min(f64::MAX)];
        }
        let mut weights = vec![0.0; edges.len() - 1];
        present().for_each(|number| weights[bin(&edges, number)] += 1.0);
        Ok(Distribution::Bins { edges, weights })
    }

    /// Why this is no distribution, where it is none.
    fn flaw(&self) -> Option<String> {
        let weights: Vec<f64> = match self {
            Distribution::Categories(weights) => weights.values().copied().collect(),
            Distribution::Bins { edges, weights } => {
                if edges.len() != weights.len() + 1 {
                    return Some(format!(
                        "{} edges and {} weights; give one edge more",
                        edges.len(),
                        weights.len()
                    ));
                }
                if edges.iter().any(|edge| !edge.is_finite())
                    || edges.windows(2).any(|pair| !(pair[0] < pair[1]))
                {
                    return Some("edges that do not rise; give finite edges in rising order".to_owned());
                }
                weights.clone()
            }
        };
        let total: f64 = weights.iter().sum();
        let sound = weights.iter().all(|weight| *weight >= 0.0) && total > 0.0 && total.is_finite();
        (!sound).then(|| {
            "weights that are no frequencies; give numbers of at least 0 with a positive sum".to_owned()
        })
    }
}

/// The bin of a number, the outermost ones being open.
fn bin(edges: &[f64], number: f64) -> usize {
    edges.partition_point(|edge| *edge <= number).clamp(1, edges.len() - 1) - 1
}

/// How often each cell stands, as it is written.
pub(super) fn counts(column: &Column) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    if let Ok(category) = column.as_category() {
        let mut of_codes = vec![0; category.n_levels()];
        category.codes().flatten().for_each(|code| of_codes[code as usize] += 1);
        return category.levels().map(str::to_owned).zip(of_codes).filter(|(_, count)| *count > 0).collect();
    }
    for cell in (0..column.n_rows()).filter_map(|row| column.cell(row)) {
        match counts.get_mut(&*cell) {
            Some(count) => *count += 1,
            None => drop(counts.insert(cell.into_owned(), 1)),
        }
    }
    counts
}

/// How often each category or bin occurs, and how often it is expected to.
pub(super) fn observed(column: &Column, from: &Distribution) -> Result<(Vec<f64>, Vec<f64>), String> {
    if let Some(flaw) = from.flaw() {
        return Err(format!("is compared with a distribution that has {flaw}"));
    }
    if column.null_count() == column.n_rows() {
        return Err("has no cells that could be compared with a distribution".to_owned());
    }
    match from {
        Distribution::Categories(weights) => {
            let counts = counts(column);
            let names: std::collections::BTreeSet<&String> = counts.keys().chain(weights.keys()).collect();
            let count = |name: &&String| counts.get(*name).copied().unwrap_or(0) as f64;
            let weight = |name: &&String| weights.get(*name).copied().unwrap_or(0.0);
            Ok((names.iter().map(count).collect(), names.iter().map(weight).collect()))
        }
        Distribution::Bins { edges, weights } => {
            let Some(numbers) = numbers(column) else {
                return Err(format!(
                    "is of type {} and has no bins; give a distribution of categories",
                    column.column_type()
                ));
            };
            let mut counts = vec![0.0; weights.len()];
            numbers.into_iter().flatten().for_each(|number| counts[bin(edges, number)] += 1.0);
            Ok((counts, weights.clone()))
        }
    }
}

/// How far the present cells are from a distribution, or why that is not known.
pub(super) fn distance(column: &Column, by: Distance, from: &Distribution) -> Result<f64, String> {
    let (observed, expected) = observed(column, from)?;
    if by == Distance::KolmogorovSmirnov {
        let (Distribution::Bins { edges, weights }, Some(numbers)) = (from, numbers(column)) else {
            return Err(
                "has a Kolmogorov-Smirnov distance from bins alone; give a distribution of bins".to_owned()
            );
        };
        return Ok(kolmogorov(numbers.into_iter().flatten().collect(), edges, weights));
    }
    let (n, total): (f64, f64) = (observed.iter().sum(), expected.iter().sum());
    let pairs = observed.iter().zip(&expected).map(|(observed, expected)| (*observed, expected / total));
    Ok(match by {
        Distance::ChiSquare => pairs
            .filter(|(observed, share)| *observed > 0.0 || *share > 0.0)
            .map(|(observed, share)| (observed - share * n).powi(2) / (share * n))
            .sum(),
        _ => pairs
            .filter(|(observed, _)| *observed > 0.0)
            .map(|(observed, share)| observed / n * (observed / n / share).ln())
            .sum::<f64>()
            // Rounding may leave a trace below zero.
            .max(0.0),
    })
}

/// The distribution function of bins.
pub(super) fn share_below<'a>(edges: &'a [f64], weights: &[f64]) -> impl Fn(f64) -> f64 + 'a {
    let total: f64 = weights.iter().sum();
    let mut below = vec![0.0];
    weights.iter().for_each(|weight| below.push(below[below.len() - 1] + weight / total));
    move |number| {
        if number <= edges[0] {
            return 0.0;
        }
        if number >= edges[edges.len() - 1] {
            return 1.0;
        }
        let at = bin(edges, number);
        let part = (number - edges[at]) / (edges[at + 1] - edges[at]);
        below[at] + part * (below[at + 1] - below[at])
    }
}

fn kolmogorov(mut numbers: Vec<f64>, edges: &[f64], weights: &[f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let (n, share_below) = (numbers.len() as f64, share_below(edges, weights));
    let mut largest: f64 = 0.0;
    for (at, &number) in numbers.iter().enumerate() {
        let expected = share_below(number);
        largest = largest.max((at as f64 + 1.0) / n - expected).max(expected - at as f64 / n);
    }
    largest
}

/// Cramér's V of two columns, over the rows in which both have a cell; 0 where one of them is constant.
pub(super) fn cramers_v(left: &Column, right: &Column) -> Result<f64, String> {
    let (left, right) = match (left.to_category(), right.to_category()) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(error), _) | (_, Err(error)) => return Err(error.to_string()),
    };
    let mut cells: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    let (mut rows, mut columns) = (vec![0.0; left.n_levels()], vec![0.0; right.n_levels()]);
    for (a, b) in left.codes().zip(right.codes()) {
        if let (Some(a), Some(b)) = (a, b) {
            *cells.entry((a, b)).or_default() += 1.0;
            rows[a as usize] += 1.0;
            columns[b as usize] += 1.0;
        }
    }
    let levels = |counts: &[f64]| counts.iter().filter(|count| **count > 0.0).count();
    let free = levels(&rows).min(levels(&columns));
    if free < 2 {
        return Ok(0.0);
    }
    // Chi square is n (Σ n_ij² / (n_i n_j) - 1), over the cells that are not empty.
    let sum: f64 =
        cells.iter().map(|(&(a, b), count)| count * count / (rows[a as usize] * columns[b as usize])).sum();
    Ok(((sum - 1.0).max(0.0) / (free as f64 - 1.0)).sqrt().min(1.0))
}
