//! Rows that break a contract set aside, with their reasons.

use perennial_core::{Error, Result};

use super::report::{ContractReport, Severity};
use super::{Contract, Finding};
use crate::table::free_name;
use crate::{Change, ChangeKind, Column, Table};

/// What [`Contract::sift`] makes of a table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sifted {
    /// The rows that go on.
    pub kept: Table,
    /// The rows that were set aside, as they were, with two columns more: `quarantine row`, the number of the row in the table
    /// that was sifted, and `quarantine reason`, what is wrong with it.
    pub quarantine: Table,
    /// What was found: for rules that set rows aside, in all rows; for the others, in the rows that go on.
    pub report: ContractReport,
}

impl Sifted {
    /// How many rows were set aside.
    pub fn changes(&self) -> Vec<Change> {
        vec![Change::of_rows(ChangeKind::SetAside, self.quarantine.n_rows())]
    }
}

/// The rows of a table and why they are set aside, in the order of the table.
pub(crate) fn quarantine(table: &Table, rows: &[(usize, String)]) -> Result<Table> {
    use perennial_core::Rows;
    let numbers: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
    let mut set_aside = table.take(&numbers)?;
    // A quarantine table may be sifted again.
    let free = |name: &str| free_name(name, |name| table.contains(name));
    set_aside = set_aside
        .with_column(free("quarantine row"), Column::integer(numbers.iter().map(|&row| row as i64)))?;
    set_aside.with_column(
        free("quarantine reason"),
        Column::text(rows.iter().map(|(_, reason)| Some(reason.as_str()))),
    )
}

/// The rows that go on, the numbers of the others with the reasons, and what was found.
type Parted = (Table, Vec<(usize, String)>, ContractReport);

impl Contract {
    /// Sets aside the rows that break a column or a rule of severity [`Quarantine`](Severity::Quarantine), and holds the
    /// others to the rest of the contract.
    ///
    /// ```
    /// use perennial_data::{ColumnContract, ColumnType, Contract, Severity, Table};
    ///
    /// let contract = Contract::new()
    ///     .with(ColumnContract::new("age", ColumnType::Integer).max(120.0).severity(Severity::Quarantine))
    ///     .max_quarantined(0.5);
    /// let table = Table::builder().integer("age", [Some(31), None, Some(54), Some(23)]).build()?;
    /// let sifted = contract.sift(&table)?;
    /// assert_eq!(sifted.kept.n_rows(), 3);
    /// assert_eq!(sifted.quarantine.column("quarantine row")?.cell(0).as_deref(), Some("1"));
    /// let reason = sifted.quarantine.column("quarantine reason")?.cell(0).unwrap().into_owned();
    /// assert_eq!(reason, "`age`: but must be there");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) when what goes on breaks what fails, or
    /// more rows than the share `max_quarantined` would be set aside.
    pub fn sift(&self, table: &Table) -> Result<Sifted> {
        self.sift_beside(table, &[])
    }

    /// As [`sift`](Contract::sift), with the other tables that the rules name.
    ///
    /// # Errors
    /// As for [`sift`](Contract::sift).
    pub fn sift_beside(&self, table: &Table, others: &[(&str, &Table)]) -> Result<Sifted> {
        let (kept, rows, report) = self.parted(table, others)?;
        Ok(Sifted { kept, quarantine: quarantine(table, &rows)?, report })
    }

    /// The rows that go on, and the numbers of the others with the reasons.
    pub(crate) fn sift_rows(&self, table: &Table) -> Result<(Table, Vec<(usize, String)>)> {
        self.parted(table, &[]).map(|(kept, rows, _)| (kept, rows))
    }

    fn parted(&self, table: &Table, others: &[(&str, &Table)]) -> Result<Parted> {
        let found = self.findings(table, others);
        let aside = |finding: &Finding| finding.violation.severity == Severity::Quarantine;
        let mut reasons: Vec<Vec<&str>> = vec![Vec::new(); table.n_rows()];
        for finding in found.iter().filter(|finding| aside(finding)) {
            finding.rows.iter().for_each(|&row| reasons[row].push(&finding.why));
        }
        let rows: Vec<(usize, String)> = reasons
            .iter()
            .enumerate()
            .filter(|(_, reasons)| !reasons.is_empty())
            .map(|(row, reasons)| (row, reasons.join("; ")))
            .collect();
        if !(rows.len() as f64 <= self.max_quarantined * table.n_rows() as f64) {
            return Err(Error::contract_violation(format!(
                "{} of {} rows would be set aside, more than a share of {}; the first, row {}, because {}",
                rows.len(),
                table.n_rows(),
                self.max_quarantined,
                rows.first().map_or(0, |(row, _)| *row),
                rows.first().map_or("", |(_, reason)| reason.as_str()),
            )));
        }
        let (kept, rest) = if rows.is_empty() {
            (table.clone(), found)
        } else {
            let keep: Vec<bool> = reasons.iter().map(Vec::is_empty).collect();
            let kept = table.filter(&keep)?;
            // A second look with the same rules could set aside ever more rows.
            let rest = self.findings(&kept, others).into_iter().filter(|finding| !aside(finding));
            let rest = found.into_iter().filter(aside).chain(rest).collect::<Vec<_>>();
            (kept, rest)
        };
        let failed = rest.iter().any(|finding| finding.violation.severity == Severity::Fail);
        let violations = rest.into_iter().map(|finding| finding.violation).collect();
        let report = ContractReport { n_rows: table.n_rows(), violations };
        match failed {
            true => Err(Error::contract_violation(report.to_string())),
            false => Ok((kept, rows, report)),
        }
    }
}
