//! What is different between two tables whose rows have no key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use perennial_core::Result;
use serde::{Deserialize, Serialize};

use crate::calendar::DAY;
use crate::column::Data;
use crate::keys::Keys;
use crate::{Column, ColumnType, Scalar, Summary, Table};

/// What is different between an older table and a newer one as a whole; made by [`Table::diff_unkeyed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnkeyedDiff {
    /// Columns that only the newer table has.
    pub columns_added: Vec<String>,
    /// Columns that only the older table has.
    pub columns_removed: Vec<String>,
    /// How many rows the older and the newer table have.
    pub n_rows: (usize, usize),
    /// Each column that both tables have, in the order of the older one.
    pub columns: Vec<ColumnShift>,
}

/// One column of two tables, beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnShift {
    /// The name of the column.
    pub name: String,
    /// In the older table.
    pub before: ColumnState,
    /// In the newer table.
    pub after: ColumnState,
    /// How far the cells that are there lie apart, from 0 to 1; nothing where one table has none, or the types do not compare.
    pub distance: Option<ShiftDistance>,
}

/// One column of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnState {
    /// Its type.
    pub column_type: ColumnType,
    /// How many cells are missing.
    pub n_missing: usize,
    /// How many different cells there are, without those that are missing.
    pub n_distinct: usize,
    /// The smallest cell.
    pub min: Option<Scalar>,
    /// The largest cell.
    pub max: Option<Scalar>,
    /// The mean of numbers.
    pub mean: Option<f64>,
}

/// A distance between the cells of two columns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShiftDistance {
    /// Of texts, categories and booleans, the total variation: ½ Σ |p(c) − q(c)| over all cells c, with their shares p and q
    /// (Levin, Peres and Wilmer, Markov Chains and Mixing Times, 2009, proposition 4.2).
    TotalVariation(f64),
    /// Of numbers, days and moments, the two-sample statistic of Kolmogorov and Smirnov: sup |F(x) − G(x)| of the empirical
    /// distribution functions (Smirnov, 1939).
    KolmogorovSmirnov(f64),
}

impl ShiftDistance {
    /// The number, from 0 to 1.
    pub fn value(self) -> f64 {
        match self {
            ShiftDistance::TotalVariation(value) | ShiftDistance::KolmogorovSmirnov(value) => value,
        }
    }
}

impl fmt::Display for ShiftDistance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShiftDistance::TotalVariation(value) => write!(f, "a total variation of {value}"),
            ShiftDistance::KolmogorovSmirnov(value) => write!(f, "a Kolmogorov-Smirnov distance of {value}"),
        }
    }
}

impl ColumnShift {
    /// Whether nothing that is told of it is different.
    pub fn is_same(&self) -> bool {
        self.before == self.after && self.distance.is_none_or(|distance| distance.value() == 0.0)
    }
}

impl UnkeyedDiff {
    /// Whether nothing that is told of the tables is different. Equal shares of cells in each column do not say that the rows
    /// are the same; [`content_hash`](crate::content_hash) does.
    pub fn is_empty(&self) -> bool {
        self.columns_added.is_empty()
            && self.columns_removed.is_empty()
            && self.n_rows.0 == self.n_rows.1
            && self.columns.iter().all(ColumnShift::is_same)
    }
}

impl fmt::Display for UnkeyedDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, and {} before", self.n_rows.1, self.n_rows.0)?;
        for (what, names) in [("new", &self.columns_added), ("dropped", &self.columns_removed)] {
            if !names.is_empty() {
                write!(f, "; {what} columns: {}", names.join(", "))?;
            }
        }
        for column in self.columns.iter().filter(|column| !column.is_same()) {
            let (name, before, after) = (&column.name, &column.before, &column.after);
            write!(f, "; `{name}`")?;
            if before.column_type != after.column_type {
                write!(f, " was {} and is {},", before.column_type, after.column_type)?;
            }
            write!(f, " has {} missing cells (before {})", after.n_missing, before.n_missing)?;
            write!(f, ", {} distinct (before {})", after.n_distinct, before.n_distinct)?;
            if let (Some(before), Some(after)) = (before.mean, after.mean) {
                write!(f, ", a mean of {after} (before {before})")?;
            }
            if let Some(distance) = column.distance {
                write!(f, ", {distance}")?;
            }
        }
        Ok(())
    }
}

impl Table {
    /// What is different in a newer table whose rows have no key: the columns, the number of rows, and of each column that both
    /// have the missing and distinct cells, the smallest, the largest and the mean, and how far its distributions lie apart. With a key,
    /// [`diff`](Table::diff) tells which cells changed.
    ///
    /// ```
    /// use perennial_data::{Column, ShiftDistance, Table};
    ///
    /// let may = Table::new([("kind", Column::text(["a", "a", "b", "b"])), ("x", Column::real([1.0, 2.0, 3.0, 4.0]))])?;
    /// let june = Table::new([("kind", Column::text(["a", "b", "b", "b"])), ("x", Column::real([3.0, 4.0, 5.0, 6.0]))])?;
    /// let diff = may.diff_unkeyed(&june)?;
    /// assert_eq!(diff.columns[0].distance, Some(ShiftDistance::TotalVariation(0.25)));
    /// assert_eq!(diff.columns[1].distance, Some(ShiftDistance::KolmogorovSmirnov(0.5)));
    /// assert_eq!((diff.columns[1].before.mean, diff.columns[1].after.mean), (Some(2.5), Some(4.5)));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the distinct cells of a column cannot be numbered.
    pub fn diff_unkeyed(&self, newer: &Table) -> Result<UnkeyedDiff> {
        let shift = |name: &str| -> Result<ColumnShift> {
            let (before, after) = (self.column(name)?, newer.column(name)?);
            Ok(ColumnShift {
                name: name.to_owned(),
                before: state(self, name)?,
                after: state(newer, name)?,
                distance: distance(before, after),
            })
        };
        let shared = self.names().filter(|name| newer.contains(name));
        Ok(UnkeyedDiff {
            columns_added: newer.names().filter(|name| !self.contains(name)).map(str::to_owned).collect(),
            columns_removed: self.names().filter(|name| !newer.contains(name)).map(str::to_owned).collect(),
            n_rows: (self.n_rows(), newer.n_rows()),
            columns: shared.map(shift).collect::<Result<_>>()?,
        })
    }
}

fn state(table: &Table, name: &str) -> Result<ColumnState> {
    let (column, alone) = (table.column(name)?, table.select(&[name])?);
    let summary = Summary::of(&alone);
    let summary = summary.column(name)?;
    let n_missing = column.null_count();
    // Missing cells are a key of their own.
    let n_distinct = Keys::of_rows(&alone)?.n_keys - usize::from(n_missing > 0);
    let mean = match column.column_type() {
        ColumnType::Integer | ColumnType::Real => summary.mean(),
        _ => None,
    };
    let (min, max) = (summary.min(), summary.max());
    Ok(ColumnState { column_type: column.column_type(), n_missing, n_distinct, min, max, mean })
}

fn distance(before: &Column, after: &Column) -> Option<ShiftDistance> {
    if before.null_count() == before.n_rows() || after.null_count() == after.n_rows() {
        return None;
    }
    let is_text = |column: &Column| matches!(column.column_type(), ColumnType::Text | ColumnType::Category);
    let is_boolean = |column: &Column| column.column_type() == ColumnType::Boolean;
    if (is_text(before) && is_text(after)) || (is_boolean(before) && is_boolean(after)) {
        return Some(ShiftDistance::TotalVariation(total_variation(before, after)));
    }
    let is_number = |column: &Column| matches!(column.column_type(), ColumnType::Integer | ColumnType::Real);
    if is_number(before) != is_number(after) {
        return None;
    }
    let (before, after) = (numbers(before)?, numbers(after)?);
    Some(ShiftDistance::KolmogorovSmirnov(kolmogorov_smirnov(before, after)))
}

/// Numbers, or days and moments in microseconds.
fn numbers(column: &Column) -> Option<Vec<f64>> {
    match &column.0 {
        Data::Integer(array) => Some(array.iter().flatten().map(|cell| cell as f64).collect()),
        Data::Real(array) => Some(array.iter().flatten().collect()),
        Data::Date(array) => Some(array.iter().flatten().map(|day| f64::from(day) * DAY as f64).collect()),
        Data::DateTime(array) => Some(array.iter().flatten().map(|moment| moment as f64).collect()),
        _ => None,
    }
}

/// In whole numbers, so that one division rounds.
fn total_variation(before: &Column, after: &Column) -> f64 {
    let mut counts: BTreeMap<Cow<'_, str>, [u128; 2]> = BTreeMap::new();
    for (side, column) in [before, after].into_iter().enumerate() {
        for cell in (0..column.n_rows()).filter_map(|row| column.cell(row)) {
            counts.entry(cell).or_default()[side] += 1;
        }
    }
    let n = |side: usize| counts.values().map(|count| count[side]).sum::<u128>();
    let (n, m) = (n(0), n(1));
    let apart: u128 = counts.values().map(|[a, b]| (a * m).abs_diff(b * n)).sum();
    apart as f64 / (2 * n * m) as f64
}

fn kolmogorov_smirnov(mut before: Vec<f64>, mut after: Vec<f64>) -> f64 {
    before.sort_unstable_by(f64::total_cmp);
    after.sort_unstable_by(f64::total_cmp);
    let (n, m) = (before.len() as u128, after.len() as u128);
    let (mut a, mut b, mut largest) = (0, 0, 0_u128);
    while a < before.len() && b < after.len() {
        let here = before[a].min(after[b]);
        a += before[a..].iter().take_while(|number| **number <= here).count();
        b += after[b..].iter().take_while(|number| **number <= here).count();
        largest = largest.max((a as u128 * m).abs_diff(b as u128 * n));
    }
    largest as f64 / (n * m) as f64
}
