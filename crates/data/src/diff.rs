//! What is different between two tables.

use std::fmt;

use perennial_core::{Error, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::join::{Cardinality, check_once, shared_keys};
use crate::keys::{Keys, NO_KEY, grouped, shown};
use crate::table::free_name;
use crate::{Column, ColumnType, Table};

/// What is different between an older table and a newer one, row by row; made by [`Table::diff`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableDiff {
    /// Columns that only the newer table has.
    pub columns_added: Vec<String>,
    /// Columns that only the older table has.
    pub columns_removed: Vec<String>,
    /// Columns whose type is another one: name, older and newer type.
    pub types_changed: Vec<(String, ColumnType, ColumnType)>,
    /// Rows whose key only the newer table has.
    pub added: Table,
    /// Rows whose key only the older table has.
    pub removed: Table,
    /// How many rows have a cell that changed.
    pub n_changed: usize,
    /// How many rows both tables have with the same cells.
    pub n_same: usize,
    /// What changed in each column that both tables have and that is no key.
    pub columns: Vec<ColumnDiff>,
    /// Each cell that changed: the key, and in the columns `column`, `before` and `after` where and what, as texts. Where a key
    /// has such a name, the column is `column 2` and so on.
    pub changes: Table,
}

/// What changed in one column, over the rows that both tables have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnDiff {
    /// The name of the column.
    pub name: String,
    /// How many cells changed, the next two numbers included.
    pub n_changed: usize,
    /// How many cells were there and are missing now.
    pub n_lost: usize,
    /// How many cells were missing and are there now.
    pub n_filled: usize,
    /// The mean of newer minus older number where both are there; nothing where there are none.
    pub mean_change: Option<f64>,
    /// The largest difference of numbers, without its sign.
    pub max_change: Option<f64>,
}

impl TableDiff {
    /// Whether nothing is different: columns, types, rows and cells. The order of rows and columns does not matter.
    pub fn is_empty(&self) -> bool {
        self.columns_added.is_empty()
            && self.columns_removed.is_empty()
            && self.types_changed.is_empty()
            && self.added.n_rows() == 0
            && self.removed.n_rows() == 0
            && self.n_changed == 0
    }
}

impl fmt::Display for TableDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "no difference in {} rows", self.n_same);
        }
        write!(
            f,
            "{} rows added, {} removed, {} changed, {} the same",
            self.added.n_rows(),
            self.removed.n_rows(),
            self.n_changed,
            self.n_same
        )?;
        for (what, names) in [("new", &self.columns_added), ("dropped", &self.columns_removed)] {
            if !names.is_empty() {
                write!(f, "; {what} columns: {}", names.join(", "))?;
            }
        }
        for (name, before, after) in &self.types_changed {
            write!(f, "; `{name}` was {before} and is {after}")?;
        }
        for column in self.columns.iter().filter(|column| column.n_changed > 0) {
            write!(f, "; `{}` changed in {} rows", column.name, column.n_changed)?;
            if let Some(mean) = column.mean_change {
                write!(f, ", by {mean} on average")?;
            }
        }
        Ok(())
    }
}

impl Table {
    /// What is different in a newer table. Rows are the same where the key columns are; each key stands once in each table.
    /// [`diff_unkeyed`](Table::diff_unkeyed) compares tables without a key.
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let monday = Table::new([("id", Column::integer([1, 2, 3])), ("price", Column::real([5.0, 6.0, 7.0]))])?;
    /// let tuesday = Table::new([("id", Column::integer([3, 1, 4])), ("price", Column::real([7.0, 5.5, 8.0]))])?;
    /// let diff = monday.diff(&tuesday, &["id"])?;
    /// assert_eq!((diff.added.n_rows(), diff.removed.n_rows(), diff.n_changed, diff.n_same), (1, 1, 1, 1));
    /// assert_eq!(diff.columns[0].mean_change, Some(0.25));
    /// assert_eq!(diff.changes.column("after")?.cell(0).as_deref(), Some("5.5"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no key, a key column does not exist in both tables with one type or holds real numbers, or a key is missing
    /// or stands twice in one table.
    pub fn diff(&self, newer: &Table, keys: &[&str]) -> Result<TableDiff> {
        if keys.is_empty() {
            return Err(Error::empty(
                "no key was named; name the columns that say which rows are the same, or compare by `diff_unkeyed`",
            ));
        }
        let (old, new) = shared_keys(self, newer, keys)?;
        check_keys(self, keys, &old, "older")?;
        check_keys(newer, keys, &new, "newer")?;
        let (partners, starts) = grouped(&new.numbers, new.n_keys);
        let partner = |key: u32| partners[starts[key as usize]..starts[key as usize + 1]].first().copied();
        let mut both: Vec<(usize, usize)> = Vec::new();
        let mut removed: Vec<usize> = Vec::new();
        let mut matched = vec![false; newer.n_rows()];
        for (row, &key) in old.numbers.iter().enumerate() {
            match partner(key) {
                Some(other) => {
                    matched[other] = true;
                    both.push((row, other));
                }
                None => removed.push(row),
            }
        }
        let added: Vec<bool> = matched.iter().map(|matched| !matched).collect();
        let of_both: Vec<&str> =
            self.names().filter(|name| newer.contains(name) && !keys.contains(name)).collect();
        let mut columns = Vec::with_capacity(of_both.len());
        let mut changed: Vec<(usize, usize, u32)> = Vec::new();
        for (name, at) in of_both.iter().zip(0..) {
            let (before, after) = (self.column(name)?, newer.column(name)?);
            let rows: Vec<usize> =
                (0..both.len()).filter(|&pair| !is_same(before, both[pair].0, after, both[pair].1)).collect();
            columns.push(column_diff(name, before, after, &both, &rows));
            changed.extend(rows.into_iter().map(|pair| (both[pair].0, both[pair].1, at)));
        }
        // Row by row, and within a row in the order of the columns.
        changed.sort_unstable();
        let mut rows_changed: Vec<usize> = changed.iter().map(|change| change.0).collect();
        rows_changed.dedup();
        let types = of_both.iter().map(|name| {
            Ok(((*name).to_owned(), self.column(name)?.column_type(), newer.column(name)?.column_type()))
        });
        let types = types.collect::<Result<Vec<_>>>()?;
        Ok(TableDiff {
            columns_added: newer.names().filter(|name| !self.contains(name)).map(str::to_owned).collect(),
            columns_removed: self.names().filter(|name| !newer.contains(name)).map(str::to_owned).collect(),
            types_changed: types.into_iter().filter(|(_, before, after)| before != after).collect(),
            added: newer.filter(&added)?,
            removed: self.take(&removed)?,
            n_changed: rows_changed.len(),
            n_same: both.len() - rows_changed.len(),
            changes: self.changes(newer, keys, &of_both, &changed)?,
            columns,
        })
    }

    fn changes(
        &self,
        newer: &Table,
        keys: &[&str],
        names: &[&str],
        changed: &[(usize, usize, u32)],
    ) -> Result<Table> {
        let rows: Vec<usize> = changed.iter().map(|change| change.0).collect();
        let cells = |table: &Table, row: usize, at: u32| {
            let column = table.column(names[at as usize]).ok()?;
            column.cell(row).map(|cell| cell.into_owned())
        };
        let before: Vec<Option<String>> = changed.iter().map(|&(row, _, at)| cells(self, row, at)).collect();
        let after: Vec<Option<String>> = changed.iter().map(|&(_, row, at)| cells(newer, row, at)).collect();
        let mut columns: Vec<(String, Column)> = self
            .select(keys)?
            .take(&rows)?
            .columns()
            .map(|(name, column)| (name.to_owned(), column.clone()))
            .collect();
        let at = Column::category_codes(changed.iter().map(|change| change.2), names)?;
        let free = |name| free_name(name, |name| keys.contains(&name));
        columns.push((free("column"), at));
        columns.push((free("before"), Column::text(before.iter().map(Option::as_deref))));
        columns.push((free("after"), Column::text(after.iter().map(Option::as_deref))));
        Table::new(columns)
    }
}

fn check_keys(table: &Table, names: &[&str], keys: &Keys, which: &str) -> Result<()> {
    if let Some(row) = keys.numbers.iter().position(|&key| key == NO_KEY) {
        return Err(Error::malformed(format!(
            "row {row} of the {which} table has the key {}; a row without a key has no counterpart, so leave it out or choose another key",
            shown(table, names, row)
        )));
    }
    check_once(table, names, &keys.numbers, keys.n_keys, which, Cardinality::OneToOne)
}

/// Whether two cells are the same: both missing, equal in value, or written the same.
fn is_same(before: &Column, a: usize, after: &Column, b: usize) -> bool {
    match (before.is_null(a), after.is_null(b)) {
        (true, true) => true,
        (false, false) => match Column::order(before, a, after, b) {
            Some(order) => order.is_eq(),
            None => before.cell(a) == after.cell(b),
        },
        _ => false,
    }
}

fn column_diff(
    name: &str,
    before: &Column,
    after: &Column,
    both: &[(usize, usize)],
    changed: &[usize],
) -> ColumnDiff {
    let count = |wanted: &dyn Fn(usize, usize) -> bool| {
        changed.iter().filter(|&&pair| wanted(both[pair].0, both[pair].1)).count()
    };
    let numbers = before.as_real().ok().zip(after.as_real().ok());
    let differences: Vec<f64> = numbers.map_or(Vec::new(), |(before, after)| {
        let differences =
            both.iter().map(|&(a, b)| if before[a] == after[b] { 0.0 } else { after[b] - before[a] });
        differences.filter(|difference| !difference.is_nan()).collect()
    });
    let n = differences.len() as f64;
    ColumnDiff {
        name: name.to_owned(),
        n_changed: changed.len(),
        n_lost: count(&|a, b| !before.is_null(a) && after.is_null(b)),
        n_filled: count(&|a, b| before.is_null(a) && !after.is_null(b)),
        mean_change: (n > 0.0).then(|| differences.iter().sum::<f64>() / n),
        max_change: differences.iter().map(|difference| difference.abs()).reduce(f64::max),
    }
}
