//! Rules about a column or a table as a whole: what is wrong, in words.

use super::cells::{Fault, column, is_among, keys, mean_deviation, operands};
use super::distribution::{cramers_v, distance};
use super::expect::{Expect, Sets};
use super::hypothesis;
use super::rule::Statistic;
use super::scalar::{Operand, Range, Scalar};
use crate::calendar::{self, DAY};
use crate::column::Data;
use crate::keys::NO_KEY;
use crate::{Column, ColumnType, Table};

/// The column a rule is about, and what is wrong with it; nothing where the rule is kept.
pub(super) fn broken(expect: &Expect, table: &Table, others: &[(&str, &Table)]) -> Result<(), Fault> {
    let wrong = |is_right: bool, message: String| match is_right {
        true => Ok(()),
        false => Err(Fault::of_table(format!("{message}, expected {expect}"))),
    };
    match expect {
        Expect::Exists { column: name } => column(table, name).map(drop),
        Expect::Types { column: name, types } => {
            let found = column(table, name)?.column_type();
            match types.contains(&found) {
                true => Ok(()),
                false => Err(Fault::new(name, format!("is of type {found}, expected {expect}"))),
            }
        }
        Expect::Statistic { column: name, of, range } => {
            statistic(name, column(table, name)?, *of, range, expect)
        }
        Expect::Distinct { column: name, are, values } => {
            distinct(name, column(table, name)?, *are, values, expect)
        }
        Expect::MostCommonAmong { column: name, values } => {
            most_common(name, column(table, name)?, values, expect)
        }
        Expect::Distance { column: name, by, from, max } => {
            let far = distance(column(table, name)?, *by, from).map_err(|why| Fault::new(name, why))?;
            // A bound that is no number bounds nothing, so it is broken.
            match far <= *max {
                true => Ok(()),
                false => Err(Fault::new(name, format!("has a {by} of {far}, expected {expect}"))),
            }
        }
        Expect::CramersV { left, right, max } => {
            let found = cramers_v(column(table, left)?, column(table, right)?).map_err(Fault::of_table)?;
            wrong(found <= *max, format!("columns `{left}` and `{right}` have a Cramér's V of {found}"))
        }
        Expect::Mean { .. } | Expect::Means { .. } | Expect::GroupMeans { .. } | Expect::Fits { .. } => {
            hypothesis::broken(expect, table)
        }
        Expect::RowCount { range } => {
            wrong(range.holds(table.n_rows()), format!("there are {} rows", table.n_rows()))
        }
        Expect::SameRowsAs { table: name } => match others.iter().find(|(known, _)| known == name) {
            Some((_, other)) => wrong(
                other.n_rows() == table.n_rows(),
                format!("there are {} rows, and {} in `{name}`", table.n_rows(), other.n_rows()),
            ),
            None => Err(Fault::of_table(format!(
                "a rule compares with the table `{name}`, which is not there; give it to `check_beside`"
            ))),
        },
        Expect::ColumnCount { range } => {
            wrong(range.holds(table.n_cols()), format!("there are {} columns", table.n_cols()))
        }
        Expect::ColumnsOrdered { columns } => {
            wrong(table.names().eq(columns.iter()), format!("there are the columns {}", named(table)))
        }
        Expect::ColumnsSet { columns, more } => {
            let missing = columns.iter().find(|name| !table.contains(name));
            let extra = table.names().find(|name| !columns.iter().any(|known| known == name));
            match (missing, extra) {
                (Some(name), _) => wrong(false, format!("column `{name}` is missing")),
                (None, Some(name)) if !more => wrong(false, format!("there is a column `{name}`")),
                _ => Ok(()),
            }
        }
        _ => Err(Fault::of_table("a rule about rows says nothing about the whole table")),
    }
}

fn named(table: &Table) -> String {
    let mut names = table.names().take(10).collect::<Vec<_>>().join(", ");
    if table.n_cols() > 10 {
        names.push_str(", ...");
    }
    names
}

fn statistic(
    name: &str,
    column: &Column,
    of: Statistic,
    range: &Range,
    expect: &Expect,
) -> Result<(), Fault> {
    judge(name, column, of, measured(name, column, of)?, range, expect)
}

/// Whether a statistic of a column of this kind lies in a range.
pub(super) fn judge(
    name: &str,
    column: &Column,
    of: Statistic,
    found: Option<f64>,
    range: &Range,
    expect: &Expect,
) -> Result<(), Fault> {
    let fault = |why: String| Fault::new(name, why);
    let counts = matches!(
        of,
        Statistic::Distinct | Statistic::DistinctShare | Statistic::Missing | Statistic::MissingShare
    );
    // Counts are compared with numbers, whatever the column holds.
    let terms = if counts { ColumnType::Real } else { column.column_type() };
    let Some(found) = found else {
        return Err(fault(format!("has too few cells, expected {expect}")));
    };
    if range.holds(found, terms).map_err(fault)? {
        return Ok(());
    }
    let shown = match terms {
        ColumnType::Date | ColumnType::DateTime => {
            let mut text = String::new();
            // Writing to a `String` cannot fail.
            let _ = calendar::write_date_time(&mut text, found as i64);
            text
        }
        _ => found.to_string(),
    };
    Err(fault(format!("has a {of} of {shown}, expected {expect}")))
}

/// A statistic; nothing where there are too few cells.
pub(super) fn measured(name: &str, column: &Column, of: Statistic) -> Result<Option<f64>, Fault> {
    let (n_rows, n_missing) = (column.n_rows() as f64, column.null_count() as f64);
    match of {
        Statistic::Missing => return Ok(Some(n_missing)),
        Statistic::MissingShare => return Ok((n_rows > 0.0).then(|| n_missing / n_rows)),
        Statistic::Distinct => return Ok(Some(n_distinct(column)?)),
        Statistic::DistinctShare => {
            let present = n_rows - n_missing;
            return n_distinct(column).map(|distinct| (present > 0.0).then(|| distinct / present));
        }
        _ => {}
    }
    let refused = || Fault::new(name, format!("is of type {} and has no {of}", column.column_type()));
    let mut numbers: Vec<f64> = match &column.0 {
        Data::Integer(array) => array.iter().flatten().map(|cell| cell as f64).collect(),
        Data::Real(array) => array.iter().flatten().collect(),
        Data::Boolean(array) => array.iter().flatten().map(f64::from).collect(),
        Data::Date(_) | Data::DateTime(_) if matches!(of, Statistic::Sum | Statistic::Deviation) => {
            return Err(refused());
        }
        Data::Date(array) => array.iter().flatten().map(|day| f64::from(day) * DAY as f64).collect(),
        Data::DateTime(array) => array.iter().flatten().map(|moment| moment as f64).collect(),
        Data::Text(_) | Data::Category(_) => return Err(refused()),
    };
    let order = match of {
        Statistic::Sum => return Ok(Some(numbers.iter().sum())),
        _ if numbers.is_empty() => return Ok(None),
        Statistic::Mean => return Ok(Some(mean_deviation(&numbers).0)),
        Statistic::Deviation => return Ok((numbers.len() > 1).then(|| mean_deviation(&numbers).1)),
        Statistic::Min => 0.0,
        Statistic::Max => 1.0,
        Statistic::Median => 0.5,
        Statistic::Quantile(order) if (0.0..=1.0).contains(&order) => order,
        _ => return Err(Fault::new(name, format!("is asked for the {of}; give an order from 0 to 1"))),
    };
    numbers.sort_unstable_by(f64::total_cmp);
    let place = order * (numbers.len() - 1) as f64;
    let (low, part) = (numbers[place.floor() as usize], place.fract());
    let high = numbers[place.ceil() as usize];
    // Between equal numbers, infinite ones too, there is no line.
    Ok(Some(if part == 0.0 || low == high { low } else { low * (1.0 - part) + high * part }))
}

fn n_distinct(column: &Column) -> Result<f64, Fault> {
    let keys = keys(&["cells".to_owned()], &[column])?;
    let mut seen = vec![false; keys.n_keys];
    keys.numbers.iter().filter(|number| **number != NO_KEY).for_each(|number| seen[*number as usize] = true);
    Ok(seen.iter().filter(|seen| **seen).count() as f64)
}

fn distinct(name: &str, column: &Column, are: Sets, values: &[Scalar], expect: &Expect) -> Result<(), Fault> {
    let mut known = operands(name, column, values)?;
    known.sort_by(Operand::compare);
    let mut stands = vec![false; known.len()];
    let mut other = None;
    for row in (0..column.n_rows()).filter(|&row| !column.is_null(row)) {
        match known
            .binary_search_by(|value| value.order(column, row).unwrap_or(std::cmp::Ordering::Equal).reverse())
        {
            // Of equal values one is found, and stands for the others.
            Ok(at) => stands[at] = true,
            Err(_) => other = other.or_else(|| column.cell(row)),
        }
    }
    let stands = |value: &Operand| {
        known.iter().zip(&stands).any(|(known, stands)| *stands && known.compare(value).is_eq())
    };
    if let Some(cell) = other.filter(|_| are != Sets::Contain) {
        return Err(Fault::new(name, format!("has the cell `{}`, expected {expect}", shortened(&cell))));
    }
    let absent = known.iter().position(|value| !stands(value)).filter(|_| are != Sets::Among);
    match absent {
        None => Ok(()),
        // Sorted, so the value is named by itself rather than by its position.
        Some(at) => Err(Fault::new(name, format!("has no cell {}, expected {expect}", written(&known[at])))),
    }
}

fn written(value: &Operand) -> String {
    match value {
        Operand::Boolean(value) => value.to_string(),
        Operand::Integer(value) => value.to_string(),
        Operand::Real(value) => value.to_string(),
        Operand::Text(value) => format!("`{}`", shortened(value)),
        Operand::Moment(value) => {
            let mut text = String::new();
            // Writing to a `String` cannot fail.
            let _ = calendar::write_date_time(&mut text, *value);
            text
        }
    }
}

fn most_common(name: &str, column: &Column, values: &[Scalar], expect: &Expect) -> Result<(), Fault> {
    let mut known = operands(name, column, values)?;
    known.sort_by(Operand::compare);
    let keys = keys(&["cells".to_owned()], &[column])?;
    let (rows, starts) = keys.rows();
    let most = starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
    let modes =
        starts.windows(2).filter(|ends| most > 0 && ends[1] - ends[0] == most).map(|ends| rows[ends[0]]);
    match modes.into_iter().find(|&row| !is_among(&known, column, row)) {
        None => Ok(()),
        Some(row) => {
            let cell = column.cell(row).unwrap_or_default();
            let words = format!("has `{}` most often, {most} times, expected {expect}", shortened(&cell));
            Err(Fault::new(name, words))
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
