//! How much memory a pipeline takes that learns from a file in batches: the peak of a process of its own.

use std::path::Path;
use std::process::Command;

use perennial_core::{Error, Estimator, Result};
use perennial_data::{BatchSize, Column, CsvOptions, CsvReader, Table, write_csv};
use perennial_preprocessing::{
    CategoryImputer, Columns, FitBatches, MissingIndicator, OneHotEncoder, SimpleImputer, StandardScaler,
    TargetEncoder,
};

const MIB: u64 = 32;

/// Bytes of a line of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

/// About 60 bytes a row.
fn table() -> Table {
    let n = 800_000;
    let cities = ["Bern", "Basel", "Zug", "Chur", "Genf"];
    let number = |row: i64, factor: f64| (row as f64 * factor).sin();
    Table::builder()
        .real("a", (0..n).map(|row| (row % 11 != 0).then_some(number(row, 0.739))))
        .real("b", (0..n).map(|row| number(row, 1.618)))
        .real("c", (0..n).map(|row| number(row, 2.7)))
        .real("d", (0..n).map(|row| number(row, 3.1)))
        .real("y", (0..n).map(|row| number(row, 0.577)))
        .column(
            "city",
            Column::category((0..n).map(|row| (row % 13 != 0).then_some(cities[row as usize % 5]))),
        )
        .integer("zip", (0..n).map(|row| row * 7919 % 1000))
        .build()
        .unwrap()
}

/// The first rows of the file.
fn first(path: &Path) -> Result<Table> {
    match CsvReader::new().scan(path, BatchSize::max_memory(16 << 20))?.next() {
        Some(part) => Ok(part?.head(10)),
        None => Err(Error::empty("there are no rows")),
    }
}

fn learn(path: &Path) -> Result<()> {
    let columns = Columns::new()
        .on(["a", "b", "c", "d"], SimpleImputer::mean().then(StandardScaler::new()))
        .on(["a"], MissingIndicator::new())
        .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(["zip"], TargetEncoder::of_values())
        .drop(["y"]);
    // Half of it for reading, the rest for what the steps make of a batch.
    let size = BatchSize::max_memory((MIB << 20) / 2);
    let model = columns.fit_batches(|| {
        Ok(CsvReader::new().scan(path, size)?.map(|part| {
            let part = part?;
            let y = part.values("y")?;
            Ok((part, y))
        }))
    })?;
    // All columns of numbers, the flag, five cities and the code.
    assert_eq!(model.outputs(&first(path)?)?.len(), 4 + 1 + 5 + 1);
    Ok(())
}

#[test]
#[ignore = "the other test of this module starts it"]
fn in_a_process_of_its_own() {
    let Ok(path) = std::env::var("MEMORY_PATH") else { return };
    let before = status("VmRSS").unwrap();
    learn(Path::new(&path)).unwrap();
    println!("\ngrew by {}", status("VmHWM").unwrap().saturating_sub(before));
}

#[test]
fn learning_from_batches_keeps_to_a_memory() {
    if status("VmHWM").is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    let table = table();
    assert!(table.n_bytes() as u64 > MIB << 20, "the table would fit: {} rows", table.n_rows());
    write_csv(&table, &path, CsvOptions::new()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["memory::in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"])
        .env("MEMORY_PATH", &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let grown = text.lines().find_map(|line| line.split("grew by ").nth(1));
    let grown = grown.unwrap_or_else(|| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)));
    let grown: u64 = grown.trim().parse().unwrap();
    println!(
        "{:.1} MiB for a table of {:.1} MiB",
        grown as f64 / 1048576.0,
        table.n_bytes() as f64 / 1048576.0
    );
    assert!(grown <= MIB << 20, "{grown}");
}
