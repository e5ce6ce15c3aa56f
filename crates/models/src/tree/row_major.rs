//! The rows of a matrix as trees take them: each with all of its numbers.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::ArrayRef2;
use perennial_core::{Csr, Error, Features, Matrix, Result};

use crate::rows::row_major;

/// Rows that walk down trees. Those of a sparse matrix are written out where they are needed, a few at a time; what they
/// do not store is 0.
#[derive(Clone, Debug)]
pub(crate) enum RowMajor<'x> {
    Dense { cells: Cow<'x, [f64]>, n_rows: usize, n_cols: usize },
    Sparse(Cow<'x, Csr>),
}

impl<'x> RowMajor<'x> {
    pub(crate) fn of(x: &'x Matrix) -> Result<Self> {
        match x.sparse() {
            Some(csr) => Ok(RowMajor::Sparse(Cow::Borrowed(csr))),
            None => Ok(RowMajor::dense(x.dense()?)),
        }
    }

    /// As [`of`](RowMajor::of), of a matrix that may have been made for this.
    pub(crate) fn of_cow(x: Cow<'x, Matrix>) -> Result<Self> {
        match x {
            Cow::Borrowed(x) => RowMajor::of(x),
            Cow::Owned(x) => Ok(match RowMajor::of(&x)? {
                RowMajor::Dense { cells, n_rows, n_cols } => {
                    RowMajor::Dense { cells: Cow::Owned(cells.into_owned()), n_rows, n_cols }
                }
                RowMajor::Sparse(csr) => RowMajor::Sparse(Cow::Owned(csr.into_owned())),
            }),
        }
    }

    pub(crate) fn dense(x: &'x ArrayRef2<f64>) -> Self {
        RowMajor::Dense { cells: row_major(x), n_rows: x.nrows(), n_cols: x.ncols() }
    }

    pub(crate) fn n_rows(&self) -> usize {
        match self {
            RowMajor::Dense { n_rows, .. } => *n_rows,
            RowMajor::Sparse(csr) => csr.n_rows(),
        }
    }

    pub(crate) fn n_cols(&self) -> usize {
        match self {
            RowMajor::Dense { n_cols, .. } => *n_cols,
            RowMajor::Sparse(csr) => csr.n_cols(),
        }
    }

    /// The numbers of some rows, row after row; for a few rows, as those of sparse ones are all written out.
    pub(crate) fn block(&self, rows: Range<usize>) -> Cow<'_, [f64]> {
        match self {
            RowMajor::Dense { cells, n_cols, .. } => {
                Cow::Borrowed(&cells[rows.start * n_cols..rows.end * n_cols])
            }
            RowMajor::Sparse(csr) => {
                let mut cells = vec![0.0; rows.len() * csr.n_cols()];
                for (row, cells) in rows.zip(cells.chunks_exact_mut(csr.n_cols().max(1))) {
                    write(csr, row, cells);
                }
                Cow::Owned(cells)
            }
        }
    }

    /// Reads row by row, in any order: of sparse rows with room for one, in time that grows with what is stored.
    pub(crate) fn reader(&self) -> Reader<'_> {
        let cells = match self {
            RowMajor::Dense { .. } => Vec::new(),
            RowMajor::Sparse(csr) => vec![0.0; csr.n_cols()],
        };
        Reader { rows: self, cells, written: &[] }
    }
}

fn write(csr: &Csr, row: usize, cells: &mut [f64]) {
    let (columns, values) = csr.row(row);
    columns.iter().zip(values).for_each(|(&column, &value)| cells[column as usize] = value);
}

/// Reads row by row.
pub(crate) struct Reader<'r> {
    rows: &'r RowMajor<'r>,
    /// The row that was read last, where rows are sparse, and its columns that may not be 0.
    cells: Vec<f64>,
    written: &'r [u32],
}

impl Reader<'_> {
    pub(crate) fn row(&mut self, row: usize) -> &[f64] {
        match self.rows {
            RowMajor::Dense { cells, n_cols, .. } => &cells[row * n_cols..(row + 1) * n_cols],
            RowMajor::Sparse(csr) => {
                self.written.iter().for_each(|&column| self.cells[column as usize] = 0.0);
                write(csr, row, &mut self.cells);
                self.written = csr.row(row).0;
                &self.cells
            }
        }
    }
}

/// Refuses a single row that a model cannot take, and a slice for its answers that has not the right length.
pub(crate) fn check_row(features: &Features, row: &[f64], n_answers: usize, room: usize) -> Result<()> {
    if row.len() != features.len() {
        return Err(Error::malformed(format!(
            "the row has {} numbers, and the model learned from {} columns; give a number for each, NaN where it is missing",
            row.len(),
            features.len()
        )));
    }
    if room != n_answers {
        return Err(Error::malformed(format!(
            "there is room for {room} answers, and the model gives {n_answers} for a row"
        )));
    }
    match row.iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(column) => Err(Error::malformed(format!(
            "the row holds {} in column `{}`; values must be finite, or NaN where they are missing",
            row[column],
            features.name(column)
        ))),
    }
}
