//! What boosters learn from: a matrix, or rows that are in bins already.

use std::borrow::Cow;

use perennial_core::FitTransform;
use perennial_core::{Context, Csr, Error, Features, Matrix, NoTarget, Result, Rows, Train, Transformer};

use super::booster::Booster;
use super::engine::cells::Cells;
use super::settings::Settings;
use crate::binned::Binned;

/// Rows that can be learned from.
pub(crate) trait Inputs: Rows + Sync {
    fn features(&self) -> &Features;

    /// What is stored of sparse rows.
    fn csr(&self) -> Option<&Csr> {
        None
    }

    /// The rows as trees will ask them: in bins, or by their values where splits are exact.
    fn cells(&self, settings: &Settings, weights: Option<&[f64]>, ctx: &Context) -> Result<Cells<'_>>;

    /// The rows as others are asked, which have the columns `features`.
    fn cells_like(&self, other: &Cells<'_>, features: &Features) -> Result<Cells<'_>>;

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

/// Refuses sparse rows where splits are exact.
fn check_dense(x: &Matrix) -> Result<()> {
    if x.sparse().is_none() {
        return Ok(());
    }
    Err(Error::unsupported(
        "`Splits::Exact` sorts columns that are written out; give it `x.to_dense()`, or set `Splits::Histogram`",
    ))
}

impl Inputs for Matrix {
    fn features(&self) -> &Features {
        self.features()
    }

    fn csr(&self) -> Option<&Csr> {
        self.sparse()
    }

    fn cells(&self, settings: &Settings, weights: Option<&[f64]>, ctx: &Context) -> Result<Cells<'_>> {
        if settings.is_exact() {
            check_dense(self)?;
            return Ok(Cells::Values(Cow::Borrowed(self)));
        }
        let mut train = Train::new(self, &NoTarget).context(ctx.child("bins"));
        train.weights = weights;
        Ok(Cells::Bins(settings.binner().fit_transform_on(&train)?.1))
    }

    fn cells_like(&self, other: &Cells<'_>, features: &Features) -> Result<Cells<'_>> {
        let Some(binned) = other.binned() else {
            check_dense(self)?;
            let x = features.align(self)?;
            x.check_finite(true)?;
            return Ok(Cells::Values(x));
        };
        Ok(Cells::Bins(binned.binning().transform(self)?))
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

    fn cells(&self, settings: &Settings, _: Option<&[f64]>, _: &Context) -> Result<Cells<'_>> {
        if settings.is_exact() {
            return Err(Error::unsupported(
                "`Splits::Exact` cuts between values, which bins do not keep; learn from the matrix, or set `Splits::Histogram`",
            ));
        }
        Ok(Cells::Bins(self.clone()))
    }

    fn cells_like(&self, other: &Cells<'_>, _: &Features) -> Result<Cells<'_>> {
        if other.binned().is_none_or(|other| self.binning() != other.binning()) {
            return Err(Error::unsupported(
                "the validation rows are in other bins than the rows to learn from; take both from one `Binned`",
            ));
        }
        Ok(Cells::Bins(self.clone()))
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
