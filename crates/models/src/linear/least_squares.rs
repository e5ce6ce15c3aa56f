//! Ordinary least squares.

use ndarray::{ArrayView1, Axis};
use perennial_core::{Capabilities, Estimator, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::linalg::Qr;
use serde::{Deserialize, Serialize};

use super::model::{Fit, LinearModel, total_weight};

/// Linear regression by least squares, solved by Householder QR.
///
/// The normal equations are never formed, so badly conditioned problems keep their digits (Golub and Van
/// Loan, 2013, section 5.3). Where columns depend on each other the smallest coefficients are taken, and
/// [`LinearModel::rank`] says how many columns are independent.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `fit_intercept` | true | | whether the line may miss the origin |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::LinearRegression;
///
/// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0]]).with_names(["dose"])?;
/// let y = Values::from(vec![2.1, 3.9, 6.2, 7.8]);
/// let model = LinearRegression::new().fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 1.94).abs() < 1e-12);
///
/// let inference = model.inference(0.95)?;
/// let dose = &inference.coefficients[1];
/// assert_eq!(dose.name, "dose");
/// assert!(dose.p_value < 0.01 && dose.interval.contains(2.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearRegression {
    fit_intercept: bool,
}

impl Default for LinearRegression {
    fn default() -> Self {
        LinearRegression { fit_intercept: true }
    }
}

impl LinearRegression {
    /// It has no numeric settings.
    pub const PARAMS: &'static [Param] = &[];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the line may miss the origin.
    #[must_use]
    pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
        self.fit_intercept = fit_intercept;
        self
    }
}

impl Estimator for LinearRegression {
    type Input = Matrix;
    type Target = Values;
    type Model = LinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LinearModel> {
        let y = ArrayView1::from(train.y.as_slice()).insert_axis(Axis(1));
        let qr = Qr::new(train.x.dense()?, &y, train.weights, self.fit_intercept)?;
        let answer = qr.solve()?;
        let n_rows = total_weight(train.weights, train.x.n_rows());
        let fit = Fit::new(&qr, &answer, n_rows, self.fit_intercept);
        Ok(LinearModel::new(train.x.features(), &answer, fit))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
