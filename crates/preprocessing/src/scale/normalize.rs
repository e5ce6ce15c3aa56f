//! Rows of length one.

use perennial_core::{
    Capabilities, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Train,
    Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::cells::map_rows;
use crate::schema;

/// How long a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Norm {
    /// The sum of magnitudes.
    L1,
    /// The root of the sum of squares.
    #[default]
    L2,
    /// The largest magnitude.
    Max,
}

/// Divides each row by its length, so that rows differ in direction alone. A row of zeros stays as it is.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `norm` | L2 | what the length of a row is |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::Normalizer;
///
/// let x = Matrix::from(array![[3.0, 4.0], [0.0, 0.0]]);
/// let unit = Normalizer::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(unit.dense()?, array![[0.6, 0.8], [0.0, 0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Normalizer {
    norm: Norm,
}

impl Normalizer {
    /// To rows of Euclidean length one.
    pub fn new() -> Self {
        Normalizer::default()
    }

    /// What the length of a row is.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }
}

impl Estimator for Normalizer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = NormalizerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<NormalizerModel> {
        train.x.dense()?;
        Ok(NormalizerModel { features: train.x.features().clone(), norm: self.norm })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl FitBatches for Normalizer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for Normalizer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::of_no_rows(self, x)
    }
}

/// A [`Normalizer`] that knows its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NormalizerModel {
    features: Features,
    norm: Norm,
}

impl Transformer for NormalizerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let n_cols = self.features.len();
        map_rows(&x, &self.features, |_, rows, out| {
            for (row, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(n_cols)) {
                // In shares of the largest number, so that no square leaves the range.
                let largest = row.iter().fold(0.0_f64, |largest, cell| largest.max(cell.abs()));
                let largest = if largest > 0.0 { largest } else { 1.0 };
                let length = match self.norm {
                    Norm::L1 => row.iter().map(|cell| (cell / largest).abs()).sum(),
                    Norm::L2 => row.iter().map(|cell| (cell / largest).powi(2)).sum::<f64>().sqrt(),
                    Norm::Max => 1.0,
                };
                let length = if length > 0.0 { length } else { 1.0 };
                out.iter_mut().zip(row).for_each(|(out, cell)| *out = cell / largest / length);
            }
        })
    }
}
