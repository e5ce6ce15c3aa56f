//! What is written is read again, and is the same.

use perennial_core::{from_bytes, to_bytes};
use perennial_data::{Column, CsvOptions, CsvReader, Table, content_hash, read_csv, to_csv, write_csv};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof![
        "[a-c \"',;\n\r\t=+@-]{0,6}",
        Just("NA".to_owned()),
        Just("nan".to_owned()),
        Just("1.5".to_owned()),
        Just("\u{feff}é💡".to_owned()),
        any::<String>(),
    ])
}

fn column(n_rows: usize) -> BoxedStrategy<Column> {
    let rows = n_rows..=n_rows;
    let micros = -62_167_219_200_000_000_i64..253_402_300_800_000_000;
    prop_oneof![
        prop::collection::vec(text(), rows.clone())
            .prop_map(|cells| Column::text(cells.iter().map(Option::as_deref))),
        prop::collection::vec(text(), rows.clone())
            .prop_map(|cells| Column::category(cells.iter().map(Option::as_deref))),
        prop::collection::vec(any::<Option<i64>>(), rows.clone()).prop_map(Column::integer),
        prop::collection::vec(option::of(prop::num::f64::ANY), rows.clone()).prop_map(Column::real),
        prop::collection::vec(any::<Option<bool>>(), rows.clone()).prop_map(Column::boolean),
        prop::collection::vec(option::of(-719_528..2_932_897), rows.clone()).prop_map(Column::date),
        prop::collection::vec(option::of(micros), rows).prop_map(Column::date_time),
    ]
    .boxed()
}

pub(crate) fn table() -> impl Strategy<Value = Table> {
    let name = prop_oneof!["[a-z\"',; \n=]{1,4}", Just("\u{feff}x".to_owned())];
    (0_usize..8, prop::collection::btree_set(name, 1..5)).prop_flat_map(|(n_rows, names)| {
        let columns = prop::collection::vec(column(n_rows), names.len());
        columns.prop_map(move |columns| Table::new(names.iter().map(String::as_str).zip(columns)).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(1000)))]

    #[test]
    fn csv(table in table(), semicolon in any::<bool>(), comma in any::<bool>(), block in 1_usize..64) {
        let delimiter = if semicolon { b';' } else { b',' };
        let decimal = if semicolon && comma { b',' } else { b'.' };
        let text = to_csv(&table, CsvOptions::new().delimiter(delimiter).decimal(decimal)).unwrap();
        let reader = CsvReader::new().delimiter(delimiter).decimal(decimal);
        let reader = reader.schema(&table.schema()).block_bytes(block);
        let again = reader.read_bytes(text.as_bytes()).unwrap();
        prop_assert_eq!(content_hash(&again), content_hash(&table));
        prop_assert_eq!(again, table, "{}", text);
    }

    #[test]
    fn bytes_and_record_batches(table in table()) {
        let again: Table = from_bytes(&to_bytes(&table).unwrap()).unwrap();
        prop_assert_eq!(&again, &table);
        let again = Table::from_record_batch(&table.to_record_batch().unwrap()).unwrap();
        prop_assert_eq!(again, table);
    }
}

#[test]
fn files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    let table = Table::builder().real("x", [1.5, -2.0]).text("y", [Some("a,b"), None]).build().unwrap();
    write_csv(&table, &path, CsvOptions::new()).unwrap();
    assert_eq!(read_csv(&path).unwrap(), table);
    let late = Table::new([("d", Column::date([3_000_000]))]).unwrap();
    assert!(write_csv(&late, &path, CsvOptions::new()).unwrap_err().to_string().contains("10183-"));
    assert_eq!(read_csv(&path).unwrap(), table, "the old file must still be there");
}

#[test]
fn damaged_bytes_are_refused() {
    let table = Table::builder().category("c", ["a", "b", "a"]).integer("i", [1, 2, 3]).build().unwrap();
    let bytes = to_bytes(&table).unwrap();
    for length in 0..bytes.len() {
        assert!(from_bytes::<Table>(&bytes[..length]).is_err(), "{length}");
    }
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<Table>(&json).unwrap(), table);
    for (from, to) in [
        ("[0,1,0]", "[0,2,0]"),
        ("[1,2,3]", "[1,2]"),
        ("\"i\"", "\"c\""),
        ("[\"a\",\"b\"]", "[\"a\",\"a\"]"),
        ("\"n_rows\":3", "\"n_rows\":4"),
    ] {
        assert!(json.contains(from), "{json}");
        assert!(serde_json::from_str::<Table>(&json.replace(from, to)).is_err(), "{to}");
    }
    let infinite = Table::new([("x", Column::real([f64::INFINITY]))]).unwrap();
    assert!(serde_json::to_string(&infinite).unwrap_err().to_string().contains("`x`"));
    assert_eq!(from_bytes::<Table>(&to_bytes(&infinite).unwrap()).unwrap(), infinite);
}

/// Numbers and dates hold the delimiter itself.
#[test]
fn odd_delimiters_of_csv() {
    let table = Table::builder()
        .real("x", [Some(-1.5), Some(1e300), None])
        .integer("n", [-10, 11, 0])
        .boolean("b", [Some(true), Some(false), None])
        .date("d", [Some(19_000), None, Some(1)])
        .date_time("m", [Some(1_700_000_000_123_456), Some(0), None])
        .text("t", [Some("a-b.1 e"), Some(""), None])
        .build()
        .unwrap();
    for delimiter in [b'.', b'-', b'1', b'0', b' ', b':', b'e', b't', b'+', b'T', b'\t'] {
        // A point that is both would be read as neither.
        let decimal = if delimiter == b'.' { b',' } else { b'.' };
        let text = to_csv(&table, CsvOptions::new().delimiter(delimiter).decimal(decimal)).unwrap();
        let reader = CsvReader::new().delimiter(delimiter).decimal(decimal).schema(&table.schema());
        assert_eq!(reader.read_bytes(text.as_bytes()).unwrap(), table, "{}", char::from(delimiter));
    }
}
