//! The table: named columns of equal length.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, UInt64Array};
use perennial_core::{Capabilities, Error, Result, Rows, check_rows};

use crate::keys::Keys;
use crate::pii::marks::Marks;
use crate::role::Roles;
use crate::{Column, Schema, TableBuilder};

/// Named columns of equal length. It never changes; cloning shares it. Tables are equal when names, types, cells
/// and levels are.
///
/// ```
/// use perennial_core::Rows;
/// use perennial_data::Table;
///
/// let table = Table::builder()
///     .category("city", ["Bern", "Basel", "Bern"])
///     .real("price", [Some(3.5), None, Some(4.0)])
///     .build()?;
/// assert_eq!((table.n_rows(), table.n_cols()), (3, 2));
/// assert_eq!(table.column("price")?.null_count(), 1);
/// let whole = table.take(&[2, 0])?;
/// assert_eq!(whole.values("price")?.as_slice(), [4.0, 3.5]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    n_rows: usize,
    names: Vec<Arc<str>>,
    columns: Vec<Column>,
    positions: BTreeMap<Arc<str>, usize>,
    /// Which columns are of personal data.
    marks: Marks,
    /// What columns are there for.
    roles: Roles,
}

impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.n_rows == other.0.n_rows
                && self.0.names == other.0.names
                && self.0.columns == other.0.columns)
    }
}

impl Table {
    /// A table from columns with their names.
    ///
    /// # Errors
    /// When columns differ in length, or a name is empty or occurs twice.
    pub fn new<S: Into<Arc<str>>>(columns: impl IntoIterator<Item = (S, Column)>) -> Result<Self> {
        let columns: Vec<(Arc<str>, Column)> =
            columns.into_iter().map(|(name, column)| (name.into(), column)).collect();
        let n_rows = columns.first().map_or(0, |(_, column)| column.n_rows());
        Table::with_rows(n_rows, columns)
    }

    /// Columns added one by one.
    pub fn builder() -> TableBuilder {
        TableBuilder::default()
    }

    /// The columns in order, which the table gives up where nobody shares it.
    pub(crate) fn into_columns(self) -> Vec<Column> {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.columns,
            Err(shared) => shared.columns.clone(),
        }
    }

    pub(crate) fn with_rows(n_rows: usize, columns: Vec<(Arc<str>, Column)>) -> Result<Self> {
        let mut positions = BTreeMap::new();
        for (position, (name, column)) in columns.iter().enumerate() {
            if name.is_empty() {
                return Err(Error::invalid_name(format!("column {position} has no name; give it one")));
            }
            if column.n_rows() != n_rows {
                return Err(Error::length_mismatch(format!("column `{name}`"), n_rows, column.n_rows()));
            }
            if let Some(first) = positions.insert(name.clone(), position) {
                return Err(Error::malformed(format!(
                    "columns {first} and {position} are both named `{name}`; give each its own name"
                )));
            }
        }
        let (names, columns) = columns.into_iter().unzip();
        Ok(Table(Arc::new(Inner {
            n_rows,
            names,
            columns,
            positions,
            marks: Marks::new(),
            roles: Roles::new(),
        })))
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.0.marks
    }

    pub(crate) fn with_marks(self, marks: Marks) -> Table {
        Table(Arc::new(Inner { marks, ..Arc::unwrap_or_clone(self.0) }))
    }

    pub(crate) fn roles(&self) -> &Roles {
        &self.0.roles
    }

    pub(crate) fn with_roles(self, roles: Roles) -> Table {
        Table(Arc::new(Inner { roles, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.0.n_rows
    }

    /// How many bytes of memory the cells take, with what is shared with other tables.
    pub fn n_bytes(&self) -> usize {
        self.0.columns.iter().map(Column::n_bytes).sum()
    }

    /// The number of columns.
    pub fn n_cols(&self) -> usize {
        self.0.columns.len()
    }

    /// The names of the columns in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.names.iter().map(|name| &**name)
    }

    /// Names and columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &Column)> {
        self.names().zip(&self.0.columns)
    }

    /// The column of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.position(name).map(|position| &self.0.columns[position])
    }

    /// Whether there is a column of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.positions.contains_key(name)
    }

    /// Names, types and levels of the columns.
    pub fn schema(&self) -> Schema {
        Schema::of(self)
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.0.positions.get(name).copied().ok_or_else(|| {
            let known: Vec<_> = self.names().take(10).collect();
            Error::unknown(format!("no column is named `{name}`; there are: {}", known.join(", ")))
        })
    }

    /// The same rows with other columns.
    fn keep(&self, positions: impl Iterator<Item = usize>) -> Result<Table> {
        let columns = positions.map(|at| (self.0.names[at].clone(), self.0.columns[at].clone())).collect();
        Ok(Table::with_rows(self.0.n_rows, columns)?.inheriting([self]))
    }

    /// The same columns with other rows.
    fn map(&self, n_rows: usize, change: impl Fn(&Column) -> Result<Column>) -> Result<Table> {
        let columns = self.0.columns.iter().map(change).collect::<Result<Vec<_>>>()?;
        let (names, positions) = (self.0.names.clone(), self.0.positions.clone());
        let (marks, roles) = (self.0.marks.clone(), self.0.roles.clone());
        Ok(Table(Arc::new(Inner { n_rows, names, columns, positions, marks, roles })))
    }

    /// The columns with these names, in this order.
    ///
    /// # Errors
    /// When a column does not exist or is named twice.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Table> {
        let positions = names.iter().map(|name| self.position(name.as_ref())).collect::<Result<Vec<_>>>()?;
        self.keep(positions.into_iter())
    }

    /// All columns but those with these names.
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn drop<S: AsRef<str>>(&self, names: &[S]) -> Result<Table> {
        let mut kept = vec![true; self.n_cols()];
        for name in names {
            kept[self.position(name.as_ref())?] = false;
        }
        self.keep((0..self.n_cols()).filter(|&at| kept[at]))
    }

    /// The rows for which `keep` is true.
    ///
    /// # Errors
    /// When `keep` does not have one entry per row.
    pub fn filter(&self, keep: &[bool]) -> Result<Table> {
        if keep.len() != self.n_rows() {
            return Err(Error::length_mismatch("the filter", self.n_rows(), keep.len()));
        }
        let keep = BooleanArray::from(keep.to_vec());
        self.map(keep.true_count(), |column| column.filter(&keep))
    }

    /// A range of rows, shared with this table.
    ///
    /// # Errors
    /// When the range ends after the last row or before it starts.
    pub fn slice(&self, rows: Range<usize>) -> Result<Table> {
        if rows.start > rows.end || rows.end > self.n_rows() {
            return Err(Error::unknown(format!(
                "rows {}..{} do not exist: there are {} rows, counted from 0",
                rows.start,
                rows.end,
                self.n_rows()
            )));
        }
        self.map(rows.len(), |column| Ok(column.slice(rows.start, rows.len())))
    }

    /// The first `n` rows, or all where there are fewer.
    pub fn head(&self, n: usize) -> Table {
        // The range is always right.
        self.slice(0..n.min(self.n_rows())).unwrap_or_else(|_| self.clone())
    }

    /// The table with one more column, or with another column under a name that it has.
    ///
    /// # Errors
    /// When the column does not have one cell per row or the name is empty. A table without columns takes a
    /// column of any length.
    pub fn with_column(&self, name: impl Into<Arc<str>>, column: Column) -> Result<Table> {
        let (name, n_rows) = (name.into(), if self.n_cols() == 0 { column.n_rows() } else { self.n_rows() });
        let mut columns: Vec<_> = self.0.names.iter().cloned().zip(self.0.columns.iter().cloned()).collect();
        match self.0.positions.get(&name) {
            Some(&position) => columns[position].1 = column,
            None => columns.push((name, column)),
        }
        Ok(Table::with_rows(n_rows, columns)?.inheriting([self]))
    }

    /// The table with one column under another name.
    ///
    /// # Errors
    /// When there is no such column, or the new name is empty or taken.
    pub fn rename(&self, from: &str, to: impl Into<Arc<str>>) -> Result<Table> {
        let to: Arc<str> = to.into();
        self.rename_all(&[(from, to)])
    }

    /// The table with columns under other names, all at once: what they are called now is what counts.
    pub(crate) fn rename_all(&self, names: &[(&str, Arc<str>)]) -> Result<Table> {
        let mut columns: Vec<_> = self.0.names.iter().cloned().zip(self.0.columns.iter().cloned()).collect();
        let (mut marks, mut roles) = (self.0.marks.clone(), self.0.roles.clone());
        let mut moved = BTreeMap::new();
        for (from, to) in names {
            let position = self.position(from)?;
            if moved.insert(position, (to, marks.remove(*from), roles.remove(*from))).is_some() {
                return Err(Error::malformed(format!(
                    "column `{from}` is renamed twice; give it one new name"
                )));
            }
            columns[position].0 = to.clone();
        }
        for (to, mark, role) in moved.into_values() {
            marks.extend(mark.map(|mark| (to.clone(), mark)));
            roles.extend(role.map(|role| (to.clone(), role)));
        }
        Ok(Table::with_rows(self.n_rows(), columns)?.with_marks(marks).with_roles(roles))
    }
}

/// A name that is not taken: this one, or with the first number from 2 on that makes it such.
pub(crate) fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name} {n}")));
    names.find(|name| !is_taken(name)).unwrap_or_default()
}

impl Rows for Table {
    type Owned = Table;

    fn n_rows(&self) -> usize {
        self.0.n_rows
    }

    fn take(&self, rows: &[usize]) -> Result<Table> {
        check_rows(rows, self.n_rows())?;
        let indexes = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        self.map(rows.len(), |column| column.take(&indexes))
    }

    fn row_numbers(&self) -> Result<Option<Vec<u32>>> {
        Ok(Some(Keys::of_rows(self)?.numbers))
    }

    fn admit(&self, _: &Capabilities) -> Result<()> {
        match self.n_cols() {
            0 => Err(Error::empty("the table has no columns")),
            _ => Ok(()),
        }
    }
}
