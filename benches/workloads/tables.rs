//! Reading tables.

use perennial::core::{Error, NoTarget, Result};
use perennial::data::{CsvReader, Table, read_csv, read_parquet};
use perennial::preprocessing::{FitBatches, StandardScaler};

use crate::measure::{Bench, Record};

pub(crate) fn csv_numeric(bench: &Bench) -> Result<Record> {
    let about = "numeric_1m.csv (1e6x20 numeric, 207 MB)";
    read(bench, "numeric_1m.csv", "all types inferred", about, |path| read_csv(path))
}

pub(crate) fn csv_mixed(bench: &Bench) -> Result<Record> {
    let about = "mixed_1m.csv (1e6x20 mixed, 168 MB)";
    read(bench, "mixed_1m.csv", "all types inferred", about, |path| read_csv(path))
}

pub(crate) fn parquet_mixed(bench: &Bench) -> Result<Record> {
    read(bench, "mixed_1m.parquet", "all columns", "mixed_1m.parquet 100 MB", |path| read_parquet(path))
}

/// A scaler learns from a file that is read in batches of 4 MiB. What counts is `extra_mb`: no more than a few batches.
pub(crate) fn csv_scan(bench: &Bench) -> Result<Record> {
    let path = bench.path("numeric_1m.csv");
    let fitted =
        bench.fit("batches of 4 MiB, standard scaler", "numeric_1m.csv (1e6x20 numeric, 207 MB)", || {
            let names: Vec<String> = (0..20).map(|column| format!("x{column}")).collect();
            let batches = || {
                let scan = CsvReader::new().scan(&path, 4 << 20)?;
                let names = names.clone();
                Ok(scan.map(move |table| Ok((table?.matrix(&names)?, NoTarget))))
            };
            StandardScaler::new().fit_batches(batches)
        })?;
    let checksum = fitted.model.divisors().iter().sum();
    Ok(fitted.record.quality("checksum", checksum))
}

/// Reads a file; `table_mb` is what the cells take, beside which the peak of memory, `extra_mb`, is to be seen.
fn read(
    bench: &Bench,
    file: &str,
    params: &str,
    about: &str,
    read: impl Fn(&std::path::Path) -> Result<Table>,
) -> Result<Record> {
    let path = bench.path(file);
    // Brings the file into the memory of the system: the disk is not measured.
    std::fs::read(&path).map_err(|error| Error::io("cannot read the file", error))?;
    let fitted = bench.fit(params, about, || read(&path))?;
    let table = &fitted.model;
    let (n_rows, size) = (table.n_rows() as f64, table.n_bytes() as f64 / f64::from(1 << 20));
    Ok(fitted.record.quality("rows", n_rows).quality("table_mb", size))
}
