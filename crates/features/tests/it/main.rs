//! Integration tests, in one binary.

mod conformance;
mod endings;
mod extraction;
mod factor_edges;
mod factors;
mod maps;
mod projections;
mod records;
mod reference;
mod rfe_cv;
mod selecting;
mod selector_conformance;
mod text;
mod univariate;
