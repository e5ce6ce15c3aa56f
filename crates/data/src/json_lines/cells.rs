//! Cells of JSON lines, and the columns that they grow into.

use std::collections::BTreeSet;
use std::fmt;

use perennial_core::{Error, Result};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Column, calendar};

/// One value of an object.
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// The cells of a column so far; rows that did not have it are not there yet.
#[derive(Default)]
pub(crate) enum Cells {
    #[default]
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
        match (self, cell) {
            (Cells::Nothing, _) | (_, Cell::Null) => Ok(()),
            (Cells::Boolean(_), Cell::Boolean(_))
            | (Cells::Integer(_), Cell::Integer(_))
            | (Cells::Real(_), Cell::Real(_))
            | (Cells::Text(_), Cell::Text(_)) => Ok(()),
            (Cells::Integer(cells), Cell::Real(_)) => {
                cells.iter().flatten().try_for_each(|cell| exact(*cell).map(drop))
            }
            (Cells::Real(_), Cell::Integer(cell)) => exact(*cell).map(drop),
            _ => Err(clash(cell, self.kind())),
        }
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

    /// As texts where they are such, though they look like days.
    pub(crate) fn plain_column(self, n_rows: usize) -> Column {
        match self {
            Cells::Text(cells) => {
                let missing = n_rows - cells.len();
                let cells = cells.iter().map(Option::as_deref);
                Column::text(cells.chain(std::iter::repeat_n(None, missing)))
            }
            other => other.column(n_rows),
        }
    }
}

/// A cell beside cells of another kind.
pub(super) fn clash(cell: &Cell, before: &str) -> Error {
    let (shown, kind) = match cell {
        Cell::Null => ("null".to_owned(), "a missing cell"),
        Cell::Boolean(cell) => (cell.to_string(), "a boolean"),
        Cell::Text(cell) => (format!("`{}`", cell.chars().take(40).collect::<String>()), "a text"),
        Cell::Integer(cell) => (cell.to_string(), "a number"),
        Cell::Real(cell) => (cell.to_string(), "a number"),
    };
    Error::malformed(format!(
        "{shown} is {kind}, and the lines before have {before}; write all cells of a column in one way"
    ))
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
pub(super) fn exact(cell: i64) -> Result<f64> {
    if crate::column::is_exact(cell) {
        return Ok(cell as f64);
    }
    Err(Error::unsupported(format!(
        "{cell} has no exact number of double precision, and the column has real numbers; write it as a text"
    )))
}

/// One object, its names in order.
pub(super) struct Row(pub(super) Vec<(String, Cell)>);

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
