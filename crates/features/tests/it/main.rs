//! Integration tests, in one binary.

mod conformance;
mod extraction;
mod factors;
mod maps;
mod records;
mod reference;
mod rfe_cv;
mod selecting;
mod text;
mod univariate;
