//! Asks the server over HTTP, as its clients would.

use std::net::SocketAddr;

use perennial::data::{ColumnType, Table};
use perennial::prelude::*;
use serde_json::{Map, Value, json};

/// The rows of a table as JSON records.
pub(crate) fn records(table: &Table) -> Result<Vec<Value>> {
    let mut records = vec![Map::new(); table.n_rows()];
    for (name, column) in table.columns() {
        for (row, record) in records.iter_mut().enumerate() {
            let cell = match (column.cell(row), column.column_type()) {
                (None, _) => Value::Null,
                (Some(cell), ColumnType::Integer | ColumnType::Real) => {
                    serde_json::from_str(&cell).map_err(Error::other)?
                }
                (Some(cell), ColumnType::Boolean) => json!(cell == "true"),
                (Some(cell), _) => json!(cell),
            };
            record.insert(name.to_owned(), cell);
        }
    }
    Ok(records.into_iter().map(Value::Object).collect())
}

/// What the server said: the status and the body.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Result<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{address}{path}")).header("content-type", "application/json");
    let mut response = request.send(body).map_err(Error::other)?;
    let text = response.body_mut().read_to_string().map_err(Error::other)?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// Predictions for the rows of a table, from the server.
pub(crate) fn predict(address: SocketAddr, model: &str, table: &Table) -> Result<Values> {
    let body = json!({ "records": records(table)? }).to_string();
    let (status, answer) = post(address, &format!("/v1/models/{model}:predict"), &body)?;
    let predictions = answer["predictions"].as_array().filter(|_| status == 200);
    let Some(predictions) = predictions else {
        return Err(Error::other(format!("the server answered {status}: {answer}")));
    };
    Ok(predictions.iter().filter_map(Value::as_f64).collect())
}
