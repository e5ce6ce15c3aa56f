//! Why columns got their types.

use std::collections::BTreeMap;

use perennial_core::Result;

use super::cell::Kind;
use super::file::File;
use super::scan;
use crate::{Column, ColumnType, Table};

/// Why a column of a CSV file got its type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inferred {
    /// The name of the column.
    pub column: String,
    /// The type that it got.
    pub column_type: ColumnType,
    /// Why, naming the cell and the line that decided.
    pub reason: String,
    /// The number of missing cells.
    pub nulls: usize,
}

/// What decided the type of a column.
pub(super) struct Evidence {
    /// The type that was given, if one was.
    pub(super) given: Option<ColumnType>,
    /// What all cells have in common.
    pub(super) kind: Kind,
    /// The byte of the file at which the cell stands that made the column what it is.
    pub(super) witness: Option<usize>,
}

impl Evidence {
    fn reason(&self, column: &Column, cell: &str) -> String {
        match column.column_type() {
            _ if self.given.is_some() => "the type was given".to_owned(),
            _ if self.kind == Kind::Nothing => "all cells are missing".to_owned(),
            ColumnType::Category => {
                let n_levels = column.as_category().map_or(0, |category| category.n_levels());
                format!("{n_levels} distinct texts; text because of {cell}")
            }
            ColumnType::Text => format!("many distinct texts; text because of {cell}"),
            column_type => format!("all cells fit; {column_type} because of {cell}"),
        }
    }
}

impl File<'_> {
    /// The table, and a sentence for each column.
    pub(super) fn read_with_report(&self) -> Result<(Table, Vec<Inferred>)> {
        let (table, found) = self.read()?;
        let lines = self.lines(found.iter().filter_map(|found| found.witness));
        let report = table.columns().zip(&found).map(|((name, column), found)| {
            let cell = found.witness.map_or(String::new(), |at| {
                format!("`{}` on line {}", self.cell_at(at), lines.get(&at).copied().unwrap_or_default())
            });
            let (column_type, nulls) = (column.column_type(), column.null_count());
            Inferred { column: name.to_owned(), column_type, reason: found.reason(column, &cell), nulls }
        });
        let report = report.collect();
        Ok((table, report))
    }

    /// The line of each byte, in one pass over the file.
    fn lines(&self, offsets: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
        let mut lines: BTreeMap<usize, usize> = offsets.map(|offset| (offset, 0)).collect();
        let (mut line, mut start) = (1, 0);
        for (&offset, known) in &mut lines {
            line += scan::line_ends(self.bytes, start..offset);
            start = offset;
            *known = line;
        }
        lines
    }
}
