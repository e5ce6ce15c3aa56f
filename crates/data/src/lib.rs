#![doc = include_str!("../README.md")]

mod arrow;
mod as_of;
mod batch_size;
mod builder;
#[cfg(feature = "c-stream")]
mod c_stream;
pub mod calendar;
#[cfg(feature = "catalog")]
mod catalog;
mod category;
mod change;
#[cfg(feature = "clean")]
pub mod clean;
mod coerce;
mod column;
mod concat;
mod contract;
mod coverage;
mod csv;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database_scan;
mod decimal;
mod diff;
mod display;
#[cfg(feature = "http")]
mod download;
mod exact_sum;
mod fill;
mod format;
mod freshness;
mod fuzzy;
mod group;
mod growing_file;
mod hash;
mod interner;
#[cfg(feature = "ipc")]
mod ipc;
mod join;
mod json_lines;
mod keys;
mod murmur;
mod objects;
#[cfg(feature = "parquet")]
mod parquet;
mod pii;
mod pivot;
#[cfg(feature = "postgres")]
mod postgres;
mod role;
mod rows;
#[cfg(feature = "samples")]
pub mod samples;
mod saved;
mod schema;
mod sketch;
mod source_map;
mod spelling;
#[cfg(feature = "sqlite")]
mod sqlite;
mod summary;
mod table;
mod targets;
mod time_format;
mod units;
mod unkeyed;
mod zones;
#[cfg(feature = "zstd")]
mod zstd;

pub use as_of::{AsOfJoin, Direction};
pub use batch_size::BatchSize;
pub use builder::TableBuilder;
#[cfg(feature = "c-stream")]
pub use c_stream::{CStreamScan, FFI_ArrowArrayStream, scan_c_stream};
#[cfg(feature = "catalog")]
pub use catalog::{Catalog, CatalogReport, Places, Sensitivity, Source};
pub use category::Category;
pub use change::{Change, ChangeKind};
pub use column::{Column, ColumnType};
pub use contract::{
    AsTable, Check, ColumnContract, Contract, ContractCheck, ContractCheckModel, ContractReport, DateOrder,
    Distance, Distribution, FitTest, Relation, Rule, Scalar, Severity, Sifted, Statistic, Violation,
};
pub use csv::{
    CsvAppender, CsvError, CsvOptions, CsvReader, CsvScan, Inferred, NULL_TOKENS, read_csv, to_csv, write_csv,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use database_scan::DatabaseScan;
pub use diff::{ColumnDiff, TableDiff};
#[cfg(feature = "http")]
pub use download::{Download, Downloaded};
pub use fill::Fill;
pub use format::Format;
pub use freshness::{Freshness, LabelMaturity, MaturityReport};
pub use fuzzy::{FuzzyJoin, FuzzyTie};
pub use group::Aggregate;
pub use hash::content_hash;
#[cfg(feature = "ipc")]
pub use ipc::{ArrowScan, parse_arrow, read_arrow, scan_arrow, scan_arrow_object, to_arrow, write_arrow};
pub use join::{Cardinality, Join};
pub use json_lines::{
    JsonLinesReader, JsonLinesScan, parse_json_lines, parse_json_lines_with_quarantine,
    parse_json_lines_with_schema, read_json_lines, read_json_lines_with_quarantine,
    read_json_lines_with_schema, to_json_lines, write_json_lines,
};
pub use murmur::murmur3;
#[cfg(feature = "object-store")]
pub use objects::CloudStore;
#[cfg(feature = "http")]
pub use objects::HttpStore;
pub use objects::{
    FolderStore, MemoryStore, ObjectMeta, ObjectStore, PinnedStore, Stores, read_object, write_object,
};
#[cfg(feature = "parquet")]
pub use parquet::{
    ParquetAppender, ParquetCompression, ParquetReader, ParquetScan, ParquetWriter, read_parquet,
    write_parquet,
};
pub use pii::{PiiAction, PiiFinding, PiiKind, PiiPolicy, Redacted, find_pii};
#[cfg(feature = "postgres")]
pub use postgres::{read_postgres, scan_postgres, write_postgres};
pub use role::Role;
pub use rows::Order;
pub use schema::{Field, Schema};
pub use source_map::SourceMap;
#[cfg(feature = "sqlite")]
pub use sqlite::{read_sqlite, scan_sqlite, write_sqlite};
pub use summary::{ColumnSummary, Summary};
pub use table::Table;
pub use unkeyed::{ColumnShift, ColumnState, ShiftDistance, UnkeyedDiff};
pub use zones::UnclearTime;
