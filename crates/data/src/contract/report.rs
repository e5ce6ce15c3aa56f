//! What breaks a contract, and how much that matters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What follows when a part of a contract is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is told, and the table goes on.
    Warn,
    /// The rows are set aside by [`Contract::sift`](crate::Contract::sift), and the others go on.
    Quarantine,
    /// The table is refused.
    #[default]
    Fail,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warn => "warn",
            Severity::Quarantine => "quarantine",
            Severity::Fail => "fail",
        })
    }
}

/// What a [`Violation`] breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// There are enough rows.
    RowCount,
    /// The column is there.
    MissingColumn,
    /// The column is part of the contract.
    ExtraColumn,
    /// The column has its type.
    Type,
    /// No cell is missing.
    Nulls,
    /// Numbers are large enough.
    Minimum,
    /// Numbers are small enough.
    Maximum,
    /// Texts are among the allowed ones.
    Allowed,
    /// No two cells are equal.
    Unique,
    /// The newest row is not too old.
    Fresh,
    /// Labels are final.
    Mature,
    /// A [`Rule`](crate::Rule) is kept; the violation says which.
    Rule,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::RowCount => "row_count",
            Check::MissingColumn => "missing_column",
            Check::ExtraColumn => "extra_column",
            Check::Type => "type",
            Check::Nulls => "nulls",
            Check::Minimum => "minimum",
            Check::Maximum => "maximum",
            Check::Allowed => "allowed",
            Check::Unique => "unique",
            Check::Fresh => "fresh",
            Check::Mature => "mature",
            Check::Rule => "rule",
        })
    }
}

/// One way in which a table breaks its contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// The column; nothing where it is about several columns or the whole table.
    pub column: Option<String>,
    /// What is broken.
    pub check: Check,
    /// The position of the rule in [`Contract::rules`](crate::Contract::rules), where it is a rule that is broken.
    #[serde(default)]
    pub rule: Option<usize>,
    /// What follows.
    #[serde(default)]
    pub severity: Severity,
    /// In how many rows; 0 where it is not about rows.
    pub count: usize,
    /// The first of these rows, counted from 0.
    pub rows: Vec<usize>,
    /// The violation in words, to follow the name of the column.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warn {
            f.write_str("warning: ")?;
        }
        match &self.column {
            Some(column) => write!(f, "column `{column}` {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// All that breaks a contract in one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractReport {
    pub(super) n_rows: usize,
    pub(super) violations: Vec<Violation>,
}

impl ContractReport {
    /// Whether nothing breaks the contract; warnings do not.
    pub fn is_met(&self) -> bool {
        self.violations.iter().all(|violation| violation.severity == Severity::Warn)
    }

    /// The number of rows that were checked.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What breaks the contract, warnings among it: the columns in the order of the contract, then the rules.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for ContractReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.violations.is_empty() {
            return write!(f, "{} rows meet the contract", self.n_rows);
        }
        let texts: Vec<String> = self.violations.iter().map(Violation::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}
