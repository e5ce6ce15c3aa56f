//! Writing CSV.

use std::fmt::Write;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::reader::{NULL_TOKENS, check_decimal};
use crate::column::Data;
use crate::growing_file::{GrowingFile, SameColumns, failed, unwritten};
use crate::{Column, Format, Table, calendar};

/// Settings for writing CSV.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `delimiter` | `,` | the byte between cells; in a file that ends in `.tsv` or `.tab` it is a tab, unless it is set to another one than `,` |
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

    fn check(&self) -> Result<()> {
        if !self.delimiter.is_ascii() || b"\"\r\n".contains(&self.delimiter) {
            return Err(Error::invalid_param(
                "delimiter",
                self.delimiter,
                "an ASCII byte, no quote or line end",
            ));
        }
        check_decimal(self.decimal, &[self.delimiter, b'"'])
    }
}

/// Writes a table to a CSV file, whole or not at all. Between the cells of a file that ends in `.tsv` or `.tab` stand tabs, as
/// [`read_csv`](crate::read_csv) reads them, unless the [`delimiter`](CsvOptions::delimiter) is set to another byte than `,`.
///
/// # Errors
/// As for [`to_csv`], and when the file cannot be written.
pub fn write_csv(table: &Table, path: impl AsRef<Path>, options: CsvOptions) -> Result<()> {
    let mut file = options.create(path)?;
    file.append(table)?;
    file.finish().map(|_| ())
}

/// How many rows are made text at once.
const BLOCK: usize = 4096;

/// A CSV file to which tables are added, made by [`CsvOptions::create`]. The file is there once [`finish`](CsvAppender::finish) was called; dropped before that, or
/// after an error of writing, nothing stays of it; a table with other columns is refused, and the file goes on without it.
#[derive(Debug)]
pub struct CsvAppender {
    options: CsvOptions,
    /// Nothing after an error.
    file: Option<GrowingFile>,
    held: SameColumns,
}

impl CsvOptions {
    /// Begins a file to which tables are added one after the other, so that it may be larger than memory. Some thousand rows are text at a
    /// time.
    ///
    /// ```
    /// use perennial_data::{Column, CsvOptions, Table};
    ///
    /// let path = std::env::temp_dir().join(format!("appended_{}.csv", std::process::id()));
    /// let mut file = CsvOptions::new().create(&path)?;
    /// for day in [1, 2, 3] {
    ///     file.append(&Table::new([("day", Column::integer([day]))])?)?;
    /// }
    /// assert_eq!(file.finish()?, 3);
    /// assert_eq!(std::fs::read_to_string(&path)?, "day\n1\n2\n3\n");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When a setting is wrong or the file cannot be written.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<CsvAppender> {
        let (path, mut options) = (path.as_ref(), *self);
        if options.delimiter == b',' {
            options.delimiter = Format::of(path).and_then(Format::delimiter).unwrap_or(b',');
        }
        options.check()?;
        Ok(CsvAppender { options, file: Some(GrowingFile::create(path)?), held: SameColumns::default() })
    }
}

impl CsvAppender {
    /// Adds the rows of a table, which has the columns of the first one.
    ///
    /// # Errors
    /// As for [`to_csv`], when the table has others columns than the first one, a table before it failed, or the file cannot be written.
    pub fn append(&mut self, table: &Table) -> Result<()> {
        let first = self.held.n_rows;
        self.held.hold(table)?;
        let mut file = self.file.take().ok_or_else(failed)?;
        let mut text = String::new();
        if self.held.n_tables == 1 {
            header(&mut text, table, self.options);
        }
        for start in (0..table.n_rows().max(1)).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(table.n_rows());
            rows(&mut text, table, block, first, self.options)?;
            file.write_all(text.as_bytes()).map_err(|error| unwritten(file.path(), error))?;
            text.clear();
        }
        self.file = Some(file);
        Ok(())
    }

    /// Puts the file in its place; gives the number of its rows.
    ///
    /// # Errors
    /// When no table was appended, one could not be written, or the file cannot be written.
    pub fn finish(self) -> Result<usize> {
        let n_rows = self.held.some()?;
        self.file.ok_or_else(failed)?.finish()?;
        Ok(n_rows)
    }
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
    options.check()?;
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let mut out = String::with_capacity(16 * (table.n_rows() + 1) * table.n_cols());
    header(&mut out, table, options);
    rows(&mut out, table, 0..table.n_rows(), 0, options)?;
    Ok(out)
}

fn header(out: &mut String, table: &Table, options: CsvOptions) {
    for (at, name) in table.names().enumerate() {
        separate(out, at, options);
        write_text(out, name, options);
    }
    out.push('\n');
}

/// Some rows of a table, before which there were so many of other tables.
fn rows(
    out: &mut String,
    table: &Table,
    rows: Range<usize>,
    before: usize,
    options: CsvOptions,
) -> Result<()> {
    let columns: Vec<(&str, &Column)> = table.columns().collect();
    for row in rows {
        for (at, (name, column)) in columns.iter().enumerate() {
            separate(out, at, options);
            if !column.is_null(row) {
                write_cell(out, column, row, before, options)
                    .map_err(|error| error.context(format!("column `{name}`")))?;
            }
        }
        out.push('\n');
    }
    Ok(())
}

fn separate(out: &mut String, at: usize, options: CsvOptions) {
    if at > 0 {
        out.push(char::from(options.delimiter));
    }
}

fn write_cell(
    out: &mut String,
    column: &Column,
    row: usize,
    before: usize,
    options: CsvOptions,
) -> Result<()> {
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
            "row {}: `{date}` lies outside of the years 0 to 9999 and cannot be written to CSV",
            before + row
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
