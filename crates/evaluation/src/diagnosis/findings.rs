use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the things that are looked for: the sixteen of skore, and two more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnostic {
    /// Much better on rows that were learned from.
    Overfit,
    /// No better than the baseline even on rows that were learned from.
    Underfit,
    /// Some folds are scored far off the others.
    InconsistentFolds,
    /// One class has most of the rows.
    ClassImbalance,
    /// A class has too few rows to say anything of it.
    RareClass,
    /// Coefficients of features on different scales do not compare.
    UnscaledCoefficients,
    /// Importances by impurity favour features with many values.
    BiasedImportances,
    /// Features that say the same share their importance.
    CorrelatedFeatures,
    /// Not better than the baseline.
    NoBetterThanBaseline,
    /// Far slower than a baseline that is as good.
    SlowerThanBaseline,
    /// One feature decides nearly all: is it known when the answer is needed?
    GoldenFeature,
    /// Features without which the score would be the same.
    UselessFeatures,
    /// Rows that were learned from are later than rows that were tested on.
    TimeOverlap,
    /// The best setting lies at the end of the range that was searched.
    OptimumAtEdge,
    /// A setting that matters was not searched.
    WorthTuning,
    /// No setting was searched.
    NotTuned,
    /// A feature tells something else of the target on tested rows than on those that were learned from.
    RelationChange,
    /// Boosting went on after it was best on other rows.
    TooManyRounds,
}

impl Diagnostic {
    /// All of them.
    pub const ALL: [Diagnostic; 18] = [
        Diagnostic::Overfit,
        Diagnostic::Underfit,
        Diagnostic::InconsistentFolds,
        Diagnostic::ClassImbalance,
        Diagnostic::RareClass,
        Diagnostic::UnscaledCoefficients,
        Diagnostic::BiasedImportances,
        Diagnostic::CorrelatedFeatures,
        Diagnostic::NoBetterThanBaseline,
        Diagnostic::SlowerThanBaseline,
        Diagnostic::GoldenFeature,
        Diagnostic::UselessFeatures,
        Diagnostic::TimeOverlap,
        Diagnostic::OptimumAtEdge,
        Diagnostic::WorthTuning,
        Diagnostic::NotTuned,
        Diagnostic::RelationChange,
        Diagnostic::TooManyRounds,
    ];
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnosed {
    /// What was looked for.
    pub diagnostic: Diagnostic,
    /// What was seen, with its numbers.
    pub seen: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Diagnosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.seen, self.advice)
    }
}

/// What was found, and what could not be looked for.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// What was found, in the order of [`Diagnostic::ALL`].
    pub found: Vec<Diagnosed>,
    /// What was looked for and not found.
    pub passed: Vec<Diagnostic>,
    /// What could not be looked for, because nothing was said about it.
    pub unknown: Vec<Diagnostic>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.iter().try_for_each(|finding| writeln!(f, "- {finding}"))?;
        write!(
            f,
            "{} found, {} not found, {} not looked for",
            self.found.len(),
            self.passed.len(),
            self.unknown.len()
        )
    }
}
