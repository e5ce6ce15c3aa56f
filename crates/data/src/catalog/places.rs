//! Where the sources of a catalog are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use perennial_core::{Error, Result, ResultExt};
use sha2::{Digest, Sha256};

use super::Source;
#[cfg(feature = "postgres")]
use crate::read_postgres;
#[cfg(feature = "sqlite")]
use crate::read_sqlite;
use crate::{Column, Contract, Format, MemoryStore, ObjectStore, Stores, Table, objects};

/// Where the sources of a [`Catalog`](super::Catalog) are: the directory of its files, the stores of addresses, and the servers of
/// databases. A path is the directory alone. Connections hold passwords, so they stand here and not in the catalog.
///
/// ```
/// use std::sync::Arc;
/// use perennial_data::{Catalog, MemoryStore, Places, Source, Stores, Table};
///
/// let lake = Stores::new().with("s3://lake", Arc::new(MemoryStore::new()))?;
/// lake.write(&Table::builder().integer("n", [1]).build()?, "s3://lake/n.csv")?;
/// let catalog = Catalog::new().source(Source::new("n", "s3://lake/n.csv"));
/// assert_eq!(catalog.open(Places::new(".").stores(lake), "n")?.n_rows(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Places {
    pub(super) directory: PathBuf,
    stores: Stores,
    servers: BTreeMap<String, String>,
}

/// Connections do not go into logs.
impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("directory", &self.directory)
            .field("stores", &self.stores)
            .field("servers", &self.servers.keys())
            .finish()
    }
}

impl<P: AsRef<Path>> From<P> for Places {
    fn from(directory: P) -> Self {
        Places::new(directory)
    }
}

impl Places {
    /// The directory of the catalog, and the stores of [`Stores::new`].
    pub fn new(directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref().to_owned();
        Places { directory, stores: Stores::new(), servers: BTreeMap::new() }
    }

    /// The stores of locations such as `s3://lake/orders.parquet`.
    #[must_use]
    pub fn stores(mut self, stores: Stores) -> Self {
        self.stores = stores;
        self
    }

    /// The server of locations `postgres:name`, as `read_postgres` takes it.
    #[must_use]
    pub fn postgres(mut self, name: impl Into<String>, server: impl Into<String>) -> Self {
        self.servers.insert(name.into(), server.into());
        self
    }
}

/// A source that was found.
pub(super) enum Found {
    /// A file.
    File(PathBuf),
    /// The bytes of an object, which are looked at once.
    Bytes(Vec<u8>),
    /// A file of a database, and what is asked of it.
    Sqlite(PathBuf, String),
    /// The address of a server, and what is asked of it.
    Postgres(String, String),
    /// What a database answered.
    Answer(Table),
}

impl Found {
    pub(super) fn new(source: &Source, places: &Places) -> Result<Found> {
        let location = source.location.as_str();
        if let Some(name) = location.strip_prefix("postgres:") {
            let server = places.servers.get(name).ok_or_else(|| {
                // What is no name can be an address with a password.
                let shown = objects::shown(location);
                let name = shown.strip_prefix("postgres:").unwrap_or_default();
                Error::unknown(format!("no server is known as `{name}`; give it by `Places::postgres`"))
            })?;
            source.is_of_a_database()?;
            let query = source
                .query
                .clone()
                .ok_or_else(|| Error::malformed("a server needs a query; write `query = \"SELECT ..\"`"))?;
            return Ok(Found::Postgres(server.clone(), query));
        }
        if location.contains("://") {
            if source.query.is_some() {
                return Err(Error::unsupported("an object takes no query; leave `query` out"));
            }
            if location.starts_with("file://") {
                return Err(Error::unsupported(
                    "a catalog names its files by their paths from its directory, not by `file://`",
                ));
            }
            if objects::http_scheme(location).is_some() && source.sha256.is_none() {
                return Err(Error::malformed(
                    "what a server gives can change any day; pin it by its checksum, `sha256`",
                ));
            }
            // Nothing is fetched that could not be read.
            source.written_as()?;
            let (store, key) = places.stores.resolve(location)?;
            return objects::whole(store.as_ref(), &key, objects::MAX_BYTES).map(Found::Bytes);
        }
        let path = source.path(&places.directory)?;
        let Some(query) = &source.query else { return Ok(Found::File(path)) };
        source.is_of_a_database()?;
        Ok(Found::Sqlite(path, query.clone()))
    }

    /// The file on this machine, where there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Found::File(path) | Found::Sqlite(path, _) => Some(path),
            Found::Bytes(_) | Found::Postgres(..) | Found::Answer(_) => None,
        }
    }

    /// The checksum in hexadecimal digits.
    pub(super) fn checksum(&self) -> Result<String> {
        match self {
            Found::File(path) => super::source::checksum(path),
            Found::Sqlite(path, _) => {
                is_whole(path)?;
                super::source::checksum(path)
            }
            Found::Bytes(bytes) => Ok(hex(&Sha256::digest(bytes))),
            Found::Postgres(..) | Found::Answer(_) => Err(Error::unsupported(
                "the answer of a server has no checksum; leave `sha256` out, and say what it must be like by a contract",
            )),
        }
    }

    /// A database is asked; what else was found stays as it is. Two answers of a database can differ, so it is asked once.
    pub(super) fn answered(self) -> Result<Found> {
        match self {
            Found::Sqlite(path, query) => read_sqlite(&path, &query).map(Found::Answer),
            Found::Postgres(server, query) => read_postgres(&server, &query).map(Found::Answer),
            found => Ok(found),
        }
    }
}

#[cfg(not(feature = "sqlite"))]
fn read_sqlite(_: &Path, _: &str) -> Result<Table> {
    Err(turned_off("sqlite"))
}

#[cfg(not(feature = "postgres"))]
fn read_postgres(_: &str, _: &str) -> Result<Table> {
    Err(turned_off("postgres"))
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn turned_off(feature: &str) -> Error {
    Error::unsupported(format!(
        "this build reads no such database; turn the feature `{feature}` of `perennial-data` on"
    ))
}

/// Whether all rows of a database of SQLite stand in its file: of others a log beside it holds some, of which the checksum of the
/// file knows nothing. An empty log holds none; opening a database for reading can leave one.
fn is_whole(path: &Path) -> Result<()> {
    // SQLite follows links before it looks for the log.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for ending in ["-wal", "-journal"] {
        let mut log = path.clone().into_os_string();
        log.push(ending);
        if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(Error::unsupported(format!(
                "`{}` stands beside the database, so the checksum of its file does not say what its rows are; close what \
                 writes to it (`PRAGMA wal_checkpoint(TRUNCATE)`), or leave `sha256` out",
                Path::new(&log).display()
            )));
        }
    }
    Ok(())
}

/// The answer of a database with columns as the types that contracts say: databases have fewer types, and a column without a cell
/// has none. Hidden columns stay as they are.
pub(super) fn typed<'a>(
    answer: &Table,
    contracts: impl Iterator<Item = &'a Contract>,
    hidden: &[&str],
) -> Result<Table> {
    let mut types = BTreeMap::new();
    for (name, column_type) in contracts.flat_map(Contract::types) {
        types.entry(name).or_insert(column_type);
    }
    let n_rows = answer.n_rows();
    let typed = |(name, column): (&str, &Column)| {
        let column = match types.get(name).filter(|_| !hidden.contains(&name)) {
            Some(column_type) if column.null_count() == n_rows => Column::nulls(*column_type, n_rows),
            Some(column_type) => column.coerce(*column_type).context(format!("column `{name}`"))?,
            None => column.clone(),
        };
        Ok((name.into(), column))
    };
    let columns = answer.columns().map(typed).collect::<Result<Vec<_>>>()?;
    Ok(Table::with_rows(n_rows, columns)?.inheriting([answer]))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The table in bytes of Parquet or Arrow.
pub(super) fn table_of(bytes: &[u8], format: Format) -> Result<Table> {
    let key = if format == Format::Parquet { "a.parquet" } else { "a.arrow" };
    let store = MemoryStore::new();
    store.put(key, bytes)?;
    crate::read_object(&store, key)
}
