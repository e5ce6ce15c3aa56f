#![doc = include_str!("../README.md")]

mod cyclical;
#[cfg(feature = "table")]
mod date_time;
pub mod extraction;
#[cfg(feature = "table")]
mod leakage;
mod polynomial;
mod select;

pub use cyclical::{CyclicalFeatures, CyclicalModel};
#[cfg(feature = "table")]
pub use date_time::{DateTimeFeatures, DateTimeModel, Part};
#[cfg(feature = "table")]
pub use leakage::{Finding, LeakageReport, LeakageScan, Reason};
pub use polynomial::{PolynomialFeatures, PolynomialModel};
pub use select::{SelectKBest, SelectModel};
