//! The columns of a matrix, dense or sparse, to be put into bins.

use ndarray::{ArrayRef2, CowArray, Ix1};
use perennial_core::{Csr, Error, Matrix, Result};

/// The most bins, a byte each, that a sparse matrix may become: 16 GiB, as many as a dense matrix of it may take.
pub(super) const MOST: usize = 1 << 34;

/// The most columns of a sparse matrix: lists as long as these come before any of its cells.
const MOST_COLUMNS: usize = 1 << 24;

/// Refuses a sparse matrix that would have too many columns or bins.
pub(crate) fn check_sparse(csr: &Csr) -> Result<()> {
    let (n_rows, n_cols) = (csr.n_rows(), csr.n_cols());
    if n_cols > MOST_COLUMNS {
        return Err(Error::too_large(format!(
            "the matrix has {n_cols} columns, more than the {MOST_COLUMNS} that are put into bins; take fewer, such as the most \
             frequent words"
        )));
    }
    if n_rows > u32::MAX as usize || n_rows.checked_mul(n_cols).is_none_or(|n_bins| n_bins > MOST) {
        return Err(Error::too_large(format!(
            "{n_rows} rows of {n_cols} columns would be more than {MOST} bins; take fewer columns, such as the most frequent \
             words, or fewer rows"
        )));
    }
    Ok(())
}

/// The numbers of a matrix.
pub(super) enum Cells<'a> {
    Dense(&'a ArrayRef2<f64>),
    Sparse(ByColumn),
}

/// What is stored of a sparse matrix, column after column.
pub(super) struct ByColumn {
    n_rows: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
}

impl<'a> Cells<'a> {
    /// # Errors
    /// When a sparse matrix would have too many columns or bins.
    pub(super) fn of(x: &'a Matrix) -> Result<Self> {
        match x.sparse() {
            None => Ok(Cells::Dense(x.dense()?)),
            Some(csr) => Ok(Cells::Sparse(ByColumn::of(csr)?)),
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        match self {
            Cells::Dense(x) => x.nrows(),
            Cells::Sparse(columns) => columns.n_rows,
        }
    }

    /// The values of a column. Zeros that are not stored are written out, for this column alone.
    pub(super) fn column(&self, column: usize) -> CowArray<'_, f64, Ix1> {
        match self {
            Cells::Dense(x) => x.column(column).into(),
            Cells::Sparse(columns) => {
                let mut all = vec![0.0; columns.n_rows];
                let (rows, values) = columns.stored(column);
                rows.iter().zip(values).for_each(|(&row, &value)| all[row as usize] = value);
                CowArray::from(all)
            }
        }
    }
}

impl ByColumn {
    fn of(csr: &Csr) -> Result<Self> {
        check_sparse(csr)?;
        let (n_rows, n_cols) = (csr.n_rows(), csr.n_cols());
        let mut starts = vec![0; n_cols + 1];
        csr.indices().iter().for_each(|&column| starts[column as usize + 1] += 1);
        (0..n_cols).for_each(|column| starts[column + 1] += starts[column]);
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; csr.n_stored()], vec![0.0; csr.n_stored()]);
        for row in 0..n_rows {
            let (columns, stored) = csr.row(row);
            for (&column, &value) in columns.iter().zip(stored) {
                let place = &mut next[column as usize];
                (rows[*place], values[*place]) = (row as u32, value);
                *place += 1;
            }
        }
        Ok(ByColumn { n_rows, starts, rows, values })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The rows and values that are stored of a column.
    pub(super) fn stored(&self, column: usize) -> (&[u32], &[f64]) {
        let range = self.starts[column]..self.starts[column + 1];
        (&self.rows[range.clone()], &self.values[range])
    }
}
