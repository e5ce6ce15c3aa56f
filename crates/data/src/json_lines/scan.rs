//! Reading JSON lines that are larger than memory, batch by batch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use perennial_core::{Error, Result, ResultExt};

use super::cells::{Cell, Cells, clash, exact};
use super::reader::{CELLS_PER_BYTE, Grow, JsonLinesReader, Lines, Start};
use crate::batch_size::Batch;
use crate::contract::Parts;
use crate::csv::{Input, open};
use crate::objects::{ObjectStore, Source};
use crate::schema::{Field, Schema};
use crate::{BatchSize, ColumnType, Contract, Role, Table, calendar};

/// How much is read at once.
const STEP: usize = 1 << 16;

/// Cells that a batch may have whatever it holds.
const FREE_CELLS: u64 = 1 << 20;

/// The tables of a file of JSON lines, made by [`JsonLinesReader::scan`]. After an error there are no more.
pub struct JsonLinesScan {
    /// With the columns, types and levels of all lines.
    reader: JsonLinesReader,
    lines: Carried,
    batches: Batches,
    held: Option<Parts>,
    n_tables: usize,
    failed: bool,
    source: Source,
    size: BatchSize,
}

impl fmt::Debug for JsonLinesScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesScan")
            .field("reader", &self.reader)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl JsonLinesReader {
    /// Reads a file, plain or gzip, in batches of about `batch` bytes of its text, at least 64 KiB, or within a [memory](BatchSize::max_memory), so that a
    /// file may be larger than memory. The tables have the columns, types and levels that reading the file at once would give, and the same rows in
    /// their order.
    ///
    /// Because names and types come from all lines, the file is read once more without a [`schema`](JsonLinesReader::schema), and once again where
    /// a contract says that a column is a category. At a time there are the text of one batch, its cells and its table, in all about
    /// twenty times `batch` where lines have all names, and the names and levels of the file; `max_cells` holds for each batch, and is
    /// 8 for each of its bytes, at least 2^20, unless it is given. `max_bytes` does not apply.
    ///
    /// A [`contract`](JsonLinesReader::contract) is held to the parts and to all of them, as by [`CsvReader::scan`](crate::CsvReader::scan).
    ///
    /// ```
    /// use perennial_data::{JsonLinesReader, Summary};
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers.jsonl");
    /// let lines: Vec<String> = (0..20_000).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    /// std::fs::write(&path, lines.concat()).unwrap();
    ///
    /// let scan = JsonLinesReader::new().scan(&path, 1 << 16)?;
    /// assert_eq!(Summary::of_all(scan)?.column("n")?.mean(), Some(9_999.5));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, a setting is wrong, the contract has a rule that takes all rows at once, or, without a schema, a line
    /// is not what [`read_json_lines`](crate::read_json_lines) takes or there is none. What is wrong in lines after that is an error of the iterator;
    /// so is a fraction in a column of texts or categories of the [`schema`](JsonLinesReader::schema) that had whole numbers in batches before: with it
    /// they would have been written in another way.
    pub fn scan(&self, path: impl AsRef<Path>, batch: impl Into<BatchSize>) -> Result<JsonLinesScan> {
        self.scan_source(Source::file(path), batch.into())
    }

    /// As [`scan`](JsonLinesReader::scan), of an object of a store, which is fetched range by range; of a store that tells versions, all of one
    /// object.
    ///
    /// # Errors
    /// As for [`scan`](JsonLinesReader::scan), and when the store has no such object or cannot be asked.
    pub fn scan_object(
        &self,
        store: Arc<dyn ObjectStore>,
        key: &str,
        batch: impl Into<BatchSize>,
    ) -> Result<JsonLinesScan> {
        self.scan_source(Source::object(store, key)?, batch.into())
    }

    fn scan_source(&self, source: Source, size: BatchSize) -> Result<JsonLinesScan> {
        self.check()?;
        let held = self.contract.as_ref().map(Parts::new).transpose()?;
        let (mut reader, mut lines) = (self.clone(), Carried::default());
        let batch_bytes = match size.resolved()? {
            Batch::Of(batch_bytes) => batch_bytes.max(STEP),
            // Most memory is for the cells, of which there may be eight for each byte of a batch; lines may be longer than a batch.
            Batch::Within(bytes) => {
                let share = |part: u64| usize::try_from(bytes / part).unwrap_or(usize::MAX);
                let batch_bytes = share(512);
                reader.max_line_bytes = reader.max_line_bytes.min(share(40));
                reader.max_cells = Some(reader.max_cells.map_or(bytes / 64, |most| most.min(bytes / 64)));
                batch_bytes
            }
        };
        let mut open = || {
            if reader.schema.is_none() {
                let (schema, settled) = reader.settled(&source, batch_bytes)?;
                (reader.schema, lines) = (Some(schema), settled);
            }
            Batches::open(&reader, &source, batch_bytes)
        };
        let batches = open().map_err(|error| size.explained(error)).context(source.to_string())?;
        Ok(JsonLinesScan { reader, lines, batches, held, n_tables: 0, failed: false, source, size })
    }

    /// The columns, types and levels of a file, and the kinds of its cells.
    fn settled(&self, source: &Source, batch_bytes: usize) -> Result<(Schema, Carried)> {
        let mut batches = Batches::open(self, source, batch_bytes)?;
        let mut lines: Lines<Found> = Lines::default();
        while let Some((bytes, start)) = batches.next()? {
            self.add(&mut lines, &bytes, start, u64::MAX, None, |_, _, error| Err(error))?;
        }
        if lines.n_rows == 0 {
            return Err(Error::empty("there is no object in these JSON lines"));
        }
        let types = self.given_types();
        let found = lines.names.iter().zip(&lines.columns);
        let found = found.map(|(name, found)| {
            (name.clone(), types.get(name).copied().unwrap_or_else(|| found.column_type()))
        });
        let absent = self.typing().into_iter().flat_map(Contract::nullable_columns);
        let absent = absent.filter(|(name, _)| !lines.known.contains_key(*name));
        let absent = absent.map(|(name, column_type)| (name.to_owned(), column_type));
        let columns: Vec<(String, ColumnType)> = found.chain(absent).collect();
        let carried = || Carried::settled(&lines);
        let mut levels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, _) in columns.iter().filter(|(_, column_type)| *column_type == ColumnType::Category) {
            levels.insert(name.clone(), BTreeSet::new());
        }
        if !levels.is_empty() {
            let texts = columns.iter().map(|(name, column_type)| match column_type {
                ColumnType::Category => field(name, ColumnType::Text, Vec::new()),
                other => field(name, *other, Vec::new()),
            });
            let reader = self.clone().schema(&Schema::from_fields(texts.collect()));
            let (mut batches, mut lines) = (Batches::open(self, source, batch_bytes)?, carried());
            while let Some((bytes, start)) = batches.next()? {
                let table = reader.part(&mut lines, &bytes, start)?;
                for (name, levels) in &mut levels {
                    for text in table.column(name)?.as_text()?.flatten() {
                        if !levels.contains(text) {
                            levels.insert(text.to_owned());
                        }
                    }
                }
            }
        }
        let fields = columns.iter().map(|(name, column_type)| {
            let levels = levels.remove(name).unwrap_or_default();
            field(name, *column_type, levels.into_iter().collect())
        });
        Ok((Schema::from_fields(fields.collect()), carried()))
    }

    /// The table of some lines, with the columns of the schema.
    fn part(&self, carried: &mut Carried, bytes: &[u8], start: Start) -> Result<Table> {
        let most = FREE_CELLS.max(CELLS_PER_BYTE.saturating_mul(bytes.len() as u64));
        let most = self.max_cells.unwrap_or(most);
        self.add(&mut carried.lines, bytes, start, most, None, |_, _, error| Err(error))?;
        let lines = carried.taken(self.schema.as_ref());
        let n_columns = self.schema.as_ref().map_or(0, |schema| schema.columns().len());
        let n_cells = lines.n_rows as u64 * n_columns as u64;
        if n_cells > most {
            return Err(Error::too_large(format!(
                "the batch that starts on line {} has {} rows of {n_columns} columns, which makes {n_cells} cells, more than {most}; \
                 write names that differ from line to line as cells, or raise `max_cells`",
                start.line, lines.n_rows
            )));
        }
        let table = self.table(lines, None);
        let table = match self.contract.is_some() && carried.is_settled {
            // Types that were found fit all cells, so it is one of the contract that does not.
            true => table.map_err(|error| Error::contract_violation(error.to_string())),
            false => table,
        };
        table.context(format!("rows counted from line {} on", start.line))
    }
}

fn field(name: &str, column_type: ColumnType, levels: Vec<String>) -> Field {
    Field { name: name.to_owned(), column_type, nullable: true, levels, role: Role::default() }
}

impl JsonLinesScan {
    fn next_table(&mut self) -> Result<Option<Table>> {
        let table = loop {
            match self.batches.next()? {
                Some((bytes, start)) => {
                    let table = self.reader.part(&mut self.lines, &bytes, start)?;
                    // Blank lines are no rows.
                    if table.n_rows() > 0 {
                        break table;
                    }
                }
                None if self.n_tables == 0 => {
                    break self.reader.part(&mut self.lines, b"", Start::default())?;
                }
                None => {
                    self.held.take().map_or(Ok(()), |held| held.finish())?;
                    return Ok(None);
                }
            }
        };
        if let Some(held) = &mut self.held {
            held.hold(&table)?;
        }
        self.n_tables += 1;
        Ok(Some(table))
    }
}

impl Iterator for JsonLinesScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if self.failed {
            return None;
        }
        let next = self.next_table();
        self.failed = next.is_err();
        next.map_err(|error| self.size.explained(error)).context(self.source.to_string()).transpose()
    }
}

/// Whole lines of a file, one batch after the other.
struct Batches {
    input: Input,
    /// What was read and not given yet.
    rest: Vec<u8>,
    /// How much of that has no end of a batch.
    searched: usize,
    at_end: bool,
    batch_bytes: usize,
    max_line_bytes: usize,
    start: Start,
}

impl Batches {
    fn open(reader: &JsonLinesReader, source: &Source, batch_bytes: usize) -> Result<Self> {
        let (input, max_line_bytes) = (open(source, u64::MAX)?, reader.max_line_bytes);
        let (rest, start) = (Vec::new(), Start::default());
        let (searched, at_end) = (0, false);
        let mut batches = Batches { input, rest, searched, at_end, batch_bytes, max_line_bytes, start };
        while !batches.at_end && batches.rest.len() < 3 {
            batches.fill()?;
        }
        if batches.rest.starts_with(b"\xef\xbb\xbf") {
            batches.rest.drain(..3);
        }
        Ok(batches)
    }

    fn fill(&mut self) -> Result<()> {
        let filled = self.rest.len();
        self.rest.resize(filled + STEP, 0);
        let n_read = self.input.read(&mut self.rest[filled..])?;
        self.rest.truncate(filled + n_read);
        self.at_end = n_read == 0;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, Start)>> {
        loop {
            let from = self.batch_bytes.min(self.rest.len());
            // What was looked at for a long line is not looked at again each time that more of it comes.
            let after = from.max(self.searched);
            let end = self.rest[after..].iter().position(|byte| *byte == b'\n').map(|at| after + at + 1);
            let end = end.or(self.at_end.then_some(self.rest.len()));
            self.searched = if end.is_some() { 0 } else { self.rest.len() };
            if let Some(end) = end {
                let after = self.rest.split_off(end);
                let batch = std::mem::replace(&mut self.rest, after);
                let start = self.start;
                self.start.line += batch.iter().filter(|byte| **byte == b'\n').count();
                self.start.byte += batch.len();
                return Ok((!batch.is_empty()).then_some((batch, start)));
            }
            if self.rest.len() - from > self.max_line_bytes {
                let line = self.start.line + self.rest[..from].iter().filter(|byte| **byte == b'\n').count();
                return Err(Error::too_large(format!(
                    "line {line} is longer than {} bytes; raise `max_line_bytes` if that is right",
                    self.max_line_bytes
                )));
            }
            self.fill()?;
        }
    }
}

/// What was read of the lines of a batch, and what cells before it say of these.
#[derive(Default)]
struct Carried {
    lines: Lines<Going>,
    /// Whether the kinds are those of all lines.
    is_settled: bool,
}

impl Carried {
    /// The kinds of all lines.
    fn settled(found: &Lines<Found>) -> Self {
        let going = |found: &Found| Going { met: found.met.clone(), cells: found.met.none(), fixed: false };
        let columns = found.columns.iter().map(going).collect();
        let lines = Lines { names: found.names.clone(), columns, known: found.known.clone(), n_rows: 0 };
        Carried { lines, is_settled: true }
    }

    /// The lines of a batch, of the names that it has.
    fn taken(&mut self, schema: Option<&Schema>) -> Lines<Cells> {
        let lines = &mut self.lines;
        let mut taken = Lines { n_rows: std::mem::take(&mut lines.n_rows), ..Lines::default() };
        for (name, column) in lines.names.iter().zip(&mut lines.columns) {
            let cells = std::mem::replace(&mut column.cells, column.met.none());
            if !self.is_settled && !column.fixed {
                column.fixed = match (schema.and_then(|schema| schema.field(name)), &cells) {
                    (Some(field), Cells::Integer(cells)) => differs_as_real(field.column_type, cells),
                    _ => false,
                };
            }
            taken.names.push(name.clone());
            taken.columns.push(cells);
        }
        taken
    }
}

/// Whether whole numbers would come as other cells of a type if they were real ones.
fn differs_as_real(column_type: ColumnType, cells: &[Option<i64>]) -> bool {
    match column_type {
        ColumnType::Text | ColumnType::Category => true,
        // Of real numbers beyond this nothing is taken for a whole one.
        ColumnType::Integer => cells.iter().flatten().any(|cell| cell.unsigned_abs() > 9_000_000_000_000_000),
        _ => false,
    }
}

/// The cells of a column in a batch, after those of other batches.
#[derive(Default)]
struct Going {
    met: Met,
    cells: Cells,
    /// Whole numbers were given out in a way that does not go with fractions.
    fixed: bool,
}

impl Grow for Going {
    fn check(&self, cell: &Cell) -> Result<()> {
        match (self.fixed, cell) {
            (true, Cell::Real(cell)) => Err(Error::unsupported(format!(
                "{cell} has a fraction or an exponent, and the batches before have whole numbers, which would have been read in another \
                 way; read the file at once, or write all of them in one way"
            ))),
            _ => self.met.check(cell),
        }
    }

    fn push(&mut self, cell: Cell, row: usize) -> Result<()> {
        self.met.push(&cell);
        self.cells.push(cell, row)
    }
}

/// What the cells of a column have in common so far.
#[derive(Default)]
pub(crate) struct Found {
    met: Met,
    /// A text that is no day was seen, and one that is no moment.
    no_day: bool,
    no_moment: bool,
}

/// The kind of all cells so far.
#[derive(Clone, Default)]
struct Met {
    kind: Kind,
    /// The first whole number that has no exact one among real numbers.
    inexact: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    Nothing,
    Boolean,
    Integer,
    Real,
    Text,
}

impl Found {
    /// No cell, to be followed by those that were looked at.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn none(&self) -> Cells {
        self.met.none()
    }

    /// As the columns that are read at once.
    pub(crate) fn column_type(&self) -> ColumnType {
        match self.met.kind {
            Kind::Boolean => ColumnType::Boolean,
            Kind::Integer => ColumnType::Integer,
            Kind::Nothing | Kind::Real => ColumnType::Real,
            Kind::Text if !self.no_day => ColumnType::Date,
            Kind::Text if !self.no_moment => ColumnType::DateTime,
            Kind::Text => ColumnType::Text,
        }
    }
}

impl Met {
    /// No cell of this kind: whole numbers that come are real ones where those before are.
    fn none(&self) -> Cells {
        if self.kind == Kind::Real { Cells::Real(Vec::new()) } else { Cells::Nothing }
    }

    fn check(&self, cell: &Cell) -> Result<()> {
        let words = match (self.kind, cell) {
            (Kind::Nothing, _) | (_, Cell::Null) => return Ok(()),
            (Kind::Boolean, Cell::Boolean(_))
            | (Kind::Integer, Cell::Integer(_))
            | (Kind::Real, Cell::Real(_))
            | (Kind::Text, Cell::Text(_)) => return Ok(()),
            (Kind::Integer, Cell::Real(_)) => {
                return self.inexact.map_or(Ok(()), |cell| exact(cell).map(drop));
            }
            (Kind::Real, Cell::Integer(cell)) => return exact(*cell).map(drop),
            (Kind::Boolean, _) => "booleans",
            (Kind::Integer | Kind::Real, _) => "numbers",
            (Kind::Text, _) => "texts",
        };
        Err(clash(cell, words))
    }

    /// Takes a cell that was checked.
    fn push(&mut self, cell: &Cell) {
        match cell {
            Cell::Null => {}
            Cell::Boolean(_) => self.kind = Kind::Boolean,
            Cell::Integer(cell) => {
                if self.kind != Kind::Real {
                    self.kind = Kind::Integer;
                }
                if !crate::column::is_exact(*cell) {
                    self.inexact.get_or_insert(*cell);
                }
            }
            Cell::Real(_) => self.kind = Kind::Real,
            Cell::Text(_) => self.kind = Kind::Text,
        }
    }
}

impl Grow for Found {
    fn check(&self, cell: &Cell) -> Result<()> {
        self.met.check(cell)
    }

    fn push(&mut self, cell: Cell, _: usize) -> Result<()> {
        self.met.push(&cell);
        if let Cell::Text(cell) = cell {
            self.no_day = self.no_day || calendar::parse_date(cell.as_bytes()).is_none();
            self.no_moment = self.no_moment || calendar::parse_date_time(cell.as_bytes()).is_none();
        }
        Ok(())
    }
}
