//! What one column holds.

use std::collections::BTreeMap;

use perennial_core::Result;
use perennial_data::{Column, ColumnType};
use perennial_statistics::describe::{Moments, quantile_sorted};
use serde::{Deserialize, Serialize};

/// Texts longer than this are shown cut.
const LONGEST: usize = 80;
/// So many of the most frequent values are kept.
const TOP: usize = 10;
const BINS: usize = 24;

/// What one column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// The name of the column.
    pub name: String,
    /// The type of the column.
    pub column_type: ColumnType,
    /// The number of cells.
    pub n_rows: usize,
    /// The number of missing cells.
    pub missing: usize,
    /// The number of distinct values among the others.
    pub distinct: usize,
    /// Statistics of its kind.
    pub statistics: ColumnStatistics,
}

/// Statistics by the kind of column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum ColumnStatistics {
    /// Of whole and real numbers. Infinite cells count in `infinite` only. A statistic that the data does not
    /// have, such as the deviation of one value, is absent.
    Number {
        /// The mean.
        mean: Option<f64>,
        /// The standard deviation, over n - 1.
        standard_deviation: Option<f64>,
        /// The skewness; absent for constant columns.
        skewness: Option<f64>,
        /// The smallest, 5 %, 25 %, 50 %, 75 %, 95 % and largest value.
        quantiles: Option<[f64; 7]>,
        /// How many cells are 0.
        zeros: usize,
        /// How many are below 0.
        negative: usize,
        /// How many are infinite.
        infinite: usize,
        /// How many lie more than 1.5 interquartile ranges outside the quartiles (Tukey, 1977).
        outliers: usize,
        /// Whether each value is larger than the one above it.
        rising: bool,
        /// How the values spread.
        histogram: Option<Histogram>,
    },
    /// Of texts and categories.
    Text {
        /// The most frequent values.
        top: Vec<LevelCount>,
        /// How many cells are empty or only white space.
        blank: usize,
        /// The number of characters of the longest cell.
        longest: usize,
    },
    /// Of true and false.
    Boolean {
        /// How many cells are true.
        true_count: usize,
    },
    /// Of dates and moments.
    Time {
        /// The first, in microseconds since 1970.
        first: Option<i64>,
        /// The last, in microseconds since 1970.
        last: Option<i64>,
        /// Whether each is later than the one above it.
        rising: bool,
        /// How they spread, in seconds since 1970.
        histogram: Option<Histogram>,
    },
}

/// Counts of values in bins of the same width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The edges of the bins, one more than there are bins.
    pub edges: Vec<f64>,
    /// How many values lie in each bin.
    pub counts: Vec<usize>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelCount {
    /// The value, cut to 80 characters.
    pub value: String,
    /// How often it occurs.
    pub count: usize,
}

impl ColumnProfile {
    pub(crate) fn of(name: &str, column: &Column) -> Result<ColumnProfile> {
        let (statistics, distinct) = match column.column_type() {
            ColumnType::Integer | ColumnType::Real => numbers(column)?,
            ColumnType::Boolean => {
                let mut seen = [0, 0];
                column.as_boolean()?.flatten().for_each(|cell| seen[usize::from(cell)] += 1);
                let distinct = seen.iter().filter(|count| **count > 0).count();
                (ColumnStatistics::Boolean { true_count: seen[1] }, distinct)
            }
            ColumnType::Date | ColumnType::DateTime => times(column)?,
            _ => texts(column)?,
        };
        let (n_rows, missing) = (column.n_rows(), column.null_count());
        Ok(ColumnProfile {
            name: name.to_owned(),
            column_type: column.column_type(),
            n_rows,
            missing,
            distinct,
            statistics,
        })
    }

    /// The number of cells that are not missing.
    pub fn present(&self) -> usize {
        self.n_rows - self.missing
    }
}

fn numbers(column: &Column) -> Result<(ColumnStatistics, usize)> {
    // Whole numbers beyond 2^53 lose their last digits here, which no statistic below can show.
    let cells: Vec<f64> = match column.column_type() {
        ColumnType::Integer => column.as_integer()?.flatten().map(|cell| cell as f64).collect(),
        _ => column.as_real()?.iter().copied().filter(|cell| !cell.is_nan()).collect(),
    };
    let distinct_integers = match column.column_type() {
        ColumnType::Integer => {
            let mut cells: Vec<i64> = column.as_integer()?.flatten().collect();
            cells.sort_unstable();
            cells.dedup();
            Some(cells.len())
        }
        _ => None,
    };
    let rising = cells.len() > 1 && cells.windows(2).all(|pair| pair[0] < pair[1]);
    let mut sorted: Vec<f64> =
        cells.iter().copied().filter(|cell| cell.is_finite()).map(|cell| cell + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let moments = Moments::of(&sorted);
    let some = |value: f64| value.is_finite().then_some(value);
    let quantiles = (!sorted.is_empty())
        .then(|| [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|q| quantile_sorted(&sorted, q)));
    let outliers = quantiles.map_or(0, |quantiles| {
        let reach = 1.5 * (quantiles[4] - quantiles[2]);
        let (low, high) = (quantiles[2] - reach, quantiles[4] + reach);
        sorted.partition_point(|value| *value < low) + sorted.len()
            - sorted.partition_point(|value| *value <= high)
    });
    let infinite = cells.len() - sorted.len();
    let distinct = distinct_integers.unwrap_or_else(|| {
        let infinities =
            [f64::INFINITY, f64::NEG_INFINITY].into_iter().filter(|end| cells.contains(end)).count();
        sorted.chunk_by(|a, b| a == b).count() + infinities
    });
    let statistics = ColumnStatistics::Number {
        mean: some(moments.mean()),
        standard_deviation: some(moments.standard_deviation()),
        skewness: some(moments.skewness()),
        quantiles,
        zeros: cells.iter().filter(|cell| **cell == 0.0).count(),
        negative: cells.iter().filter(|cell| **cell < 0.0).count(),
        infinite,
        outliers,
        rising,
        histogram: Histogram::of(&sorted),
    };
    Ok((statistics, distinct))
}

impl Histogram {
    /// Bins over sorted finite values.
    fn of(sorted: &[f64]) -> Option<Histogram> {
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let width = (high - low) / BINS as f64;
        if !(width.is_finite() && width > 0.0 && low + width > low) {
            return None;
        }
        let edges: Vec<f64> =
            (0..=BINS).map(|edge| if edge == BINS { high } else { low + width * edge as f64 }).collect();
        let below = |edge: f64| sorted.partition_point(|value| *value < edge);
        let counts = (0..BINS)
            .map(|bin| if bin + 1 == BINS { sorted.len() } else { below(edges[bin + 1]) } - below(edges[bin]))
            .collect();
        Some(Histogram { edges, counts })
    }
}

fn times(column: &Column) -> Result<(ColumnStatistics, usize)> {
    let cells: Vec<i64> = column.as_date_time()?.flatten().collect();
    let rising = cells.len() > 1 && cells.windows(2).all(|pair| pair[0] < pair[1]);
    let mut sorted = cells;
    sorted.sort_unstable();
    let seconds: Vec<f64> = sorted.iter().map(|micros| *micros as f64 / 1e6).collect();
    let (first, last) = (sorted.first().copied(), sorted.last().copied());
    let statistics = ColumnStatistics::Time { first, last, rising, histogram: Histogram::of(&seconds) };
    Ok((statistics, sorted.chunk_by(|a, b| a == b).count()))
}

fn texts(column: &Column) -> Result<(ColumnStatistics, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut blank, mut longest) = (0, 0);
    for cell in column.as_text()?.flatten() {
        *counts.entry(cell).or_default() += 1;
        blank += usize::from(cell.trim().is_empty());
        longest = longest.max(cell.chars().count());
    }
    let distinct = counts.len();
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let cut = |text: &str| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    let top =
        order.into_iter().take(TOP).map(|(value, count)| LevelCount { value: cut(value), count }).collect();
    Ok((ColumnStatistics::Text { top, blank, longest }, distinct))
}
