//! Integration tests, in one binary.

mod audit;
mod calibration;
mod comparisons;
mod compile;
mod conformal;
mod conformal_sets;
mod constraints;
mod coverage;
mod cross_validation;
mod curves;
mod decision;
mod errors;
mod explain;
mod fairness;
mod fairness_reductions;
mod fixtures;
mod further_metrics;
mod importance;
mod interval;
mod metric;
mod models;
mod report;
mod slices_and_comparison;
mod split;
mod splitters;
mod toys;
