//! By the largest magnitude.

use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, NoTarget, Result, Train};
use serde::{Deserialize, Serialize};

use super::model::ScalerModel;
use crate::stats::Moments;

/// Divides each column by the largest magnitude of its values: zeros stay zeros, signs stay signs.
///
/// Missing cells are left out and stay missing. A column of zeros stays as it is.
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
        let moments = Moments::of(train.x.dense()?, train.weights);
        let largest = |column: usize| {
            let largest = moments.max[column].max(-moments.min[column]);
            if largest > 0.0 { largest } else { 1.0 }
        };
        let zeros = vec![0.0; train.x.n_cols()];
        let divisors = (0..zeros.len()).map(largest).collect();
        ScalerModel::new(train.x.features().clone(), zeros.clone(), divisors, zeros, None)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for MaxAbsScaler {}
