//! Bodies of requests to tables.

use std::collections::BTreeMap;

use perennial_data::{ColumnType, Schema, Table};

use super::Served;
use super::cells;
use super::json::{Json, JsonError};
use super::refusal::Refusal;

/// A request that fits the model.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) rows: Table,
    /// What the client calls the request.
    pub(crate) id: Option<String>,
    /// The outputs that the client wants; all where it names none.
    pub(crate) outputs: Option<Vec<String>>,
}

/// The protocols in which predictions are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Rows: `{"instances": [[..]]}` or `{"records": [{..}]}`.
    Rows,
    /// The Open Inference Protocol, version 2: one tensor per column.
    Tensors,
}

impl Request {
    pub(crate) fn parse(
        body: &[u8],
        protocol: Protocol,
        served: &Served,
        max_rows: usize,
    ) -> Result<Self, Refusal> {
        let schema = &served.schema;
        // Each cell may stand in a list of its own, and each row too.
        let of_each = 2 * schema.columns().len() as u64 + 1;
        let values = (max_rows as u64).saturating_add(1).saturating_mul(of_each).saturating_add(1024);
        let json = Json::parse(body, values).map_err(|error| match error {
            JsonError::Malformed(message) => {
                Refusal::new(hyper::StatusCode::BAD_REQUEST, format!("the body is not sound JSON: {message}"))
            }
            JsonError::TooMany => too_many(max_rows),
        })?;
        let Json::Map(mut parts) = json else {
            return Err(Refusal::unfit(format!("the body is {}; expected an object", json.describe())));
        };
        let known: &[&str] = match protocol {
            Protocol::Rows => &["instances", "records"],
            Protocol::Tensors => &["id", "parameters", "inputs", "outputs"],
        };
        only(&parts, known, "the body")?;
        let columns = match protocol {
            Protocol::Rows => match (parts.remove("instances"), parts.remove("records")) {
                (Some(rows), None) => instances(schema, list(rows, "instances")?, max_rows)?,
                (None, Some(rows)) => records(schema, list(rows, "records")?, max_rows)?,
                _ => return Err(Refusal::unfit("give the rows as `instances` or as `records`")),
            },
            Protocol::Tensors => {
                let Some(inputs) = parts.remove("inputs") else {
                    return Err(Refusal::unfit("`inputs` is missing"));
                };
                tensors(schema, list(inputs, "inputs")?, max_rows)?
            }
        };
        if columns.first().is_none_or(Vec::is_empty) {
            return Err(Refusal::unfit("there are no rows; give at least one"));
        }
        let id = match parts.remove("id") {
            None => None,
            Some(Json::Text(id)) => Some(id),
            Some(other) => {
                return Err(Refusal::unfit(format!("`id` is {}; expected a text", other.describe())));
            }
        };
        let outputs = parts.remove("outputs").map(output_names).transpose()?;
        let may_miss = |name: &str| served.held.as_ref().is_some_and(|held| held.sets_missing_aside(name));
        Ok(Request { rows: cells::table(schema, columns, may_miss)?, id, outputs })
    }
}

fn too_many(max_rows: usize) -> Refusal {
    Refusal::too_large(format!("there are too many values; one request may have {max_rows} rows"))
}

fn list(json: Json, name: &str) -> Result<Vec<Json>, Refusal> {
    match json {
        Json::List(items) => Ok(items),
        other => Err(Refusal::unfit(format!("`{name}` is {}; expected a list", other.describe()))),
    }
}

fn only(map: &BTreeMap<String, Json>, known: &[&str], place: &str) -> Result<(), Refusal> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            Err(Refusal::unfit(format!("{place} has the key {}; expected {}", cut(key), known.join(", "))))
        }
    }
}

fn cut(text: &str) -> String {
    format!("`{}`", text.chars().take(64).collect::<String>())
}

fn empty_columns(schema: &Schema, rows: &[Json], max_rows: usize) -> Result<Vec<Vec<Json>>, Refusal> {
    if rows.len() > max_rows {
        return Err(too_many(max_rows));
    }
    Ok(schema.columns().iter().map(|_| Vec::new()).collect())
}

fn instances(schema: &Schema, rows: Vec<Json>, max_rows: usize) -> Result<Vec<Vec<Json>>, Refusal> {
    let mut columns = empty_columns(schema, &rows, max_rows)?;
    for (number, row) in rows.into_iter().enumerate() {
        let Json::List(cells) = row else {
            return Err(Refusal::unfit(format!(
                "row {number} is {}; expected a list of cells, or use `records`",
                row.describe()
            )));
        };
        if let Some(field) = schema.columns().get(cells.len()) {
            return Err(Refusal::unfit(format!("row {number} has no cell for column `{}`", field.name)));
        }
        if cells.len() > columns.len() {
            return Err(Refusal::unfit(format!(
                "row {number} has {} cells for {} columns, the last of which is `{}`",
                cells.len(),
                columns.len(),
                schema.columns().last().map_or("", |field| &field.name)
            )));
        }
        columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
    }
    Ok(columns)
}

fn records(schema: &Schema, rows: Vec<Json>, max_rows: usize) -> Result<Vec<Vec<Json>>, Refusal> {
    let mut columns = empty_columns(schema, &rows, max_rows)?;
    for (number, row) in rows.into_iter().enumerate() {
        let Json::Map(mut cells) = row else {
            return Err(Refusal::unfit(format!("record {number} is {}; expected an object", row.describe())));
        };
        for (field, column) in schema.columns().iter().zip(&mut columns) {
            let Some(cell) = cells.remove(&field.name) else {
                return Err(Refusal::unfit(format!("record {number}: column `{}` is missing", field.name)));
            };
            column.push(cell);
        }
        if let Some(extra) = cells.keys().next() {
            return Err(Refusal::unfit(format!("record {number}: the model knows no column {}", cut(extra))));
        }
    }
    Ok(columns)
}

fn tensors(schema: &Schema, inputs: Vec<Json>, max_rows: usize) -> Result<Vec<Vec<Json>>, Refusal> {
    let mut given: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut n_rows = None;
    for input in inputs {
        let (name, cells) = tensor(schema, input, max_rows)?;
        if *n_rows.get_or_insert(cells.len()) != cells.len() {
            return Err(Refusal::unfit(format!(
                "input `{name}` has {} rows, others have {}",
                cells.len(),
                n_rows.unwrap_or_default()
            )));
        }
        if given.insert(name.clone(), cells).is_some() {
            return Err(Refusal::unfit(format!("input `{name}` is given twice")));
        }
    }
    let take = |field: &perennial_data::Field| {
        given.remove(&field.name).ok_or_else(|| Refusal::unfit(format!("input `{}` is missing", field.name)))
    };
    schema.columns().iter().map(take).collect()
}

/// The name of a tensor, which is that of a column, and its cells.
fn tensor(schema: &Schema, input: Json, max_rows: usize) -> Result<(String, Vec<Json>), Refusal> {
    let Json::Map(mut parts) = input else {
        return Err(Refusal::unfit(format!("an input is {}; expected an object", input.describe())));
    };
    only(&parts, &["name", "shape", "datatype", "parameters", "data"], "an input")?;
    let Some(Json::Text(name)) = parts.remove("name") else {
        return Err(Refusal::unfit("an input has no `name`"));
    };
    let Some(field) = schema.field(&name) else {
        return Err(Refusal::unfit(format!("the model knows no input {}", cut(&name))));
    };
    let wrong = |what: String| Refusal::unfit(format!("input `{name}`: {what}"));
    let n_rows = match parts.remove("shape") {
        Some(Json::List(shape)) => match shape.as_slice() {
            [Json::Integer(n)] | [Json::Integer(n), Json::Integer(1)] => usize::try_from(*n).ok(),
            _ => None,
        },
        _ => None,
    };
    let n_rows = n_rows.ok_or_else(|| wrong("`shape` must be [rows] or [rows, 1]".to_owned()))?;
    if n_rows > max_rows {
        return Err(too_many(max_rows));
    }
    let Some(Json::Text(datatype)) = parts.remove("datatype") else {
        return Err(wrong("`datatype` is missing".to_owned()));
    };
    if !accepts(field.column_type, &datatype) {
        return Err(wrong(format!(
            "datatype {} does not go into a column of type {}; use {}",
            cut(&datatype),
            field.column_type,
            datatype_of(field.column_type)
        )));
    }
    let Some(Json::List(data)) = parts.remove("data") else {
        return Err(wrong("`data` must be a list".to_owned()));
    };
    let mut cells = Vec::with_capacity(n_rows.min(data.len()));
    for (row, item) in data.into_iter().enumerate() {
        let cell = match item {
            Json::List(mut inner) if inner.len() == 1 => inner.remove(0),
            other => other,
        };
        let shown = cell.describe();
        let cell =
            narrow(cell, &datatype).ok_or_else(|| wrong(format!("row {row}: {shown} is no {datatype}")))?;
        cells.push(cell);
    }
    if cells.len() != n_rows {
        return Err(wrong(format!("`data` has {} rows where `shape` says {n_rows}", cells.len())));
    }
    Ok((name, cells))
}

fn output_names(outputs: Json) -> Result<Vec<String>, Refusal> {
    let name_of = |output: Json| match output {
        Json::Map(mut parts) => match parts.remove("name") {
            Some(Json::Text(name)) => Ok(name),
            _ => Err(Refusal::unfit("an output has no `name`")),
        },
        other => Err(Refusal::unfit(format!("an output is {}; expected an object", other.describe()))),
    };
    list(outputs, "outputs")?.into_iter().map(name_of).collect()
}

/// The datatype that the server names for a column.
pub(crate) fn datatype_of(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Real => "FP64",
        ColumnType::Integer => "INT64",
        ColumnType::Boolean => "BOOL",
        _ => "BYTES",
    }
}

fn accepts(column_type: ColumnType, datatype: &str) -> bool {
    match column_type {
        ColumnType::Real | ColumnType::Integer => matches!(datatype, "FP64" | "FP32" | "INT64" | "INT32"),
        ColumnType::Boolean => datatype == "BOOL",
        _ => datatype == "BYTES",
    }
}

/// A cell as a value of the datatype, where it is one: an `FP32` is rounded as the sender's own was.
fn narrow(cell: Json, datatype: &str) -> Option<Json> {
    let cell = match (cell, datatype) {
        (Json::Null, _) => Json::Null,
        (Json::Integer(value), "FP32") => Json::Real(f64::from(value as f32)),
        (Json::Real(value), "FP32") => Json::Real(f64::from(value as f32)),
        (Json::Integer(value), "INT32") => Json::Integer(i32::try_from(value).ok()?.into()),
        (Json::Real(_), "INT64" | "INT32") => return None,
        (cell, _) => cell,
    };
    match cell {
        Json::Real(value) if !value.is_finite() => None,
        cell => Some(cell),
    }
}
