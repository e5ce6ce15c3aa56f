//! Tables.

use std::ops::Range;

use perennial_core::{Error, Result, ResultExt, Rows};
use perennial_data::{Category, Column, ColumnType, Table};

use super::{Cells, ColumnChange, Tabular, check_changes, check_parts};

/// Microseconds.
const DAY: f64 = 86_400e6;

/// The name of a category that no row has.
const UNSEEN: &str = "never seen before";

impl Tabular for Table {
    fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        Table::names(self)
    }

    fn cells(&self, column: usize) -> Result<Cells> {
        let column = self.column(&name(self, column)?)?;
        Ok(match column.column_type() {
            ColumnType::Text | ColumnType::Category => Cells::Labels(ranks(column)?),
            ColumnType::Date | ColumnType::DateTime => Cells::Times(
                column.as_date_time()?.map(|cell| cell.map_or(f64::NAN, |at| at as f64)).collect(),
            ),
            // Beyond 2^53 neighbours become equal, which matters to no tool that looks.
            ColumnType::Integer => {
                Cells::Numbers(column.as_integer()?.map(|cell| cell.map_or(f64::NAN, |n| n as f64)).collect())
            }
            _ => Cells::Numbers(column.as_real()?.into_owned()),
        })
    }

    fn changed(&self, changes: &[(usize, ColumnChange)]) -> Result<Self> {
        check_changes(changes, Rows::n_rows(self), self.n_cols())?;
        changes.iter().try_fold(self.clone(), |table, (column, change)| {
            let name = name(&table, *column)?;
            let cells = changed(&table, &name, change).context(format!("column `{name}`"))?;
            table.with_column(name, cells)
        })
    }

    fn labels(&self, column: usize, values: &[f64]) -> Result<Option<Vec<String>>> {
        let column = self.column(&name(self, column)?)?;
        let all = |label: &dyn Fn(f64) -> Option<String>| {
            let label = |value: &f64| value.is_finite().then(|| label(*value)).flatten();
            Some(values.iter().map(|value| label(value).unwrap_or_else(|| "missing".to_owned())).collect())
        };
        Ok(match column.column_type() {
            ColumnType::Text | ColumnType::Category => {
                let category = column.to_category()?;
                let order = ordered(&category);
                all(&|value| order.get(value as usize).map(|(_, level)| (*level).to_owned()))
            }
            // Conversions from f64 stay within the range of integers.
            ColumnType::Date | ColumnType::DateTime => all(&|value| {
                let is_day = column.column_type() == ColumnType::Date && value % DAY == 0.0;
                let moment = match is_day {
                    true => Column::date([(value / DAY) as i32]),
                    false => Column::date_time([value.round() as i64]),
                };
                moment.cell(0).map(Into::into)
            }),
            ColumnType::Boolean => all(&|value| Some(if value >= 0.5 { "true" } else { "false" }.to_owned())),
            _ => None,
        })
    }

    fn mixed(&self, other: &Self, row: usize, parts: &[(Range<usize>, Vec<usize>)]) -> Result<Self> {
        check_parts(self, other, row, parts)?;
        let n_rows = Rows::n_rows(self);
        let all = Table::concat(&[self.clone(), other.take(&[row])?])?;
        // The parts in which each column is as in the other row, in order.
        let mut known: Vec<Vec<usize>> = vec![Vec::new(); self.n_cols()];
        for (part, (_, columns)) in parts.iter().enumerate() {
            columns.iter().for_each(|&column| known[column].push(part));
        }
        let plain: Vec<usize> = parts.iter().flat_map(|(range, _)| range.clone()).collect();
        let columns = all.columns().zip(&known).map(|((name, column), known)| {
            let own = Table::new([(name, column.clone())])?;
            let taken = if known.is_empty() {
                own.take(&plain)?
            } else {
                let mut is_known = vec![false; parts.len()];
                known.iter().for_each(|&part| is_known[part] = true);
                let of_part = |((range, _), is_known): (&(Range<usize>, Vec<usize>), bool)| {
                    range.clone().map(move |row| if is_known { n_rows } else { row })
                };
                own.take(&parts.iter().zip(is_known).flat_map(of_part).collect::<Vec<_>>())?
            };
            Ok((name.to_owned(), taken.column(name)?.clone()))
        });
        Ok(Table::new(columns.collect::<Result<Vec<_>>>()?)?.inheriting([self, other]))
    }

    fn aligned(&self, x: &Self) -> Result<Self> {
        self.schema().align(x)
    }
}

fn name(table: &Table, column: usize) -> Result<String> {
    let missing = || {
        let n_cols = table.n_cols();
        Error::unknown(format!("there is no column {column}; there are {n_cols}, from 0"))
    };
    table.names().nth(column).map(str::to_owned).ok_or_else(missing)
}

/// For each row the place of its text among the different ones, where `a9` stands before `a10`; NaN where it is missing.
fn ranks(column: &Column) -> Result<Vec<f64>> {
    let category = column.to_category()?;
    let order = ordered(&category);
    let mut rank = vec![f64::NAN; order.len()];
    order.iter().enumerate().for_each(|(place, (level, _))| rank[*level] = place as f64);
    Ok(category.codes().map(|code| code.map_or(f64::NAN, |code| rank[code as usize])).collect())
}

/// The levels in the order of their ranks, with their codes.
fn ordered(category: &Category) -> Vec<(usize, &str)> {
    let mut order: Vec<(usize, &str)> = category.levels().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| split_number(a).cmp(&split_number(b)).then(a.cmp(b)));
    order
}

/// A text without the digits at its end, and their number; digits that are no number of 64 bits are text.
fn split_number(text: &str) -> (&str, Option<u64>) {
    let start = text.trim_end_matches(|digit: char| digit.is_ascii_digit());
    match text[start.len()..].parse() {
        Ok(number) => (start, Some(number)),
        Err(_) => (text, None),
    }
}

fn changed(table: &Table, name: &str, change: &ColumnChange) -> Result<Column> {
    let column = table.column(name)?;
    match change {
        ColumnChange::TakenFrom(rows) => Ok(table.select(&[name])?.take(rows)?.column(name)?.clone()),
        ColumnChange::Set(to) => set(column, to),
        ColumnChange::Plus(by) => plus(column, by),
        ColumnChange::Missing(hit) => without(column, hit),
        ColumnChange::Unseen(hit) => unseen(column, hit),
    }
}

fn set(column: &Column, to: &[f64]) -> Result<Column> {
    Ok(match column.column_type() {
        ColumnType::Real => Column::real(to.iter().copied()),
        // A conversion from f64 stays within the range of i64.
        ColumnType::Integer => {
            Column::integer(to.iter().map(|to| (!to.is_nan()).then_some(to.round() as i64)))
        }
        ColumnType::Boolean => Column::boolean(to.iter().map(|to| (!to.is_nan()).then_some(*to >= 0.5))),
        other => {
            return Err(Error::unsupported(format!("it is a column of type {other}, which no number fits")));
        }
    })
}

fn plus(column: &Column, by: &[f64]) -> Result<Column> {
    Ok(match column.column_type() {
        ColumnType::Real => Column::real(column.as_real()?.iter().zip(by).map(|(cell, by)| cell + by)),
        // A conversion from f64 stays within the range of i64.
        ColumnType::Integer => Column::integer(
            column
                .as_integer()?
                .zip(by)
                .map(|(cell, by)| cell.map(|cell| cell.saturating_add(by.round() as i64))),
        ),
        _ => column.clone(),
    })
}

/// The cells that are not hit.
fn kept<T>(cells: impl Iterator<Item = Option<T>>, hit: &[bool]) -> impl Iterator<Item = Option<T>> {
    cells.zip(hit).map(|(cell, hit)| if *hit { None } else { cell })
}

fn without(column: &Column, hit: &[bool]) -> Result<Column> {
    Ok(match column.column_type() {
        ColumnType::Text => Column::text(kept(column.as_text()?, hit)),
        ColumnType::Category => {
            let category = column.as_category()?;
            let levels: Vec<&str> = category.levels().collect();
            Column::category_codes(kept(category.codes(), hit), &levels)?
        }
        ColumnType::Integer => Column::integer(kept(column.as_integer()?, hit)),
        ColumnType::Boolean => Column::boolean(kept(column.as_boolean()?, hit)),
        ColumnType::Date => Column::date(kept(column.as_date()?, hit)),
        ColumnType::DateTime => Column::date_time(kept(column.as_date_time()?, hit)),
        // NaN is missing in a column of numbers.
        _ => Column::real(column.as_real()?.iter().zip(hit).map(|(c, hit)| if *hit { f64::NAN } else { *c })),
    })
}

fn unseen(column: &Column, hit: &[bool]) -> Result<Column> {
    let new_to = |levels: &[&str]| {
        let mut new = UNSEEN.to_owned();
        while levels.contains(&new.as_str()) {
            new.push('!');
        }
        new
    };
    match column.column_type() {
        ColumnType::Text => {
            let category = column.to_category()?;
            let new = new_to(&category.levels().collect::<Vec<_>>());
            let cells =
                column.as_text()?.zip(hit).map(|(cell, hit)| if *hit { Some(new.as_str()) } else { cell });
            Ok(Column::text(cells))
        }
        ColumnType::Category => {
            let category = column.as_category()?;
            let mut levels: Vec<&str> = category.levels().collect();
            let new = new_to(&levels);
            let code = levels.len() as u32;
            levels.push(&new);
            let codes = category.codes().zip(hit).map(|(cell, hit)| if *hit { Some(code) } else { cell });
            Column::category_codes(codes, &levels)
        }
        _ => Ok(column.clone()),
    }
}
