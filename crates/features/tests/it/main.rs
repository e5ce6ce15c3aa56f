//! Integration tests, in one binary.

mod conformance;
mod extraction;
mod factors;
mod reference;
