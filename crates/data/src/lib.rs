#![doc = include_str!("../README.md")]

mod arrow;
mod as_of;
mod builder;
pub mod calendar;
mod category;
mod column;
mod concat;
mod contract;
mod csv;
mod display;
mod group;
mod hash;
mod interner;
mod join;
mod json_lines;
mod keys;
#[cfg(feature = "parquet")]
mod parquet;
mod pivot;
mod rows;
#[cfg(feature = "samples")]
pub mod samples;
mod saved;
mod schema;
mod table;
mod targets;

pub use as_of::{AsOfJoin, Direction};
pub use builder::TableBuilder;
pub use category::Category;
pub use column::{Column, ColumnType};
pub use contract::{
    Check, ColumnContract, Contract, ContractReport, Distance, Distribution, Relation, Rule, Scalar,
    Severity, Sifted, Statistic, Violation,
};
pub use csv::{CsvError, CsvOptions, CsvReader, Inferred, NULL_TOKENS, read_csv, to_csv, write_csv};
pub use group::Aggregate;
pub use hash::content_hash;
pub use join::{Cardinality, Join};
pub use json_lines::{parse_json_lines, read_json_lines, to_json_lines, write_json_lines};
#[cfg(feature = "parquet")]
pub use parquet::{ParquetReader, read_parquet, write_parquet};
pub use rows::Order;
pub use schema::{Field, Schema};
pub use table::Table;
