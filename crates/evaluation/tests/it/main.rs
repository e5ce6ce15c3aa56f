//! Integration tests, in one binary.

mod calibration;
mod compile;
mod conformal;
mod conformal_sets;
mod coverage;
mod cross_validation;
mod errors;
mod explain;
mod decision;
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
