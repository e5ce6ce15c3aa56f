//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod engine;
mod objective;
mod sampling;
mod settings;

pub use objective::{Labels, Objective, SquaredError};
pub use settings::{Growth, Mode, Monotone, RowSampling};
