//! Reading one file: names, blocks in parallel, types from all cells.

use std::collections::BTreeMap;
use std::ops::Range;

use perennial_core::{Error, Result};
use rayon::prelude::*;

use super::cell::Kind;
use super::error::{CsvError, excerpt};
use super::growing::{Goal, Growing};
use super::piece::{Piece, Rules};
use super::reader::CsvReader;
use super::reading::Reading;
use super::report::Evidence;
use super::scan::{self, Cells, Dialect, Flaw};
use crate::Table;

/// Blocks that are read before what they hold is added to the columns. One thread keeps them in its cache; several wait for
/// each other less often when there are more.
pub(super) fn blocks_at_once() -> usize {
    match rayon::current_num_threads() {
        1 => 4,
        threads => 16 * threads,
    }
}

/// One file with the settings to read it.
pub(super) struct File<'a> {
    reader: &'a CsvReader,
    pub(super) bytes: &'a [u8],
    dialect: Dialect,
    /// Where the bytes stand, when they are the records of a part of a file.
    part: Option<Part<'a>>,
}

/// What is known of a file before one of its parts is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) names: &'a [String],
    /// The lines and the bytes before the part.
    pub(super) lines: usize,
    pub(super) bytes: usize,
}

/// A result in which flaws know their byte of the file, so that the first one can be told.
type Placed<T> = std::result::Result<T, (usize, Flaw)>;

impl<'a> File<'a> {
    pub(super) fn new(reader: &'a CsvReader, bytes: &'a [u8]) -> Self {
        File::after_mark(reader, bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
    }

    /// As `new`, when a byte order mark was dropped already: a second one is text.
    pub(super) fn after_mark(reader: &'a CsvReader, bytes: &'a [u8]) -> Self {
        File { reader, bytes, dialect: reader.dialect(), part: None }
    }

    /// Whole records of a file, without its header.
    pub(super) fn part(reader: &'a CsvReader, bytes: &'a [u8], part: Part<'a>) -> Self {
        File { reader, bytes, dialect: reader.dialect(), part: Some(part) }
    }

    /// The table, and why each column got its type.
    pub(super) fn read(&self) -> Result<(Table, Vec<Evidence>)> {
        let (names, start) = self.names()?;
        let mut reading = Reading::new(self.reader, names)?;
        self.add_to(&mut reading, start)?;
        if let Some(mut second) = reading.second() {
            self.add_to(&mut second, start)?;
            reading.replace(second)?;
        }
        reading.finish()
    }

    /// What the cells of each column have in common, and nothing more.
    pub(super) fn survey(&self) -> Result<Vec<Kind>> {
        let (names, start) = self.names()?;
        let mut reading = Reading::new(self.reader, names)?;
        self.add_to(&mut reading, start)?;
        Ok(reading.columns.iter().map(|column| column.kind).collect())
    }

    /// Adds the rows from a byte on.
    pub(super) fn add_to(&self, reading: &mut Reading<'_>, start: usize) -> Result<()> {
        let blocks = self.blocks(&reading.names, start)?;
        // What the first block holds is where the others start, so that few cells are read twice.
        let first = usize::from(reading.n_rows() == 0).min(blocks.len());
        let (first, rest) = blocks.split_at(first);
        let group = blocks_at_once();
        for blocks in std::iter::once(first).chain(rest.chunks(group)) {
            let goals: Vec<Goal> = reading.columns.iter().map(Growing::goal).collect();
            let read = blocks.par_iter().map(|block| self.block(block, &reading.rules, &goals)).collect();
            let read = first_error(read).map_err(|flaw| self.error(&reading.names, flaw))?;
            let mut columns: Vec<Vec<Piece>> =
                goals.iter().map(|_| Vec::with_capacity(blocks.len())).collect();
            for pieces in read {
                columns.iter_mut().zip(pieces).for_each(|(column, piece)| column.push(piece));
            }
            let grown = reading.columns.par_iter_mut().zip(columns).zip(&reading.names);
            grown.for_each(|((column, pieces), name)| {
                for (piece, block) in pieces.into_iter().zip(blocks) {
                    if let (None, Some(at)) = (&column.overflow, piece.overflow) {
                        column.overflow = Some(self.overflow(name, block.start + at));
                    }
                    column.add(piece, self.offset(block.start));
                }
            });
        }
        Ok(())
    }

    fn overflow(&self, name: &str, at: usize) -> (usize, CsvError) {
        let (line, column, value) = (self.line(at), name.to_owned(), self.cell_at(at));
        (self.offset(at), CsvError::Number { line, offset: self.offset(at), column, value })
    }

    fn blocks(&self, names: &[String], start: usize) -> Result<Vec<Range<usize>>> {
        scan::blocks(self.bytes, start, self.dialect, self.reader.block_bytes)
            .map_err(|offset| self.error(names, (offset, Flaw::UnterminatedQuote)))
    }

    /// The names of the columns, and the byte at which the first row starts.
    pub(super) fn names(&self) -> Result<(Vec<String>, usize)> {
        if let Some(part) = self.part {
            return Ok((part.names.to_vec(), 0));
        }
        let limit = self.reader.max_line_bytes;
        let window = &self.bytes[..self.bytes.len().min(limit + 1)];
        let too_long = || CsvError::LineTooLong { line: 1, limit };
        let (cells, end) = match scan::header(window, self.dialect) {
            Ok(Some((_, end))) if end > limit => return Err(too_long().into()),
            Ok(Some(header)) => header,
            _ if window.len() < self.bytes.len() => return Err(too_long().into()),
            Ok(None) => return Err(CsvError::Empty.into()),
            Err(flaw) => return Err(self.error(&[], flaw)),
        };
        self.check_utf8(0..end).map_err(|flaw| self.error(&[], flaw))?;
        let n_cols = cells.n_cols();
        if n_cols > self.reader.max_columns {
            return Err(CsvError::TooManyColumns { got: n_cols, limit: self.reader.max_columns }.into());
        }
        if !self.reader.header {
            return Ok(((0..n_cols).map(|position| format!("x{position}")).collect(), 0));
        }
        let mut names = Vec::with_capacity(n_cols);
        let mut seen = BTreeMap::new();
        for (position, cell) in cells.row().enumerate() {
            let mut name = String::from_utf8_lossy(&cell.content(self.dialect.quote)).into_owned();
            if self.reader.trim && !cell.quoted {
                name = name.trim().to_owned();
            }
            if name.is_empty() {
                if !self.reader.name_empty_columns {
                    return Err(CsvError::EmptyColumnName { position }.into());
                }
                name = format!("column{position}");
            }
            if let Some(first) = seen.insert(name.clone(), position) {
                return Err(CsvError::DuplicateColumn { name, first, second: position }.into());
            }
            names.push(name);
        }
        Ok((names, end))
    }

    fn block(&self, block: &Range<usize>, rules: &Rules, goals: &[Goal]) -> Placed<Vec<Piece>> {
        self.check_utf8(block.clone())?;
        let cells = self.split(block, goals.len())?;
        let piece = |(column, goal): (usize, &Goal)| match *goal {
            Goal::Skip => Ok(Piece::skipped(&cells)),
            Goal::Find(kind, most) => Ok(Piece::find(&cells, column, rules, kind, most)),
            Goal::Given(expected) => Piece::of_type(&cells, column, rules, expected)
                .map_err(|at| (block.start + at, Flaw::Type { column, expected })),
        };
        first_error(goals.iter().enumerate().map(piece).collect())
    }

    fn split(&self, block: &Range<usize>, n_cols: usize) -> Placed<Cells<'_>> {
        let bytes = &self.bytes[block.clone()];
        Cells::split(bytes, n_cols, self.dialect, self.reader.max_line_bytes, self.reader.trim)
            .map_err(|(at, flaw)| (block.start + at, flaw))
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.part.map_or(0, |part| part.lines) + scan::line_ends(self.bytes, 0..offset)
    }

    /// A byte of these as one of the file.
    fn offset(&self, offset: usize) -> usize {
        self.part.map_or(0, |part| part.bytes) + offset
    }

    fn error(&self, names: &[String], (offset, flaw): (usize, Flaw)) -> Error {
        let (line, at, offset) = (self.line(offset), offset, self.offset(offset));
        let error = match flaw {
            Flaw::Ragged { got } => CsvError::Ragged { line, offset, expected: names.len(), got },
            Flaw::UnterminatedQuote => CsvError::UnterminatedQuote { line, offset },
            Flaw::TooLong => CsvError::LineTooLong { line, limit: self.reader.max_line_bytes },
            Flaw::InvalidUtf8 => CsvError::InvalidUtf8 { line, offset },
            Flaw::Type { column, expected } => {
                let column = names.get(column).cloned().unwrap_or_default();
                CsvError::Value { line, offset, column, value: self.cell_at(at), expected }
            }
        };
        error.into()
    }

    fn check_utf8(&self, range: Range<usize>) -> Placed<()> {
        let (start, bytes) = (range.start, &self.bytes[range]);
        // Most blocks are, and this is quicker to see.
        if bytes.is_ascii() {
            return Ok(());
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err((start + error.valid_up_to(), Flaw::InvalidUtf8)),
        }
    }

    /// The cell that starts at a byte, for a message.
    pub(super) fn cell_at(&self, offset: usize) -> String {
        let rest = &self.bytes[offset..];
        match scan::header(&rest[..rest.len().min(1 << 10)], self.dialect) {
            Ok(Some((cells, _))) => {
                cells.row().next().map_or(String::new(), |cell| excerpt(&cell.content(self.dialect.quote)))
            }
            _ => excerpt(&rest[..rest.len().min(64)]),
        }
    }
}

/// All results, or the error that comes first in the file.
fn first_error<T>(results: Vec<Placed<T>>) -> Placed<Vec<T>> {
    let mut done = Vec::with_capacity(results.len());
    let mut first: Option<(usize, Flaw)> = None;
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(error) if first.as_ref().is_none_or(|known| error.0 < known.0) => first = Some(error),
            Err(_) => {}
        }
    }
    first.map_or(Ok(done), Err)
}
