//! Decision trees with exact splits (Breiman, Friedman, Olshen and Stone, 1984).

mod classifier;
mod criterion;
pub(crate) mod grow;
pub(crate) mod in_bins;
pub(crate) mod limits;
mod monotone;
pub(crate) mod prune;
mod regressor;
mod split;
pub(crate) mod structure;
pub(crate) mod text;

pub use crate::boosting::Monotone;
pub use classifier::{Criterion, DecisionTreeClassifier, DecisionTreeClassifierModel};
pub(crate) use monotone::directions;
pub use regressor::{DecisionTreeRegressor, DecisionTreeRegressorModel};
pub use structure::Tree;
