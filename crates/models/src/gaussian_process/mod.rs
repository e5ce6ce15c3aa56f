//! Gaussian processes: distributions over functions, learned from their values.

mod classifier;
mod covariance;
mod draws;
mod factor;
mod limits;
mod regressor;
mod search;
mod stationary;

pub use classifier::{GaussianProcessClassifier, GaussianProcessClassifierModel};
pub use covariance::Covariance;
pub use regressor::{GaussianProcessRegressor, GaussianProcessRegressorModel};
