//! Decision trees (Breiman, Friedman, Olshen and Stone, 1984).

mod absolute;
mod classifier;
mod criterion;
pub(crate) mod grow;
mod histogram;
mod importances;
pub(crate) mod in_bins;
pub(crate) mod limits;
mod memory;
mod monotone;
pub(crate) mod nodes;
mod picture;
pub(crate) mod prune;
mod pruning_path;
mod regressor;
mod row_major;
pub(crate) mod split;
pub(crate) mod structure;
pub(crate) mod text;

pub use crate::boosting::Monotone;
pub use classifier::{Criterion, DecisionTreeClassifier, DecisionTreeClassifierModel};
pub use histogram::Splits;
pub(crate) use importances::split_importances;
pub(crate) use monotone::{Bounds, directions};
pub use nodes::TreeNode;
pub use pruning_path::PruningPath;
pub use regressor::{DecisionTreeRegressor, DecisionTreeRegressorModel, RegressionCriterion};
pub(crate) use row_major::{RowMajor, check_row};
pub use structure::Tree;
