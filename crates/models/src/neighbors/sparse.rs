//! Sparse training rows that are searched one by one.

use std::ops::Range;

use perennial_core::{Csr, Error, Features, Matrix, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::reference::enough_rows;
use super::{Metric, Search};
use crate::rows::power_of_two;

/// Queries of one task.
const QUERIES: usize = 16;

/// Sparse training rows that can be searched: by products of all their entries, whose bounds decide which rows are measured.
/// Only the rows are saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(super) struct SparseReference {
    features: Features,
    rows: Csr,
    metric: Metric,
    #[serde(skip)]
    index: Index,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    rows: Csr,
    metric: Metric,
}

/// The rows in the coordinates of the search, column by column too.
#[derive(Clone, Debug)]
struct Index {
    placed: Csr,
    /// What the numbers were divided by.
    unit: f64,
    /// The squared length of each row.
    lengths: Vec<f64>,
    /// The most entries of a row.
    most: usize,
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

/// The rows that answer a query, and their distances.
pub(super) type Near = (Vec<u32>, Vec<f64>);

impl TryFrom<Parts> for SparseReference {
    type Error = Error;

    fn try_from(Parts { features, rows, metric }: Parts) -> Result<Self> {
        if features.len() != rows.n_cols() || rows.values().iter().any(|value| !value.is_finite()) {
            return Err(Error::corrupt("the rows of the model do not have its columns"));
        }
        SparseReference::of(features, rows, metric)
            .map_err(|error| Error::corrupt("the rows of the model are damaged").with_source(error))
    }
}

impl PartialEq for SparseReference {
    fn eq(&self, other: &Self) -> bool {
        (&self.features, &self.rows, self.metric) == (&other.features, &other.rows, other.metric)
    }
}

impl SparseReference {
    pub(super) fn new(features: &Features, rows: &Csr, metric: Metric, search: Search) -> Result<Self> {
        if !matches!(search, Search::Auto | Search::Brute) {
            return Err(Error::unsupported(
                "sparse rows are searched one by one; set `search` to `Auto` or `Brute`, or call `to_dense()` on the matrix",
            ));
        }
        SparseReference::of(features.clone(), rows.clone(), metric)
    }

    fn of(features: Features, rows: Csr, metric: Metric) -> Result<Self> {
        if !matches!(metric, Metric::Euclidean | Metric::Cosine) {
            return Err(Error::unsupported(format!(
                "the {metric} distance of sparse rows is not measured; take the euclidean or the cosine distance, or call `to_dense()` on the matrix"
            )));
        }
        if u32::try_from(rows.n_rows()).is_err() {
            return Err(Error::too_large(format!("{} rows; at most {} are taken", rows.n_rows(), u32::MAX)));
        }
        let index = Index::new(&rows, metric)?;
        Ok(SparseReference { features, rows, metric, index })
    }

    pub(super) fn features(&self) -> &Features {
        &self.features
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// The `k` nearest rows of each row of `x`, the nearest first; of rows at one distance those with lower numbers.
    pub(super) fn nearest(&self, x: &Matrix, rows: Range<usize>, k: usize) -> Result<Vec<Near>> {
        enough_rows(k, self.n_rows())?;
        if k == 0 {
            return Err(Error::invalid_param("n_neighbors", k, "a whole number >= 1"));
        }
        self.each(x, rows, |search| {
            let mut highs: Vec<f64> = search.bounds.iter().map(|bound| bound.1).collect();
            let (_, most, _) = highs.select_nth_unstable_by(k - 1, f64::total_cmp);
            let mut found = search.measured(*most);
            found.truncate(k);
            found
        })
    }

    /// The rows within the radius of each row of `x`, in the order of their numbers.
    pub(super) fn within(&self, x: &Matrix, rows: Range<usize>, radius: f64) -> Result<Vec<Near>> {
        let most = match self.metric {
            Metric::Cosine => radius * 2.0,
            _ => (radius / self.index.unit) * (radius / self.index.unit),
        };
        self.each(x, rows, |search| {
            let mut found = search.measured(most);
            found.retain(|(sum, _)| *sum <= most);
            found.sort_unstable_by_key(|found| found.1);
            found
        })
    }

    fn each(
        &self,
        x: &Matrix,
        rows: Range<usize>,
        answer: impl Fn(&Query<'_>) -> Vec<(f64, u32)> + Sync,
    ) -> Result<Vec<Near>> {
        let parts = reduce::try_map_chunks(rows.len(), QUERIES, |part| {
            let one = |place: usize| {
                let query = Query::new(&self.index, self.metric, entries(x, rows.start + place)?);
                let found = answer(&query);
                let distance = |(sum, _): &(f64, u32)| match self.metric {
                    Metric::Cosine => (sum / 2.0).min(2.0),
                    _ => sum.sqrt() * self.index.unit,
                };
                let distances: Vec<f64> = found.iter().map(distance).collect();
                if distances.iter().any(|distance| !distance.is_finite()) {
                    return Err(Error::overflow(format!(
                        "a distance of row {} is beyond the range of f64; scale the columns",
                        rows.start + place
                    )));
                }
                Ok((found.into_iter().map(|(_, row)| row).collect(), distances))
            };
            part.map(one).collect::<Result<Vec<Near>>>()
        })?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// The columns and numbers of a row that are not 0.
fn entries(x: &Matrix, row: usize) -> Result<(Vec<u32>, Vec<f64>)> {
    if let Some(csr) = x.sparse() {
        let (columns, values) = csr.row(row);
        return Ok((columns.to_vec(), values.to_vec()));
    }
    let row = x.dense()?.row(row);
    let filled = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
    Ok(filled.map(|(column, value)| (column as u32, *value)).unzip())
}

/// Puts the numbers of a row into the coordinates of the search: directions, or multiples of a unit.
fn place(metric: Metric, unit: f64, values: &mut [f64]) {
    if metric != Metric::Cosine {
        if unit != 1.0 {
            values.iter_mut().for_each(|value| *value /= unit);
        }
        return;
    }
    let largest = largest(values);
    if largest > 0.0 {
        let unit = power_of_two(largest);
        let length = values.iter().map(|value| (value / unit) * (value / unit)).sum::<f64>().sqrt();
        values.iter_mut().for_each(|value| *value = *value / unit / length);
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

impl Index {
    fn new(rows: &Csr, metric: Metric) -> Result<Self> {
        let magnitude = largest(rows.values());
        let tame = magnitude == 0.0 || (1e-90..=1e90).contains(&magnitude);
        let unit = if tame || metric == Metric::Cosine { 1.0 } else { power_of_two(magnitude) };
        let mut values = rows.values().to_vec();
        for ends in rows.indptr().windows(2) {
            place(metric, unit, &mut values[ends[0]..ends[1]]);
        }
        let placed = Csr::new(rows.n_cols(), rows.indptr().to_vec(), rows.indices().to_vec(), values)?;
        let n_rows = placed.n_rows();
        let lengths = (0..n_rows).map(|row| squares(placed.row(row).1)).collect();
        let most = (0..n_rows).map(|row| placed.row(row).0.len()).max().unwrap_or(0);
        let mut starts = vec![0; placed.n_cols() + 1];
        placed.indices().iter().for_each(|&column| starts[column as usize + 1] += 1);
        (0..placed.n_cols()).for_each(|column| starts[column + 1] += starts[column]);
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); placed.n_stored()];
        for row in 0..n_rows {
            let (columns, values) = placed.row(row);
            for (&column, value) in columns.iter().zip(values) {
                entries[next[column as usize]] = (row as u32, *value);
                next[column as usize] += 1;
            }
        }
        Ok(Index { placed, unit, lengths, most, starts, entries })
    }
}

/// One row among the training rows.
struct Query<'a> {
    index: &'a Index,
    /// Whether a row without a direction is as far from all as a right angle.
    directions: bool,
    columns: Vec<u32>,
    values: Vec<f64>,
    length: f64,
    /// The least and the most that the squared distance of each training row can be.
    bounds: Vec<(f64, f64)>,
}

impl<'a> Query<'a> {
    fn new(index: &'a Index, metric: Metric, (columns, mut values): (Vec<u32>, Vec<f64>)) -> Self {
        place(metric, index.unit, &mut values);
        let (length, directions) = (squares(&values), metric == Metric::Cosine);
        let mut products = vec![0.0; index.lengths.len()];
        for (&column, value) in columns.iter().zip(&values) {
            let column = column as usize;
            for (row, other) in &index.entries[index.starts[column]..index.starts[column + 1]] {
                products[*row as usize] += value * other;
            }
        }
        let rounding = (columns.len() + index.most + 8) as f64 * f64::EPSILON;
        let bound = |(product, other): (f64, &f64)| {
            if directions && (length == 0.0 || *other == 0.0) {
                return (2.0, 2.0);
            }
            let (squared, slack) = (length + other - 2.0 * product, rounding * (length + other));
            // What cannot be compared must be measured.
            if squared.is_finite() { (squared - slack, squared + slack) } else { (0.0, f64::INFINITY) }
        };
        let bounds = products.into_iter().zip(&index.lengths).map(bound).collect();
        Query { index, directions, columns, values, length, bounds }
    }

    /// The rows whose squared distance may be at most this, measured, in the order of distances and numbers.
    fn measured(&self, most: f64) -> Vec<(f64, u32)> {
        let near = self.bounds.iter().enumerate().filter(|(_, bound)| bound.0 <= most);
        let mut found: Vec<(f64, u32)> = near.map(|(row, _)| (self.squared(row), row as u32)).collect();
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found
    }

    /// The sum of the squared differences of all columns.
    fn squared(&self, row: usize) -> f64 {
        if self.directions && (self.length == 0.0 || self.index.lengths[row] == 0.0) {
            return 2.0;
        }
        let (columns, values) = self.index.placed.row(row);
        let (mut own, mut other, mut sum) = (0, 0, 0.0);
        while own < self.columns.len() || other < columns.len() {
            let mine = self.columns.get(own).copied().unwrap_or(u32::MAX);
            let theirs = columns.get(other).copied().unwrap_or(u32::MAX);
            let mut difference = 0.0;
            if mine <= theirs {
                difference += self.values[own];
                own += 1;
            }
            if theirs <= mine {
                difference -= values[other];
                other += 1;
            }
            sum += difference * difference;
        }
        sum
    }
}
