//! Regression by a Gaussian process.

use ndarray::{Array1, Array2, ArrayView1};
use perennial_core::{
    Context, Error, ErrorKind, Estimator, Features, Matrix, Param, Predictor, Result, Rows, Train, Values,
};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::covariance::{Covariance, Points};
use super::factor::inverse;
use super::search::{Evidence, Found, search};
use crate::rows::{power_of_two, row_major};

const JITTER: Param = Param::real("alpha", "what is added to the variance of each value")
    .at_least(0.0)
    .at_most(1e100)
    .search_log(1e-10, 1.0);
pub(super) const N_RESTARTS: Param =
    Param::integer("n_restarts", "further starts of the search").at_least(0.0).at_most(1e6);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most steps of the search").at_least(0.0).at_most(1e9);
/// A matrix of so many rows takes 2 GiB.
pub(super) const MOST_ROWS: usize = 16_384;
/// Rows that are answered together; and whose right-hand sides are solved for together.
const CHUNK: usize = 288;

/// Regression with a distribution over functions (Rasmussen and Williams, 2006): each answer has a deviation.
///
/// The numbers of the covariance are those under which the training data is most probable, unless `optimize` is off. Time
/// grows with the cube of the rows, and memory with the square: 6 GiB for 16384 rows, and more are refused.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `covariance` | constant * rbf + white | | how alike the values at two points are, and where the search starts |
/// | `alpha` | 1e-10 | >= 0 | what is added to the variance of each value |
/// | `optimize` | true | | whether the numbers of the covariance are searched |
/// | `n_restarts` | 0 | >= 0 | further starts of the search, drawn at random |
/// | `max_iter` | 100 | >= 0 | the most steps of the search |
/// | `normalize_y` | true | | whether the target is brought to mean 0 and deviation 1 inside |
/// | `seed` | from the context | | the further starts |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::gaussian_process::{Covariance, GaussianProcessRegressor};
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0], [4.0]]);
/// let y: Values = (0..5).map(|i| f64::from(i).sin()).collect();
/// let settings = GaussianProcessRegressor::new().covariance(Covariance::constant(1.0) * Covariance::rbf([1.0]));
/// let (mean, deviation) = settings.fit(&x, &y)?.predict_with_deviation(&array![[1.5], [9.0]].into())?;
/// assert!((mean.as_slice()[0] - 1.5_f64.sin()).abs() < 0.05);
/// assert!(deviation.as_slice()[1] > 5.0 * deviation.as_slice()[0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianProcessRegressor {
    covariance: Covariance,
    alpha: f64,
    optimize: bool,
    n_restarts: usize,
    max_iter: usize,
    normalize_y: bool,
    seed: Option<u64>,
}

impl Default for GaussianProcessRegressor {
    fn default() -> Self {
        GaussianProcessRegressor {
            covariance: Covariance::constant(1.0) * Covariance::rbf([1.0]) + Covariance::white(0.1),
            alpha: 1e-10,
            optimize: true,
            n_restarts: 0,
            max_iter: 100,
            normalize_y: true,
            seed: None,
        }
    }
}

impl GaussianProcessRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[JITTER, N_RESTARTS, MAX_ITER];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how alike the values at two points are.
    #[must_use]
    pub fn covariance(mut self, covariance: Covariance) -> Self {
        self.covariance = covariance;
        self
    }

    /// Sets what is added to the variance of each value.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether the numbers of the covariance are searched.
    #[must_use]
    pub fn optimize(mut self, optimize: bool) -> Self {
        self.optimize = optimize;
        self
    }

    /// Sets how many further starts the search has.
    #[must_use]
    pub fn n_restarts(mut self, n_restarts: usize) -> Self {
        self.n_restarts = n_restarts;
        self
    }

    /// Sets the most steps of the search.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets whether the target is brought to mean 0 and deviation 1 inside.
    #[must_use]
    pub fn normalize_y(mut self, normalize_y: bool) -> Self {
        self.normalize_y = normalize_y;
        self
    }

    /// How alike values are before any data.
    pub(super) fn prior(&self) -> &Covariance {
        &self.covariance
    }

    /// Sets what decides the further starts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// What the covariance is judged by.
struct Known<'a> {
    covariance: &'a Covariance,
    points: &'a Points<'a>,
    y: &'a Array1<f64>,
    alpha: f64,
    ctx: &'a Context,
}

fn factor(covariance: &Covariance, points: &Points<'_>, alpha: f64, ctx: &Context) -> Result<Cholesky> {
    let mut matrix = covariance.matrix(points, ctx)?;
    matrix.diag_mut().iter_mut().for_each(|variance| *variance += alpha);
    if !matrix.iter().all(|value| value.is_finite()) {
        return Err(Error::overflow("the covariances leave the range of f64; scale the columns first"));
    }
    Cholesky::new_in(ctx, &matrix).map_err(|error| match error.kind() {
        ErrorKind::Cancelled { .. } => error,
        _ => Error::singular(
            "the covariance of the training rows is not positive definite: rows are too alike; raise `alpha` or add `Covariance::white`",
        ),
    })
}

impl Evidence for Known<'_> {
    fn of(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>)> {
        let covariance = self.covariance.with(parameters);
        let n = self.y.len();
        let factor = factor(&covariance, self.points, self.alpha, self.ctx)?;
        let solved = factor.solve(self.y);
        let value = 0.5 * self.y.dot(&solved)
            + 0.5 * factor.log_det()
            + 0.5 * n as f64 * (2.0 * std::f64::consts::PI).ln();
        // d = 1/2 tr((K^-1 - a a^T) dK)
        let mut weights = inverse(&factor, n, self.ctx)?;
        for (mut row, &left) in weights.rows_mut().into_iter().zip(&solved) {
            row.iter_mut().zip(&solved).for_each(|(weight, right)| *weight = 0.5 * (*weight - left * right));
        }
        Ok((value, covariance.slopes(self.points, &weights, self.ctx)?))
    }
}

pub(super) fn check_rows(n_rows: usize) -> Result<()> {
    if n_rows > MOST_ROWS {
        return Err(Error::too_large(format!(
            "{n_rows} rows; the matrix of their covariances would take {} GiB, and at most {MOST_ROWS} rows are taken: draw fewer rows, or use `Nystroem` features and a linear model",
            n_rows * n_rows / (1 << 27)
        )));
    }
    Ok(())
}

impl Estimator for GaussianProcessRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = GaussianProcessRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GaussianProcessRegressorModel> {
        JITTER.check(self.alpha)?;
        N_RESTARTS.check_count(self.n_restarts)?;
        MAX_ITER.check_count(self.max_iter)?;
        let x = train.x.dense()?;
        let (n, width) = x.dim();
        check_rows(n)?;
        if width == 0 {
            return Err(Error::empty("the input has no columns"));
        }
        self.covariance.check(width, 0)?;
        train.ctx.check()?;
        let y = train.y.as_slice();
        let unit = power_of_two(y.iter().fold(0.0, |most, value| f64::max(most, value.abs())));
        let scaled: Vec<f64> = y.iter().map(|value| value / unit).collect();
        let (mean, variance) = reduce::mean_variance(&scaled, 0);
        let constant = y.iter().all(|value| *value == y[0]);
        let (mean, deviation) = match (self.normalize_y, constant) {
            (false, _) => (0.0, 1.0),
            (true, true) => (y[0], 1.0),
            (true, false) => (mean * unit, variance.sqrt() * unit),
        };
        let target: Array1<f64> = y.iter().map(|value| (value - mean) / deviation).collect();
        if !target.iter().all(|value| value.is_finite() && value.abs() < 1e100) {
            return Err(Error::overflow("the target is too large; scale it, or leave `normalize_y` on"));
        }
        let cells = row_major(x).into_owned();
        let points = Points::new(&cells, width);
        let known = Known {
            covariance: &self.covariance,
            points: &points,
            y: &target,
            alpha: self.alpha,
            ctx: &train.ctx,
        };
        let Found { covariance, converged, slope: gap } = if self.optimize && self.max_iter > 0 && !constant {
            let seed = train.ctx.seed(self.seed);
            search(&known, &self.covariance, self.max_iter, self.n_restarts, seed, &train.ctx)?
        } else {
            Found { covariance: self.covariance.clone(), converged: true, slope: 0.0 }
        };
        let factor = factor(&covariance, &points, self.alpha, &train.ctx)?;
        let solved = factor.solve(&target);
        let likelihood = -0.5 * target.dot(&solved)
            - 0.5 * factor.log_det()
            - 0.5 * n as f64 * (2.0 * std::f64::consts::PI).ln();
        let parts = Parts {
            features: train.x.features().clone(),
            covariance,
            alpha: self.alpha,
            x: cells,
            solved: solved.to_vec(),
            mean,
            deviation,
            likelihood,
            converged,
            gap,
        };
        GaussianProcessRegressorModel::new(parts, factor)
    }
}

/// A fitted [`GaussianProcessRegressor`]. It keeps the training rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct GaussianProcessRegressorModel {
    parts: Parts,
    factor: Cholesky,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parts {
    features: Features,
    covariance: Covariance,
    alpha: f64,
    x: Vec<f64>,
    solved: Vec<f64>,
    mean: f64,
    deviation: f64,
    likelihood: f64,
    converged: bool,
    gap: f64,
}

impl From<GaussianProcessRegressorModel> for Parts {
    fn from(model: GaussianProcessRegressorModel) -> Self {
        model.parts
    }
}

impl TryFrom<Parts> for GaussianProcessRegressorModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let n = parts.solved.len();
        let width = parts.features.len();
        if n == 0 || n > MOST_ROWS || width == 0 || n.checked_mul(width) != Some(parts.x.len()) {
            return Err(Error::corrupt("the rows of the Gaussian process do not fit its features"));
        }
        let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
        let others = [parts.alpha, parts.mean, parts.deviation, parts.gap];
        if !finite(&parts.x) || !finite(&parts.solved) || !finite(&others) || !(parts.alpha >= 0.0) {
            return Err(Error::corrupt("a number of the Gaussian process is not finite"));
        }
        let points = Points::new(&parts.x, width);
        let damaged = |_| Error::corrupt("the covariance of the Gaussian process does not hold together");
        parts.covariance.check(width, 0).map_err(damaged)?;
        let factor = factor(&parts.covariance, &points, parts.alpha, &Context::new()).map_err(damaged)?;
        GaussianProcessRegressorModel::new(parts, factor)
    }
}

impl GaussianProcessRegressorModel {
    fn new(parts: Parts, factor: Cholesky) -> Result<Self> {
        if !parts.solved.iter().all(|value| value.is_finite()) || !parts.likelihood.is_finite() {
            return Err(Error::overflow(
                "the solution leaves the range of f64; scale the target, or raise `alpha`",
            ));
        }
        Ok(GaussianProcessRegressorModel { parts, factor })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The covariance with the numbers that were found.
    pub fn covariance(&self) -> &Covariance {
        &self.parts.covariance
    }

    /// The logarithm of how probable the training target is, in its standard units.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.parts.likelihood
    }

    /// Whether the search ended because nothing was to be gained, and not at `max_iter`.
    pub fn converged(&self) -> bool {
        self.parts.converged
    }

    /// How steep the logarithm of the likelihood still was where the search ended: its largest slope, which ends a search
    /// below 0.01. 0 where nothing was searched.
    pub fn gap(&self) -> f64 {
        self.parts.gap
    }

    /// The unit of the target inside.
    pub(super) fn deviation(&self) -> f64 {
        self.parts.deviation
    }

    /// For each row of `x`, whose columns are in order, its covariances with the training rows, divided by their factor.
    pub(super) fn halves(&self, x: &Matrix) -> Result<Array2<f64>> {
        let cells = row_major(x.dense()?);
        let n = self.parts.solved.len();
        let mut halves = vec![0.0; x.n_rows() * n];
        let points = Points::new(&self.parts.x, self.parts.features.len());
        self.parts.covariance.cross(&cells, &points, &mut halves);
        self.factor.half_solve_rows(&mut halves);
        Array2::from_shape_vec((x.n_rows(), n), halves).map_err(Error::other)
    }

    /// The answer for each row, and its deviation; what [`Covariance::White`] says of a value counts.
    ///
    /// # Errors
    /// As for [`predict`](Predictor::predict).
    pub fn predict_with_deviation(&self, x: &Matrix) -> Result<(Values, Values)> {
        let answers = self.answers(x, true)?;
        let (means, deviations): (Vec<f64>, Vec<f64>) =
            answers.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
        Ok((checked(means)?.into(), deviations.into()))
    }

    /// The mean and, where wanted, the deviation of each row, one after the other.
    fn answers(&self, x: &Matrix, deviations: bool) -> Result<Vec<f64>> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        let cells = row_major(x.dense()?);
        let (n, width) = (self.parts.solved.len(), self.parts.features.len());
        let points = Points::new(&self.parts.x, width);
        let mut out = vec![0.0; 2 * x.n_rows()];
        reduce::fill_chunks(&mut out, 2 * CHUNK, |first, out| {
            let first = first / 2;
            let n_rows = out.len() / 2;
            let mut cross = vec![0.0; n_rows * n];
            let others = &cells[first * width..(first + n_rows) * width];
            self.parts.covariance.cross(others, &points, &mut cross);
            for (out, cross) in out.chunks_exact_mut(2).zip(cross.chunks_exact(n)) {
                out[0] = self.parts.mean + self.parts.deviation * reduce::dot(cross, &self.parts.solved);
            }
            if !deviations {
                return;
            }
            self.factor.half_solve_rows(&mut cross);
            let rows = cross.chunks_exact(n).zip(others.chunks_exact(width.max(1)));
            for (out, (half, row)) in out.chunks_exact_mut(2).zip(rows) {
                let explained = reduce::dot(half, half);
                out[1] = self.parts.deviation * (self.parts.covariance.at(row) - explained).max(0.0).sqrt();
            }
        });
        Ok(out)
    }

    /// The training rows.
    pub fn n_rows(&self) -> usize {
        self.parts.solved.len()
    }

    /// What each training row adds to answers, in standard units of the target.
    pub fn dual_coefficients(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.parts.solved)
    }
}

fn checked(means: Vec<f64>) -> Result<Vec<f64>> {
    match means.iter().position(|mean| !mean.is_finite()) {
        None => Ok(means),
        Some(row) => {
            Err(Error::overflow(format!("the answer for row {row} leaves the range of f64; check its units")))
        }
    }
}

impl Predictor for GaussianProcessRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let answers = self.answers(x, false)?;
        Ok(Values::from(checked(answers.chunks_exact(2).map(|pair| pair[0]).collect())?))
    }
}
