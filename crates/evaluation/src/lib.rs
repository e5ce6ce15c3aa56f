#![doc = include_str!("../README.md")]

mod align;
mod audit;
mod behaviour;
pub mod calibration;
mod capacity;
#[cfg(feature = "report")]
pub mod charts;
mod compare;
pub mod conformal;
mod constraints;
mod cross_fit;
mod cross_validation;
pub mod decision;
mod diagnosis;
pub mod errors;
pub mod explain;
pub mod fairness;
mod importance;
mod interval;
mod ladder;
mod leakage;
mod memory;
pub mod metric;
mod replay;
#[cfg(feature = "report")]
mod report;
mod sealed;
mod slices;
pub mod split;
mod stack;
mod tabular;
mod tasks;
mod test_sample;

pub use audit::{AuditReport, AuditedSplits, Check, Finding, Severity, SplitAudit};
pub use behaviour::{Behaviour, Expectation, test_behaviour};
pub use capacity::{EffectiveDegrees, effective_degrees_of_freedom};
pub use compare::{
    BayesianComparison, Comparison, ComparisonOptions, CriticalDifferences, FiveByTwo, ModelPair, ModelRow,
    ModelTable, ModelTableBuilder, SeedRanking, SeedScores, Verdict, compare, compare_bayes, compare_folds,
    compare_roc_auc, five_by_two, mcnemar,
};
pub use constraints::{Candidate, Cost, Dropped, Limits, Selection, measure_cost, pareto_front};
pub use cross_fit::{CrossFit, Holdout};
pub use cross_validation::{
    Baseline, BootstrapScore, CrossValidated, CrossValidation, Curve, CurvePoint, Fold, MeanAnswers, Metrics,
    Nested, OutOfFold, PermutationTest, bootstrap_score, cross_predict, cross_validate, cross_validate_all,
    cross_validate_by_rows, learning_curve, nested_cross_validate, permutation_test_score, score_baselines,
    validation_curve,
};
pub use diagnosis::{Diagnosed, Diagnosis, Diagnostic, Findings, SearchedSetting};
pub use importance::{FeatureImportance, PermutationImportance};
pub use interval::IntervalOptions;
pub use ladder::{Climb, Ladder, Step, one_standard_error};
pub use leakage::LeakageScan;
pub use memory::peak_memory;
pub use metric::{Answers, Judges, Metric};
pub use replay::{Replay, Replayed, ReplayedWindow};
#[cfg(feature = "report")]
pub use report::{
    ClassCurves, ClassDetails, Details, Explained, Report, ReportOptions, ReportedScore, ValueDetails,
};
pub use sealed::{Look, SealLog, Sealed, hold_out, hold_out_audited};
pub use slices::{SkippedSlice, SliceOptions, SliceReport, SliceScore, Slices, score_slices};
pub use split::{Split, SplitInputs, Splitter, Strata};
pub use stack::Stack;
pub use tabular::{Cells, ColumnChange, Tabular};
pub use test_sample::TestSample;
