//! Integration tests, in one binary.

mod conformance;
mod extraction;
mod leakage;
mod reference;
