//! Support vector regression.

use ndarray::{ArrayView1, ArrayView2, Axis};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use perennial_numeric::kernel::Kernel;
use serde::{Deserialize, Serialize};

use super::expansion::Expansion;
use super::machine::{self, C, CACHE_SIZE, Effort, MAX_ITER, TOLERANCE, Terms, bounds};

const EPSILON: Param =
    Param::real("epsilon", "how far a prediction may miss for nothing").at_least(0.0).search_log(1e-3, 1.0);

/// Support vector regression with kernels (Drucker and others, 1997; Smola and Schölkopf, 2004).
///
/// Misses within `epsilon` cost nothing, further ones as much as they are further. Found as [`Svc`](crate::Svc) is, with
/// one unknown for each row. Standardise features first, and choose `epsilon` and `c` in the units of the target.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `c` | 1 | 1e-100 to 1e12 | the most that one row may pull |
/// | `epsilon` | 0.1 | >= 0 | how far a prediction may miss for nothing |
/// | `kernel` | radial, `Gamma::Scale` | | how alike two rows are |
/// | `tolerance` | 1e-3 | above 0 | by how much a pair of rows may violate optimality |
/// | `max_iter` | 10 million | 1 to 1e15 | the most steps of pairs |
/// | `cache_size` | 200 | above 0, to 1e9 | megabytes for rows of the kernel matrix |
///
/// Running out of steps is no error: [`SvrModel::converged`] tells.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::Svr;
///
/// let x = Matrix::from(Array2::from_shape_fn((60, 1), |(i, _)| i as f64 / 10.0));
/// let y: Values = (0..60).map(|i| (i as f64 / 10.0).sin()).collect();
/// let model = Svr::new().c(10.0).epsilon(0.01).fit(&x, &y)?;
/// let worst = model.predict(&x)?.as_slice().iter().zip(y.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
/// assert!(worst < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Svr {
    c: f64,
    epsilon: f64,
    kernel: Kernel,
    tolerance: f64,
    max_iter: usize,
    cache_size: f64,
}

impl Default for Svr {
    fn default() -> Self {
        Svr {
            c: 1.0,
            epsilon: 0.1,
            kernel: Kernel::default(),
            tolerance: 1e-3,
            max_iter: 10_000_000,
            cache_size: 200.0,
        }
    }
}

impl Svr {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[C, EPSILON, TOLERANCE, MAX_ITER, CACHE_SIZE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most that one row may pull.
    #[must_use]
    pub fn c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Sets how far a prediction may miss for nothing.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
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

impl Estimator for Svr {
    type Input = Matrix;
    type Target = Values;
    type Model = SvrModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SvrModel> {
        C.check(self.c)?;
        EPSILON.check(self.epsilon)?;
        self.effort().check()?;
        let x = train.x.dense()?;
        let function = self.kernel.resolve(x, train.weights)?;
        let high = bounds(self.c, x.nrows(), train.weights)?;
        let rows: Vec<usize> = (0..x.nrows()).filter(|&row| high[row] > 0.0).collect();
        let high: Vec<f64> = rows.iter().map(|&row| high[row]).collect();
        let part = x.select(Axis(0), &rows);
        let terms = Terms {
            linear: rows.iter().map(|&row| -train.y.as_slice()[row]).collect(),
            low: high.iter().map(|bound| -bound).collect(),
            high,
            kink: self.epsilon,
            start: vec![0.0; rows.len()],
        };
        let solution = machine::solve(function, &part, terms, self.effort().limits(1), &train.ctx)?;
        let support: Vec<usize> = (0..rows.len()).filter(|&t| solution.beta[t] != 0.0).collect();
        let coefficients = support.iter().map(|&t| solution.beta[t]).collect::<Vec<_>>();
        let coefficients =
            ndarray::Array2::from_shape_vec((support.len(), 1), coefficients).map_err(Error::other)?;
        let expansion =
            Expansion::new(function, part.select(Axis(0), &support), coefficients, vec![solution.bias])?;
        Ok(SvrModel {
            features: train.x.features().clone(),
            expansion,
            converged: solution.gap <= self.tolerance,
            gap: solution.gap,
            n_iterations: solution.n_iterations,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// A fitted support vector regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SvrModel {
    features: Features,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    n_iterations: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    n_iterations: usize,
}

impl TryFrom<Parts> for SvrModel {
    type Error = Error;

    fn try_from(Parts { features, expansion, converged, gap, n_iterations }: Parts) -> Result<Self> {
        if !expansion.fits(features.len()) || expansion.biases().len() != 1 {
            return Err(Error::corrupt("the support vectors of the regression do not fit its features"));
        }
        Ok(SvrModel { features, expansion, converged, gap, n_iterations })
    }
}

impl SvrModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The rows that the answers depend on.
    pub fn support_vectors(&self) -> ArrayView2<'_, f64> {
        self.expansion.support().view()
    }

    /// The coefficients of the support vectors.
    pub fn dual_coefficients(&self) -> ArrayView1<'_, f64> {
        self.expansion.coefficients().column(0)
    }

    /// The intercept.
    pub fn intercept(&self) -> f64 {
        self.expansion.biases()[0]
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

impl Predictor for SvrModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        Ok(self.expansion.at(&x)?.into_raw_vec_and_offset().0.into())
    }
}
