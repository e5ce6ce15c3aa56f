//! Which columns of a table a step works on.

use std::fmt;

use perennial_core::Result;
use perennial_data::{Column, ColumnType, Table};
use serde::{Deserialize, Serialize};

/// Picks columns of a table, by name or by type. A list of names is a selector too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Selector {
    /// Whole and real numbers.
    Numeric,
    /// Texts and categories.
    Categorical,
    /// True or false.
    Boolean,
    /// These columns, in this order.
    Names(Vec<String>),
    /// What one selector picks, without these columns.
    Without(Box<Selector>, Vec<String>),
}

/// Columns of whole and real numbers.
pub fn numeric() -> Selector {
    Selector::Numeric
}

/// Columns of texts and categories.
pub fn categorical() -> Selector {
    Selector::Categorical
}

/// Columns of true and false.
pub fn boolean() -> Selector {
    Selector::Boolean
}

/// The columns with these names.
pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Selector {
    Selector::Names(names.into_iter().map(Into::into).collect())
}

impl Selector {
    /// The same columns but for these.
    #[must_use]
    pub fn without<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Selector {
        Selector::Without(Box::new(self), names.into_iter().map(Into::into).collect())
    }

    /// The names of the columns it picks from a table.
    ///
    /// # Errors
    /// When a column that is named does not exist.
    pub fn pick(&self, table: &Table) -> Result<Vec<String>> {
        let by_type = |wanted: fn(ColumnType) -> bool| {
            let fits = |(_, column): &(&str, &Column)| wanted(column.column_type());
            Ok(table.columns().filter(fits).map(|(name, _)| name.to_owned()).collect())
        };
        match self {
            Selector::Numeric => by_type(|kind| matches!(kind, ColumnType::Integer | ColumnType::Real)),
            Selector::Categorical => by_type(|kind| matches!(kind, ColumnType::Text | ColumnType::Category)),
            Selector::Boolean => by_type(|kind| kind == ColumnType::Boolean),
            Selector::Names(names) => {
                names.iter().try_for_each(|name| table.column(name).map(|_| ()))?;
                Ok(names.clone())
            }
            Selector::Without(inner, names) => {
                names.iter().try_for_each(|name| table.column(name).map(|_| ()))?;
                let mut picked = inner.pick(table)?;
                picked.retain(|name| !names.contains(name));
                Ok(picked)
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Numeric => f.write_str("`numeric()`"),
            Selector::Categorical => f.write_str("`categorical()`"),
            Selector::Boolean => f.write_str("`boolean()`"),
            Selector::Names(names) => write!(f, "the list [{}]", names.join(", ")),
            Selector::Without(inner, names) => write!(f, "{inner} without [{}]", names.join(", ")),
        }
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Selector {
    fn from(list: [S; N]) -> Self {
        names(list)
    }
}

impl From<Vec<String>> for Selector {
    fn from(list: Vec<String>) -> Self {
        names(list)
    }
}
