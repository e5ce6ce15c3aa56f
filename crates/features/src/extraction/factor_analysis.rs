//! Columns as mixtures of a few factors, each with noise of its own.

use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{
    Context, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Rows, Train,
    Transformer, Values,
};
use perennial_numeric::linalg::{Centred, Cholesky, eigh, matmul, svd};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish};

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many factors").at_least(1.0).at_most(10_000.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps").at_least(1.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the gain of the log-likelihood that ends it").at_least(0.0);
/// The least variance of the noise.
const LEAST: f64 = 1e-12;
/// The most columns: their covariance is decomposed in every step.
const MOST_COLUMNS: usize = 5000;

/// How the factors are turned, which leaves the covariance they stand for as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// As they come, in the order of what they explain.
    #[default]
    None,
    /// So that each factor has few large loadings (Kaiser, 1958).
    Varimax,
    /// So that each column has few large loadings (Neuhaus and Wrigley, 1954).
    Quartimax,
}

/// Factor analysis: rows are mixtures of a few factors plus noise whose variance differs from column to column (Barber,
/// 2012, section 21.2).
///
/// Where [`Pca`](super::Pca) keeps what varies most, in whatever units, this keeps what columns have in common: it does
/// not depend on the units of the columns. The likelihood rises in each step, which decomposes the scaled
/// covariance; more than 5000 columns are refused. Rows become the expected factors. The largest loading of each
/// factor is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | as many as columns | 1 to 10000 | how many factors |
/// | `rotation` | none | | how the factors are turned |
/// | `max_iter` | 1000 | >= 1 | the most steps |
/// | `tolerance` | 0.01 | >= 0 | the gain of the log-likelihood of all rows that ends it |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::FactorAnalysis;
///
/// // One thing moves all columns, and each has noise of its own.
/// let x = Array2::from_shape_fn((200, 4), |(i, j)| (i as f64 * 0.7).sin() * (j + 1) as f64 + ((i * (j + 3)) % 11) as f64 * 0.05);
/// let x = Matrix::from(x);
/// let model = FactorAnalysis::new().n_components(1).fit(&x, &NoTarget)?;
/// assert_eq!(model.transform(&x)?.n_cols(), 1);
/// assert!(model.noise_variance().iter().all(|noise| *noise < 0.1));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactorAnalysis {
    n_components: Option<usize>,
    rotation: Rotation,
    max_iter: usize,
    tolerance: f64,
}

impl Default for FactorAnalysis {
    fn default() -> Self {
        FactorAnalysis { n_components: None, rotation: Rotation::None, max_iter: 1000, tolerance: 1e-2 }
    }
}

impl FactorAnalysis {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, MAX_ITER, TOLERANCE];

    /// As many factors as columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many factors.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }

    /// How the factors are turned.
    #[must_use]
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// The most steps.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The gain of the log-likelihood that ends it.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The factors of a covariance of `n` rows.
    fn climb(&self, ctx: &Context, covariance: &Array2<f64>, k: usize, n: f64) -> Result<Found> {
        let p = covariance.nrows();
        let constant = p as f64 * (2.0 * std::f64::consts::PI).ln() + k as f64;
        let mut noise = Array1::from_elem(p, 1.0);
        let mut found = Found {
            loadings: Array2::zeros((k, p)),
            noise: noise.clone(),
            log_likelihood: Vec::new(),
            converged: false,
        };
        for step in 0..self.max_iter {
            ctx.step(step, self.max_iter)?;
            let roots = noise.mapv(|noise: f64| noise.sqrt() + LEAST);
            let eigen =
                eigh(&Array2::from_shape_fn((p, p), |(i, j)| covariance[[i, j]] / roots[i] / roots[j]))?;
            let value = |place: usize| eigen.values[p - 1 - place].max(f64::MIN_POSITIVE);
            let loadings = Array2::from_shape_fn((k, p), |(factor, column)| {
                (value(factor) - 1.0).max(0.0).sqrt()
                    * eigen.vectors[[column, p - 1 - factor]]
                    * roots[column]
            });
            let kept: f64 = (0..k).map(|place| value(place).ln()).sum();
            let left: f64 = (k..p).map(|place| eigen.values[p - 1 - place].max(0.0)).sum();
            let logs: f64 = noise.iter().map(|noise| noise.ln()).sum();
            let now = -0.5 * n * (constant + kept + left + logs);
            if !now.is_finite() {
                return Err(Error::overflow(
                    "the likelihood is beyond the range of f64; scale the columns first",
                ));
            }
            let gained = found.log_likelihood.last().is_none_or(|before| now - before >= self.tolerance);
            found.log_likelihood.push(now);
            (found.loadings, found.noise) = (loadings, noise);
            if !gained {
                found.converged = true;
                break;
            }
            noise = Array1::from_shape_fn(p, |column| {
                let own = found.loadings.column(column).iter().map(|value| value * value).sum::<f64>();
                (covariance[[column, column]] - own).max(LEAST)
            });
        }
        Ok(found)
    }
}

struct Found {
    loadings: Array2<f64>,
    noise: Array1<f64>,
    log_likelihood: Vec<f64>,
    converged: bool,
}

/// Turns loadings, factors x columns, until the criterion rises no more.
fn turned(loadings: &Array2<f64>, rotation: Rotation) -> Result<Array2<f64>> {
    let (k, p) = loadings.dim();
    let columns = loadings.t().to_owned();
    let mut turn = Array2::<f64>::eye(k);
    let mut before = 0.0;
    for _ in 0..100 {
        let now = matmul(&columns, &turn);
        let mut pull = now.mapv(|value| value * value * value);
        if rotation == Rotation::Varimax {
            let squares: Vec<f64> = now
                .columns()
                .into_iter()
                .map(|column| column.iter().map(|v| v * v).sum::<f64>() / p as f64)
                .collect();
            for ((row, factor), pull) in pull.indexed_iter_mut() {
                *pull -= now[[row, factor]] * squares[factor];
            }
        }
        let parts = svd(&matmul(loadings, &pull))?;
        turn = matmul(&parts.u, &parts.vt);
        let value = parts.s.sum();
        if before != 0.0 && value < before * (1.0 + 1e-6) {
            break;
        }
        before = value;
    }
    Ok(matmul(&columns, &turn).t().to_owned())
}

impl Estimator for FactorAnalysis {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = FactorAnalysisModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<FactorAnalysisModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let x = train.x.dense()?;
        let (n, p) = x.dim();
        if p == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if p > MOST_COLUMNS {
            return Err(Error::too_large(format!(
                "the covariance of {p} columns would be decomposed in every step; at most {MOST_COLUMNS} are taken: take `Pca` or a random projection first"
            )));
        }
        let k = self.n_components.unwrap_or(p);
        if k > p {
            return Err(Error::invalid_param(
                "n_components",
                k,
                format!("at most as many as the {p} columns"),
            ));
        }
        let (mean, gram) = Centred::moments(x);
        let covariance = gram.mapv(|value| value / n as f64);
        if !covariance.iter().all(|value| value.abs() < 1e290) {
            return Err(Error::overflow(
                "squares of the numbers leave the range of f64; scale the columns first",
            ));
        }
        let found = self.climb(&train.ctx, &covariance, k, n as f64)?;
        let mut loadings = match self.rotation {
            Rotation::None => found.loadings,
            rotation => turned(&found.loadings, rotation)?,
        };
        for mut row in loadings.rows_mut() {
            let larger = |best: f64, value: &f64| if value.abs() > best.abs() { *value } else { best };
            if row.iter().fold(0.0, larger) < 0.0 {
                row.mapv_inplace(|value| -value);
            }
        }
        FactorAnalysisModel::new(Parts {
            features: train.x.features().clone(),
            mean,
            components: loadings,
            noise_variance: found.noise.to_vec(),
            log_likelihood: found.log_likelihood,
            converged: found.converged,
        })
    }
}

impl FitTransform for FactorAnalysis {}

/// A fitted [`FactorAnalysis`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct FactorAnalysisModel {
    parts: Parts,
    /// Columns x factors: what centred rows are multiplied with.
    projection: Array2<f64>,
    /// The logarithm of the determinant of the covariance.
    log_determinant: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    noise_variance: Vec<f64>,
    log_likelihood: Vec<f64>,
    converged: bool,
}

impl From<FactorAnalysisModel> for Parts {
    fn from(model: FactorAnalysisModel) -> Parts {
        model.parts
    }
}

impl TryFrom<Parts> for FactorAnalysisModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let p = parts.features.len();
        let sizes = parts.mean.len() == p
            && parts.noise_variance.len() == p
            && parts.components.ncols() == p
            && (1..=p).contains(&parts.components.nrows());
        let mut numbers = parts.mean.iter().chain(&parts.components).chain(&parts.log_likelihood);
        let noise = parts.noise_variance.iter().all(|noise| *noise > 0.0 && noise.is_finite());
        if !sizes || !noise || !numbers.all(|value| value.is_finite()) {
            return Err(Error::corrupt("factors with sizes or numbers that cannot be"));
        }
        FactorAnalysisModel::new(parts)
    }
}

impl FactorAnalysisModel {
    fn new(parts: Parts) -> Result<Self> {
        let (k, p) = parts.components.dim();
        let scaled = Array2::from_shape_fn((p, k), |(column, factor)| {
            parts.components[[factor, column]] / parts.noise_variance[column]
        });
        // The inverse covariance of the factors, once a row is known.
        let mut inner = matmul(&parts.components, &scaled);
        (0..k).for_each(|factor| inner[[factor, factor]] += 1.0);
        let factor = Cholesky::new(&inner)?;
        let projection = factor.solve_columns(&scaled.t().to_owned()).t().to_owned();
        let lower = factor.lower();
        let log_determinant = parts.noise_variance.iter().map(|noise| noise.ln()).sum::<f64>()
            + 2.0 * (0..k).map(|factor| lower[[factor, factor]].ln()).sum::<f64>();
        if !projection.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow("the factors are beyond the range of f64; scale the columns first"));
        }
        Ok(FactorAnalysisModel { parts, projection, log_determinant })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The loadings, factors x columns.
    pub fn components(&self) -> &ArrayRef2<f64> {
        &self.parts.components
    }

    /// The variance of each column that the factors do not explain.
    pub fn noise_variance(&self) -> &[f64] {
        &self.parts.noise_variance
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f64] {
        &self.parts.mean
    }

    /// The log-likelihood of the training rows at each step.
    pub fn log_likelihood(&self) -> &[f64] {
        &self.parts.log_likelihood
    }

    /// Whether the gain came below the tolerance. If not, take more steps.
    pub fn converged(&self) -> bool {
        self.parts.converged
    }

    /// How many steps were taken.
    pub fn n_iterations(&self) -> usize {
        self.parts.log_likelihood.len()
    }

    /// The covariance of the columns under the model.
    pub fn covariance(&self) -> Array2<f64> {
        let mut out = matmul(&self.parts.components.t(), &self.parts.components);
        self.parts
            .noise_variance
            .iter()
            .enumerate()
            .for_each(|(column, noise)| out[[column, column]] += noise);
        out
    }

    /// The logarithm of the density at each row.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn log_density(&self, x: &Matrix) -> Result<Values> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        if x.nrows() == 0 {
            return Ok(Vec::new().into());
        }
        let factors = Centred::new(x, Some(&self.parts.mean)).times(&self.projection);
        let p = self.parts.mean.len();
        let whole = p as f64 * (2.0 * std::f64::consts::PI).ln() + self.log_determinant;
        let logs = reduce::map_chunks(x.nrows(), 512, |rows| {
            let row = |row: usize| {
                // The squared length in units of the covariance: that by the noise, less what the factors explain.
                let sum: f64 = (0..p)
                    .map(|column| {
                        let value = x[[row, column]] - self.parts.mean[column];
                        let explained: f64 = factors
                            .row(row)
                            .iter()
                            .zip(self.parts.components.column(column))
                            .map(|(f, w)| f * w)
                            .sum();
                        value / self.parts.noise_variance[column] * (value - explained)
                    })
                    .sum();
                -0.5 * (sum + whole)
            };
            rows.map(row).collect::<Vec<f64>>()
        })
        .concat();
        match logs.iter().position(|log| !log.is_finite()) {
            None => Ok(logs.into()),
            Some(row) => Err(Error::overflow(format!(
                "row {row} is so far from the mean that its density leaves the range of f64; check its units"
            ))),
        }
    }
}

impl Transformer for FactorAnalysisModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The expected factors of each row.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        if x.n_rows() == 0 {
            return finish(Array2::zeros((0, self.projection.ncols())), "factor");
        }
        finish(Centred::new(x.dense()?, Some(&self.parts.mean)).times(&self.projection), "factor")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("learned in {} iterations", self.parts.log_likelihood.len());
        decided_components(self, self.parts.components.nrows(), &self.parts.features, why)
    }
}
