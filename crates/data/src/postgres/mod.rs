//! Tables from and into PostgreSQL.

mod cells;
mod numeric;
mod write;

use std::error::Error as _;
use std::str::FromStr;
use std::time::Duration;

use perennial_core::{Error, Result, ResultExt};
use postgres::binary_copy::BinaryCopyOutIter;
use postgres::config::Host;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{FromSql, Type};
use postgres::{Client, Config, IsolationLevel, NoTls, Transaction};

use crate::database_scan::{DatabaseScan, Room, Tables};
use crate::json_lines::{Cell, Found, Grow};
use crate::{BatchSize, Table};
use cells::Cells;

/// The answer of a query to a PostgreSQL server, which is read as one stream of binary rows in a transaction that cannot write.
///
/// The server is named as `host=localhost user=ada password=.. dbname=shop` or `postgresql://ada:..@localhost/shop`. Where nothing is said of
/// `connect_timeout`, a machine that does not answer is given up after ten seconds; one that takes the connection and stays silent is
/// waited for. `options='-c statement_timeout=60000'` limits the query. The connection is not encrypted: use it on this machine, in a network that you trust, or through a tunnel.
///
/// | type of the server | column |
/// |---|---|
/// | `smallint`, `integer`, `bigint`, `oid` | integer |
/// | `real`, `double precision` | real; NaN is missing |
/// | `numeric` | integer where no cell has decimal places, else the nearest real numbers |
/// | `boolean` | boolean |
/// | `text`, `varchar`, `char`, `name`, `citext`, `xml`, `json`, `jsonb`, `uuid`, `time` | text |
/// | enumerations | category, levels in their order |
/// | `date` | date |
/// | `timestamp`, `timestamptz` | moments; those without a zone are taken for UTC |
///
/// A domain is what it is made of. Anything else can be selected as `column::text`.
///
/// ```no_run
/// use perennial_data::read_postgres;
///
/// let orders = read_postgres("host=localhost user=ada dbname=shop", "SELECT id, day, total FROM orders WHERE total > 10")?;
/// println!("{orders}");
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the server cannot be reached or refuses the user, the query is wrong, writes, or has parameters, two columns of the answer
/// have one name, a column has a type that is not listed, or a cell has no place in its column: an infinite day, a whole `numeric`
/// beyond what the column holds exactly. The message names row and column.
pub fn read_postgres(server: &str, query: &str) -> Result<Table> {
    let config = config(server)?;
    answer(&config, query).context(format!("reading from {}", shown(&config)))
}

/// Writes a table to a new table of a PostgreSQL database, whole or not at all. It stands in the first schema of the search path; another
/// is chosen by `options='-c search_path=sales'`.
///
/// Integers become `bigint`, real numbers `double precision`, texts and categories `text`, days `date`, and moments `timestamptz`.
/// The server is named as for [`read_postgres`].
///
/// ```no_run
/// use perennial_data::{Column, Table, write_postgres};
///
/// let orders = Table::new([("id", Column::integer([1, 2])), ("day", Column::date([Some(5), None]))])?;
/// write_postgres(&orders, "host=localhost user=ada dbname=shop", "orders")?;
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the table has no columns, the database has a table of that name, a name is longer than the 63 bytes that PostgreSQL keeps, a text
/// has the character U+0000, a moment is beyond its calendar, or the server cannot be reached or refuses.
pub fn write_postgres(table: &Table, server: &str, name: &str) -> Result<()> {
    let config = config(server)?;
    write::write(table, &config, name).context(format!("writing to {}", shown(&config)))
}

fn config(server: &str) -> Result<Config> {
    // What the client says of it can hold a part of the password.
    let mut config = Config::from_str(server).map_err(|_| {
        Error::malformed(
            "the server is not named well; write `host=localhost user=ada dbname=shop`, a password with spaces in \
             quotes, and in an address `@` as `%40`",
        )
    })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    Ok(config)
}

/// The server without its password.
fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        // The end of a password in which `@` was not escaped stands before the host.
        Some(Host::Tcp(name)) => name.rsplit('@').next().unwrap_or_default().to_owned(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "a server without a name".to_owned(),
    };
    match config.get_dbname().or(config.get_user()) {
        Some(database) => format!("the database `{database}` at `{host}`"),
        None => format!("PostgreSQL at `{host}`"),
    }
}

fn connect(config: &Config) -> Result<Client> {
    config.connect(NoTls).map_err(|error| match error.as_db_error() {
        Some(_) => refused(error),
        None => Error::io(
            "cannot reach the server, which must take connections without TLS",
            std::io::Error::other(words(&error)),
        ),
    })
}

/// What the server says, with the hint that it gives.
fn refused(error: postgres::Error) -> Error {
    let what = match error.as_db_error() {
        Some(said) => {
            let more = [said.detail(), said.hint()].into_iter().flatten().map(|more| format!("; {more}"));
            format!("{}{} (SQLSTATE {})", said.message(), more.collect::<String>(), said.code().code())
        }
        None => words(&error),
    };
    Error::malformed(format!("PostgreSQL refuses it: {what}")).with_source(error)
}

/// An error of the client with its causes.
fn words(error: &postgres::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}

/// As [`read_postgres`], in tables of `batch` rows, or within a [memory](BatchSize::max_memory), so that the answer may be larger than memory. An answer
/// without rows gives one table without rows.
///
/// The query is answered twice, on one state of the database, where a column is `numeric`, because its type comes from all cells; `ORDER BY` makes the
/// order of rows one that is known.
///
/// ```no_run
/// use perennial_data::{BatchSize, Summary, scan_postgres};
///
/// let query = "SELECT id, day, total FROM orders ORDER BY id";
/// let scan = scan_postgres("host=localhost user=ada dbname=shop", query, BatchSize::max_memory(64 << 20))?;
/// println!("{}", Summary::of_all(scan)?.n_rows());
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As for [`read_postgres`], and when `batch` is 0. What happens after the first table is an error of the iterator.
pub fn scan_postgres(server: &str, query: &str, batch: impl Into<BatchSize>) -> Result<DatabaseScan> {
    let (config, query, size) = (config(server)?, query.to_owned(), batch.into());
    let room = Room::new(size)?;
    DatabaseScan::start(format!("reading from {}", shown(&config)), size, move |tables| {
        let mut client = connect(&config)?;
        scan(&mut Asked::new(&mut client, &query)?, room, tables)
    })
}

fn scan(asked: &mut Asked<'_>, mut room: Room, tables: &Tables) -> Result<()> {
    let mut found: Vec<Option<Found>> =
        asked.columns()?.iter().map(|cells| cells.is_numeric().then(Found::default)).collect();
    if found.iter().any(Option::is_some) {
        asked.each_cell(|_, at, cell| match &mut found[at] {
            Some(found) => {
                let cell = cell.map_or(Ok(Cell::Null), numeric::decode)?;
                found.check(&cell)?;
                found.push(cell, 0)
            }
            None => Ok(()),
        })?;
    }
    let of_all = |columns: Vec<Cells>| -> Vec<Cells> {
        let numeric = |found: &Found| Cells::Numeric(found.none());
        columns.into_iter().zip(&found).map(|(cells, found)| found.as_ref().map_or(cells, numeric)).collect()
    };
    let names = asked.names.clone();
    let finished = |columns: Vec<Cells>, n_rows: usize| {
        let typed = |(cells, found): (Cells, &Option<Found>)| match found {
            Some(found) => cells.column(n_rows)?.coerce(found.column_type()),
            None => cells.column(n_rows),
        };
        let columns = columns.into_iter().zip(&found).map(typed).collect::<Result<Vec<_>>>()?;
        Table::new(names.iter().cloned().zip(columns))
    };
    let types = asked.types.clone();
    let mut columns = of_all(columns_of(&types, &names)?);
    let (mut given, mut n_bytes) = (0_usize, 0);
    asked.each_cell(|_, at, cell| {
        n_bytes += cell.map_or(0, <[u8]>::len);
        columns[at].push(cell, room.n_rows)?;
        if at + 1 < types.len() {
            return Ok(());
        }
        room.add(types.len(), std::mem::take(&mut n_bytes))?;
        if room.is_full() {
            let full = std::mem::replace(&mut columns, of_all(columns_of(&types, &names)?));
            tables.give(finished(full, room.n_rows)?)?;
            given += 1;
            room.clear();
        }
        Ok(())
    })?;
    match room.n_rows > 0 || given == 0 {
        true => tables.give(finished(columns, room.n_rows)?),
        false => Ok(()),
    }
}

fn answer(config: &Config, query: &str) -> Result<Table> {
    let mut client = connect(config)?;
    let mut asked = Asked::new(&mut client, query)?;
    let mut columns = asked.columns()?;
    let n_rows = asked.each_cell(|row, at, cell| columns[at].push(cell, row))?;
    let columns = columns.into_iter().map(|cells| cells.column(n_rows)).collect::<Result<Vec<_>>>()?;
    Table::new(asked.names.into_iter().zip(columns))
}

/// A query that was prepared, in a transaction that cannot write and sees one state of the database.
struct Asked<'a> {
    transaction: Transaction<'a>,
    command: String,
    types: Vec<Type>,
    names: Vec<String>,
}

impl<'a> Asked<'a> {
    fn new(client: &'a mut Client, query: &str) -> Result<Self> {
        let transaction = client.build_transaction().read_only(true);
        let transaction = transaction.isolation_level(IsolationLevel::RepeatableRead);
        let mut transaction = transaction.start().map_err(refused)?;
        // Preparing takes a single statement, so that nothing can follow the query in the command below.
        let query = query.trim_end().trim_end_matches(';');
        let statement = transaction.prepare(query).map_err(refused)?;
        if !statement.params().is_empty() {
            return Err(Error::unsupported(
                "the query has parameters such as `$1`; write their values into it",
            ));
        }
        if statement.columns().is_empty() {
            return Err(Error::malformed("the query has no columns; give a `SELECT`"));
        }
        let types = statement.columns().iter().map(|column| column.type_().clone()).collect();
        let names = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        // The query may end in a comment.
        let command = format!("COPY ({query}\n) TO STDOUT (FORMAT binary)");
        Ok(Asked { transaction, command, types, names })
    }

    /// Columns without a cell.
    fn columns(&self) -> Result<Vec<Cells>> {
        columns_of(&self.types, &self.names)
    }

    /// Gives each cell with its row and column, row by row. Gives how many rows there are.
    fn each_cell(
        &mut self,
        mut take: impl FnMut(usize, usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<usize> {
        let answer = self.transaction.copy_out(&self.command).map_err(refused)?;
        let mut rows = BinaryCopyOutIter::new(answer, &self.types);
        let mut n_rows = 0;
        while let Some(row) = rows.next().map_err(refused)? {
            for (at, name) in self.names.iter().enumerate() {
                let cell = row.try_get::<Option<Raw<'_>>>(at).map_err(refused)?;
                take(n_rows, at, cell.map(|raw| raw.0))
                    .map_err(|error| error.context(format!("row {n_rows}, column `{name}`")))?;
            }
            n_rows += 1;
        }
        Ok(n_rows)
    }
}

fn columns_of(types: &[Type], names: &[String]) -> Result<Vec<Cells>> {
    let column = |(of, name)| Cells::new(of).map_err(|error| error.context(format!("column `{name}`")));
    types.iter().zip(names).map(column).collect()
}

/// A cell as the server sends it.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
