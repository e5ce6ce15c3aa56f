//! Cells of a request to columns of a table.

use perennial_data::{Column, ColumnType, CsvReader, Field, Schema, Table};

use super::json::Json;
use super::refusal::Refusal;

/// The table that the model takes, from the cells of each column in the order of the schema. Cells may be missing where they were
/// when learning, and in the columns that `may_miss` names.
pub(crate) fn table(
    schema: &Schema,
    columns: Vec<Vec<Json>>,
    may_miss: impl Fn(&str) -> bool,
) -> Result<Table, Refusal> {
    let columns = schema.columns().iter().zip(columns).map(|(field, cells)| {
        let nullable = field.nullable || may_miss(&field.name);
        Ok((field.name.as_str(), column(field, nullable, &cells)?))
    });
    let table = Table::new(columns.collect::<Result<Vec<_>, Refusal>>()?)?;
    Ok(schema.align(&table)?)
}

fn column(field: &Field, nullable: bool, cells: &[Json]) -> Result<Column, Refusal> {
    if let Some(row) = cells.iter().position(|cell| *cell == Json::Null && !nullable) {
        return Err(Refusal::unfit(format!(
            "column `{}`, row {row}: null, but this column must not be missing",
            field.name
        )));
    }
    Ok(match field.column_type {
        ColumnType::Real => Column::real(convert(field, cells, "a number", real)?),
        ColumnType::Integer => Column::integer(convert(field, cells, "a whole number of 64 bits", integer)?),
        ColumnType::Boolean => Column::boolean(convert(field, cells, "true or false", |cell| match cell {
            Json::Boolean(value) => Some(*value),
            _ => None,
        })?),
        ColumnType::Text => Column::text(convert(field, cells, "a text", text)?),
        ColumnType::Category => Column::category(convert(field, cells, "a text", text)?),
        ColumnType::Date => moments(field, cells, "a day such as \"2024-02-29\"")?,
        ColumnType::DateTime => moments(field, cells, "a moment such as \"2024-02-29T23:59:59Z\"")?,
        other => {
            return Err(Refusal::unfit(format!(
                "column `{}` is of type {other}, which this server cannot take",
                field.name
            )));
        }
    })
}

fn convert<'a, T>(
    field: &Field,
    cells: &'a [Json],
    expected: &str,
    cell_to: impl Fn(&'a Json) -> Option<T>,
) -> Result<Vec<Option<T>>, Refusal> {
    let convert_one = |(row, cell): (usize, &'a Json)| match cell {
        Json::Null => Ok(None),
        cell => cell_to(cell).map(Some).ok_or_else(|| wrong(field, row, cell, expected)),
    };
    cells.iter().enumerate().map(convert_one).collect()
}

fn wrong(field: &Field, row: usize, cell: &Json, expected: &str) -> Refusal {
    Refusal::unfit(format!("column `{}`, row {row}: {}; expected {expected}", field.name, cell.describe()))
}

fn real(cell: &Json) -> Option<f64> {
    match cell {
        Json::Integer(value) => Some(*value as f64),
        Json::Real(value) => value.is_finite().then_some(*value),
        _ => None,
    }
}

/// Some clients write 3 as 3.0.
fn integer(cell: &Json) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match cell {
        Json::Integer(value) => Some(*value),
        Json::Real(value) if value.fract() == 0.0 && value.abs() <= EXACT => Some(*value as i64),
        _ => None,
    }
}

fn text(cell: &Json) -> Option<&str> {
    match cell {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// Days and moments are read by the reader of files, so that both take the same forms.
fn moments(field: &Field, cells: &[Json], expected: &str) -> Result<Column, Refusal> {
    let texts = convert(field, cells, expected, |cell| text(cell).filter(|text| is_moment(text)))?;
    let mut file = String::from("moment\n");
    for text in &texts {
        file.push_str(text.unwrap_or("NA"));
        file.push('\n');
    }
    let reader = CsvReader::new().types([("moment", field.column_type)]);
    let table = reader
        .read_bytes(file.as_bytes())
        .map_err(|error| Refusal::unfit(format!("column `{}`: {error}; expected {expected}", field.name)))?;
    Ok(table.column("moment")?.clone())
}

fn is_moment(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-+:. TZ".contains(&byte))
}
