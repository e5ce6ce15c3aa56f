//! Arrow's own format: round trips, files of others, and files that lie.

use perennial_core::ErrorKind;
use perennial_data::{Column, Table, content_hash, parse_arrow, read_arrow, to_arrow, write_arrow};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(100)))]

    #[test]
    fn tables_come_back(table in crate::round_trip::table()) {
        let again = parse_arrow(to_arrow(&table).unwrap()).unwrap();
        prop_assert_eq!(content_hash(&again), content_hash(&table));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.arrow");
        write_arrow(&table, &path).unwrap();
        prop_assert_eq!(content_hash(&read_arrow(&path).unwrap()), content_hash(&table));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_arrow(bytes.clone());
        let _ = parse_arrow([b"ARROW1\0\0".as_slice(), &bytes].concat());
        let _ = parse_arrow([b"\xff\xff\xff\xff".as_slice(), &(bytes.len() as u32 / 2).to_le_bytes(), &bytes].concat());
    }
}

fn table() -> Table {
    let n = 500_i64;
    let cities = ["Bern", "Basel", "Zug"];
    Table::builder()
        .integer("id", 0..n)
        .real("x", (0..n).map(|row| (row % 7 != 0).then_some(row as f64 / 3.0)))
        .category("city", (0..n).map(|row| cities[row as usize % 3]))
        .text("note", (0..n).map(|row| cities[(row * row) as usize % 3]))
        .boolean("on", (0..n).map(|row| row % 2 == 0))
        .date_time("at", 0..n)
        .build()
        .unwrap()
}

#[test]
fn a_single_batch_is_shared() {
    let bytes = to_arrow(&table()).unwrap();
    let (start, end) = (bytes.as_ptr() as usize, bytes.as_ptr() as usize + bytes.len());
    let again = parse_arrow(bytes).unwrap();
    assert_eq!(again.column("id").unwrap(), table().column("id").unwrap());
    let batch = again.to_record_batch().unwrap();
    let ids = batch.column(0).to_data();
    let at = ids.buffers()[0].as_ptr() as usize;
    assert!((start..end).contains(&at), "the numbers were copied");
    // Without rows and without columns.
    assert_eq!(parse_arrow(to_arrow(&table().head(0)).unwrap()).unwrap().n_cols(), 6);
    assert!(to_arrow(&Table::new::<String>([]).unwrap()).is_err());
}

/// Files that pyarrow wrote: `pyarrow.feather.write_feather(table, path, compression="lz4", chunksize=2)` and
/// `pyarrow.ipc.new_stream`, of `{"a": [1, 2, null], "s": dictionary ["x", "y", "x"], "t": ["a", null, "c"]}`.
#[test]
fn files_of_pyarrow_are_read() {
    let expected = Table::builder()
        .integer("a", [Some(1), Some(2), None])
        .category("s", ["x", "y", "x"])
        .text("t", [Some("a"), None, Some("c")])
        .build()
        .unwrap();
    for bytes in [include_bytes!("files/lz4.feather").as_slice(), include_bytes!("files/plain.arrows")] {
        assert_eq!(content_hash(&parse_arrow(bytes).unwrap()), content_hash(&expected));
    }
    let error = parse_arrow(include_bytes!("files/zstd.feather").as_slice()).unwrap_err();
    assert!(error.to_string().contains("zstd"), "{error}");
    // Missing cells of no type: few are real, a hundred million from a file of a kilobyte are refused.
    let few = parse_arrow(include_bytes!("files/nulls.arrows").as_slice()).unwrap();
    assert_eq!(few.column("n").unwrap(), &Column::real(vec![None; 3]));
    let error = parse_arrow(include_bytes!("files/many_nulls.arrows").as_slice()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}

#[test]
fn damaged_files_are_errors() {
    std::panic::set_hook(Box::new(|_| {}));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.arrow");
    write_arrow(&table(), &path).unwrap();
    let mut sound = std::fs::read(&path).unwrap();
    for sound in [
        to_arrow(&table()).unwrap(),
        std::mem::take(&mut sound),
        include_bytes!("files/lz4.feather").to_vec(),
    ] {
        // What follows the end mark of a file is not looked at.
        let end = sound.windows(8).rposition(|bytes| bytes == [255, 255, 255, 255, 0, 0, 0, 0]).unwrap();
        for length in (0..end + 8).step_by(7) {
            assert!(parse_arrow(&sound[..length]).is_err(), "{length}");
        }
        for at in 0..sound.len().min(3000) {
            for value in [0, 255, sound[at] ^ 1, sound[at] ^ 128] {
                let mut damaged = sound.clone();
                damaged[at] = value;
                let _ = parse_arrow(damaged);
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(matches!(parse_arrow("a,b\n1,2\n").unwrap_err().kind(), ErrorKind::Malformed { .. }));
    assert!(parse_arrow(Vec::new()).is_err());
    assert!(read_arrow(directory.path()).is_err());
}
