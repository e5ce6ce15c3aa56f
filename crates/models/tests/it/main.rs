//! Integration tests.

mod binning;
mod boosting;
mod boosting_conformance;
mod boosting_constraints;
mod boosting_edges;
mod boosting_metrics;
mod boosting_rounds;
mod boosting_settings;
mod conformance;
mod ensemble;
mod fixtures;
mod forests;
mod interchange;
mod isolation_forest;
mod linear;
mod logistic;
mod naive_bayes;
mod objective_values;
mod objectives;
mod ranking;
mod shap;
mod texts;
mod trees;
