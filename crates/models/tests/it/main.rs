//! Integration tests.

mod conformance;
mod ensemble;
mod fixtures;
mod interchange;
mod linear;
mod logistic;
mod naive_bayes;
mod shap;
mod texts;
mod trees;
