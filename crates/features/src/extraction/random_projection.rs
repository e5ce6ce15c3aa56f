//! Random projections.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Rows,
    Train, Transformer,
};
use perennial_numeric::linalg::matmul;
use perennial_numeric::random::Random;
use perennial_numeric::sparse::csr_matmul_dense;
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish};

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many columns to make").at_least(1.0).at_most(1_000_000.0);
const EPS: Param = Param::real("eps", "the error of distances").above(0.0).at_most(0.999);
const DENSITY: Param = Param::real("density", "the share of entries that are not 0").above(0.0).at_most(1.0);

/// What both projections are told.
#[derive(Debug, Clone, Copy)]
struct Plan {
    n_components: Option<usize>,
    eps: f64,
    /// The share of entries that are not 0; normal entries where there is none.
    density: Option<f64>,
}

impl Plan {
    fn fit(self, train: &Train<'_, Matrix, NoTarget>, seed: Option<u64>) -> Result<RandomProjectionModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        EPS.check(self.eps)?;
        self.density.map_or(Ok(()), |share| DENSITY.check(share))?;
        let (n, p) = (train.x.n_rows(), train.x.n_cols());
        let k = match self.n_components {
            Some(k) => k,
            None => {
                let k = johnson_lindenstrauss(n, self.eps);
                if k > p {
                    return Err(Error::insufficient_data(format!(
                        "distances of {n} rows to within {} need {k} columns, and there are only {p}: raise `eps`, or set `n_components`",
                        self.eps
                    )));
                }
                k
            }
        };
        if p.checked_mul(k).is_none_or(|size| size > 1 << 28) {
            return Err(Error::too_large(format!(
                "a projection of {p} x {k} numbers would take more than 2 GiB; lower `n_components`"
            )));
        }
        let mut random = Random::new(train.ctx.seed(seed));
        let entry = |random: &mut Random| match self.density {
            None => random.normal() / (k as f64).sqrt(),
            Some(share) => {
                let (drawn, size) = (random.uniform(), 1.0 / (share * k as f64).sqrt());
                if drawn < share / 2.0 {
                    size
                } else if drawn < share {
                    -size
                } else {
                    0.0
                }
            }
        };
        let weights = Array2::from_shape_simple_fn((p, k), || entry(&mut random));
        Ok(RandomProjectionModel { features: train.x.features().clone(), weights })
    }
}

/// The number of columns that keeps the squared distances of `n_rows` rows to within a share `eps`, with a random
/// projection (Johnson and Lindenstrauss, 1984; Dasgupta and Gupta, 2003).
///
/// ```
/// assert_eq!(perennial_features::extraction::johnson_lindenstrauss(1000, 0.5), 331);
/// ```
pub fn johnson_lindenstrauss(n_rows: usize, eps: f64) -> usize {
    (4.0 * (n_rows.max(1) as f64).ln() / (eps * eps / 2.0 - eps * eps * eps / 3.0)).max(1.0) as usize
}

macro_rules! projection {
    ($name:ident, $density:expr) => {
        impl $name {
            /// As many columns as keep distances.
            pub fn new() -> Self {
                Self::default()
            }

            /// How many columns to make.
            #[must_use]
            pub fn n_components(mut self, n_components: usize) -> Self {
                self.n_components = Some(n_components);
                self
            }

            /// The error of distances, where the number of columns is not given.
            #[must_use]
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// The seed of the projection.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }
        }

        impl Estimator for $name {
            type Input = Matrix;
            type Target = NoTarget;
            type Model = RandomProjectionModel;

            fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<RandomProjectionModel> {
                let density: fn(&$name, usize) -> Option<f64> = $density;
                let density = density(self, train.x.n_cols());
                Plan { n_components: self.n_components, eps: self.eps, density }.fit(train, self.seed)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().sparse()
            }
        }

        impl FitTransform for $name {}
    };
}

/// A projection on random directions with normal entries, which keeps distances about as they are.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | by `eps` | 1 to a million | how many columns to make |
/// | `eps` | 0.1 | above 0, to 0.999 | the error of squared distances, where the number of columns is not given |
/// | `seed` | that of the context | any | of the projection |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::GaussianRandomProjection;
///
/// let x = Matrix::from(Array2::from_shape_fn((10, 200), |(i, j)| ((i * j) % 7) as f64));
/// let model = GaussianRandomProjection::new().n_components(20).fit(&x, &NoTarget)?;
/// assert_eq!(model.transform(&x)?.n_cols(), 20);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianRandomProjection {
    n_components: Option<usize>,
    eps: f64,
    seed: Option<u64>,
}

impl Default for GaussianRandomProjection {
    fn default() -> Self {
        GaussianRandomProjection { n_components: None, eps: 0.1, seed: None }
    }
}

impl GaussianRandomProjection {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, EPS];
}

projection!(GaussianRandomProjection, |_, _| None);

/// A projection on random directions most of whose entries are 0 (Li, Hastie and Church, 2006).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | by `eps` | 1 to a million | how many columns to make |
/// | `eps` | 0.1 | above 0, to 0.999 | the error of squared distances, where the number of columns is not given |
/// | `density` | 1 / sqrt(columns) | above 0, to 1 | the share of entries that are not 0 |
/// | `seed` | that of the context | any | of the projection |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::SparseRandomProjection;
///
/// let x = Matrix::from(Array2::from_shape_fn((10, 200), |(i, j)| ((i * j) % 7) as f64));
/// let model = SparseRandomProjection::new().n_components(20).fit(&x, &NoTarget)?;
/// assert_eq!(model.transform(&x)?.n_cols(), 20);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SparseRandomProjection {
    n_components: Option<usize>,
    eps: f64,
    density: Option<f64>,
    seed: Option<u64>,
}

impl Default for SparseRandomProjection {
    fn default() -> Self {
        SparseRandomProjection { n_components: None, eps: 0.1, density: None, seed: None }
    }
}

impl SparseRandomProjection {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, EPS, DENSITY];

    /// The share of entries that are not 0.
    #[must_use]
    pub fn density(mut self, density: f64) -> Self {
        self.density = Some(density);
        self
    }
}

projection!(SparseRandomProjection, |settings, n_cols| Some(
    settings.density.unwrap_or(1.0 / (n_cols as f64).sqrt())
));

/// A fitted random projection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct RandomProjectionModel {
    features: Features,
    weights: Array2<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    weights: Array2<f64>,
}

impl TryFrom<Parts> for RandomProjectionModel {
    type Error = Error;

    fn try_from(Parts { features, weights }: Parts) -> Result<Self> {
        if weights.nrows() != features.len() || !weights.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("a random projection with sizes or numbers that do not fit together"));
        }
        Ok(RandomProjectionModel { features, weights })
    }
}

impl RandomProjectionModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What rows are multiplied with, columns x new columns.
    pub fn weights(&self) -> &ndarray::ArrayRef2<f64> {
        &self.weights
    }
}

impl Transformer for RandomProjectionModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let out = match x.sparse() {
            Some(csr) => csr_matmul_dense(csr, &self.weights),
            None => matmul(x.dense()?, &self.weights),
        };
        finish(out, "projection")
    }

    fn decided(&self) -> Vec<Decided> {
        decided_components(self, self.weights.ncols(), &self.features, "drawn, not learned".to_owned())
    }
}
