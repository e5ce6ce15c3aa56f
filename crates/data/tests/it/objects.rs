//! Tables in object stores.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use perennial_core::{ErrorKind, Result};
use perennial_data::{
    Column, FolderStore, MemoryStore, ObjectMeta, ObjectStore, Stores, Table, read_object, write_object,
};

fn orders(n: i64) -> Table {
    Table::builder()
        .integer("id", 0..n)
        .real("sum", (0..n).map(|row| (row % 7 != 0).then_some(row as f64 / 3.0)))
        .text("note", (0..n).map(|row| if row % 2 == 0 { "even" } else { "odd" }))
        .build()
        .unwrap()
}

/// Says what it was asked for, and gives a byte too few where it is told to.
#[derive(Debug, Default)]
struct Watched {
    inner: MemoryStore,
    ranges: Mutex<Vec<Range<u64>>>,
    short: bool,
}

impl ObjectStore for Watched {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        self.inner.head(key)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        self.ranges.lock().unwrap().push(range.clone());
        let mut bytes = self.inner.get_range(key, range)?;
        bytes.truncate(bytes.len() - usize::from(self.short));
        Ok(bytes)
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.inner.put(key, bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        self.inner.list(prefix)
    }
}

#[test]
fn each_store_gives_back_what_it_got() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let stores: [&dyn ObjectStore; 2] = [&MemoryStore::new(), &FolderStore::new(folder.path().join("new"))];
    for store in stores {
        assert!(store.list("")?.is_empty());
        let table = orders(100);
        let formats =
            ["a/b/one.csv", "a/one.jsonl", "one.parquet", "one.arrow", "a b/ü.ndjson", "one.feather"];
        for key in formats {
            write_object(&table, store, key)?;
            let again = read_object(store, key)?;
            // CSV has no word for the difference between a text and a category.
            let note = again.column("note")?.cast(perennial_data::ColumnType::Text)?;
            assert_eq!(again.with_column("note", note)?, table, "{key}");
        }
        let keys = |prefix: &str| -> Result<Vec<String>> {
            Ok(store.list(prefix)?.into_iter().map(|object| object.key).collect())
        };
        assert_eq!(keys("a/")?, ["a/b/one.csv", "a/one.jsonl"]);
        assert_eq!(keys("a/o")?, ["a/one.jsonl"]);
        assert_eq!(keys("")?.len(), 6);
        assert_eq!(keys("b")?.len(), 0);
        store.put("raw", b"0123456789")?;
        store.put("raw", b"012345")?;
        assert_eq!((store.head("raw")?.n_bytes, store.get("raw")?.as_slice()), (6, &b"012345"[..]));
        assert_eq!(
            (store.get_range("raw", 2..4)?, store.get_range("raw", 6..6)?),
            (b"23".to_vec(), Vec::new())
        );
        assert!(store.get_range("raw", 4..7).unwrap_err().to_string().contains("has 6 bytes"));
        assert!(store.get_range("raw", Range { start: 3, end: 1 }).is_err());
        for missing in ["none", "a/none.csv"] {
            assert!(
                matches!(store.head(missing).unwrap_err().kind(), ErrorKind::Unknown { .. }),
                "{missing}"
            );
        }
        for wrong in ["", "/etc/passwd.csv", "../x.csv", "a//b.csv", "a/./b.csv", "a\\..\\b.csv", "c:/x.csv"]
        {
            assert!(store.put(wrong, b"x").is_err(), "{wrong}");
            assert!(read_object(store, wrong).is_err(), "{wrong}");
        }
        for (key, first) in [("tabs/one.tsv", b'\t'), ("tabs/two.TAB", b'\t'), ("tabs/three.csv", b',')] {
            let two = Table::new([("a", Column::integer([1])), ("b", Column::integer([2]))])?;
            write_object(&two, store, key)?;
            assert_eq!(store.get(key)?[1], first, "{key}");
            assert_eq!(read_object(store, key)?, two, "{key}");
        }
        assert!(
            write_object(&table, store, "one.jsonl.zst")
                .unwrap_err()
                .to_string()
                .contains("leave `.zst` out")
        );
        assert!(
            write_object(&table, store, "one.csv.gz").unwrap_err().to_string().contains("leave `.gz` out")
        );
        assert!(write_object(&table, store, "one.xlsx").unwrap_err().to_string().contains("says no format"));
        store.put("broken.parquet", b"PAR1 and nothing more PAR1")?;
        store.put("empty.parquet", b"")?;
        store.put("broken.arrow", b"ARROW1")?;
        for broken in ["broken.parquet", "empty.parquet", "broken.arrow"] {
            let error = read_object(store, broken).unwrap_err().to_string();
            assert!(error.contains(&format!("the object `{broken}`")), "{error}");
        }
    }
    let links = FolderStore::new(folder.path());
    assert_eq!(links.list("new/a/")?.len(), 2);
    assert!(links.head("new").is_err(), "a folder is no object");
    Ok(())
}

#[test]
#[cfg(feature = "parquet")]
fn of_parquet_only_what_is_needed_is_fetched() -> Result<()> {
    use perennial_data::ParquetReader;
    let store = Watched::default();
    let n = 400_000;
    let table = orders(n).with_column("sum", Column::real((0..n).map(|row| (row as f64).sin())))?;
    write_object(&table, &store, "orders.parquet")?;
    let size = store.head("orders.parquet")?.n_bytes;
    let ids = ParquetReader::new().columns(["id"]).read_object(&store, "orders.parquet")?;
    assert_eq!(ids, table.select(&["id"])?);
    let fetched: u64 = store.ranges.lock().unwrap().drain(..).map(|range| range.end - range.start).sum();
    assert!(fetched < size * 2 / 3, "{fetched} of {size}");
    assert_eq!(read_object(&store, "orders.parquet")?, table);
    let few = ParquetReader::new()
        .columns(["note"])
        .filter("id", 399_990..)
        .read_object(&store, "orders.parquet")?;
    assert_eq!(few.n_rows(), 10);
    let error = ParquetReader::new().columns(["none"]).read_object(&store, "orders.parquet").unwrap_err();
    assert!(error.to_string().contains("no column is named `none`"), "{error}");
    let short = Watched { inner: store.inner.clone(), short: true, ..Watched::default() };
    assert!(matches!(read_object(&short, "orders.parquet").unwrap_err().kind(), ErrorKind::Corrupt { .. }));
    Ok(())
}

#[test]
#[cfg(feature = "parquet")]
fn metadata_may_be_longer_than_what_is_fetched_first() -> Result<()> {
    let columns =
        (0..1500).map(|at| (format!("a column with a long name, number {at}"), Column::integer([at])));
    let table = Table::new(columns)?;
    let store = Watched::default();
    write_object(&table, &store, "wide.parquet")?;
    assert!(store.head("wide.parquet")?.n_bytes > 2 << 16);
    assert_eq!(read_object(&store, "wide.parquet")?, table);
    Ok(())
}

#[test]
fn addresses_find_their_stores() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (lake, inner) = (MemoryStore::new(), MemoryStore::new());
    let stores = Stores::new()
        .with("s3://lake", Arc::new(lake.clone()))?
        .with("s3://lake/in/", Arc::new(inner.clone()))?;
    let table = orders(10);
    let file = format!("file://{}/a.parquet", folder.path().display());
    for url in ["memory://a.jsonl", "s3://lake/a.arrow", "s3://lake/in/a.arrow", &file] {
        stores.write(&table, url)?;
        assert_eq!(stores.read(url)?, table, "{url}");
    }
    assert_eq!((lake.list("")?.len(), inner.list("")?.len()), (1, 1));
    assert!(folder.path().join("a.parquet").is_file());
    for (url, words) in [
        ("s3://other/a.csv", "no store is known"),
        ("s3://lakes/a.csv", "no store is known"),
        ("a.csv", "no store is known"),
        ("file://a.csv", "three slashes"),
        ("memory://none.csv", "no object `none.csv`"),
        ("file:///a/../../etc/passwd", "says no format"),
    ] {
        let error = stores.read(url).unwrap_err().to_string();
        assert!(error.contains(words), "{url}: {error}");
    }
    assert!(Stores::new().with("lake", Arc::new(lake)).is_err());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, b"{\"id\":1}\n").unwrap();
    inner.put("a.jsonl.gz", &packed.finish().unwrap())?;
    assert_eq!(stores.read("s3://lake/in/a.jsonl.gz")?, Table::new([("id", Column::integer([1]))])?);
    Ok(())
}

#[test]
#[cfg(feature = "http")]
fn servers_give_ranges() -> Result<()> {
    use crate::downloads::serve;
    use perennial_data::HttpStore;
    let table = orders(2000);
    let memory = MemoryStore::new();
    write_object(&table, &memory, "a b/ü.parquet")?;
    let bytes = memory.get("a b/ü.parquet")?;
    let (url, requests) = serve(bytes, "/data/a%20b/%C3%BC.parquet");
    let store = HttpStore::new(&format!("{url}/data/"))?;
    assert_eq!(read_object(&store, "a b/ü.parquet")?, table);
    assert_eq!(store.get("a b/ü.parquet")?, memory.get("a b/ü.parquet")?);
    assert_eq!(store.get_range("a b/ü.parquet", 0..4)?, b"PAR1");
    assert!(requests.lock().unwrap().iter().any(|request| request.contains("range: bytes=")));
    assert!(matches!(store.head("none.csv").unwrap_err().kind(), ErrorKind::Unknown { .. }));
    assert!(store.put("a.csv", b"x").is_err() && store.list("").is_err());
    assert!(HttpStore::new("ftp://server").is_err());
    assert_eq!(Stores::new().read(&format!("{url}/data/a b/ü.parquet"))?, table);
    assert_eq!(Stores::new().read(&format!("{url}/data/a%20b/%C3%BC.parquet"))?, table);
    let error = Stores::new().read(&format!("{url}/data/a.csv?key=SECRET")).unwrap_err().to_string();
    assert!(error.contains("fetch it with `Download`") && !error.contains("SECRET"), "{error}");
    let error = HttpStore::new("http://127.0.0.1:1")?.head("a").unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1/a could not be read"), "{error}");
    Ok(())
}

/// Rows of an object come in batches, for which no more than the wanted columns of one row group are fetched at a time.
#[cfg(feature = "parquet")]
#[test]
fn objects_are_read_in_batches() -> Result<()> {
    use perennial_data::{ParquetReader, content_hash};
    let store = Arc::new(Watched::default());
    let table = orders(5000);
    write_object(&table, store.as_ref(), "orders.parquet")?;
    let parts: Vec<Table> =
        ParquetReader::new().scan_object(store.clone(), "orders.parquet", 700)?.collect::<Result<_>>()?;
    assert_eq!(parts.iter().map(Table::n_rows).max(), Some(700));
    assert_eq!(content_hash(&Table::concat(&parts)?), content_hash(&table));
    store.ranges.lock().unwrap().clear();
    let ids: Vec<Table> = ParquetReader::new()
        .columns(["id"])
        .scan_object(store.clone(), "orders.parquet", 5000)?
        .collect::<Result<_>>()?;
    assert_eq!(ids[0].n_cols(), 1);
    let all = store.head("orders.parquet")?.n_bytes;
    // The end of a small object is all of it; what comes after is one column.
    let fetched: u64 = store.ranges.lock().unwrap().iter().skip(1).map(|range| range.end - range.start).sum();
    assert!(fetched < all, "{fetched} of {all}");
    let error = ParquetReader::new().scan_object(store.clone(), "none.parquet", 10).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unknown { .. }) && error.to_string().contains("none.parquet"),
        "{error}"
    );
    assert!(ParquetReader::new().scan_object(store.clone(), "../x.parquet", 10).is_err());
    assert!(ParquetReader::new().scan_object(store.clone(), "orders.parquet", 0).is_err());
    store.put("broken.parquet", b"PAR1 no PAR1")?;
    assert!(ParquetReader::new().scan_object(store, "broken.parquet", 10).is_err());
    Ok(())
}
