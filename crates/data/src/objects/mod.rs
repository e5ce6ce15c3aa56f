//! Tables in object stores: bytes under keys, read whole or by ranges.

#[cfg(any(feature = "catalog", feature = "http"))]
mod address;
#[cfg(feature = "object-store")]
mod cloud;
mod folder;
#[cfg(feature = "http")]
mod http;
mod memory;
mod pinned;
mod source;
mod stores;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use perennial_core::{Error, Result, ResultExt};

use crate::format::COMPRESSED;
use crate::{Format, Table};

#[cfg(any(feature = "catalog", feature = "http"))]
pub(crate) use self::address::{http_scheme, shown};
#[cfg(feature = "object-store")]
pub use self::cloud::CloudStore;
pub use self::folder::FolderStore;
#[cfg(feature = "http")]
pub use self::http::HttpStore;
pub use self::memory::MemoryStore;
pub use self::pinned::PinnedStore;
pub(crate) use self::source::{Ranges, Source};
pub use self::stores::Stores;

/// How large an object may be that is read whole.
pub(crate) const MAX_BYTES: u64 = 16 << 30;

/// An object of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// What it is called: parts with `/` between them, such as `orders/2024.parquet`.
    pub key: String,
    /// Its size.
    pub n_bytes: u64,
    /// What is another text when the object is another one, such as its entity tag, where the store tells of that.
    pub version: Option<String>,
}

impl ObjectMeta {
    /// An object of a store that tells nothing of versions.
    pub fn new(key: impl Into<String>, n_bytes: u64) -> Self {
        ObjectMeta { key: key.into(), n_bytes, version: None }
    }
}

/// Bytes under keys. [`FolderStore`], [`MemoryStore`] and, with the feature `http`, `HttpStore` are such; with the feature `object-store`,
/// `CloudStore` is any store of the crate `object_store`. What else there is becomes one by four methods over its client, which may block.
///
/// Keys are parts with `/` between them; `.`, `..` and empty parts are refused before a store sees them.
///
/// ```
/// use std::{collections::BTreeMap, ops::Range, sync::Mutex};
///
/// use perennial_core::{Error, Result};
/// use perennial_data::{Column, ObjectMeta, ObjectStore, Table, read_object, write_object};
///
/// /// The client of a vendor, in place of which a map stands here.
/// #[derive(Debug, Default)]
/// struct Lake(Mutex<BTreeMap<String, Vec<u8>>>);
///
/// impl ObjectStore for Lake {
///     fn head(&self, key: &str) -> Result<ObjectMeta> {
///         let objects = self.0.lock().unwrap();
///         let bytes = objects.get(key).ok_or_else(|| Error::unknown("there is no such object"))?;
///         Ok(ObjectMeta::new(key, bytes.len() as u64))
///     }
///
///     fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
///         let objects = self.0.lock().unwrap();
///         let bytes = objects.get(key).and_then(|bytes| bytes.get(range.start as usize..range.end as usize));
///         bytes.map(<[u8]>::to_vec).ok_or_else(|| Error::unknown("there are no such bytes"))
///     }
///
///     fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
///         self.0.lock().unwrap().insert(key.into(), bytes.to_vec());
///         Ok(())
///     }
///
///     fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
///         let keys: Vec<String> = self.0.lock().unwrap().keys().cloned().collect();
///         keys.iter().filter(|key| key.starts_with(prefix)).map(|key| self.head(key)).collect()
///     }
/// }
///
/// let (lake, orders) = (Lake::default(), Table::new([("id", Column::integer([1, 2]))])?);
/// write_object(&orders, &lake, "2024/orders.parquet")?;
/// assert_eq!(read_object(&lake, "2024/orders.parquet")?, orders);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// The size of an object.
    ///
    /// # Errors
    /// [`ErrorKind::Unknown`](perennial_core::ErrorKind::Unknown) when there is none; others when the store cannot be asked.
    fn head(&self, key: &str) -> Result<ObjectMeta>;

    /// Some bytes of an object, all of the range.
    ///
    /// # Errors
    /// As for [`head`](ObjectStore::head), and when the object is shorter.
    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>>;

    /// Some bytes of an object that was looked up, of which a store that tells versions gives those of that one alone: what is read range by
    /// range is one object, and not parts of two.
    ///
    /// # Errors
    /// As for [`get_range`](ObjectStore::get_range), and [`ErrorKind::Corrupt`](perennial_core::ErrorKind::Corrupt) when the object is another one by now.
    fn get_range_of(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Vec<u8>> {
        self.get_range(&object.key, range)
    }

    /// All bytes of an object.
    ///
    /// # Errors
    /// As for [`head`](ObjectStore::head).
    fn get(&self, key: &str) -> Result<Vec<u8>> {
        let object = self.head(key)?;
        let n_bytes = object.n_bytes;
        self.get_range_of(&object, 0..n_bytes)
    }

    /// Makes an object of bytes, or replaces one, so that others see it whole or not at all.
    ///
    /// # Errors
    /// When the store refuses.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// The objects whose keys start with a prefix, in the order of their keys; an empty prefix is for all.
    ///
    /// # Errors
    /// When the store refuses, or cannot list.
    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>>;
}

/// The table in an object, in the format that the ending of its key says: `.csv`, `.tsv`, `.tab`, `.jsonl`, `.ndjson`, each also with `.gz` or `.zst` behind
/// it, `.parquet`, `.arrow` or `.feather`. Of Parquet the parts that are needed are fetched, see `ParquetReader::read_object`; what else has settings is read from the bytes of
/// [`get`](ObjectStore::get), or by the `read_object` of its reader, such as [`CsvReader::read_object`](crate::CsvReader::read_object).
///
/// # Errors
/// When the ending says no format, there is no such object, it has more than 16 GiB, or is not sound.
pub fn read_object(store: &dyn ObjectStore, key: &str) -> Result<Table> {
    let read = || match format(key)? {
        #[cfg(feature = "parquet")]
        Format::Parquet => crate::ParquetReader::new().read_stored(store, key),
        format => format.parse(whole(store, key, MAX_BYTES)?),
    };
    read().context(format!("reading the object `{key}`"))
}

/// Writes a table to an object, in the format that the ending of its key says.
///
/// # Errors
/// When the ending says no format, or one that is compressed, the table has no columns, or the store refuses.
pub fn write_object(table: &Table, store: &dyn ObjectStore, key: &str) -> Result<()> {
    let write = || {
        let lower = key.to_ascii_lowercase();
        if let Some(ending) = COMPRESSED.iter().find(|ending| lower.ends_with(**ending)) {
            return Err(Error::unsupported(format!(
                "compressed objects are not written; leave `{ending}` out, or use Parquet"
            )));
        }
        store.put(check(key)?, &format(key)?.bytes(table)?)
    };
    write().context(format!("writing the object `{key}`"))
}

fn format(key: &str) -> Result<Format> {
    Format::of(Path::new(key)).ok_or_else(|| {
        Error::unsupported(
            "its ending says no format; there are: .csv, .tsv, .tab, .jsonl, .ndjson, .parquet, .arrow, .feather",
        )
    })
}

/// A key that leads nowhere else in any store.
pub(crate) fn check(key: &str) -> Result<&str> {
    let wrong =
        |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(['\\', '\0', ':']);
    match key.split('/').any(wrong) {
        false => Ok(key),
        true => Err(Error::invalid_name(format!("`{key}` is no key; write one like `orders/2024.parquet`"))),
    }
}

/// All bytes of an object, of which there may be so many.
pub(crate) fn whole(store: &dyn ObjectStore, key: &str, most: u64) -> Result<Vec<u8>> {
    let object = store.head(check(key)?)?;
    let n_bytes = object.n_bytes;
    if n_bytes > most {
        return Err(Error::too_large(format!("it has {n_bytes} bytes, more than {most}; split it")));
    }
    range(store, &object, 0..n_bytes)
}

/// All bytes of a range; a store of somebody else might give others.
pub(crate) fn range(store: &dyn ObjectStore, object: &ObjectMeta, range: Range<u64>) -> Result<Vec<u8>> {
    let length = range.end.saturating_sub(range.start);
    if length == 0 {
        return Ok(Vec::new());
    }
    let bytes = store.get_range_of(object, range)?;
    if bytes.len() as u64 != length {
        return Err(Error::corrupt(format!(
            "the store gave {} bytes of the {length} that were asked for",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// A range of bytes that a store has.
fn slice<'a>(bytes: &'a [u8], key: &str, range: &Range<u64>) -> Result<&'a [u8]> {
    let place = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    place.and_then(|(start, end)| bytes.get(start..end)).ok_or_else(|| beyond(key, range, bytes.len() as u64))
}

fn beyond(key: &str, range: &Range<u64>, n_bytes: u64) -> Error {
    Error::unknown(format!(
        "the object `{key}` has {n_bytes} bytes, and {}..{} were asked for",
        range.start, range.end
    ))
}

fn missing(key: &str) -> Error {
    Error::unknown(format!("there is no object `{key}`"))
}
