//! Objects in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use perennial_core::Result;

use super::{ObjectMeta, ObjectStore, check, missing, slice};

/// Objects in memory, for tests and for what need not outlive the program. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    objects: Arc<RwLock<BTreeMap<String, Arc<[u8]>>>>,
}

impl MemoryStore {
    /// A store without objects.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    fn object(&self, key: &str) -> Result<Arc<[u8]>> {
        // Nobody who holds the lock can panic, and a map is whole in any case.
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(key).cloned().ok_or_else(|| missing(key))
    }
}

impl ObjectStore for MemoryStore {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        Ok(ObjectMeta::new(key, self.object(key)?.len() as u64))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        slice(&self.object(key)?, key, &range).map(<[u8]>::to_vec)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let (key, bytes) = (check(key)?.to_owned(), bytes.into());
        self.objects.write().unwrap_or_else(PoisonError::into_inner).insert(key, bytes);
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let found = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, bytes)| ObjectMeta::new(key.as_str(), bytes.len() as u64)).collect())
    }
}
