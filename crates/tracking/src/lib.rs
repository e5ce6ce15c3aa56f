#![doc = include_str!("../README.md")]

mod filter;
mod record;
mod run;
mod schema;
mod store;

pub use record::{Artifact, MetricPoint, RunRecord, Status};
pub use run::Run;
pub use store::{Goal, Store};
