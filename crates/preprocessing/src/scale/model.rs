//! What a scaler learns.

use perennial_core::{Csr, Decided, Error, Features, Matrix, Result, Transformer};
use serde::{Deserialize, Serialize};

use crate::cells::map_rows;
use crate::decided;

/// A fitted scaler: `(x - centre) / divisor + shift`, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ScalerModel {
    features: Features,
    centres: Vec<f64>,
    divisors: Vec<f64>,
    shifts: Vec<f64>,
    clip: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Vec<f64>,
    divisors: Vec<f64>,
    shifts: Vec<f64>,
    clip: Option<(f64, f64)>,
}

impl TryFrom<Parts> for ScalerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        ScalerModel::new(parts.features, parts.centres, parts.divisors, parts.shifts, parts.clip)
    }
}

impl ScalerModel {
    pub(super) fn new(
        features: Features,
        centres: Vec<f64>,
        divisors: Vec<f64>,
        shifts: Vec<f64>,
        clip: Option<(f64, f64)>,
    ) -> Result<Self> {
        let n = features.len();
        let finite = |numbers: &[f64]| numbers.len() == n && numbers.iter().all(|number| number.is_finite());
        let sound =
            finite(&centres) && finite(&shifts) && finite(&divisors) && divisors.iter().all(|d| *d > 0.0);
        if !sound || clip.is_some_and(|(low, high)| !(low <= high)) {
            return Err(Error::corrupt(
                "a scaler needs one finite centre, shift and positive divisor for each column",
            ));
        }
        Ok(ScalerModel { features, centres, divisors, shifts, clip })
    }

    /// What is subtracted from each column.
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// What each column is divided by.
    pub fn divisors(&self) -> &[f64] {
        &self.divisors
    }

    /// The numbers that [`transform`](Transformer::transform) gave these.
    ///
    /// # Errors
    /// When the columns are not those the scaler learned from.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        self.map(&x, |value, centre, divisor, shift| (value - shift) * divisor + centre)
    }

    /// The stored cells divided, where nothing else is done to a column.
    fn sparse(&self, csr: &Csr) -> Result<Matrix> {
        if self.centres.iter().chain(&self.shifts).any(|number| *number != 0.0) || self.clip.is_some() {
            return Err(Error::unsupported(
                "this scaler moves zeros, so sparse rows would become dense; call `to_dense()` on them, or scale without centring",
            ));
        }
        let values = csr.indices().iter().zip(csr.values());
        let values: Vec<f64> =
            values.map(|(&column, value)| value / self.divisors[column as usize]).collect();
        let csr = Csr::new(csr.n_cols(), csr.indptr().to_vec(), csr.indices().to_vec(), values)?;
        let out = Matrix::from_sparse(csr, self.features.clone())?;
        out.check_finite(true)?;
        Ok(out)
    }

    /// `f(cell, centre, divisor, shift)` of every cell.
    fn map(&self, x: &Matrix, f: impl Fn(f64, f64, f64, f64) -> f64 + Sync) -> Result<Matrix> {
        let n_cols = self.features.len();
        map_rows(x, &self.features, |_, rows, out| {
            for (row, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(n_cols)) {
                let numbers = self.centres.iter().zip(&self.divisors).zip(&self.shifts);
                for ((out, &cell), ((&centre, &divisor), &shift)) in out.iter_mut().zip(row).zip(numbers) {
                    *out = f(cell, centre, divisor, shift);
                }
            }
        })
    }
}

impl Transformer for ScalerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        if let Some(csr) = x.sparse() {
            return self.sparse(csr);
        }
        let scaled = |value: f64, centre: f64, divisor: f64, shift: f64| (value - centre) / divisor + shift;
        match self.clip {
            // `clamp` keeps NaN, which stays missing.
            Some((low, high)) => self.map(&x, |value, c, d, s| scaled(value, c, d, s).clamp(low, high)),
            None => self.map(&x, scaled),
        }
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        decided::of_columns(self, &self.features, "learned from the training rows", |column| {
            let (centre, divisor) = (self.centres[column], self.divisors[column]);
            let mut what = format!("{centre} is subtracted, the rest divided by {divisor}");
            if self.shifts[column] != 0.0 {
                what += &format!(", {} added", self.shifts[column]);
            }
            if let Some((low, high)) = self.clip {
                what += &format!(", all cut to {low} and {high}");
            }
            what
        })
    }
}

pub(super) fn too_large(column: &str) -> Error {
    Error::overflow(format!(
        "the numbers of column `{column}` are so large that their statistics leave the range of f64; divide it by a power of ten first"
    ))
}
