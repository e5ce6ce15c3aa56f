//! What data must be like, learned from good data or written down.

mod age;
mod cells;
mod dates;
mod distribution;
mod expect;
mod finding;
mod hypothesis;
mod json_form;
mod json_schema;
mod odcs;
mod odcs_levels;
mod parts;
mod report;
mod rule;
mod scalar;
mod sift;
mod step;
mod whole;
mod yaml;

use std::collections::BTreeSet;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use self::age::{Fresh, Mature};
use self::cells::numbers;
use self::finding::Finding;
use crate::column::Data;
use crate::{Column, ColumnType, Table};

pub use self::dates::DateOrder;
pub use self::distribution::{Distance, Distribution};
pub use self::hypothesis::FitTest;
pub(crate) use self::parts::Parts;
pub use self::report::{Check, ContractReport, Severity, Violation};
pub use self::rule::{Relation, Rule, Statistic};
#[cfg(feature = "clean")]
pub(crate) use self::scalar::Operand;
pub use self::scalar::Scalar;
#[cfg(feature = "parquet")]
pub(crate) use self::scalar::{Ends, Range};
pub use self::sift::Sifted;
pub use self::step::{AsTable, ContractCheck, ContractCheckModel};

/// What a table must be like: its columns and, for each of them, what its cells may be.
///
/// A contract is plain data: it can be kept as TOML or JSON beside the code that relies on it.
///
/// ```
/// use perennial_core::ErrorKind;
/// use perennial_data::{ColumnContract, ColumnType, Contract, Table};
///
/// let good = Table::builder().integer("age", [31, 54]).category("city", ["Bern", "Basel"]).build()?;
/// let contract = Contract::infer(&good)
///     .with(ColumnContract::new("age", ColumnType::Integer).min(0.0).max(120.0));
///
/// let bad = Table::builder().integer("age", [31, 540]).category("city", ["Bern", "Bonn"]).build()?;
/// let report = contract.check(&bad);
/// assert_eq!(report.violations().len(), 2);
/// assert_eq!(report.violations()[0].rows, [1]);
/// assert!(matches!(contract.enforce(&bad).unwrap_err().kind(), ErrorKind::ContractViolation { .. }));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `min_rows` | 0 | the smallest number of rows |
/// | `extra_columns` | false | whether there may be columns that no [`ColumnContract`] names |
/// | `max_quarantined` | 1 | the share of rows that [`sift`](Contract::sift) sets aside at most, from 0 to 1 |
/// | `columns` | none | what the cells of each column may be |
/// | `rules` | none | anything else, see [`Rule`] |
/// | `fresh` | none | how old the newest row may be, see [`Contract::fresh`] |
/// | `mature` | none | when labels are final, see [`Contract::mature`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    min_rows: usize,
    extra_columns: bool,
    max_quarantined: f64,
    columns: Vec<ColumnContract>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<Fresh>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mature: Option<Mature>,
}

impl Default for Contract {
    fn default() -> Self {
        let (min_rows, extra_columns, max_quarantined) = (0, false, 1.0);
        let (columns, rules, fresh, mature) = (Vec::new(), Vec::new(), None, None);
        Contract { min_rows, extra_columns, max_quarantined, columns, rules, fresh, mature }
    }
}

/// What the cells of one column may be.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `nullable` | false | whether cells may be missing |
/// | `min`, `max` | none | the range of numbers |
/// | `allowed` | none | the texts or levels that there may be |
/// | `unique` | false | whether no two cells may be equal; missing cells are not compared |
/// | `severity` | fail | what follows where cells are not so; a column that is missing or of another type sets no rows aside, and fails |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnContract {
    name: String,
    column_type: ColumnType,
    #[serde(default)]
    nullable: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default, skip_serializing_if = "is_fail")]
    severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed: Option<BTreeSet<String>>,
}

fn is_fail(severity: &Severity) -> bool {
    *severity == Severity::Fail
}

impl ColumnContract {
    /// A column of this name and type, with any cells but missing ones.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        let (name, nullable, unique, severity) = (name.into(), false, false, Severity::Fail);
        ColumnContract { name, column_type, nullable, unique, severity, min: None, max: None, allowed: None }
    }

    /// Whether cells may be missing.
    #[must_use]
    pub fn nullable(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }

    /// Whether no two cells may be equal.
    #[must_use]
    pub fn unique(mut self, unique: bool) -> Self {
        self.unique = unique;
        self
    }

    /// The smallest number that there may be.
    #[must_use]
    pub fn min(mut self, min: f64) -> Self {
        self.min = Some(min);
        self
    }

    /// The largest number that there may be.
    #[must_use]
    pub fn max(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// The texts or levels that there may be.
    #[must_use]
    pub fn allowed<S: Into<String>>(mut self, allowed: impl IntoIterator<Item = S>) -> Self {
        self.allowed = Some(allowed.into_iter().map(Into::into).collect());
        self
    }

    /// What follows where cells are not so.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The smallest and the largest number that is right, where they are said.
    #[cfg(feature = "clean")]
    pub(crate) fn range(&self) -> (Option<f64>, Option<f64>) {
        (self.min, self.max)
    }

    fn infer(name: &str, column: &Column) -> Self {
        let mut contract = ColumnContract::new(name, column.column_type()).nullable(column.null_count() > 0);
        if let Some(numbers) = numbers(column) {
            let present = || numbers.iter().flatten().copied();
            // An infinite bound bounds nothing, and JSON could not keep it.
            contract.min = present().reduce(f64::min).filter(|bound| bound.is_finite());
            contract.max = present().reduce(f64::max).filter(|bound| bound.is_finite());
        }
        match &column.0 {
            Data::Category(category) => {
                contract.allowed = Some(category.levels().map(str::to_owned).collect())
            }
            Data::Text(_) | Data::Integer(_) => {
                contract.unique =
                    column.n_rows() > 1 && column.null_count() == 0 && repeats(name, column).is_empty();
            }
            _ => {}
        }
        contract
    }

    fn check(&self, column: &Column, found: &mut Vec<Finding>) {
        if column.column_type() != self.column_type {
            let message = format!("is of type {}, expected {}", column.column_type(), self.column_type);
            found.push(Finding::of_column(&self.name, Check::Type, self.severity, message));
            return;
        }
        let mut add = |check: Check, rows: Vec<usize>, why: String| {
            if !rows.is_empty() {
                let about = [(self.name.as_str(), column)];
                found.push(Finding::of_rows(&about, check, self.severity, rows, why));
            }
        };
        let all = 0..column.n_rows();
        if !self.nullable {
            add(
                Check::Nulls,
                all.clone().filter(|&row| column.is_null(row)).collect(),
                "but must be there".into(),
            );
        }
        if let (Some(numbers), true) = (numbers(column), self.min.is_some() || self.max.is_some()) {
            let rows = |wrong: &dyn Fn(f64) -> bool| -> Vec<usize> {
                all.clone().filter(|&row| numbers[row].is_some_and(wrong)).collect()
            };
            if let Some(min) = self.min {
                add(Check::Minimum, rows(&|number| !(number >= min)), format!("below the minimum {min}"));
            }
            if let Some(max) = self.max {
                add(Check::Maximum, rows(&|number| !(number <= max)), format!("above the maximum {max}"));
            }
        }
        if let (Some(allowed), Ok(texts)) = (&self.allowed, column.as_text()) {
            let unknown = |text: Option<&str>| text.is_some_and(|text| !allowed.contains(text));
            let rows = texts.enumerate().filter(|(_, text)| unknown(*text)).map(|(row, _)| row).collect();
            add(Check::Allowed, rows, format!("which is none of the {} allowed values", allowed.len()));
        }
        if self.unique {
            add(Check::Unique, repeats(&self.name, column), "which stands in an earlier row too".into());
        }
    }
}

impl Contract {
    /// No rows needed, no columns allowed.
    pub fn new() -> Self {
        Contract::default()
    }

    /// A contract that this table meets: its columns with their types; cells may be missing where some are;
    /// numbers lie in the range they have; categories are among the levels; texts and integers that are all
    /// different must be. At least one row.
    pub fn infer(table: &Table) -> Self {
        let columns = table.columns().map(|(name, column)| ColumnContract::infer(name, column)).collect();
        Contract { min_rows: 1, columns, ..Contract::default() }
    }

    /// Adds a [`Rule::length`] for each column of texts of a table: they have as many characters as its shortest and longest text, and
    /// whatever is between. To follow [`infer`](Contract::infer), which leaves texts free.
    ///
    /// ```
    /// use perennial_data::{Contract, Table};
    ///
    /// let good = Table::builder().text("plate", ["BE 1", "ZH 442"]).build()?;
    /// let contract = Contract::infer(&good).infer_lengths(&good);
    /// let bad = Table::builder().text("plate", ["BE 17", "a whole sentence"]).build()?;
    /// assert_eq!(contract.check(&bad).violations()[0].rows, [1]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn infer_lengths(mut self, table: &Table) -> Self {
        for (name, column) in table.columns() {
            let Data::Text(array) = &column.0 else { continue };
            let lengths = || array.iter().flatten().map(|text| text.chars().count());
            if let (Some(least), Some(most)) = (lengths().min(), lengths().max()) {
                self.rules.push(Rule::length(name, least..=most));
            }
        }
        self
    }

    /// Adds a column, or replaces the one of that name.
    #[must_use]
    pub fn with(mut self, column: ColumnContract) -> Self {
        match self.columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => *known = column,
            None => self.columns.push(column),
        }
        self
    }

    /// A contract of columns whose names all differ; [`with`](Contract::with) looks for each among those before it.
    #[cfg(feature = "catalog")]
    pub(crate) fn of(columns: Vec<ColumnContract>) -> Self {
        Contract { columns, ..Contract::new() }
    }

    /// The smallest number of rows.
    #[must_use]
    pub fn min_rows(mut self, min_rows: usize) -> Self {
        self.min_rows = min_rows;
        self
    }

    /// Whether there may be columns that the contract does not name.
    #[must_use]
    pub fn extra_columns(mut self, extra_columns: bool) -> Self {
        self.extra_columns = extra_columns;
        self
    }

    /// The share of rows that [`sift`](Contract::sift) sets aside at most, from 0 to 1.
    #[must_use]
    pub fn max_quarantined(mut self, share: f64) -> Self {
        self.max_quarantined = share;
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The columns in order.
    pub fn columns(&self) -> &[ColumnContract] {
        &self.columns
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The contract of a table without these columns, such as the target: what it says of them, and rules that look at one of
    /// them or at all, or at how many columns there are, are gone.
    #[must_use]
    pub fn drop<S: AsRef<str>>(&self, names: &[S]) -> Self {
        let mut contract = self.clone();
        if names.is_empty() {
            return contract;
        }
        let is_left_out = |name: &str| names.iter().any(|left_out| left_out.as_ref() == name);
        contract.columns.retain(|column| !is_left_out(&column.name));
        let rule = |rule: &Rule| Some(Rule { expect: rule.expect.without(&is_left_out)?, ..rule.clone() });
        contract.rules = self.rules.iter().filter_map(rule).collect();
        contract.fresh = contract.fresh.filter(|fresh| !is_left_out(&fresh.time));
        contract.mature =
            contract.mature.filter(|mature| !is_left_out(&mature.time) && !is_left_out(&mature.label));
        contract
    }

    /// What it says of rows each of which may come alone, as in a request to a server: columns, types, missing cells, ranges, levels
    /// and the rules about cells. How many rows there are, what must be unique or in order, statistics, rules for a share of
    /// the rows and the age of rows and labels ([`fresh`](Contract::fresh), [`mature`](Contract::mature), which
    /// [`check_at`](Contract::check_at) holds) are left out.
    ///
    /// ```
    /// use perennial_data::{Contract, Rule, Table};
    ///
    /// let ages = |ages: &[i64]| Table::builder().integer("age", ages.to_vec()).build();
    /// let contract = Contract::infer(&ages(&[31, 54])?).min_rows(2).rule(Rule::increasing("age"));
    /// assert!(!contract.check(&ages(&[40])?).is_met());
    /// assert!(contract.of_single_rows().check(&ages(&[40])?).is_met());
    /// assert!(!contract.of_single_rows().check(&ages(&[540])?).is_met());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn of_single_rows(&self) -> Self {
        let rules = self.single_row_rules().filter_map(|at| self.rules.get(at).cloned()).collect();
        let (fresh, mature) = (None, None);
        let mut contract = Contract { min_rows: 0, rules, fresh, mature, ..self.clone() };
        contract.columns.iter_mut().for_each(|column| column.unique = false);
        contract
    }

    /// The positions in [`rules`](Contract::rules) of those that [`of_single_rows`](Contract::of_single_rows) keeps, in order: the rule that a
    /// [`Violation`] of it names, as this contract counts.
    ///
    /// ```
    /// use perennial_data::{Contract, Rule, Table};
    ///
    /// let contract = Contract::new().extra_columns(true).rule(Rule::unique(["age"])).rule(Rule::between("age", 0..=120));
    /// let report = contract.of_single_rows().check(&Table::builder().integer("age", [540]).build()?);
    /// assert_eq!(report.violations()[0].rule, Some(0));
    /// assert_eq!(contract.single_row_rules().collect::<Vec<_>>(), [1]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn single_row_rules(&self) -> impl Iterator<Item = usize> {
        // What is no share stays, to be refused.
        let is_a_share = |rule: &Rule| (0.0..1.0).contains(&rule.mostly);
        let is_one_by_one = move |rule: &Rule| !is_a_share(rule) || cells::about(&rule.expect).is_none();
        let rules = self.rules.iter().enumerate();
        rules
            .filter(move |(_, rule)| is_one_by_one(rule) && rule.expect.is_of_single_rows())
            .map(|(at, _)| at)
    }

    /// The columns whose cells must be of their type, for readers.
    pub(crate) fn types(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let must = self.columns.iter().filter(|column| column.severity != Severity::Warn);
        must.map(|column| (column.name.as_str(), column.column_type))
    }

    /// The columns that may have no cell at all, for readers of rows that leave out what is missing.
    pub(crate) fn nullable_columns(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let nullable = self.columns.iter().filter(|column| column.nullable);
        nullable.map(|column| (column.name.as_str(), column.column_type))
    }

    /// All that breaks the contract.
    pub fn check(&self, table: &Table) -> ContractReport {
        self.check_beside(table, &[])
    }

    /// All that breaks the contract, with the other tables that its rules name.
    pub fn check_beside(&self, table: &Table, others: &[(&str, &Table)]) -> ContractReport {
        let violations = self.findings(table, others).into_iter().map(|finding| finding.violation);
        ContractReport { n_rows: table.n_rows(), violations: violations.collect() }
    }

    fn findings(&self, table: &Table, others: &[(&str, &Table)]) -> Vec<Finding> {
        let mut found = Vec::new();
        if table.n_rows() < self.min_rows {
            let message = format!("there are {} rows, expected at least {}", table.n_rows(), self.min_rows);
            let mut finding = Finding::of_table(Check::RowCount, Severity::Fail, message);
            finding.violation.count = self.min_rows - table.n_rows();
            found.push(finding);
        }
        for contract in &self.columns {
            match table.column(&contract.name) {
                Ok(column) => contract.check(column, &mut found),
                Err(_) => {
                    let (check, words) = (Check::MissingColumn, "is missing".to_owned());
                    found.push(Finding::of_column(&contract.name, check, contract.severity, words));
                }
            }
        }
        if !self.extra_columns {
            let known: BTreeSet<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            for name in table.names().filter(|name| !known.contains(name)) {
                let (check, words) = (Check::ExtraColumn, "is not part of the contract".to_owned());
                found.push(Finding::of_column(name, check, Severity::Fail, words));
            }
        }
        for (at, rule) in self.rules.iter().enumerate() {
            if let Some(mut finding) = finding::of_rule(rule, table, others) {
                finding.violation.rule = Some(at);
                found.push(finding);
            }
        }
        found
    }

    /// Refuses a table that breaks the contract, but for warnings. Rows that could be set aside break it too; see
    /// [`sift`](Contract::sift).
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) naming columns and cells.
    pub fn enforce(&self, table: &Table) -> Result<()> {
        let report = self.check(table);
        if report.is_met() { Ok(()) } else { Err(Error::contract_violation(report.to_string())) }
    }
}

/// The rows whose cell stands in an earlier row.
fn repeats(name: &str, column: &Column) -> Vec<usize> {
    // One column has nothing that could be refused.
    cells::repeated(&[name.to_owned()], &[column]).map_or(Vec::new(), |broken| broken.rows)
}
