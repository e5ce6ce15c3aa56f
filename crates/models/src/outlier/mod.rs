//! Rows that are unlike the others.

mod detector;
mod factor;
mod isolation;

pub use detector::OutlierDetector;
pub use factor::{LocalOutlierFactor, LocalOutlierFactorModel};
pub use isolation::{IsolationForest, IsolationForestModel};
