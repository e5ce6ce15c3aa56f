#![doc = include_str!("../README.md")]

pub mod baseline;
pub mod binned;
pub mod boosting;
mod classes;
pub mod ensemble;
pub mod forest;
pub mod interchange;
pub mod linear;
pub mod naive_bayes;
pub mod outlier;
mod rows;
pub mod shap;
pub mod tree;

pub use baseline::{DummyClassifier, DummyRegressor};
pub use binned::Binner;
pub use boosting::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRanker,
    GradientBoostingRegressor,
};
pub use classes::ClassWeight;
pub use ensemble::Ensemble;
pub use forest::{
    ExtraTreesClassifier, ExtraTreesRegressor, QuantileForestRegressor, RandomForestClassifier,
    RandomForestRegressor,
};
pub use linear::{LinearRegression, LogisticRegression, Ridge};
pub use naive_bayes::GaussianNaiveBayes;
pub use outlier::IsolationForest;
pub use tree::{DecisionTreeClassifier, DecisionTreeRegressor};
