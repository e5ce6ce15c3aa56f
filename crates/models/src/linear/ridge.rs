//! Ridge regression.

use ndarray::{ArrayView1, Axis};
use perennial_core::{Capabilities, Estimator, Matrix, Param, Result, Train, Values};
use perennial_numeric::linalg::Qr;
use serde::{Deserialize, Serialize};

use super::model::LinearModel;
use super::ridge_sparse;

const ALPHA: Param = Param::real("alpha", "strength of the L2 penalty").at_least(0.0).search_log(1e-4, 1e4);

/// Least squares with `alpha` times the sum of squared coefficients added to the sum of squared residuals
/// (Hoerl and Kennard, 1970). The intercept is not penalised.
///
/// Solved from the triangular factor that [`LinearRegression`](crate::LinearRegression) takes too. The penalty depends on the units of the features, so
/// standardise them first. Sparse rows stay sparse: their products are factored up to 2048 columns, and conjugate gradients
/// (Hestenes and Stiefel, 1952) solve beyond.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalty |
/// | `fit_intercept` | true | | whether the line may miss the origin |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::Ridge;
///
/// let x = Matrix::from(array![[-1.0], [0.0], [1.0]]);
/// let y = Values::from(vec![-3.0, 0.0, 3.0]);
/// let model = Ridge::new().alpha(1.0).fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 1e-14);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ridge {
    alpha: f64,
    fit_intercept: bool,
}

impl Default for Ridge {
    fn default() -> Self {
        Ridge { alpha: 1.0, fit_intercept: true }
    }
}

impl Ridge {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strength of the penalty.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether the line may miss the origin.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }
}

impl Estimator for Ridge {
    type Input = Matrix;
    type Target = Values;
    type Model = LinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LinearModel> {
        ALPHA.check(self.alpha)?;
        if let Some(csr) = train.x.sparse() {
            train.x.check_finite(false)?;
            return ridge_sparse::fit(train, csr, self.alpha, self.fit_intercept);
        }
        let y = ArrayView1::from(train.y.as_slice()).insert_axis(Axis(1));
        let qr = Qr::new_in(&train.ctx, train.x.dense()?, &y, train.weights, self.fit_intercept);
        let qr = qr.or_else(|error| train.x.check_finite(false).and(Err(error)))?;
        Ok(LinearModel::new(train.x.features(), &qr.ridge(self.alpha)?, None))
    }

    /// What is not finite shows in the products of the columns.
    fn checks_finite(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
