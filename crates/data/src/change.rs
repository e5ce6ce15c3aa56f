//! How much a step changed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a step does to cells or rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Missing cells were filled.
    Filled,
    /// Cells were cut to a bound.
    Cut,
    /// Cells were made missing.
    MadeMissing,
    /// Rows were added.
    Added,
    /// Rows were left out.
    LeftOut,
    /// Rows were set aside, with their reasons.
    SetAside,
}

/// How many cells of a column, or how many rows, a step changed: what imputers, the treatment of outliers, resamplers and the
/// quarantine of a contract have to report, in one form.
///
/// ```
/// use perennial_data::{Change, ChangeKind};
///
/// assert_eq!(Change::of_cells("age", ChangeKind::Filled, 3).to_string(), "`age`: 3 cells filled");
/// assert_eq!(Change::of_rows(ChangeKind::SetAside, 2).to_string(), "2 rows set aside");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The column; nothing where it is about rows.
    pub column: Option<String>,
    /// What was done.
    pub kind: ChangeKind,
    /// To how many cells or rows.
    pub count: usize,
}

impl Change {
    /// So many cells of a column.
    pub fn of_cells(column: impl Into<String>, kind: ChangeKind, count: usize) -> Self {
        Change { column: Some(column.into()), kind, count }
    }

    /// So many rows.
    pub fn of_rows(kind: ChangeKind, count: usize) -> Self {
        Change { column: None, kind, count }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.kind {
            ChangeKind::Filled => "filled",
            ChangeKind::Cut => "cut to a bound",
            ChangeKind::MadeMissing => "made missing",
            ChangeKind::Added => "added",
            ChangeKind::LeftOut => "left out",
            ChangeKind::SetAside => "set aside",
        };
        match &self.column {
            Some(column) => write!(f, "`{column}`: {} cells {done}", self.count),
            None => write!(f, "{} rows {done}", self.count),
        }
    }
}
