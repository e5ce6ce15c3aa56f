//! Stores of the crate `object_store`: those of the clouds, and others.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStoreExt, PutPayload};
use perennial_core::{Context, Error, Param, Result};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{ObjectMeta, ObjectStore, beyond, check, missing};

const ATTEMPTS: Param = Param::integer("attempts", "how often something is asked for").at_least(1.0);
/// How long it is waited for the first repetition; for each after that as long again more.
const WAIT: Duration = Duration::from_millis(100);
/// How often it is looked whether the work is cancelled.
const LOOK: Duration = Duration::from_millis(100);
/// What is larger is written in parts, of which stores take 10,000.
const PART: usize = 16 << 20;
const MOST_PARTS: usize = 10_000;

/// Any store of the crate [`object_store`] as one of tables: S3, GCS, Azure, WebDAV, files and memory. You choose the clouds by the features of
/// that crate, in the version that this one uses, 0.13; nothing of them is compiled in otherwise.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `attempts` | 3 | >= 1 | how often in a row, without a byte that came, something is asked for that failed in a way that may pass |
/// | `context` | none | | where it is looked whether the work is cancelled |
///
/// A range that breaks off goes on with the byte after the last one that came. All ranges of an object that was looked up are of one version
/// of it, by its entity tag or else by when it was changed: an object that is replaced while it is read is an error, and not a mixture. Objects
/// that are larger than 16 MiB are written in parts, and appear when all of them are there.
///
/// Calls wait for the store. They may be made from any thread, and from inside of a program that is asynchronous, whose thread waits as well.
///
/// ```
/// use std::sync::Arc;
///
/// use object_store::memory::InMemory;
/// use perennial_data::{CloudStore, Column, Stores, Table};
///
/// let lake = CloudStore::new(Arc::new(InMemory::new()))?;
/// let stores = Stores::new().with("s3://lake", Arc::new(lake))?;
/// let orders = Table::new([("id", Column::integer([1, 2]))])?;
/// stores.write(&orders, "s3://lake/2024/orders.parquet")?;
/// assert_eq!(stores.read("s3://lake/2024/orders.parquet")?, orders);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone)]
pub struct CloudStore {
    store: Arc<dyn object_store::ObjectStore>,
    runtime: Arc<Waiting>,
    attempts: u32,
    context: Context,
}

/// Without what a store might say of its keys.
impl fmt::Debug for CloudStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store.to_string();
        f.debug_struct("CloudStore")
            .field("store", &store)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// A runtime that may be dropped anywhere.
struct Waiting(Option<Runtime>);

impl Drop for Waiting {
    fn drop(&mut self) {
        // An ordinary drop waits, which panics inside of an asynchronous program.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why something failed.
enum Failure {
    /// In a way that may pass.
    Again(Error),
    For(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::For(error)
    }
}

impl CloudStore {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[ATTEMPTS];

    /// The objects of a store.
    ///
    /// # Errors
    /// When the system has no more of what waiting takes.
    pub fn new(store: Arc<dyn object_store::ObjectStore>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot wait for a store", error))?;
        Ok(CloudStore {
            store,
            runtime: Arc::new(Waiting(Some(runtime))),
            attempts: 3,
            context: Context::new(),
        })
    }

    /// How often in a row something is asked for.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Where it is looked, ten times a second, whether the work is cancelled.
    #[must_use]
    pub fn context(mut self, context: &Context) -> Self {
        self.context = context.clone();
        self
    }

    fn wait<T: Send>(&self, work: impl Future<Output = T> + Send) -> Result<T> {
        let gone = || Error::unsupported("the store is closed");
        let runtime = self.runtime.0.as_ref().ok_or_else(gone)?;
        if Handle::try_current().is_err() {
            return Ok(runtime.block_on(work));
        }
        // A thread that drives a runtime already may not drive another one.
        thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join())
            .map_err(|_| Error::unsupported("the store gave up: its program panicked"))
    }

    /// Waits for something that a store does, as long as the work is not cancelled.
    async fn watched<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            self.context.check()?;
            if let Ok(done) = tokio::time::timeout(LOOK, work.as_mut()).await {
                return Ok(done);
            }
        }
    }

    /// Tries until it is done, or there is no hope; what gets on may try as often again.
    fn retried<T>(&self, mut attempt: impl FnMut() -> (std::result::Result<T, Failure>, bool)) -> Result<T> {
        ATTEMPTS.check(f64::from(self.attempts))?;
        let mut n_failed = 0;
        loop {
            match attempt() {
                (Ok(done), _) => return Ok(done),
                (Err(Failure::For(error)), _) => return Err(error),
                (Err(Failure::Again(error)), gets_on) => {
                    n_failed = if gets_on { 1 } else { n_failed + 1 };
                    if n_failed >= self.attempts {
                        return Err(error);
                    }
                }
            }
            self.context.check()?;
            thread::sleep(WAIT * n_failed.min(10));
        }
    }

    /// Adds the bytes of a range to those that are there.
    async fn add(
        &self,
        path: &Path,
        object: &ObjectMeta,
        range: Range<u64>,
        bytes: &mut Vec<u8>,
    ) -> std::result::Result<(), Failure> {
        let key = &object.key;
        // A weak tag matches nothing (RFC 9110, section 13.1.1); it is compared below.
        let etag = object.version.clone().and_then(|version| version.strip_prefix(TAG).map(str::to_owned));
        let if_match = etag.filter(|tag| !tag.starts_with("W/"));
        let options = GetOptions { range: Some(range.clone().into()), if_match, ..GetOptions::default() };
        let answer = self.watched(self.store.get_opts(path, options)).await?;
        let answer = answer.map_err(|error| failure(error, key))?;
        let is_other = object.version.is_some() && object.version != Some(version(&answer.meta));
        if is_other || answer.meta.size != object.n_bytes {
            return Err(Failure::For(changed(key)));
        }
        if answer.range != range {
            let what = format!("the store gave the bytes {:?} of `{key}` and not {range:?}", answer.range);
            return Err(Failure::For(Error::corrupt(what)));
        }
        let (mut left, mut stream) = (range.end - range.start, answer.into_stream());
        while let Some(chunk) = self.watched(stream.next()).await? {
            let chunk = chunk.map_err(|error| failure(error, key))?;
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                Error::corrupt(format!("the store gave more bytes of `{key}` than were asked for"))
            })?;
            bytes.extend_from_slice(&chunk);
        }
        match left {
            0 => Ok(()),
            _ => Err(Failure::Again(Error::corrupt(format!(
                "the object `{key}` broke off {left} bytes early"
            )))),
        }
    }

    /// Writes in parts, each of which the store has before the next one is sent.
    async fn put_parts(&self, path: &Path, key: &str, bytes: &[u8]) -> std::result::Result<(), Failure> {
        let part = PART.max(bytes.len().div_ceil(MOST_PARTS));
        let upload = self.watched(self.store.put_multipart(path)).await?;
        let mut upload = upload.map_err(|error| failure(error, key))?;
        let mut written = Ok(());
        for part in bytes.chunks(part) {
            let payload = PutPayload::from(part.to_vec());
            written = match self.watched(upload.put_part(payload)).await {
                Ok(written) => written.map_err(|error| failure(error, key)),
                Err(cancelled) => Err(cancelled.into()),
            };
            if written.is_err() {
                break;
            }
        }
        if written.is_ok() {
            written = match self.watched(upload.complete()).await {
                Ok(written) => written.map(|_| ()).map_err(|error| failure(error, key)),
                Err(cancelled) => Err(cancelled.into()),
            };
        }
        if written.is_err() {
            // Parts that stay are paid for; that they could not be taken away says less than what came before.
            let _ = tokio::time::timeout(LOOK * 50, upload.abort()).await;
        }
        written
    }
}

/// Marks versions that are entity tags.
const TAG: &str = "etag ";

/// What is another text when an object is another one.
fn version(object: &object_store::ObjectMeta) -> String {
    match &object.e_tag {
        Some(tag) => format!("{TAG}{tag}"),
        None => format!("changed {}", object.last_modified.timestamp_micros()),
    }
}

fn known(object: object_store::ObjectMeta) -> ObjectMeta {
    let version = Some(version(&object));
    ObjectMeta { key: object.location.to_string(), n_bytes: object.size, version }
}

fn path(key: &str) -> Result<Path> {
    let wrong = |error| Error::invalid_name(format!("`{key}` is no key of the store: {error}"));
    Path::parse(check(key)?).map_err(wrong)
}

fn changed(key: &str) -> Error {
    Error::corrupt(format!("the object `{key}` was changed while it was read; read it again"))
}

fn failure(error: object_store::Error, key: &str) -> Failure {
    use object_store::Error as Told;
    let told = match &error {
        Told::NotFound { .. } => missing(key),
        Told::Precondition { .. } | Told::NotModified { .. } => changed(key),
        Told::InvalidPath { .. } => Error::invalid_name(format!("`{key}` is no key of the store: {error}")),
        Told::NotSupported { .. } | Told::NotImplemented { .. } | Told::UnknownConfigurationKey { .. } => {
            Error::unsupported(format!("the store cannot do that with `{key}`: {error}"))
        }
        _ => Error::io(format!("the store failed at `{key}`"), std::io::Error::other(error.to_string())),
    };
    let passes = matches!(error, Told::Generic { .. });
    let told = told.with_source(error);
    if passes { Failure::Again(told) } else { Failure::For(told) }
}

impl ObjectStore for CloudStore {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        let path = path(key)?;
        self.retried(|| {
            let asked = self.wait(self.watched(self.store.head(&path))).and_then(|asked| asked);
            let found = match asked {
                Ok(found) => found.map(known).map_err(|error| failure(error, key)),
                Err(error) => Err(error.into()),
            };
            (found, false)
        })
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        self.get_range_of(&self.head(key)?, range)
    }

    fn get_range_of(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Vec<u8>> {
        let path = path(&object.key)?;
        if range.start > range.end || range.end > object.n_bytes {
            return Err(beyond(&object.key, &range, object.n_bytes));
        }
        let mut bytes = Vec::with_capacity((range.end - range.start).min(1 << 26) as usize);
        if range.is_empty() {
            return Ok(bytes);
        }
        self.retried(|| {
            let before = bytes.len();
            let rest = range.start + before as u64..range.end;
            let added = match rest.is_empty() {
                true => Ok(()),
                false => self
                    .wait(self.add(&path, object, rest, &mut bytes))
                    .unwrap_or_else(|error| Err(error.into())),
            };
            (added, bytes.len() > before)
        })?;
        Ok(bytes)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let path = path(key)?;
        self.retried(|| {
            let put = async {
                if bytes.len() > PART {
                    return self.put_parts(&path, key, bytes).await;
                }
                let put = self.watched(self.store.put(&path, PutPayload::from(bytes.to_vec()))).await?;
                put.map(|_| ()).map_err(|error| failure(error, key))
            };
            (self.wait(put).unwrap_or_else(|error| Err(error.into())), false)
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        // Stores list by whole parts of keys.
        let folder = match prefix.rsplit_once('/') {
            Some((folder, _)) => Some(path(folder)?),
            None => None,
        };
        let mut found = self.retried(|| {
            let listed = async {
                let (mut found, mut stream) = (Vec::new(), self.store.list(folder.as_ref()));
                while let Some(object) = self.watched(stream.next()).await? {
                    let object = known(object.map_err(|error| failure(error, prefix))?);
                    if object.key.starts_with(prefix) {
                        // Lists spell tags in another way than answers do.
                        found.push(ObjectMeta { version: None, ..object });
                    }
                }
                Ok::<_, Failure>(found)
            };
            (self.wait(listed).unwrap_or_else(|error| Err(error.into())), false)
        })?;
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }
}
