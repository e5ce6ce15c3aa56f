//! Answers from the rows that are nearest.

mod centroid;
mod classifier;
mod kernel_density;
mod memory;
pub(crate) mod reference;
mod regressor;
mod search;
mod sparse;

pub use centroid::{CentroidMetric, ClassPriors, NearestCentroid, NearestCentroidModel};
pub use classifier::{KNeighborsClassifier, NeighborsClassifierModel, RadiusNeighborsClassifier};
pub use kernel_density::{Bandwidth, DensityKernel, KernelDensity, KernelDensityModel};
pub use memory::Weighting;
pub use perennial_numeric::neighbors::{Metric, Search};
pub use regressor::{KNeighborsRegressor, NeighborsRegressorModel, RadiusNeighborsRegressor};
pub use search::{NearestNeighbors, NearestNeighborsModel};
