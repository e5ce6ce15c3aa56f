//! Rows with equal keys as one row.

use std::collections::BTreeSet;
use std::fmt;

use perennial_core::{Error, Result, Rows};

use crate::keys::Keys;
use crate::{Column, ColumnType, Table};

/// One number, or one cell, for the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregate {
    /// How many rows there are.
    Rows,
    /// How many cells are not missing.
    Count,
    /// How many different cells there are, missing ones not counted.
    Distinct,
    /// The sum of numbers; 0 where all are missing.
    Sum,
    /// The mean of numbers.
    Mean,
    /// The middle one of numbers, or the mean of the two in the middle.
    Median,
    /// The standard deviation of numbers, over n - 1; missing for fewer than two.
    Deviation,
    /// The smallest number, day or moment, the first text by its bytes.
    Min,
    /// The largest number, day or moment, the last text by its bytes.
    Max,
    /// The first cell, missing or not.
    First,
    /// The last cell, missing or not.
    Last,
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Aggregate::Rows => "rows",
            Aggregate::Count => "count",
            Aggregate::Distinct => "distinct",
            Aggregate::Sum => "sum",
            Aggregate::Mean => "mean",
            Aggregate::Median => "median",
            Aggregate::Deviation => "deviation",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::First => "first",
            Aggregate::Last => "last",
        })
    }
}

impl Table {
    /// One row for each key: its cells in the key columns, and a column `name aggregate` for each aggregate that is asked
    /// for. Keys are in rising order, the first column counting most; missing cells are a key of their own, the last one.
    ///
    /// ```
    /// use perennial_data::{Aggregate, Column, Table};
    ///
    /// let sales = Table::new([
    ///     ("city", Column::text(["Rome", "Oslo", "Rome"])),
    ///     ("price", Column::real([1.0, 5.0, 3.0])),
    /// ])?;
    /// let by_city = sales.aggregate(&["city"], &[("price", Aggregate::Mean), ("price", Aggregate::Rows)])?;
    /// assert_eq!(by_city.names().collect::<Vec<_>>(), ["city", "price mean", "price rows"]);
    /// assert_eq!(by_city.values("price mean")?.as_slice(), [5.0, 2.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a column does not exist, a key holds real numbers, an aggregate is not defined for its column, a sum of whole
    /// numbers leaves their range, or two columns of the result would have one name.
    pub fn aggregate(&self, by: &[&str], aggregates: &[(&str, Aggregate)]) -> Result<Table> {
        let (rows, starts) = Keys::of(self, by, true)?.rows();
        let groups: Vec<&[usize]> = starts.windows(2).map(|ends| &rows[ends[0]..ends[1]]).collect();
        let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
        let mut columns: Vec<(String, Column)> = Vec::with_capacity(by.len() + aggregates.len());
        let keys = self.select(by)?.take(&firsts)?;
        columns.extend(keys.columns().map(|(name, column)| (name.to_owned(), column.clone())));
        for (name, aggregate) in aggregates {
            let column = self.column(name)?;
            let made = of_column(name, column, &groups, *aggregate)?;
            columns.push((format!("{name} {aggregate}"), made));
        }
        Table::new(columns)
    }
}

fn of_column(name: &str, column: &Column, groups: &[&[usize]], aggregate: Aggregate) -> Result<Column> {
    let counted =
        |count: &dyn Fn(&[usize]) -> usize| Column::integer(groups.iter().map(|group| count(group) as i64));
    let present = |group: &[usize]| group.iter().filter(|&&row| !column.is_null(row)).count();
    Ok(match aggregate {
        Aggregate::Rows => counted(&|group| group.len()),
        Aggregate::Count => counted(&present),
        Aggregate::Distinct => {
            counted(&|group| group.iter().filter_map(|&row| column.cell(row)).collect::<BTreeSet<_>>().len())
        }
        Aggregate::First => pick(column, groups, |group| group.first().copied())?,
        Aggregate::Last => pick(column, groups, |group| group.last().copied())?,
        Aggregate::Min | Aggregate::Max => {
            let order = ranks(column)?;
            let largest = aggregate == Aggregate::Max;
            pick(column, groups, |group| {
                let there = group.iter().copied().filter(|&row| !column.is_null(row));
                // The first of equals either way.
                if largest {
                    there.rev().max_by_key(|&row| order[row])
                } else {
                    there.min_by_key(|&row| order[row])
                }
            })?
        }
        Aggregate::Sum if column.column_type() == ColumnType::Integer => {
            let cells: Vec<Option<i64>> = column.as_integer()?.collect();
            let sum = |group: &&[usize]| {
                let sum = group.iter().filter_map(|&row| cells[row]).try_fold(0_i64, i64::checked_add);
                sum.ok_or_else(|| {
                    Error::overflow(format!(
                        "a sum of column `{name}` leaves the range of whole numbers; cast the column to real first"
                    ))
                })
            };
            Column::integer(groups.iter().map(sum).collect::<Result<Vec<_>>>()?)
        }
        Aggregate::Sum | Aggregate::Mean | Aggregate::Median | Aggregate::Deviation => {
            let cells = column
                .as_real()
                .map_err(|error| error.context(format!("the {aggregate} of column `{name}`")))?;
            let of = |group: &&[usize]| {
                let numbers = group.iter().map(|&row| cells[row]).filter(|cell| !cell.is_nan());
                statistic(numbers.collect(), aggregate)
            };
            Column::real(groups.iter().map(of).collect::<Vec<_>>())
        }
    })
}

fn statistic(mut numbers: Vec<f64>, aggregate: Aggregate) -> Option<f64> {
    let n = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    match aggregate {
        Aggregate::Sum => Some(sum),
        _ if numbers.is_empty() => None,
        Aggregate::Mean => Some(sum / n),
        Aggregate::Median => {
            let half = numbers.len() / 2;
            numbers.sort_unstable_by(f64::total_cmp);
            let upper = numbers[half];
            Some(if numbers.len() % 2 == 1 { upper } else { numbers[half - 1] / 2.0 + upper / 2.0 })
        }
        _ => (n > 1.0).then(|| {
            let mean = sum / n;
            (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
        }),
    }
}

/// One cell of each group; missing where there is none.
fn pick(column: &Column, groups: &[&[usize]], choose: impl Fn(&[usize]) -> Option<usize>) -> Result<Column> {
    let rows = groups.iter().map(|group| choose(group).map(|row| row as u64));
    column.take(&rows.collect())
}

/// The place of each row in the order of its cells; equal cells share one.
fn ranks(column: &Column) -> Result<Vec<usize>> {
    let table = Table::new([("cells", column.clone()), ("row", Column::integer(0..column.n_rows() as i64))])?;
    let sorted = table.sort_by("cells")?;
    let (cells, mut ranks) = (sorted.column("cells")?, vec![0; column.n_rows()]);
    let mut rank = 0;
    for (place, row) in sorted.column("row")?.as_integer()?.flatten().enumerate() {
        if place > 0 && cells.cell(place) != cells.cell(place - 1) {
            rank = place;
        }
        ranks[row as usize] = rank;
    }
    Ok(ranks)
}
