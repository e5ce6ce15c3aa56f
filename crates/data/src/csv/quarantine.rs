//! Reading a CSV file with the records that are wrong set aside.

use std::ops::Range;
use std::path::Path;

use perennial_core::{Error, Result, ResultExt};

use super::cell::{self, NullTokens};
use super::error::{CsvError, excerpt};
use super::file::File;
use super::input::{self, Compression};
use super::reader::CsvReader;
use super::scan::{self, Cell, line_ends};
use crate::time_format::TimeFormat;
use crate::{Column, ColumnType, Table, calendar};

/// So many records may be set aside because of a number beyond the range, which is known only once the type is.
const MOST_AGAIN: usize = 100;

/// A record that is set aside: its first line, its text and the reason.
struct Aside {
    line: usize,
    record: String,
    reason: String,
}

impl CsvReader {
    /// Reads a file, plain or gzip, and sets aside the records that reading it would refuse: with too few or too many cells, that
    /// are not UTF-8, longer than a line may be, with a cell that is not of the type or none of the levels that were given, or a
    /// number beyond the range; from a quote on that is never closed, the rest; and what the contract sets aside of the others. The second table has the first `line` of each
    /// such record, the `record` as it stands, at most 64 characters of it, and the `reason`.
    ///
    /// ```
    /// use perennial_data::{ColumnType, CsvReader};
    ///
    /// let reader = CsvReader::new().types([("age", ColumnType::Integer)]);
    /// let (table, quarantine) = reader.read_bytes_with_quarantine(b"name,age\nAda,36\nGrace\nAlan,old\n")?;
    /// assert_eq!(table.n_rows(), 1);
    /// assert_eq!(quarantine.column("line")?.as_integer()?.flatten().collect::<Vec<_>>(), [3, 4]);
    /// assert_eq!(
    ///     quarantine.column("reason")?.as_text()?.flatten().collect::<Vec<_>>(),
    ///     ["it has 1 cells where the header has 2", "column `age`: `old` is not of type integer"]
    /// );
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, its header is wrong, it is larger than allowed, more than 100 records have a number
    /// beyond the range in a column whose type is not given, or the contract fails, see [`Contract::sift`](crate::Contract::sift).
    pub fn read_path_with_quarantine(&self, path: impl AsRef<Path>) -> Result<(Table, Table)> {
        let path = path.as_ref();
        self.check()?;
        // A record may be as long as the file: it is what is set aside.
        let limits = input::Limits { bytes: self.max_bytes, line: usize::MAX };
        let bytes = input::read_path(path, limits)?;
        self.sifted(&bytes).context(format!("reading `{}`", path.display()))
    }

    /// As [`read_path_with_quarantine`](CsvReader::read_path_with_quarantine), from bytes.
    ///
    /// # Errors
    /// As for [`read_path_with_quarantine`](CsvReader::read_path_with_quarantine).
    pub fn read_bytes_with_quarantine(&self, bytes: &[u8]) -> Result<(Table, Table)> {
        self.check()?;
        match Compression::of(bytes)? {
            Some(compression) => {
                let limits = input::Limits { bytes: self.max_bytes, line: usize::MAX };
                self.sifted(&input::decompress(compression, bytes, limits)?)
            }
            None if bytes.len() as u64 > self.max_bytes => {
                Err(CsvError::TooLarge { limit: self.max_bytes }.into())
            }
            None => self.sifted(bytes),
        }
    }

    fn sifted(&self, bytes: &[u8]) -> Result<(Table, Table)> {
        let file = File::new(self, bytes);
        let (names, start) = file.names()?;
        let bytes = file.bytes;
        let types = self.given_types();
        let given: Vec<Option<ColumnType>> = names.iter().map(|name| types.get(name).copied()).collect();
        let nulls = NullTokens::new(&self.null_tokens);
        let dates = self.dates()?;
        let (mut kept, mut aside) = (Vec::new(), Vec::new());
        let (mut at, mut line, mut counted) = (start, 1, 0);
        let mut put_aside = |range: &Range<usize>, reason: String| {
            line += line_ends(bytes, counted..range.start);
            counted = range.start;
            aside.push(Aside { line, record: excerpt(bytes[range.clone()].trim_ascii_end()), reason });
        };
        while at < bytes.len() {
            let (range, cells) = scan::record(bytes, at, self.dialect(), names.len());
            at = range.end;
            let reason = match cells {
                None => Some("a quote opens that is never closed".to_owned()),
                // A blank line is no row.
                Some(cells) if cells.is_empty() => continue,
                Some(cells) => {
                    self.flaw(&bytes[range.clone()], &cells, &names, &given, &nulls, dates.as_ref())
                }
            };
            match reason {
                Some(reason) => put_aside(&range, reason),
                None => kept.push(range),
            }
        }
        let table = loop {
            // The header, and the records that are kept, in one piece.
            let mut clean = bytes[..start].to_vec();
            let mut starts = Vec::with_capacity(kept.len());
            for range in &kept {
                starts.push(clean.len());
                clean.extend_from_slice(&bytes[range.clone()]);
                // The last record of a file may have no end, and set aside from the middle it needs one.
                if !clean.ends_with(b"\n") && !clean.ends_with(b"\r") {
                    clean.push(b'\n');
                }
            }
            match File::new(self, &clean).read() {
                Ok((table, _)) => break table,
                Err(error) => {
                    let Some(CsvError::Number { offset, column, value, .. }) = error.find() else {
                        return Err(error);
                    };
                    let number = starts.partition_point(|start| start <= offset).saturating_sub(1);
                    if aside.len() > MOST_AGAIN || number >= kept.len() {
                        return Err(error);
                    }
                    let range = kept.remove(number);
                    aside.push(Aside {
                        line: 1 + line_ends(bytes, 0..range.start),
                        record: excerpt(bytes[range].trim_ascii_end()),
                        reason: format!(
                            "column `{column}`: `{value}` is beyond the range of double precision"
                        ),
                    });
                }
            }
        };
        let table = match &self.contract {
            None => table,
            Some(contract) => {
                let (held, rows) = contract.sift_rows(&table)?;
                let (mut line, mut counted) = (1, 0);
                aside.extend(rows.into_iter().map(|(row, reason)| {
                    let range = kept[row].clone();
                    line += line_ends(bytes, counted..range.start);
                    counted = range.start;
                    Aside { line, record: excerpt(bytes[range].trim_ascii_end()), reason }
                }));
                held
            }
        };
        aside.sort_by_key(|aside| aside.line);
        Ok((table, table_of(&aside)?))
    }

    /// Why a record is set aside, if it is.
    fn flaw(
        &self,
        record: &[u8],
        cells: &[Cell<'_>],
        names: &[String],
        given: &[Option<ColumnType>],
        nulls: &NullTokens,
        dates: Option<&TimeFormat>,
    ) -> Option<String> {
        if cells.len() != names.len() {
            return Some(format!("it has {} cells where the header has {}", cells.len(), names.len()));
        }
        if record.len() > self.max_line_bytes {
            return Some(format!("it is longer than {} bytes", self.max_line_bytes));
        }
        if std::str::from_utf8(record).is_err() {
            return Some("it is not UTF-8".to_owned());
        }
        cells.iter().zip(names).zip(given).find_map(|((cell, name), given)| {
            let expected = (*given)?;
            let raw = if self.trim && !cell.quoted { cell.raw.trim_ascii() } else { cell.raw };
            let content = Cell { raw, ..*cell }.content(self.quote).into_owned();
            let is_null = nulls.contains(&content) && !(cell.quoted && is_text(expected));
            if is_null || self.is_of(name, &content, expected, dates) {
                return None;
            }
            Some(match expected {
                ColumnType::Category => {
                    format!("column `{name}`: `{}` is none of the levels", excerpt(&content))
                }
                _ => format!("column `{name}`: `{}` is not of type {expected}", excerpt(&content)),
            })
        })
    }

    fn is_of(&self, name: &str, cell: &[u8], expected: ColumnType, dates: Option<&TimeFormat>) -> bool {
        match expected {
            ColumnType::Boolean => cell::parse_boolean(cell).is_some(),
            ColumnType::Integer => cell::parse_integer(cell).is_some(),
            ColumnType::Real => cell::parse_real_by(cell, self.decimal)
                .is_some_and(|number| number.is_nan() || !cell::is_overflow(cell, number)),
            ColumnType::Date => match dates {
                None => calendar::parse_date(cell).is_some(),
                Some(format) => format.day(cell).is_some(),
            },
            ColumnType::DateTime => match dates {
                None => calendar::parse_date_time(cell).is_some(),
                Some(format) => format.moment(cell).is_some(),
            },
            ColumnType::Text => true,
            ColumnType::Category => {
                let levels = self.levels.get(name);
                levels.is_none_or(|levels| levels.iter().any(|level| level.as_bytes() == cell))
            }
        }
    }
}

fn is_text(column_type: ColumnType) -> bool {
    matches!(column_type, ColumnType::Text | ColumnType::Category)
}

fn table_of(aside: &[Aside]) -> Result<Table> {
    quarantine_of(aside.iter().map(|aside| (aside.line, aside.record.as_str(), aside.reason.as_str())))
}

/// The table of records that reading set aside.
pub(crate) fn quarantine_of<'a>(
    aside: impl Iterator<Item = (usize, &'a str, &'a str)> + Clone,
) -> Result<Table> {
    Table::new([
        ("line", Column::integer(aside.clone().map(|(line, _, _)| line as i64))),
        ("record", Column::text(aside.clone().map(|(_, record, _)| Some(record)))),
        ("reason", Column::text(aside.map(|(_, _, reason)| Some(reason)))),
    ])
    .map_err(|error: Error| error.context("records set aside"))
}
