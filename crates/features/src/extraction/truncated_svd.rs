//! The largest singular values, without a mean taken off.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Csr, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result,
    Train, Transformer,
};
use perennial_numeric::linalg::{Centred, Subspace, largest_singular, matmul};
use perennial_numeric::random::Random;
use perennial_numeric::sparse::{csr_matmul_dense, csr_t_matmul_dense};
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, explaining, finish, turn_back};
use super::spectrum::{PcaSolver, Spectrum, spectrum};

const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);
const N_ITER: Param = Param::integer("n_iter", "multiplications with the rows").at_least(1.0).at_most(1000.0);

/// The largest singular values and their directions: principal components without a mean taken off, so that sparse rows
/// stay sparse; of counts of words it is latent semantic analysis (Deerwester and others, 1990).
///
/// Sparse rows go through random directions (Halko, Martinsson and Tropp, 2011), dense ones through what
/// [`Pca`](super::Pca) chooses. The largest loading of each component is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | >= 1 | how many components to keep; as many as there are, when there are fewer |
/// | `n_iter` | 5 | 1 to 1000 | how often random directions are multiplied with the rows |
/// | `seed` | that of the context | any | of the random directions |
///
/// ```
/// use perennial_core::{Csr, Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::TruncatedSvd;
///
/// let words = Csr::new(3, vec![0, 2, 3, 5], vec![0, 1, 2, 0, 1], vec![1.0, 1.0, 2.0, 2.0, 2.0])?;
/// let x = Matrix::from(words);
/// let model = TruncatedSvd::new().n_components(1).fit(&x, &NoTarget)?;
/// assert!((model.singular_values()[0] - 10f64.sqrt()).abs() < 1e-12);
/// assert_eq!(model.transform(&x)?.n_cols(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedSvd {
    n_components: usize,
    n_iter: usize,
    seed: Option<u64>,
}

impl Default for TruncatedSvd {
    fn default() -> Self {
        TruncatedSvd { n_components: 2, n_iter: 5, seed: None }
    }
}

impl TruncatedSvd {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, N_ITER];

    /// Two components.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many components to keep.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How often random directions are multiplied with the rows.
    #[must_use]
    pub fn n_iter(mut self, n_iter: usize) -> Self {
        self.n_iter = n_iter;
        self
    }

    /// The seed of the random directions.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn sparse(&self, x: &Csr, train: &Train<'_, Matrix, NoTarget>) -> Result<Spectrum> {
        let total: f64 = x.values().iter().map(|value| value * value).sum();
        if !(total < 1e300) {
            return Err(Error::overflow(
                "the numbers are so large that their squares leave the range of f64; scale the columns first",
            ));
        }
        let n_components = self.n_components.min(x.n_rows()).min(x.n_cols());
        let effort = Subspace { n_components, n_oversamples: 10, n_iterations: self.n_iter };
        let mut random = Random::new(train.ctx.seed(self.seed));
        let times = |b: &Array2<f64>| csr_matmul_dense(x, b);
        let gram_times = |b: &Array2<f64>| csr_t_matmul_dense(x, &csr_matmul_dense(x, b));
        let (s, vt) = largest_singular(x.n_cols(), effort, &mut random, &train.ctx, times, gram_times)?;
        Ok(Spectrum { s, vt, total })
    }
}

impl Estimator for TruncatedSvd {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = TruncatedSvdModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<TruncatedSvdModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        N_ITER.check_count(self.n_iter)?;
        let Spectrum { s, vt, .. } = match train.x.sparse() {
            Some(x) => self.sparse(x, train)?,
            None => {
                let effort = (train.ctx.seed(self.seed), self.n_iter);
                let x = train.x.dense()?;
                spectrum(x, false, Some(self.n_components), PcaSolver::Auto, effort, &train.ctx)?.1
            }
        };
        let (explained, all) = variances(train.x, &vt)?;
        let ratios = explained.iter().map(|one| if all > 0.0 { one / all } else { 0.0 }).collect();
        TruncatedSvdModel::new(train.x.features().clone(), vt, s.to_vec(), ratios)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// The variance of the rows along each component, and of all columns together.
fn variances(x: &Matrix, vt: &Array2<f64>) -> Result<(Vec<f64>, f64)> {
    // With the second moments of the columns at hand, those along the components need no pass of their own.
    let (n_rows, n_cols) = (perennial_core::Rows::n_rows(x), x.n_cols());
    let n = n_rows as f64;
    let (mean, squares) = match x.sparse() {
        Some(csr) => {
            let (mut sums, mut squares) = (vec![0.0; n_cols], 0.0);
            for row in 0..n_rows {
                let (columns, values) = csr.row(row);
                for (&j, value) in columns.iter().zip(values) {
                    sums[j as usize] += value;
                    squares += value * value;
                }
            }
            (sums.into_iter().map(|sum| sum / n).collect(), squares)
        }
        None => {
            let x = x.dense()?;
            (Centred::column_means(x), Centred::new(x, None).sum_of_squares())
        }
    };
    let all = squares / n - mean.iter().map(|mean| mean * mean).sum::<f64>();
    let along = |component: ndarray::ArrayView1<'_, f64>| -> f64 {
        component.iter().zip(&mean).map(|(loading, mean): (&f64, &f64)| loading * mean).sum()
    };
    let projected = times(x, &vt.t().to_owned())?;
    let of = |k: usize| {
        let squares: f64 = projected.column(k).iter().map(|value| value * value).sum();
        (squares / n - along(vt.row(k)).powi(2)).max(0.0)
    };
    Ok(((0..vt.nrows()).map(of).collect(), all.max(0.0)))
}

fn times(x: &Matrix, b: &Array2<f64>) -> Result<Array2<f64>> {
    Ok(match x.sparse() {
        Some(csr) => csr_matmul_dense(csr, b),
        None => matmul(x.dense()?, b),
    })
}

impl FitTransform for TruncatedSvd {}

/// A fitted [`TruncatedSvd`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TruncatedSvdModel {
    features: Features,
    components: Array2<f64>,
    singular_values: Vec<f64>,
    ratios: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    components: Array2<f64>,
    singular_values: Vec<f64>,
    ratios: Vec<f64>,
}

impl TryFrom<Parts> for TruncatedSvdModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        TruncatedSvdModel::new(p.features, p.components, p.singular_values, p.ratios)
    }
}

impl TruncatedSvdModel {
    fn new(
        features: Features,
        components: Array2<f64>,
        singular_values: Vec<f64>,
        ratios: Vec<f64>,
    ) -> Result<Self> {
        let k = components.nrows();
        let sizes =
            k > 0 && components.ncols() == features.len() && singular_values.len() == k && ratios.len() == k;
        let numbers = components.iter().chain(&singular_values).chain(&ratios);
        if !sizes || !numbers.into_iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("singular directions with sizes or numbers that do not fit together"));
        }
        Ok(TruncatedSvdModel { features, components, singular_values, ratios })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The directions, `n_components` x `n_cols`, each of length 1.
    pub fn components(&self) -> &ndarray::ArrayRef2<f64> {
        &self.components
    }

    /// The singular values of the rows, the largest first.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The share of the variance of all columns along each component.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.ratios
    }

    /// The rows that the projections of [`transform`](Transformer::transform) stand for, in the columns of the input.
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        turn_back(projections, &self.components, None, None, &self.features)
    }
}

impl Transformer for TruncatedSvdModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        // A value that is not finite makes a projection so; only then is it looked for.
        let out = times(&x, &self.components.t().to_owned()).and_then(|out| finish(out, "svd"));
        out.or_else(|error| x.check_finite(false).and(Err(error)))
    }

    fn decided(&self) -> Vec<Decided> {
        decided_components(self, self.components.nrows(), &self.features, explaining(&self.ratios))
    }
}
