//! Integration tests, in one binary.

mod batch_pipelines;
mod batches;
mod cached;
mod columns;
mod conformance;
mod decisions;
mod diagrams;
mod encoders;
mod imputing;
mod labels;
mod memory;
mod million;
mod multiple_imputing;
mod outlier_rows;
mod reference;
mod reference_parts;
mod resampling;
mod scales;
mod schemas;
mod settings;
mod sparse;
mod supervised;
mod tabular;
mod texts;
mod tree_bins;
mod values;
