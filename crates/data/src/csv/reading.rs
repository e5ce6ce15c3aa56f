//! The columns of a file while it is read, which may be in parts.

use std::collections::BTreeSet;

use perennial_core::{Error, Result};
use rayon::prelude::*;

use super::cell::{Kind, NullTokens};
use super::error::CsvError;
use super::growing::{Goal, Growing};
use super::piece::Rules;
use super::reader::CsvReader;
use super::report::Evidence;
use crate::{Column, Table};

/// What was read of a file so far.
pub(super) struct Reading<'a> {
    reader: &'a CsvReader,
    pub(super) names: Vec<String>,
    pub(super) rules: Rules,
    pub(super) columns: Vec<Growing>,
    /// Whether memory was set aside for all rows.
    has_room: bool,
}

/// Memory is set aside for no more than so many times the rows that are there.
const MOST_EXPECTED: f64 = 16.0;

impl<'a> Reading<'a> {
    /// Nothing yet.
    pub(super) fn new(reader: &'a CsvReader, names: Vec<String>) -> Result<Self> {
        let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let types = reader.given_types();
        if let Some(column) = types.keys().find(|name| !known.contains(name.as_str())) {
            return Err(CsvError::MissingColumn { column: column.clone() }.into());
        }
        let goal = |name: &String| match types.get(name) {
            Some(&column_type) => Goal::Given(column_type),
            None => Goal::Find(Kind::Nothing, reader.max_categories),
        };
        let columns = names.iter().map(|name| Growing::new(goal(name))).collect();
        let (nulls, quote) = (NullTokens::new(&reader.null_tokens), reader.quote);
        let rules = Rules { nulls, quote, decimal: reader.decimal, dates: reader.dates()? };
        Ok(Reading { reader, names, rules, columns, has_room: false })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.n_rows)
    }

    /// Sets memory aside for the rest of a file that has about so many times the rows that were read, once it is no longer
    /// many times as many. Once: a vector whose room turns out too small doubles it.
    pub(super) fn make_room(&mut self, times: f64) {
        if !self.has_room && times <= MOST_EXPECTED {
            self.has_room = true;
            // A little more than it seems, lest all cells move once more at the end.
            self.columns.par_iter_mut().for_each(|column| column.make_room(1.02 * times));
        }
    }

    /// What a second pass over the file is to fill, where columns turned out to be text after rows were read as something
    /// narrower.
    pub(super) fn second(&self) -> Option<Reading<'a>> {
        self.columns.iter().any(|column| column.again).then(|| Reading {
            reader: self.reader,
            names: self.names.clone(),
            rules: self.rules.clone(),
            columns: self.columns.iter().map(Growing::second).collect(),
            has_room: false,
        })
    }

    /// Puts in the columns that a second pass read.
    ///
    /// # Errors
    /// When the file is another one by now.
    pub(super) fn replace(&mut self, second: Reading<'_>) -> Result<()> {
        if second.n_rows() != self.n_rows() || second.names != self.names {
            return Err(Error::malformed("the file changed while it was read; read it again"));
        }
        for (column, second) in self.columns.iter_mut().zip(second.columns) {
            if column.again {
                let witness = column.witness;
                *column = second;
                column.witness = witness;
            }
        }
        Ok(())
    }

    /// The table, and why each column got its type.
    ///
    /// # Errors
    /// The first number beyond the range of `f64` in a column of numbers; a level that is none of those that were given.
    pub(super) fn finish(self) -> Result<(Table, Vec<Evidence>)> {
        let overflows = self.columns.iter().filter(|column| column.kind != Kind::Text);
        if let Some((_, error)) =
            overflows.filter_map(|column| column.overflow.as_ref()).min_by_key(|(offset, _)| *offset)
        {
            return Err(error.clone().into());
        }
        let n_rows = self.n_rows();
        let evidence =
            |column: &Growing| Evidence { given: column.given(), kind: column.kind, witness: column.witness };
        let found = self.columns.iter().map(evidence).collect();
        let levels = &self.reader.levels;
        let columns: Vec<Result<Column>> = self
            .names
            .par_iter()
            .zip(self.columns)
            .map(|(name, column)| column.finish(name, levels.get(name).map(Vec::as_slice)))
            .collect();
        let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
        let named = self.names.into_iter().map(Into::into).zip(columns).collect();
        Ok((Table::with_rows(n_rows, named)?, found))
    }
}
