//! Objects that must be what they were.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use perennial_core::{Error, Result};
use sha2::{Digest, Sha256};

use super::{ObjectMeta, ObjectStore, check, range};

/// How much is hashed at once.
const PART: u64 = 8 << 20;

/// A store some objects of which must be what they were: each has the SHA-256 that it is pinned to, or is an error for whoever reads it.
///
/// A pinned object is read once to be checked, part by part, before a range of it is given, and once more when the store tells another
/// version of it. From a store that tells no versions, ranges come unchecked after that; [`get`](ObjectStore::get) always checks the bytes that it gives.
/// Other objects are as the store has them. Clones share what was checked, until one of them gets another pin.
///
/// ```
/// use std::sync::Arc;
///
/// use perennial_data::{CsvReader, MemoryStore, ObjectStore, PinnedStore, read_object};
///
/// let lake = MemoryStore::new();
/// lake.put("days.csv", b"day\n1\n")?;
/// let pin = "b589172dbd003a39894145ebee8cb2b60630e2ccc2ca8f51daa34f3df72cae9c";
/// let pinned = PinnedStore::new(Arc::new(lake)).pin("days.csv", pin)?;
/// let error = read_object(&pinned, "days.csv").unwrap_err().to_string();
/// assert!(error.contains("is pinned to the SHA-256 b58917"), "{error}");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PinnedStore {
    store: Arc<dyn ObjectStore>,
    pins: BTreeMap<String, String>,
    /// The versions that were found right.
    checked: Arc<Mutex<BTreeMap<String, ObjectMeta>>>,
}

impl PinnedStore {
    /// The objects of a store, none of them pinned.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        PinnedStore { store, pins: BTreeMap::new(), checked: Arc::default() }
    }

    /// What an object must be: its SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// When the key is none, or the digits are not 64 hexadecimal ones.
    pub fn pin(mut self, key: &str, sha256: &str) -> Result<Self> {
        let digits = sha256.trim().to_ascii_lowercase();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::invalid_param("sha256", sha256, "64 hexadecimal digits"));
        }
        self.pins.insert(check(key)?.to_owned(), digits);
        self.checked = Arc::default();
        Ok(self)
    }

    fn hold(&self, key: &str, hash: Sha256) -> Result<()> {
        let Some(pin) = self.pins.get(key) else { return Ok(()) };
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        match found == *pin {
            true => Ok(()),
            false => Err(Error::corrupt(format!(
                "the object `{key}` is pinned to the SHA-256 {pin} and has {found}; if it changed for good, pin it to that"
            ))),
        }
    }

    /// An object, once its bytes were checked.
    fn checked(&self, object: ObjectMeta) -> Result<ObjectMeta> {
        let known = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = object.version.is_some() && known().get(&object.key) == Some(&object);
        if !self.pins.contains_key(&object.key) || is_known {
            return Ok(object);
        }
        let (mut hash, mut at) = (Sha256::new(), 0);
        while at < object.n_bytes {
            let end = object.n_bytes.min(at + PART);
            hash.update(&range(self.store.as_ref(), &object, at..end)?);
            at = end;
        }
        self.hold(&object.key, hash)?;
        known().insert(object.key.clone(), object.clone());
        Ok(object)
    }
}

impl ObjectStore for PinnedStore {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        self.checked(self.store.head(key)?)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        match self.pins.contains_key(key) {
            true => self.store.get_range_of(&self.head(key)?, range),
            false => self.store.get_range(key, range),
        }
    }

    fn get_range_of(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Vec<u8>> {
        // Without versions an object would be read as a whole for each of its ranges.
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(&object.key).cloned();
        if object.version.is_some() || checked.as_ref() != Some(object) {
            self.checked(object.clone())?;
        }
        self.store.get_range_of(object, range)
    }

    fn get(&self, key: &str) -> Result<Vec<u8>> {
        let bytes = self.store.get(key)?;
        if self.pins.contains_key(key) {
            self.hold(key, Sha256::new_with_prefix(&bytes))?;
        }
        Ok(bytes)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        if self.pins.contains_key(key) {
            self.hold(key, Sha256::new_with_prefix(bytes))?;
        }
        self.store.put(key, bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        self.store.list(prefix)
    }
}
