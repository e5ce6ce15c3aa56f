//! Files that are written table by table, and Arrow that is read so.

use perennial_core::{ErrorKind, Result};
use perennial_data::{Column, CsvOptions, CsvReader, Role, Table, content_hash, read_csv, to_csv, write_csv};

fn part(from: i64, to: i64) -> Table {
    let cities = ["Bern", "Basel", "Zug", "Chur"];
    let notes: Vec<Option<String>> =
        (from..to).map(|row| (row % 5 != 0).then(|| format!("n {row}, \"{row}\""))).collect();
    Table::builder()
        .integer("id", from..to)
        .real("x", (from..to).map(|row| (row % 7 != 0).then_some(row as f64 / 3.0)))
        // The levels, and how they are numbered, are others in each part.
        .category("city", (from..to).map(|row| cities[(row * 7 / 1000) as usize % 4]))
        .text("note", notes.iter().map(Option::as_deref))
        .date_time("at", from..to)
        .build()
        .unwrap()
}

fn hidden(folder: &std::path::Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with('.')).count()
}

#[test]
fn csv_grows_table_by_table() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.csv");
    let mut file = CsvOptions::new().create(&path)?;
    for (start, end) in [(0, 10_000), (10_000, 10_000), (10_000, 10_001), (10_001, 30_000)] {
        file.append(&part(start, end))?;
    }
    assert!(!path.exists() && hidden(folder.path()) == 1, "it is there when it is whole");
    assert_eq!(file.finish()?, 30_000);
    assert_eq!(hidden(folder.path()), 0);
    let all = part(0, 30_000);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), to_csv(&all, CsvOptions::new())?);
    assert_eq!(CsvReader::new().schema(&all.schema()).read_path(&path)?, all);
    // No rows, and a header.
    let mut empty = CsvOptions::new().delimiter(b';').create(&path)?;
    empty.append(&part(0, 0))?;
    assert_eq!(empty.finish()?, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "id;x;city;note;at\n");
    Ok(())
}

#[test]
fn what_is_not_finished_leaves_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.csv");
    write_csv(&part(0, 3), &path, CsvOptions::new())?;
    let old = std::fs::read(&path).unwrap();
    {
        let mut dropped = CsvOptions::new().create(&path)?;
        dropped.append(&part(3, 9))?;
    }
    let mut other = CsvOptions::new().create(&path)?;
    other.append(&part(3, 9))?;
    let error = other.append(&part(0, 3).drop(&["x"])?).unwrap_err().to_string();
    assert!(error.contains("table 2 has 4 columns and the first one 5"), "{error}");
    let error = other.append(&part(0, 3).rename("x", "y")?).unwrap_err().to_string();
    assert!(error.contains("`y` of type real where the first one has `x`"), "{error}");
    other.append(&part(9, 10))?;
    // A day that no reader knows, at a row of the whole file.
    let days = Table::new([("day", Column::date([1, i32::MAX]))])?;
    let mut late = CsvOptions::new().create(folder.path().join("days.csv"))?;
    late.append(&Table::new([("day", Column::date([1, 2, 3]))])?)?;
    let error = late.append(&days).unwrap_err().to_string();
    assert!(error.contains("row 4") && error.contains("column `day`"), "{error}");
    assert!(
        late.append(&Table::new([("day", Column::date([1]))])?).unwrap_err().to_string().contains("given up")
    );
    assert!(late.finish().is_err());
    assert!(
        CsvOptions::new().create(&path)?.finish().unwrap_err().to_string().contains("no table was appended")
    );
    assert!(CsvOptions::new().delimiter(b'"').create(&path).is_err());
    let absent = CsvOptions::new().create(folder.path().join("absent/a.csv")).unwrap_err();
    assert!(
        matches!(absent.kind(), ErrorKind::Io { .. }) && absent.to_string().contains("absent"),
        "{absent}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), old);
    assert_eq!(other.finish()?, 7);
    assert_eq!(read_csv(&path)?.n_rows(), 7);
    assert_eq!(hidden(folder.path()), 0);
    Ok(())
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_grows_table_by_table() -> Result<()> {
    use perennial_data::{ParquetCompression, ParquetReader, ParquetWriter, read_parquet};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.parquet");
    let mut file = ParquetWriter::new().compression(ParquetCompression::Lz4).create(&path)?;
    file.append(&part(0, 1000).with_role("id", Role::Identifier)?)?;
    for start in (1000..20_000).step_by(1000) {
        file.append(&part(start, start + 1000))?;
    }
    file.append(&part(0, 0))?;
    assert!(!path.exists());
    assert_eq!(file.finish()?, 20_000);
    let (read, all) = (read_parquet(&path)?, part(0, 20_000));
    assert_eq!(content_hash(&read.clone().with_role("id", Role::default())?), content_hash(&all));
    assert_eq!(read.role("id")?, Role::Identifier);
    assert_eq!(
        ParquetReader::new().scan(&path, 700)?.map(|part| part.unwrap().n_rows()).sum::<usize>(),
        20_000
    );
    let mut empty = ParquetWriter::new().create(&path)?;
    empty.append(&part(0, 0))?;
    assert_eq!(empty.finish()?, 0);
    assert_eq!((read_parquet(&path)?.n_rows(), read_parquet(&path)?.n_cols()), (0, 5));
    let mut wrong = ParquetWriter::new().create(&path)?;
    assert!(wrong.append(&Table::new(Vec::<(&str, Column)>::new())?).is_err());
    wrong.append(&part(0, 1))?;
    assert!(wrong.append(&part(0, 1).drop(&["x"])?).is_err());
    drop(wrong);
    assert!(ParquetWriter::new().create(&path)?.finish().is_err());
    assert_eq!((read_parquet(&path)?.n_rows(), hidden(folder.path())), (0, 0));
    Ok(())
}

/// What is held does not grow with the file: row groups are written as they fill.
#[cfg(feature = "parquet")]
#[test]
fn row_groups_are_written_when_they_are_large() -> Result<()> {
    use perennial_data::{ParquetCompression, ParquetWriter};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.parquet");
    let mut file = ParquetWriter::new().compression(ParquetCompression::Uncompressed).create(&path)?;
    let mut state = 1_u64;
    for _ in 0..12 {
        let cells = (0..1_000_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64
        });
        file.append(&Table::new([("x", Column::real(cells.collect::<Vec<f64>>()))])?)?;
    }
    let temporary = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    assert!(temporary.metadata().unwrap().len() > 48 << 20, "{:?}", temporary.metadata().unwrap().len());
    assert_eq!(file.finish()?, 12_000_000);
    Ok(())
}

#[cfg(feature = "ipc")]
#[test]
fn arrow_is_read_in_batches() -> Result<()> {
    use perennial_data::{
        MemoryStore, ObjectStore, read_arrow, scan_arrow, scan_arrow_object, to_arrow, write_arrow,
    };
    use std::sync::Arc;
    let folder = tempfile::tempdir().unwrap();
    let (path, table) = (folder.path().join("all.arrow"), part(0, 5000));
    let all = |scan: perennial_data::ArrowScan| -> Result<(usize, Table)> {
        let parts = scan.collect::<Result<Vec<_>>>()?;
        Ok((parts.iter().map(Table::n_rows).max().unwrap(), Table::concat(&parts)?))
    };
    write_arrow(&table, &path)?;
    let store = Arc::new(MemoryStore::new());
    store.put("all.arrow", &std::fs::read(&path).unwrap())?;
    store.put("stream.arrow", &to_arrow(&table)?)?;
    for scan in [
        scan_arrow(&path, 700)?,
        scan_arrow_object(store.clone(), "all.arrow", 700)?,
        scan_arrow_object(store.clone(), "stream.arrow", 700)?,
    ] {
        let (most, read) = all(scan)?;
        assert_eq!((most, content_hash(&read)), (700, content_hash(&table)));
    }
    assert_eq!(all(scan_arrow(&path, usize::MAX)?)?.1, read_arrow(&path)?);
    write_arrow(&part(0, 0), &path)?;
    let (most, read) = all(scan_arrow(&path, 1)?)?;
    assert_eq!((most, read.schema()), (0, part(0, 0).schema()));
    assert!(scan_arrow(&path, 0).is_err() && scan_arrow(folder.path(), 1).is_err());
    assert!(scan_arrow_object(store, "nothing.arrow", 1).is_err());
    // Whatever is cut off or damaged is an error, and the end of the scan.
    let sound = to_arrow(&part(0, 300))?;
    for cut in (0..sound.len()).step_by(97) {
        std::fs::write(&path, &sound[..cut]).unwrap();
        let scan = scan_arrow(&path, 100);
        assert!(scan.is_err() || scan?.any(|part| part.is_err()), "{cut}");
    }
    for at in (0..sound.len()).step_by(31) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        let Ok(mut scan) = scan_arrow(&path, 100) else { continue };
        if scan.by_ref().any(|part| part.is_err()) {
            assert!(scan.next().is_none());
        }
    }
    Ok(())
}

/// The decoder takes a message without a body when the next one comes.
#[cfg(feature = "ipc")]
#[test]
fn arrow_without_rows_hides_no_others() -> Result<()> {
    use arrow_ipc::writer::{FileWriter, StreamWriter};
    use perennial_data::{MemoryStore, ObjectStore, read_arrow, scan_arrow, scan_arrow_object};
    use std::sync::Arc;
    let rows = |from: i64, to: i64| {
        let x = (from..to).map(|row| row as f64 / 3.0);
        Table::builder().integer("id", from..to).real("x", x).build()
    };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["all.arrow", "all.arrows"].map(|name| folder.path().join(name));
    let cases: [&[(i64, i64)]; 4] =
        [&[(0, 3), (3, 3), (3, 6)], &[(0, 0), (0, 4), (4, 4), (4, 6)], &[(0, 0)], &[]];
    for parts in cases {
        let schema = rows(0, 0)?.to_record_batch()?.schema();
        let [file, stream] = paths.each_ref().map(|path| std::fs::File::create(path).unwrap());
        let mut file = FileWriter::try_new(file, &schema).unwrap();
        let mut stream = StreamWriter::try_new(stream, &schema).unwrap();
        for &(from, to) in parts {
            let batch = rows(from, to)?.to_record_batch()?;
            file.write(&batch).unwrap();
            stream.write(&batch).unwrap();
        }
        file.finish().unwrap();
        stream.finish().unwrap();
        let all = rows(0, parts.last().map_or(0, |(_, to)| *to))?;
        for path in &paths {
            let store = Arc::new(MemoryStore::new());
            store.put("all", &std::fs::read(path).unwrap())?;
            for scan in [scan_arrow(path, 100)?, scan_arrow_object(store, "all", 2)?] {
                let tables = scan.collect::<Result<Vec<_>>>()?;
                assert!(tables.len() == 1 || tables.iter().all(|table| table.n_rows() > 0), "{parts:?}");
                let read = Table::concat(&tables)?;
                assert_eq!(content_hash(&read), content_hash(&all), "{parts:?}");
                assert_eq!(read, read_arrow(path)?, "{parts:?}");
            }
        }
    }
    Ok(())
}
