//! The categories of columns that come in batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{Error, Result};
use perennial_data::{Column, ColumnType, Table};

use crate::batch_parts::{MOST_DISTINCT, too_many_distinct};
use crate::categories::{Coded, Counted, Levels, MISSING};

/// A category in the order of those of a table in memory: whole numbers by size, texts by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Whole(i64),
    Text(Arc<str>),
}

/// The categories of one column, each with something that rows are added to.
pub(crate) struct ColumnParts<T> {
    pub(crate) name: Arc<str>,
    column_type: ColumnType,
    places: BTreeMap<Key, usize>,
    pub(crate) each: Vec<T>,
    pub(crate) missing: T,
}

impl<T: Default> ColumnParts<T> {
    fn new(name: &str, column: &Column) -> Self {
        let column_type = column.column_type();
        ColumnParts {
            name: name.into(),
            column_type,
            places: BTreeMap::new(),
            each: Vec::new(),
            missing: T::default(),
        }
    }

    /// Takes in the rows of a batch: `add(row, what its category has)`.
    pub(crate) fn add(&mut self, column: &Column, mut add: impl FnMut(usize, &mut T)) -> Result<()> {
        if column.column_type() != self.column_type {
            return Err(Error::malformed(format!(
                "column `{}` is of type {} in one batch and {} in another; read the batches with one schema",
                self.name,
                self.column_type,
                column.column_type()
            )));
        }
        let coded = Coded::of(&self.name, column)?;
        let mut places = vec![usize::MAX; coded.levels().len()];
        for (row, &code) in coded.codes.iter().enumerate() {
            if code == MISSING {
                add(row, &mut self.missing);
                continue;
            }
            let place = &mut places[code as usize];
            if *place == usize::MAX {
                let level = coded.level(code);
                let whole = level.parse().ok().filter(|_| self.column_type == ColumnType::Integer);
                let key = whole.map_or_else(|| Key::Text(level.into()), Key::Whole);
                let next = self.each.len();
                *place = *self.places.entry(key).or_insert(next);
                if *place == next {
                    self.each.push(T::default());
                }
            }
            add(row, &mut self.each[*place]);
        }
        if self.each.len() > MOST_DISTINCT { Err(too_many_distinct()) } else { Ok(()) }
    }

    /// The categories that count, in the order of a table in memory, and what each has.
    pub(crate) fn in_order(mut self, counts: impl Fn(&T) -> bool) -> (Levels, Vec<T>, T) {
        self.places.retain(|_, place| counts(&self.each[*place]));
        let mut each: Vec<Option<T>> = self.each.into_iter().map(Some).collect();
        let each = self.places.values().filter_map(|&place| each[place].take()).collect();
        let name = |key: Key| match key {
            Key::Whole(number) => Arc::from(number.to_string()),
            Key::Text(text) => text,
        };
        let levels = self.places.into_keys().map(name).collect::<Vec<_>>().into();
        (levels, each, self.missing)
    }
}

/// All columns of tables that come in batches.
pub(crate) struct TableParts<T>(pub(crate) Vec<ColumnParts<T>>);

impl<T> Default for TableParts<T> {
    fn default() -> Self {
        TableParts(Vec::new())
    }
}

impl<T: Default> TableParts<T> {
    /// Takes in a batch with the columns of the first one: `add(column, row, what its category has)`.
    pub(crate) fn add(&mut self, x: &Table, mut add: impl FnMut(usize, usize, &mut T)) -> Result<()> {
        if self.0.is_empty() {
            self.0 = x.columns().map(|(name, column)| ColumnParts::new(name, column)).collect();
        }
        if x.n_cols() != self.0.len() {
            let (first, other) = (self.0.len(), x.n_cols());
            return Err(Error::malformed(format!(
                "the first batch has {first} columns, and another {other}"
            )));
        }
        for (at, parts) in self.0.iter_mut().enumerate() {
            parts.add(x.column(&parts.name.clone())?, |row, each| add(at, row, each))?;
        }
        Ok(())
    }
}

impl<T> TableParts<T> {
    /// The names of the columns, in the order of the first batch.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|parts| &*parts.name)
    }
}

impl TableParts<f64> {
    /// Counts the rows of a batch.
    pub(crate) fn count(&mut self, x: &Table, weights: Option<&[f64]>) -> Result<()> {
        self.add(x, |_, row, count| *count += weights.map_or(1.0, |weights| weights[row]))
    }

    /// Names and counted categories of the columns.
    pub(crate) fn counted(self) -> impl Iterator<Item = (Arc<str>, Counted)> {
        self.0.into_iter().map(|parts| {
            let name = parts.name.clone();
            let (levels, weights, missing) = parts.in_order(|weight| *weight > 0.0);
            (name, Counted { levels, weights, missing, codes: Vec::new() })
        })
    }
}
