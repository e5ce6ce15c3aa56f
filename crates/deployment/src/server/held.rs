//! Requests that are held to a contract.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use perennial_core::Result;
use perennial_data::{Check, Contract, Schema, Severity, Table};

use super::cells;
use super::json::Json;
use super::metrics::Metrics;
use super::refusal::Refusal;
use crate::contract;

type Watcher = Arc<dyn Fn(&Table) + Send + Sync>;

/// What a contract says of rows each of which may come alone.
pub(crate) struct Held {
    contract: Contract,
    /// The columns of which a missing cell sets its row aside: such a cell is for the contract and not for the schema.
    set_aside_missing: BTreeSet<String>,
    pub(crate) watcher: Option<Watcher>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("contract", &self.contract).finish_non_exhaustive()
    }
}

/// The rows of a request that were set aside, and why.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    pub(crate) rows: Vec<usize>,
    pub(crate) reasons: Vec<String>,
}

impl Held {
    pub(crate) fn new(contract: &Contract, schema: &Schema) -> Result<Self> {
        let contract = contract::of_requests(contract, schema)?;
        let missing = schema.columns().iter().map(|_| vec![Json::Null]).collect();
        let set_aside_missing = match cells::table(schema, missing, |_| true) {
            Err(_) => BTreeSet::new(),
            Ok(missing) => {
                let report = contract.check(&missing);
                let aside = report.violations().iter().filter(|found| found.severity == Severity::Quarantine);
                aside.filter_map(|found| found.column.clone()).collect()
            }
        };
        Ok(Held { contract, set_aside_missing, watcher: None })
    }

    /// Whether a missing cell of a column is for the contract.
    pub(crate) fn sets_missing_aside(&self, column: &str) -> bool {
        self.set_aside_missing.contains(column)
    }

    /// The rows that go on to the model, and those that do not.
    pub(crate) fn part(
        &self,
        rows: Table,
        model: &str,
        metrics: &Metrics,
    ) -> Result<(Table, Aside), Refusal> {
        let report = self.contract.check(&rows);
        let (kept, aside, report) = if report.is_met() {
            (rows, None, report)
        } else {
            match self.contract.sift(&rows) {
                Ok(sifted) => (sifted.kept, Some(sifted.quarantine), sifted.report),
                Err(error) => {
                    metrics.broken(model, &report, &self.contract);
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
        metrics.broken(model, &report, &self.contract);
        let Some(quarantine) = aside else { return Ok((kept, Aside::default())) };
        metrics.set_aside(model, quarantine.n_rows());
        let aside = Aside::of(&quarantine)?;
        if let Some(watcher) = &self.watcher {
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

/// The words by which a broken part of a contract is counted.
pub(crate) fn label(found: &perennial_data::Violation, contract: &Contract) -> (String, String, String) {
    let rule = found.rule.and_then(|at| contract.rules().get(at));
    let rule = match (found.check, rule) {
        (Check::Rule, Some(rule)) => rule.to_string().chars().take(200).collect(),
        _ => String::new(),
    };
    (found.column.clone().unwrap_or_default(), found.check.to_string(), rule)
}
