//! What an audit found, and why it may stay.

use std::collections::BTreeMap;
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// Rows with the same values on both sides of a split.
    DuplicateRows,
    /// Rows with nearly the same values on both sides of a split.
    NearDuplicateRows,
    /// Groups, such as patients, with rows on both sides.
    SharedGroups,
    /// Times on both sides, or labels that look at a time of the other side.
    SharedTimes,
    /// Rows learned from that are later than tested ones.
    FutureRows,
    /// Classes with too few rows on a side.
    ClassSupport,
    /// A single column that predicts the target too well.
    TargetProxy,
    /// Columns of which the target is a sum of multiples.
    ComputedTarget,
    /// Values that were known only after the moment of the prediction.
    LateValues,
    /// A column that numbers the rows and predicts the target.
    Identifier,
    /// The order of the rows, which predicts the target.
    RowOrder,
    /// A preparation that has seen the rows it is tested on.
    PreparedOutside,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::DuplicateRows => "duplicate rows",
            Check::NearDuplicateRows => "near-duplicate rows",
            Check::SharedGroups => "shared groups",
            Check::SharedTimes => "shared times",
            Check::FutureRows => "future rows",
            Check::ClassSupport => "class support",
            Check::TargetProxy => "target proxy",
            Check::ComputedTarget => "computed target",
            Check::LateValues => "late values",
            Check::Identifier => "identifier",
            Check::RowOrder => "row order",
            Check::PreparedOutside => "prepared outside the folds",
        })
    }
}

/// Whether a finding stops the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It deserves a look.
    Warning,
    /// It stops the work unless it is waived.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked for.
    pub check: Check,
    /// Whether it stops the work.
    pub severity: Severity,
    /// What was found, and what to do.
    pub message: String,
    /// The columns it is about, where it is about columns.
    pub columns: Vec<String>,
    /// The numbers of the splits it was found in, where it is about splits.
    pub splits: Vec<usize>,
    /// How many times it was found: rows, or classes.
    pub count: usize,
    /// The first of the rows, at most ten.
    pub rows: Vec<usize>,
    /// Why it may stay, where somebody said so.
    pub waiver: Option<String>,
}

impl Finding {
    pub(crate) fn new(check: Check, severity: Severity, message: String) -> Self {
        let (columns, splits, rows) = (Vec::new(), Vec::new(), Vec::new());
        Finding { check, severity, message, columns, splits, count: 1, rows, waiver: None }
    }

    pub(crate) fn at(mut self, splits: Vec<usize>, count: usize, mut rows: Vec<usize>) -> Self {
        rows.truncate(10);
        (self.splits, self.count, self.rows) = (splits, count, rows);
        self
    }

    pub(crate) fn column(mut self, name: &str) -> Self {
        self.columns.push(name.to_owned());
        self
    }

    /// Whether it stops the work.
    pub fn is_open(&self) -> bool {
        self.severity == Severity::Error && self.waiver.is_none()
    }
}

/// A sentence, with the reason where it is waived.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)?;
        match (&self.waiver, self.severity) {
            (Some(reason), _) => write!(f, " [waived: {reason}]"),
            (None, Severity::Warning) => write!(f, " [warning]"),
            (None, Severity::Error) => Ok(()),
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    /// What was found, waived or not.
    pub findings: Vec<Finding>,
    /// What was not looked for, as it would have taken long: sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

impl AuditReport {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether all was looked for and nothing found.
    pub(crate) fn is_silent(&self) -> bool {
        self.findings.is_empty() && self.skipped.is_empty()
    }

    /// What stops the work.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_open())
    }

    /// Stops when something was found that is neither waived nor a warning.
    ///
    /// # Errors
    /// [`ErrorKind::Leakage`](perennial_core::ErrorKind::Leakage) with all that was found.
    pub fn enforce(&self) -> Result<()> {
        let open: Vec<String> = self.open().map(ToString::to_string).collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(Error::leakage(format!(
            "{}. Repair it, or say by `waive` why it is right as it is",
            open.join(". ")
        )))
    }

    /// What was found and how often, without the advice, and what was not looked for; nothing where all was looked for and nothing found.
    pub(crate) fn in_short(&self) -> Option<String> {
        let found = self.findings.iter().map(|found| format!("{} x {}", found.count, found.check));
        let found: Vec<String> = found.collect();
        let found = (!found.is_empty()).then(|| format!("the audit found {}", found.join(", ")));
        let parts: Vec<String> = found.into_iter().chain(self.skipped.iter().cloned()).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The columns of all that stops the work, each once, in the order of their names.
    pub fn columns(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.open().flat_map(|finding| finding.columns.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The findings of both.
    #[must_use]
    pub fn and(mut self, other: AuditReport) -> Self {
        self.findings.extend(other.findings);
        self.skipped.extend(other.skipped);
        self
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            f.write_str("nothing was found")?;
        }
        for (place, finding) in self.findings.iter().enumerate() {
            write!(f, "{}{finding}", if place == 0 { "" } else { "\n" })?;
        }
        self.skipped.iter().try_for_each(|skipped| write!(f, "\n{skipped}"))
    }
}

/// Why checks may find what they find.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Waivers(BTreeMap<Check, String>);

impl Waivers {
    pub(crate) fn add(&mut self, check: Check, reason: &str) {
        self.0.insert(check, reason.trim().to_owned());
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self.0.iter().find(|(_, reason)| reason.is_empty()) {
            None => Ok(()),
            Some((check, _)) => {
                Err(Error::invalid_param("waive", check, "a reason, in words, why this is right as it is"))
            }
        }
    }

    pub(crate) fn apply(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        for finding in &mut findings {
            finding.waiver = self.0.get(&finding.check).cloned();
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::{AuditReport, Check, Finding, Severity};

    #[test]
    fn what_was_not_looked_for_is_said_in_short() {
        let mut report = AuditReport::default();
        assert!(report.in_short().is_none() && report.is_silent());
        report.skipped.push("near copies were not looked for".to_owned());
        assert_eq!(report.in_short().unwrap(), "near copies were not looked for");
        assert!(report.is_empty() && !report.is_silent());
        let found = Finding::new(Check::DuplicateRows, Severity::Warning, "copies".to_owned());
        report.findings.push(found);
        assert_eq!(
            report.in_short().unwrap(),
            "the audit found 1 x duplicate rows; near copies were not looked for"
        );
    }
}
