//! Requests that are held to a contract.

use std::collections::BTreeSet;

use perennial_core::Result;
use perennial_data::{Contract, Schema, Severity, Table, Violation};

use super::Served;
use super::cells;
use super::json::Json;
use super::metrics::Metrics;
use super::refusal::Refusal;
use crate::contract;

/// What a contract says of rows each of which may come alone.
#[derive(Debug)]
pub(crate) struct Held {
    contract: Contract,
    /// Its rules as they are counted: by their position in the contract that was given, and in words.
    rules: Vec<String>,
    /// The columns of which a missing cell sets its row aside: such a cell is for the contract and not for the schema.
    set_aside_missing: BTreeSet<String>,
}

/// The rows of a request that were set aside, and why.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    pub(crate) rows: Vec<usize>,
    pub(crate) reasons: Vec<String>,
}

impl Held {
    pub(crate) fn new(contract: &Contract, schema: &Schema) -> Result<Self> {
        let positions: Vec<usize> = contract.single_row_rules().collect();
        let contract = contract::of_requests(contract, schema)?;
        // Two rules can have the same words, and differ in what follows or in the values that are not shown.
        let rules = positions.iter().zip(contract.rules());
        let rules =
            rules.map(|(at, rule)| format!("{at} {rule}").chars().take(200).collect::<String>()).collect();
        let missing = schema.columns().iter().map(|_| vec![Json::Null]).collect();
        let set_aside_missing = match cells::table(schema, missing, |_| true) {
            Err(_) => BTreeSet::new(),
            Ok(missing) => {
                let report = contract.check(&missing);
                let aside = report.violations().iter().filter(|found| found.severity == Severity::Quarantine);
                aside.filter_map(|found| found.column.clone()).collect()
            }
        };
        Ok(Held { contract, rules, set_aside_missing })
    }

    /// Whether a missing cell of a column is for the contract.
    pub(crate) fn sets_missing_aside(&self, column: &str) -> bool {
        self.set_aside_missing.contains(column)
    }

    /// The rows that go on to the model, and those that do not.
    pub(crate) fn part(
        &self,
        rows: Table,
        served: &Served,
        metrics: &Metrics,
    ) -> Result<(Table, Aside), Refusal> {
        let model = served.name.as_str();
        let report = self.contract.check(&rows);
        let (kept, aside, report) = if report.is_met() {
            (rows, None, report)
        } else {
            match self.contract.sift(&rows) {
                Ok(sifted) => (sifted.kept, Some(sifted.quarantine), sifted.report),
                Err(error) => {
                    metrics.broken(model, &report, self);
                    let failed = report.violations().iter().filter(|found| found.severity == Severity::Fail);
                    // The rows of these are those of the request; the error counts those that would go on.
                    let failed: Vec<String> = failed.map(ToString::to_string).collect();
                    return Err(Refusal::unfit(match failed.as_slice() {
                        [] => error.to_string(),
                        failed => failed.join("; "),
                    }));
                }
            }
        };
        metrics.broken(model, &report, self);
        let Some(quarantine) = aside else { return Ok((kept, Aside::default())) };
        metrics.set_aside(model, quarantine.n_rows());
        let aside = Aside::of(&quarantine)?;
        if let Some(watcher) = &served.watcher {
            super::routes::unharmed(model, metrics, || watcher(&quarantine));
        }
        match (kept.n_rows(), aside.reasons.first()) {
            (0, Some(reason)) => Err(Refusal::unfit(format!(
                "all {} rows were set aside, so none is answered; the first because {reason}",
                aside.rows.len()
            ))),
            _ => Ok((kept, aside)),
        }
    }

    /// The words by which a broken part of the contract is counted: severity, column, check and rule.
    pub(crate) fn label(&self, found: &Violation) -> [String; 4] {
        let rule = found.rule.and_then(|at| self.rules.get(at)).cloned().unwrap_or_default();
        [found.severity.to_string(), found.column.clone().unwrap_or_default(), found.check.to_string(), rule]
    }
}

impl Aside {
    /// The numbers and the reasons are the last two columns, whatever their names had to be.
    fn of(quarantine: &Table) -> Result<Self> {
        let mut last: Vec<_> = quarantine.columns().map(|(_, column)| column).collect();
        let (Some(reasons), Some(rows)) = (last.pop(), last.pop()) else { return Ok(Aside::default()) };
        let rows =
            rows.as_integer()?.map(|row| row.and_then(|row| usize::try_from(row).ok()).unwrap_or_default());
        let reasons = reasons.as_text()?.map(|reason| reason.unwrap_or_default().to_owned());
        Ok(Aside { rows: rows.collect(), reasons: reasons.collect() })
    }
}
