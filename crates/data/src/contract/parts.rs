//! A contract held to a table that comes in parts.

use std::collections::BTreeSet;

use perennial_core::{Error, Result, ResultExt};
use sha2::{Digest, Sha256};

use super::cells::{self, Fault};
use super::expect::Expect;
use super::report::Severity;
use super::rule::{Rule, Statistic};
use super::{Contract, whole};
use crate::column::Data;
use crate::{Column, Table};

/// So many cells are kept to see whether others are the same, for all rules together: 16 bytes each, and what the set of them takes.
const MOST_KEPT: usize = 1 << 24;

/// A contract and what is known of the parts that came so far.
///
/// What it says of single rows is held for each part. What it says of all rows is put together: numbers of rows, what must be
/// unique or in order, shares of rows, smallest, largest and missing cells. Warnings pass, so they are not looked at.
#[derive(Debug)]
pub(crate) struct Parts {
    of_rows: Contract,
    of_all: Vec<OfAll>,
    min_rows: usize,
    n_rows: usize,
}

/// A rule about all rows.
#[derive(Debug)]
struct OfAll {
    rule: Rule,
    /// Rows that break it, and those that it looked at.
    n_broken: usize,
    of: usize,
    /// The first row that breaks it.
    first: Option<usize>,
    state: State,
}

#[derive(Debug)]
enum State {
    Nothing,
    /// What stood in earlier rows.
    Seen(BTreeSet<u128>),
    /// The last cell that is there.
    Last(Option<Column>),
    /// A statistic so far, and the kind of cells it is of.
    Measured(Option<f64>, Option<Column>),
}

impl Parts {
    /// # Errors
    /// When the contract has a rule that needs all rows at once.
    pub(crate) fn new(contract: &Contract) -> Result<Self> {
        let of_rows = contract.of_single_rows();
        let unique = contract.columns.iter().filter(|column| column.unique);
        let unique = unique.map(|column| {
            let rule = Rule::unique([column.name.clone()]);
            Rule { severity: column.severity, ..rule }
        });
        let mut of_all = Vec::new();
        for rule in unique.chain(contract.rules.iter().cloned()) {
            if rule.severity == Severity::Warn {
                continue;
            }
            // A share is one of cells and rows; what is not about them is kept or broken as a whole.
            let has_share = cells::about(&rule.expect).is_some();
            if has_share && !(0.0..=1.0).contains(&rule.mostly) {
                return Err(Error::invalid_param("mostly", rule.mostly, "a share from 0 to 1"));
            }
            use Statistic as S;
            let state = match &rule.expect {
                expect if (rule.mostly == 1.0 || !has_share) && expect.is_of_single_rows() => continue,
                Expect::Unique { .. } => State::Seen(BTreeSet::new()),
                Expect::Ordered { .. } => State::Last(None),
                Expect::Statistic { of: S::Min | S::Max | S::Missing | S::MissingShare, .. } => {
                    State::Measured(None, None)
                }
                Expect::RowCount { .. } => State::Nothing,
                expect if expect.is_of_single_rows() => State::Nothing,
                expect => {
                    let names = expect.columns();
                    let about = match names.is_empty() {
                        true => String::new(),
                        false => format!(" of `{}`", names.join("`, `")),
                    };
                    return Err(Error::unsupported(format!(
                        "a scan has a part of the table at a time, and the contract expects {expect}{about}, which takes all of it at \
                         once; read the table at once, or leave the rule out and look at `Summary::of_all` of a scan"
                    )));
                }
            };
            of_all.push(OfAll { rule, n_broken: 0, of: 0, first: None, state });
        }
        Ok(Parts { of_rows, of_all, min_rows: contract.min_rows, n_rows: 0 })
    }

    /// Holds the next part.
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) where it breaks the contract by itself or with
    /// those before it; when more must be unique than is kept.
    pub(crate) fn hold(&mut self, part: &Table) -> Result<()> {
        let before = self.n_rows;
        let place = || format!("the part that starts at row {before}");
        self.of_rows.enforce(part).context(place())?;
        self.n_rows += part.n_rows();
        let mut n_kept = 0;
        for rule in &mut self.of_all {
            rule.add(part, before).map_err(|fault| violation(&fault)).context(place())?;
            if rule.rule.mostly == 1.0 && rule.n_broken > 0 {
                return Err(rule.violation());
            }
            n_kept += if let State::Seen(seen) = &rule.state { seen.len() } else { 0 };
        }
        if n_kept > MOST_KEPT {
            return Err(Error::too_large(format!(
                "a scan keeps at most {MOST_KEPT} cells to see that those which must be unique are; read the table at once, or leave \
                 `unique` out of the contract and look for copies where the data comes from"
            )));
        }
        Ok(())
    }

    /// Judges what only the end shows.
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) where all parts together break the contract.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.n_rows < self.min_rows {
            return Err(Error::contract_violation(format!(
                "there are {} rows, expected at least {}",
                self.n_rows, self.min_rows
            )));
        }
        self.of_all.iter().try_for_each(|rule| rule.finish(self.n_rows))
    }
}

fn violation(fault: &Fault) -> Error {
    Error::contract_violation(match &fault.column {
        Some(column) => format!("column `{column}` {}", fault.message),
        None => fault.message.clone(),
    })
}

impl OfAll {
    fn add(&mut self, part: &Table, before: usize) -> Result<(), Fault> {
        let mut rows = Vec::new();
        match (&self.rule.expect, &mut self.state) {
            (Expect::Unique { columns }, State::Seen(seen)) => {
                let columns = cells::columns(part, columns)?;
                for row in 0..part.n_rows() {
                    let Some(digest) = digest(&columns, row) else { continue };
                    self.of += 1;
                    if !seen.insert(digest) {
                        rows.push(row);
                    }
                }
            }
            (Expect::Ordered { column, falling, strictly }, State::Last(last)) => {
                let broken = cells::broken(&self.rule.expect, part)?;
                let column = cells::column(part, column)?;
                let mut present = (0..column.n_rows()).filter(|&row| !column.is_null(row));
                if let (Some(last), Some(first)) = (&*last, present.next())
                    && cells::is_out_of_order(last, 0, column, first, *falling, *strictly)
                {
                    rows.push(first);
                }
                if let Some(row) = (0..column.n_rows()).rev().find(|&row| !column.is_null(row)) {
                    *last = Some(column.slice(row, 1));
                }
                rows.extend(broken.rows);
                self.of += broken.of;
            }
            (Expect::Statistic { column, of, .. }, State::Measured(found, kind)) => {
                let cells = cells::column(part, column)?;
                kind.get_or_insert_with(|| cells.slice(0, 0));
                let number = match of {
                    // A share is one of all rows, known at the end.
                    Statistic::MissingShare => Some(cells.null_count() as f64),
                    of => whole::measured(column, cells, *of)?,
                };
                *found = match (*found, number) {
                    (Some(a), Some(b)) => Some(match of {
                        Statistic::Min => a.min(b),
                        Statistic::Max => a.max(b),
                        _ => a + b,
                    }),
                    (a, b) => a.or(b),
                };
            }
            (Expect::RowCount { .. }, _) => {}
            (expect, _) => {
                let broken = cells::broken(expect, part)?;
                rows = broken.rows;
                self.of += broken.of;
            }
        }
        self.n_broken += rows.len();
        self.first = self.first.or(rows.first().map(|row| before + row));
        Ok(())
    }

    fn finish(&self, n_rows: usize) -> Result<()> {
        match (&self.rule.expect, &self.state) {
            (Expect::RowCount { range }, _) if !range.holds(n_rows) => {
                let expect = &self.rule.expect;
                Err(Error::contract_violation(format!("there are {n_rows} rows, expected {expect}")))
            }
            (Expect::Statistic { column, of, range }, State::Measured(found, Some(kind))) => {
                let found = match of {
                    Statistic::MissingShare => found.filter(|_| n_rows > 0).map(|n| n / n_rows as f64),
                    _ => *found,
                };
                whole::judge(column, kind, *of, found, range, &self.rule.expect)
                    .map_err(|fault| violation(&fault))
            }
            _ if !self.rule.is_enough(self.n_broken, self.of) => Err(self.violation()),
            _ => Ok(()),
        }
    }

    fn violation(&self) -> Error {
        let names = cells::about(&self.rule.expect).unwrap_or_default().join("`, `");
        let share = match self.rule.mostly < 1.0 {
            true => format!(" in a share of {} of the rows", self.rule.mostly),
            false => String::new(),
        };
        Error::contract_violation(format!(
            "`{names}`: {} of {} rows, row {} the first, expected {}{share}",
            self.n_broken,
            self.of,
            self.first.unwrap_or(0),
            self.rule.expect
        ))
    }
}

/// The first half of the SHA-256 of some cells of a row; nothing where one is missing. Two that are equal by chance are not to be
/// met, and nobody can make them.
fn digest(columns: &[&Column], row: usize) -> Option<u128> {
    let mut hash = Sha256::new();
    for column in columns {
        if column.is_null(row) {
            return None;
        }
        match &column.0 {
            Data::Text(_) | Data::Category(_) => {
                let text = column.text_at(row)?;
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
            Data::Integer(array) => hash.update(array.value(row).to_le_bytes()),
            // Zero equals minus zero.
            Data::Real(array) => hash.update((array.value(row) + 0.0).to_bits().to_le_bytes()),
            Data::Boolean(array) => hash.update([u8::from(array.value(row))]),
            Data::Date(array) => hash.update(array.value(row).to_le_bytes()),
            Data::DateTime(array) => hash.update(array.value(row).to_le_bytes()),
        }
    }
    hash.finalize().first_chunk().map(|half| u128::from_le_bytes(*half))
}
