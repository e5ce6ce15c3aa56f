//! Integration tests, in one binary.

mod audit;
mod comparisons;
mod compile;
mod constraints;
mod cross_validation;
mod curves;
mod fixtures;
mod importance;
mod interval;
mod leakage;
mod metric;
mod models;
mod slices_and_comparison;
mod split;
mod splitters;
