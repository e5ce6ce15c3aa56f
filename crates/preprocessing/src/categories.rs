//! The categories of a column: learned in one pass, looked up in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{Error, Result};
use perennial_data::{Column, ColumnType};
use serde::{Deserialize, Serialize};

/// What becomes of a category that was not there at fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unknown {
    /// An error that names the category and the column.
    #[default]
    Error,
    /// No category at all: zeros in a one-hot encoding, missing in an ordinal one.
    Ignore,
}

/// The category of each row as a code into a list of levels; nothing where it is missing.
pub(crate) struct Coded<'a> {
    pub(crate) codes: Vec<Option<u32>>,
    pub(crate) levels: Vec<&'a str>,
    owned: Vec<String>,
}

impl<'a> Coded<'a> {
    /// Categories and texts as they are; booleans and whole numbers as they are written.
    pub(crate) fn of(name: &str, column: &'a Column) -> Result<Coded<'a>> {
        match column.column_type() {
            ColumnType::Category => {
                let category = column.as_category()?;
                Ok(Coded {
                    codes: category.codes().collect(),
                    levels: category.levels().collect(),
                    owned: Vec::new(),
                })
            }
            ColumnType::Text => {
                let (codes, levels) = number(column.as_text()?);
                Ok(Coded { codes, levels, owned: Vec::new() })
            }
            ColumnType::Boolean => {
                let codes = column.as_boolean()?.map(|cell| cell.map(u32::from)).collect();
                Ok(Coded { codes, levels: vec!["false", "true"], owned: Vec::new() })
            }
            ColumnType::Integer => {
                let (codes, numbers) = number(column.as_integer()?);
                let owned = numbers.iter().map(i64::to_string).collect();
                Ok(Coded { codes, levels: Vec::new(), owned })
            }
            other => Err(Error::unsupported(format!(
                "column `{name}` is of type {other:?} and has no categories; encode text, category, boolean or integer columns, or discretise it first"
            ))),
        }
    }

    /// The levels in the order of their codes.
    pub(crate) fn level_names(&self) -> Vec<&str> {
        if self.owned.is_empty() {
            self.levels.clone()
        } else {
            self.owned.iter().map(String::as_str).collect()
        }
    }
}

/// Codes in sorted order of the values.
fn number<T: Ord + Copy>(cells: impl Iterator<Item = Option<T>>) -> (Vec<Option<u32>>, Vec<T>) {
    // Codes in order of appearance first: one look-up per cell; sorting touches distinct values only.
    let mut order: BTreeMap<T, u32> = BTreeMap::new();
    let codes: Vec<Option<u32>> = cells
        .map(|cell| {
            cell.map(|value| {
                let next = order.len() as u32;
                *order.entry(value).or_insert(next)
            })
        })
        .collect();
    let mut rank = vec![0; order.len()];
    for (position, &code) in order.values().enumerate() {
        rank[code as usize] = position as u32;
    }
    (
        codes.into_iter().map(|code| code.map(|code| rank[code as usize])).collect(),
        order.into_keys().collect(),
    )
}

/// How much each category of a training column counts.
pub(crate) struct Counted {
    pub(crate) levels: Vec<Arc<str>>,
    pub(crate) weights: Vec<f64>,
    pub(crate) missing: f64,
}

/// Counts the categories that have a row of positive weight, in sorted order; whole numbers by size.
pub(crate) fn count(name: &str, column: &Column, weights: Option<&[f64]>) -> Result<Counted> {
    let coded = Coded::of(name, column)?;
    let names = coded.level_names();
    let mut by_code = vec![0.0; names.len()];
    let mut missing = 0.0;
    for (row, code) in coded.codes.iter().enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        match code {
            Some(code) => by_code[*code as usize] += weight,
            None => missing += weight,
        }
    }
    let mut kept: Vec<usize> = (0..names.len()).filter(|&code| by_code[code] > 0.0).collect();
    if column.column_type() == ColumnType::Category {
        kept.sort_by_key(|&code| names[code]);
    }
    let levels = kept.iter().map(|&code| Arc::from(names[code])).collect();
    Ok(Counted { levels, weights: kept.iter().map(|&code| by_code[code]).collect(), missing })
}

/// For each level of a column, the position that was learned for it.
pub(crate) fn positions(names: &[&str], learned: &[Arc<str>]) -> Vec<Option<u32>> {
    let known: BTreeMap<&str, u32> =
        learned.iter().zip(0..).map(|(level, position)| (&**level, position)).collect();
    names.iter().map(|name| known.get(name).copied()).collect()
}

/// The error for a category that was not there at fit.
pub(crate) fn unknown_category(column: &str, level: &str, row: usize, learned: &[Arc<str>]) -> Error {
    let short: String = level.chars().take(64).collect();
    let some: Vec<&str> = learned.iter().take(8).map(|level| &**level).collect();
    Error::unknown(format!(
        "column `{column}` has the category `{short}` at row {row}, which was not there at fit; known: {}{}. To pass over such rows set `unknown(Unknown::Ignore)`",
        some.join(", "),
        if learned.len() > some.len() { ", …" } else { "" }
    ))
}
