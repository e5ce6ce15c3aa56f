//! Rows that are unlike the others.

mod isolation;

pub use isolation::{IsolationForest, IsolationForestModel};
