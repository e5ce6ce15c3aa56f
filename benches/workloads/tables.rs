//! Reading tables.

use perennial::core::{Error, Result};
use perennial::data::read_csv;

use crate::measure::{Bench, Record};

pub(crate) fn csv_numeric(bench: &Bench) -> Result<Record> {
    csv(bench, "numeric_1m.csv", "1e6x20 numeric, 207 MB")
}

pub(crate) fn csv_mixed(bench: &Bench) -> Result<Record> {
    csv(bench, "mixed_1m.csv", "1e6x20 mixed, 168 MB")
}

fn csv(bench: &Bench, file: &str, about: &str) -> Result<Record> {
    let path = bench.path(file);
    // Brings the file into the memory of the system: the disk is not measured.
    std::fs::read(&path).map_err(|error| Error::io("cannot read the file", error))?;
    let fitted = bench.fit("all types inferred", format!("{file} ({about})"), || read_csv(&path))?;
    Ok(fitted.record.quality("rows", fitted.model.n_rows() as f64))
}
