//! Tables as the binary stream that `COPY .. FROM` takes.

use std::io::Write;

use perennial_core::{Error, Result};
use postgres::Config;

use super::cells::{EPOCH_DAYS, EPOCH_MICROS};
use super::{connect, refused};
use crate::column::Data;
use crate::{Column, ColumnType, Table};

/// What a name keeps at most.
const NAME_BYTES: usize = 63;
/// How many bytes go to the server at once.
const SENT: usize = 1 << 16;

pub(super) fn write(table: &Table, config: &Config, name: &str) -> Result<()> {
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let columns = table
        .columns()
        .map(|(name, column)| Ok(format!("{} {}", quoted(name)?, declared(column.column_type()))))
        .collect::<Result<Vec<_>>>()?;
    let name = quoted(name)?;
    let mut client = connect(config)?;
    let mut transaction = client.transaction().map_err(refused)?;
    transaction.batch_execute(&format!("CREATE TABLE {name} ({})", columns.join(", "))).map_err(refused)?;
    let mut copy =
        transaction.copy_in(&format!("COPY {name} FROM STDIN (FORMAT binary)")).map_err(refused)?;
    let mut send = |bytes: &mut Vec<u8>| -> Result<()> {
        copy.write_all(bytes).map_err(|error| Error::io("cannot send rows to the server", error))?;
        bytes.clear();
        Ok(())
    };
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in 0..table.n_rows() {
        bytes.extend((table.n_cols() as i16).to_be_bytes());
        for (name, column) in table.columns() {
            cell(&mut bytes, column, row)
                .map_err(|error| error.context(format!("row {row}, column `{name}`")))?;
        }
        if bytes.len() > SENT {
            send(&mut bytes)?;
        }
    }
    bytes.extend((-1_i16).to_be_bytes());
    send(&mut bytes)?;
    copy.finish().map_err(refused)?;
    transaction.commit().map_err(refused)
}

/// A name as SQL has it. PostgreSQL would cut a longer one without a word.
fn quoted(name: &str) -> Result<String> {
    if name.is_empty() || name.len() > NAME_BYTES || name.contains('\0') {
        return Err(Error::invalid_name(format!(
            "`{name}` is no name for PostgreSQL, which keeps 1 to {NAME_BYTES} bytes; it has {}",
            name.len()
        )));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

fn declared(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text | ColumnType::Category => "text",
        ColumnType::Integer => "bigint",
        ColumnType::Real => "double precision",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::DateTime => "timestamptz",
    }
}

/// Appends the length of a cell and the cell.
fn cell(bytes: &mut Vec<u8>, column: &Column, row: usize) -> Result<()> {
    let mut put = |cell: &[u8]| {
        let length = i32::try_from(cell.len()).map_err(|_| Error::too_large("the text exceeds 2 GiB"))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(cell);
        Ok(())
    };
    let beyond = || Error::unsupported("the day is before the calendar of PostgreSQL");
    if column.is_null(row) {
        bytes.extend((-1_i32).to_be_bytes());
        return Ok(());
    }
    match &column.0 {
        Data::Integer(array) => put(&array.value(row).to_be_bytes()),
        Data::Real(array) => put(&array.value(row).to_be_bytes()),
        Data::Boolean(array) => put(&[u8::from(array.value(row))]),
        Data::Date(array) => {
            // The two ends stand for infinity there.
            let days = array.value(row).checked_sub(EPOCH_DAYS).filter(|days| *days != i32::MIN);
            put(&days.ok_or_else(beyond)?.to_be_bytes())
        }
        Data::DateTime(array) => {
            let micros = array.value(row).checked_sub(EPOCH_MICROS).filter(|micros| *micros != i64::MIN);
            put(&micros.ok_or_else(beyond)?.to_be_bytes())
        }
        Data::Text(_) | Data::Category(_) => {
            let text = column.text_at(row).unwrap_or_default();
            if text.contains('\0') {
                return Err(Error::unsupported(
                    "the text has the character U+0000, which PostgreSQL does not keep",
                ));
            }
            put(text.as_bytes())
        }
    }
}
