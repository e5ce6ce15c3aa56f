//! Integration tests, in one binary.

mod conformance;
mod endings;
mod extraction;
mod factors;
mod maps;
mod records;
mod reference;
mod rfe_cv;
mod selecting;
mod text;
mod univariate;
