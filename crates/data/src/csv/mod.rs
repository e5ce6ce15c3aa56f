//! Comma-separated values.

mod cell;
mod error;
mod input;
mod interner;
mod merge;
mod piece;
mod reader;
mod scan;
mod write;

pub use error::CsvError;
pub use reader::{CsvReader, Inferred, NULL_TOKENS, read_csv};
pub use write::{CsvOptions, to_csv, write_csv};
