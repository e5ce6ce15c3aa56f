//! JSON lines: one object per line.

mod cells;
mod reader;
mod scan;

use std::path::Path;

use perennial_core::{Error, Result, write_atomic};

use crate::{ColumnType, Schema, Table, calendar};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use self::cells::{Cell, Cells};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use self::reader::Grow;
pub use self::reader::JsonLinesReader;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use self::scan::Found;
pub use self::scan::JsonLinesScan;

/// Reads a file of JSON lines, plain or gzip.
///
/// Each line is an object; its names are the columns, in the order in which they first appear. A name that a line does
/// not have, and `null`, is a missing cell. Types come from all cells: booleans, whole numbers, real numbers (where one
/// cell has a fraction or an exponent), days or moments where all texts are such, else text. Empty lines are passed over.
/// [`JsonLinesReader`] has settings.
///
/// ```
/// use perennial_data::{ColumnType, parse_json_lines};
///
/// let table = parse_json_lines(br#"{"id": 1, "name": "Ada", "born": "1815-12-10"}
/// {"id": 2, "score": 0.5}
/// "#)?;
/// assert_eq!(table.names().collect::<Vec<_>>(), ["id", "name", "born", "score"]);
/// assert_eq!(table.column("born")?.column_type(), ColumnType::Date);
/// assert!(table.column("name")?.is_null(1));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be read or has no object, a line is no object of texts, numbers, booleans and nulls, an object has
/// a name twice, a column has cells of two kinds, or a number has no exact form; the message names line and column. When there
/// are more columns or cells than a reader allows.
pub fn read_json_lines(path: impl AsRef<Path>) -> Result<Table> {
    JsonLinesReader::new().read_path(path)
}

/// As [`read_json_lines`], from bytes.
///
/// # Errors
/// As for [`read_json_lines`].
pub fn parse_json_lines(bytes: &[u8]) -> Result<Table> {
    JsonLinesReader::new().read_bytes(bytes)
}

/// As [`read_json_lines`], with the columns, types and levels of a schema: a table that was written comes back as it was. Texts stay texts though they
/// look like days, a name that no line has is a column of missing cells, and there may be no line at all.
///
/// # Errors
/// When the file cannot be read, a line is no object of texts, numbers, booleans and nulls or has a name that the schema does not know, or a cell cannot
/// be read as the type of its column; see [`Schema::coerce`].
pub fn read_json_lines_with_schema(path: impl AsRef<Path>, schema: &Schema) -> Result<Table> {
    JsonLinesReader::new().schema(schema).read_path(path)
}

/// As [`read_json_lines_with_schema`], from bytes.
///
/// ```
/// use perennial_data::{Table, parse_json_lines_with_schema, to_json_lines};
///
/// let table = Table::builder().category("on", ["2024-02-29", "b"]).text("day", ["2024-02-29", "2024-03-01"]).build()?;
/// let text = to_json_lines(&table)?;
/// assert_eq!(parse_json_lines_with_schema(text.as_bytes(), &table.schema())?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_json_lines_with_schema`].
pub fn parse_json_lines_with_schema(bytes: &[u8], schema: &Schema) -> Result<Table> {
    JsonLinesReader::new().schema(schema).read_bytes(bytes)
}

/// As [`read_json_lines`], with the lines that it would refuse set aside. The second table has the number of each such `line`, the
/// `record` as it stands, at most 64 characters of it, and the `reason`. Where cells of a column are of two kinds, those of the
/// first line that has one are right.
///
/// # Errors
/// When the file cannot be read, is larger than allowed, or no line is an object.
pub fn read_json_lines_with_quarantine(path: impl AsRef<Path>) -> Result<(Table, Table)> {
    JsonLinesReader::new().read_path_with_quarantine(path)
}

/// As [`read_json_lines_with_quarantine`], from bytes.
///
/// ```
/// use perennial_data::parse_json_lines_with_quarantine;
///
/// let (table, quarantine) = parse_json_lines_with_quarantine(b"{\"id\": 1}\n{\"id\": \"two\"}\n{\"id\": 3\n")?;
/// assert_eq!((table.n_rows(), quarantine.n_rows()), (1, 2));
/// assert_eq!(quarantine.column("line")?.as_integer()?.flatten().collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_json_lines_with_quarantine`].
pub fn parse_json_lines_with_quarantine(bytes: &[u8]) -> Result<(Table, Table)> {
    JsonLinesReader::new().read_bytes_with_quarantine(bytes)
}

/// A table as JSON lines: missing cells are `null`, days and moments are texts. Real numbers come back with the same bits. What JSON does not say is
/// lost unless it is read with the schema of the table: that texts which look like days are texts, that categories are categories and
/// what levels they have, the type of a column without a cell, and the columns of a table without rows.
///
/// ```
/// use perennial_data::{Table, parse_json_lines, to_json_lines};
///
/// let table = Table::builder().integer("id", [1, 2]).real("x", [Some(0.1), None]).build()?;
/// let text = to_json_lines(&table)?;
/// assert_eq!(text, "{\"id\":1,\"x\":0.1}\n{\"id\":2,\"x\":null}\n");
/// assert_eq!(parse_json_lines(text.as_bytes())?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the table has no columns, a number is infinite, which JSON cannot write, or a date lies outside of the years 0 to 9999.
pub fn to_json_lines(table: &Table) -> Result<String> {
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let quoted = |text: &str| serde_json::to_string(text).map_err(Error::other);
    let names = table.names().map(quoted).collect::<Result<Vec<_>>>()?;
    let mut out = String::new();
    for row in 0..table.n_rows() {
        for (at, ((plain, column), name)) in table.columns().zip(&names).enumerate() {
            out.push(if at == 0 { '{' } else { ',' });
            out.push_str(name);
            out.push(':');
            let column_type = column.column_type();
            match column.cell(row) {
                None => out.push_str("null"),
                Some(cell) => {
                    writable(&cell, column_type)
                        .map_err(|error| error.context(format!("row {row}, column `{plain}`")))?;
                    match column_type {
                        ColumnType::Integer | ColumnType::Real | ColumnType::Boolean => out.push_str(&cell),
                        _ => out.push_str(&quoted(&cell)?),
                    }
                }
            }
        }
        out.push_str("}\n");
    }
    Ok(out)
}

/// Whether a cell can be read again as what it is.
fn writable(cell: &str, column_type: ColumnType) -> Result<()> {
    match column_type {
        ColumnType::Real if cell.ends_with("inf") => {
            Err(Error::unsupported(format!("JSON has no number for {cell}; replace it, or write Parquet")))
        }
        ColumnType::Date | ColumnType::DateTime if !calendar::is_readable(cell.as_bytes()) => {
            Err(Error::unsupported(format!(
                "`{cell}` lies outside of the years 0 to 9999 and cannot be written to JSON lines"
            )))
        }
        _ => Ok(()),
    }
}

/// Writes a table to a file of JSON lines, whole or not at all.
///
/// # Errors
/// As for [`to_json_lines`], and when the file cannot be written.
pub fn write_json_lines(table: &Table, path: impl AsRef<Path>) -> Result<()> {
    write_atomic(path, to_json_lines(table)?.as_bytes())
}
