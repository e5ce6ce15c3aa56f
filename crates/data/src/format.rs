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
    /// Comma-separated values, plain, gzip or, with the feature `zstd`, zstd.
    Csv,
    /// As [`Csv`](Format::Csv), with a tab between cells.
    Tsv,
    /// JSON lines, plain, gzip or, with the feature `zstd`, zstd.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow's file or stream format.
    Arrow,
}

/// What stands behind the ending of a text that is compressed.
pub(crate) const COMPRESSED: [&str; 2] = [".gz", ".zst"];

impl Format {
    /// By the ending of a name: `.csv`, `.tsv`, `.tab`, `.jsonl`, `.ndjson`, each also with `.gz` or `.zst` behind it, `.parquet`, `.arrow`,
    /// `.feather`.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let plain = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending));
        match plain.unwrap_or(&name).rsplit_once('.')?.1 {
            "csv" => Some(Format::Csv),
            "tsv" | "tab" => Some(Format::Tsv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            // These compress their own pages.
            _ if plain.is_some() => None,
            "parquet" => Some(Format::Parquet),
            "arrow" | "arrows" | "feather" => Some(Format::Arrow),
            _ => None,
        }
    }

    /// The byte between cells, of a text with cells.
    pub(crate) fn delimiter(self) -> Option<u8> {
        match self {
            Format::Csv => Some(b','),
            Format::Tsv => Some(b'\t'),
            _ => None,
        }
    }

    /// The table of a file.
    #[cfg(feature = "catalog")]
    pub(crate) fn read(self, path: &Path) -> Result<Table> {
        match self {
            Format::Csv => CsvReader::new().read_path(path),
            Format::Tsv => CsvReader::new().delimiter(b'\t').read_path(path),
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
            Format::Tsv => CsvReader::new().delimiter(b'\t').read_bytes(&bytes),
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
            Format::Tsv => crate::to_csv(table, CsvOptions::new().delimiter(b'\t')).map(String::into_bytes),
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

#[cfg(test)]
mod tests {
    use super::Format::{Arrow, Csv, JsonLines, Parquet, Tsv};
    use super::*;

    #[test]
    fn endings_say_formats() {
        let of = |name: &str| Format::of(Path::new(name));
        for (name, format) in [
            ("a.csv", Csv),
            ("a.CSV.GZ", Csv),
            ("deep/a.csv.zst", Csv),
            ("a.tsv", Tsv),
            ("a.tab", Tsv),
            ("a.tsv.gz", Tsv),
            ("a.tab.zst", Tsv),
            ("a.jsonl", JsonLines),
            ("a.ndjson.gz", JsonLines),
            ("a.jsonl.zst", JsonLines),
            ("a.parquet", Parquet),
            ("a.feather", Arrow),
        ] {
            assert_eq!(of(name), Some(format), "{name}");
        }
        for name in ["a.txt", "a.gz", "csv", "a.csv.zip", "a.parquet.gz", "a.arrow.zst", "a.csv.gz.gz", ""] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
