//! Writing CSV.

use std::fmt::Write;
use std::path::Path;

use perennial_core::{Error, Result, write_atomic};
use serde::{Deserialize, Serialize};

use super::reader::{NULL_TOKENS, check_decimal};
use crate::column::Data;
use crate::{Column, Table, calendar};

/// Settings for writing CSV.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `delimiter` | `,` | the byte between cells |
/// | `decimal` | `.` | the mark before the decimals of numbers |
/// | `excel_safe` | false | whether a text that a spreadsheet would run as a formula gets a `'` in front |
///
/// A missing cell is written as nothing, and a text that would read as a missing cell is quoted, so
/// [`CsvReader`](crate::CsvReader) with the schema of the table gives the same table again. With `excel_safe`,
/// texts and names that start with `=`, `+`, `-`, `@`, TAB or CR come back with the `'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvOptions {
    delimiter: u8,
    decimal: u8,
    excel_safe: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', decimal: b'.', excel_safe: false }
    }
}

impl CsvOptions {
    /// The default settings.
    pub fn new() -> Self {
        CsvOptions::default()
    }

    /// The byte between cells.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// The mark before the decimals of numbers; `;` as the delimiter goes with `,`.
    #[must_use]
    pub fn decimal(mut self, decimal: u8) -> Self {
        self.decimal = decimal;
        self
    }

    /// Whether a text that a spreadsheet would run as a formula gets a `'` in front.
    #[must_use]
    pub fn excel_safe(mut self, excel_safe: bool) -> Self {
        self.excel_safe = excel_safe;
        self
    }
}

/// Writes a table to a CSV file, whole or not at all.
///
/// # Errors
/// As for [`to_csv`], and when the file cannot be written.
pub fn write_csv(table: &Table, path: impl AsRef<Path>, options: CsvOptions) -> Result<()> {
    write_atomic(path, to_csv(table, options)?.as_bytes())
}

/// A table as CSV, with a header.
///
/// ```
/// use perennial_data::{CsvOptions, Table, to_csv};
///
/// let table = Table::builder().text("name", [Some("=1+1"), None]).real("x", [0.1, 2.0]).build()?;
/// assert_eq!(to_csv(&table, CsvOptions::new().excel_safe(true))?, "name,x\n'=1+1,0.1\n,2.0\n");
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the table has no columns, a date lies outside of the years 0 to 9999, or a setting is wrong.
pub fn to_csv(table: &Table, options: CsvOptions) -> Result<String> {
    if !options.delimiter.is_ascii() || b"\"\r\n".contains(&options.delimiter) {
        return Err(Error::invalid_param(
            "delimiter",
            options.delimiter,
            "an ASCII byte, no quote or line end",
        ));
    }
    check_decimal(options.decimal, &[options.delimiter, b'"'])?;
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let columns: Vec<(&str, &Column)> = table.columns().collect();
    let mut out = String::with_capacity(16 * (table.n_rows() + 1) * columns.len());
    for (at, (name, _)) in columns.iter().enumerate() {
        separate(&mut out, at, options);
        write_text(&mut out, name, options);
    }
    out.push('\n');
    for row in 0..table.n_rows() {
        for (at, (name, column)) in columns.iter().enumerate() {
            separate(&mut out, at, options);
            if !column.is_null(row) {
                write_cell(&mut out, column, row, options)
                    .map_err(|error| error.context(format!("column `{name}`")))?;
            }
        }
        out.push('\n');
    }
    Ok(out)
}

fn separate(out: &mut String, at: usize, options: CsvOptions) {
    if at > 0 {
        out.push(char::from(options.delimiter));
    }
}

fn write_cell(out: &mut String, column: &Column, row: usize, options: CsvOptions) -> Result<()> {
    let start = out.len();
    // Writing to a `String` cannot fail.
    let _ = match &column.0 {
        Data::Text(_) | Data::Category(_) => {
            write_text(out, column.text_at(row).unwrap_or_default(), options);
            return Ok(());
        }
        Data::Integer(array) => write!(out, "{}", array.value(row)),
        Data::Real(array) => {
            let written = write!(out, "{:?}", array.value(row));
            if options.decimal != b'.'
                && let Some(point) = out[start..].find('.').map(|at| start + at)
            {
                out.replace_range(point..=point, char::from(options.decimal).encode_utf8(&mut [0; 4]));
            }
            written
        }
        Data::Boolean(array) => write!(out, "{}", array.value(row)),
        Data::Date(array) => calendar::write_date(out, array.value(row)),
        Data::DateTime(array) => calendar::write_date_time(out, array.value(row)),
    };
    let dates = matches!(column.0, Data::Date(_) | Data::DateTime(_));
    if dates && !calendar::is_readable(&out.as_bytes()[start..]) {
        let date = &out[start..];
        return Err(Error::unsupported(format!(
            "row {row}: `{date}` lies outside of the years 0 to 9999 and cannot be written to CSV"
        )));
    }
    // A delimiter such as `.`, `-` or a digit stands in numbers and dates too; quoted they are still such.
    if out.as_bytes()[start..].contains(&options.delimiter) {
        out.insert(start, '"');
        out.push('"');
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str, options: CsvOptions) {
    let formula = options.excel_safe && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let special = |byte: u8| byte == options.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    // The reader drops a byte order mark, and spaces if it is told to.
    let odd_ends = text.starts_with([' ', '\t', '\u{feff}']) || text.ends_with([' ', '\t']);
    if !(odd_ends || text.bytes().any(special) || NULL_TOKENS.contains(&text)) {
        if formula {
            out.push('\'');
        }
        out.push_str(text);
        return;
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    for symbol in text.chars() {
        if symbol == '"' {
            out.push('"');
        }
        out.push(symbol);
    }
    out.push('"');
}
