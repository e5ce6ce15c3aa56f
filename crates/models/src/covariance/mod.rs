//! Estimates of the covariance of columns.

mod estimate;
mod model;

pub use estimate::{EmpiricalCovariance, LedoitWolf, Oas};
pub use model::CovarianceModel;
