//! Rules about cells and rows: which rows break them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rayon::prelude::*;
use regex::Regex;
use serde::de::IgnoredAny;

use super::expect::{Expect, Matching};
use super::json_schema::JsonSchema;
use super::report::Check;
use super::rule::Relation;
use super::scalar::Operand;
use crate::column::Data;
use crate::keys::{Keys, NO_KEY};
use crate::time_format::TimeFormat;
use crate::{Column, ColumnType, Table, calendar, spelling};

/// The rows that break a rule, in order, and how many it looked at.
pub(super) struct Broken {
    pub(super) rows: Vec<usize>,
    pub(super) of: usize,
}

/// Why a rule cannot be checked.
pub(super) struct Fault {
    pub(super) check: Check,
    pub(super) column: Option<String>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(column: &str, message: impl Into<String>) -> Self {
        Fault { check: Check::Rule, column: Some(column.to_owned()), message: message.into() }
    }

    pub(super) fn of_table(message: impl Into<String>) -> Self {
        Fault { check: Check::Rule, column: None, message: message.into() }
    }
}

pub(super) fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, Fault> {
    table.column(name).map_err(|_| Fault {
        check: Check::MissingColumn,
        column: Some(name.to_owned()),
        message: "is missing".to_owned(),
    })
}

pub(super) fn columns<'a>(table: &'a Table, names: &[String]) -> Result<Vec<&'a Column>, Fault> {
    if names.is_empty() {
        return Err(Fault::of_table("a rule names no column; name the columns that it is about"));
    }
    names.iter().map(|name| column(table, name)).collect()
}

/// The columns that a rule about cells looks at; nothing for a rule about the whole.
pub(super) fn about(expect: &Expect) -> Option<Vec<&str>> {
    use Expect as E;
    Some(match expect {
        E::Present { column }
        | E::Absent { column }
        | E::Among { column, .. }
        | E::Between { column, .. }
        | E::Length { column, .. }
        | E::ZScore { column, .. }
        | E::Matches { column, .. }
        | E::Like { column, .. }
        | E::TimeFormat { column, .. }
        | E::Date { column }
        | E::Dates { column, .. }
        | E::Json { column }
        | E::JsonSchema { column, .. }
        | E::Spelled { column, .. }
        | E::Ordered { column, .. } => vec![column],
        E::OneLabel { label, columns } => std::iter::once(label).chain(columns).map(String::as_str).collect(),
        E::Unique { columns }
        | E::UniqueWithinRow { columns }
        | E::Equal { columns }
        | E::Combinations { columns, .. }
        | E::RowSum { columns, .. } => columns.iter().map(String::as_str).collect(),
        E::Compare { left, right, .. } => vec![left, right],
        _ => return None,
    })
}

/// The rows that break a rule about cells.
pub(super) fn broken(expect: &Expect, table: &Table) -> Result<Broken, Fault> {
    match expect {
        Expect::Present { column: name } => {
            let column = column(table, name)?;
            Ok(of_all(column.n_rows(), |row| column.is_null(row)))
        }
        Expect::Absent { column: name } => {
            let column = column(table, name)?;
            Ok(of_all(column.n_rows(), |row| !column.is_null(row)))
        }
        Expect::Among { column: name, values, not } => {
            let column = column(table, name)?;
            let mut values = operands(name, column, values)?;
            values.sort_by(Operand::compare);
            Ok(of_present(column, |row| is_among(&values, column, row) == *not))
        }
        Expect::Between { column: name, range } => {
            let column = column(table, name)?;
            let ends = range.ends(column).map_err(|why| Fault::new(name, why))?;
            Ok(of_present(column, |row| !ends.hold(column, row)))
        }
        Expect::Length { column: name, range } => {
            of_texts(table, name, |text| range.holds(text.chars().count()))
        }
        Expect::ZScore { column: name, limit } => z_scores(name, column(table, name)?, *limit),
        Expect::Matches { column: name, patterns, how } => {
            let patterns: Vec<Regex> =
                patterns.iter().map(|pattern| compiled(name, pattern, pattern)).collect::<Result<_, _>>()?;
            matching(table, name, &patterns, *how)
        }
        Expect::Like { column: name, patterns, how } => {
            let regex = |pattern: &String| compiled(name, &of_like(pattern), pattern);
            let patterns: Vec<Regex> = patterns.iter().map(regex).collect::<Result<_, _>>()?;
            matching(table, name, &patterns, *how)
        }
        Expect::TimeFormat { column: name, format } => {
            let known = time_format(name, format)?;
            of_texts(table, name, |text| known.fits(text))
        }
        Expect::Date { column: name } => of_texts(table, name, is_iso),
        Expect::Dates { column: name, formats } => {
            let known =
                formats.iter().map(|format| time_format(name, format)).collect::<Result<Vec<_>, _>>()?;
            of_texts(table, name, |text| is_iso(text) || known.iter().any(|format| format.fits(text)))
        }
        Expect::Json { column: name } => {
            of_texts(table, name, |text| serde_json::from_str::<IgnoredAny>(text).is_ok())
        }
        Expect::JsonSchema { column: name, schema } => {
            let schema = JsonSchema::new(schema).map_err(|why| {
                Fault::new(name, format!("is to follow a JSON Schema that is wrong: {why}"))
            })?;
            of_texts(table, name, |text| serde_json::from_str(text).is_ok_and(|value| schema.accepts(&value)))
        }
        Expect::Spelled { column: name, like } => {
            let known: BTreeSet<&str> = like.iter().map(String::as_str).collect();
            let alike: BTreeSet<String> = like.iter().map(|text| spelling::key(text)).collect();
            of_texts(table, name, |text| known.contains(text) || !alike.contains(&spelling::key(text)))
        }
        Expect::OneLabel { label, columns } => labels_that_differ(table, label, columns),
        Expect::Ordered { column: name, falling, strictly } => {
            let column = column(table, name)?;
            let mut before = None;
            Ok(of_present_in_order(column, |row| {
                before
                    .replace(row)
                    .is_some_and(|before| is_out_of_order(column, before, column, row, *falling, *strictly))
            }))
        }
        Expect::Unique { columns: names } => {
            let columns = columns(table, names)?;
            repeated(names, &columns)
        }
        Expect::UniqueWithinRow { columns: names } => {
            let columns = columns(table, names)?;
            comparable(names, &columns)?;
            Ok(of_complete(&columns, |row| {
                let equal = |(at, left): (usize, &&Column)| {
                    columns[..at]
                        .iter()
                        .any(|right| Column::order(left, row, right, row) == Some(Ordering::Equal))
                };
                columns.iter().enumerate().any(equal)
            }))
        }
        Expect::Equal { columns: names } => {
            let columns = columns(table, names)?;
            comparable(names, &columns)?;
            Ok(of_complete(&columns, |row| {
                columns
                    .windows(2)
                    .any(|pair| Column::order(pair[0], row, pair[1], row) != Some(Ordering::Equal))
            }))
        }
        Expect::Compare { left, relation, right } => {
            let names = [left.clone(), right.clone()];
            let both = columns(table, &names)?;
            comparable(&names, &both)?;
            Ok(of_complete(&both, |row| {
                let order = Column::order(both[0], row, both[1], row);
                !order.is_some_and(|order| match relation {
                    Relation::Less => order.is_lt(),
                    Relation::AtMost => order.is_le(),
                    Relation::Equal => order.is_eq(),
                    Relation::NotEqual => order.is_ne(),
                    Relation::AtLeast => order.is_ge(),
                    Relation::Greater => order.is_gt(),
                })
            }))
        }
        Expect::Combinations { columns: names, allowed } => {
            let columns = columns(table, names)?;
            let mut known: Vec<Vec<Operand>> = Vec::with_capacity(allowed.len());
            for values in allowed {
                if values.len() != columns.len() {
                    return Err(Fault::of_table(format!(
                        "a combination of {} values is allowed for the {} columns {}; write one value for each",
                        values.len(),
                        columns.len(),
                        names.join(", ")
                    )));
                }
                let pairs = names.iter().zip(&columns).zip(values);
                let operands = pairs.map(|((name, column), value)| {
                    Operand::of(value, column).map_err(|why| Fault::new(name, why))
                });
                known.push(operands.collect::<Result<_, _>>()?);
            }
            known.sort_by(|a, b| first_unequal(a.iter().zip(b).map(|(a, b)| a.compare(b))));
            Ok(of_complete(&columns, |row| {
                let beside = |values: &Vec<Operand>| {
                    let orders = values
                        .iter()
                        .zip(&columns)
                        .map(|(value, column)| value.order(column, row).unwrap_or(Ordering::Equal).reverse());
                    first_unequal(orders)
                };
                known.binary_search_by(beside).is_err()
            }))
        }
        Expect::RowSum { columns: names, total, tolerance } => {
            let columns = columns(table, names)?;
            let cells = names.iter().zip(&columns).map(|(name, column)| {
                numbers(column).ok_or_else(|| {
                    Fault::new(name, format!("is of type {} and adds up to nothing", column.column_type()))
                })
            });
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            Ok(of_complete(&columns, |row| {
                let sum: f64 = cells.iter().filter_map(|cells| cells[row]).sum();
                !((sum - total).abs() <= *tolerance)
            }))
        }
        _ => Err(Fault::of_table("a rule about the whole table has no rows")),
    }
}

/// The rows with a label that are the same as rows with another one, in some columns or in all others.
fn labels_that_differ(table: &Table, label: &str, names: &[String]) -> Result<Broken, Fault> {
    let labels = column(table, label)?;
    let fault = |error: perennial_core::Error| Fault::of_table(error.to_string());
    let rows = match names {
        [] => table.drop(&[label]).map_err(fault)?,
        names => {
            columns(table, names)?;
            table.select(names).map_err(fault)?
        }
    };
    let rows = Keys::of_rows(&rows).map_err(fault)?;
    let kinds = Keys::of_rows(&table.select(&[label]).map_err(fault)?).map_err(fault)?;
    let mut first: Vec<Option<u32>> = vec![None; rows.n_keys];
    let mut differ = vec![false; rows.n_keys];
    let present = || (0..table.n_rows()).filter(|&row| !labels.is_null(row));
    for row in present() {
        let key = rows.numbers[row] as usize;
        differ[key] |= *first[key].get_or_insert(kinds.numbers[row]) != kinds.numbers[row];
    }
    let broken = present().filter(|&row| differ[rows.numbers[row] as usize]).collect();
    Ok(Broken { rows: broken, of: present().count() })
}

/// Whether a cell may not come after one of the same or another column.
pub(super) fn is_out_of_order(
    before: &Column,
    at: usize,
    column: &Column,
    row: usize,
    falling: bool,
    strictly: bool,
) -> bool {
    let order = Column::order(before, at, column, row);
    let order = if falling { order.map(Ordering::reverse) } else { order };
    matches!((order, strictly), (Some(Ordering::Greater), _) | (Some(Ordering::Equal), true))
}

fn of_all(n_rows: usize, wrong: impl Fn(usize) -> bool + Sync) -> Broken {
    // Rows stay in order whatever thread found them.
    Broken { rows: (0..n_rows).into_par_iter().filter(|&row| wrong(row)).collect(), of: n_rows }
}

fn of_present(column: &Column, wrong: impl Fn(usize) -> bool + Sync) -> Broken {
    let rows = of_all(column.n_rows(), |row| !column.is_null(row) && wrong(row)).rows;
    Broken { rows, of: column.n_rows() - column.null_count() }
}

fn of_present_in_order(column: &Column, mut wrong: impl FnMut(usize) -> bool) -> Broken {
    let rows = (0..column.n_rows()).filter(|&row| !column.is_null(row) && wrong(row)).collect();
    Broken { rows, of: column.n_rows() - column.null_count() }
}

fn of_complete(columns: &[&Column], wrong: impl Fn(usize) -> bool + Sync) -> Broken {
    let n_rows = columns.first().map_or(0, |column| column.n_rows());
    let complete = |row: usize| columns.iter().all(|column| !column.is_null(row));
    let rows = of_all(n_rows, |row| complete(row) && wrong(row)).rows;
    Broken { rows, of: (0..n_rows).filter(|&row| complete(row)).count() }
}

fn is_iso(text: &str) -> bool {
    calendar::parse_date_time(text.as_bytes()).is_some()
}

fn time_format(name: &str, format: &str) -> Result<TimeFormat, Fault> {
    TimeFormat::new(format).map_err(|directive| {
        let words = format!("is to follow the format `{format}`, of which `{directive}` is not known");
        Fault::new(name, words)
    })
}

/// The rows whose text is wrong; of a category column, each level is looked at once.
fn of_texts(table: &Table, name: &str, right: impl Fn(&str) -> bool + Sync) -> Result<Broken, Fault> {
    let column = column(table, name)?;
    match &column.0 {
        Data::Text(array) => Ok(of_present(column, |row| !right(array.value(row)))),
        Data::Category(category) => {
            let levels: Vec<&str> = category.levels().collect();
            let wrong: Vec<bool> = levels.par_iter().map(|level| !right(level)).collect();
            let code = |row| category.codes.value(row) as usize;
            Ok(of_present(column, |row| wrong.get(code(row)).copied().unwrap_or(false)))
        }
        _ => Err(Fault::new(
            name,
            format!("is of type {} and has no texts; the rule is for text or category", column.column_type()),
        )),
    }
}

fn compiled(name: &str, pattern: &str, written: &str) -> Result<Regex, Fault> {
    Regex::new(pattern).map_err(|error| {
        // The whole message draws the pattern over several lines; the last one says what is wrong.
        let text = error.to_string();
        let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Fault::new(name, format!("is to match `{written}`, which is no regular expression: {what}"))
    })
}

/// A pattern of SQL as a regular expression.
fn of_like(pattern: &str) -> String {
    let mut regex = String::from("(?s)^");
    for char in pattern.chars() {
        match char {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            _ => regex.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

fn matching(table: &Table, name: &str, patterns: &[Regex], how: Matching) -> Result<Broken, Fault> {
    of_texts(table, name, |text| match how {
        Matching::Any => patterns.iter().any(|pattern| pattern.is_match(text)),
        Matching::All => patterns.iter().all(|pattern| pattern.is_match(text)),
        Matching::None => !patterns.iter().any(|pattern| pattern.is_match(text)),
    })
}

fn z_scores(name: &str, column: &Column, limit: f64) -> Result<Broken, Fault> {
    let Some(cells) = numbers(column) else {
        return Err(Fault::new(name, format!("is of type {} and has no z-scores", column.column_type())));
    };
    if !(limit >= 0.0) {
        return Err(Fault::new(
            name,
            format!("has the limit {limit} of z-scores; give a number of at least 0"),
        ));
    }
    let present: Vec<f64> = cells.iter().flatten().copied().collect();
    let (mean, deviation) = mean_deviation(&present);
    if present.len() > 1 && !deviation.is_finite() {
        return Err(Fault::new(
            name,
            "has numbers too large for z-scores; leave them out or rule a range first",
        ));
    }
    let far = |cell: f64| deviation > 0.0 && (cell - mean).abs() > limit * deviation;
    Ok(of_present(column, |row| cells[row].is_some_and(far)))
}

/// Mean, and standard deviation over n - 1; NaN where there are too few.
pub(super) fn mean_deviation(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    // A mean is in range even where the sum is not.
    let mean = if sum.is_finite() { sum / n } else { numbers.iter().map(|number| number / n).sum() };
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

fn first_unequal(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Whether the cell of a row is one of sorted values.
pub(super) fn is_among(values: &[Operand], column: &Column, row: usize) -> bool {
    values.binary_search_by(|value| value.order(column, row).unwrap_or(Ordering::Equal).reverse()).is_ok()
}

pub(super) fn operands(name: &str, column: &Column, values: &[super::Scalar]) -> Result<Vec<Operand>, Fault> {
    values.iter().map(|value| Operand::of(value, column).map_err(|why| Fault::new(name, why))).collect()
}

/// Whether all columns hold cells that have an order among them.
fn comparable(names: &[String], columns: &[&Column]) -> Result<(), Fault> {
    let kind = |column: &Column| match column.column_type() {
        ColumnType::Integer | ColumnType::Real => 0,
        ColumnType::Text | ColumnType::Category => 1,
        ColumnType::Date | ColumnType::DateTime => 2,
        ColumnType::Boolean => 3,
    };
    match columns.iter().position(|column| kind(column) != kind(columns[0])) {
        None => Ok(()),
        Some(at) => Err(Fault::new(
            &names[at],
            format!(
                "is of type {} and does not compare with `{}` of type {}",
                columns[at].column_type(),
                names[0],
                columns[0].column_type()
            ),
        )),
    }
}

/// Rows numbered by their cells in some columns of any type.
pub(super) fn keys(names: &[String], columns: &[&Column]) -> Result<Keys, Fault> {
    let whole = |column: &Column| match &column.0 {
        // Zero equals minus zero, and there is no NaN.
        Data::Real(array) => {
            Column::integer(array.iter().map(|cell| cell.map(|cell| (cell + 0.0).to_bits() as i64)))
        }
        _ => column.clone(),
    };
    let table = Table::new(names.iter().cloned().zip(columns.iter().map(|column| whole(column))));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    table
        .and_then(|table| Keys::of(&table, &names, false))
        .map_err(|error| Fault::of_table(error.to_string()))
}

/// The rows whose cells stand in an earlier row.
pub(super) fn repeated(names: &[String], columns: &[&Column]) -> Result<Broken, Fault> {
    let Keys { numbers, n_keys } = keys(names, columns)?;
    let mut seen = vec![false; n_keys];
    let mut again = |number: u32| std::mem::replace(&mut seen[number as usize], true);
    let rows = numbers
        .iter()
        .enumerate()
        .filter(|(_, number)| **number != NO_KEY && again(**number))
        .map(|(row, _)| row);
    let rows = rows.collect();
    Ok(Broken { rows, of: numbers.iter().filter(|number| **number != NO_KEY).count() })
}

/// The cells of a column of numbers; integers beyond ±2^53 are near enough for a range.
pub(super) fn numbers(column: &Column) -> Option<Vec<Option<f64>>> {
    match &column.0 {
        Data::Integer(array) => Some(array.iter().map(|cell| cell.map(|cell| cell as f64)).collect()),
        Data::Real(array) => Some(array.iter().collect()),
        _ => None,
    }
}
