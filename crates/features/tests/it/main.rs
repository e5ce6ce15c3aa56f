//! Integration tests, in one binary.

mod conformance;
mod leakage;
mod reference;
