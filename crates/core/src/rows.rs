//! Anything with rows: tables, matrices, targets, texts.

use std::borrow::Borrow;

use crate::{Capabilities, Error, Matrix, Result};

/// Data made of rows that can be counted and picked.
///
/// ```
/// use perennial_core::Rows;
///
/// let words = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
/// assert_eq!(words.n_rows(), 3);
/// assert_eq!(words.take(&[2, 0, 2]).unwrap(), ["c", "a", "c"]);
/// assert!(words.take(&[3]).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not data made of rows",
    note = "use `Matrix`, a table, `Vec<T>`, or implement `Rows` for your own type"
)]
pub trait Rows {
    /// What picking rows gives.
    type Owned: Borrow<Self> + Send + Sync;

    /// The number of rows.
    fn n_rows(&self) -> usize;

    /// The given rows in the given order; a row may be taken several times.
    ///
    /// # Errors
    /// When an index is not below [`n_rows`](Rows::n_rows).
    fn take(&self, rows: &[usize]) -> Result<Self::Owned>;

    /// As [`take`](Rows::take), into the memory of rows that are no longer needed where it serves: whoever takes many
    /// parts one after the other, such as cross-validation, saves asking for new pages each time.
    ///
    /// # Errors
    /// As [`take`](Rows::take).
    fn take_into(&self, rows: &[usize], spare: Option<Self::Owned>) -> Result<Self::Owned> {
        drop(spare);
        self.take(rows)
    }

    /// Whether this can stand beside `n_rows` rows of something else.
    fn matches(&self, n_rows: usize) -> bool {
        self.n_rows() == n_rows
    }

    /// The rows as a matrix, where they are one: whoever holds rows of any kind can then look for copies among them.
    fn as_matrix(&self) -> Option<&Matrix> {
        None
    }

    /// A number for each row, the same where rows are the same in all they hold; none where rows of this kind are a matrix,
    /// or cannot be compared.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn row_numbers(&self) -> Result<Option<Vec<u32>>> {
        Ok(None)
    }

    /// Refuses values that an estimator with these capabilities cannot take.
    ///
    /// # Errors
    /// When a value is missing, infinite, or of a form that is not declared.
    fn admit(&self, accepts: &Capabilities) -> Result<()> {
        let _ = accepts;
        Ok(())
    }
}

/// Refuses row indexes that are out of range.
///
/// # Errors
/// Names the first index that is not below `n_rows`.
pub fn check_rows(rows: &[usize], n_rows: usize) -> Result<()> {
    match rows.iter().find(|&&row| row >= n_rows) {
        None => Ok(()),
        Some(row) => {
            Err(Error::unknown(format!("row {row} does not exist: there are {n_rows} rows, counted from 0")))
        }
    }
}

impl<T: Clone + Send + Sync> Rows for [T] {
    type Owned = Vec<T>;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Vec<T>> {
        check_rows(rows, self.len())?;
        Ok(rows.iter().map(|&row| self[row].clone()).collect())
    }
}

impl<T: Clone + Send + Sync> Rows for Vec<T> {
    type Owned = Vec<T>;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Vec<T>> {
        self.as_slice().take(rows)
    }
}
