//! Repairs of a table.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::near::near_rows;
use super::text::{amount, is_amount, trimmed};
use crate::column::Data;
use crate::contract::Operand;
use crate::keys::Keys;
use crate::spelling::key;
use crate::{Column, ColumnType, Scalar, Table};

/// What to do to a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fix {
    /// Takes white space off the ends of texts, and leaves one space where there was more inside.
    Trim {
        /// The column of texts or categories.
        column: String,
    },
    /// Puts one text in the place of others.
    Replace {
        /// The column of texts or categories.
        column: String,
        /// Each text with what takes its place.
        values: BTreeMap<String, String>,
    },
    /// Makes cells missing.
    Missing {
        /// The column of texts, categories or numbers.
        column: String,
        /// What such cells hold; numbers as they are shown.
        values: Vec<String>,
    },
    /// Makes cells beyond bounds missing.
    Outside {
        /// The column of numbers, days or moments.
        column: String,
        /// The least that stays; a day or a moment is a text such as `2024-02-29`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<Scalar>,
        /// The largest that stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<Scalar>,
    },
    /// Reads texts as numbers, with marks of thousands, signs of money and percent; what is no number becomes missing.
    ToNumber {
        /// The column of texts or categories.
        column: String,
        /// The mark before the decimals of all of its cells, `.` or `,`; the other one stands between thousands.
        decimal: char,
    },
    /// Leaves a column out.
    DropColumn {
        /// The column.
        column: String,
    },
    /// Keeps the first of rows that are the same.
    DropRepeatedRows {
        /// Whether case, punctuation and white space of texts do not count, but for the signs and marks of numbers.
        loosely: bool,
    },
    /// Leaves out rows that are nearly the same as an earlier one, as [`near_duplicate_texts`](super::near_duplicate_texts) finds them.
    DropNearRows {
        /// The column whose texts are compared; without one, all texts and categories of a row together, and all other cells must be the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<String>,
        /// How much of two texts is the same, above 0 and up to 1.
        similarity: f64,
        /// Texts with fewer letters are like no other.
        #[serde(default)]
        least: usize,
    },
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fix::Trim { column } => write!(f, "trimming white space in `{column}`"),
            Fix::Replace { column, values } => {
                let pairs: Vec<String> =
                    values.iter().take(3).map(|(from, to)| format!("`{from}` by `{to}`")).collect();
                let more = if values.len() > 3 { " and so on" } else { "" };
                write!(f, "replacing {}{more} in `{column}`", pairs.join(", "))
            }
            Fix::Missing { column, values } => {
                write!(f, "taking {} of `{column}` for missing", quoted(values))
            }
            Fix::Outside { column, min, max } => {
                let bound = |words: &str, bound: &Option<Scalar>| {
                    bound.as_ref().map(|bound| format!("{words} {bound}"))
                };
                let bounds: Vec<String> =
                    [bound("below", min), bound("above", max)].into_iter().flatten().collect();
                write!(f, "taking cells of `{column}` {} for missing", bounds.join(" and "))
            }
            Fix::DropNearRows { column: Some(column), .. } => {
                write!(f, "leaving out rows whose `{column}` is nearly that of an earlier one")
            }
            Fix::DropNearRows { column: None, .. } => {
                f.write_str("leaving out rows that are nearly the same as an earlier one")
            }
            Fix::ToNumber { column, decimal } => {
                write!(f, "reading `{column}` as numbers with `{decimal}` before the decimals")
            }
            Fix::DropColumn { column } => write!(f, "leaving out `{column}`"),
            Fix::DropRepeatedRows { loosely: false } => {
                f.write_str("keeping the first of rows that are the same")
            }
            Fix::DropRepeatedRows { loosely: true } => f.write_str(
                "keeping the first of rows that are the same but for case, punctuation and white space",
            ),
        }
    }
}

/// The first few values, quoted.
pub(super) fn quoted<S: AsRef<str>>(values: &[S]) -> String {
    let some: Vec<String> = values.iter().take(3).map(|value| format!("`{}`", value.as_ref())).collect();
    format!("{}{}", some.join(", "), if values.len() > 3 { " and so on" } else { "" })
}

/// So many rows are named.
const ROWS_NAMED: usize = 20;

/// Rows that a repair changes.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// How many.
    pub(super) count: usize,
    /// The first of them.
    pub(super) first: Vec<usize>,
}

impl Changed {
    fn push(&mut self, row: usize) {
        self.count += 1;
        if self.first.len() < ROWS_NAMED {
            self.first.push(row);
        }
    }

    fn of(rows: impl Iterator<Item = usize>) -> Self {
        let mut changed = Changed::default();
        rows.for_each(|row| changed.push(row));
        changed
    }
}

impl Fix {
    /// The repaired table, and how many rows were changed.
    ///
    /// # Errors
    /// When a column does not exist or has another type, or a mark before decimals is neither `.` nor `,`.
    pub fn apply(&self, table: &Table) -> Result<(Table, usize)> {
        self.repair(table).map(|(table, changed)| (table, changed.count))
    }

    /// The repaired table, and which rows were changed.
    pub(super) fn repair(&self, table: &Table) -> Result<(Table, Changed)> {
        let (name, (column, rows)) = match self {
            Fix::DropColumn { column } => {
                return Ok((table.drop(&[column])?, Changed::of(0..table.n_rows())));
            }
            Fix::DropRepeatedRows { loosely } => {
                let keep = alike(table, *loosely)?.firsts();
                let dropped = Changed::of((0..keep.len()).filter(|&row| !keep[row]));
                return Ok((table.filter(&keep)?, dropped));
            }
            Fix::DropNearRows { column, similarity, least } => {
                let keep = near_rows(table, column.as_deref(), *similarity, *least)?;
                let dropped = Changed::of((0..keep.len()).filter(|&row| !keep[row]));
                return Ok((table.filter(&keep)?, dropped));
            }
            Fix::Outside { column, min, max } => (column, within(table, column, min.as_ref(), max.as_ref())?),
            Fix::Trim { column } => (column, relabel(table, column, |text| Some(trimmed(text)))?),
            Fix::Replace { column, values } => {
                let replace = |text| values.get(text).map_or(text, String::as_str);
                (column, relabel(table, column, |text| Some(Cow::Borrowed(replace(text))))?)
            }
            Fix::Missing { column, values } => (column, without(table, column, values)?),
            Fix::ToNumber { column, decimal } => (column, to_number(table, column, *decimal)?),
        };
        Ok((table.with_column(name.as_str(), column)?, rows))
    }
}

/// A column with another text for each text, or none, and how many rows have another one.
fn relabel<'a>(
    table: &'a Table,
    name: &str,
    new: impl Fn(&'a str) -> Option<Cow<'a, str>>,
) -> Result<(Column, Changed)> {
    let column = table.column(name)?;
    match column.column_type() {
        ColumnType::Text => {
            let mut changed = Changed::default();
            let cells: Vec<Option<Cow<'_, str>>> = column
                .as_text()?
                .enumerate()
                .map(|(row, cell)| {
                    let other = cell.and_then(&new);
                    if other.as_deref() != cell {
                        changed.push(row);
                    }
                    other
                })
                .collect();
            Ok((Column::text(cells.iter().map(Option::as_deref)), changed))
        }
        ColumnType::Category => {
            let category = column.as_category()?;
            let mut levels: Vec<Cow<'_, str>> = Vec::new();
            let mut numbers: BTreeMap<Cow<'_, str>, u32> = BTreeMap::new();
            let mut moved = Vec::with_capacity(category.n_levels());
            for level in category.levels() {
                let Some(other) = new(level) else {
                    moved.push((None, true));
                    continue;
                };
                let changes = other != level;
                let number = *numbers.entry(other.clone()).or_insert_with(|| {
                    levels.push(other);
                    levels.len() as u32 - 1
                });
                moved.push((Some(number), changes));
            }
            let mut changed = Changed::default();
            let codes: Vec<Option<u32>> = category
                .codes()
                .enumerate()
                .map(|(row, code)| {
                    let (number, changes) = moved[code? as usize];
                    if changes {
                        changed.push(row);
                    }
                    number
                })
                .collect();
            Ok((Column::category_codes(codes, &levels)?, changed))
        }
        other => Err(Error::unsupported(format!(
            "column `{name}` is of type {other}; texts or categories are needed"
        ))),
    }
}

/// A column whose cells with these values are missing.
fn without(table: &Table, name: &str, values: &[String]) -> Result<(Column, Changed)> {
    let column = table.column(name)?;
    let values: BTreeSet<&str> = values.iter().map(String::as_str).collect();
    match column.column_type() {
        ColumnType::Integer => {
            let gone = |cell: i64| values.contains(cell.to_string().as_str());
            let cells = column.as_integer()?.map(|cell| cell.filter(|cell| !gone(*cell)));
            let new = Column::integer(cells);
            let changed = lost(column, &new);
            Ok((new, changed))
        }
        ColumnType::Real => {
            let gone: Vec<f64> = values.iter().filter_map(|value| value.parse().ok()).collect();
            let cells: Vec<Option<f64>> = column
                .as_real()?
                .iter()
                .enumerate()
                .map(|(row, &cell)| (!column.is_null(row) && !gone.contains(&cell)).then_some(cell))
                .collect();
            let new = Column::real(cells);
            let changed = lost(column, &new);
            Ok((new, changed))
        }
        _ => relabel(table, name, |text| (!values.contains(text)).then_some(Cow::Borrowed(text))),
    }
}

/// A column whose cells beyond bounds are missing.
fn within(
    table: &Table,
    name: &str,
    min: Option<&Scalar>,
    max: Option<&Scalar>,
) -> Result<(Column, Changed)> {
    let column = table.column(name)?;
    let operand = |bound: Option<&Scalar>| {
        let operand = bound.map(|bound| Operand::of(bound, column)).transpose();
        operand.map_err(|what| Error::unsupported(format!("column `{name}` {what}")))
    };
    let (min, max) = (operand(min)?, operand(max)?);
    let stays = |row: usize| {
        let beyond = |bound: &Option<Operand>, side: Ordering| {
            bound.as_ref().is_some_and(|bound| bound.order(column, row) == Some(side))
        };
        !beyond(&min, Ordering::Less) && !beyond(&max, Ordering::Greater)
    };
    fn kept<T>(cells: impl Iterator<Item = Option<T>>, stays: impl Fn(usize) -> bool) -> Vec<Option<T>> {
        cells.enumerate().map(|(row, cell)| cell.filter(|_| stays(row))).collect()
    }
    let new = match &column.0 {
        Data::Integer(cells) => Column::integer(kept(cells.iter(), stays)),
        Data::Real(cells) => Column::real(kept(cells.iter(), stays)),
        Data::Date(cells) => Column::date(kept(cells.iter(), stays)),
        Data::DateTime(cells) => Column::date_time(kept(cells.iter(), stays)),
        _ => {
            return Err(Error::unsupported(format!(
                "column `{name}` is of type {}; numbers, days or moments are needed",
                column.column_type()
            )));
        }
    };
    let changed = lost(column, &new);
    Ok((new, changed))
}

/// The rows whose cell is missing in the new column alone.
fn lost(old: &Column, new: &Column) -> Changed {
    Changed::of((0..old.n_rows()).filter(|&row| new.is_null(row) && !old.is_null(row)))
}

fn to_number(table: &Table, name: &str, decimal: char) -> Result<(Column, Changed)> {
    if !matches!(decimal, '.' | ',') {
        return Err(Error::invalid_param("decimal", decimal, "`.` or `,`"));
    }
    let column = table.column(name)?;
    if !matches!(column.column_type(), ColumnType::Text | ColumnType::Category) {
        let what =
            format!("column `{name}` is of type {}; texts or categories are needed", column.column_type());
        return Err(Error::unsupported(what));
    }
    let category = column.to_category()?;
    let numbers: Vec<Option<f64>> = category.levels().map(|level| amount(level, decimal)).collect();
    let cells = category.codes().map(|code| numbers[code? as usize]);
    let changed = Changed::of((0..column.n_rows()).filter(|&row| !column.is_null(row)));
    Ok((Column::real(cells), changed))
}

/// Rows numbered by all of their cells; missing cells are the same as each other.
pub(super) fn alike(table: &Table, loosely: bool) -> Result<Keys> {
    let comparable = |(name, column): (&str, &Column)| Ok((name.to_owned(), comparable(column, loosely)?));
    let columns = table.columns().map(comparable).collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = table.names().collect();
    Keys::of(&Table::new(columns)?, &names, true)
}

/// A column whose cells are equal where those of `column` are the same.
fn comparable(column: &Column, loosely: bool) -> Result<Column> {
    match column.column_type() {
        ColumnType::Text | ColumnType::Category if loosely => {
            let category = column.to_category()?;
            // Numbers have a sign that no key has.
            let loose = |text: &str| match is_amount(text) {
                true => format!("={}", trimmed(text)),
                false => key(text),
            };
            let keys: Vec<String> = category.levels().map(loose).collect();
            Ok(Column::category(category.codes().map(|code| Some(keys[code? as usize].as_str()))))
        }
        ColumnType::Real => {
            let cells = column.as_real()?;
            let bits =
                |(row, cell): (usize, &f64)| (!column.is_null(row)).then_some((cell + 0.0).to_bits() as i64);
            Ok(Column::integer(cells.iter().enumerate().map(bits)))
        }
        _ => Ok(column.clone()),
    }
}
