//! Integration tests.

mod boosting_conformance;
mod conformance;
mod fixtures;
mod linear;
mod logistic;
mod naive_bayes;
mod objectives;
mod trees;
