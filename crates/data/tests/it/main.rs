//! Integration tests, in one binary.

mod ages;
mod appended;
#[cfg(feature = "ipc")]
mod arrow_files;
mod bad_csv;
#[cfg(feature = "c-stream")]
mod c_streams;
#[cfg(all(feature = "catalog", feature = "sqlite"))]
mod catalogs;
#[cfg(feature = "clean")]
mod cleaning;
#[cfg(feature = "object-store")]
mod cloud_objects;
mod contracts;
mod croissant;
mod csv_limits;
mod csv_reading;
#[cfg(feature = "sqlite")]
mod databases;
mod differences;
#[cfg(feature = "clean")]
mod doubts;
#[cfg(feature = "http")]
mod downloads;
mod draws;
mod filling;
mod fuzzy_joins;
#[cfg(feature = "hypothesis")]
mod hypotheses;
mod json_lines;
mod json_schemas;
mod memory;
mod mutations;
mod objects;
#[cfg(feature = "parquet")]
mod parquet_attacks;
#[cfg(feature = "parquet")]
mod parquet_files;
mod personal;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "catalog")]
mod purposes;
mod reshape;
mod round_trip;
mod rules;
#[cfg(feature = "samples")]
mod sample_data;
mod scans;
mod set_aside;
mod shape;
mod shared_data;
mod source_maps;
mod tables;
mod ten_thousand;

use std::path::PathBuf;

/// How many random cases a test tries: `few`, unless the variable `PROPTEST_CASES` asks for another number.
fn cases(few: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// A file beside the project, if this checkout has such files.
fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}
