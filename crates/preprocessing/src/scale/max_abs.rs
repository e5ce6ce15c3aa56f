//! By the largest magnitude.

use perennial_core::{
    Capabilities, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Train,
};
use serde::{Deserialize, Serialize};

use super::model::ScalerModel;
use crate::batch_parts::from_moments;
use crate::batches::{BoxLearning, FitBatches};
use crate::moments::Moments;
use crate::schema;

/// Divides each column by the largest magnitude of its values: zeros stay zeros, signs stay signs.
///
/// Missing cells are left out and stay missing. A column of zeros stays as it is. Sparse rows stay sparse.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::MaxAbsScaler;
///
/// let x = Matrix::from(array![[1.0], [-4.0], [0.0]]);
/// let scaled = MaxAbsScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[0.25], [-1.0], [0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxAbsScaler {}

impl MaxAbsScaler {
    /// Divides by the largest magnitude.
    pub fn new() -> Self {
        MaxAbsScaler::default()
    }
}

impl Estimator for MaxAbsScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        MaxAbsScaler::model(train.x.features(), &Moments::of_matrix(train.x, train.weights)?)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse()
    }
}

impl MaxAbsScaler {
    fn model(features: &Features, moments: &Moments) -> Result<ScalerModel> {
        let largest = |column: usize| {
            let largest = moments.max[column].max(-moments.min[column]);
            if largest > 0.0 { largest } else { 1.0 }
        };
        let zeros = vec![0.0; features.len()];
        let divisors = (0..zeros.len()).map(largest).collect();
        ScalerModel::new(features.clone(), zeros.clone(), divisors, zeros, None)
    }
}

impl FitBatches for MaxAbsScaler {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(from_moments(|features, moments| MaxAbsScaler::model(features, &moments)))
    }
}

impl FitTransform for MaxAbsScaler {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::same_columns(x)
    }
}
