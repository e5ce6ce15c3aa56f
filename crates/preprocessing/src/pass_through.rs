//! Columns as they are.

use perennial_core::{
    Capabilities, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Train,
    Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::schema;

/// Hands columns on as they are, missing cells included; for [`Columns`](crate::Columns) and models that need
/// no more.
///
/// ```
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::PassThrough;
///
/// let x = Matrix::from(ndarray::array![[1.0, f64::NAN]]);
/// let same = PassThrough::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert!(same.dense()?[[0, 1]].is_nan());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PassThrough {}

impl PassThrough {
    /// Hands columns on.
    pub fn new() -> Self {
        PassThrough::default()
    }
}

impl Estimator for PassThrough {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PassThroughModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PassThroughModel> {
        Ok(PassThroughModel { features: train.x.features().clone() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse().categorical()
    }
}

impl FitBatches for PassThrough {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for PassThrough {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::of_no_rows(self, x)
    }
}

/// A fitted [`PassThrough`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassThroughModel {
    features: Features,
}

impl Transformer for PassThroughModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        Ok(x.into_owned())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }
}
