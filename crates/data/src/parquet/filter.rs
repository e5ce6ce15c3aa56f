//! Rows that are wanted, and row groups that have none of them.

use std::ops::RangeBounds;

use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::arrow::column_of;
use crate::contract::{Ends, Range};
use crate::{Column, Scalar, Table};

/// A column whose cells lie in a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    column: String,
    range: Range,
}

impl Filter {
    pub(super) fn new<S: Into<Scalar> + Clone>(column: String, range: &impl RangeBounds<S>) -> Self {
        Filter { column, range: Range::of(range) }
    }

    pub(super) fn column(&self) -> &String {
        &self.column
    }

    fn ends(&self, column: &Column) -> Result<Ends> {
        self.range.ends(column).map_err(|why| Error::unsupported(format!("column `{}` {why}", self.column)))
    }

    pub(super) fn apply(&self, table: &Table) -> Result<Table> {
        let column = table.column(&self.column)?;
        let ends = self.ends(column)?;
        let keep: Vec<bool> =
            (0..table.n_rows()).map(|row| !column.is_null(row) && ends.hold(column, row)).collect();
        table.filter(&keep)
    }

    /// For each row group whether its statistics exclude all of its rows. What statistics do not say excludes nothing.
    pub(super) fn skipped(&self, loaded: &ArrowReaderMetadata) -> Vec<bool> {
        let groups = loaded.metadata().row_groups();
        let extremes = || -> Option<(Column, Column)> {
            let converter =
                StatisticsConverter::try_new(&self.column, loaded.schema(), loaded.parquet_schema()).ok()?;
            let min = column_of(&converter.row_group_mins(groups).ok()?).ok()?;
            let max = column_of(&converter.row_group_maxes(groups).ok()?).ok()?;
            Some((min, max))
        };
        let Some((min, max)) = extremes() else { return Vec::new() };
        let (Ok(of_min), Ok(of_max)) = (self.ends(&min), self.ends(&max)) else { return Vec::new() };
        let lie_outside = |group: usize| of_max.is_below(&max, group) || of_min.is_above(&min, group);
        (0..groups.len()).map(lie_outside).collect()
    }
}
