#![doc = include_str!("../README.md")]

mod alert;
mod drift;
mod error;
mod monitor;
mod page;
mod reference;

pub use alert::{Alert, Severity};
pub use drift::{ColumnDrift, DriftReport, DriftTest};
pub use error::{ErrorBaseline, ErrorWindow};
pub use monitor::{Monitor, Window};
pub use reference::{ColumnReference, Reference, Spread};
