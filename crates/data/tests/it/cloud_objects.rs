//! Stores of the crate `object_store`, and objects that are pinned.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as Told, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use perennial_core::{CancelToken, Context, ErrorKind, Result};
use perennial_data::{
    CloudStore, Column, CsvReader, JsonLinesReader, MemoryStore, ObjectMeta, ObjectStore, ParquetReader,
    PinnedStore, Stores, Table, content_hash, read_object, write_object,
};
use sha2::{Digest, Sha256};

fn numbers(n: i64) -> Table {
    let odd = (0..n).map(|row| (row % 7 != 0).then_some((row as f64).sin()));
    Table::new([("id", Column::integer(0..n)), ("x", Column::real(odd))]).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cloud(store: impl object_store::ObjectStore) -> Result<CloudStore> {
    CloudStore::new(Arc::new(store))
}

fn failed() -> Told {
    Told::Generic { store: "Flaky", source: "503 slow down".into() }
}

/// Fails at every third call, breaks streams off in their middle at the one after, and replaces objects where it is told to.
#[derive(Debug, Default)]
struct Flaky {
    inner: InMemory,
    calls: AtomicUsize,
    always: bool,
    replaces: AtomicBool,
    stuck: bool,
}

impl std::fmt::Display for Flaky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flaky")
    }
}

impl Flaky {
    fn call(&self) -> StoreResult<usize> {
        let call = 1 + self.calls.fetch_add(1, Ordering::SeqCst);
        if self.always || call.is_multiple_of(3) { Err(failed()) } else { Ok(call) }
    }
}

#[async_trait]
impl object_store::ObjectStore for Flaky {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        self.call()?;
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.call()?;
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let call = self.call()?;
        if self.stuck && !options.head {
            std::future::pending::<()>().await;
        }
        let is_head = options.head;
        let mut result = self.inner.get_opts(at, options).await?;
        if !is_head && self.replaces.swap(false, Ordering::SeqCst) {
            self.inner.put(at, "anything else".into()).await?;
        }
        if !is_head && call % 3 == 1 {
            let GetResultPayload::Stream(mut all) = result.payload else { return Err(failed()) };
            let bytes = all.next().await.unwrap()?;
            let half = bytes.slice(..bytes.len() / 2);
            result.payload = GetResultPayload::Stream(stream::iter([Ok(half), Err(failed())]).boxed());
        }
        Ok(result)
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<bytes::Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<object_store::ObjectMeta>> {
        match self.call() {
            Ok(_) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[test]
fn stores_of_others_give_back_what_they_got() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    for store in [cloud(InMemory::new())?, cloud(files)?, cloud(Flaky::default())?] {
        assert!(store.list("")?.is_empty());
        let table = numbers(500);
        for key in ["a/b/one.csv", "a/one.jsonl", "one.parquet", "one.arrow", "a b/ü.ndjson", "one.feather"]
        {
            write_object(&table, &store, key)?;
            assert_eq!(read_object(&store, key)?, table, "{store:?}, {key}");
        }
        let keys = |prefix: &str| -> Result<Vec<String>> {
            Ok(store.list(prefix)?.into_iter().map(|object| object.key).collect())
        };
        assert_eq!(keys("a/")?, ["a/b/one.csv", "a/one.jsonl"]);
        assert_eq!(keys("a/o")?, ["a/one.jsonl"]);
        assert_eq!(
            keys("")?,
            ["a b/ü.ndjson", "a/b/one.csv", "a/one.jsonl", "one.arrow", "one.feather", "one.parquet"]
        );
        assert_eq!(keys("nothing/")?.len(), 0);
        for object in store.list("a/")? {
            assert_eq!(store.get_range_of(&object, 0..object.n_bytes)?, store.get(&object.key)?);
        }
        store.put("raw", b"0123456789")?;
        store.put("raw", b"012345")?;
        store.put("none.csv", b"")?;
        assert_eq!((store.head("raw")?.n_bytes, store.get("raw")?.as_slice()), (6, &b"012345"[..]));
        assert_eq!(store.get_range("raw", 2..4)?, b"23");
        assert_eq!((store.get_range("raw", 6..6)?.len(), store.get("none.csv")?.len()), (0, 0));
        assert!(store.get_range("raw", 4..7).unwrap_err().to_string().contains("has 6 bytes"));
        assert!(store.get_range("raw", Range { start: 3, end: 1 }).is_err());
        for missing in ["nothing", "a/nothing.csv"] {
            let error = store.head(missing).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Unknown { .. }) && error.to_string().contains(missing),
                "{error}"
            );
        }
        for wrong in ["", "/etc/passwd", "../x", "a//b", "a/./b", "a\\..\\b", "c:/x"] {
            assert!(store.put(wrong, b"x").is_err() && store.head(wrong).is_err(), "{wrong}");
        }
        // What has no bytes is read as a file without bytes is.
        assert!(read_object(&store, "none.csv").unwrap_err().to_string().contains("the object `none.csv`"));
        assert!(CsvReader::new().scan_object(Arc::new(store.clone()), "none.csv", 1).is_err());
    }
    Ok(())
}

/// Objects of several ranges come in batches with the bits of reading them at once, whatever breaks off on the way.
#[test]
fn scans_go_on_where_they_were_cut_off() -> Result<()> {
    let store = Arc::new(cloud(Flaky::default())?);
    let table = numbers(260_000);
    for key in ["n.csv", "n.jsonl", "n.parquet"] {
        write_object(&table, store.as_ref(), key)?;
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &store.get("n.csv")?).unwrap();
    store.put("n.csv.gz", &packed.finish().unwrap())?;
    assert!(store.head("n.csv")?.n_bytes > 5 << 20, "more than one range");
    let all = |parts: &mut dyn Iterator<Item = Result<Table>>| -> Result<(usize, Table)> {
        let parts = parts.collect::<Result<Vec<_>>>()?;
        Ok((parts.len(), Table::concat(&parts)?))
    };
    for key in ["n.csv", "n.csv.gz"] {
        let (n, read) = all(&mut CsvReader::new().scan_object(store.clone(), key, 1 << 20)?)?;
        assert!(n > 4 && content_hash(&read) == content_hash(&table), "{key}: {n}");
        assert_eq!(CsvReader::new().read_object(store.as_ref(), key)?, table);
    }
    let (n, read) = all(&mut JsonLinesReader::new().scan_object(store.clone(), "n.jsonl", 1 << 20)?)?;
    assert!(n > 4 && content_hash(&read) == content_hash(&table), "{n}");
    assert_eq!(JsonLinesReader::new().read_object(store.as_ref(), "n.jsonl")?, table);
    let (n, read) = all(&mut ParquetReader::new().scan_object(store.clone(), "n.parquet", 50_000)?)?;
    assert!(n > 4 && content_hash(&read) == content_hash(&table), "{n}");
    assert!(CsvReader::new().scan_object(store.clone(), "../n.csv", 1).is_err());
    assert!(JsonLinesReader::new().scan_object(store, "nothing.jsonl", 1).is_err());
    Ok(())
}

#[test]
fn what_is_large_is_written_in_parts() -> Result<()> {
    let bytes: Vec<u8> = (0..(33_usize << 20)).map(|at| (at % 251) as u8).collect();
    let store = cloud(Flaky::default())?;
    store.put("large", &bytes)?;
    assert!(store.get("large")? == bytes);
    Ok(())
}

#[test]
fn what_fails_for_good_is_said() -> Result<()> {
    let store = cloud(Flaky { always: true, ..Flaky::default() })?;
    let error = store.head("a/b.csv").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error:?}");
    assert!(
        error.to_string().contains("the store failed at `a/b.csv`")
            && error.to_string().contains("slow down"),
        "{error}"
    );
    assert!(error.find::<Told>().is_some());
    assert!(store.put("a", b"x").is_err() && store.list("").is_err());
    let once = cloud(Flaky { calls: AtomicUsize::new(2), ..Flaky::default() })?.attempts(1);
    assert!(once.put("a", b"x").is_err());
    assert!(once.attempts(0).head("a").unwrap_err().to_string().contains("attempts"));
    Ok(())
}

/// Half of one object and half of the next one are no object.
#[test]
fn an_object_that_changes_between_ranges_is_an_error() -> Result<()> {
    let changed = |error: perennial_core::Error| {
        let is_corrupt = matches!(error.kind(), ErrorKind::Corrupt { .. });
        assert!(is_corrupt && error.to_string().contains("was changed while it was read"), "{error:?}");
    };
    let folder = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    for store in [cloud(InMemory::new())?, cloud(files)?] {
        store.put("raw", b"0123456789")?;
        let object = store.head("raw")?;
        assert_eq!(store.get_range_of(&object, 0..5)?, b"01234");
        std::thread::sleep(std::time::Duration::from_millis(5));
        store.put("raw", b"abcdefghij")?;
        changed(store.get_range_of(&object, 5..10).unwrap_err());
        assert_eq!(store.get("raw")?, b"abcdefghij");
        // Of one that was not looked up nothing but its length is known.
        assert_eq!(store.get_range_of(&ObjectMeta::new("raw", 10), 0..2)?, b"ab");
        changed(store.get_range_of(&ObjectMeta::new("raw", 9), 0..2).unwrap_err());
    }
    let csv = perennial_data::to_csv(&numbers(260_000), Default::default())?;
    // After the first range that is read, in the pass that finds the types and in the one that reads.
    for types in [false, true] {
        let flaky = Arc::new(Flaky::default());
        let store = CloudStore::new(flaky.clone())?;
        store.put("n.csv", csv.as_bytes())?;
        let reader = match types {
            true => CsvReader::new().schema(&numbers(0).schema()),
            false => CsvReader::new(),
        };
        flaky.replaces.store(!types, Ordering::SeqCst);
        match reader.scan_object(Arc::new(store), "n.csv", 1 << 16) {
            Err(error) => {
                assert!(!types);
                changed(error);
            }
            Ok(mut scan) => {
                assert!(types);
                flaky.replaces.store(true, Ordering::SeqCst);
                changed(scan.find_map(Result::err).expect("the object was replaced"));
                assert!(scan.next().is_none());
            }
        }
    }
    Ok(())
}

#[test]
fn work_that_is_cancelled_stops() -> Result<()> {
    let token = CancelToken::after(std::time::Duration::from_millis(250));
    let context = Context::new().with_cancel(token);
    let store = cloud(Flaky { stuck: true, ..Flaky::default() })?.context(&context);
    store.put("a.csv", b"n\n1\n")?;
    let error = read_object(&store, "a.csv").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error:?}");
    Ok(())
}

/// Inside of an asynchronous program, where waiting and dropping what waits would panic.
#[test]
fn programs_that_are_asynchronous_may_wait() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stores = Stores::new().with("s3://lake", Arc::new(cloud(InMemory::new()).unwrap())).unwrap();
        stores.write(&numbers(10), "s3://lake/a.parquet").unwrap();
        assert_eq!(stores.read("s3://lake/a.parquet").unwrap(), numbers(10));
    });
}

#[test]
fn pinned_objects_are_what_they_were() -> Result<()> {
    let csv = perennial_data::to_csv(&numbers(1000), Default::default())?;
    let pin = hex(csv.as_bytes());
    let other = csv.replace('1', "2");
    let inner: [Arc<dyn ObjectStore>; 2] = [Arc::new(MemoryStore::new()), Arc::new(cloud(InMemory::new())?)];
    for inner in inner {
        let pinned = PinnedStore::new(inner.clone()).pin("n.csv", &pin.to_uppercase())?;
        pinned.put("n.csv", csv.as_bytes())?;
        pinned.put("free.csv", b"n\n1\n")?;
        assert!(pinned.put("n.csv", other.as_bytes()).is_err());
        assert_eq!(read_object(&pinned, "n.csv")?, numbers(1000));
        assert_eq!(pinned.get_range("n.csv", 0..4)?, b"id,x");
        let scan = CsvReader::new().scan_object(Arc::new(pinned.clone()), "n.csv", 1 << 16)?;
        assert_eq!(scan.map(|part| part.map(|part| part.n_rows())).sum::<Result<usize>>()?, 1000);
        let object = pinned.head("n.csv")?;
        std::thread::sleep(std::time::Duration::from_millis(5));
        inner.put("n.csv", other.as_bytes())?;
        let errors = [
            pinned.head("n.csv").unwrap_err(),
            pinned.get("n.csv").unwrap_err(),
            pinned.get_range("n.csv", 0..4).unwrap_err(),
            read_object(&pinned, "n.csv").unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
            assert!(
                error.to_string().contains(&pin) && error.to_string().contains(&hex(other.as_bytes())),
                "{error}"
            );
        }
        assert_eq!(pinned.get_range_of(&object, 0..4).is_ok(), object.version.is_none());
        assert_eq!(read_object(&pinned, "free.csv")?.n_rows(), 1);
        assert_eq!(pinned.list("")?.len(), 2);
    }
    // Who never looked an object up gets what it is pinned to, and a pin after a check counts.
    let inner = Arc::new(MemoryStore::new());
    inner.put("n.csv", csv.as_bytes())?;
    let object = ObjectMeta::new("n.csv", csv.len() as u64);
    let wrong = PinnedStore::new(inner.clone()).pin("n.csv", &hex(other.as_bytes()))?;
    assert!(wrong.get_range_of(&object, 0..4).is_err());
    let right = PinnedStore::new(inner).pin("n.csv", &pin)?;
    assert_eq!(right.get_range_of(&object, 0..4)?, b"id,x");
    assert!(right.pin("n.csv", &hex(other.as_bytes()))?.get_range_of(&object, 0..4).is_err());
    assert!(PinnedStore::new(Arc::new(MemoryStore::new())).pin("a", "12").is_err());
    assert!(PinnedStore::new(Arc::new(MemoryStore::new())).pin("../a", &pin).is_err());
    Ok(())
}
