//! Integration tests, in one binary.

#[cfg(feature = "ipc")]
mod arrow_files;
mod bad_csv;
#[cfg(feature = "catalog")]
mod catalogs;
#[cfg(feature = "clean")]
mod cleaning;
mod contracts;
mod csv_limits;
mod csv_reading;
#[cfg(feature = "sqlite")]
mod databases;
mod differences;
#[cfg(feature = "http")]
mod downloads;
mod filling;
mod json_lines;
mod json_schemas;
#[cfg(feature = "parquet")]
mod parquet_files;
mod personal;
mod reshape;
mod round_trip;
mod rules;
#[cfg(feature = "samples")]
mod sample_data;
mod scans;
mod set_aside;
mod shape;
mod shared_data;
mod tables;

use std::path::PathBuf;

/// A file beside the project, if this checkout has such files.
fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}
