//! Rows numbered by what stands in some of their columns.

use perennial_core::{Error, Result};

use crate::{Column, ColumnType, Table};

/// The number of a row with a missing cell among its keys.
pub(crate) const NO_KEY: u32 = u32::MAX;

/// Rows with equal cells in the key columns have equal numbers; greater cells have greater numbers, the first column
/// counting most.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) numbers: Vec<u32>,
    pub(crate) n_keys: usize,
}

impl Keys {
    /// Of the rows of a table by these columns. With `missing_is_key`, missing cells are equal to each other and
    /// greater than all others; without it, their rows have [`NO_KEY`].
    pub(crate) fn of(table: &Table, columns: &[&str], missing_is_key: bool) -> Result<Keys> {
        let named =
            columns.iter().map(|name| Ok((*name, table.column(name)?))).collect::<Result<Vec<_>>>()?;
        Keys::coded(table.n_rows(), &named, missing_is_key, codes)
    }

    /// Of whole rows, to find copies: real numbers are the same where their bits are, but for the sign of 0, and so are all
    /// missing cells.
    pub(crate) fn of_rows(table: &Table) -> Result<Keys> {
        let named: Vec<(&str, &Column)> = table.columns().collect();
        Keys::coded(table.n_rows(), &named, true, |name, column| match column.column_type() {
            ColumnType::Real => real_codes(column),
            _ => codes(name, column),
        })
    }

    fn coded(
        n_rows: usize,
        columns: &[(&str, &Column)],
        missing_is_key: bool,
        codes: impl Fn(&str, &Column) -> Result<(Vec<Option<u32>>, usize)>,
    ) -> Result<Keys> {
        let mut numbers = vec![0_u64; n_rows];
        let mut n_keys = usize::from(n_rows > 0);
        let mut none = vec![false; n_rows];
        for (name, column) in columns {
            let (codes, n_codes) = codes(name, column)?;
            for ((number, code), none) in numbers.iter_mut().zip(codes).zip(&mut none) {
                *none |= code.is_none();
                // Both are below 2^32.
                *number = *number * (n_codes as u64 + 1) + code.map_or(n_codes as u64, u64::from);
            }
            n_keys = renumber(&mut numbers);
        }
        let number =
            |(number, none): (u64, bool)| if none && !missing_is_key { NO_KEY } else { number as u32 };
        Ok(Keys { numbers: numbers.into_iter().zip(none).map(number).collect(), n_keys })
    }

    /// For each row, whether none before it has its key.
    pub(crate) fn firsts(&self) -> Vec<bool> {
        let mut seen = vec![false; self.n_keys];
        self.numbers.iter().map(|&number| !std::mem::replace(&mut seen[number as usize], true)).collect()
    }

    /// The rows of each key, in their order, one key after the other, and where each key starts.
    pub(crate) fn rows(&self) -> (Vec<usize>, Vec<usize>) {
        grouped(&self.numbers, self.n_keys)
    }
}

/// Rows in the order of their numbers, and where each number starts; rows without a number are left out.
pub(crate) fn grouped(numbers: &[u32], n: usize) -> (Vec<usize>, Vec<usize>) {
    let mut starts = vec![0; n + 1];
    for &number in numbers.iter().filter(|number| **number != NO_KEY) {
        starts[number as usize + 1] += 1;
    }
    for place in 0..n {
        starts[place + 1] += starts[place];
    }
    let mut next = starts.clone();
    let mut rows = vec![0; starts[n]];
    for (row, &number) in numbers.iter().enumerate().filter(|(_, number)| **number != NO_KEY) {
        rows[next[number as usize]] = row;
        next[number as usize] += 1;
    }
    (rows, starts)
}

/// Numbers from 0 in the same order; how many there are.
fn renumber(numbers: &mut [u64]) -> usize {
    let mut distinct = numbers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    numbers.iter_mut().for_each(|number| *number = distinct.partition_point(|known| known < number) as u64);
    distinct.len()
}

/// A code for each cell, greater for greater cells, and how many codes there are.
fn codes(name: &str, column: &Column) -> Result<(Vec<Option<u32>>, usize)> {
    let whole = match column.column_type() {
        ColumnType::Date => Some(Column::integer(column.as_date()?.map(|day| day.map(i64::from)))),
        ColumnType::DateTime => Some(Column::integer(column.as_date_time()?)),
        ColumnType::Real => {
            return Err(Error::unsupported(format!(
                "column `{name}` holds real numbers, of which two that look equal may differ; use a key of whole numbers, text, categories, dates or booleans"
            )));
        }
        _ => None,
    };
    let category = whole.as_ref().unwrap_or(column).to_category()?;
    // Levels of a category column stand in any order, and may have no row.
    Ok((category.codes().collect(), category.n_levels()))
}

/// A code for each real number that is there.
fn real_codes(column: &Column) -> Result<(Vec<Option<u32>>, usize)> {
    let values = column.as_real()?;
    // Adding 0 makes -0 a 0.
    let bits = |value: &f64| (!value.is_nan()).then(|| (value + 0.0).to_bits());
    let mut distinct: Vec<u64> = values.iter().filter_map(bits).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let code = |bits: u64| distinct.partition_point(|other| *other < bits) as u32;
    Ok((values.iter().map(|value| bits(value).map(code)).collect(), distinct.len()))
}

/// The cells of a row in some columns, as a message shows them.
pub(crate) fn shown(table: &Table, columns: &[&str], row: usize) -> String {
    let cell = |name: &&str| {
        let cell = table.column(name).ok().and_then(|column| column.cell(row));
        format!(
            "{name} = {}",
            cell.map_or_else(|| "missing".into(), |cell| cell.chars().take(40).collect::<String>())
        )
    };
    columns.iter().map(cell).collect::<Vec<_>>().join(", ")
}
