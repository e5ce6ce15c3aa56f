//! How old rows may be, and which labels are final, as parts of a contract.

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::report::{Check, ContractReport, Severity};
use super::{Contract, Violation};
use crate::{LabelMaturity, Table};

/// The newest row of a column of days or moments is at most so many days old.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fresh {
    pub(super) time: String,
    pub(super) max_age_days: f64,
}

/// A label is final so many days after the time of its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mature {
    pub(super) time: String,
    pub(super) label: String,
    pub(super) delay_days: f64,
}

impl Contract {
    /// The newest row that does not lie in the future is at most so many days old, by a column of days or moments, and no row lies in the future. Held by
    /// [`check_at`](Contract::check_at) and [`enforce_at`](Contract::enforce_at), which know the time.
    ///
    /// ```
    /// use perennial_data::{Column, Contract, Table, calendar::days_from_civil};
    ///
    /// let today = days_from_civil(2024, 3, 31) as i32;
    /// let orders = Table::new([("day", Column::date([today - 9, today - 3]))])?;
    /// let now = i64::from(today) * 86_400_000_000;
    /// let contract = Contract::new().extra_columns(true);
    /// assert!(contract.clone().fresh("day", 7.0).enforce_at(&orders, now).is_ok());
    /// let error = contract.fresh("day", 1.0).enforce_at(&orders, now).unwrap_err();
    /// assert!(error.to_string().contains("column `day` has its newest row 3 days before the moment"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn fresh(mut self, time: impl Into<String>, max_age_days: f64) -> Self {
        self.fresh = Some(Fresh { time: time.into(), max_age_days });
        self
    }

    /// No row has a label that may still change: labels are final so many days after the time of their row, see [`LabelMaturity`]. Held by
    /// [`check_at`](Contract::check_at) and [`enforce_at`](Contract::enforce_at) where the column of the label is there, so that the contract of a
    /// training table holds for rows that are scored, too.
    #[must_use]
    pub fn mature(mut self, time: impl Into<String>, label: impl Into<String>, delay_days: f64) -> Self {
        self.mature = Some(Mature { time: time.into(), label: label.into(), delay_days });
        self
    }

    /// As [`check`](Contract::check), and what the contract says of the age of rows and labels at a moment, in microseconds since 1970-01-01 UTC.
    pub fn check_at(&self, table: &Table, now: i64) -> ContractReport {
        let mut report = self.check(table);
        report.violations.extend(self.aged(table, now));
        report
    }

    /// As [`enforce`](Contract::enforce), also for the age of rows and labels at a moment, in microseconds since 1970-01-01 UTC: that of the training
    /// when a model learns, and that of the answer when it scores.
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) naming columns and cells.
    pub fn enforce_at(&self, table: &Table, now: i64) -> Result<()> {
        let report = self.check_at(table, now);
        if report.is_met() { Ok(()) } else { Err(Error::contract_violation(report.to_string())) }
    }

    fn aged(&self, table: &Table, now: i64) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Some(fresh) = &self.fresh {
            found.extend(fresh.broken(table, now).into_iter().map(|message| {
                Finding::of_column(&fresh.time, Check::Fresh, Severity::Fail, message).violation
            }));
        }
        if let Some(mature) = self.mature.as_ref().filter(|mature| table.contains(&mature.label)) {
            found.extend(mature.broken(table, now));
        }
        found
    }
}

impl Fresh {
    fn broken(&self, table: &Table, now: i64) -> Vec<String> {
        let freshness = match table.freshness(&self.time, now) {
            Ok(freshness) => freshness,
            Err(error) => return vec![format!("does not say how old the rows are: {error}")],
        };
        let mut broken = Vec::new();
        if freshness.n_future > 0 {
            broken.push(format!("has {} rows after the moment of the check", freshness.n_future));
        }
        let most = self.max_age_days;
        match freshness.newest_past_days {
            Some(age) if age <= most => {}
            Some(age) => {
                broken.push(format!(
                    "has its newest row {age} days before the moment, expected at most {most}"
                ));
            }
            None => broken.push("has no row before the moment of the check".to_owned()),
        }
        broken
    }
}

impl Mature {
    fn broken(&self, table: &Table, now: i64) -> Option<Violation> {
        let maturity = LabelMaturity::new(&self.time, &self.label, self.delay_days);
        let of_column =
            |what: String| Finding::of_column(&self.label, Check::Mature, Severity::Fail, what).violation;
        let rows = match maturity.early(table, now) {
            Ok(rows) => rows,
            Err(error) => return Some(of_column(format!("does not say which labels are final: {error}"))),
        };
        let about = [(self.time.as_str(), table.column(&self.time).ok()?)];
        let why = format!(
            "less than {} days before the moment, so that its `{}` may still change",
            self.delay_days, self.label
        );
        match rows.is_empty() {
            true => None,
            false => Some(Finding::of_rows(&about, Check::Mature, Severity::Fail, rows, why).violation),
        }
    }
}
