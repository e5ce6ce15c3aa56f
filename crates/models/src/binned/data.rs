//! Rows in bins.

use std::sync::Arc;

use perennial_core::{Capabilities, Error, Features, Fingerprint, Result, Rows, check_rows, memory};
use perennial_numeric::reduce;

use super::Binning;

/// Rows whose values are bins: one byte each, column after column. Cloning shares them.
///
/// Takes the place of a [`Matrix`](perennial_core::Matrix) where many models learn from the same rows: folds of a
/// cross-validation and trials of a search take rows of it and put nothing into bins again. The cuts between bins
/// come from all rows, those of the test parts included; they know nothing of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    binning: Binning,
    n_rows: usize,
    codes: Arc<Vec<u8>>,
}

impl Binned {
    pub(crate) fn new(binning: Binning, n_rows: usize, codes: Vec<u8>) -> Self {
        Binned { binning, n_rows, codes: Arc::new(codes) }
    }

    /// Takes the rows into a fingerprint.
    pub(crate) fn take_into(&self, of: &mut Fingerprint) -> Result<()> {
        of.value(&self.binning)?;
        of.bytes(&self.codes);
        Ok(())
    }

    /// How values became bins.
    pub fn binning(&self) -> &Binning {
        &self.binning
    }

    /// The columns.
    pub fn features(&self) -> &Features {
        self.binning.features()
    }

    /// The number of columns.
    pub fn n_cols(&self) -> usize {
        self.features().len()
    }

    /// The bins of a column, one for each row; 255 where the value is missing.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn column(&self, column: usize) -> &[u8] {
        &self.codes[column * self.n_rows..(column + 1) * self.n_rows]
    }
}

impl Rows for Binned {
    type Owned = Binned;

    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn take(&self, rows: &[usize]) -> Result<Binned> {
        check_rows(rows, self.n_rows)?;
        let mut codes = memory::zeros(rows.len() * self.n_cols());
        if !rows.is_empty() {
            reduce::fill_chunks(&mut codes, rows.len(), |first, codes| {
                let column = self.column(first / rows.len());
                codes.iter_mut().zip(rows).for_each(|(code, &row)| *code = column[row]);
            });
        }
        Ok(Binned::new(self.binning.clone(), rows.len(), codes))
    }

    fn admit(&self, _: &Capabilities) -> Result<()> {
        if self.n_cols() == 0 {
            return Err(Error::empty("there are no columns"));
        }
        Ok(())
    }
}
