//! Reading one file: names, blocks in parallel, types from all cells.

use std::collections::BTreeMap;
use std::ops::Range;

use perennial_core::{Error, Result};
use rayon::prelude::*;

use super::cell::{Kind, NullTokens};
use super::error::{CsvError, excerpt};
use super::merge::{self, Wanted};
use super::piece::{Piece, Rules};
use super::reader::CsvReader;
use super::report::Evidence;
use super::scan::{self, Cells, Dialect, Flaw};
use crate::{Column, ColumnType, Table};

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

/// What is known about a column before a block is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// The type was given.
    Given(ColumnType),
    /// The type is to be found, and takes in at least this kind.
    Find(Kind),
}

/// A result in which flaws know their byte of the file, so that the first one can be told.
type Placed<T> = std::result::Result<T, (usize, Flaw)>;

impl<'a> File<'a> {
    pub(super) fn new(reader: &'a CsvReader, bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        File { reader, bytes, dialect: reader.dialect(), part: None }
    }

    /// Whole records of a file, without its header.
    pub(super) fn part(reader: &'a CsvReader, bytes: &'a [u8], part: Part<'a>) -> Self {
        File { reader, bytes, dialect: reader.dialect(), part: Some(part) }
    }

    /// The table, and why each column got its type.
    pub(super) fn read(&self) -> Result<(Table, Vec<Evidence>)> {
        let (names, start) = self.names()?;
        let rules = self.rules();
        let mut goals = self.goals(&names)?;
        let blocks = self.blocks(&names, start)?;
        let mut columns = self.pieces(&names, &blocks, &rules, &mut goals)?;
        let found = evidence(&columns, &blocks, &goals);
        self.widen(&blocks, &rules, &mut columns, &found)?;
        self.check_range(&names, &blocks, &columns)?;
        let columns: Vec<Result<Column>> = names
            .par_iter()
            .zip(columns)
            .zip(&found)
            .map(|((name, pieces), found)| merge::column(name, pieces, self.wanted(name, found)))
            .collect();
        let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
        let n_rows = columns.first().map_or(0, Column::n_rows);
        let named = names.into_iter().map(Into::into).zip(columns).collect();
        Ok((Table::with_rows(n_rows, named)?, found))
    }

    /// What the cells of each column have in common, and nothing more.
    pub(super) fn survey(&self) -> Result<Vec<Evidence>> {
        let (names, start) = self.names()?;
        let mut goals = self.goals(&names)?;
        let blocks = self.blocks(&names, start)?;
        let columns = self.pieces(&names, &blocks, &self.rules(), &mut goals)?;
        Ok(evidence(&columns, &blocks, &goals))
    }

    fn rules(&self) -> Rules {
        Rules {
            nulls: NullTokens::new(&self.reader.null_tokens),
            quote: self.dialect.quote,
            max_categories: self.reader.max_categories,
        }
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

    fn goals(&self, names: &[String]) -> Result<Vec<Goal>> {
        let known: BTreeMap<&str, ()> = names.iter().map(|name| (name.as_str(), ())).collect();
        if let Some(column) = self.reader.types.keys().find(|name| !known.contains_key(name.as_str())) {
            return Err(CsvError::MissingColumn { column: column.clone() }.into());
        }
        let goal = |name: &String| match self.reader.types.get(name) {
            Some(&column_type) => Goal::Given(column_type),
            None => Goal::Find(Kind::Nothing),
        };
        Ok(names.iter().map(goal).collect())
    }

    /// The pieces of each column, in the order of the file.
    fn pieces(
        &self,
        names: &[String],
        blocks: &[Range<usize>],
        rules: &Rules,
        goals: &mut [Goal],
    ) -> Result<Vec<Vec<Piece>>> {
        let mut read: Vec<Placed<Vec<Piece>>> = Vec::with_capacity(blocks.len());
        if let Some((first, rest)) = blocks.split_first() {
            let pieces = self.block(first, rules, goals);
            // What the first block holds is where the others start, so that few cells are read twice.
            for (goal, piece) in goals.iter_mut().zip(pieces.iter().flatten()) {
                if let Goal::Find(kind) = goal {
                    *kind = piece.kind;
                }
            }
            let goals = &*goals;
            read.push(pieces);
            read.par_extend(rest.par_iter().map(|block| self.block(block, rules, goals)));
        }
        let read = first_error(read).map_err(|flaw| self.error(names, flaw))?;
        let mut columns: Vec<Vec<Piece>> = names.iter().map(|_| Vec::with_capacity(blocks.len())).collect();
        for pieces in read {
            columns.iter_mut().zip(pieces).for_each(|(column, piece)| column.push(piece));
        }
        Ok(columns)
    }

    fn block(&self, block: &Range<usize>, rules: &Rules, goals: &[Goal]) -> Placed<Vec<Piece>> {
        self.check_utf8(block.clone())?;
        let cells = self.split(block, goals.len())?;
        let piece = |(column, goal): (usize, &Goal)| match *goal {
            Goal::Find(kind) => Ok(Piece::find(&cells, column, rules, kind)),
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

    /// Reads as text those pieces that were taken for something narrower in a column that is text in all.
    fn widen(
        &self,
        blocks: &[Range<usize>],
        rules: &Rules,
        columns: &mut [Vec<Piece>],
        found: &[Evidence],
    ) -> Result<()> {
        let text: Vec<usize> = (0..columns.len())
            .filter(|&at| found[at].given.is_none() && found[at].kind == Kind::Text)
            .collect();
        let again: Vec<(usize, Vec<usize>)> = (0..blocks.len())
            .map(|block| {
                let narrow = |at: &usize| !matches!(columns[*at][block].kind, Kind::Text | Kind::Nothing);
                (block, text.iter().copied().filter(narrow).collect::<Vec<_>>())
            })
            .filter(|(_, columns)| !columns.is_empty())
            .collect();
        let n_cols = columns.len();
        let read: Vec<Placed<Vec<Piece>>> = again
            .par_iter()
            .map(|(block, text)| {
                let cells = self.split(&blocks[*block], n_cols)?;
                Ok(text.iter().map(|&at| Piece::find(&cells, at, rules, Kind::Text)).collect())
            })
            .collect();
        let read = first_error(read).map_err(|flaw| self.error(&[], flaw))?;
        for ((block, text), pieces) in again.iter().zip(read) {
            text.iter().zip(pieces).for_each(|(&at, piece)| columns[at][*block] = piece);
        }
        Ok(())
    }

    fn check_range(&self, names: &[String], blocks: &[Range<usize>], columns: &[Vec<Piece>]) -> Result<()> {
        let overflows = names.iter().zip(columns).flat_map(|(name, pieces)| {
            let found = pieces.iter().zip(blocks);
            found.filter_map(move |(piece, block)| piece.overflow.map(|at| (block.start + at, name)))
        });
        match overflows.min() {
            None => Ok(()),
            Some((offset, name)) => {
                let (line, column, value) = (self.line(offset), name.clone(), self.cell_at(offset));
                Err(CsvError::Number { line, offset: self.offset(offset), column, value }.into())
            }
        }
    }

    fn wanted(&self, name: &str, found: &Evidence) -> Wanted<'_> {
        match (found.given, self.reader.levels.get(name)) {
            (Some(ColumnType::Category), Some(levels)) => Wanted::Levels(levels),
            (Some(column_type), _) => Wanted::Type(column_type),
            (None, _) => Wanted::Kind { kind: found.kind, max_categories: self.reader.max_categories },
        }
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
        let start = range.start;
        match std::str::from_utf8(&self.bytes[range]) {
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

fn evidence(columns: &[Vec<Piece>], blocks: &[Range<usize>], goals: &[Goal]) -> Vec<Evidence> {
    columns.iter().zip(goals).map(|(pieces, goal)| Evidence::of(pieces, blocks, *goal)).collect()
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
