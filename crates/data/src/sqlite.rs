//! Tables from and into SQLite databases.

use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};

use crate::database_scan::{DatabaseScan, Room, RowLimit};
use crate::json_lines::{Cell, Cells, Found, Grow};
use crate::{BatchSize, Column, ColumnType, Table};

/// The answer of a query to an SQLite database, which is opened for reading alone.
///
/// Types come from all cells, as in [`read_json_lines`](crate::read_json_lines): SQLite gives each cell its own. Whole numbers are whole, with a
/// real one among them real where all are exact, texts that all are days or moments such; a column without a cell is real.
/// Truth values are the whole numbers that SQLite has for them.
///
/// ```
/// use perennial_data::{Column, Table, read_sqlite, write_sqlite};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("shop.sqlite");
/// let orders = Table::new([("id", Column::integer([1, 2])), ("day", Column::date([Some(5), None]))])?;
/// write_sqlite(&orders, &path, "orders")?;
/// assert_eq!(read_sqlite(&path, "SELECT id, day FROM orders ORDER BY id")?, orders);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the file is no SQLite database, the query is wrong or writes, two columns of the answer have one name, a cell is a blob or no
/// UTF-8, or a column has cells of two kinds; the message names row and column.
pub fn read_sqlite(path: impl AsRef<Path>, query: &str) -> Result<Table> {
    let path = path.as_ref();
    answer(path, query).context(format!("reading `{}`", path.display()))
}

/// As [`read_sqlite`], in tables of `batch` rows, or within a [memory](BatchSize::max_memory), so that the answer may be larger than memory. An answer without
/// rows gives one table without rows.
///
/// Because types come from all cells, the query is answered twice, on one state of the database; `ORDER BY` makes the order of rows one that is
/// known. What SQLite itself needs to sort is beside the memory.
///
/// ```
/// use perennial_data::{Column, Table, scan_sqlite, write_sqlite};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("shop.sqlite");
/// write_sqlite(&Table::new([("id", Column::integer(0..1000))])?, &path, "orders")?;
/// let parts = scan_sqlite(&path, "SELECT id FROM orders ORDER BY id", 300)?;
/// let rows: Vec<usize> = parts.map(|part| Ok(part?.n_rows())).collect::<perennial_core::Result<_>>()?;
/// assert_eq!(rows, [300, 300, 300, 100]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_sqlite`], and when `batch` is 0. What happens after the first table is an error of the iterator.
pub fn scan_sqlite(path: impl AsRef<Path>, query: &str, batch: impl Into<BatchSize>) -> Result<DatabaseScan> {
    let (path, query, size) = (path.as_ref().to_owned(), query.to_owned(), batch.into());
    let mut room = Room::new(size)?;
    let source = format!("reading `{}`", path.display());
    DatabaseScan::start(source, size, move |tables| {
        let connection = open(&path)?;
        connection.execute_batch("BEGIN").map_err(refused)?;
        let names = names(&connection.prepare(&query).map_err(refused)?)?;
        let mut found: Vec<Found> = names.iter().map(|_| Found::default()).collect();
        let limit = Some(room.row_limit());
        each_row(&connection, &query, &names, limit, |_, row| {
            row.into_iter().enumerate().try_for_each(|(at, cell)| {
                found[at].check(&cell).and_then(|()| found[at].push(cell, 0)).map_err(|error| (at, error))
            })
        })?;
        let empty = || found.iter().map(Found::none).collect::<Vec<Cells>>();
        let table = |columns: Vec<Cells>, n_rows: usize| {
            let column = |((name, cells), found): ((&String, Cells), &Found)| {
                let column = cells.plain_column(n_rows).coerce(found.column_type());
                Ok((name.clone(), column.context(format!("column `{name}`"))?))
            };
            let columns = names.iter().zip(columns).zip(&found).map(column).collect::<Result<Vec<_>>>()?;
            Table::new(columns)
        };
        let (mut columns, mut given) = (empty(), 0_usize);
        each_row(&connection, &query, &names, limit, |_, row| {
            let texts = row.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum();
            let n_cells = row.len();
            for (at, cell) in row.into_iter().enumerate() {
                let cells = &mut columns[at];
                let pushed = cells.check(&cell).and_then(|()| cells.push(cell, room.n_rows));
                pushed.map_err(|error| (at, error))?;
            }
            room.add(n_cells, texts).map_err(|error| (0, error))?;
            if room.is_full() {
                let full = std::mem::replace(&mut columns, empty());
                table(full, room.n_rows).and_then(|table| tables.give(table)).map_err(|error| (0, error))?;
                given += 1;
                room.clear();
            }
            Ok(())
        })?;
        if room.n_rows > 0 || given == 0 {
            tables.give(table(columns, room.n_rows)?)?;
        }
        Ok(())
    })
}

fn answer(path: &Path, query: &str) -> Result<Table> {
    let connection = open(path)?;
    let names = names(&connection.prepare(query).map_err(refused)?)?;
    let mut columns: Vec<Cells> = names.iter().map(|_| Cells::Nothing).collect();
    let n_rows = each_row(&connection, query, &names, None, |n_rows, row| {
        row.into_iter().enumerate().try_for_each(|(at, cell)| {
            let cells = &mut columns[at];
            cells.check(&cell).and_then(|()| cells.push(cell, n_rows)).map_err(|error| (at, error))
        })
    })?;
    Table::new(names.into_iter().zip(columns).map(|(name, cells)| (name, cells.column(n_rows))))
}

fn open(path: &Path) -> Result<Connection> {
    // SQLite would wait for a pipe.
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("cannot open it", error))?;
    if !metadata.is_file() {
        return Err(Error::unsupported("it is not a regular file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    // Functions that a foreign file hides in its schema are not called.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;").map_err(refused)?;
    Ok(connection)
}

/// The columns of an answer.
fn names(statement: &Statement<'_>) -> Result<Vec<String>> {
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    match names.is_empty() {
        false => Ok(names),
        true => Err(Error::malformed("the query has no columns; give a `SELECT`")),
    }
}

/// Asks, and gives each row within a limit with its number; an error of `take` says which column is its place. Gives how many rows there are.
fn each_row(
    connection: &Connection,
    query: &str,
    names: &[String],
    limit: Option<RowLimit>,
    mut take: impl FnMut(usize, Vec<Cell>) -> std::result::Result<(), (usize, Error)>,
) -> Result<usize> {
    let mut statement = connection.prepare(query).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    let mut n_rows = 0;
    while let Some(row) = rows.next().map_err(refused)? {
        let place = |at: usize| format!("row {n_rows}, column `{}`", names[at]);
        let mut cells = Vec::with_capacity(names.len());
        let mut n_bytes = 0;
        for at in 0..names.len() {
            let found = row.get_ref(at).map_err(refused)?;
            // Before the text is copied.
            if let (ValueRef::Text(text), Some(limit)) = (found, limit) {
                n_bytes += text.len();
                limit.check(names.len(), n_bytes).map_err(|error| error.context(place(at)))?;
            }
            let cell = cell(found);
            cells.push(cell.map_err(|error| error.context(place(at)))?);
        }
        take(n_rows, cells).map_err(|(at, error)| error.context(place(at)))?;
        n_rows += 1;
    }
    Ok(n_rows)
}

fn cell(cell: ValueRef<'_>) -> Result<Cell> {
    match cell {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(cell) => Ok(Cell::Integer(cell)),
        ValueRef::Real(cell) => Ok(Cell::Real(cell)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Cell::Text(text.to_owned())),
            Err(_) => Err(Error::malformed("the text is not UTF-8")),
        },
        ValueRef::Blob(_) => Err(Error::unsupported(
            "the cell is a blob, for which a table has no type; select `hex(..)` of it",
        )),
    }
}

/// Writes a table to a new table of an SQLite database, which is made where it does not exist, whole or not at all. Days and
/// moments become texts, truth values the numbers 0 and 1.
///
/// # Errors
/// When the table has no columns, the database has a table of that name, two names differ by case alone, or the file cannot be
/// written.
pub fn write_sqlite(table: &Table, path: impl AsRef<Path>, name: &str) -> Result<()> {
    let path = path.as_ref();
    if table.n_cols() == 0 {
        return Err(Error::empty("the table has no columns"));
    }
    let write = || -> Result<()> {
        let mut connection = Connection::open(path).map_err(refused)?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let columns: Vec<String> = table
            .columns()
            .map(|(name, column)| format!("{} {}", quoted(name), declared(column.column_type())))
            .collect();
        let places = vec!["?"; table.n_cols()].join(", ");
        let transaction = connection.transaction().map_err(refused)?;
        transaction
            .execute(&format!("CREATE TABLE {} ({})", quoted(name), columns.join(", ")), [])
            .map_err(refused)?;
        let mut insert = transaction
            .prepare(&format!("INSERT INTO {} VALUES ({places})", quoted(name)))
            .map_err(refused)?;
        let cells: Vec<&Column> = table.columns().map(|(_, column)| column).collect();
        for row in 0..table.n_rows() {
            for (at, column) in (1..).zip(&cells) {
                bind(&mut insert, at, column, row).map_err(refused)?;
            }
            insert.raw_execute().map_err(refused)?;
        }
        drop(insert);
        transaction.commit().map_err(refused)
    };
    write().context(format!("writing `{}`", path.display()))
}

fn declared(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer | ColumnType::Boolean => "INTEGER",
        ColumnType::Real => "REAL",
        _ => "TEXT",
    }
}

fn bind(
    insert: &mut rusqlite::Statement<'_>,
    at: usize,
    column: &Column,
    row: usize,
) -> rusqlite::Result<()> {
    use crate::column::Data;
    if column.is_null(row) {
        return insert.raw_bind_parameter(at, rusqlite::types::Null);
    }
    match &column.0 {
        Data::Integer(array) => insert.raw_bind_parameter(at, array.value(row)),
        Data::Real(array) => insert.raw_bind_parameter(at, array.value(row)),
        Data::Boolean(array) => insert.raw_bind_parameter(at, array.value(row)),
        _ => insert.raw_bind_parameter(at, column.cell(row).as_deref()),
    }
}

fn refused(error: rusqlite::Error) -> Error {
    Error::malformed(format!("SQLite refuses it: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_too_large_are_not_taken() {
        let room = Room::new(BatchSize::max_memory(16 << 20)).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let ask = |limit: Option<RowLimit>| {
            let (query, names) = ("SELECT hex(zeroblob(1000000)) AS t", ["t".to_owned()]);
            let mut n_taken = 0;
            let asked = each_row(&connection, query, &names, limit, |_, _| {
                n_taken += 1;
                Ok(())
            });
            (n_taken, asked.is_ok())
        };
        assert_eq!(ask(None), (1, true));
        assert_eq!(ask(Some(room.row_limit())), (0, false));
    }
}
