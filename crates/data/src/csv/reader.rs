//! Reading CSV: settings, blocks in parallel, types from all cells.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use rayon::prelude::*;

use super::cell::{Kind, NullTokens};
use super::error::{CsvError, excerpt};
use super::input::{self, Limits};
use super::merge::{self, Wanted};
use super::piece::{Goal, Piece, Rules};
use super::scan::{self, Cells, Dialect, Flaw};
use crate::{Column, ColumnType, Schema, Table};

/// The cells that mean "missing" unless told otherwise.
pub const NULL_TOKENS: [&str; 14] =
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "null", "NULL", "None", "none"];

/// The largest record; offsets inside a block take 31 bits.
const MAX_RECORD: usize = 1 << 30;

/// Reads a CSV file with a header, see [`CsvReader`].
///
/// # Errors
/// As for [`CsvReader::read_path`].
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
    CsvReader::new().read_path(path)
}

/// Why a column of a CSV file got its type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inferred {
    /// The name of the column.
    pub column: String,
    /// The type that it got.
    pub column_type: ColumnType,
    /// Why, naming the line that decided.
    pub reason: String,
    /// The number of missing cells.
    pub nulls: usize,
}

/// Settings for reading CSV.
///
/// Types are found from all cells, never from a sample:
///
/// | type | cells |
/// |---|---|
/// | boolean | `true`, `True`, `TRUE`, `false`, `False`, `FALSE` |
/// | integer | `-12`, `+3`, within 64 bits |
/// | real | `1.5`, `.5`, `5.`, `1e-3`, `inf`; correctly rounded; integers among them must be exact in `f64` |
/// | date | `2024-02-29`, a day of the calendar |
/// | date_time | `2024-02-29 23:59[:59[.123456]][Z\|+01:00]`, `T` for the space; days among them are midnights |
/// | category | texts, at most `max_categories` distinct ones, each twice or more on average |
/// | text | anything else: `0x10`, `1_000`, `007`, `1,5`, integers beyond 64 bits |
///
/// A column with nothing but missing cells is real. A number such as `1e309` in a real column is an error.
/// In numbers, dates and booleans a null token is missing, quoted or not. In text and categories a quoted cell
/// is text as it stands: `""` is the empty text, and an empty cell without quotes is missing.
///
/// Records end at LF, CR or CRLF outside of quotes. Blank lines are skipped; in a file of one column they are
/// missing cells. A quote inside of a cell that does not start with one is a character like any other. A byte
/// order mark is dropped. A gzip stream is recognised by its first bytes.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `delimiter` | `,` | the byte between cells |
/// | `quote` | `"` | the byte around cells |
/// | `header` | true | whether the first line has the names; otherwise they are `x0`, `x1`, ... |
/// | `name_empty_columns` | false | whether a column without a name is called `column3` for its position |
/// | `trim` | false | whether spaces and tabs around cells without quotes are dropped |
/// | `null_tokens` | [`NULL_TOKENS`] | the cells that mean "missing" |
/// | `types` | none | types of some columns |
/// | `schema` | none | types and levels of columns |
/// | `max_categories` | 1000 | how many levels an inferred category has at most; 0 infers none |
/// | `max_columns` | 100 000 | how many columns there may be |
/// | `max_line_bytes` | 16 MiB | how long a line or record may be; at most 1 GiB |
/// | `max_bytes` | 4 GiB | how long the file may be, after decompression |
/// | `block_bytes` | 1 MiB | how much one task reads; no result depends on it |
///
/// ```
/// use perennial_data::{ColumnType, CsvReader};
///
/// let text = b"id;price;on\n007;1.5;2024-02-29\n008;NA;2024-03-01\n";
/// let (table, report) = CsvReader::new().delimiter(b';').read_bytes_with_report(text)?;
/// assert_eq!(table.column("id")?.column_type(), ColumnType::Text);
/// assert_eq!(table.column("price")?.null_count(), 1);
/// assert_eq!(report[2].column_type, ColumnType::Date);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvReader {
    delimiter: u8,
    quote: u8,
    header: bool,
    name_empty_columns: bool,
    trim: bool,
    null_tokens: Vec<String>,
    types: BTreeMap<String, ColumnType>,
    levels: BTreeMap<String, Vec<String>>,
    max_categories: usize,
    max_columns: usize,
    max_line_bytes: usize,
    max_bytes: u64,
    block_bytes: usize,
}

impl Default for CsvReader {
    fn default() -> Self {
        CsvReader {
            delimiter: b',',
            quote: b'"',
            header: true,
            name_empty_columns: false,
            trim: false,
            null_tokens: NULL_TOKENS.map(str::to_owned).to_vec(),
            types: BTreeMap::new(),
            levels: BTreeMap::new(),
            max_categories: 1000,
            max_columns: 100_000,
            max_line_bytes: 16 << 20,
            max_bytes: 4 << 30,
            block_bytes: 1 << 20,
        }
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl CsvReader {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })*
        }
    };
}

settings! {
    /// The byte between cells.
    delimiter: u8;
    /// The byte around cells.
    quote: u8;
    /// Whether the first line has the names of the columns.
    header: bool;
    /// Whether a column without a name is called `column3` for its position.
    name_empty_columns: bool;
    /// Whether spaces and tabs around cells without quotes are dropped.
    trim: bool;
    /// How many levels an inferred category has at most; 0 infers none.
    max_categories: usize;
    /// How many columns there may be.
    max_columns: usize;
    /// How long a line or record may be, in bytes; at most 1 GiB.
    max_line_bytes: usize;
    /// How long the file may be, in bytes after decompression.
    max_bytes: u64;
    /// How much one task reads, in bytes; no result depends on it.
    block_bytes: usize;
}

impl CsvReader {
    /// The default settings.
    pub fn new() -> Self {
        CsvReader::default()
    }

    /// The cells that mean "missing", in place of [`NULL_TOKENS`].
    #[must_use]
    pub fn null_tokens<S: Into<String>>(mut self, tokens: impl IntoIterator<Item = S>) -> Self {
        self.null_tokens = tokens.into_iter().map(Into::into).collect();
        self
    }

    /// The types of some columns. Leading zeros are then allowed in numbers.
    #[must_use]
    pub fn types<S: Into<String>>(mut self, types: impl IntoIterator<Item = (S, ColumnType)>) -> Self {
        self.types.extend(types.into_iter().map(|(name, column_type)| (name.into(), column_type)));
        self
    }

    /// The types of columns and the levels of category columns. A cell with another level is an error.
    #[must_use]
    pub fn schema(mut self, schema: &Schema) -> Self {
        for field in schema.columns() {
            self.types.insert(field.name.clone(), field.column_type);
            if field.column_type == ColumnType::Category {
                self.levels.insert(field.name.clone(), field.levels.clone());
            }
        }
        self
    }

    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// When the file cannot be read, with a [`CsvError`] as its source when it is not the CSV it should be, or
    /// when a setting is wrong.
    pub fn read_path(&self, path: impl AsRef<Path>) -> Result<Table> {
        self.read_path_with_report(path).map(|(table, _)| table)
    }

    /// Reads a file, plain or gzip, and says why each column got its type.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_path_with_report(&self, path: impl AsRef<Path>) -> Result<(Table, Vec<Inferred>)> {
        let path = path.as_ref();
        self.check()?;
        let bytes = input::read_path(path, self.limits())?;
        self.parse(&bytes).context(format!("reading `{}`", path.display()))
    }

    /// Reads bytes, plain or gzip.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Table> {
        self.read_bytes_with_report(bytes).map(|(table, _)| table)
    }

    /// Reads bytes, plain or gzip, and says why each column got its type.
    ///
    /// # Errors
    /// As for [`read_path`](CsvReader::read_path).
    pub fn read_bytes_with_report(&self, bytes: &[u8]) -> Result<(Table, Vec<Inferred>)> {
        self.check()?;
        match input::is_gzip(bytes) {
            true => self.parse(&input::gunzip(bytes, self.limits())?),
            false if bytes.len() as u64 > self.max_bytes => {
                Err(CsvError::TooLarge { limit: self.max_bytes }.into())
            }
            false => self.parse(bytes),
        }
    }

    fn limits(&self) -> Limits {
        Limits { bytes: self.max_bytes, line: self.max_line_bytes }
    }

    fn check(&self) -> Result<()> {
        if self.delimiter == self.quote || b"\r\n".contains(&self.delimiter) || b"\r\n".contains(&self.quote)
        {
            let both = (char::from(self.delimiter), char::from(self.quote));
            return Err(Error::invalid_param(
                "delimiter",
                both,
                "two different bytes that do not end a line",
            ));
        }
        if !self.delimiter.is_ascii() || !self.quote.is_ascii() {
            return Err(Error::invalid_param("delimiter", (self.delimiter, self.quote), "bytes below 128"));
        }
        if !(1..=MAX_RECORD).contains(&self.max_line_bytes) {
            return Err(Error::invalid_param("max_line_bytes", self.max_line_bytes, "1 to 1073741824 bytes"));
        }
        if !(1..=MAX_RECORD).contains(&self.block_bytes) {
            return Err(Error::invalid_param("block_bytes", self.block_bytes, "1 to 1073741824 bytes"));
        }
        Ok(())
    }

    fn parse(&self, bytes: &[u8]) -> Result<(Table, Vec<Inferred>)> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let file =
            File { reader: self, bytes, dialect: Dialect { delimiter: self.delimiter, quote: self.quote } };
        let (names, start) = file.names()?;
        file.read(&names, start)
    }
}

/// One file with the settings to read it.
struct File<'a> {
    reader: &'a CsvReader,
    bytes: &'a [u8],
    dialect: Dialect,
}

/// What the columns of one block became, or the byte of the file at which it went wrong and how.
type Block = std::result::Result<Vec<Piece>, (usize, CsvError)>;

impl File<'_> {
    fn line(&self, offset: usize) -> usize {
        scan::line_of(self.bytes, offset)
    }

    fn flaw(&self, offset: usize, expected: usize, flaw: Flaw) -> CsvError {
        let line = self.line(offset);
        match flaw {
            Flaw::Ragged { got } => CsvError::Ragged { line, offset, expected, got },
            Flaw::UnterminatedQuote => CsvError::UnterminatedQuote { line, offset },
            Flaw::TooLong => CsvError::LineTooLong { line, limit: self.reader.max_line_bytes },
        }
    }

    fn check_utf8(&self, range: Range<usize>) -> std::result::Result<(), (usize, CsvError)> {
        let start = range.start;
        std::str::from_utf8(&self.bytes[range]).map(|_| ()).map_err(|error| {
            let offset = start + error.valid_up_to();
            (offset, CsvError::InvalidUtf8 { line: self.line(offset), offset })
        })
    }

    /// The names of the columns, and the byte at which the first row starts.
    fn names(&self) -> Result<(Vec<String>, usize)> {
        let limit = self.reader.max_line_bytes;
        let (cells, end) = match scan::header(self.bytes, self.dialect) {
            Ok(Some(header)) => header,
            Ok(None) => return Err(CsvError::Empty.into()),
            Err((offset, flaw)) => return Err(self.flaw(offset, 0, flaw).into()),
        };
        if end > limit {
            return Err(CsvError::LineTooLong { line: 1, limit }.into());
        }
        self.check_utf8(0..end).map_err(|(_, error)| error)?;
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

    fn read(&self, names: &[String], start: usize) -> Result<(Table, Vec<Inferred>)> {
        let rules = Rules {
            nulls: NullTokens::new(&self.reader.null_tokens),
            quote: self.dialect.quote,
            max_categories: self.reader.max_categories,
        };
        let mut goals = self.goals(names)?;
        let blocks = scan::blocks(self.bytes, start, self.dialect, self.reader.block_bytes)
            .map_err(|offset| self.flaw(offset, 0, Flaw::UnterminatedQuote))?;
        // What the first block holds is where the others start, so that few cells are read twice.
        let mut read = Vec::with_capacity(blocks.len());
        if let Some((first, rest)) = blocks.split_first() {
            let pieces = self.block(names, first.clone(), &rules, &goals);
            for (goal, piece) in goals.iter_mut().zip(pieces.iter().flatten()) {
                if let Goal::Find(kind) = goal {
                    *kind = piece.kind;
                }
            }
            read.push(pieces);
            read.par_extend(rest.par_iter().map(|block| self.block(names, block.clone(), &rules, &goals)));
        }
        let mut columns = self.transpose(names.len(), read)?;
        self.widen(&blocks, &rules, &mut columns, &goals)?;
        self.check_range(names, &blocks, &columns)?;
        let done: Result<Vec<(Column, Inferred)>> = names
            .par_iter()
            .zip(columns)
            .zip(&goals)
            .map(|((name, pieces), goal)| self.column(name, pieces, *goal, &blocks))
            .collect();
        let (columns, report): (Vec<Column>, Vec<Inferred>) = done?.into_iter().unzip();
        let named = names.iter().map(|name| name.as_str().into()).zip(columns).collect::<Vec<_>>();
        let n_rows = named.first().map_or(0, |(_, column)| column.n_rows());
        Ok((Table::with_rows(n_rows, named)?, report))
    }

    fn split(
        &self,
        block: &Range<usize>,
        n_cols: usize,
    ) -> std::result::Result<Cells<'_>, (usize, CsvError)> {
        let bytes = &self.bytes[block.clone()];
        Cells::split(bytes, n_cols, self.dialect, self.reader.max_line_bytes, self.reader.trim)
            .map_err(|(at, flaw)| (block.start + at, self.flaw(block.start + at, n_cols, flaw)))
    }

    fn block(&self, names: &[String], block: Range<usize>, rules: &Rules, goals: &[Goal]) -> Block {
        self.check_utf8(block.clone())?;
        let cells = self.split(&block, names.len())?;
        let piece = |(column, goal): (usize, &Goal)| {
            Piece::read(&cells, column, rules, *goal).map_err(|at| {
                let offset = block.start + at;
                (offset, self.bad_value(&names[column], offset, *goal))
            })
        };
        let pieces: Vec<_> = goals.iter().enumerate().map(piece).collect();
        first_error(pieces)
    }

    fn bad_value(&self, name: &str, offset: usize, goal: Goal) -> CsvError {
        let expected = match goal {
            Goal::Given(column_type) => column_type,
            Goal::Find(_) => ColumnType::Real,
        };
        let (column, value) = (name.to_owned(), self.cell_at(offset));
        CsvError::Value { line: self.line(offset), offset, column, value, expected }
    }

    /// The cell that starts at a byte, for a message.
    fn cell_at(&self, offset: usize) -> String {
        let rest = &self.bytes[offset..];
        match scan::header(&rest[..rest.len().min(1 << 10)], self.dialect) {
            Ok(Some((cells, _))) => {
                cells.row().next().map_or(String::new(), |cell| excerpt(&cell.content(self.dialect.quote)))
            }
            _ => excerpt(&rest[..rest.len().min(64)]),
        }
    }

    /// Pieces by column instead of by block, or the first error of the file.
    fn transpose(&self, n_cols: usize, blocks: Vec<Block>) -> Result<Vec<Vec<Piece>>> {
        let blocks = first_error(blocks).map_err(|(_, error)| error)?;
        let mut columns: Vec<Vec<Piece>> = (0..n_cols).map(|_| Vec::with_capacity(blocks.len())).collect();
        for block in blocks {
            columns.iter_mut().zip(block).for_each(|(column, piece)| column.push(piece));
        }
        Ok(columns)
    }

    /// Reads as text those pieces that were taken for something narrower in a column that is text in all.
    fn widen(
        &self,
        blocks: &[Range<usize>],
        rules: &Rules,
        columns: &mut [Vec<Piece>],
        goals: &[Goal],
    ) -> Result<()> {
        let text: Vec<usize> = (0..columns.len())
            .filter(|&at| matches!(goals[at], Goal::Find(_)) && kind_of(&columns[at]) == Kind::Text)
            .collect();
        let again: Vec<(usize, Vec<usize>)> = (0..blocks.len())
            .map(|block| {
                let narrow = |at: &usize| !matches!(columns[*at][block].kind, Kind::Text | Kind::Nothing);
                (block, text.iter().copied().filter(narrow).collect::<Vec<_>>())
            })
            .filter(|(_, columns)| !columns.is_empty())
            .collect();
        let n_cols = columns.len();
        let read: Vec<_> = again
            .par_iter()
            .map(|(block, text)| {
                let cells = self.split(&blocks[*block], n_cols).map_err(|(_, error)| error)?;
                let piece = |&at: &usize| {
                    Piece::read(&cells, at, rules, Goal::Find(Kind::Text))
                        .map(|piece| (*block, at, piece))
                        .map_err(|_| CsvError::Empty)
                };
                text.iter().map(piece).collect::<std::result::Result<Vec<_>, CsvError>>()
            })
            .collect();
        for pieces in read {
            for (block, at, mut piece) in pieces? {
                piece.witness = columns[at][block].witness;
                columns[at][block] = piece;
            }
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
                Err(CsvError::Number { line, offset, column, value }.into())
            }
        }
    }

    fn column(
        &self,
        name: &str,
        pieces: Vec<Piece>,
        goal: Goal,
        blocks: &[Range<usize>],
    ) -> Result<(Column, Inferred)> {
        let kind = kind_of(&pieces);
        let witness = witness(&pieces, blocks, kind);
        let wanted = match (goal, self.reader.levels.get(name)) {
            (Goal::Given(ColumnType::Category), Some(levels)) => Wanted::Levels(levels),
            (Goal::Given(column_type), _) => Wanted::Type(column_type),
            (Goal::Find(_), _) => Wanted::Kind { kind, max_categories: self.reader.max_categories },
        };
        let column = merge::column(name, pieces, wanted)?;
        let at = || {
            witness.map_or(String::new(), |at| format!("`{}` on line {}", self.cell_at(at), self.line(at)))
        };
        let reason = match (goal, column.column_type()) {
            (Goal::Given(_), _) => "the type was given".to_owned(),
            (_, ColumnType::Category) => {
                let n_levels = column.as_category().map_or(0, |category| category.n_levels());
                format!("{n_levels} distinct texts, such as {}", at())
            }
            (_, ColumnType::Text) => format!("many distinct texts; the first cell to decide is {}", at()),
            _ if kind == Kind::Nothing => "all cells are missing".to_owned(),
            (_, column_type) => format!("all cells are of this type; {column_type} since {}", at()),
        };
        let (column_type, nulls) = (column.column_type(), column.null_count());
        Ok((column, Inferred { column: name.to_owned(), column_type, reason, nulls }))
    }
}

fn kind_of(pieces: &[Piece]) -> Kind {
    pieces.iter().fold(Kind::Nothing, |kind, piece| kind.join(piece.kind))
}

/// The byte of the file with the cell that made the column what it is.
fn witness(pieces: &[Piece], blocks: &[Range<usize>], kind: Kind) -> Option<usize> {
    let mut joined = Kind::Nothing;
    for (piece, block) in pieces.iter().zip(blocks) {
        joined = joined.join(piece.kind);
        if joined == kind {
            return piece.witness.map(|at| block.start + at);
        }
    }
    None
}

/// All results, or the error that comes first in the file.
fn first_error<T>(
    results: Vec<std::result::Result<T, (usize, CsvError)>>,
) -> std::result::Result<Vec<T>, (usize, CsvError)> {
    let mut done = Vec::with_capacity(results.len());
    let mut first: Option<(usize, CsvError)> = None;
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(error) if first.as_ref().is_none_or(|known| error.0 < known.0) => first = Some(error),
            Err(_) => {}
        }
    }
    first.map_or(Ok(done), Err)
}
