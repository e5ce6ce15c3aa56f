//! Stores by the beginnings of addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{Error, Result};

use super::{FolderStore, MemoryStore, ObjectStore, read_object, write_object};
use crate::Table;

/// Reads and writes tables by addresses. `file:///folder/a.parquet` is a file, `memory://a.csv` an object of a store of its own, with the feature
/// `http` `http://..` is a file of a server; other beginnings are given a store by [`with`](Stores::with).
///
/// ```
/// use std::sync::Arc;
/// use perennial_data::{Column, MemoryStore, Stores, Table};
///
/// // A store of your own for a bucket; here one in memory.
/// let stores = Stores::new().with("s3://lake", Arc::new(MemoryStore::new()))?;
/// let orders = Table::new([("id", Column::integer([1, 2]))])?;
/// stores.write(&orders, "s3://lake/2024/orders.parquet")?;
/// assert_eq!(stores.read("s3://lake/2024/orders.parquet")?, orders);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stores {
    /// By their beginnings, which end in `/`.
    stores: BTreeMap<String, Arc<dyn ObjectStore>>,
}

impl Default for Stores {
    fn default() -> Self {
        let memory: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
        Stores { stores: BTreeMap::from([("memory://".to_owned(), memory)]) }
    }
}

impl Stores {
    /// Files, memory and servers.
    pub fn new() -> Self {
        Stores::default()
    }

    /// A store for all addresses that start with `beginning`, such as `s3://lake`; the longest beginning counts.
    ///
    /// # Errors
    /// When the beginning has no `://`.
    pub fn with(mut self, beginning: &str, store: Arc<dyn ObjectStore>) -> Result<Self> {
        if !beginning.contains("://") {
            return Err(Error::invalid_param("beginning", beginning, "a text like `s3://lake`"));
        }
        let slash = if beginning.ends_with('/') { "" } else { "/" };
        self.stores.insert(format!("{beginning}{slash}"), store);
        Ok(self)
    }

    /// The store of an address, and the key in it.
    ///
    /// # Errors
    /// When no store has the beginning of the address.
    pub fn resolve(&self, url: &str) -> Result<(Arc<dyn ObjectStore>, String)> {
        let fits = |(beginning, store): (&String, &Arc<dyn ObjectStore>)| {
            Some((beginning.len(), Arc::clone(store), url.strip_prefix(beginning.as_str())?.to_owned()))
        };
        if let Some((_, store, key)) = self.stores.iter().filter_map(fits).max_by_key(|(length, ..)| *length)
        {
            return Ok((store, key));
        }
        if let Some(path) = url.strip_prefix("file://") {
            let (folder, key) = path.rsplit_once('/').unwrap_or(("", path));
            if !path.starts_with('/') {
                return Err(Error::invalid_name(format!(
                    "`{url}` names no file; write three slashes: `file:///folder/a.csv`"
                )));
            }
            return Ok((Arc::new(FolderStore::new(format!("{folder}/"))), key.to_owned()));
        }
        #[cfg(feature = "http")]
        if let Some((place, key)) = server(url) {
            if key.contains(['?', '#']) {
                return Err(Error::unsupported(
                    "an address with `?` or `#` names no object; fetch it with `Download`",
                ));
            }
            return Ok((Arc::new(super::HttpStore::new(place)?), unescaped(key)?));
        }
        let known: Vec<&str> = self.stores.keys().map(String::as_str).chain(["file:///"]).collect();
        // The rest of an address can hold a password.
        let what = match url.split_once("://") {
            Some((scheme, _)) => format!("`{scheme}://`"),
            None => "an address without `://`".to_owned(),
        };
        Err(Error::unknown(format!("no store is known for {what}; there are: {}", known.join(", "))))
    }

    /// The table at an address, see [`read_object`].
    ///
    /// # Errors
    /// As for [`resolve`](Stores::resolve) and [`read_object`].
    pub fn read(&self, url: &str) -> Result<Table> {
        let (store, key) = self.resolve(url)?;
        read_object(store.as_ref(), &key)
    }

    /// Writes a table to an address, see [`write_object`].
    ///
    /// # Errors
    /// As for [`resolve`](Stores::resolve) and [`write_object`].
    pub fn write(&self, table: &Table, url: &str) -> Result<()> {
        let (store, key) = self.resolve(url)?;
        write_object(table, store.as_ref(), &key)
    }
}

/// A key as it was before an address was made of it: `%20` is a space.
#[cfg(feature = "http")]
fn unescaped(key: &str) -> Result<String> {
    let (mut out, mut rest) = (Vec::with_capacity(key.len()), key.as_bytes());
    while let [first, tail @ ..] = rest {
        let digits = tail.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).map_err(|_| Error::invalid_name("the address is not UTF-8 once it is unescaped"))
}

/// The server of an address, and the rest.
#[cfg(feature = "http")]
fn server(url: &str) -> Option<(&str, &str)> {
    let scheme = super::http_scheme(url)?;
    let slash = scheme + 3 + url[scheme + 3..].find('/')?;
    Some((&url[..slash], &url[slash + 1..]))
}
