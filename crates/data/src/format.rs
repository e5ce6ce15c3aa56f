//! How tables are written, and which endings of names say so.

use std::path::Path;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{CsvOptions, CsvReader, Table};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values, plain or gzip.
    Csv,
    /// JSON lines, plain or gzip.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow's file or stream format.
    Arrow,
}

impl Format {
    /// By the ending of a name: `.csv`, `.csv.gz`, `.jsonl`, `.ndjson`, `.parquet`, `.arrow`, `.feather`.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            "parquet" => Some(Format::Parquet),
            "arrow" | "arrows" | "feather" => Some(Format::Arrow),
            _ => None,
        }
    }

    /// The table of a file.
    #[cfg(feature = "catalog")]
    pub(crate) fn read(self, path: &Path) -> Result<Table> {
        match self {
            Format::Csv => CsvReader::new().read_path(path),
            Format::JsonLines => crate::read_json_lines(path),
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::read_parquet(path),
            #[cfg(feature = "ipc")]
            Format::Arrow => crate::read_arrow(path),
            #[allow(unreachable_patterns)]
            _ => Err(self.turned_off()),
        }
    }

    /// The table in the bytes of a file; those of Parquet are read otherwise.
    pub(crate) fn parse(self, bytes: Vec<u8>) -> Result<Table> {
        match self {
            Format::Csv => CsvReader::new().read_bytes(&bytes),
            Format::JsonLines => {
                let limits = crate::csv::DEFAULT_LIMITS;
                crate::parse_json_lines(&crate::csv::decompressed(&bytes, limits)?)
            }
            #[cfg(feature = "ipc")]
            Format::Arrow => crate::parse_arrow(bytes),
            #[allow(unreachable_patterns)]
            _ => Err(self.turned_off()),
        }
    }

    /// The bytes of a file with a table.
    pub(crate) fn bytes(self, table: &Table) -> Result<Vec<u8>> {
        match self {
            Format::Csv => crate::to_csv(table, CsvOptions::new()).map(String::into_bytes),
            Format::JsonLines => crate::to_json_lines(table).map(String::into_bytes),
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::parquet::bytes_of(table),
            #[cfg(feature = "ipc")]
            Format::Arrow => crate::ipc::file_of(table),
            #[allow(unreachable_patterns)]
            _ => Err(self.turned_off()),
        }
    }

    fn turned_off(self) -> Error {
        Error::unsupported(format!("this build has no {self:?}; turn the feature of `perennial-data` on"))
    }
}
