//! Integration tests.

mod boosting_metrics;
mod conformance;
mod fixtures;
mod linear;
mod logistic;
mod naive_bayes;
mod objectives;
mod trees;
