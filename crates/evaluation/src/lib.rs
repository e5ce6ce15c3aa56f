#![doc = include_str!("../README.md")]

mod align;
pub mod calibration;
mod compare;
pub mod conformal;
mod cross_fit;
mod cross_validation;
pub mod decision;
pub mod fairness;
mod importance;
mod interval;
pub mod metric;
mod slices;
pub mod split;
mod stack;

pub use compare::{Comparison, ComparisonOptions, Verdict, compare, compare_folds, mcnemar};
pub use cross_fit::{CrossFit, Holdout};
pub use cross_validation::{CrossValidated, CrossValidation, Fold, cross_predict, cross_validate};
pub use importance::{FeatureImportance, PermutationImportance};
pub use interval::IntervalOptions;
pub use metric::{Answers, Judges, Metric};
pub use slices::{SkippedSlice, SliceOptions, SliceReport, SliceScore, Slices, score_slices};
pub use split::{Split, SplitInputs, Splitter, Strata};
pub use stack::Stack;
