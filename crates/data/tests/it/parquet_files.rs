//! Parquet: round trips, columns, and files that lie.

use perennial_core::ErrorKind;
use perennial_data::{Column, ColumnType, ParquetReader, Table, content_hash, read_parquet, write_parquet};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn tables_come_back(table in crate::round_trip::table()) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.parquet");
        write_parquet(&table, &path).unwrap();
        let again = read_parquet(&path).unwrap();
        prop_assert_eq!(content_hash(&again), content_hash(&table));
        let last = table.names().last().unwrap().to_owned();
        let some = ParquetReader::new().columns([last.clone()]).read(&path).unwrap();
        prop_assert_eq!(content_hash(&some), content_hash(&table.select(&[last]).unwrap()));
    }
}

fn large() -> Table {
    let n = 5000_i64;
    let cities = ["Bern", "Basel", "Zug"];
    Table::builder()
        .integer("id", 0..n)
        .real("x", (0..n).map(|row| (row % 7 != 0).then_some(row as f64 / 3.0)))
        .category("city", (0..n).map(|row| cities[row as usize % 3]))
        .text("note", (0..n).map(|row| cities[(row * row) as usize % 3]))
        .build()
        .unwrap()
}

#[test]
fn columns_keep_their_order_and_types() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let table = large();
    write_parquet(&table, &path).unwrap();
    let some = ParquetReader::new().columns(["city", "id"]).read(&path).unwrap();
    assert_eq!(some.names().collect::<Vec<_>>(), ["city", "id"]);
    assert_eq!(some.column("city").unwrap().column_type(), ColumnType::Category);
    assert!(ParquetReader::new().columns(["none"]).read(&path).unwrap_err().to_string().contains("`none`"));
    let error = ParquetReader::new().max_bytes(1000).read(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    let empty = table.head(0);
    write_parquet(&empty, &path).unwrap();
    let again = read_parquet(&path).unwrap();
    assert_eq!((again.n_rows(), again.names().collect::<Vec<_>>()), (0, empty.names().collect()));
    assert_eq!(ParquetReader::new().columns(["x"]).read(&path).unwrap().n_cols(), 1);
    assert!(write_parquet(&Table::new::<String>([]).unwrap(), &path).is_err());
    let _ = Column::real([1.0]);
}

#[test]
fn damaged_files_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    write_parquet(&large(), &path).unwrap();
    let sound = std::fs::read(&path).unwrap();
    for length in (0..sound.len()).step_by(sound.len() / 200) {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(read_parquet(&path).is_err(), "{length}");
    }
    // Flipped bits may go unnoticed, for pages carry no checksum, but never bring the program down.
    std::panic::set_hook(Box::new(|_| {}));
    let footer = sound.len() - 2000..sound.len();
    for at in footer.step_by(3).chain((0..sound.len()).step_by(sound.len() / 300)) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let _ = read_parquet(&path);
    }
    let _ = std::panic::take_hook();
    for bytes in [b"PAR1PAR1".as_slice(), b"PAR1\xff\xff\xff\x7fPAR1", b"a,b\n1,2\n"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(read_parquet(&path).unwrap_err().kind(), ErrorKind::Malformed { .. }));
    }
    assert!(read_parquet(directory.path()).is_err());
}
