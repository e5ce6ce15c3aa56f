//! Columns of categories: one small code per row into a list of levels.

use std::collections::BTreeMap;

use arrow_array::{Array, StringArray, UInt32Array};
use perennial_core::{Error, Result};
use rayon::prelude::*;

use crate::interner::Interner;

/// Rows per chunk.
const CHUNK: usize = 1 << 16;

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
        Category::from_array(&texts.collect())
    }

    /// As [`from_texts`](Category::from_texts), chunks of rows side by side: each numbers its own texts, and
    /// only the distinct ones are sorted.
    pub(crate) fn from_array(texts: &StringArray) -> Self {
        let piece = |start: usize| {
            let rows = start..(start + CHUNK).min(texts.len());
            let mut known = Interner::default();
            let number = |row| match texts.is_valid(row) {
                true => known.intern(texts.value(row).as_bytes()),
                false => 0,
            };
            let numbers: Vec<u32> = rows.map(number).collect();
            (known, numbers)
        };
        // Waking other threads takes longer than a few rows.
        let alone = texts.len() <= CHUNK;
        let parts: Vec<_> = match alone {
            true => vec![piece(0)],
            false => (0..texts.len().div_ceil(CHUNK)).into_par_iter().map(|k| piece(k * CHUNK)).collect(),
        };
        // Texts that several chunks have are found by their hash, so that each is sorted once.
        let mut all = Interner::default();
        let numbers = |known: &Interner| -> Vec<u32> { (0..known.len() as u32).collect() };
        let joined: Vec<Vec<u32>> = parts
            .iter()
            .map(|(known, _)| {
                numbers(known).into_iter().map(|number| all.intern(known.text(number))).collect()
            })
            .collect();
        let mut order = numbers(&all);
        order.sort_unstable_by_key(|&number| all.text(number));
        let mut rank_of = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&number, rank)| rank_of[number as usize] = rank);
        let ranks: Vec<Vec<u32>> = joined
            .into_iter()
            .map(|numbers| numbers.into_iter().map(|number| rank_of[number as usize]).collect())
            .collect();
        let mut codes = vec![0; texts.len()];
        let fill = |(codes, numbers, ranks): (&mut [u32], &[u32], &[u32])| {
            for (code, &number) in codes.iter_mut().zip(numbers) {
                // A chunk of missing cells alone has no texts; its codes are never read.
                *code = ranks.get(number as usize).copied().unwrap_or(0);
            }
        };
        match alone {
            true => fill((&mut codes, &parts[0].1, &ranks[0])),
            false => {
                let parts = codes.par_chunks_mut(CHUNK).zip(&parts).zip(&ranks);
                parts.for_each(|((codes, (_, numbers)), ranks)| fill((codes, numbers, ranks)));
            }
        }
        // The bytes came from a `StringArray`, so they are UTF-8.
        let levels = order.iter().map(|&number| std::str::from_utf8(all.text(number)).unwrap_or_default());
        let levels = StringArray::from_iter_values(levels);
        Category { codes: UInt32Array::new(codes.into(), texts.nulls().cloned()), levels }
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

    /// The code of each row, with `missing` where there is none.
    pub fn codes_or(&self, missing: u32) -> Vec<u32> {
        let mut codes = self.codes.values().to_vec();
        if let Some(nulls) = self.codes.nulls().filter(|nulls| nulls.null_count() > 0) {
            codes.iter_mut().zip(nulls).filter(|(_, valid)| !valid).for_each(|(code, _)| *code = missing);
        }
        codes
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
