//! Rows that are unlike the others.

mod detector;
mod envelope;
mod factor;
mod isolation;

pub use detector::OutlierDetector;
pub use envelope::{EllipticEnvelope, EllipticEnvelopeModel};
pub use factor::{LocalOutlierFactor, LocalOutlierFactorModel};
pub use isolation::{IsolationForest, IsolationForestModel};
