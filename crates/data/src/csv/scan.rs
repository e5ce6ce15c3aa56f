//! Where records and cells start and end.
//!
//! A cell that starts with the quote runs to the next quote that stands alone; a doubled quote inside is one
//! quote. A quote anywhere else is a character like any other. A record ends at LF, CR or CRLF outside of
//! quotes. Lines without a character are skipped, unless there is one column: there they are a missing cell.

use std::borrow::Cow;
use std::ops::Range;

use super::ends::{self, Ends};
use crate::ColumnType;

/// The characters that give a file its structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
}

/// What can be wrong at a byte.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw {
    Ragged {
        got: usize,
    },
    UnterminatedQuote,
    TooLong,
    InvalidUtf8,
    /// The cell of a column is not of the type that was given.
    Type {
        column: usize,
        expected: ColumnType,
    },
}

/// The cells of whole records, row by row.
pub(super) struct Cells<'a> {
    bytes: &'a [u8],
    /// Start and end of each cell; the top bit of the end says that the cell is quoted.
    ranges: Vec<(u32, u32)>,
    n_cols: usize,
    trim: bool,
}

pub(super) const QUOTED: u32 = 1 << 31;

/// One cell as it stands in the file, quotes included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a> {
    pub(super) raw: &'a [u8],
    pub(super) quoted: bool,
    pub(super) offset: usize,
}

impl<'a> Cell<'a> {
    /// The cell without its quotes.
    #[inline]
    pub(super) fn content(&self, quote: u8) -> Cow<'a, [u8]> {
        if self.quoted { self.unquoted(quote) } else { Cow::Borrowed(self.raw) }
    }

    fn unquoted(&self, quote: u8) -> Cow<'a, [u8]> {
        // Most quoted cells are one quote, text without quotes, one quote.
        if let Some((&last, inner)) = self.raw[1..].split_last()
            && last == quote
            && !inner.contains(&quote)
        {
            return Cow::Borrowed(inner);
        }
        let mut content = Vec::with_capacity(self.raw.len());
        let mut rest = &self.raw[1..];
        while let Some(at) = find(rest, |byte| byte == quote) {
            content.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            if rest.first() == Some(&quote) {
                content.push(quote);
                rest = &rest[1..];
            } else {
                break;
            }
        }
        content.extend_from_slice(rest);
        Cow::Owned(content)
    }
}

impl<'a> Cells<'a> {
    /// Cuts a block into cells.
    ///
    /// # Errors
    /// The first flaw and its byte.
    pub(super) fn split(
        bytes: &'a [u8],
        n_cols: usize,
        dialect: Dialect,
        max_record: usize,
        trim: bool,
    ) -> Result<Self, (usize, Flaw)> {
        if bytes.len() >= QUOTED as usize {
            return Err((0, Flaw::TooLong));
        }
        let ranges = ends::records(bytes, n_cols, dialect, max_record)?;
        Ok(Cells { bytes, ranges, n_cols, trim })
    }

    pub(super) fn n_cols(&self) -> usize {
        self.n_cols
    }

    pub(super) fn n_rows(&self) -> usize {
        self.ranges.len() / self.n_cols
    }

    /// The bytes from the first one of a cell on.
    #[inline]
    pub(super) fn from(&self, cell: &Cell<'a>) -> &'a [u8] {
        // Where spaces were dropped the cell starts later, and nothing need come after it.
        if self.trim { cell.raw } else { &self.bytes[cell.offset..] }
    }

    /// The cells of one column.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = Cell<'a>> {
        let ranges = self.ranges[column.min(self.ranges.len())..].iter().step_by(self.n_cols);
        ranges.map(|&range| self.cell(range))
    }

    /// The cells of the first row.
    pub(super) fn row(&self) -> impl Iterator<Item = Cell<'a>> {
        self.ranges[..self.n_cols.min(self.ranges.len())].iter().map(|&range| self.cell(range))
    }

    fn cell(&self, (start, end): (u32, u32)) -> Cell<'a> {
        let raw = &self.bytes[start as usize..(end & !QUOTED) as usize];
        let quoted = end & QUOTED != 0;
        Cell {
            raw: if self.trim && !quoted { raw.trim_ascii() } else { raw },
            quoted,
            offset: start as usize,
        }
    }
}

/// The cells of the first line that is not blank, and the byte after it.
pub(super) fn header(bytes: &[u8], dialect: Dialect) -> Result<Option<(Cells<'_>, usize)>, (usize, Flaw)> {
    let Some(start) = bytes.iter().position(|&byte| !is_end(byte)) else { return Ok(None) };
    let mut ranges = Vec::new();
    let end = Ends::new(ends::Portable, bytes, dialect).record(start, &mut ranges)?;
    let n_cols = ranges.len();
    Ok(Some((Cells { bytes, ranges, n_cols, trim: false }, after_end(bytes, end))))
}

/// The record at a byte, end of line included, and its cells: none for a line to be skipped, nothing for a quote that is never
/// closed, which takes in all that follows.
pub(super) fn record(
    bytes: &[u8],
    at: usize,
    dialect: Dialect,
    n_cols: usize,
) -> (Range<usize>, Option<Vec<Cell<'_>>>) {
    if is_end(bytes[at]) && n_cols != 1 {
        return (at..after_end(bytes, at), Some(Vec::new()));
    }
    let mut ranges = Vec::with_capacity(n_cols);
    // Ends are kept in 31 bits, as in a block.
    let window = &bytes[at..bytes.len().min(at + (1 << 30))];
    match Ends::new(ends::Portable, window, dialect).record(0, &mut ranges) {
        Ok(end) => {
            let cells = Cells { bytes: window, n_cols: ranges.len(), ranges, trim: false };
            (at..after_end(bytes, at + end), Some(cells.row().collect()))
        }
        Err(_) => (at..bytes.len(), None),
    }
}

/// Cuts bytes into blocks of whole records, each of about `size` bytes. The blocks depend on nothing else.
///
/// # Errors
/// The byte of a quote that is never closed.
pub(super) fn blocks(
    bytes: &[u8],
    start: usize,
    dialect: Dialect,
    size: usize,
) -> Result<Vec<Range<usize>>, usize> {
    let mut blocks = Vec::new();
    let mut start = start;
    while start < bytes.len() {
        let end = match start.checked_add(size) {
            Some(target) if target < bytes.len() => record_start_from(bytes, start, target, dialect)?,
            _ => bytes.len(),
        };
        blocks.push(start..end);
        start = end;
    }
    Ok(blocks)
}

/// The start of a record after `target`, knowing that one starts at `start`.
///
/// Outside of quotes, a quote opens a cell exactly when a delimiter or a line end stands before it, so the way
/// leads from quote to quote; the lines between need not be looked at.
pub(super) fn record_start_from(
    bytes: &[u8],
    start: usize,
    target: usize,
    dialect: Dialect,
) -> Result<usize, usize> {
    let mut at = start;
    loop {
        let from = at.max(target);
        let quote = match find(&bytes[at..from], |byte| byte == dialect.quote) {
            Some(length) => at + length,
            None => match find(&bytes[from..], |byte| is_end(byte) || byte == dialect.quote) {
                None => return Ok(bytes.len()),
                Some(length) if is_end(bytes[from + length]) => return Ok(after_end(bytes, from + length)),
                Some(length) => from + length,
            },
        };
        at = quote + 1;
        if quote == start || is_end(bytes[quote - 1]) || bytes[quote - 1] == dialect.delimiter {
            at = after_quoted(bytes, quote, dialect.quote).ok_or(quote)?;
            // What follows the closing quote belongs to the cell, further quotes included.
            match bytes[at..].iter().position(|&byte| byte == dialect.delimiter || is_end(byte)) {
                None => return Ok(bytes.len()),
                Some(length) => at += length,
            }
        }
    }
}

/// The byte after the quote that closes the one at `at`.
pub(super) fn after_quoted(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += bytes[at..].iter().position(|&byte| byte == quote)? + 1;
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

pub(super) fn is_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// The byte after the end of line at `at`, if there is one.
pub(super) fn after_end(bytes: &[u8], at: usize) -> usize {
    match bytes[at..] {
        [b'\r', b'\n', ..] => at + 2,
        [b'\r' | b'\n', ..] => at + 1,
        _ => at,
    }
}

/// The first byte that is wanted: in steps that the compiler turns into vector instructions.
fn find(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut start = 0;
    for chunk in bytes.chunks(64) {
        if chunk.iter().fold(false, |found, &byte| found | wanted(byte)) {
            return chunk.iter().position(|&byte| wanted(byte)).map(|at| start + at);
        }
        start += chunk.len();
    }
    None
}

/// The number of lines that end in a range.
pub(super) fn line_ends(bytes: &[u8], range: Range<usize>) -> usize {
    let range = range.start.min(bytes.len())..range.end.min(bytes.len());
    let part = &bytes[range.clone()];
    // In counts of bytes, which the compiler turns into vector instructions.
    let count = |wanted: u8| -> usize {
        let blocks = part.chunks(128);
        blocks.map(|block| usize::from(block.iter().map(|&byte| u8::from(byte == wanted)).sum::<u8>())).sum()
    };
    let (feeds, returns) = (count(b'\n'), count(b'\r'));
    if returns == 0 {
        return feeds;
    }
    let next = bytes[(range.start + 1).min(bytes.len())..].iter().chain([&0]);
    feeds + part.iter().zip(next).filter(|&(&byte, &next)| byte == b'\r' && next != b'\n').count()
}
