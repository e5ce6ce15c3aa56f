#![doc = include_str!("../README.md")]

mod cyclical;
#[cfg(feature = "table")]
mod date_time;
pub mod extraction;
mod polynomial;
mod select;
pub mod text;
mod variance;

pub use cyclical::{CyclicalFeatures, CyclicalModel};
#[cfg(feature = "table")]
pub use date_time::{DateTimeFeatures, DateTimeModel, Part};
pub use polynomial::{PolynomialFeatures, PolynomialModel};
pub use select::{SelectKBest, SelectModel};
pub use variance::VarianceThreshold;
