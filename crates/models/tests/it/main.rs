//! Integration tests.

mod conformance;
mod fixtures;
mod forests;
mod isolation_forest;
mod linear;
mod logistic;
mod naive_bayes;
mod trees;
