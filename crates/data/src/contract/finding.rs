//! What was found to break a contract, with all of its rows.

use super::cells::{self, Fault};
use super::report::{Check, Severity, Violation};
use super::rule::Rule;
use super::whole;
use crate::{Column, Table};

/// How many rows a violation names.
const ROWS_NAMED: usize = 5;

/// A violation, all of its rows, and the reason why each of them is set aside.
pub(super) struct Finding {
    pub(super) violation: Violation,
    pub(super) rows: Vec<usize>,
    pub(super) why: String,
}

/// Without rows there is nothing to set aside.
fn without_rows(severity: Severity) -> Severity {
    if severity == Severity::Quarantine { Severity::Fail } else { severity }
}

impl Finding {
    pub(super) fn of_table(check: Check, severity: Severity, message: String) -> Self {
        let severity = without_rows(severity);
        let violation =
            Violation { column: None, check, rule: None, severity, count: 0, rows: Vec::new(), message };
        Finding { violation, rows: Vec::new(), why: String::new() }
    }

    pub(super) fn of_column(column: &str, check: Check, severity: Severity, message: String) -> Self {
        let mut finding = Finding::of_table(check, severity, message);
        finding.violation.column = Some(column.to_owned());
        finding
    }

    /// Rows that are wrong in one column or several; `why` follows the cell.
    pub(super) fn of_rows(
        about: &[(&str, &Column)],
        check: Check,
        severity: Severity,
        rows: Vec<usize>,
        why: String,
    ) -> Self {
        let first = rows.first().copied().unwrap_or(0);
        let (column, message, why) = match about {
            [(name, column)] => {
                let cell = column.cell(first).map_or("missing".into(), |cell| format!("`{}`", short(&cell)));
                let message = format!("is {cell} at row {first}, {why} ({} rows)", rows.len());
                (Some((*name).to_owned()), message, format!("`{name}`: {why}"))
            }
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
                let cells = several.iter().map(|(name, column)| {
                    format!("{name} = {}", column.cell(first).map_or("missing".into(), |cell| short(&cell)))
                });
                let cells = cells.collect::<Vec<_>>().join(", ");
                (
                    None,
                    format!("{cells} at row {first}, {why} ({} rows)", rows.len()),
                    format!("`{}`: {why}", names.join("`, `")),
                )
            }
        };
        let named = rows.iter().copied().take(ROWS_NAMED).collect();
        let violation =
            Violation { column, check, rule: None, severity, count: rows.len(), rows: named, message };
        Finding { violation, rows, why }
    }
}

fn short(cell: &str) -> String {
    const SHOWN: usize = 64;
    let mut text: String = cell.chars().take(SHOWN).collect();
    if text.len() < cell.len() {
        text.push('…');
    }
    text
}

/// How a table breaks a rule, if it does.
pub(super) fn of_rule(rule: &Rule, table: &Table, others: &[(&str, &Table)]) -> Option<Finding> {
    let of_fault = |fault: Fault| {
        let mut finding = Finding::of_table(fault.check, rule.severity, fault.message);
        finding.violation.column = fault.column;
        finding
    };
    let Some(names) = cells::about(&rule.expect) else {
        return whole::broken(&rule.expect, table, others).err().map(of_fault);
    };
    if !(0.0..=1.0).contains(&rule.mostly) {
        return Some(of_fault(Fault::of_table(format!(
            "a rule is to hold for a share of {} of the rows; give a number from 0 to 1",
            rule.mostly
        ))));
    }
    let broken = match cells::broken(&rule.expect, table) {
        Ok(broken) => broken,
        Err(fault) => return Some(of_fault(fault)),
    };
    if broken.rows.is_empty() || rule.is_enough(broken.rows.len(), broken.of) {
        return None;
    }
    // The rule could be checked, so its columns are there.
    let about: Vec<(&str, &Column)> =
        names.iter().filter_map(|name| Some((*name, table.column(name).ok()?))).collect();
    let mut why = format!("expected {}", rule.expect);
    if rule.mostly < 1.0 {
        why.push_str(&format!(" in a share of {} of the rows", rule.mostly));
    }
    Some(Finding::of_rows(&about, Check::Rule, rule.severity, broken.rows, why))
}
