//! Decision trees with exact splits (Breiman, Friedman, Olshen and Stone, 1984).

mod classifier;
mod criterion;
mod grow;
mod limits;
mod prune;
mod regressor;
mod split;
pub(crate) mod structure;
mod text;

pub use classifier::{Criterion, DecisionTreeClassifier, DecisionTreeClassifierModel};
pub use regressor::{DecisionTreeRegressor, DecisionTreeRegressorModel};
pub use structure::Tree;
