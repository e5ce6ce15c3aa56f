//! Missing cells filled from the rows beside them.

use std::cmp::Ordering;

use arrow_array::UInt64Array;
use perennial_core::{Error, Result, ResultExt};

use crate::keys::Keys;
use crate::{Change, ChangeKind, Column, ColumnType, Table};

/// Where the cell for a missing one comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Before,
    After,
    Between,
}

/// Fills missing cells from rows before, after, or on both sides of them, within groups and in the order of a column.
///
/// It is no step of a pipeline, for what a cell becomes depends on other rows: fill a table before it is split, and only
/// from rows that are known at the time ([`forward`](Fill::forward) looks at nothing later).
///
/// | name | default | meaning |
/// |---|---|---|
/// | `by` | none | key columns: each combination of cells is filled by itself, missing keys being equal |
/// | `order` | that of the rows | the column of times or numbers that says what is before and after |
/// | `limit` | none | how many missing cells in a row are filled, counted from the cell that fills them |
///
/// [`interpolate`](Fill::interpolate) draws a straight line between the numbers on both sides, by the distance in the column
/// of the order, or by rows where there is none. It fills nothing before the first number and after the last; an integer
/// column becomes a real one. Between rows of equal times the earlier number counts.
///
/// ```
/// use perennial_data::{Column, Fill, Table};
///
/// let table = Table::new([
///     ("day", Column::date([1, 2, 4])),
///     ("level", Column::real([Some(10.0), None, Some(16.0)])),
/// ])?;
/// let filled = Fill::interpolate(["level"]).order("day").apply(&table)?;
/// assert_eq!(filled.values("level")?.as_slice(), [10.0, 12.0, 16.0]);
/// let filled = Fill::forward(["level"]).apply(&table)?;
/// assert_eq!(filled.values("level")?.as_slice(), [10.0, 10.0, 16.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    source: Source,
    columns: Vec<String>,
    by: Vec<String>,
    order: Option<String>,
    limit: Option<usize>,
}

impl Fill {
    fn new<S: Into<String>>(source: Source, columns: impl IntoIterator<Item = S>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Fill { source, columns, by: Vec::new(), order: None, limit: None }
    }

    /// With the last cell before a missing one.
    pub fn forward<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Fill::new(Source::Before, columns)
    }

    /// With the first cell after a missing one, which is of the future where the order is time.
    pub fn backward<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Fill::new(Source::After, columns)
    }

    /// On the line between the numbers before and after a missing one.
    pub fn interpolate<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Fill::new(Source::Between, columns)
    }

    /// Key columns whose combinations are filled each by itself.
    #[must_use]
    pub fn by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The column of times or numbers that says what is before and after; no cell of it may be missing.
    #[must_use]
    pub fn order(mut self, column: impl Into<String>) -> Self {
        self.order = Some(column.into());
        self
    }

    /// How many missing cells in a row are filled.
    #[must_use]
    pub fn limit(mut self, cells: usize) -> Self {
        self.limit = Some(cells);
        self
    }

    /// The table with its cells filled, rows where they were.
    ///
    /// # Errors
    /// When a column does not exist, a key column holds real numbers, the order has a missing cell or no order, or a column
    /// to be interpolated holds no numbers.
    pub fn apply(&self, table: &Table) -> Result<Table> {
        Ok(self.apply_with_changes(table)?.0)
    }

    /// As [`apply`](Fill::apply), with how many cells of each column were filled, of those where some were.
    ///
    /// ```
    /// use perennial_data::{Column, Fill, Table};
    ///
    /// let table = Table::new([("level", Column::real([None, Some(10.0), None, None]))])?;
    /// let (_, changes) = Fill::forward(["level"]).limit(1).apply_with_changes(&table)?;
    /// assert_eq!((changes[0].column.as_deref(), changes[0].count), (Some("level"), 1));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`apply`](Fill::apply).
    pub fn apply_with_changes(&self, table: &Table) -> Result<(Table, Vec<Change>)> {
        let groups = self.groups(table)?;
        let places = match (&self.order, self.source) {
            (Some(name), Source::Between) => {
                Some(places(table.column(name)?).context(format!("column `{name}`"))?)
            }
            _ => None,
        };
        let place = |row: usize, step: usize| places.as_ref().map_or(step as f64, |places| places[row]);
        let (mut filled, mut changes) = (table.clone(), Vec::new());
        for (at, name) in self.columns.iter().enumerate() {
            // One that was named before is filled.
            if self.columns[..at].contains(name) {
                continue;
            }
            let column = table.column(name)?;
            let new = match self.source {
                Source::Between => self.line(column, &groups, &place).context(format!("column `{name}`"))?,
                _ => self.taken(column, &groups)?,
            };
            let count = column.null_count() - new.null_count();
            if count > 0 {
                changes.push(Change::of_cells(name.as_str(), ChangeKind::Filled, count));
            }
            filled = filled.with_column(name.as_str(), new)?;
        }
        Ok((filled, changes))
    }

    /// The rows of each group, in order.
    fn groups(&self, table: &Table) -> Result<Vec<Vec<usize>>> {
        let by: Vec<&str> = self.by.iter().map(String::as_str).collect();
        let (rows, starts) = Keys::of(table, &by, true)?.rows();
        let mut groups: Vec<Vec<usize>> =
            starts.windows(2).map(|ends| rows[ends[0]..ends[1]].to_vec()).collect();
        if let Some(name) = &self.order {
            let order = table.column(name)?;
            if let Some(row) = (0..order.n_rows()).find(|&row| order.is_null(row)) {
                return Err(Error::unsupported(format!(
                    "column `{name}` says the order and is missing at row {row}; leave such rows out, or fill them first"
                )));
            }
            for group in &mut groups {
                group.sort_by(|&a, &b| Column::order(order, a, order, b).unwrap_or(Ordering::Equal));
            }
        }
        Ok(groups)
    }

    fn within(&self, missing: usize) -> bool {
        self.limit.is_none_or(|limit| missing <= limit)
    }

    /// Each missing cell taken from the last one before it, or the first one after it.
    fn taken(&self, column: &Column, groups: &[Vec<usize>]) -> Result<Column> {
        let mut from: Vec<u64> = (0..column.n_rows() as u64).collect();
        let mut fill = |rows: &mut dyn Iterator<Item = &usize>| {
            let (mut last, mut missing) = (None, 0);
            for &row in rows {
                if column.is_null(row) {
                    missing += 1;
                    from[row] = last.filter(|_| self.within(missing)).unwrap_or(row) as u64;
                } else {
                    (last, missing) = (Some(row), 0);
                }
            }
        };
        for group in groups {
            match self.source {
                Source::After => fill(&mut group.iter().rev()),
                _ => fill(&mut group.iter()),
            }
        }
        column.take(&UInt64Array::from(from))
    }

    /// Each missing number on the line between those on both sides.
    fn line(
        &self,
        column: &Column,
        groups: &[Vec<usize>],
        place: &dyn Fn(usize, usize) -> f64,
    ) -> Result<Column> {
        let mut numbers = column.as_real()?.into_owned();
        for group in groups {
            let known: Vec<usize> = (0..group.len()).filter(|&step| !numbers[group[step]].is_nan()).collect();
            for ends in known.windows(2) {
                let at = |step: usize| place(group[step], step);
                let (start, end) = (at(ends[0]), at(ends[1]));
                let (low, high) = (numbers[group[ends[0]]], numbers[group[ends[1]]]);
                for step in ends[0] + 1..ends[1] {
                    let share = (at(step) - start) / (end - start);
                    // Equal times have no line between them.
                    let share = if share.is_finite() { share } else { 0.0 };
                    if self.within(step - ends[0]) {
                        numbers[group[step]] = low * (1.0 - share) + high * share;
                    }
                }
            }
        }
        Ok(Column::real(numbers))
    }
}

/// Where each row stands on the line of the order.
fn places(order: &Column) -> Result<Vec<f64>> {
    match order.column_type() {
        ColumnType::Date | ColumnType::DateTime => {
            Ok(order.as_date_time()?.map(|moment| moment.map_or(f64::NAN, |moment| moment as f64)).collect())
        }
        _ => Ok(order.as_real()?.into_owned()),
    }
}
