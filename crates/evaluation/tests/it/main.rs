//! Integration tests, in one binary.

mod calibration;
mod compile;
mod conformal;
mod conformal_sets;
mod cross_validation;
mod decision;
mod fairness;
mod fairness_reductions;
mod fixtures;
mod importance;
mod interval;
mod metric;
mod models;
mod slices_and_comparison;
mod split;
mod toys;
