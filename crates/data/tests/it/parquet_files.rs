//! Parquet: round trips, columns, and files that lie.

use perennial_core::ErrorKind;
use perennial_data::{Column, ColumnType, ParquetReader, Table, content_hash, read_parquet, write_parquet};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(100)))]

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
    // Without columns there are rows still.
    assert_eq!(ParquetReader::new().columns::<String>([]).read(&path).unwrap().n_rows(), 5000);
    let empty = table.head(0);
    write_parquet(&empty, &path).unwrap();
    let again = read_parquet(&path).unwrap();
    assert_eq!((again.n_rows(), again.names().collect::<Vec<_>>()), (0, empty.names().collect()));
    assert_eq!(ParquetReader::new().columns(["x"]).read(&path).unwrap().n_cols(), 1);
    assert!(write_parquet(&Table::new::<String>([]).unwrap(), &path).is_err());
    let _ = Column::real([1.0]);
}

/// A file of row groups of 100 rows, in which `id` rises.
fn grouped(path: &std::path::Path) -> Table {
    let table = large().head(1000).with_column("day", Column::date(0..1000)).unwrap();
    let batch = table.to_record_batch().unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    table
}

#[test]
fn filters_read_the_rows_that_are_wanted_and_no_other_row_group() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("groups.parquet");
    let table = grouped(&path);
    let rows = |range: std::ops::Range<usize>| table.slice(range).unwrap();
    let all = || ParquetReader::new();
    assert_eq!(
        content_hash(&all().filter("id", 250..=449).read(&path).unwrap()),
        content_hash(&rows(250..450))
    );
    assert_eq!(
        content_hash(&all().filter("day", "1970-01-02".."1970-01-04").read(&path).unwrap()),
        content_hash(&rows(1..3))
    );
    let both =
        all().filter("id", 990..).filter("city", "Bern"..="Bern").columns(["x", "note"]).read(&path).unwrap();
    let expected: Vec<bool> = (0..1000).map(|row| row >= 990 && row % 3 == 0).collect();
    assert_eq!(
        content_hash(&both),
        content_hash(&table.filter(&expected).unwrap().select(&["x", "note"]).unwrap())
    );
    // A missing cell lies in no range, not even in one without ends.
    assert_eq!(
        all().filter::<f64>("x", ..).read(&path).unwrap().n_rows(),
        1000 - table.column("x").unwrap().null_count()
    );
    let none = all().filter("id", 5000..).columns(["note"]).read(&path).unwrap();
    assert_eq!((none.n_rows(), none.names().collect::<Vec<_>>()), (0, vec!["note"]));
    for (error, words) in [
        (all().filter("no", 1..).read(&path).unwrap_err(), "`no`"),
        (all().filter("id", "a"..).read(&path).unwrap_err(), "does not compare with `a`"),
        (all().filter("day", 3..).read(&path).unwrap_err(), "column `day` is of type date"),
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
    // Without the bytes of the first eight groups the last two can be read.
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[4..half].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    assert!(read_parquet(&path).is_err());
    assert_eq!(content_hash(&all().filter("id", 800..).read(&path).unwrap()), content_hash(&rows(800..1000)));
    assert_eq!(
        all()
            .filter("id", 800..)
            .scan(&path, 64)
            .unwrap()
            .map(|table| table.unwrap().n_rows())
            .sum::<usize>(),
        200
    );
}

#[test]
fn a_scan_is_the_file_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("groups.parquet");
    let table = grouped(&path);
    for batch in [1, 33, 100, 5000] {
        let parts: Vec<Table> =
            ParquetReader::new().scan(&path, batch).unwrap().map(|table| table.unwrap()).collect();
        assert!(parts.len() >= 10 && parts.iter().all(|part| part.n_rows() <= batch));
        assert_eq!(content_hash(&Table::concat(&parts).unwrap()), content_hash(&table));
    }
    let scan = || ParquetReader::new().filter("id", 95..105).scan(&path, 1000).unwrap();
    assert_eq!(scan().map(|table| table.unwrap().n_rows()).collect::<Vec<_>>(), [5, 5]);
    let none: Vec<Table> =
        ParquetReader::new().filter("id", ..0).scan(&path, 10).unwrap().map(|table| table.unwrap()).collect();
    assert_eq!((none.len(), none[0].n_rows(), none[0].n_cols()), (1, 0, 5));
    assert!(ParquetReader::new().scan(&path, 0).is_err());
    assert!(ParquetReader::new().max_bytes(100).scan(&path, 10).is_err());
    let summary =
        perennial_data::Summary::of_all(ParquetReader::new().columns(["id"]).scan(&path, 7).unwrap())
            .unwrap();
    assert_eq!(summary.column("id").unwrap().mean(), Some(499.5));
}

/// Where pages say that they have fewer rows than their row group, no row is lost, and none comes beside another one.
#[test]
fn columns_that_end_too_early_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("short.parquet");
    let table = Table::new([("a", Column::integer(0..20)), ("b", Column::integer(20..40))]).unwrap();
    let batch = table.to_record_batch().unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let mut sound: Vec<u8> = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut sound, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    std::fs::write(&path, &sound).unwrap();
    assert_eq!(content_hash(&read_parquet(&path).unwrap()), content_hash(&table));
    // In the header of a page of data field 5, and its first field: ten rows.
    let starts = |at: &usize| sound[*at..].starts_with(&[0x2c, 0x15, 20]);
    let pages: Vec<usize> = (0..sound.len()).filter(starts).collect();
    for short in [&[0_usize][..], &[0, 1], &[0, 2], &[0, 3], &[0, 1, 2, 3]] {
        for rows in [0, 5] {
            let mut bytes = sound.clone();
            short.iter().for_each(|page| bytes[pages[*page] + 2] = 2 * rows);
            std::fs::write(&path, &bytes).unwrap();
            assert!(read_parquet(&path).is_err(), "{short:?} {rows}");
        }
    }
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

#[test]
fn every_compression_comes_back() {
    use perennial_data::{ParquetCompression as Packed, ParquetWriter};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("packed.parquet");
    let table = large();
    let mut sizes = Vec::new();
    for packed in
        [Packed::Uncompressed, Packed::Snappy, Packed::Lz4, Packed::Gzip, Packed::Zstd, Packed::Brotli]
    {
        ParquetWriter::new().compression(packed).write(&table, &path).unwrap();
        assert_eq!(content_hash(&read_parquet(&path).unwrap()), content_hash(&table), "{packed:?}");
        let parts: Vec<Table> =
            ParquetReader::new().scan(&path, 999).unwrap().map(|part| part.unwrap()).collect();
        assert_eq!(content_hash(&Table::concat(&parts).unwrap()), content_hash(&table), "{packed:?}");
        sizes.push(std::fs::metadata(&path).unwrap().len());
        // Cut or changed bytes are errors or other tables, and no panic.
        let sound = std::fs::read(&path).unwrap();
        for at in (0..sound.len()).step_by(sound.len() / 50) {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(&path, &damaged).unwrap();
            let _ = read_parquet(&path);
        }
    }
    assert!(sizes[1..].iter().all(|size| *size < sizes[0]), "{sizes:?}");
    ParquetWriter::new().write(&table, &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), sizes[1], "Snappy is the default");
}

fn write_batch(columns: Vec<(&str, arrow_array::ArrayRef)>, path: &std::path::Path) {
    let batch = arrow_array::RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn columns_without_a_type_are_left_out_by_naming_the_others() {
    use std::sync::Arc;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd.parquet");
    let odd: [(&str, arrow_array::ArrayRef); 4] = [
        ("clock", Arc::new(arrow_array::Time64MicrosecondArray::from(vec![1, 2, 3]))),
        ("clock32", Arc::new(arrow_array::Time32MillisecondArray::from(vec![1, 2, 3]))),
        ("lasted", Arc::new(arrow_array::DurationMicrosecondArray::from(vec![1, 2, 3]))),
        ("bytes", Arc::new(arrow_array::BinaryArray::from(vec![&b"a"[..], b"b", b"c"]))),
    ];
    for (name, array) in odd {
        let id = || Arc::new(arrow_array::Int64Array::from(vec![7, 8, 9])) as arrow_array::ArrayRef;
        write_batch(vec![("id", id()), (name, array), ("id2", id())], &path);
        for error in [
            read_parquet(&path).unwrap_err().to_string(),
            ParquetReader::new().scan(&path, 2).unwrap_err().to_string(),
            ParquetReader::new().columns([name]).read(&path).unwrap_err().to_string(),
        ] {
            assert!(error.contains(&format!("`{name}`")) && error.contains("`columns`"), "{error}");
        }
        let reader = ParquetReader::new().columns(["id2", "id"]);
        let table = reader.read(&path).unwrap();
        assert_eq!(table.names().collect::<Vec<_>>(), ["id2", "id"]);
        assert_eq!(table.values("id").unwrap().as_slice(), [7.0, 8.0, 9.0]);
        let parts: Vec<usize> = reader.scan(&path, 2).unwrap().map(|part| part.unwrap().n_rows()).collect();
        assert_eq!(parts, [2, 1]);
        assert_eq!(reader.filter("id", 8..).read(&path).unwrap().n_rows(), 2);
    }
}

#[test]
fn decimals_are_numbers_or_texts_and_never_rounded_in_silence() {
    use std::sync::Arc;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decimal.parquet");
    let decimals = |cells: Vec<Option<i128>>, precision, scale| {
        let array = arrow_array::Decimal128Array::from(cells);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap()) as arrow_array::ArrayRef
    };
    let prices = vec![Some(1234), Some(-5), None, Some(10)];
    write_batch(
        vec![("price", decimals(prices, 10, 2)), ("whole", decimals(vec![Some(3); 4], 20, 0))],
        &path,
    );
    let table = read_parquet(&path).unwrap();
    assert_eq!(*table.column("price").unwrap(), Column::real([Some(12.34), Some(-0.05), None, Some(0.1)]));
    assert_eq!(*table.column("whole").unwrap(), Column::real([3.0; 4]));
    assert_eq!(ParquetReader::new().filter("price", 0.05..).read(&path).unwrap().n_rows(), 2);
    let texts = ParquetReader::new().decimal_as_text(true);
    let table = texts.read(&path).unwrap();
    assert_eq!(
        *table.column("price").unwrap(),
        Column::text([Some("12.34"), Some("-0.05"), None, Some("0.10")])
    );

    // Sixteen digits that a number keeps, and sixteen that it does not.
    write_batch(vec![("x", decimals(vec![Some(1_234_567_890_123_456)], 38, 4))], &path);
    assert_eq!(read_parquet(&path).unwrap().values("x").unwrap().as_slice(), [123_456_789_012.345_6]);
    for (digits, scale, shown) in [
        (9_007_199_254_740_993_i128, 0, "9007199254740993"),
        (99_999_999_999_999_999_999_999_999_999_999_999_999, 4, "9999999999999999999999999999999999.9999"),
    ] {
        write_batch(vec![("x", decimals(vec![Some(1), Some(digits)], 38, scale))], &path);
        let error = read_parquet(&path).unwrap_err().to_string();
        assert!(
            error.contains("`x`") && error.contains(shown) && error.contains("decimal_as_text"),
            "{error}"
        );
        assert_eq!(texts.read(&path).unwrap().column("x").unwrap().cell(1).as_deref(), Some(shown));
        let part = texts.scan(&path, 10).unwrap().next().unwrap().unwrap();
        assert_eq!(part.column("x").unwrap().column_type(), ColumnType::Text);
    }
}
