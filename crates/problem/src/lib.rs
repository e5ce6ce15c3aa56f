#![doc = include_str!("../README.md")]

mod criterion;
mod parse;
mod predicate;
mod spec;

pub use criterion::{Criterion, Judgement, Measurement, Verdict};
pub use predicate::Predicate;
pub use spec::{Assumption, AssumptionState, Costs, ProblemSpec, ScopeReport, Task};
