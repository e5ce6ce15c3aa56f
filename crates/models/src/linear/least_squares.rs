//! Ordinary least squares.

use std::ops::Range;

use ndarray::{ArrayView1, Axis};
use perennial_core::{Capabilities, Estimator, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::linalg::{LeastSquares, Qr};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::model::{Fit, LinearModel, total_weight};
use super::sandwich::{Robust, add_sums, rest_of};

/// What is supposed of the noise when the standard errors of a linear model are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandardErrors {
    /// All rows have noise of one variance; of a generalised linear or logistic model, the variance that its family says.
    #[default]
    Classical,
    /// The variance may differ from row to row (White, 1980).
    Hc0,
    /// The same, with the correction for the number of coefficients.
    Hc1,
    /// As `Hc0`, each squared residual divided by the share of its row that the others do not explain (MacKinnon and White, 1985).
    Hc2,
    /// The same, each residual divided by that share: the choice for few rows.
    Hc3,
}

/// Linear regression by least squares, solved by Householder QR.
///
/// Badly conditioned problems keep their digits (Golub and Van Loan, 2013, section 5.3): products of the centred columns
/// are taken for tall, narrow designs only, and only where their measured condition is small. Where columns depend on each other the smallest coefficients are taken, and
/// [`LinearModel::rank`] says how many columns are independent.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `standard_errors` | `Classical` | `Classical`, `Hc0` to `Hc3` | what the noise may be for [`LinearModel::inference`] |
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
    standard_errors: StandardErrors,
}

impl Default for LinearRegression {
    fn default() -> Self {
        LinearRegression { fit_intercept: true, standard_errors: StandardErrors::Classical }
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

    /// Sets what the noise may be for the standard errors.
    #[must_use]
    pub fn standard_errors(mut self, standard_errors: StandardErrors) -> Self {
        self.standard_errors = standard_errors;
        self
    }
}

impl Estimator for LinearRegression {
    type Input = Matrix;
    type Target = Values;
    type Model = LinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LinearModel> {
        let y = ArrayView1::from(train.y.as_slice()).insert_axis(Axis(1));
        let qr = Qr::new_in(&train.ctx, train.x.dense()?, &y, train.weights, self.fit_intercept);
        let qr = qr.or_else(|error| train.x.check_finite(false).and(Err(error)))?;
        let answer = qr.solve()?;
        let n_rows = total_weight(train.weights, train.x.n_rows());
        let mut fit = Fit::new(&qr, &answer, n_rows, self.fit_intercept);
        if let Some(fit) = fit.as_mut().filter(|_| self.standard_errors != StandardErrors::Classical) {
            fit.robust = robust_errors(train, &qr, &answer, self.fit_intercept, self.standard_errors)?;
        }
        Ok(LinearModel::new(train.x.features(), &answer, fit))
    }

    /// What is not finite shows in the products of the columns.
    fn checks_finite(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The roots of the diagonal of `C (sum of w e^2 x x^T) C` with `C` the inverse of `X^T W X`; none where it has none.
fn robust_errors(
    train: &Train<'_, Matrix, Values>,
    qr: &Qr,
    answer: &LeastSquares,
    intercept: bool,
    kind: StandardErrors,
) -> Result<Robust> {
    let Ok(inverse) = qr.covariance() else { return Ok(Robust::default()) };
    let x = train.x.dense()?;
    let (coefficients, constant) = (answer.coefficients.column(0), answer.intercept[0]);
    let n_design = inverse.nrows();
    let part = |rows: Range<usize>| {
        let (mut sums, mut bound) = (vec![0.0; n_design], None);
        let mut design = Vec::with_capacity(n_design);
        for row in rows {
            // A row without weight must not count, whatever it holds.
            if train.weight(row) == 0.0 {
                continue;
            }
            design.clear();
            design.extend(intercept.then_some(1.0));
            design.extend(x.row(row).iter().copied());
            let moved = inverse.dot(&ArrayView1::from(&design));
            let Some(rest) = rest_of(kind, || moved.iter().zip(&design).map(|(a, b)| a * b).sum()) else {
                bound = bound.or(Some(row));
                continue;
            };
            let residual = (train.y.as_slice()[row] - constant - x.row(row).dot(&coefficients)) / rest;
            let square = train.weight(row) * residual * residual;
            sums.iter_mut().zip(&moved).for_each(|(sum, moved)| *sum += square * moved * moved);
        }
        (sums, bound)
    };
    let sums = reduce::map_reduce(x.nrows(), 1024, part, add_sums).unwrap_or_default();
    let n_rows = total_weight(train.weights, x.nrows());
    Ok(Robust::new(kind, sums, n_rows))
}
