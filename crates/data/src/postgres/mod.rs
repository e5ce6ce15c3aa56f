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
use postgres::{Client, Config, NoTls, Transaction};

use crate::Table;
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

fn answer(config: &Config, query: &str) -> Result<Table> {
    let mut client = connect(config)?;
    let mut transaction = client.build_transaction().read_only(true).start().map_err(refused)?;
    // Preparing takes a single statement, so that nothing can follow the query in the command below.
    let query = query.trim_end().trim_end_matches(';');
    let statement = transaction.prepare(query).map_err(refused)?;
    if !statement.params().is_empty() {
        return Err(Error::unsupported("the query has parameters such as `$1`; write their values into it"));
    }
    if statement.columns().is_empty() {
        return Err(Error::malformed("the query has no columns; give a `SELECT`"));
    }
    let types: Vec<Type> = statement.columns().iter().map(|column| column.type_().clone()).collect();
    let names: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut columns = (types.iter().zip(&names))
        .map(|(of, name)| Cells::new(of).map_err(|error| error.context(format!("column `{name}`"))))
        .collect::<Result<Vec<_>>>()?;
    let n_rows = stream(&mut transaction, query, &types, &names, &mut columns)?;
    let columns = columns.into_iter().map(|cells| cells.column(n_rows)).collect::<Result<Vec<_>>>()?;
    Table::new(names.into_iter().zip(columns))
}

fn stream(
    transaction: &mut Transaction<'_>,
    query: &str,
    types: &[Type],
    names: &[String],
    columns: &mut [Cells],
) -> Result<usize> {
    // The query may end in a comment.
    let command = format!("COPY ({query}\n) TO STDOUT (FORMAT binary)");
    let mut rows = BinaryCopyOutIter::new(transaction.copy_out(&command).map_err(refused)?, types);
    let mut n_rows = 0;
    while let Some(row) = rows.next().map_err(refused)? {
        for (at, (cells, name)) in columns.iter_mut().zip(names).enumerate() {
            let cell = row.try_get::<Option<Raw<'_>>>(at).map_err(refused)?;
            cells
                .push(cell.map(|raw| raw.0), n_rows)
                .map_err(|error| error.context(format!("row {n_rows}, column `{name}`")))?;
        }
        n_rows += 1;
    }
    Ok(n_rows)
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
