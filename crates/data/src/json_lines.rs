//! JSON lines: one object per line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use perennial_core::{Error, Result, write_atomic};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::csv::{DEFAULT_LIMITS, Limits, excerpt, quarantine_of, read_limited};
use crate::{Column, ColumnType, Schema, Table, calendar};

/// Reads a file of JSON lines, plain or gzip.
///
/// Each line is an object; its names are the columns, in the order in which they first appear. A name that a line does
/// not have, and `null`, is a missing cell. Types come from all cells: booleans, whole numbers, real numbers (where one
/// cell has a fraction or an exponent), days or moments where all texts are such, else text. Empty lines are passed over.
///
/// ```
/// use perennial_data::{ColumnType, parse_json_lines};
///
/// let table = parse_json_lines(br#"{"id": 1, "name": "Ada", "born": "1815-12-10"}
/// {"id": 2, "score": 0.5}
/// "#)?;
/// assert_eq!(table.names().collect::<Vec<_>>(), ["id", "name", "born", "score"]);
/// assert_eq!(table.column("born")?.column_type(), ColumnType::Date);
/// assert!(table.column("name")?.is_null(1));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be read or has no object, a line is no object of texts, numbers, booleans and nulls, an object has
/// a name twice, a column has cells of two kinds, or a number has no exact form; the message names line and column.
pub fn read_json_lines(path: impl AsRef<Path>) -> Result<Table> {
    parse_json_lines(&read_limited(path.as_ref(), DEFAULT_LIMITS)?)
}

/// As [`read_json_lines`], from bytes.
///
/// # Errors
/// As for [`read_json_lines`].
pub fn parse_json_lines(bytes: &[u8]) -> Result<Table> {
    parse(bytes, |_, _, error| Err(error))
}

/// As [`read_json_lines`], with the columns, types and levels of a schema: a table that was written comes back as it was. Texts stay texts though they
/// look like days, a name that no line has is a column of missing cells, and there may be no line at all.
///
/// # Errors
/// When the file cannot be read, a line is no object of texts, numbers, booleans and nulls or has a name that the schema does not know, or a cell cannot
/// be read as the type of its column; see [`Schema::coerce`].
pub fn read_json_lines_with_schema(path: impl AsRef<Path>, schema: &Schema) -> Result<Table> {
    parse_json_lines_with_schema(&read_limited(path.as_ref(), DEFAULT_LIMITS)?, schema)
}

/// As [`read_json_lines_with_schema`], from bytes.
///
/// ```
/// use perennial_data::{Table, parse_json_lines_with_schema, to_json_lines};
///
/// let table = Table::builder().category("on", ["2024-02-29", "b"]).text("day", ["2024-02-29", "2024-03-01"]).build()?;
/// let text = to_json_lines(&table)?;
/// assert_eq!(parse_json_lines_with_schema(text.as_bytes(), &table.schema())?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_json_lines_with_schema`].
pub fn parse_json_lines_with_schema(bytes: &[u8], schema: &Schema) -> Result<Table> {
    let lines = lines(bytes, |_, _, error| Err(error))?;
    if let Some(name) = lines.names.iter().find(|name| schema.field(name).is_none()) {
        return Err(Error::unknown(format!(
            "the lines have the name `{name}`, which the schema does not know"
        )));
    }
    let mut found: BTreeMap<String, Cells> = lines.names.into_iter().zip(lines.columns).collect();
    let columns = schema.columns().iter().map(|field| {
        let column = match found.remove(&field.name) {
            // Whether texts are days is for the schema to say.
            Some(Cells::Text(cells)) => {
                let missing = lines.n_rows - cells.len();
                let cells = cells.iter().map(Option::as_deref);
                Column::text(cells.chain(std::iter::repeat_n(None, missing)))
            }
            Some(cells) => cells.column(lines.n_rows),
            None => Column::nulls(field.column_type, lines.n_rows),
        };
        (field.name.as_str().into(), column)
    });
    schema.coerce(&Table::with_rows(lines.n_rows, columns.collect())?)
}

/// As [`read_json_lines`], with the lines that it would refuse set aside. The second table has the number of each such `line`, the
/// `record` as it stands, at most 64 characters of it, and the `reason`. Where cells of a column are of two kinds, those of the
/// first line that has one are right.
///
/// # Errors
/// When the file cannot be read, is larger than allowed, or no line is an object.
pub fn read_json_lines_with_quarantine(path: impl AsRef<Path>) -> Result<(Table, Table)> {
    parse_json_lines_with_quarantine(&read_limited(
        path.as_ref(),
        Limits { line: usize::MAX, ..DEFAULT_LIMITS },
    )?)
}

/// As [`read_json_lines_with_quarantine`], from bytes.
///
/// ```
/// use perennial_data::parse_json_lines_with_quarantine;
///
/// let (table, quarantine) = parse_json_lines_with_quarantine(b"{\"id\": 1}\n{\"id\": \"two\"}\n{\"id\": 3\n")?;
/// assert_eq!((table.n_rows(), quarantine.n_rows()), (1, 2));
/// assert_eq!(quarantine.column("line")?.as_integer()?.flatten().collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_json_lines_with_quarantine`].
pub fn parse_json_lines_with_quarantine(bytes: &[u8]) -> Result<(Table, Table)> {
    let mut aside: Vec<(usize, String, String)> = Vec::new();
    let table = parse(bytes, |number, line, error| {
        aside.push((number, excerpt(line.trim_ascii_end()), error.to_string()));
        Ok(())
    })?;
    let quarantine =
        quarantine_of(aside.iter().map(|(line, record, why)| (*line, record.as_str(), why.as_str())))?;
    Ok((table, quarantine))
}

/// The cells of all lines, column by column.
struct Lines {
    names: Vec<String>,
    columns: Vec<Cells>,
    n_rows: usize,
}

fn parse(bytes: &[u8], wrong: impl FnMut(usize, &[u8], Error) -> Result<()>) -> Result<Table> {
    let Lines { names, columns, n_rows } = lines(bytes, wrong)?;
    if n_rows == 0 {
        return Err(Error::empty("there is no object in these JSON lines"));
    }
    Table::new(names.into_iter().zip(columns).map(|(name, cells)| (name, cells.column(n_rows))))
}

/// All lines; `wrong` is told the number, the bytes and the error of each that is no row, and says whether to go on.
fn lines(bytes: &[u8], mut wrong: impl FnMut(usize, &[u8], Error) -> Result<()>) -> Result<Lines> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut names: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut columns: Vec<Cells> = Vec::new();
    let mut n_rows = 0;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row = row(number, line).and_then(|row| {
            let fits = |(name, cell): &(String, Cell)| match places.get(name) {
                Some(&place) => columns[place]
                    .check(cell)
                    .map_err(|error| error.context(format!("line {number}, column `{name}`"))),
                None => Ok(()),
            };
            row.0.iter().try_for_each(fits).map(|()| row)
        });
        match row {
            Ok(row) => {
                for (name, cell) in row.0 {
                    let place = *places.entry(name).or_insert_with_key(|name| {
                        names.push(name.clone());
                        columns.push(Cells::Nothing);
                        names.len() - 1
                    });
                    columns[place].push(cell, n_rows)?;
                }
                n_rows += 1;
            }
            Err(error) => wrong(number, line, error)?,
        }
    }
    Ok(Lines { names, columns, n_rows })
}

fn row(number: usize, line: &[u8]) -> Result<Row> {
    if line.len() > DEFAULT_LIMITS.line {
        return Err(Error::too_large(format!("line {number} is longer than {} bytes", DEFAULT_LIMITS.line)));
    }
    serde_json::from_slice(line).map_err(|error| {
        Error::malformed(format!("line {number} is no object of texts, numbers, booleans and nulls: {error}"))
            .with_source(error)
    })
}

/// A table as JSON lines: missing cells are `null`, days and moments are texts. Real numbers come back with the same bits. What JSON does not say is
/// lost unless it is read with the schema of the table: that texts which look like days are texts, that categories are categories and
/// what levels they have, the type of a column without a cell, and the columns of a table without rows.
///
/// ```
/// use perennial_data::{Table, parse_json_lines, to_json_lines};
///
/// let table = Table::builder().integer("id", [1, 2]).real("x", [Some(0.1), None]).build()?;
/// let text = to_json_lines(&table)?;
/// assert_eq!(text, "{\"id\":1,\"x\":0.1}\n{\"id\":2,\"x\":null}\n");
/// assert_eq!(parse_json_lines(text.as_bytes())?, table);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the table has no columns, a number is infinite, which JSON cannot write, or a date lies outside of the years 0 to 9999.
pub fn to_json_lines(table: &Table) -> Result<String> {
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let quoted = |text: &str| serde_json::to_string(text).map_err(Error::other);
    let names = table.names().map(quoted).collect::<Result<Vec<_>>>()?;
    let mut out = String::new();
    for row in 0..table.n_rows() {
        for (at, ((plain, column), name)) in table.columns().zip(&names).enumerate() {
            out.push(if at == 0 { '{' } else { ',' });
            out.push_str(name);
            out.push(':');
            let column_type = column.column_type();
            match column.cell(row) {
                None => out.push_str("null"),
                Some(cell) => {
                    writable(&cell, column_type)
                        .map_err(|error| error.context(format!("row {row}, column `{plain}`")))?;
                    match column_type {
                        ColumnType::Integer | ColumnType::Real | ColumnType::Boolean => out.push_str(&cell),
                        _ => out.push_str(&quoted(&cell)?),
                    }
                }
            }
        }
        out.push_str("}\n");
    }
    Ok(out)
}

/// Whether a cell can be read again as what it is.
fn writable(cell: &str, column_type: ColumnType) -> Result<()> {
    match column_type {
        ColumnType::Real if cell.ends_with("inf") => {
            Err(Error::unsupported(format!("JSON has no number for {cell}; replace it, or write Parquet")))
        }
        ColumnType::Date | ColumnType::DateTime if !calendar::is_readable(cell.as_bytes()) => {
            Err(Error::unsupported(format!(
                "`{cell}` lies outside of the years 0 to 9999 and cannot be written to JSON lines"
            )))
        }
        _ => Ok(()),
    }
}

/// Writes a table to a file of JSON lines, whole or not at all.
///
/// # Errors
/// As for [`to_json_lines`], and when the file cannot be written.
pub fn write_json_lines(table: &Table, path: impl AsRef<Path>) -> Result<()> {
    write_atomic(path, to_json_lines(table)?.as_bytes())
}

/// One value of an object.
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// The cells of a column so far; rows that did not have it are not there yet.
pub(crate) enum Cells {
    Nothing,
    Boolean(Vec<Option<bool>>),
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

fn put<T>(cells: &mut Vec<Option<T>>, row: usize, cell: T) {
    cells.resize_with(row, || None);
    cells.push(Some(cell));
}

impl Cells {
    fn kind(&self) -> &'static str {
        match self {
            Cells::Nothing => "nothing",
            Cells::Boolean(_) => "booleans",
            Cells::Integer(_) | Cells::Real(_) => "numbers",
            Cells::Text(_) => "texts",
        }
    }

    /// Whether a cell goes with those before it.
    pub(crate) fn check(&self, cell: &Cell) -> Result<()> {
        let (shown, kind): (String, _) = match (self, cell) {
            (Cells::Nothing, _) | (_, Cell::Null) => return Ok(()),
            (Cells::Boolean(_), Cell::Boolean(_))
            | (Cells::Integer(_), Cell::Integer(_))
            | (Cells::Real(_), Cell::Real(_))
            | (Cells::Text(_), Cell::Text(_)) => return Ok(()),
            (Cells::Integer(cells), Cell::Real(_)) => {
                return cells.iter().flatten().try_for_each(|cell| exact(*cell).map(drop));
            }
            (Cells::Real(_), Cell::Integer(cell)) => return exact(*cell).map(drop),
            (_, Cell::Boolean(cell)) => (cell.to_string(), "a boolean"),
            (_, Cell::Text(cell)) => (format!("`{}`", cell.chars().take(40).collect::<String>()), "a text"),
            (_, Cell::Integer(cell)) => (cell.to_string(), "a number"),
            (_, Cell::Real(cell)) => (cell.to_string(), "a number"),
        };
        Err(Error::malformed(format!(
            "{shown} is {kind}, and the lines before have {}; write all cells of a column in one way",
            self.kind()
        )))
    }

    /// Takes a cell that was checked.
    pub(crate) fn push(&mut self, cell: Cell, row: usize) -> Result<()> {
        if let (Cells::Integer(cells), Cell::Real(_)) = (&*self, &cell) {
            *self = Cells::Real(cells.iter().map(|cell| cell.map(exact).transpose()).collect::<Result<_>>()?);
        }
        match (&mut *self, cell) {
            (_, Cell::Null) => {}
            (Cells::Boolean(cells), Cell::Boolean(cell)) => put(cells, row, cell),
            (Cells::Integer(cells), Cell::Integer(cell)) => put(cells, row, cell),
            (Cells::Real(cells), Cell::Integer(cell)) => put(cells, row, exact(cell)?),
            (Cells::Real(cells), Cell::Real(cell)) => put(cells, row, cell),
            (Cells::Text(cells), Cell::Text(cell)) => put(cells, row, cell),
            (Cells::Nothing, cell) => {
                *self = match cell {
                    Cell::Boolean(_) => Cells::Boolean(Vec::new()),
                    Cell::Integer(_) => Cells::Integer(Vec::new()),
                    Cell::Real(_) => Cells::Real(Vec::new()),
                    _ => Cells::Text(Vec::new()),
                };
                return self.push(cell, row);
            }
            (cells, cell) => return cells.check(&cell),
        }
        Ok(())
    }

    pub(crate) fn column(self, n_rows: usize) -> Column {
        fn filled<T>(mut cells: Vec<Option<T>>, n_rows: usize) -> Vec<Option<T>> {
            cells.resize_with(n_rows, || None);
            cells
        }
        match self {
            Cells::Nothing => Column::real(vec![None; n_rows]),
            Cells::Boolean(cells) => Column::boolean(filled(cells, n_rows)),
            Cells::Integer(cells) => Column::integer(filled(cells, n_rows)),
            Cells::Real(cells) => Column::real(filled(cells, n_rows)),
            Cells::Text(cells) => texts(&filled(cells, n_rows)),
        }
    }
}

/// Days where all are days, moments where all are one of the two, else texts.
fn texts(cells: &[Option<String>]) -> Column {
    let all = |is: &dyn Fn(&[u8]) -> bool| cells.iter().flatten().all(|cell| is(cell.as_bytes()));
    let day = |cell: &[u8]| calendar::parse_date(cell).is_some();
    let moment = |cell: &[u8]| calendar::parse_date_time(cell).is_some();
    let bytes = |cell: &Option<String>| cell.as_ref().map(|cell| cell.clone().into_bytes());
    if all(&day) {
        return Column::date(
            cells.iter().map(|cell| bytes(cell).and_then(|cell| calendar::parse_date(&cell))),
        );
    }
    if all(&moment) {
        let moments = cells.iter().map(|cell| bytes(cell).and_then(|cell| calendar::parse_date_time(&cell)));
        return Column::date_time(moments);
    }
    Column::text(cells.iter().map(|cell| cell.as_deref()))
}

/// A whole number among real ones.
fn exact(cell: i64) -> Result<f64> {
    if crate::column::is_exact(cell) {
        return Ok(cell as f64);
    }
    Err(Error::unsupported(format!(
        "{cell} has no exact number of double precision, and the column has real numbers; write it as a text"
    )))
}

/// One object, its names in order.
struct Row(Vec<(String, Cell)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Row, A::Error> {
        let mut cells = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((name, cell)) = map.next_entry::<String, Cell>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("the name `{name}` stands twice")));
            }
            cells.push((name, cell));
        }
        Ok(Row(cells))
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean or null")
    }

    fn visit_unit<E>(self) -> std::result::Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, cell: bool) -> std::result::Result<Cell, E> {
        Ok(Cell::Boolean(cell))
    }

    fn visit_i64<E>(self, cell: i64) -> std::result::Result<Cell, E> {
        Ok(Cell::Integer(cell))
    }

    fn visit_u64<E: serde::de::Error>(self, cell: u64) -> std::result::Result<Cell, E> {
        let too_large =
            || E::custom(format!("{cell} is beyond the whole numbers of 64 bits; write it as a text"));
        i64::try_from(cell).map(Cell::Integer).map_err(|_| too_large())
    }

    fn visit_f64<E>(self, cell: f64) -> std::result::Result<Cell, E> {
        Ok(Cell::Real(cell))
    }

    fn visit_str<E>(self, cell: &str) -> std::result::Result<Cell, E> {
        Ok(Cell::Text(cell.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("a cell is an object; flatten it into columns of its own first"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Cell, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("a cell is a list; give each of its items a row or a column of its own first"))
    }
}
