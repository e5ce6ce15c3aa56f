//! The support of a distribution.

use ndarray::{Array2, ArrayView2, Axis};
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Train,
    Values,
};
use perennial_numeric::kernel::Kernel;
use serde::{Deserialize, Serialize};

use super::expansion::Expansion;
use super::machine::{self, CACHE_SIZE, Effort, MAX_ITER, TOLERANCE, Terms, bounds};

const NU: Param =
    Param::real("nu", "the share of the training rows that may be outliers").above(0.0).at_most(1.0);

/// A one-class support vector machine (Schölkopf and others, 2001): the region where most rows lie.
///
/// At most a share `nu` of the rows lies outside, and at least that share are support vectors. Standardise features first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `nu` | 0.5 | above 0, to 1 | the share of the training rows that may be outliers |
/// | `kernel` | radial, `Gamma::Scale` | | how alike two rows are |
/// | `tolerance` | 1e-3 | above 0 | by how much a pair of rows may violate optimality |
/// | `max_iter` | 10 million | 1 to 1e15 | the most steps of pairs |
/// | `cache_size` | 200 | above 0, to 1e9 | megabytes for rows of the kernel matrix |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::OneClassSvm;
///
/// let mut x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64);
/// x.row_mut(42).fill(60.0);
/// let x = Matrix::from(x);
/// let model = OneClassSvm::new().nu(0.05).fit(&x, &NoTarget)?;
/// let scores = model.score(&x)?;
/// assert!(scores.as_slice().iter().all(|score| *score <= scores.as_slice()[42]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneClassSvm {
    nu: f64,
    kernel: Kernel,
    tolerance: f64,
    max_iter: usize,
    cache_size: f64,
}

impl Default for OneClassSvm {
    fn default() -> Self {
        OneClassSvm {
            nu: 0.5,
            kernel: Kernel::default(),
            tolerance: 1e-3,
            max_iter: 10_000_000,
            cache_size: 200.0,
        }
    }
}

impl OneClassSvm {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[NU, TOLERANCE, MAX_ITER, CACHE_SIZE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the training rows that may be outliers.
    #[must_use]
    pub fn nu(mut self, nu: f64) -> Self {
        self.nu = nu;
        self
    }

    /// Sets how alike two rows are.
    #[must_use]
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Sets by how much a pair of rows may violate optimality.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the most steps of pairs.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the megabytes for rows of the kernel matrix.
    #[must_use]
    pub fn cache_size(mut self, megabytes: f64) -> Self {
        self.cache_size = megabytes;
        self
    }

    fn effort(&self) -> Effort {
        Effort { tolerance: self.tolerance, max_iter: self.max_iter, cache_size: self.cache_size }
    }
}

impl Estimator for OneClassSvm {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = OneClassSvmModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<OneClassSvmModel> {
        NU.check(self.nu)?;
        self.effort().check()?;
        let x = train.x.dense()?;
        let function = self.kernel.resolve(x, train.weights)?;
        let high = bounds(1.0, x.nrows(), train.weights)?;
        let rows: Vec<usize> = (0..x.nrows()).filter(|&row| high[row] > 0.0).collect();
        let high: Vec<f64> = rows.iter().map(|&row| high[row]).collect();
        let part = x.select(Axis(0), &rows);
        // The first rows hold all there is to share out; the solver moves it.
        let mut left = self.nu * high.iter().sum::<f64>();
        let mut start = vec![0.0; rows.len()];
        for (start, bound) in start.iter_mut().zip(&high) {
            *start = f64::min(*bound, left);
            left -= *start;
        }
        let zeros = vec![0.0; rows.len()];
        let terms = Terms { linear: zeros.clone(), low: zeros, high, kink: 0.0, start };
        let solution = machine::solve(function, &part, terms, self.effort().limits(1), &train.ctx)?;
        let support: Vec<usize> = (0..rows.len()).filter(|&t| solution.beta[t] != 0.0).collect();
        // The score falls where the sum of kernels rises.
        let coefficients = Array2::from_shape_fn((support.len(), 1), |(i, _)| -solution.beta[support[i]]);
        let expansion =
            Expansion::new(function, part.select(Axis(0), &support), coefficients, vec![-solution.bias])?;
        Ok(OneClassSvmModel {
            features: train.x.features().clone(),
            expansion,
            converged: solution.gap <= self.tolerance,
            gap: solution.gap,
            threshold: self.tolerance,
            n_iterations: solution.n_iterations,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// A fitted one-class support vector machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct OneClassSvmModel {
    features: Features,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    threshold: f64,
    n_iterations: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    threshold: f64,
    n_iterations: usize,
}

impl TryFrom<Parts> for OneClassSvmModel {
    type Error = Error;

    fn try_from(
        Parts { features, expansion, converged, gap, threshold, n_iterations }: Parts,
    ) -> Result<Self> {
        if !expansion.fits(features.len()) || expansion.biases().len() != 1 || !threshold.is_finite() {
            return Err(Error::corrupt(
                "the support vectors of the one-class machine do not fit its features",
            ));
        }
        Ok(OneClassSvmModel { features, expansion, converged, gap, threshold, n_iterations })
    }
}

impl OneClassSvmModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The rows that the answers depend on.
    pub fn support_vectors(&self) -> ArrayView2<'_, f64> {
        self.expansion.support().view()
    }

    /// The score above which a row is an outlier: the tolerance of the solver, so that rows on the edge of the region,
    /// where the score is 0 but for that, belong to it.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How far outside the region each row is: negative inside. It is scikit-learn's `decision_function` with the sign
    /// turned.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn score(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        Ok(self.expansion.at(&x)?.into_raw_vec_and_offset().0.into())
    }

    /// Whether the solver came within the tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// By how much the worst pair of rows violates optimality.
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// How many steps of pairs the solver took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }
}

impl Predictor for OneClassSvmModel {
    type Input = Matrix;
    /// The classes `inlier` and `outlier`: whether the score is above the threshold.
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let scores = self.score(x)?;
        let codes = scores.as_slice().iter().map(|score| u32::from(*score > self.threshold)).collect();
        Classes::new(codes, ["inlier".to_owned(), "outlier".to_owned()].to_vec())
    }
}
