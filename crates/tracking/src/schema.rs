//! The tables of the store, and how they grow from version to version.

use perennial_core::{Error, Result};
use rusqlite::Connection;

/// The version of the tables that this library writes.
pub(crate) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE INDEX runs_by_experiment ON runs (experiment);
CREATE TABLE facts (
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE metrics (
    run INTEGER NOT NULL REFERENCES runs (id),
    key TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    time_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX metrics_by_run ON metrics (run, key, step);
CREATE TABLE artifacts (
    run INTEGER NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
";

/// A failure of the database, with what was tried.
pub(crate) fn database(what: &str) -> impl FnOnce(rusqlite::Error) -> Error {
    let what = what.to_owned();
    move |error| Error::other(error).context(what)
}

/// Makes the tables where there are none, and refuses tables from the future.
pub(crate) fn prepare(connection: &mut Connection) -> Result<()> {
    let open = |error| database("cannot open the run store")(error);
    connection.busy_timeout(std::time::Duration::from_secs(60)).map_err(open)?;
    // Write-ahead logging with a full sync: what was acknowledged survives a kill and a power cut.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(open)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(open)?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(open)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open)?;
    let count = |filter: &str| -> Result<i64> {
        let sql = format!("SELECT count(*) FROM sqlite_master WHERE {filter}");
        transaction.query_row(&sql, [], |row| row.get(0)).map_err(open)
    };
    let foreign = match version {
        0 => count("name NOT LIKE 'sqlite_%'")? > 0,
        VERSION => count("type = 'table' AND name IN ('runs', 'facts', 'metrics', 'artifacts')")? != 4,
        _ => false,
    };
    if foreign {
        return Err(Error::unsupported("the file is a database of another program and not a run store"));
    }
    match version {
        0 => {
            transaction.execute_batch(TABLES).map_err(open)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(open)?;
            transaction.commit().map_err(open)
        }
        VERSION => Ok(()),
        other => Err(Error::new(perennial_core::ErrorKind::UnsupportedVersion {
            found: u32::try_from(other).unwrap_or(u32::MAX),
            supported: VERSION as u32,
        })),
    }
}
