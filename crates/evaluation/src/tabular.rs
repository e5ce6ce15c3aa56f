//! Rows whose columns can be seen and changed.

mod numbers;
#[cfg(feature = "table")]
mod table;

pub(crate) use numbers::AsNumbers;

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{Array2, ArrayViewMut1, s};
use perennial_core::{Error, FeatureKind, Matrix, Result, Rows, check_rows};

/// What is in a column, as a number for each row; NaN where it is missing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cells {
    /// Quantities, and truth values as 0 and 1.
    Numbers(Vec<f64>),
    /// Categories and texts: equal numbers for equal ones, of texts in their order with numbers at their end by size.
    Labels(Vec<f64>),
    /// Days and moments, in one unit.
    Times(Vec<f64>),
}

impl Cells {
    /// The numbers, whatever they mean.
    pub fn values(&self) -> &[f64] {
        match self {
            Cells::Numbers(values) | Cells::Labels(values) | Cells::Times(values) => values,
        }
    }
}

/// A change of one column; each has an entry for each row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnChange {
    /// Each row gets the cell of this row.
    TakenFrom(Vec<usize>),
    /// Numbers become these; whole numbers are rounded.
    Set(Vec<f64>),
    /// Numbers move by so much; whole numbers stay whole. What is no number stays as it is.
    Plus(Vec<f64>),
    /// These cells go missing.
    Missing(Vec<bool>),
    /// These cells become a category that no row has; in a matrix, where categories are codes, they go missing, as an encoder
    /// leaves what it has not seen. What is no category stays as it is.
    Unseen(Vec<bool>),
}

impl ColumnChange {
    fn len(&self) -> usize {
        match self {
            ColumnChange::TakenFrom(rows) => rows.len(),
            ColumnChange::Plus(values) | ColumnChange::Set(values) => values.len(),
            ColumnChange::Missing(hit) | ColumnChange::Unseen(hit) => hit.len(),
        }
    }
}

/// Rows whose columns have names and can be seen and changed: what asks a model again with other features, or looks at one
/// column after the other, takes any rows that can do this.
///
/// `Matrix` does, and with the feature `table` so does `Table`: a pipeline that begins with a table of texts, categories and
/// dates is looked into as a whole, and its columns are those of the table. Implement it for rows of your own.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::{Cells, ColumnChange, Tabular};
///
/// let x = Matrix::from(array![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]).with_names(["a", "b"])?;
/// let turned = x.changed(&[(1, ColumnChange::TakenFrom(vec![2, 1, 0]))])?;
/// assert_eq!(turned.cells(1)?, Cells::Numbers(vec![7.0, 6.0, 5.0]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait Tabular: Rows<Owned = Self> + Sized + Send + Sync {
    /// The names of the columns, in their order.
    fn names(&self) -> impl ExactSizeIterator<Item = &str>;

    /// What is in a column.
    ///
    /// # Errors
    /// When there is no such column, or it cannot be read.
    fn cells(&self, column: usize) -> Result<Cells>;

    /// The rows with some columns changed, one after the other; kinds and names of the columns stay.
    ///
    /// # Errors
    /// When there is no such column, a change does not have an entry for each row, a row is taken that does not exist, what is no
    /// number is set to one, or rows of this kind cannot be changed.
    fn changed(&self, changes: &[(usize, ColumnChange)]) -> Result<Self>;

    /// How numbers of [`cells`](Tabular::cells) read, where they stand for something else: categories, texts or moments.
    ///
    /// # Errors
    /// When there is no such column, or it cannot be read.
    fn labels(&self, column: usize, values: &[f64]) -> Result<Option<Vec<String>>> {
        let _ = (column, values);
        Ok(None)
    }

    /// Ranges of these rows below each other, in each of which some columns are as in one row of `other`: what asks a model for
    /// rows of which a part is known, such as Shapley values and counterfactuals, needs it.
    ///
    /// # Errors
    /// When a row or a column does not exist, the columns differ, or rows of this kind cannot be put together.
    fn mixed(&self, other: &Self, row: usize, parts: &[(Range<usize>, Vec<usize>)]) -> Result<Self> {
        let _ = (other, row, parts);
        Err(Error::unsupported(
            "rows of this kind cannot be put together from others; implement `Tabular::mixed` for them",
        ))
    }

    /// Rows of `x` with the columns of these, in their order.
    ///
    /// # Errors
    /// When the columns differ.
    fn aligned(&self, x: &Self) -> Result<Self> {
        if !self.names().eq(x.names()) {
            let of = |rows: &Self| rows.names().take(10).map(str::to_owned).collect::<Vec<_>>().join(", ");
            return Err(Error::malformed(format!(
                "the columns are {}, expected {}, in this order",
                of(x),
                of(self)
            )));
        }
        x.take(&(0..x.n_rows()).collect::<Vec<_>>())
    }
}

/// The place of the column of this name.
pub(crate) fn position<X: Tabular>(x: &X, name: &str) -> Result<usize> {
    x.names().position(|other| other == name).ok_or_else(|| {
        let known = x.names().take(10).collect::<Vec<_>>().join(", ");
        Error::unknown(format!("no column is named `{name}`; there are: {known}"))
    })
}

/// The different numbers that a column has once it is set to some, in their order: of whole ones there are fewer, and of truth
/// values two.
pub(crate) fn that_fit<X: Tabular>(x: &X, column: usize, values: Vec<f64>) -> Result<Vec<f64>> {
    let n_rows = x.n_rows();
    if n_rows == 0 {
        return Ok(values);
    }
    let (mut seen, mut different) = (BTreeSet::new(), Vec::new());
    // As many at a time as there are rows to try them in.
    for part in values.chunks(n_rows) {
        let mut set = part.to_vec();
        set.resize(n_rows, part[0]);
        let taken = x.changed(&[(column, ColumnChange::Set(set))])?.cells(column)?;
        for value in taken.values().iter().take(part.len()) {
            // 0 and -0 are one.
            if seen.insert((value + 0.0).to_bits()) {
                different.push(*value);
            }
        }
    }
    Ok(different)
}

/// Refuses changes that do not fit.
fn check_changes(changes: &[(usize, ColumnChange)], n_rows: usize, n_cols: usize) -> Result<()> {
    for (column, change) in changes {
        if *column >= n_cols {
            return Err(Error::unknown(format!("there is no column {column}; there are {n_cols}, from 0")));
        }
        if change.len() != n_rows {
            return Err(Error::length_mismatch("a change of a column", n_rows, change.len()));
        }
        if let ColumnChange::TakenFrom(from) = change {
            check_rows(from, n_rows)?;
        }
    }
    Ok(())
}

/// Refuses parts of rows that do not exist.
fn check_parts<X: Tabular>(x: &X, other: &X, row: usize, parts: &[(Range<usize>, Vec<usize>)]) -> Result<()> {
    check_rows(&[row], other.n_rows())?;
    let (n_rows, n_cols) = (x.n_rows(), x.names().len());
    if other.names().len() != n_cols {
        return Err(Error::length_mismatch("the columns of the other rows", n_cols, other.names().len()));
    }
    for (range, columns) in parts {
        if range.start > range.end || range.end > n_rows {
            return Err(Error::unknown(format!(
                "rows {}..{} do not exist: there are {n_rows} rows, counted from 0",
                range.start, range.end
            )));
        }
        if let Some(column) = columns.iter().find(|column| **column >= n_cols) {
            return Err(Error::unknown(format!("there is no column {column}; there are {n_cols}, from 0")));
        }
    }
    Ok(())
}

/// Changes the cells that are hit.
fn hit(mut cells: ArrayViewMut1<'_, f64>, hit: &[bool], value: f64) {
    cells.iter_mut().zip(hit).filter(|(_, hit)| **hit).for_each(|(cell, _)| *cell = value);
}

impl Tabular for Matrix {
    fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features().names()
    }

    fn cells(&self, column: usize) -> Result<Cells> {
        let values = self.select(&[column])?.to_dense()?.dense()?.column(0).to_vec();
        Ok(match self.features().kind(column) {
            FeatureKind::Categorical { .. } => Cells::Labels(values),
            _ => Cells::Numbers(values),
        })
    }

    fn changed(&self, changes: &[(usize, ColumnChange)]) -> Result<Self> {
        check_changes(changes, self.n_rows(), self.n_cols())?;
        let mut values: Array2<f64> = self.dense()?.to_owned();
        for (column, change) in changes {
            let is_label = matches!(self.features().kind(*column), FeatureKind::Categorical { .. });
            let mut cells = values.column_mut(*column);
            match change {
                ColumnChange::TakenFrom(from) => {
                    let before = cells.to_vec();
                    cells.iter_mut().zip(from).for_each(|(cell, &row)| *cell = before[row]);
                }
                ColumnChange::Set(to) => cells.iter_mut().zip(to).for_each(|(cell, to)| *cell = *to),
                ColumnChange::Plus(by) if !is_label => {
                    cells.iter_mut().zip(by).for_each(|(cell, by)| *cell += by);
                }
                ColumnChange::Missing(rows) => hit(cells, rows, f64::NAN),
                ColumnChange::Unseen(rows) if is_label => hit(cells, rows, f64::NAN),
                ColumnChange::Plus(_) | ColumnChange::Unseen(_) => {}
            }
        }
        Matrix::from(values).with_features(self.features().clone())
    }

    fn mixed(&self, other: &Self, row: usize, parts: &[(Range<usize>, Vec<usize>)]) -> Result<Self> {
        check_parts(self, other, row, parts)?;
        let (own, from) = (self.dense()?, other.dense()?.row(row));
        let n_rows = parts.iter().map(|(range, _)| range.len()).sum();
        let (mut mixed, mut first) = (Array2::zeros((n_rows, self.n_cols())), 0);
        for (range, columns) in parts {
            let mut rows = mixed.slice_mut(s![first..first + range.len(), ..]);
            rows.assign(&own.slice(s![range.clone(), ..]));
            columns.iter().for_each(|&column| rows.column_mut(column).fill(from[column]));
            first += range.len();
        }
        Matrix::from(mixed).with_features(self.features().clone())
    }

    fn aligned(&self, x: &Self) -> Result<Self> {
        Ok(self.features().align(x)?.into_owned())
    }
}
