//! How much memory reading takes: the peak of a process of its own beside what is read.
//!
//! `MEMORY_ROWS=5000000 cargo test --release -p perennial-data --test it memory -- --nocapture` prints the figures of larger files.

use std::path::Path;
use std::process::Command;

use perennial_core::Result;
use perennial_data::{
    BatchSize, Column, CsvOptions, CsvReader, FolderStore, JsonLinesReader, MemoryStore, ObjectStore, Table,
    read_csv, read_object, write_csv, write_json_lines, write_object,
};

use crate::draws::Draws;
use crate::mutations::{mutated, n_inputs, sample};

/// Bytes of a line of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

fn n_rows() -> i64 {
    std::env::var("MEMORY_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// About 47 bytes a row.
fn table() -> Table {
    let n = n_rows();
    let notes: Vec<String> = (0..1000).map(|at| format!("note {}", at * 7919 % 1_000_003)).collect();
    let cities = ["Bern", "Basel", "Zug", "Chur", "Genf"];
    Table::builder()
        .integer("id", 0..n)
        .real("x", (0..n).map(|row| (row as f64 * 0.7390851).sin()))
        .real("y", (0..n).map(|row| (row % 11 != 0).then_some(row as f64 / 8.0)))
        .category("city", (0..n).map(|row| cities[row as usize % 5]))
        .text(
            "note",
            (0..n)
                .map(|row| format!("{} {row}", notes[row as usize % 1000]))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str),
        )
        .column("day", Column::date((0..n).map(|row| (row % 20_000) as i32)))
        .build()
        .unwrap()
}

/// What a process of its own makes of a file: by how many bytes its memory grew at most, and what it says of the result.
fn measured(case: &str, path: &Path) -> Option<(u64, u64)> {
    status("VmHWM")?;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["memory::in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"])
        .env("MEMORY_CASE", case)
        .env("MEMORY_PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split("grew by ").nth(1));
    let line = line.unwrap_or_else(|| panic!("{case}: {text} {}", String::from_utf8_lossy(&output.stderr)));
    let mut numbers = line.split_whitespace().map(|word| word.parse().unwrap());
    let (grown, result) = (numbers.next().unwrap(), numbers.next().unwrap());
    let mib = |bytes: u64| bytes as f64 / 1048576.0;
    let file = std::fs::metadata(path).unwrap().len();
    println!(
        "{case}: a file of {:.1} MiB, peak {:.1} MiB, result {:.1} MiB",
        mib(file),
        mib(grown),
        mib(result)
    );
    Some((grown, result))
}

#[test]
#[ignore = "the other tests of this module start it"]
fn in_a_process_of_its_own() {
    let (Ok(case), Ok(path)) = (std::env::var("MEMORY_CASE"), std::env::var("MEMORY_PATH")) else { return };
    let before = status("VmRSS").unwrap();
    let result = read(&case, Path::new(&path)).unwrap();
    // A test may be told to be on a line of its own, or behind the words of the harness.
    println!("\ngrew by {} {result}", status("VmHWM").unwrap().saturating_sub(before));
}

/// Reads a file in one of several ways; gives how large what was read is.
fn read(case: &str, path: &Path) -> Result<u64> {
    fn largest(tables: impl Iterator<Item = Result<Table>>) -> Result<u64> {
        let mut largest = 0;
        for table in tables {
            largest = largest.max(table?.n_bytes() as u64);
        }
        Ok(largest)
    }
    match case {
        "csv" => Ok(read_csv(path)?.n_bytes() as u64),
        _ if case.starts_with("csv, batches of ") => {
            let mib: usize =
                case.trim_start_matches("csv, batches of ").trim_end_matches(" MiB").parse().unwrap();
            largest(CsvReader::new().scan(path, mib << 20)?)
        }
        #[cfg(feature = "parquet")]
        "parquet" | "parquet, many groups" => Ok(perennial_data::read_parquet(path)?.n_bytes() as u64),
        #[cfg(feature = "parquet")]
        "parquet, batches of 65536 rows" => {
            largest(perennial_data::ParquetReader::new().scan(path, 1 << 16)?)
        }
        _ if case.contains(" within ") => within(case, path),
        #[cfg(feature = "parquet")]
        "parquet that lies" => {
            let error = perennial_data::read_parquet(path).unwrap_err().to_string();
            assert!(error.contains("claims to hold"), "{error}");
            Ok(0)
        }
        #[cfg(feature = "ipc")]
        "arrow" => Ok(perennial_data::read_arrow(path)?.n_bytes() as u64),
        "damaged" => damaged(path),
        "bomb" | "long line" => {
            let start = std::time::Instant::now();
            let error = read_csv(path).unwrap_err();
            assert!(matches!(error.kind(), perennial_core::ErrorKind::TooLarge { .. }), "{error}");
            Ok(start.elapsed().as_millis() as u64)
        }
        _ => panic!("{case}"),
    }
}

/// Scans a file, or an answer, within so many MiB; gives how many rows there are.
fn within(case: &str, path: &Path) -> Result<u64> {
    fn counted(mut tables: impl Iterator<Item = Result<Table>>) -> Result<u64> {
        tables.try_fold(0, |n_rows, table| Ok(n_rows + table?.n_rows() as u64))
    }
    let (format, mib) = case.split_once(" within ").unwrap();
    let size = BatchSize::max_memory(mib.trim_end_matches(" MiB").parse::<u64>().unwrap() << 20);
    match format {
        "csv" => counted(CsvReader::new().scan(path, size)?),
        "json lines" => counted(JsonLinesReader::new().scan(path, size)?),
        #[cfg(feature = "parquet")]
        "parquet" => counted(perennial_data::ParquetReader::new().scan(path, size)?),
        #[cfg(feature = "ipc")]
        "arrow" => counted(perennial_data::scan_arrow(path, size)?),
        #[cfg(feature = "sqlite")]
        "sqlite" => counted(perennial_data::scan_sqlite(path, "SELECT * FROM t", size)?),
        _ => panic!("{format}"),
    }
}

/// Reads a few thousand mutations of a file, the same ones in every run.
fn damaged(path: &Path) -> Result<u64> {
    std::panic::set_hook(Box::new(|_| {}));
    let (store, key) = (MemoryStore::new(), path.file_name().unwrap().to_str().unwrap());
    let seeds = [std::fs::read(path).unwrap()];
    for number in 0..n_inputs(2000) {
        store.put(key, &mutated(&seeds, &mut Draws(number)))?;
        let _ = read_object(&store, key);
    }
    Ok(seeds[0].len() as u64)
}

/// The bytes that the cells of [`table`] need: numbers, days, codes, ends of texts, the texts, and a bit for each `y`.
fn size(table: &Table) -> u64 {
    let texts: usize = table.column("note").unwrap().as_text().unwrap().flatten().map(str::len).sum();
    (table.n_rows() * (8 + 8 + 8 + 4 + 4 + 4) + texts + table.n_rows() / 8) as u64
}

/// A table needs at most half of its size beside itself to be read.
fn check_whole(case: &str, path: &Path, size: u64) {
    let Some((grown, _)) = measured(case, path) else { return };
    println!("{case}: {:.2} times the table", grown as f64 / size as f64);
    // Threads, buffers of decoders, and code that is touched for the first time take some, whatever is read.
    let fixed = 8 << 20;
    assert!(grown <= size * 3 / 2 + fixed, "{case}: {grown} for a table of {size}");
}

#[test]
fn reading_csv() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    let table = table();
    write_csv(&table, &path, CsvOptions::new()).unwrap();
    check_whole("csv", &path, size(&table));
    // The text of a batch, its table and what parsing takes.
    for mib in [1, 4] {
        let Some((grown, _)) = measured(&format!("csv, batches of {mib} MiB"), &path) else { return };
        assert!(grown <= 8 * (mib << 20) + (8 << 20), "{grown}");
    }
}

/// A scan keeps to the memory that it is told, and reads all rows.
fn check_within(format: &str, mib: u64, path: &Path, n_rows: usize) {
    let Some((grown, n_read)) = measured(&format!("{format} within {mib} MiB"), path) else { return };
    assert_eq!(n_read, n_rows as u64, "{format}");
    assert!(grown <= mib << 20, "{format}: {grown} within {mib} MiB");
}

/// The tables that are read are larger than the memory that they are read in.
#[test]
fn scans_keep_to_their_memory() {
    let directory = tempfile::tempdir().unwrap();
    let table = table();
    let at = |name: &str| directory.path().join(name);
    write_csv(&table, at("a.csv"), CsvOptions::new()).unwrap();
    check_within("csv", 16, &at("a.csv"), table.n_rows());
    check_within("csv", 40, &at("a.csv"), table.n_rows());
    // Cells without a character are all that a line has.
    let empty = format!("{}\n", ",".repeat(1999)).repeat(10_000);
    let names: Vec<String> = (0..2000).map(|at| format!("c{at}")).collect();
    std::fs::write(at("empty.csv"), format!("{}\n{empty}", names.join(","))).unwrap();
    check_within("csv", 32, &at("empty.csv"), 10_000);
    let some = table.head(table.n_rows() / 4);
    write_json_lines(&some, at("a.jsonl")).unwrap();
    check_within("json lines", 16, &at("a.jsonl"), some.n_rows());
    #[cfg(feature = "parquet")]
    {
        use parquet::file::properties::WriterProperties;
        let batch = table.to_record_batch().unwrap();
        let groups =
            WriterProperties::builder().set_max_row_group_row_count(Some(table.n_rows() / 20)).build();
        let file = std::fs::File::create(at("a.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(groups)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        check_within("parquet", 24, &at("a.parquet"), table.n_rows());
    }
    #[cfg(feature = "ipc")]
    {
        let batch =
            |at: usize| table.slice(at * 10_000..(at + 1) * 10_000).unwrap().to_record_batch().unwrap();
        let file = std::fs::File::create(at("a.arrow")).unwrap();
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch(0).schema()).unwrap();
        let n = table.n_rows() / 10_000;
        (0..n).for_each(|at| writer.write(&batch(at)).unwrap());
        writer.finish().unwrap();
        check_within("arrow", 24, &at("a.arrow"), n * 10_000);
    }
    #[cfg(feature = "sqlite")]
    {
        perennial_data::write_sqlite(&table, at("a.sqlite"), "t").unwrap();
        check_within("sqlite", 24, &at("a.sqlite"), table.n_rows());
    }
}

#[test]
fn what_does_not_fit_into_the_memory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let size = BatchSize::max_memory(16 << 20);
    let long = "x".repeat(1 << 20);
    std::fs::write(at("a.csv"), format!("t\n1\n{long}\n")).unwrap();
    std::fs::write(at("a.jsonl"), format!("{{\"t\": 1}}\n{{\"t\": \"{long}\"}}\n")).unwrap();
    let error = CsvReader::new().scan(at("a.csv"), size).map(drop).unwrap_err().to_string();
    assert!(error.contains("`max_memory`") && error.contains("line 3"), "{error}");
    let error = JsonLinesReader::new().scan(at("a.jsonl"), size).map(drop).unwrap_err().to_string();
    assert!(error.contains("`max_memory`") && error.contains("line 2"), "{error}");
    assert!(CsvReader::new().scan(at("a.csv"), 1 << 16).is_ok());
    let least = CsvReader::new().scan(at("a.csv"), BatchSize::max_memory(1 << 20)).map(drop);
    assert!(least.unwrap_err().to_string().contains("16 MiB"));
    #[cfg(any(feature = "parquet", feature = "ipc"))]
    let table = Table::new([("x", Column::integer(0..2_000_000))]).unwrap();
    #[cfg(feature = "parquet")]
    {
        perennial_data::write_parquet(&table, at("a.parquet")).unwrap();
        let scan = perennial_data::ParquetReader::new().scan(at("a.parquet"), size);
        let error = scan.map(drop).unwrap_err().to_string();
        assert!(error.contains("`max_memory`") && error.contains("row group 0 holds"), "{error}");
        // A text that is one entry of a dictionary is small in the file, and large in a table.
        let scan = |n_letters: usize, n_rows: usize| {
            let text = "y".repeat(n_letters);
            let mut cells = vec!["z"; 100];
            cells.extend(vec![text.as_str(); n_rows]);
            let table = Table::new([("t", Column::text(cells))]).unwrap();
            perennial_data::write_parquet(&table, at("b.parquet")).unwrap();
            perennial_data::ParquetReader::new().scan(at("b.parquet"), size).unwrap()
        };
        // Ten such rows are read in parts, though the first rows say that all fit.
        let parts = scan(1 << 18, 10).collect::<Result<Vec<Table>>>().unwrap();
        assert!(parts.len() > 3, "{}", parts.len());
        let mut letters: Vec<usize> = Vec::new();
        for part in &parts {
            letters.extend(part.column("t").unwrap().as_text().unwrap().flatten().map(str::len));
        }
        assert_eq!(letters, [vec![1; 100], vec![1 << 18; 10]].concat());
        let mut scan = scan(1 << 20, 2);
        let error = scan.find_map(Result::err).map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("`max_memory`") && error.contains("are left for a table"), "{error}");
        assert!(scan.next().is_none());
    }
    #[cfg(feature = "ipc")]
    {
        perennial_data::write_arrow(&table, at("a.arrow")).unwrap();
        let mut scan = perennial_data::scan_arrow(at("a.arrow"), size).unwrap();
        let error = scan.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("`max_memory`") && error.contains("a batch of"), "{error}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn reading_parquet() {
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let table = table();
    perennial_data::write_parquet(&table, &path).unwrap();
    check_whole("parquet", &path, size(&table));
    let batch = table.to_record_batch().unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(table.n_rows() / 10))
        .build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    check_whole("parquet, many groups", &path, size(&table));
    let Some((grown, largest)) = measured("parquet, batches of 65536 rows", &path) else { return };
    let group = size(&table) / 10;
    assert!(
        grown <= 2 * (largest + group) + (8 << 20),
        "{grown} for batches of {largest} and groups of {group}"
    );
}

#[cfg(feature = "ipc")]
#[test]
fn reading_arrow() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.arrow");
    let table = table();
    perennial_data::write_arrow(&table, &path).unwrap();
    check_whole("arrow", &path, size(&table));
}

/// One line of 64 MiB where a line may have 16 MiB: less than three times that is taken.
#[test]
fn a_long_line_takes_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.csv");
    std::fs::write(&path, vec![b'a'; 64 << 20]).unwrap();
    let Some((grown, _)) = measured("long line", &path) else { return };
    assert!(grown < 3 * (16 << 20), "{grown}");
}

/// Ten gigabytes of zeros in ten megabytes, which are one line: less than 300 MiB, and less than ten seconds.
#[test]
fn a_bomb_takes_little_memory_and_time() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bomb.csv.gz");
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..1 << 6).for_each(|_| member.write_all(&[0; 1 << 20]).unwrap());
    let member = member.finish().unwrap();
    // As many members, one after the other, as make ten gigabytes.
    std::fs::write(&path, member.repeat(160)).unwrap();
    let Some((grown, milliseconds)) = measured("bomb", &path) else { return };
    assert!(grown < 300 << 20, "{grown}");
    assert!(milliseconds < 10_000, "{milliseconds} ms");
}

/// The first page of the file says that it holds 2 GiB.
#[cfg(feature = "parquet")]
#[test]
fn a_page_that_lies_takes_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    perennial_data::write_parquet(&Table::new([("x", Column::integer(0..1000))]).unwrap(), &path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // After the magic: field 1, the type of the page; field 2, a number of seven bits a byte.
    assert_eq!((&bytes[..4], bytes[4], bytes[6]), (b"PAR1".as_slice(), 0x15, 0x15));
    let length = 1 + bytes[7..].iter().position(|byte| *byte < 128).unwrap();
    bytes.splice(7..7 + length, [0xfe, 0xff, 0xff, 0xff, 0x0f]);
    std::fs::write(&path, &bytes).unwrap();
    let Some((grown, _)) = measured("parquet that lies", &path) else { return };
    assert!(grown < 32 << 20, "{grown}");
}

/// Files of some kilobytes, whatever happens to them, never take more than some tens of megabytes.
#[test]
fn damaged_files_take_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let store = FolderStore::new(directory.path());
    // Infinities have no JSON.
    let table = sample().drop(&["x"]).unwrap();
    let endings = [
        "csv",
        "jsonl",
        #[cfg(feature = "parquet")]
        "parquet",
        #[cfg(feature = "ipc")]
        "arrow",
    ];
    for ending in endings {
        let key = format!("table.{ending}");
        write_object(&table, &store, &key).unwrap();
        let Some((grown, _)) = measured("damaged", &directory.path().join(&key)) else { return };
        assert!(grown < 48 << 20, "{ending}: {grown}");
    }
}
