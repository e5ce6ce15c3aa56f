//! A contract as a step of a pipeline.

use std::borrow::Cow;
use std::marker::PhantomData;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, FitTransform, Matrix, NoTarget, OutputSchema, Result, Rows,
    Train, Transformer,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Contract, Severity, Violation};
use crate::{Column, Table};

/// What a [`ContractCheck`] can look at.
pub trait AsTable: Rows<Owned = Self> + Clone + Send + Sync {
    /// The rows as a table: the columns of a matrix are real numbers, and NaN is missing.
    ///
    /// # Errors
    /// When two columns have one name.
    fn as_table(&self) -> Result<Cow<'_, Table>>;
}

impl AsTable for Table {
    fn as_table(&self) -> Result<Cow<'_, Table>> {
        Ok(Cow::Borrowed(self))
    }
}

impl AsTable for Matrix {
    fn as_table(&self) -> Result<Cow<'_, Table>> {
        let dense = self.to_dense()?;
        let cells = dense.dense()?;
        let column = |(at, name)| (name, Column::real(cells.column(at).iter().copied()));
        Table::new(self.features().names().enumerate().map(column)).map(Cow::Owned)
    }
}

/// Holds the rows that pass by to a [`Contract`], and hands them on as they are: the contract of the reader goes with the model
/// into cross-validation, artifacts, batches and the server. It stands before the first step, or between any two of tables or
/// matrices.
///
/// When learning, all of the contract is held. When answering, only what it says of single rows: columns, types, missing cells,
/// ranges, levels and the rules about cells. A row must get the same answer alone and among others, so the number of rows, what
/// must be unique, what is in order, statistics and rules for a share of the rows stay out. Warnings pass. A row that could be set
/// aside is an error in both, for a step gives as many rows as it takes; [`Contract::sift`] comes before. So a batch with one bad
/// row is refused as a whole. What warned when learning is kept with the model ([`warnings`](ContractCheckModel::warnings)) and told by what it
/// [decided](Transformer::decided); what warns of rows that are to be answered is asked by [`warnings_of`](ContractCheckModel::warnings_of). Sparse matrices are not taken: their columns would be made dense for each answer.
///
/// A contract of a table with its target is held to the table without it by [`Contract::drop`].
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{ColumnContract, ColumnType, Contract, ContractCheck, Table};
///
/// let contract = Contract::new()
///     .with(ColumnContract::new("age", ColumnType::Integer).min(0.0).max(120.0))
///     .with(ColumnContract::new("paid", ColumnType::Boolean))
///     .min_rows(2);
/// let check = ContractCheck::new(contract.drop(&["paid"]));
/// let model = check.fit(&Table::builder().integer("age", [31, 54]).build()?, &NoTarget)?;
/// let error = model.transform(&Table::builder().integer("age", [540]).build()?).unwrap_err();
/// assert!(error.to_string().contains("column `age` is `540` at row 0, above the maximum 120"));
/// assert!(model.transform(&Table::builder().integer("age", [23]).build()?).is_ok()); // one row is enough for an answer
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct ContractCheck<X = Table> {
    contract: Contract,
    /// The moment of learning.
    #[serde(default)]
    now: Option<i64>,
    #[serde(skip)]
    input: PhantomData<fn(X)>,
}

impl<X> ContractCheck<X> {
    /// Holds rows to this contract.
    pub fn new(contract: Contract) -> Self {
        ContractCheck { contract, now: None, input: PhantomData }
    }

    /// Holds the rows that are learned from also to what the contract says of their age and of their labels
    /// ([`Contract::fresh`], [`Contract::mature`]) at a moment, in microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn at(mut self, now: i64) -> Self {
        self.now = Some(now);
        self
    }
}

impl<X: AsTable> Estimator for ContractCheck<X> {
    type Input = X;
    type Target = NoTarget;
    type Model = ContractCheckModel<X>;

    fn fit_on(&self, train: &Train<'_, X, NoTarget>) -> Result<ContractCheckModel<X>> {
        if let Some(part) = lost(&self.contract) {
            return Err(Error::unsupported(format!(
                "{part} has a number that is infinite or no number, which a saved model cannot keep; leave the bound out or write \
                 a finite one"
            )));
        }
        let table = train.x.as_table()?;
        let report = match self.now {
            Some(now) => self.contract.check_at(&table, now),
            None => self.contract.check(&table),
        };
        match report.is_met() {
            true => {
                let warnings = report.violations.iter().map(Violation::to_string).collect();
                Ok(ContractCheckModel::new(self.contract.clone(), warnings))
            }
            false => Err(Error::contract_violation(report.to_string())),
        }
    }

    /// Whether cells may be missing is for the contract to say.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical().groups()
    }
}

impl<X: AsTable> FitTransform for ContractCheck<X> {
    fn fit_transform_on(&self, train: &Train<'_, X, NoTarget>) -> Result<(ContractCheckModel<X>, X)> {
        Ok((self.fit_on(train)?, train.x.clone()))
    }

    /// The columns of the input, which must be those of the contract.
    fn transform_schema(&self, x: &X) -> Result<OutputSchema<X>> {
        OutputSchema::of(&ContractCheckModel::<X>::new(self.contract.clone(), Vec::new()), x)
    }
}

/// A fitted [`ContractCheck`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "", try_from = "Saved")]
pub struct ContractCheckModel<X = Table> {
    #[serde(serialize_with = "as_json")]
    contract: Contract,
    warnings: Vec<String>,
    /// What the contract says of single rows.
    #[serde(skip)]
    rows: Contract,
    #[serde(skip)]
    input: PhantomData<fn(X)>,
}

/// The contract as JSON: artifacts are written in a format that does not say what comes next, and a contract has parts that
/// can be left out.
#[derive(Deserialize)]
struct Saved {
    contract: String,
    warnings: Vec<String>,
}

fn as_json<S: serde::Serializer>(contract: &Contract, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serde_json::to_string(contract).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// The part of a contract that JSON does not give back as it is.
fn lost(contract: &Contract) -> Option<String> {
    if comes_back(contract) {
        return None;
    }
    let column = contract.columns.iter().find(|column| !comes_back(*column));
    let column = column.map(|column| format!("column `{}` of the contract", column.name));
    let rule = || contract.rules.iter().position(|rule| !comes_back(rule));
    let rule = || rule().map(|at| format!("rule {at} of the contract, counted from 0,"));
    Some(column.or_else(rule).unwrap_or_else(|| "the contract".to_owned()))
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq>(part: &T) -> bool {
    let text = serde_json::to_string(part).ok();
    text.and_then(|text| serde_json::from_str::<T>(&text).ok()).is_some_and(|again| again == *part)
}

impl<X> TryFrom<Saved> for ContractCheckModel<X> {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let contract = serde_json::from_str(&saved.contract)
            .map_err(|error| Error::corrupt(format!("this is no contract: {error}")).with_source(error))?;
        Ok(ContractCheckModel::new(contract, saved.warnings))
    }
}

impl<X> ContractCheckModel<X> {
    fn new(contract: Contract, warnings: Vec<String>) -> Self {
        ContractCheckModel { rows: contract.of_single_rows(), contract, warnings, input: PhantomData }
    }

    /// What warned of the rows that were learned from, in words.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }
}

impl<X: AsTable> ContractCheckModel<X> {
    /// What the contract warns of in rows that are to be answered, each of which may come alone; [`transform`](Transformer::transform) lets them pass.
    ///
    /// ```
    /// use perennial_core::{Estimator, NoTarget};
    /// use perennial_data::{Contract, ContractCheck, Rule, Table};
    ///
    /// let contract = Contract::new().extra_columns(true).rule(Rule::between("age", 0..=120).warn());
    /// let ages = |ages: [i64; 2]| Table::builder().integer("age", ages).build();
    /// let model = ContractCheck::new(contract).fit(&ages([31, 54])?, &NoTarget)?;
    /// assert!(model.warnings().is_empty());
    /// assert_eq!(model.warnings_of(&ages([23, 540])?)?[0].rows, [1]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When two columns have one name.
    pub fn warnings_of(&self, x: &X) -> Result<Vec<Violation>> {
        let report = self.rows.check(&*x.as_table()?);
        let rules: Vec<usize> = self.contract.single_row_rules().collect();
        let warnings = report.violations.into_iter().filter(|violation| violation.severity == Severity::Warn);
        let as_written =
            |found: Violation| Violation { rule: found.rule.and_then(|at| rules.get(at).copied()), ..found };
        Ok(warnings.map(as_written).collect())
    }
}

impl<X: AsTable> Transformer for ContractCheckModel<X> {
    type Input = X;
    type Output = X;

    fn transform(&self, x: &X) -> Result<X> {
        self.rows.enforce(&*x.as_table()?)?;
        Ok(x.clone())
    }

    fn decided(&self) -> Vec<Decided> {
        let why = "a part of the contract that warns";
        let warned = |warning: &String| Decided::by(self, format!("rows pass with a {warning}"), why);
        self.warnings.iter().map(warned).collect()
    }
}
