//! What boosters learn from: a matrix, or rows that are in bins already.

use perennial_core::FitTransform;
use perennial_core::{Context, Csr, Error, Features, Matrix, NoTarget, Result, Rows, Train, Transformer};

use super::booster::Booster;
use super::settings::Settings;
use crate::binned::Binned;

/// Rows that can be learned from.
pub(crate) trait Inputs: Rows + Sync {
    fn features(&self) -> &Features;

    /// What is stored of sparse rows.
    fn csr(&self) -> Option<&Csr> {
        None
    }

    /// The rows in bins.
    fn bin(&self, settings: &Settings, weights: Option<&[f64]>, ctx: &Context) -> Result<Binned>;

    /// The rows in the bins of others.
    fn bin_like(&self, other: &Binned) -> Result<Binned>;

    /// The numbers of a column.
    fn numbers(&self, column: usize) -> Result<Vec<f64>>;

    /// The numbers of a column of offsets, all of which are finite.
    fn column(&self, column: usize) -> Result<Vec<f64>> {
        let values = self.numbers(column)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(row) => Err(Error::malformed(format!(
                "the offset column `{}` is {} at row {row}; every row needs a finite offset",
                self.features().name(column),
                values[row]
            ))),
        }
    }

    /// The scores that a booster and the offset give the rows, row by row, as learning adds them up.
    fn scores(&self, booster: &Booster, offset: Option<&[f64]>) -> Result<Vec<f64>>;
}

impl Inputs for Matrix {
    fn features(&self) -> &Features {
        self.features()
    }

    fn csr(&self) -> Option<&Csr> {
        self.sparse()
    }

    fn bin(&self, settings: &Settings, weights: Option<&[f64]>, ctx: &Context) -> Result<Binned> {
        let mut train = Train::new(self, &NoTarget).context(ctx.child("bins"));
        train.weights = weights;
        Ok(settings.binner().fit_transform_on(&train)?.1)
    }

    fn bin_like(&self, other: &Binned) -> Result<Binned> {
        other.binning().transform(self)
    }

    fn numbers(&self, column: usize) -> Result<Vec<f64>> {
        match self.sparse() {
            None => Ok(self.dense()?.column(column).to_vec()),
            Some(_) => Ok(self.select(&[column])?.to_dense()?.dense()?.column(0).to_vec()),
        }
    }

    fn scores(&self, booster: &Booster, offset: Option<&[f64]>) -> Result<Vec<f64>> {
        booster.scores_beside(self, offset)
    }
}

impl Inputs for Binned {
    fn features(&self) -> &Features {
        self.features()
    }

    fn bin(&self, _: &Settings, _: Option<&[f64]>, _: &Context) -> Result<Binned> {
        Ok(self.clone())
    }

    fn bin_like(&self, other: &Binned) -> Result<Binned> {
        if self.binning() != other.binning() {
            return Err(Error::unsupported(
                "the validation rows are in other bins than the rows to learn from; take both from one `Binned`",
            ));
        }
        Ok(self.clone())
    }

    fn numbers(&self, column: usize) -> Result<Vec<f64>> {
        Err(Error::unsupported(format!(
            "column `{}` is an offset or holds latest times, and bins do not keep its values; learn from the matrix",
            self.features().name(column)
        )))
    }

    fn scores(&self, booster: &Booster, _: Option<&[f64]>) -> Result<Vec<f64>> {
        // Bins have no offset.
        booster.scores_of_bins(self)
    }
}

/// Rows to learn from or to watch, with their targets.
pub(crate) struct Given<'a, X: ?Sized> {
    pub(crate) x: &'a X,
    pub(crate) y: &'a [f64],
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) groups: Option<&'a [u32]>,
}
