//! Comma-separated values.

mod batches;
mod cell;
mod ends;
mod error;
mod file;
mod growing;
mod input;
mod piece;
mod quarantine;
mod reader;
mod reading;
mod records;
mod report;
mod scan;
mod write;

pub use batches::CsvScan;
pub(crate) use cell::{parse_boolean, parse_integer, parse_real};
pub use error::CsvError;
pub(crate) use error::excerpt;
pub(crate) use input::{DEFAULT_LIMITS, Input, Limits, decompressed, open, read_path as read_limited};
pub(crate) use quarantine::quarantine_of;
pub use reader::{CsvReader, NULL_TOKENS, read_csv};
pub use report::Inferred;
pub use write::{CsvAppender, CsvOptions, to_csv, write_csv};
