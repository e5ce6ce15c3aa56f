//! The numeric table that estimators learn from.

use ndarray::{ArcArray2, Array2, ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::rows::check_rows;
use crate::{Capabilities, Csr, Error, ErrorKind, Features, Result, Rows};

/// Rows of numbers, dense or sparse, with named columns. Missing is NaN.
///
/// Making one from an `Array2` moves it; cloning shares it.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Matrix, Rows};
///
/// let x = Matrix::from(array![[1.0, 2.0], [3.0, 4.0]]).with_names(["width", "height"])?;
/// assert_eq!((x.n_rows(), x.n_cols()), (2, 2));
/// assert_eq!(x.dense()?[[1, 0]], 3.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Matrix {
    storage: Storage,
    features: Features,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Storage {
    Dense(ArcArray2<f64>),
    Sparse(Csr),
}

#[derive(Deserialize)]
struct Parts {
    storage: Storage,
    features: Features,
}

impl TryFrom<Parts> for Matrix {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Matrix { storage: parts.storage, features: Features::unnamed(0) }.with_features(parts.features)
    }
}

impl From<Array2<f64>> for Matrix {
    fn from(array: Array2<f64>) -> Self {
        let features = Features::unnamed(array.ncols());
        Matrix { storage: Storage::Dense(array.into_shared()), features }
    }
}

impl From<ArcArray2<f64>> for Matrix {
    fn from(array: ArcArray2<f64>) -> Self {
        let features = Features::unnamed(array.ncols());
        Matrix { storage: Storage::Dense(array), features }
    }
}

impl From<Csr> for Matrix {
    fn from(csr: Csr) -> Self {
        let features = Features::unnamed(csr.n_cols());
        Matrix { storage: Storage::Sparse(csr), features }
    }
}

impl Matrix {
    /// Dense numbers under these columns. No other names are made on the way, which counts where rows come one by one.
    ///
    /// # Errors
    /// When the numbers of columns differ.
    pub fn from_dense(array: Array2<f64>, features: Features) -> Result<Self> {
        let storage = Storage::Dense(array.into_shared());
        Matrix { storage, features: Features::default() }.with_features(features)
    }

    /// Sparse numbers under these columns, as [`from_dense`](Matrix::from_dense).
    ///
    /// # Errors
    /// When the numbers of columns differ.
    pub fn from_sparse(csr: Csr, features: Features) -> Result<Self> {
        Matrix { storage: Storage::Sparse(csr), features: Features::default() }.with_features(features)
    }

    /// The same numbers under other column names.
    ///
    /// # Errors
    /// When there are too few or too many names, or one occurs twice.
    pub fn with_names<S: Into<std::sync::Arc<str>>>(
        self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.with_features(Features::named(names)?)
    }

    /// The same numbers under other columns.
    ///
    /// # Errors
    /// When their number is not that of the columns.
    pub fn with_features(mut self, features: Features) -> Result<Self> {
        if features.len() != self.n_cols() {
            return Err(Error::malformed(format!(
                "{} columns are described, but the matrix has {}",
                features.len(),
                self.n_cols()
            )));
        }
        self.features = features;
        Ok(self)
    }

    /// The number of columns.
    pub fn n_cols(&self) -> usize {
        match &self.storage {
            Storage::Dense(array) => array.ncols(),
            Storage::Sparse(csr) => csr.n_cols(),
        }
    }

    /// The names and kinds of the columns.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The numbers as a dense `n_rows` x `n_cols` array, without a copy.
    ///
    /// # Errors
    /// When the matrix is sparse; [`to_dense`](Matrix::to_dense) writes the zeros out.
    pub fn dense(&self) -> Result<&ArrayRef2<f64>> {
        match &self.storage {
            Storage::Dense(array) => Ok(array),
            Storage::Sparse(csr) => Err(Error::unsupported(format!(
                "the matrix is sparse ({} x {} with {} entries) and a dense one is needed; call `to_dense()`",
                csr.n_rows(),
                csr.n_cols(),
                csr.n_stored()
            ))),
        }
    }

    /// The numbers as a dense array of one's own: moved where nobody shares them, else copied.
    ///
    /// # Errors
    /// When the matrix is sparse, as for [`dense`](Matrix::dense).
    pub fn into_dense(self) -> Result<Array2<f64>> {
        self.dense()?;
        match self.storage {
            Storage::Dense(array) => Ok(array.into_owned()),
            Storage::Sparse(csr) => Ok(csr.to_dense()?),
        }
    }

    /// The sparse form, where the matrix has it.
    pub fn sparse(&self) -> Option<&Csr> {
        match &self.storage {
            Storage::Dense(_) => None,
            Storage::Sparse(csr) => Some(csr),
        }
    }

    /// The same matrix in dense form, shared when it is dense already.
    ///
    /// # Errors
    /// When it would hold more than 2^31 numbers.
    pub fn to_dense(&self) -> Result<Matrix> {
        let storage = match &self.storage {
            Storage::Dense(array) => Storage::Dense(array.clone()),
            Storage::Sparse(csr) => Storage::Dense(csr.to_dense()?.into_shared()),
        };
        Ok(Matrix { storage, features: self.features.clone() })
    }

    /// The given columns in the given order.
    ///
    /// # Errors
    /// When a column does not exist or is taken twice.
    pub fn select(&self, columns: &[usize]) -> Result<Matrix> {
        let features = self.features.take(columns)?;
        let storage = match &self.storage {
            Storage::Dense(array) => Storage::Dense(array.select(Axis(1), columns).into_shared()),
            Storage::Sparse(csr) => Storage::Sparse(select_columns(csr, columns)?),
        };
        Ok(Matrix { storage, features })
    }

    /// The columns with these names, in this order.
    ///
    /// # Errors
    /// When a column does not exist or is taken twice.
    pub fn select_names<S: AsRef<str>>(&self, names: &[S]) -> Result<Matrix> {
        let columns =
            names.iter().map(|name| self.features.position(name.as_ref())).collect::<Result<Vec<_>>>()?;
        self.select(&columns)
    }

    /// The columns of several matrices side by side; sparse when all of them are.
    ///
    /// # Errors
    /// When the numbers of rows differ or a name occurs twice.
    pub fn hstack(parts: &[Matrix]) -> Result<Matrix> {
        let sparse = parts.iter().all(|part| part.sparse().is_some());
        Matrix::hstack_under(joined_features(parts)?, parts, sparse)
    }

    /// As [`hstack`](Matrix::hstack), always in sparse form: zeros of dense parts are left out.
    ///
    /// # Errors
    /// When the numbers of rows differ or a name occurs twice.
    pub fn hstack_sparse(parts: &[Matrix]) -> Result<Matrix> {
        Matrix::hstack_under(joined_features(parts)?, parts, true)
    }

    /// As [`hstack`](Matrix::hstack), under columns that the caller knows already and in the form it wants.
    ///
    /// # Errors
    /// When the numbers of rows differ, or there are more or fewer columns.
    pub fn hstack_under(features: Features, parts: &[Matrix], sparse: bool) -> Result<Matrix> {
        let n_rows = parts.first().map_or(0, Rows::n_rows);
        if let Some(odd) = parts.iter().find(|part| part.n_rows() != n_rows) {
            return Err(Error::length_mismatch("a matrix to be put beside others", n_rows, odd.n_rows()));
        }
        if sparse {
            return Matrix::from_sparse(hstack_sparse(n_rows, parts)?, features);
        }
        let mut all = Array2::zeros((n_rows, parts.iter().map(Matrix::n_cols).sum()));
        let mut start = 0;
        for part in parts {
            let dense = part.to_dense()?;
            let end = start + part.n_cols();
            all.slice_mut(ndarray::s![.., start..end]).assign(dense.dense()?);
            start = end;
        }
        Matrix::from_dense(all, features)
    }

    /// The number of entries that are not 0, or are stored.
    pub fn n_nonzero(&self) -> usize {
        match &self.storage {
            // Counted a row at a time in numbers that fit into vectors.
            Storage::Dense(array) => array
                .rows()
                .into_iter()
                .map(|row| row.iter().map(|cell| u32::from(*cell != 0.0)).sum::<u32>() as usize)
                .sum(),
            Storage::Sparse(csr) => csr.n_stored(),
        }
    }

    /// Refuses infinities, and NaN unless `missing` is allowed.
    ///
    /// # Errors
    /// [`ErrorKind::NonFinite`] with the row and the column of the first such value.
    pub fn check_finite(&self, missing: bool) -> Result<()> {
        match &self.storage {
            Storage::Dense(array) => {
                // One branch-free pass decides; only bad data pays for finding the cell.
                let clean = |block: &[f64]| match missing {
                    true => !block.iter().fold(false, |bad, value| bad | value.is_infinite()),
                    false => zeros(block) == 0.0,
                };
                let fine = match array.as_slice_memory_order() {
                    Some(slice) => slice.chunks(4096).all(clean),
                    None => array.rows().into_iter().all(|row| match row.as_slice() {
                        Some(slice) => clean(slice),
                        None => row.iter().all(|&value| is_fine(value, missing)),
                    }),
                };
                if fine {
                    return Ok(());
                }
                match array.indexed_iter().find(|(_, value)| !is_fine(**value, missing)) {
                    Some(((row, column), &value)) => Err(self.non_finite(value, row, column)),
                    None => Ok(()),
                }
            }
            Storage::Sparse(csr) => match csr.values().iter().position(|&value| !is_fine(value, missing)) {
                Some(entry) => {
                    let row = csr.indptr().partition_point(|&offset| offset <= entry) - 1;
                    Err(self.non_finite(csr.values()[entry], row, csr.indices()[entry] as usize))
                }
                None => Ok(()),
            },
        }
    }

    fn non_finite(&self, value: f64, row: usize, column: usize) -> Error {
        let advice = if value.is_nan() {
            "this estimator does not take missing values, so impute them first"
        } else {
            "replace it by a finite number, or by NaN if it is missing"
        };
        Error::new(ErrorKind::NonFinite {
            what: "the input".into(),
            value: value.to_string(),
            row,
            column: Some(self.features.name(column).to_owned()),
            advice: advice.into(),
        })
    }
}

/// The sum of the numbers times 0, in lanes that do not wait for each other: 0 where all are finite, else NaN.
fn zeros(block: &[f64]) -> f64 {
    let (lines, rest) = block.as_chunks::<16>();
    let mut lanes = [0.0; 16];
    for line in lines {
        lanes.iter_mut().zip(line).for_each(|(lane, value)| *lane += value * 0.0);
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| value * 0.0).sum::<f64>()
}

fn is_fine(value: f64, missing: bool) -> bool {
    value.is_finite() || (missing && value.is_nan())
}

fn select_columns(csr: &Csr, columns: &[usize]) -> Result<Csr> {
    let mut target = vec![u32::MAX; csr.n_cols()];
    for (new, &old) in columns.iter().enumerate() {
        target[old] = new as u32;
    }
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut entries = Vec::new();
    for row in 0..csr.n_rows() {
        let (old, stored) = csr.row(row);
        entries.clear();
        entries.extend(
            old.iter().zip(stored).map(|(&c, &v)| (target[c as usize], v)).filter(|e| e.0 != u32::MAX),
        );
        entries.sort_unstable_by_key(|entry| entry.0);
        indices.extend(entries.iter().map(|entry| entry.0));
        values.extend(entries.iter().map(|entry| entry.1));
        indptr.push(indices.len());
    }
    Csr::new(columns.len(), indptr, indices, values)
}

/// The columns of matrices that are put side by side.
fn joined_features(parts: &[Matrix]) -> Result<Features> {
    if parts.is_empty() {
        return Err(Error::empty("there are no matrices to put side by side"));
    }
    parts.iter().flat_map(|part| part.features.iter().cloned()).collect::<Vec<_>>().try_into()
}

fn hstack_sparse(n_rows: usize, parts: &[Matrix]) -> Result<Csr> {
    let n_stored = parts.iter().map(Matrix::n_nonzero).sum();
    let n_cols = parts.iter().map(Matrix::n_cols).sum();
    let mut indptr = Vec::with_capacity(n_rows + 1);
    let (mut indices, mut values) = (Vec::with_capacity(n_stored), Vec::with_capacity(n_stored));
    indptr.push(0);
    for row in 0..n_rows {
        let mut start = 0;
        for part in parts {
            match &part.storage {
                Storage::Sparse(csr) => {
                    let (columns, entries) = csr.row(row);
                    indices.extend(columns.iter().map(|&column| column + start));
                    values.extend_from_slice(entries);
                }
                Storage::Dense(array) => {
                    for (column, &cell) in (start..).zip(array.row(row)) {
                        if cell != 0.0 {
                            indices.push(column);
                            values.push(cell);
                        }
                    }
                }
            }
            start += part.n_cols() as u32;
        }
        indptr.push(indices.len());
    }
    Csr::new(n_cols, indptr, indices, values)
}

impl Rows for Matrix {
    type Owned = Matrix;

    fn n_rows(&self) -> usize {
        match &self.storage {
            Storage::Dense(array) => array.nrows(),
            Storage::Sparse(csr) => csr.n_rows(),
        }
    }

    fn take(&self, rows: &[usize]) -> Result<Matrix> {
        check_rows(rows, self.n_rows())?;
        let storage = match &self.storage {
            Storage::Dense(array) => Storage::Dense(array.select(Axis(0), rows).into_shared()),
            Storage::Sparse(csr) => Storage::Sparse(csr.take(rows)?),
        };
        Ok(Matrix { storage, features: self.features.clone() })
    }

    fn take_into(&self, rows: &[usize], spare: Option<Matrix>) -> Result<Matrix> {
        let (Storage::Dense(array), Some(Matrix { storage: Storage::Dense(spare), .. })) =
            (&self.storage, spare)
        else {
            return self.take(rows);
        };
        // Memory that somebody else still reads is left alone.
        let (Some(cells), Ok(spare)) = (array.as_slice(), spare.try_into_owned_nocopy()) else {
            return self.take(rows);
        };
        check_rows(rows, self.n_rows())?;
        let width = self.n_cols();
        let (mut taken, _) = spare.into_raw_vec_and_offset();
        taken.clear();
        taken.reserve(rows.len() * width);
        rows.iter().for_each(|&row| taken.extend_from_slice(&cells[row * width..(row + 1) * width]));
        let taken = Array2::from_shape_vec((rows.len(), width), taken).map_err(Error::other)?;
        Ok(Matrix { storage: Storage::Dense(taken.into_shared()), features: self.features.clone() })
    }

    fn as_matrix(&self) -> Option<&Matrix> {
        Some(self)
    }

    fn admit(&self, accepts: &Capabilities) -> Result<()> {
        if self.n_cols() == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if self.sparse().is_some() && !accepts.sparse {
            return Err(Error::unsupported(
                "this estimator does not take sparse input; call `to_dense()` on the matrix",
            ));
        }
        if accepts.looks_itself { Ok(()) } else { self.check_finite(accepts.missing) }
    }
}
