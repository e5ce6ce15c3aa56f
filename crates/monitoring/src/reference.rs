//! What the data looked like when the model learned.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{Error, Result};
use perennial_data::{Column, ColumnType, Table};
use perennial_numeric::random::Random;
use perennial_statistics::describe::quantile_sorted;
use serde::{Deserialize, Serialize};

/// So many values of a column are kept for tests; more would hardly change a verdict.
const KEPT: usize = 5_000;
/// The bins of the population stability index are tenths of the reference.
const TENTHS: usize = 10;
/// Beyond so many levels the rarer ones count together.
const MOST_LEVELS: usize = 200;

/// What the columns of a table looked like, small enough to travel with a model.
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_monitoring::Reference;
///
/// let table = Table::new([("x", Column::real((0..1000).map(f64::from)))])?;
/// let reference = Reference::of(&table)?;
/// let bytes = reference.to_bytes()?;
/// assert_eq!(Reference::from_bytes(&bytes)?, reference);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Reference {
    pub(crate) columns: Vec<ColumnReference>,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<ColumnReference>,
}

impl TryFrom<Parts> for Reference {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        match parts.columns.iter().find(|column| !column.is_sound()) {
            None => Ok(Reference { columns: parts.columns }),
            Some(column) => {
                Err(Error::corrupt(format!("the reference of column `{}` contradicts itself", column.name)))
            }
        }
    }
}

/// What one column looked like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnReference {
    /// The name of the column.
    pub name: String,
    /// The number of rows.
    pub n_rows: usize,
    /// The number of missing cells.
    pub missing: usize,
    /// How the other cells spread.
    pub spread: Spread,
}

/// How the cells of a column spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Spread {
    /// Of numbers and times.
    Numbers {
        /// At most 5,000 of the values, in rising order.
        sample: Vec<f64>,
        /// The inner edges of the tenths; values below the first belong to the first.
        edges: Vec<f64>,
        /// How many values lie in each bin.
        counts: Vec<usize>,
    },
    /// Of categories: how often each level occurs, most frequent first.
    Levels(Vec<(String, usize)>),
}

impl Reference {
    /// The reference of every column of a table.
    ///
    /// # Errors
    /// When the table has no rows, or a column cannot be read.
    pub fn of(table: &Table) -> Result<Self> {
        if table.n_rows() == 0 {
            return Err(Error::empty("the reference table has no rows"));
        }
        let columns = table.columns().map(|(name, column)| {
            let spread = match numbers(column)? {
                Some(values) => Spread::of_numbers(values),
                None => {
                    let mut levels = levels(column)?;
                    levels.truncate(MOST_LEVELS);
                    Spread::Levels(levels)
                }
            };
            Ok(ColumnReference {
                name: name.to_owned(),
                n_rows: column.n_rows(),
                missing: column.null_count(),
                spread,
            })
        });
        Ok(Reference { columns: columns.collect::<Result<_>>()? })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[ColumnReference] {
        &self.columns
    }

    /// The reference as bytes, for an artifact.
    ///
    /// # Errors
    /// Never in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        perennial_core::to_bytes(self)
    }

    /// A reference from bytes that [`to_bytes`](Reference::to_bytes) gave.
    ///
    /// # Errors
    /// When the bytes are not a reference, or one that contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        perennial_core::from_bytes(bytes)
    }
}

impl ColumnReference {
    fn is_sound(&self) -> bool {
        let Some(present) = self.n_rows.checked_sub(self.missing) else { return false };
        let sum = |counts: Vec<usize>| counts.into_iter().try_fold(0, usize::checked_add);
        match &self.spread {
            Spread::Numbers { sample, edges, counts } => {
                let rising = |values: &[f64]| {
                    values.windows(2).all(|pair| pair[0] <= pair[1]) && values.iter().all(|v| v.is_finite())
                };
                counts.len() == edges.len() + 1
                    && sum(counts.clone()) == Some(present)
                    && rising(sample)
                    && rising(edges)
            }
            Spread::Levels(levels) => {
                let names: BTreeSet<&str> = levels.iter().map(|(name, _)| name.as_str()).collect();
                names.len() == levels.len()
                    && sum(levels.iter().map(|level| level.1).collect()).is_some_and(|kept| kept <= present)
            }
        }
    }
}

/// The numbers of a column, without missing ones; nothing for columns of categories. Times count in seconds.
/// Only their order matters, so infinities become the largest numbers, which JSON can hold.
pub(crate) fn numbers(column: &Column) -> Result<Option<Vec<f64>>> {
    Ok(match column.column_type() {
        ColumnType::Real => {
            let present = column.as_real()?;
            let present = present.iter().filter(|cell| !cell.is_nan());
            Some(present.map(|cell| cell.clamp(-1e308, 1e308)).collect())
        }
        ColumnType::Integer => Some(column.as_integer()?.flatten().map(|cell| cell as f64).collect()),
        ColumnType::Date | ColumnType::DateTime => {
            Some(column.as_date_time()?.flatten().map(|micros| micros as f64 / 1e6).collect())
        }
        _ => None,
    })
}

/// How often each level of a column of categories occurs, most frequent first.
pub(crate) fn levels(column: &Column) -> Result<Vec<(String, usize)>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    match column.column_type() {
        ColumnType::Boolean => {
            for cell in column.as_boolean()?.flatten() {
                *counts.entry(cell.to_string()).or_default() += 1;
            }
        }
        _ => {
            for cell in column.as_text()?.flatten() {
                match counts.get_mut(cell) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(cell.to_owned(), 1)),
                }
            }
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(counts)
}

impl Spread {
    fn of_numbers(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..TENTHS).map(|tenth| quantile_sorted(&values, tenth as f64 / TENTHS as f64)).collect();
        edges.dedup();
        edges.retain(|edge| edge.is_finite());
        let counts = bin_counts(&values, &edges);
        let sample = if values.len() <= KEPT {
            values
        } else {
            // The same rows whenever it is done; sampling row numbers in order keeps the order of the values.
            Random::new(0x5eed).sample(values.len(), KEPT).into_iter().map(|row| values[row]).collect()
        };
        Spread::Numbers { sample, edges, counts }
    }
}

/// How many values lie in each bin; a value that equals an edge belongs below it.
pub(crate) fn bin_counts(values: &[f64], edges: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; edges.len() + 1];
    for value in values {
        counts[edges.partition_point(|edge| edge < value)] += 1;
    }
    counts
}
