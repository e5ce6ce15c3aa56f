#![doc = include_str!("../README.md")]

mod search;
mod space;
mod study;
mod trial;

pub use search::{GridSearch, RandomSearch, Search, Tuning};
pub use space::{Dimension, Space};
pub use study::{Study, TrialRecord, TrialState};
pub use trial::{Setting, Trial};
