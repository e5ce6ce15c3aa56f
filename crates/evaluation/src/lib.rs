#![doc = include_str!("../README.md")]

mod audit;
mod compare;
mod cross_validation;
mod importance;
mod interval;
pub mod metric;
mod sealed;
mod slices;
pub mod split;
mod stack;

pub use audit::{AuditReport, AuditedSplits, Check, Finding, Severity, SplitAudit};
pub use compare::{Comparison, ComparisonOptions, Verdict, compare, compare_folds, mcnemar};
pub use cross_validation::{
    CrossValidated, CrossValidation, Curve, CurvePoint, Fold, Metrics, Nested, PermutationTest,
    cross_predict, cross_validate, cross_validate_all, learning_curve, nested_cross_validate,
    permutation_test_score, validation_curve,
};
pub use importance::{FeatureImportance, PermutationImportance};
pub use interval::IntervalOptions;
pub use metric::{Answers, Judges, Metric};
pub use sealed::{Look, SealLog, Sealed, hold_out};
pub use slices::{SkippedSlice, SliceOptions, SliceReport, SliceScore, Slices, score_slices};
pub use split::{Split, SplitInputs, Splitter, Strata};
pub use stack::Stack;
