//! Networks of layers: classification and regression.
//!
//! An architecture is a list of [`Layer`]s; its shapes are checked before anything is learned, and the last layer, which fits
//! the target, is added by itself. Columns of categories are embedded. Numbers are standardised inside, and computed
//! in single precision.

mod activation;
mod classifier;
mod data;
mod history;
mod inputs;
mod layer;
mod network;
mod norms;
mod optimizer;
mod regressor;
mod settings;
mod training;

pub use classifier::{MlpClassifier, MlpClassifierModel};
pub use history::Epoch;
pub use layer::{Activation, Layer};
pub use optimizer::{Optimizer, Schedule};
pub use regressor::{MlpRegressor, MlpRegressorModel};
