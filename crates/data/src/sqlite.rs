//! Tables from and into SQLite databases.

use std::path::Path;

use perennial_core::{Error, Result, ResultExt};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::json_lines::{Cell, Cells};
use crate::{Column, ColumnType, Table};

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

fn answer(path: &Path, query: &str) -> Result<Table> {
    // SQLite would wait for a pipe.
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("cannot open it", error))?;
    if !metadata.is_file() {
        return Err(Error::unsupported("it is not a regular file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    // Functions that a foreign file hides in its schema are not called.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;").map_err(refused)?;
    let mut statement = connection.prepare(query).map_err(refused)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Error::malformed("the query has no columns; give a `SELECT`"));
    }
    let mut columns: Vec<Cells> = names.iter().map(|_| Cells::Nothing).collect();
    let mut n_rows = 0;
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        for (at, (cells, name)) in columns.iter_mut().zip(&names).enumerate() {
            let place = || format!("row {n_rows}, column `{name}`");
            let cell = match row.get_ref(at).map_err(refused)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(cell) => Cell::Integer(cell),
                ValueRef::Real(cell) => Cell::Real(cell),
                ValueRef::Text(text) => {
                    let text = std::str::from_utf8(text);
                    Cell::Text(
                        text.map_err(|_| Error::malformed("the text is not UTF-8"))
                            .context(place())?
                            .to_owned(),
                    )
                }
                ValueRef::Blob(_) => {
                    let what = "the cell is a blob, for which a table has no type; select `hex(..)` of it";
                    return Err(Error::unsupported(what).context(place()));
                }
            };
            cells
                .check(&cell)
                .and_then(|()| cells.push(cell, n_rows))
                .map_err(|error| error.context(place()))?;
        }
        n_rows += 1;
    }
    Table::new(names.into_iter().zip(columns).map(|(name, cells)| (name, cells.column(n_rows))))
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
