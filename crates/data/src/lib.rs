#![doc = include_str!("../README.md")]

mod arrow;
mod builder;
pub mod calendar;
mod category;
mod column;
mod contract;
mod csv;
mod display;
mod hash;
mod interner;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "samples")]
pub mod samples;
mod saved;
mod schema;
mod table;
mod targets;

pub use builder::TableBuilder;
pub use category::Category;
pub use column::{Column, ColumnType};
pub use contract::{Check, ColumnContract, Contract, ContractReport, Violation};
pub use csv::{CsvError, CsvOptions, CsvReader, Inferred, NULL_TOKENS, read_csv, to_csv, write_csv};
pub use hash::content_hash;
#[cfg(feature = "parquet")]
pub use parquet::{ParquetReader, read_parquet, write_parquet};
pub use schema::{Field, Schema};
pub use table::Table;
