#![doc = include_str!("../README.md")]

mod audit;
mod compare;
mod constraints;
mod cross_validation;
mod importance;
mod interval;
mod ladder;
mod leakage;
pub mod metric;
mod sealed;
mod slices;
pub mod split;
mod stack;

pub use audit::{AuditReport, AuditedSplits, Check, Finding, Severity, SplitAudit};
pub use compare::{
    BayesianComparison, Comparison, ComparisonOptions, FiveByTwo, ModelPair, ModelRow, ModelTable,
    ModelTableBuilder, Verdict, compare, compare_bayes, compare_folds, compare_roc_auc, five_by_two, mcnemar,
};
pub use constraints::{Candidate, Cost, Dropped, Limits, Selection, measure_cost, pareto_front};
pub use cross_validation::{
    CrossValidated, CrossValidation, Curve, CurvePoint, Fold, Metrics, Nested, PermutationTest,
    cross_predict, cross_validate, cross_validate_all, learning_curve, nested_cross_validate,
    permutation_test_score, validation_curve,
};
pub use importance::{FeatureImportance, PermutationImportance};
pub use interval::IntervalOptions;
pub use ladder::{Climb, Ladder, Step, one_standard_error};
pub use leakage::LeakageScan;
pub use metric::{Answers, Judges, Metric};
pub use sealed::{Look, SealLog, Sealed, hold_out};
pub use slices::{SkippedSlice, SliceOptions, SliceReport, SliceScore, Slices, score_slices};
pub use split::{Split, SplitInputs, Splitter, Strata};
pub use stack::Stack;
