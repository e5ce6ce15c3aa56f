//! Forests: many trees, each on its own sample of the rows, whose answers are averaged.
//!
//! Columns are cut into bins once; then each tree is a task of its own with random numbers of its own, so a
//! forest has the same bits at any number of threads. While it grows, a tree takes 48 bytes for each row of its
//! sample, and extra trees share a second copy of the bins, row by row; what is kept takes about 100 bytes for each
//! node, and up to two nodes for each row of the sample at full depth. With `memory_limit`, a forest that could take more
//! than that is refused before anything is allocated.

mod classifier;
mod features;
mod grow;
mod memory;
mod model;
mod out_of_bag;
mod quantile;
mod regressor;
mod sampling;
mod settings;

pub use classifier::{ExtraTreesClassifier, ForestClassifierModel, RandomForestClassifier};
pub use features::MaxFeatures;
pub use out_of_bag::OutOfBag;
pub use quantile::{QuantileForestModel, QuantileForestRegressor};
pub use regressor::{ExtraTreesRegressor, ForestRegressorModel, RandomForestRegressor};

pub use crate::tree::RegressionCriterion;
