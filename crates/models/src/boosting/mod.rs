//! Gradient boosting of trees (Friedman, 2001) on binned data (Ke and others, 2017).

mod objective;

pub use objective::{Labels, Objective, SquaredError};
