//! Independent components.

use ndarray::{Array2, s};
use perennial_core::{
    Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use perennial_numeric::linalg::{Centred, eigh, matmul, svd};
use perennial_numeric::random::Random;
use perennial_numeric::{reduce, simd, special};
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish, turn_back};
use super::spectrum::{PcaSolver, spectrum};

const N_COMPONENTS: Param = Param::integer("n_components", "how many components").at_least(1.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the change at which to stop").at_least(0.0);
/// Rows of one task.
const CHUNK: usize = 2048;

/// What tells a component from a normal one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contrast {
    /// `ln cosh u`: good for most.
    #[default]
    LogCosh,
    /// `-exp(-u^2 / 2)`: for components with heavy tails.
    Exp,
    /// `u^4 / 4`: kurtosis, which outliers sway.
    Cube,
}

/// Independent components: the directions along which rows are least normal (Hyvärinen and Oja, 2000).
///
/// Rows are whitened by their principal components; then all directions are turned together, by fixed-point steps,
/// until none moves. Components have unit variance; their signs and order mean nothing.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components; as many as the rank of the rows, where that is lower |
/// | `contrast` | `LogCosh` | `LogCosh`, `Exp`, `Cube` | what tells a component from a normal one |
/// | `max_iter` | 200 | >= 1 | the most steps |
/// | `tolerance` | 1e-4 | >= 0 | stop when no direction turns by more: the cosine of its turn is this near 1 |
/// | `seed` | that of the context | any | of the start |
///
/// ```
/// use ndarray::{Array2, array};
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_features::extraction::FastIca;
///
/// // Two signals, a sine and a saw, heard mixed.
/// let signals = Array2::from_shape_fn((500, 2), |(i, j)| if j == 0 { (i as f64 / 9.0).sin() } else { (i % 23) as f64 });
/// let heard = signals.dot(&array![[1.0, 0.5], [0.3, 1.0]]);
/// let model = FastIca::new().fit(&Matrix::from(heard), &NoTarget)?;
/// assert!(model.converged());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FastIca {
    n_components: Option<usize>,
    contrast: Contrast,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for FastIca {
    fn default() -> Self {
        FastIca {
            n_components: None,
            contrast: Contrast::LogCosh,
            max_iter: 200,
            tolerance: 1e-4,
            seed: None,
        }
    }
}

impl FastIca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, MAX_ITER, TOLERANCE];

    /// All components.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many components.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }

    /// What tells a component from a normal one.
    #[must_use]
    pub fn contrast(mut self, contrast: Contrast) -> Self {
        self.contrast = contrast;
        self
    }

    /// The most steps.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The change at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The seed of the start.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for FastIca {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = FastIcaModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<FastIcaModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let x = train.x.dense()?;
        let n = x.nrows();
        let seed = train.ctx.seed(self.seed);
        let (mean, found) = spectrum(x, true, self.n_components, PcaSolver::Auto, (seed, 7), &train.ctx)?;
        let largest = found.s[0];
        let k = found.s.iter().take_while(|s| **s > 1e-10 * largest).count();
        if k == 0 {
            return Err(Error::insufficient_data("all rows are equal, so there are no directions to part"));
        }
        // Columns x components: rows times this have unit variance and no correlation.
        let root = (n as f64).sqrt();
        let whitening = Array2::from_shape_fn((x.ncols(), k), |(j, c)| found.vt[[c, j]] / found.s[c] * root);
        let white = Centred::new(x, Some(&mean)).times(&whitening);
        let mut random = Random::new(seed).stream("start");
        let mut turn = decorrelate(&Array2::from_shape_simple_fn((k, k), || random.normal()))?;
        let (mut change, mut n_iterations) = (f64::INFINITY, 0);
        while n_iterations < self.max_iter && !(change <= self.tolerance) {
            train.ctx.step(n_iterations, self.max_iter)?;
            let next = decorrelate(&self.step(&white, &turn))?;
            let cosine = |c: usize| next.row(c).dot(&turn.row(c)).abs();
            change = (0..k).map(|c| (cosine(c) - 1.0).abs()).fold(0.0, f64::max);
            turn = next;
            n_iterations += 1;
        }
        let components = matmul(&turn, &whitening.t());
        let converged = change <= self.tolerance;
        FastIcaModel::new(train.x.features().clone(), mean, components, converged, change, n_iterations)
    }
}

impl FastIca {
    /// `E[g(W z) z'] - E[g'(W z)] W`.
    fn step(&self, white: &Array2<f64>, turn: &Array2<f64>) -> Array2<f64> {
        let (n, k) = white.dim();
        let turned = turn.t().to_owned();
        let contrast = self.contrast;
        let part = |rows: std::ops::Range<usize>| {
            let block = white.slice(s![rows, ..]);
            let mut values = matmul(&block, &turned);
            let mut slopes = vec![0.0; k];
            for row in values.as_slice_mut().unwrap_or_default().chunks_exact_mut(k) {
                simd::widest(
                    #[inline(always)]
                    || {
                        for (value, slope) in row.iter_mut().zip(&mut slopes) {
                            let (g, derivative) = derivatives(contrast, *value);
                            *value = g;
                            *slope += derivative;
                        }
                    },
                );
            }
            (matmul(&values.t(), &block), slopes)
        };
        let add = |mut left: (Array2<f64>, Vec<f64>), right: (Array2<f64>, Vec<f64>)| {
            left.0 += &right.0;
            left.1.iter_mut().zip(right.1).for_each(|(left, right)| *left += right);
            left
        };
        let (mut sums, slopes) =
            reduce::map_reduce(n, CHUNK, part, add).unwrap_or_else(|| (Array2::zeros((k, k)), vec![0.0; k]));
        for (c, slope) in slopes.iter().enumerate() {
            for j in 0..k {
                sums[[c, j]] = (sums[[c, j]] - slope * turn[[c, j]]) / n as f64;
            }
        }
        sums
    }
}

/// The first and second derivative of the contrast.
#[inline(always)]
fn derivatives(contrast: Contrast, u: f64) -> (f64, f64) {
    match contrast {
        Contrast::LogCosh => {
            let tanh = 1.0 - 2.0 / (special::exp(2.0 * u) + 1.0);
            (tanh, 1.0 - tanh * tanh)
        }
        Contrast::Exp => {
            let e = special::exp(-0.5 * u * u);
            (u * e, (1.0 - u * u) * e)
        }
        Contrast::Cube => (u * u * u, 3.0 * u * u),
    }
}

/// `(W W')^(-1/2) W`: the nearest matrix with orthonormal rows.
fn decorrelate(w: &Array2<f64>) -> Result<Array2<f64>> {
    let eigen = eigh(&matmul(w, &w.t()))?;
    let largest = eigen.values.iter().fold(0.0, |most: f64, value| most.max(*value));
    let mut scaled = eigen.vectors.clone();
    for (mut column, value) in scaled.columns_mut().into_iter().zip(&eigen.values) {
        let root = value.max(largest * f64::EPSILON).max(f64::MIN_POSITIVE).sqrt();
        column.mapv_inplace(|entry| entry / root);
    }
    Ok(matmul(&matmul(&scaled, &eigen.vectors.t()), w))
}

impl FitTransform for FastIca {}

/// A fitted [`FastIca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FastIcaModel {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    converged: bool,
    change: f64,
    n_iterations: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    converged: bool,
    change: f64,
    n_iterations: usize,
}

impl TryFrom<Parts> for FastIcaModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        let p_cols = p.features.len();
        let sizes = p.mean.len() == p_cols && p.components.ncols() == p_cols && p.components.nrows() > 0;
        if !sizes || !p.mean.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt(
                "independent components with sizes or numbers that do not fit together",
            ));
        }
        FastIcaModel::new(p.features, p.mean, p.components, p.converged, p.change, p.n_iterations)
    }
}

impl FastIcaModel {
    fn new(
        features: Features,
        mean: Vec<f64>,
        components: Array2<f64>,
        converged: bool,
        change: f64,
        n_iterations: usize,
    ) -> Result<Self> {
        if !components.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow("a component leaves the range of f64; scale the columns first"));
        }
        Ok(FastIcaModel { features, mean, components, converged, change, n_iterations })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What centred rows are multiplied with, `n_components` x columns.
    pub fn components(&self) -> &ndarray::ArrayRef2<f64> {
        &self.components
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Whether the directions stood still. If not, take more steps or fewer components: normal ones have no direction.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How far the cosine of the last turn of any direction was from 1.
    pub fn change(&self) -> f64 {
        self.change
    }

    /// How many steps were taken.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// How sources mix to centred rows, columns x `n_components`: the pseudoinverse of the components.
    ///
    /// # Errors
    /// When it leaves the range of f64.
    pub fn mixing(&self) -> Result<Array2<f64>> {
        let found = svd(&self.components)?;
        let top = found.s.first().copied().unwrap_or(0.0);
        let mut turned = found.vt.t().to_owned();
        for (mut column, s) in turned.columns_mut().into_iter().zip(&found.s) {
            let factor = if *s > 1e-13 * top { 1.0 / s } else { 0.0 };
            column.mapv_inplace(|value| value * factor);
        }
        let out = matmul(&turned, &found.u.t());
        match out.iter().all(|value| value.is_finite()) {
            true => Ok(out),
            false => Err(Error::overflow("the mixing leaves the range of f64; scale the columns first")),
        }
    }

    /// The rows that sources stand for: [`mixing`](FastIcaModel::mixing) times the sources, plus the mean.
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        let turned = self.mixing()?.reversed_axes();
        turn_back(projections, &turned, None, Some(&self.mean), &self.features)
    }
}

impl Transformer for FastIcaModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        finish(Centred::new(x.dense()?, Some(&self.mean)).times(&self.components.t().to_owned()), "ic")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("learned in {} iterations", self.n_iterations());
        decided_components(self, self.components.nrows(), &self.features, why)
    }
}
