//! Estimates of the covariance of columns.

mod determinant;
mod estimate;
mod graphical;
mod model;

pub use determinant::{MinCovDet, MinCovDetModel};
#[cfg(feature = "outlier")]
pub(crate) use determinant::{N_TRIALS, SUPPORT};
pub use estimate::{EmpiricalCovariance, LedoitWolf, Oas};
pub use graphical::{GraphicalLasso, GraphicalLassoCv, GraphicalLassoModel};
pub use model::CovarianceModel;
