//! Kernel ridge regression.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use perennial_numeric::kernel::Kernel;
use perennial_numeric::linalg::Cholesky;
use serde::{Deserialize, Serialize};

use crate::svm::Expansion;

const ALPHA: Param =
    Param::real("alpha", "strength of the penalty").above(0.0).at_most(1e100).search_log(1e-4, 1e2);
/// The most rows: their kernel matrix and its factor take 6.4 GB.
const MOST_ROWS: usize = 20_000;

/// Ridge regression in the space of a kernel (Saunders, Gammerman and Vovk, 1998).
///
/// Minimises the sum of squared residuals plus `alpha` times the squared length of the function, which has no
/// intercept: centre the target first. The kernel matrix of all rows is factored (Cholesky), so time grows with the
/// cube of the rows and memory with their square; more than 20000 rows are refused.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | above 0, to 1e100 | strength of the penalty |
/// | `kernel` | linear | | how alike two rows are |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::KernelRidge;
/// use perennial_numeric::kernel::Kernel;
///
/// let x = Matrix::from(array![[-1.0], [0.0], [1.0], [2.0]]);
/// let y = Values::from(vec![1.0, 0.0, 1.0, 4.0]);
/// let model = KernelRidge::new().kernel(Kernel::polynomial(2, 1.0, 1.0)).alpha(1e-9).fit(&x, &y)?;
/// let three = model.predict(&array![[3.0]].into())?;
/// assert!((three.as_slice()[0] - 9.0).abs() < 1e-3);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelRidge {
    alpha: f64,
    kernel: Kernel,
}

impl Default for KernelRidge {
    fn default() -> Self {
        KernelRidge { alpha: 1.0, kernel: Kernel::Linear }
    }
}

impl KernelRidge {
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

    /// Sets how alike two rows are.
    #[must_use]
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }
}

impl Estimator for KernelRidge {
    type Input = Matrix;
    type Target = Values;
    type Model = KernelRidgeModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<KernelRidgeModel> {
        ALPHA.check(self.alpha)?;
        let x = train.x.dense()?;
        let function = self.kernel.resolve(x, train.weights)?;
        let rows: Vec<usize> = (0..x.nrows()).filter(|&row| train.weight(row) > 0.0).collect();
        if rows.len() > MOST_ROWS {
            return Err(Error::too_large(format!(
                "kernel ridge regression would factor a matrix of {n} x {n} numbers; at most {MOST_ROWS} rows are taken: take a sample, or use `Nystroem` before `Ridge`",
                n = rows.len()
            )));
        }
        let part = x.select(Axis(0), &rows);
        let mut gram = function.points(&part)?.gram(&part)?;
        train.ctx.check()?;
        // With weights w the problem in sqrt(w) y and sqrt(w) k sqrt(w) is the unweighted one.
        let roots: Array1<f64> = rows.iter().map(|&row| train.weight(row).sqrt()).collect();
        if train.weights.is_some() {
            for ((i, j), value) in gram.indexed_iter_mut() {
                *value *= roots[i] * roots[j];
            }
        }
        for i in 0..rows.len() {
            gram[[i, i]] += self.alpha;
        }
        let y: Array1<f64> =
            rows.iter().zip(&roots).map(|(&row, root)| train.y.as_slice()[row] * root).collect();
        let factor = Cholesky::new_in(&train.ctx, &gram).map_err(|error| {
            error.context("the kernel matrix plus `alpha` on its diagonal; raise `alpha`")
        })?;
        let dual = factor.solve(&y) * &roots;
        let coefficients = Array2::from_shape_fn((rows.len(), 1), |(i, _)| dual[i]);
        let expansion = Expansion::new(function, part, coefficients, vec![0.0])?;
        Ok(KernelRidgeModel { features: train.x.features().clone(), expansion })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// A fitted kernel ridge regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct KernelRidgeModel {
    features: Features,
    expansion: Expansion,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    expansion: Expansion,
}

impl TryFrom<Parts> for KernelRidgeModel {
    type Error = Error;

    fn try_from(Parts { features, expansion }: Parts) -> Result<Self> {
        if !expansion.fits(features.len()) || expansion.biases().len() != 1 {
            return Err(Error::corrupt("the rows of the kernel ridge regression do not fit its features"));
        }
        Ok(KernelRidgeModel { features, expansion })
    }
}

impl KernelRidgeModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The training rows that count.
    pub fn rows(&self) -> ArrayView2<'_, f64> {
        self.expansion.support().view()
    }

    /// The coefficient of the kernel with each of these rows.
    pub fn dual_coefficients(&self) -> ArrayView1<'_, f64> {
        self.expansion.coefficients().column(0)
    }
}

impl Predictor for KernelRidgeModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        Ok(self.expansion.at(&x)?.into_raw_vec_and_offset().0.into())
    }
}
