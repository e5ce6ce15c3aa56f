//! Conditions on the columns of a table.

use std::fmt;
use std::str::FromStr;

use perennial_core::{Error, Result};
use perennial_data::{Column, ColumnType, Table};
use serde::{Deserialize, Serialize};

/// A condition on the columns of a table, written as text: `age >= 18 and country in ['NO', 'SE']`.
///
/// Columns are compared with numbers, texts in single quotes, and `true` or `false`; conditions are joined by
/// `and`, `or`, `not` and brackets; `x is missing` and `x is present` ask for missing cells. Names with other
/// characters than letters, digits and `_` stand in backticks; a quote within quotes is written twice. A comparison with a missing cell does not hold.
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_problem::Predicate;
///
/// let adults: Predicate = "age >= 18 and not country = 'XX'".parse()?;
/// let table = Table::new([
///     ("age", Column::integer([Some(30), Some(12), None])),
///     ("country", Column::text(["NO", "NO", "NO"])),
/// ])?;
/// assert_eq!(adults.holds(&table)?, [true, false, false]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Predicate {
    text: String,
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    // Lists rather than pairs: a chain of many parts must not become a deep tree.
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Missing(String),
    Compare(String, Comparison, Literal),
    In(String, Vec<Literal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Number(f64),
    Text(String),
    Boolean(bool),
}

impl FromStr for Predicate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Predicate { text: text.to_owned(), condition: crate::parse::condition(text)? })
    }
}

impl TryFrom<String> for Predicate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Predicate> for String {
    fn from(predicate: Predicate) -> Self {
        predicate.text
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Predicate {
    /// Whether the condition holds, for each row.
    ///
    /// # Errors
    /// When a column does not exist, or cannot be compared with what it is compared with.
    pub fn holds(&self, table: &Table) -> Result<Vec<bool>> {
        self.condition.holds(table).map_err(|error| error.context(format!("condition `{}`", self.text)))
    }
}

impl Condition {
    fn holds(&self, table: &Table) -> Result<Vec<bool>> {
        let join = |parts: &[Condition], start: bool, join: fn(bool, bool) -> bool| -> Result<Vec<bool>> {
            let mut all = vec![start; table.n_rows()];
            for part in parts {
                all.iter_mut().zip(part.holds(table)?).for_each(|(all, holds)| *all = join(*all, holds));
            }
            Ok(all)
        };
        match self {
            Condition::And(parts) => join(parts, true, |a, b| a && b),
            Condition::Or(parts) => join(parts, false, |a, b| a || b),
            Condition::Not(inner) => Ok(inner.holds(table)?.into_iter().map(|holds| !holds).collect()),
            Condition::Missing(name) => {
                let column = table.column(name)?;
                Ok((0..column.n_rows()).map(|row| column.is_null(row)).collect())
            }
            Condition::Compare(name, comparison, literal) => {
                compare(name, table.column(name)?, *comparison, literal)
            }
            Condition::In(name, literals) => {
                let column = table.column(name)?;
                let mut holds = vec![false; column.n_rows()];
                for literal in literals {
                    let equal = compare(name, column, Comparison::Equal, literal)?;
                    holds.iter_mut().zip(equal).for_each(|(holds, equal)| *holds |= equal);
                }
                Ok(holds)
            }
        }
    }
}

fn compare(name: &str, column: &Column, comparison: Comparison, literal: &Literal) -> Result<Vec<bool>> {
    use ColumnType::{Boolean, Category, Integer, Real, Text};
    match (column.column_type(), literal) {
        (Integer | Real, Literal::Number(number)) => {
            Ok(column.as_real()?.iter().map(|cell| comparison.holds(cell.partial_cmp(number))).collect())
        }
        (Text | Category, Literal::Text(text)) => {
            let ordered = |cell: Option<&str>| cell.map(|cell| cell.cmp(text.as_str()));
            Ok(column.as_text()?.map(|cell| comparison.holds(ordered(cell))).collect())
        }
        (Boolean, Literal::Boolean(wanted)) => {
            Ok(column.as_boolean()?.map(|cell| comparison.holds(cell.map(|cell| cell.cmp(wanted)))).collect())
        }
        (kind, literal) => Err(Error::unsupported(format!(
            "column `{name}` is of type {kind:?} and cannot be compared with {literal}; numbers are written plainly, texts in single quotes, and booleans as true or false"
        ))),
    }
}

impl Comparison {
    /// Nothing holds of a missing cell, or of NaN.
    fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Number(number) => write!(f, "the number {number}"),
            Literal::Text(text) => write!(f, "the text '{text}'"),
            Literal::Boolean(boolean) => write!(f, "{boolean}"),
        }
    }
}
