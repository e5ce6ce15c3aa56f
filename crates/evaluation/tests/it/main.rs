//! Integration tests, in one binary.

mod compile;
mod cross_validation;
mod fixtures;
mod importance;
mod interval;
mod metric;
mod models;
mod slices_and_comparison;
mod split;
mod splitters;
