//! The categories of a column: learned in one pass, looked up in one pass.

use std::borrow::Cow;
use std::sync::Arc;

use perennial_core::{Error, Result};
use perennial_data::{Category, Column, ColumnType};
use serde::{Deserialize, Serialize};

/// What becomes of a category that was not there at fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unknown {
    /// An error that names the category and the column.
    #[default]
    Error,
    /// No category at all: zeros in a one-hot encoding, missing in an ordinal one, what says nothing elsewhere.
    Ignore,
}

/// The code of a missing cell.
pub(crate) const MISSING: u32 = u32::MAX;

/// The category of each row as a code into a list of levels, [`MISSING`] where there is none.
pub(crate) struct Coded<'a> {
    pub(crate) codes: Vec<u32>,
    category: Cow<'a, Category>,
}

impl<'a> Coded<'a> {
    /// Categories and texts as they are; booleans and whole numbers as they are written.
    pub(crate) fn of(name: &str, column: &'a Column) -> Result<Coded<'a>> {
        let category = column.to_category().map_err(|error| error.context(format!("column `{name}`")))?;
        Ok(Coded { codes: category.codes_or(MISSING), category })
    }

    /// The levels in the order of their codes, whether or not each has rows.
    pub(crate) fn levels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.category.levels()
    }

    /// What `f` makes of each level that has rows, and nothing of the others: a part of a column keeps all levels.
    pub(crate) fn of_each<T: Default>(&self, f: impl Fn(&str) -> T) -> Vec<T> {
        let mut used = vec![false; self.levels().len()];
        self.codes.iter().filter(|code| **code != MISSING).for_each(|code| used[*code as usize] = true);
        self.levels().zip(used).map(|(level, used)| if used { f(level) } else { T::default() }).collect()
    }

    /// The level of a code.
    pub(crate) fn level(&self, code: u32) -> &str {
        self.category.level(code).unwrap_or_default()
    }
}

/// Distinct categories in the order that was learned, with a way to find one by its text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<str>>", into = "Vec<Arc<str>>")]
pub(crate) struct Levels {
    names: Vec<Arc<str>>,
    /// Positions in the order of their texts.
    sorted: Vec<u32>,
}

impl From<Vec<Arc<str>>> for Levels {
    fn from(names: Vec<Arc<str>>) -> Self {
        let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
        sorted.sort_by(|&a, &b| names[a as usize].cmp(&names[b as usize]));
        Levels { names, sorted }
    }
}

impl From<Levels> for Vec<Arc<str>> {
    fn from(levels: Levels) -> Self {
        levels.names
    }
}

impl Levels {
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Where a category stands in the order that was learned.
    pub(crate) fn position(&self, name: &str) -> Option<u32> {
        let found = self.sorted.binary_search_by(|&position| (*self.names[position as usize]).cmp(name));
        found.ok().map(|place| self.sorted[place])
    }

    /// The position of each level of a column, [`MISSING`] for one that was not learned; of few rows, also for levels that none of them has.
    pub(crate) fn positions(&self, coded: &Coded<'_>) -> Vec<u32> {
        if coded.codes.len() >= coded.levels().len() {
            return coded.levels().map(|level| self.position(level).unwrap_or(MISSING)).collect();
        }
        let mut positions = vec![MISSING; coded.levels().len()];
        for &code in coded.codes.iter().filter(|code| **code != MISSING) {
            positions[code as usize] = self.position(coded.level(code)).unwrap_or(MISSING);
        }
        positions
    }

    /// The position of the category of each row, [`MISSING`] where it is missing.
    ///
    /// # Errors
    /// When a category was not learned, unless such ones are to be ignored.
    pub(crate) fn look_up(&self, name: &str, column: &Column, unknown: Unknown) -> Result<Vec<u32>> {
        let coded = Coded::of(name, column)?;
        let positions = self.positions(&coded);
        if unknown == Unknown::Error && positions.contains(&MISSING) {
            let new = |code: &u32| *code != MISSING && positions[*code as usize] == MISSING;
            if let Some(row) = coded.codes.iter().position(new) {
                return Err(self.unknown(name, coded.level(coded.codes[row]), row));
            }
        }
        let place = |code: u32| if code == MISSING { MISSING } else { positions[code as usize] };
        Ok(coded.codes.iter().map(|&code| place(code)).collect())
    }

    /// As [`look_up`](Levels::look_up), with the places after the last category for missing cells and, where they
    /// are ignored, unknown categories.
    pub(crate) fn places(&self, name: &str, column: &Column, unknown: Unknown) -> Result<Vec<u32>> {
        let mut places = self.look_up(name, column, unknown)?;
        let after = self.len() as u32;
        for (row, place) in places.iter_mut().enumerate().filter(|(_, place)| **place == MISSING) {
            *place = if column.is_null(row) { after } else { after + 1 };
        }
        Ok(places)
    }

    /// The error for a category that was not there at fit.
    pub(crate) fn unknown(&self, column: &str, level: &str, row: usize) -> Error {
        let short: String = level.chars().take(64).collect();
        let some: Vec<&str> = self.names.iter().take(8).map(|level| &**level).collect();
        Error::unknown(format!(
            "column `{column}` has the category `{short}` at row {row}, which was not there at fit; known: {}{}. To pass over such rows set `unknown(Unknown::Ignore)`",
            some.join(", "),
            if self.names.len() > some.len() { ", …" } else { "" }
        ))
    }
}

/// The categories of a training column that have a row of positive weight, in sorted order, whole numbers by
/// size, and how much each counts.
pub(crate) struct Counted {
    pub(crate) levels: Levels,
    pub(crate) weights: Vec<f64>,
    pub(crate) missing: f64,
    /// The position of the category of each row; [`MISSING`] where it is missing or has no weight.
    pub(crate) codes: Vec<u32>,
}

pub(crate) fn count(name: &str, column: &Column, weights: Option<&[f64]>) -> Result<Counted> {
    let mut coded = Coded::of(name, column)?;
    let mut by_code = vec![0.0; coded.levels().len()];
    let mut missing = 0.0;
    for (row, &code) in coded.codes.iter().enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        match code {
            MISSING => missing += weight,
            code => by_code[code as usize] += weight,
        }
    }
    let names: Vec<&str> = coded.category.levels().collect();
    let mut kept: Vec<usize> = (0..names.len()).filter(|&code| by_code[code] > 0.0).collect();
    if column.column_type() == ColumnType::Category {
        kept.sort_by_key(|&code| names[code]);
    }
    let mut places = vec![MISSING; names.len()];
    kept.iter().zip(0..).for_each(|(&code, place)| places[code] = place);
    let levels = kept.iter().map(|&code| Arc::from(names[code])).collect::<Vec<_>>().into();
    coded.codes.iter_mut().filter(|code| **code != MISSING).for_each(|code| *code = places[*code as usize]);
    let weights = kept.iter().map(|&code| by_code[code]).collect();
    Ok(Counted { levels, weights, missing, codes: coded.codes })
}
