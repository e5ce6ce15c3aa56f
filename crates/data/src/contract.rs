//! What data must be like, learned from good data or written down.

use std::collections::BTreeSet;
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::column::Data;
use crate::{Column, ColumnType, Table};

/// How many rows a violation names.
const ROWS_NAMED: usize = 5;

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    min_rows: usize,
    extra_columns: bool,
    columns: Vec<ColumnContract>,
}

/// What the cells of one column may be.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `nullable` | false | whether cells may be missing |
/// | `min`, `max` | none | the range of numbers |
/// | `allowed` | none | the texts or levels that there may be |
/// | `unique` | false | whether no two cells may be equal; missing cells are not compared |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnContract {
    name: String,
    column_type: ColumnType,
    #[serde(default)]
    nullable: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed: Option<BTreeSet<String>>,
}

impl ColumnContract {
    /// A column of this name and type, with any cells but missing ones.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        let (name, nullable, unique, min, max, allowed) = (name.into(), false, false, None, None, None);
        ColumnContract { name, column_type, nullable, unique, min, max, allowed }
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

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
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
                    column.n_rows() > 1 && column.null_count() == 0 && repeated(column).is_empty();
            }
            _ => {}
        }
        contract
    }

    fn check(&self, column: &Column, found: &mut Vec<Violation>) {
        if column.column_type() != self.column_type {
            let message = format!("is of type {}, expected {}", column.column_type(), self.column_type);
            found.push(Violation::of_table(&self.name, Check::Type, 0, message));
            return;
        }
        let mut add = |check: Check, rows: Vec<usize>, rule: String| {
            if let Some(&first) = rows.first() {
                let cell = column.cell(first).map_or("missing".into(), |cell| format!("`{cell}`"));
                let message = format!("is {cell} at row {first}, {rule} ({} rows)", rows.len());
                let (count, rows) = (rows.len(), rows.into_iter().take(ROWS_NAMED).collect());
                found.push(Violation { column: Some(self.name.clone()), check, count, rows, message });
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
            add(Check::Unique, repeated(column), "which stands in an earlier row too".into());
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
        Contract { min_rows: 1, extra_columns: false, columns }
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

    /// The columns in order.
    pub fn columns(&self) -> &[ColumnContract] {
        &self.columns
    }

    /// All that breaks the contract.
    pub fn check(&self, table: &Table) -> ContractReport {
        let mut violations = Vec::new();
        if table.n_rows() < self.min_rows {
            let message = format!("there are {} rows, expected at least {}", table.n_rows(), self.min_rows);
            let (count, rows) = (self.min_rows - table.n_rows(), Vec::new());
            violations.push(Violation { column: None, check: Check::RowCount, count, rows, message });
        }
        for contract in &self.columns {
            match table.column(&contract.name) {
                Ok(column) => contract.check(column, &mut violations),
                Err(_) => {
                    let message = "is missing".to_owned();
                    violations.push(Violation::of_table(&contract.name, Check::MissingColumn, 0, message));
                }
            }
        }
        if !self.extra_columns {
            let known: BTreeSet<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            for name in table.names().filter(|name| !known.contains(name)) {
                let message = "is not part of the contract".to_owned();
                violations.push(Violation::of_table(name, Check::ExtraColumn, 0, message));
            }
        }
        ContractReport { n_rows: table.n_rows(), violations }
    }

    /// Refuses a table that breaks the contract.
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) naming columns and cells.
    pub fn enforce(&self, table: &Table) -> Result<()> {
        let report = self.check(table);
        if report.is_met() { Ok(()) } else { Err(Error::contract_violation(report.to_string())) }
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
}

/// One way in which a table breaks its contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// The column; nothing where it is about the whole table.
    pub column: Option<String>,
    /// What is broken.
    pub check: Check,
    /// In how many rows; 0 where it is not about rows.
    pub count: usize,
    /// The first of these rows, counted from 0.
    pub rows: Vec<usize>,
    /// The violation in words, to follow the name of the column.
    pub message: String,
}

impl Violation {
    fn of_table(column: &str, check: Check, count: usize, message: String) -> Self {
        Violation { column: Some(column.to_owned()), check, count, rows: Vec::new(), message }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column `{column}` {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// All that breaks a contract in one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractReport {
    n_rows: usize,
    violations: Vec<Violation>,
}

impl ContractReport {
    /// Whether nothing breaks the contract.
    pub fn is_met(&self) -> bool {
        self.violations.is_empty()
    }

    /// The number of rows that were checked.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What breaks the contract, in the order of the contract.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for ContractReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_met() {
            return write!(f, "{} rows meet the contract", self.n_rows);
        }
        let texts: Vec<String> = self.violations.iter().map(Violation::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

/// The cells of a column of numbers; integers beyond ±2^53 are near enough for a range.
fn numbers(column: &Column) -> Option<Vec<Option<f64>>> {
    match &column.0 {
        Data::Integer(array) => Some(array.iter().map(|cell| cell.map(|cell| cell as f64)).collect()),
        Data::Real(array) => Some(array.iter().collect()),
        _ => None,
    }
}

/// The rows whose cell stands in an earlier row.
fn repeated(column: &Column) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..column.n_rows()).filter(|&row| !column.is_null(row)).collect();
    match &column.0 {
        Data::Integer(array) => keep_repeated(&mut rows, |row| array.value(row)),
        Data::Date(array) => keep_repeated(&mut rows, |row| array.value(row)),
        Data::DateTime(array) => keep_repeated(&mut rows, |row| array.value(row)),
        Data::Boolean(array) => keep_repeated(&mut rows, |row| array.value(row)),
        // Zero equals minus zero, and there is no NaN.
        Data::Real(array) => keep_repeated(&mut rows, |row| (array.value(row) + 0.0).to_bits()),
        Data::Text(_) | Data::Category(_) => keep_repeated(&mut rows, |row| column.text_at(row)),
    }
    rows
}

fn keep_repeated<T: Ord>(rows: &mut Vec<usize>, cell: impl Fn(usize) -> T) {
    rows.sort_by_key(|&row| cell(row));
    let again: Vec<usize> =
        rows.windows(2).filter(|pair| cell(pair[0]) == cell(pair[1])).map(|pair| pair[1]).collect();
    *rows = again;
    rows.sort_unstable();
}
