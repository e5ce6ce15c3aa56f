//! Comma-separated values.

mod cell;
mod error;
mod file;
mod input;
mod merge;
mod piece;
mod reader;
mod report;
mod scan;
mod write;

pub use error::CsvError;
pub(crate) use input::{DEFAULT_LIMITS, read_path as read_limited};
pub use reader::{CsvReader, NULL_TOKENS, read_csv};
pub use report::Inferred;
pub use write::{CsvOptions, to_csv, write_csv};
