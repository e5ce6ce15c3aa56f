#![doc = include_str!("../README.md")]

mod align;
pub mod calibration;
mod compare;
pub mod conformal;
mod cross_fit;
mod cross_validation;
mod diagnosis;
pub mod errors;
pub mod explain;
pub mod decision;
pub mod fairness;
mod importance;
mod interval;
pub mod metric;
#[cfg(feature = "report")]
mod report;
mod slices;
pub mod split;
mod stack;

pub use compare::{Comparison, ComparisonOptions, Verdict, compare, compare_folds, mcnemar};
pub use cross_fit::{CrossFit, Holdout};
pub use cross_validation::{CrossValidated, CrossValidation, Fold, cross_predict, cross_validate};
pub use diagnosis::{Check, Diagnosis, Finding, Findings, SearchedSetting};
pub use importance::{FeatureImportance, PermutationImportance};
pub use interval::IntervalOptions;
pub use metric::{Answers, Judges, Metric};
#[cfg(feature = "report")]
pub use report::{ClassCurves, ClassDetails, Details, Report, ReportedScore, ValueDetails};
pub use slices::{SkippedSlice, SliceOptions, SliceReport, SliceScore, Slices, score_slices};
pub use split::{Split, SplitInputs, Splitter, Strata};
pub use stack::Stack;
