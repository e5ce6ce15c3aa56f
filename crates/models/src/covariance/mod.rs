//! Estimates of the covariance of columns.

mod determinant;
mod estimate;
mod graphical;
mod model;

pub use determinant::{MinCovDet, MinCovDetModel};
pub use estimate::{EmpiricalCovariance, LedoitWolf, Oas};
pub use graphical::{GraphicalLasso, GraphicalLassoCv, GraphicalLassoModel};
pub use model::CovarianceModel;
