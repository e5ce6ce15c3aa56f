//! Compressed sparse rows.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::rows::check_rows;
use crate::{Error, Result};

/// A sparse matrix in compressed sparse row form; what is not stored is 0.
///
/// Row `i` holds `values[indptr[i]..indptr[i + 1]]` at the columns `indices[..]` of the same range,
/// in strictly rising order.
///
/// ```
/// use perennial_core::Csr;
///
/// let csr = Csr::new(3, vec![0, 1, 1, 3], vec![2, 0, 1], vec![5.0, 1.0, 2.0])?;
/// assert_eq!(csr.n_rows(), 3);
/// assert_eq!(csr.row(2), (&[0, 1][..], &[1.0, 2.0][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Csr {
    n_cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    n_cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl TryFrom<Parts> for Csr {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Csr::new(parts.n_cols, parts.indptr, parts.indices, parts.values)
    }
}

impl Csr {
    /// A matrix from its parts.
    ///
    /// # Errors
    /// When the parts do not fit together: offsets that fall, columns out of range, out of order or twice.
    pub fn new(n_cols: usize, indptr: Vec<usize>, indices: Vec<u32>, values: Vec<f64>) -> Result<Self> {
        let bad = |what: String| Err(Error::malformed(format!("sparse matrix: {what}")));
        if indptr.first() != Some(&0) || indptr.last() != Some(&indices.len()) {
            return bad(format!(
                "row offsets must start at 0 and end at {}, the number of entries",
                indices.len()
            ));
        }
        if indices.len() != values.len() {
            return bad(format!("{} column indexes for {} values", indices.len(), values.len()));
        }
        if u32::try_from(n_cols).is_err() {
            return bad(format!("{n_cols} columns; at most {} fit", u32::MAX));
        }
        for (row, ends) in indptr.windows(2).enumerate() {
            if ends[0] > ends[1] || ends[1] > indices.len() {
                return bad(format!("the offsets of row {row} fall or leave the entries"));
            }
            let columns = &indices[ends[0]..ends[1]];
            if columns.windows(2).any(|pair| pair[0] >= pair[1]) {
                return bad(format!("the columns of row {row} are not strictly rising"));
            }
            if columns.last().is_some_and(|&last| last as usize >= n_cols) {
                return bad(format!("row {row} has a column beyond the {n_cols} columns"));
            }
        }
        Ok(Csr { n_cols, indptr, indices, values })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// The number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// The number of stored entries.
    pub fn n_stored(&self) -> usize {
        self.values.len()
    }

    /// The columns and values of one row.
    ///
    /// # Panics
    /// When `row` is not below [`n_rows`](Csr::n_rows).
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.indptr[row]..self.indptr[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The offsets of the rows; one more than there are rows.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The columns of the stored entries.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The stored entries.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The given rows in the given order.
    ///
    /// # Errors
    /// When an index is out of range.
    pub fn take(&self, rows: &[usize]) -> Result<Csr> {
        check_rows(rows, self.n_rows())?;
        let n_stored = rows.iter().map(|&row| self.indptr[row + 1] - self.indptr[row]).sum();
        let mut indptr = Vec::with_capacity(rows.len() + 1);
        let (mut indices, mut values) = (Vec::with_capacity(n_stored), Vec::with_capacity(n_stored));
        indptr.push(0);
        for &row in rows {
            let (columns, entries) = self.row(row);
            indices.extend_from_slice(columns);
            values.extend_from_slice(entries);
            indptr.push(indices.len());
        }
        Ok(Csr { n_cols: self.n_cols, indptr, indices, values })
    }

    /// The same matrix with all its zeros written out.
    ///
    /// # Errors
    /// When the dense matrix would hold more than 2^31 numbers (16 GiB).
    pub fn to_dense(&self) -> Result<Array2<f64>> {
        const LIMIT: usize = 1 << 31;
        let (n_rows, n_cols) = (self.n_rows(), self.n_cols);
        if n_rows.checked_mul(n_cols).is_none_or(|size| size > LIMIT) {
            return Err(Error::too_large(format!(
                "a dense matrix of {n_rows} x {n_cols} would hold more than {LIMIT} numbers; use an estimator that takes sparse input"
            )));
        }
        let mut dense = Array2::zeros((n_rows, n_cols));
        for row in 0..n_rows {
            let (columns, entries) = self.row(row);
            for (&column, &value) in columns.iter().zip(entries) {
                dense[[row, column as usize]] = value;
            }
        }
        Ok(dense)
    }
}
