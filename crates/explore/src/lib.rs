#![doc = include_str!("../README.md")]

mod alert;
mod association;
mod column;
mod page;
mod profile;

pub use alert::{Alert, AlertKind};
pub use association::Association;
pub use column::{ColumnProfile, ColumnStatistics, Histogram, LevelCount};
pub use profile::{Profile, ProfileOptions, profile};
