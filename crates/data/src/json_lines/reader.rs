//! Reading JSON lines: the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use serde::{Deserialize, Serialize};

use super::cells::{Cell, Cells, Row};
use crate::csv::{CsvError, DEFAULT_LIMITS, Limits, decompressed, excerpt, quarantine_of, read_limited};
use crate::objects::{self, ObjectStore};
use crate::{Column, ColumnType, Contract, Schema, Table};

/// Cells that there may be whatever the lines hold.
const FREE_CELLS: u64 = 1 << 24;

/// Cells that there may be for each byte of the lines. Lines of all their names need a sixth of one; with nine of ten names left
/// out it is one or two.
pub(super) const CELLS_PER_BYTE: u64 = 8;

/// Settings for reading JSON lines; [`read_json_lines`](crate::read_json_lines) says how they are read.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `schema` | none | columns, types and levels: a table that was written comes back as it was |
/// | `contract` | none | what the rows must be like |
/// | `max_columns` | 100 000 | how many different names there may be |
/// | `max_line_bytes` | 16 MiB | how long a line may be |
/// | `max_bytes` | 4 GiB | how long the file may be, after decompression |
/// | `max_cells` | 8 for each byte, at least 2^24 | how many cells the table may have; a name that a line does not have is one too |
///
/// ```
/// use perennial_data::{ColumnContract, ColumnType, Contract, JsonLinesReader, Severity};
///
/// let age = ColumnContract::new("age", ColumnType::Integer).max(120.0).severity(Severity::Quarantine);
/// let reader = JsonLinesReader::new().contract(&Contract::new().with(age));
/// let (table, quarantine) = reader.read_bytes_with_quarantine(b"{\"age\": 31}\n{\"age\": 540}\n")?;
/// assert_eq!((table.n_rows(), quarantine.column("line")?.cell(0).as_deref()), (1, Some("2")));
/// assert!(reader.read_bytes(b"{\"age\": 540}").is_err());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JsonLinesReader {
    max_columns: usize,
    pub(super) max_line_bytes: usize,
    max_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_cells: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<Schema>,
    types: BTreeMap<String, ColumnType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contract: Option<Contract>,
    /// What types come from where the rows are not held to it.
    #[serde(skip)]
    typed_by: Option<Contract>,
    /// Columns of which no cell is looked at.
    #[serde(skip)]
    hidden: BTreeSet<String>,
}

impl Default for JsonLinesReader {
    fn default() -> Self {
        let (types, hidden) = (BTreeMap::new(), BTreeSet::new());
        let (schema, contract, typed_by) = (None, None, None);
        let Limits { bytes: max_bytes, line: max_line_bytes } = DEFAULT_LIMITS;
        let (max_columns, max_cells) = (100_000, None);
        JsonLinesReader {
            max_columns,
            max_line_bytes,
            max_bytes,
            max_cells,
            schema,
            types,
            contract,
            typed_by,
            hidden,
        }
    }
}

/// What is known of the cells of a column so far.
pub(crate) trait Grow: Default {
    /// Whether a cell goes with those before it.
    fn check(&self, cell: &Cell) -> Result<()>;

    /// Takes a cell that was checked, of a row.
    fn push(&mut self, cell: Cell, row: usize) -> Result<()>;
}

impl Grow for Cells {
    fn check(&self, cell: &Cell) -> Result<()> {
        Cells::check(self, cell)
    }

    fn push(&mut self, cell: Cell, row: usize) -> Result<()> {
        Cells::push(self, cell, row)
    }
}

/// The cells of lines, column by column.
#[derive(Default)]
pub(super) struct Lines<C> {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<C>,
    /// The place of each name.
    pub(super) known: BTreeMap<String, usize>,
    pub(super) n_rows: usize,
}

/// Where lines start in their file: the number of the first one, from 1, and its byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) line: usize,
    pub(super) byte: usize,
}

impl Default for Start {
    fn default() -> Self {
        Start { line: 1, byte: 0 }
    }
}

/// The number and the bytes of each row.
type Places<'a> = Vec<(usize, &'a [u8])>;

/// Number, text and reason of a line that is set aside.
type Aside = (usize, String, String);

impl JsonLinesReader {
    /// The default settings.
    pub fn new() -> Self {
        JsonLinesReader::default()
    }

    /// The columns, types and levels. Texts stay texts though they look like days, a name that no line has is a column of missing
    /// cells, and there may be no line at all; a name that the schema does not know is an error.
    #[must_use]
    pub fn schema(mut self, schema: &Schema) -> Self {
        self.schema = Some(schema.clone());
        self
    }

    /// What the rows must be like. Without a schema its columns are read as the types that it says, where they can be, but for
    /// those that only warn, and a nullable one that no line names is a column of missing cells. Rows that could be set aside
    /// are, with their lines and reasons, by
    /// [`read_path_with_quarantine`](JsonLinesReader::read_path_with_quarantine), and are an error elsewhere. Warnings pass.
    #[must_use]
    pub fn contract(mut self, contract: &Contract) -> Self {
        self.contract = Some(contract.clone());
        self
    }

    /// As [`contract`](JsonLinesReader::contract), without holding the table to it.
    #[cfg(feature = "catalog")]
    pub(crate) fn types_of(mut self, contract: &Contract) -> Self {
        self.typed_by = Some(contract.clone());
        self
    }

    /// With missing cells in some columns, whatever the lines have there, so that no error shows one.
    #[cfg(feature = "catalog")]
    pub(crate) fn without_cells_of(mut self, names: &[&str]) -> Self {
        self.hidden = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// The contract that says types.
    pub(super) fn typing(&self) -> Option<&Contract> {
        self.contract.as_ref().or(self.typed_by.as_ref())
    }

    /// The types that columns are read as.
    pub(super) fn given_types(&self) -> BTreeMap<String, ColumnType> {
        let mut types = self.types.clone();
        let of_contract = self.typing().into_iter().flat_map(Contract::types);
        types.extend(of_contract.map(|(name, column_type)| (name.to_owned(), column_type)));
        types
    }

    /// How many different names there may be.
    #[must_use]
    pub fn max_columns(mut self, max_columns: usize) -> Self {
        self.max_columns = max_columns;
        self
    }

    /// How long a line may be, in bytes.
    #[must_use]
    pub fn max_line_bytes(mut self, max_line_bytes: usize) -> Self {
        self.max_line_bytes = max_line_bytes;
        self
    }

    /// How long the file may be, in bytes after decompression.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.max_line_bytes {
            1.. => Ok(()),
            0 => Err(Error::invalid_param("max_line_bytes", 0, "at least 1 byte")),
        }
    }

    /// How many cells the table may have.
    #[must_use]
    pub fn max_cells(mut self, max_cells: u64) -> Self {
        self.max_cells = Some(max_cells);
        self
    }

    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// When the file cannot be read, as for [`read_json_lines`](crate::read_json_lines), and when a cell cannot be had as the type of
    /// the schema or the rows break the contract.
    pub fn read_path(&self, path: impl AsRef<Path>) -> Result<Table> {
        self.check()?;
        let limits = Limits { bytes: self.max_bytes, line: self.max_line_bytes };
        self.read_bytes(&read_limited(path.as_ref(), limits)?)
    }

    /// Reads an object of a store, plain or gzip, of at most `max_bytes`; a larger one by [`scan_object`](JsonLinesReader::scan_object).
    ///
    /// # Errors
    /// As for [`read_path`](JsonLinesReader::read_path), and when the store has no such object or cannot be asked.
    pub fn read_object(&self, store: &dyn ObjectStore, key: &str) -> Result<Table> {
        let limits = Limits { bytes: self.max_bytes, line: self.max_line_bytes };
        let read = || self.read_bytes(&decompressed(&objects::whole(store, key, self.max_bytes)?, limits)?);
        self.check()?;
        read().context(format!("reading the object `{key}`"))
    }

    /// As [`read_path`](JsonLinesReader::read_path), from bytes that are not compressed.
    ///
    /// # Errors
    /// As for [`read_path`](JsonLinesReader::read_path).
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Table> {
        let table = self.table(self.lines(bytes, None, |_, _, error| Err(error))?, None)?;
        self.contract.as_ref().map_or(Ok(()), |contract| contract.enforce(&table)).map(|()| table)
    }

    /// Reads a file, plain or gzip, with the lines that it would refuse set aside, and the rows that the contract sets aside. The
    /// second table has the number of each such `line`, the `record` as it stands, at most 64 characters of it, and the `reason`.
    /// Where cells of a column are of two kinds, those of the first line that has one are right. A line with a cell that cannot be
    /// had as the type of the contract is set aside too, if there is no schema.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than allowed, or no line is an object; when a cell cannot be had as the type of the
    /// schema, or the contract fails, see [`Contract::sift`].
    pub fn read_path_with_quarantine(&self, path: impl AsRef<Path>) -> Result<(Table, Table)> {
        self.read_bytes_with_quarantine(&read_limited(
            path.as_ref(),
            Limits { line: usize::MAX, bytes: self.max_bytes },
        )?)
    }

    /// As [`read_path_with_quarantine`](JsonLinesReader::read_path_with_quarantine), from bytes.
    ///
    /// # Errors
    /// As for [`read_path_with_quarantine`](JsonLinesReader::read_path_with_quarantine).
    pub fn read_bytes_with_quarantine(&self, bytes: &[u8]) -> Result<(Table, Table)> {
        let mut aside: Vec<Aside> = Vec::new();
        let mut put = |number: usize, line: &[u8], reason: String| {
            aside.push((number, excerpt(line.trim_ascii_end()), reason));
        };
        let mut places = Vec::new();
        let lines = self.lines(bytes, Some(&mut places), |number, line, error| {
            put(number, line, error.to_string());
            Ok(())
        })?;
        let mut wrong = BTreeMap::new();
        let mut table = self.table(lines, Some(&mut wrong))?;
        if !wrong.is_empty() {
            for (&row, reason) in &wrong {
                put(places[row].0, places[row].1, reason.clone());
            }
            let kept = places.into_iter().enumerate().filter(|(row, _)| !wrong.contains_key(row));
            places = kept.map(|(_, place)| place).collect();
        }
        if let Some(contract) = &self.contract {
            let (kept, rows) = contract.sift_rows(&table)?;
            rows.into_iter().for_each(|(row, reason)| put(places[row].0, places[row].1, reason));
            table = kept;
        }
        aside.sort_by_key(|(line, ..)| *line);
        let rows = aside.iter().map(|(line, record, why)| (*line, record.as_str(), why.as_str()));
        Ok((table, quarantine_of(rows)?))
    }

    /// The table; with `wrong`, without the rows that have a cell which is not of its type, and `wrong` says why.
    pub(super) fn table(
        &self,
        lines: Lines<Cells>,
        wrong: Option<&mut BTreeMap<usize, String>>,
    ) -> Result<Table> {
        let Lines { names, columns, n_rows, .. } = lines;
        let Some(schema) = &self.schema else {
            if n_rows == 0 {
                return Err(Error::empty("there is no object in these JSON lines"));
            }
            return self.typed(names, columns, n_rows, wrong);
        };
        if let Some(name) = names.iter().find(|name| schema.field(name).is_none()) {
            return Err(Error::unknown(format!(
                "the lines have the name `{name}`, which the schema does not know"
            )));
        }
        let mut found: BTreeMap<String, Cells> = names.into_iter().zip(columns).collect();
        let columns = schema.columns().iter().map(|field| {
            // Whether texts are days is for the schema to say.
            let column = match found.remove(&field.name) {
                Some(cells) => cells.plain_column(n_rows),
                None => Column::nulls(field.column_type, n_rows),
            };
            (field.name.as_str().into(), column)
        });
        schema.coerce(&Table::with_rows(n_rows, columns.collect())?)
    }

    /// As [`table`](JsonLinesReader::table), without a schema.
    fn typed(
        &self,
        names: Vec<String>,
        columns: Vec<Cells>,
        n_rows: usize,
        wrong: Option<&mut BTreeMap<usize, String>>,
    ) -> Result<Table> {
        let types = self.given_types();
        let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let absent: Vec<(String, Column)> = self
            .typing()
            .into_iter()
            .flat_map(Contract::nullable_columns)
            .filter(|(name, _)| !known.contains(name))
            .map(|(name, column_type)| (name.to_owned(), Column::nulls(column_type, n_rows)))
            .collect();
        let named = names.into_iter().zip(columns).map(|(name, cells)| {
            let column = match types.contains_key(&name) {
                true => cells.plain_column(n_rows),
                false => cells.column(n_rows),
            };
            (name, column)
        });
        let mut table = Table::new(named.chain(absent))?;
        if let Some(wrong) = wrong {
            for (name, column) in table.columns() {
                let Some(wanted) = types.get(name) else { continue };
                for row in not_of(column, *wanted) {
                    let cell: String = column.cell(row).unwrap_or_default().chars().take(40).collect();
                    let why = || format!("column `{name}`: `{cell}` is not of type {wanted}");
                    wrong.entry(row).or_insert_with(why);
                }
            }
            if !wrong.is_empty() {
                let keep: Vec<bool> = (0..n_rows).map(|row| !wrong.contains_key(&row)).collect();
                table = table.filter(&keep)?;
            }
        }
        let typed = table.columns().map(|(name, column)| {
            // Where a cell cannot be had as such, the contract says so.
            let typed = types.get(name).and_then(|wanted| column.coerce(*wanted).ok());
            (name.to_owned(), typed.unwrap_or_else(|| column.clone()))
        });
        Table::new(typed)
    }

    /// All lines; `wrong` is told the number, the bytes and the error of each that is no row, and says whether to go on.
    fn lines<'a>(
        &self,
        bytes: &'a [u8],
        places: Option<&mut Places<'a>>,
        wrong: impl FnMut(usize, &[u8], Error) -> Result<()>,
    ) -> Result<Lines<Cells>> {
        self.check()?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(CsvError::TooLarge { limit: self.max_bytes }.into());
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let most = FREE_CELLS.max(CELLS_PER_BYTE.saturating_mul(bytes.len() as u64));
        let mut lines = Lines::default();
        self.add(&mut lines, bytes, Start::default(), self.max_cells.unwrap_or(most), places, wrong)?;
        Ok(lines)
    }

    /// Adds lines to those before them, of at most so many cells in all.
    pub(super) fn add<'a, C: Grow>(
        &self,
        lines: &mut Lines<C>,
        bytes: &'a [u8],
        start: Start,
        max_cells: u64,
        mut places: Option<&mut Places<'a>>,
        mut wrong: impl FnMut(usize, &[u8], Error) -> Result<()>,
    ) -> Result<()> {
        let Start { line: first, mut byte } = start;
        for (number, line) in (first..).zip(bytes.split(|byte| *byte == b'\n')) {
            let at = Start { line: number, byte };
            byte += line.len() + 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let (row, n_columns) = match self.row(at, line).and_then(|row| self.fitting(at, row, lines)) {
                Ok(row) => row,
                Err(error) => {
                    wrong(number, line, error)?;
                    continue;
                }
            };
            // Before they are there: a column that is new in a late line has a cell for each line before.
            let cells = (n_columns as u64).saturating_mul(lines.n_rows as u64 + 1);
            if cells > max_cells {
                return Err(Error::too_large(format!(
                    "up to line {number} there are {n_columns} different names, which makes {cells} cells, more than {max_cells}; \
                     write names that differ from line to line as cells, or raise `max_cells`"
                )));
            }
            for (name, cell) in row.0 {
                let place = *lines.known.entry(name).or_insert_with_key(|name| {
                    lines.names.push(name.clone());
                    lines.columns.push(C::default());
                    lines.names.len() - 1
                });
                lines.columns[place].push(cell, lines.n_rows)?;
            }
            lines.n_rows += 1;
            if let Some(places) = &mut places {
                places.push((number, line));
            }
        }
        Ok(())
    }

    fn row(&self, at: Start, line: &[u8]) -> Result<Row> {
        let Start { line: number, byte } = at;
        if line.len() > self.max_line_bytes {
            return Err(Error::too_large(format!(
                "line {number} (byte {byte}) is longer than {} bytes; raise `max_line_bytes` if that is right",
                self.max_line_bytes
            )));
        }
        let mut row = serde_json::from_slice::<Row>(line).map_err(|error| {
            // The line that it counts is the one that it was given.
            let byte = byte + error.column().saturating_sub(1).min(line.len());
            Error::malformed(format!(
                "line {number} (byte {byte}) is no object of texts, numbers, booleans and nulls: {error}"
            ))
            .with_source(error)
        })?;
        let hidden = row.0.iter_mut().filter(|(name, _)| self.hidden.contains(name));
        hidden.for_each(|(_, cell)| *cell = Cell::Null);
        Ok(row)
    }

    /// A row that goes with those before it, and how many columns there are with it.
    fn fitting<C: Grow>(&self, at: Start, row: Row, lines: &Lines<C>) -> Result<(Row, usize)> {
        let Start { line: number, byte } = at;
        let mut n_columns = lines.columns.len();
        for (name, cell) in &row.0 {
            match lines.known.get(name) {
                Some(&place) => lines.columns[place]
                    .check(cell)
                    .context(format!("line {number} (byte {byte}), column `{name}`"))?,
                None => n_columns += 1,
            }
        }
        if n_columns > self.max_columns {
            return Err(Error::too_large(format!(
                "up to line {number} there are {n_columns} different names, more than {}; write names that differ from line to \
                 line as cells, or raise `max_columns`",
                self.max_columns
            )));
        }
        Ok((row, n_columns))
    }
}

/// The rows whose cells cannot be had as a type.
fn not_of(column: &Column, wanted: ColumnType) -> Vec<usize> {
    if column.coerce(wanted).is_ok() {
        return Vec::new();
    }
    let is_wrong = |row: usize| !column.is_null(row) && column.slice(row, 1).coerce(wanted).is_err();
    (0..column.n_rows()).filter(|&row| is_wrong(row)).collect()
}
