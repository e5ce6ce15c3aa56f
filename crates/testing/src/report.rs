//! What the kit found.

use std::fmt;

use serde::Serialize;

/// How one check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold; what was seen.
    Fail(String),
    /// It does not apply; why.
    Skip(String),
}

/// One check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The id of the check, such as `E14`.
    pub id: &'static str,
    /// What it asserts.
    pub asserts: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All checks of one estimator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The settings that were checked, as `Debug` prints them.
    pub estimator: String,
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl Report {
    /// The checks that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Fail(_)))
    }

    /// Whether the check with this id does not hold.
    pub fn failed(&self, id: &str) -> bool {
        self.failures().any(|check| check.id == id)
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Ends the test with the list of failures, if there are any.
    ///
    /// # Panics
    /// When a check does not hold.
    pub fn assert_passed(&self) {
        assert!(self.failures().next().is_none(), "\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |wanted: fn(&Outcome) -> bool| self.checks.iter().filter(|check| wanted(&check.outcome)).count();
        writeln!(
            f,
            "{}\n  {} passed, {} failed, {} skipped",
            self.estimator,
            count(|outcome| *outcome == Outcome::Pass),
            count(|outcome| matches!(outcome, Outcome::Fail(_))),
            count(|outcome| matches!(outcome, Outcome::Skip(_))),
        )?;
        for check in &self.checks {
            if let Outcome::Fail(seen) = &check.outcome {
                writeln!(f, "  FAILED {} {}: {seen}", check.id, check.asserts)?;
            }
        }
        Ok(())
    }
}
