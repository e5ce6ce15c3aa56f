//! To mean 0 and deviation 1.

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Train,
};
use serde::{Deserialize, Serialize};

use super::model::{ScalerModel, too_large};
use crate::batch_parts::MatrixParts;
use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::moments::Moments;
use crate::schema;

/// Centres each column on its mean and divides it by its standard deviation (over n).
///
/// Missing cells are left out of the statistics and stay missing. A constant column is centred and not
/// divided.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `with_mean` | true | whether to centre; without it rows may be sparse |
/// | `with_std` | true | whether to divide |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::StandardScaler;
///
/// let x = Matrix::from(array![[1.0, 10.0], [3.0, 30.0]]);
/// let scaled = StandardScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[-1.0, -1.0], [1.0, 1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardScaler {
    with_mean: bool,
    with_std: bool,
}

impl Default for StandardScaler {
    fn default() -> Self {
        StandardScaler { with_mean: true, with_std: true }
    }
}

impl StandardScaler {
    /// Centres and divides.
    pub fn new() -> Self {
        StandardScaler::default()
    }

    /// Whether to centre.
    #[must_use]
    pub fn with_mean(mut self, with_mean: bool) -> Self {
        self.with_mean = with_mean;
        self
    }

    /// Whether to divide.
    #[must_use]
    pub fn with_std(mut self, with_std: bool) -> Self {
        self.with_std = with_std;
        self
    }
}

impl Estimator for StandardScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        self.model(train.x.features(), &Moments::of_matrix(train.x, train.weights)?)
    }

    /// Sparse rows where there is no centring, which would make numbers of all zeros.
    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::new().weights().missing();
        if self.with_mean { all } else { all.sparse() }
    }
}

impl StandardScaler {
    fn model(&self, features: &Features, moments: &Moments) -> Result<ScalerModel> {
        let divisor = |column: usize| if self.with_std { moments.divisor(column) } else { 1.0 };
        let centre = |column: usize| if self.with_mean { moments.mean[column] } else { 0.0 };
        for (column, name) in features.names().enumerate() {
            if !moments.mean[column].is_finite() || !moments.variance(column).is_finite() {
                return Err(too_large(name));
            }
        }
        let n_cols = features.len();
        ScalerModel::new(
            features.clone(),
            (0..n_cols).map(centre).collect(),
            (0..n_cols).map(divisor).collect(),
            vec![0.0; n_cols],
            None,
        )
    }
}

/// Of dense rows: standard deviations of sparse ones need all rows at once.
impl FitBatches for StandardScaler {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |parts: &mut MatrixParts, batch: &Train<'_, Matrix, NoTarget>| {
                if self.with_std && batch.x.sparse().is_some() {
                    return Err(Error::unsupported(
                        "the standard deviations of sparse rows need all rows at once; make the rows dense, or scale them by `MaxAbsScaler`",
                    ));
                }
                parts.add(batch.x, batch.weights).map(drop)
            },
            |parts| {
                let (features, moments) = parts.finish()?;
                self.model(&features, &moments)
            },
        ))
    }
}

impl FitTransform for StandardScaler {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::same_columns(x)
    }
}
