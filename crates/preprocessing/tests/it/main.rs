//! Integration tests, in one binary.

mod batches;
mod cached;
mod columns;
mod conformance;
mod diagrams;
mod encoders;
mod imputing;
mod multiple_imputing;
mod reference;
mod resampling;
mod schemas;
mod sparse;
mod supervised;
mod tabular;
mod values;
