//! Integration tests.

mod boosting_conformance;
mod conformance;
mod ensemble;
mod fixtures;
mod interchange;
mod linear;
mod logistic;
mod naive_bayes;
mod objectives;
mod shap;
mod texts;
mod trees;
