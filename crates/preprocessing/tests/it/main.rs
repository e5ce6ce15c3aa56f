//! Integration tests, in one binary.

mod columns;
mod conformance;
mod encoders;
mod imputing;
mod reference;
mod resampling;
mod supervised;
mod tabular;
mod values;
