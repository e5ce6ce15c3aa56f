//! Columns of categories: one small code per row into a list of levels.

use std::collections::BTreeMap;

use arrow_array::{Array, StringArray, UInt32Array};
use perennial_core::{Error, Result};

/// One of a list of levels for each row, stored as a code that counts from 0.
///
/// Levels are distinct. Picking rows keeps all of them, so that codes mean the same in every part of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    pub(crate) codes: UInt32Array,
    pub(crate) levels: StringArray,
}

impl Category {
    /// Categories from texts; the levels are the distinct texts in sorted order.
    pub(crate) fn from_texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let texts: Vec<Option<&str>> = texts.collect();
        let mut order: BTreeMap<&str, u32> = texts.iter().flatten().map(|&text| (text, 0)).collect();
        for (position, code) in order.values_mut().enumerate() {
            *code = position as u32;
        }
        let codes = texts.iter().map(|text| text.map(|text| order[text])).collect();
        Category { codes, levels: StringArray::from_iter_values(order.keys()) }
    }

    /// Categories from codes and levels.
    ///
    /// # Errors
    /// When a level occurs twice or a code has no level.
    pub(crate) fn new(codes: UInt32Array, levels: StringArray) -> Result<Self> {
        let mut seen = BTreeMap::new();
        for (code, level) in levels.iter().enumerate() {
            let Some(level) = level else {
                return Err(Error::malformed(format!("level {code} of a category column is missing")));
            };
            if let Some(first) = seen.insert(level, code) {
                return Err(Error::malformed(format!(
                    "levels {first} and {code} of a category column are both `{level}`"
                )));
            }
        }
        match codes.iter().position(|code| code.is_some_and(|code| code as usize >= levels.len())) {
            None => Ok(Category { codes, levels }),
            Some(row) => Err(Error::malformed(format!(
                "row {row} has the category code {}, but there are {} levels, counted from 0",
                codes.value(row),
                levels.len()
            ))),
        }
    }

    /// The code of each row, counted from 0; nothing where it is missing.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = Option<u32>> + '_ {
        self.codes.iter()
    }

    /// The code of one row; nothing where it is missing or there is no such row.
    pub fn code(&self, row: usize) -> Option<u32> {
        (row < self.codes.len() && self.codes.is_valid(row)).then(|| self.codes.value(row))
    }

    /// The levels in the order of their codes.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.levels.len()).map(|code| self.levels.value(code))
    }

    /// The level of a code, where there is one.
    pub fn level(&self, code: u32) -> Option<&str> {
        ((code as usize) < self.levels.len()).then(|| self.levels.value(code as usize))
    }

    /// The number of levels, whether or not each of them has rows.
    pub fn n_levels(&self) -> usize {
        self.levels.len()
    }

    /// The same rows with these levels first, in this order, and those they do not name after them.
    pub(crate) fn with_levels<'a>(&'a self, first: impl Iterator<Item = &'a str>) -> Self {
        let mut order: Vec<&str> = Vec::new();
        let mut positions: BTreeMap<&str, u32> = BTreeMap::new();
        for level in first.chain(self.levels()) {
            positions.entry(level).or_insert_with(|| {
                order.push(level);
                order.len() as u32 - 1
            });
        }
        let moved: Vec<u32> = self.levels().map(|level| positions[level]).collect();
        let codes = self.codes.iter().map(|code| code.map(|code| moved[code as usize])).collect();
        Category { codes, levels: StringArray::from_iter_values(order) }
    }
}
