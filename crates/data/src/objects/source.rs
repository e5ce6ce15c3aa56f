//! Where bytes come from that are read from the first one to the last.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perennial_core::{Result, ResultExt};

use super::{ObjectMeta, ObjectStore, check, range};

/// How many bytes of an object are fetched at once.
const PART: u64 = 4 << 20;

/// A file, or an object of a store.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    Object { store: Arc<dyn ObjectStore>, object: ObjectMeta },
}

impl Source {
    pub(crate) fn file(path: impl AsRef<Path>) -> Self {
        Source::File(path.as_ref().to_owned())
    }

    /// An object as it is now: all that is read is of this one.
    pub(crate) fn object(store: Arc<dyn ObjectStore>, key: &str) -> Result<Self> {
        let object = check(key).and_then(|key| store.head(key));
        let object = object.context(format!("reading the object `{key}`"))?;
        Ok(Source::Object { store, object })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, "reading `{}`", path.display()),
            Source::Object { object, .. } => write!(f, "reading the object `{}`", object.key),
        }
    }
}

/// The bytes of an object, fetched range by range.
pub(crate) struct Ranges {
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    fetched: u64,
    part: Cursor<Vec<u8>>,
}

impl Ranges {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, object: ObjectMeta) -> Self {
        Ranges { store, object, fetched: 0, part: Cursor::default() }
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.part.read(buffer)?;
        if n_read > 0 || buffer.is_empty() || self.fetched >= self.object.n_bytes {
            return Ok(n_read);
        }
        let end = self.object.n_bytes.min(self.fetched + PART);
        let part = range(self.store.as_ref(), &self.object, self.fetched..end).map_err(io::Error::other)?;
        (self.fetched, self.part) = (end, Cursor::new(part));
        self.part.read(buffer)
    }
}
