//! What can be wrong with a CSV file.

use perennial_core::Error;

use crate::ColumnType;

/// What is wrong with a CSV file, and where. Lines count from 1 and bytes from 0, after decompression
/// and a byte order mark.
///
/// It is the source of the [`perennial_core::Error`] that reading returns:
///
/// ```
/// use perennial_data::{CsvError, CsvReader};
///
/// let error = CsvReader::new().read_bytes(b"a,b\n1,2\n3\n").unwrap_err();
/// assert!(matches!(error.find(), Some(CsvError::Ragged { line: 3, expected: 2, got: 1, .. })));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// There is not even a header.
    #[error("the CSV file is empty; it needs at least a line with the names of the columns")]
    Empty,
    /// A line has too few or too many cells.
    #[error(
        "line {line} (byte {offset}) has {got} cells where the header has {expected}; repair or quote it"
    )]
    Ragged {
        /// The line on which the record starts.
        line: usize,
        /// The byte at which it starts.
        offset: usize,
        /// How many cells the header has.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// Two columns have the same name.
    #[error("columns {first} and {second}, counted from 0, are both named `{name}`; give each its own name")]
    DuplicateColumn {
        /// The name.
        name: String,
        /// The position of the first such column.
        first: usize,
        /// The position of the second.
        second: usize,
    },
    /// A column has no name.
    #[error(
        "column {position}, counted from 0, has no name; name it, or read with `name_empty_columns(true)`"
    )]
    EmptyColumnName {
        /// Its position.
        position: usize,
    },
    /// The file is not UTF-8.
    #[error("line {line} (byte {offset}) is not UTF-8; convert the file, for instance with `iconv -t utf-8`")]
    InvalidUtf8 {
        /// The line.
        line: usize,
        /// The first byte that is wrong.
        offset: usize,
    },
    /// A quoted cell never ends.
    #[error("the quote that opens on line {line} (byte {offset}) is never closed")]
    UnterminatedQuote {
        /// The line with the opening quote.
        line: usize,
        /// The byte of that quote.
        offset: usize,
    },
    /// A line or record is longer than allowed.
    #[error("line {line} is longer than {limit} bytes; is this CSV? Raise `max_line_bytes` if it is")]
    LineTooLong {
        /// The line on which it starts.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// There are more columns than allowed.
    #[error("there are {got} columns, more than {limit}; raise `max_columns` if that is right")]
    TooManyColumns {
        /// How many there are.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// The file is larger than allowed, after decompression.
    #[error("the file holds more than {limit} bytes once decompressed; raise `max_bytes` if that is right")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A text column holds more than one column can.
    #[error("the texts of column `{column}` fill {bytes} bytes, more than 2^31 - 1; split the file")]
    ColumnTooLarge {
        /// The column.
        column: String,
        /// How many bytes its texts fill.
        bytes: usize,
    },
    /// A number is beyond the range of `f64`.
    #[error(
        "line {line} (byte {offset}), column `{column}`: `{value}` is beyond the range of double precision"
    )]
    Number {
        /// The line on which the record starts.
        line: usize,
        /// The byte at which the cell starts.
        offset: usize,
        /// The column.
        column: String,
        /// The cell, cut to 64 characters.
        value: String,
    },
    /// A cell is not of the type that was asked for.
    #[error("line {line} (byte {offset}), column `{column}`: `{value}` is not of type {expected}")]
    Value {
        /// The line on which the record starts.
        line: usize,
        /// The byte at which the cell starts.
        offset: usize,
        /// The column.
        column: String,
        /// The cell, cut to 64 characters.
        value: String,
        /// The type that was asked for.
        expected: ColumnType,
    },
    /// A cell is not one of the levels of the schema.
    #[error("column `{column}`: `{value}` is not a level of the schema")]
    UnknownLevel {
        /// The column.
        column: String,
        /// The cell, cut to 64 characters.
        value: String,
    },
    /// The columns of the file are not those of the schema.
    #[error("column `{column}` is named in the settings of the reader, but the file does not have it")]
    MissingColumn {
        /// The column.
        column: String,
    },
    /// What is compressed is damaged.
    #[error("the {format} stream is damaged: {detail}")]
    Compressed {
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl From<CsvError> for Error {
    fn from(error: CsvError) -> Error {
        let what = error.to_string();
        let outer = match error {
            CsvError::LineTooLong { .. }
            | CsvError::TooManyColumns { .. }
            | CsvError::TooLarge { .. }
            | CsvError::ColumnTooLarge { .. } => Error::too_large(what),
            _ => Error::malformed(what),
        };
        outer.with_source(error)
    }
}

/// A cell for a message: at most 64 characters of it.
pub(crate) fn excerpt(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    let mut short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
