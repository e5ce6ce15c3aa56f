//! Principal components in the space of a kernel.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Rows, Train, Transformer,
};
use perennial_numeric::kernel::{Function, Kernel, Points};
use perennial_numeric::linalg::{eigh, matmul};
use serde::{Deserialize, Serialize};

use super::pca::finish;

const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);
/// The most rows: their kernel matrix and its eigenvectors take 1.6 GB.
const MOST_ROWS: usize = 10_000;

/// Principal components in the space of a kernel (Schölkopf, Smola and Müller, 1998).
///
/// The kernel matrix of all rows, centred, is decomposed: time grows with the cube of the rows, so more than 10000 are
/// refused; [`Nystroem`](super::Nystroem) before [`Pca`](super::Pca) takes more. The largest projection of a training
/// row on each component is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components to keep; as many as have variance, when these are fewer |
/// | `kernel` | linear | | how alike two rows are |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::KernelPca;
/// use perennial_numeric::kernel::Kernel;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [5.0]]);
/// let model = KernelPca::new().n_components(2).kernel(Kernel::rbf(0.1)).fit(&x, &NoTarget)?;
/// assert_eq!(model.transform(&x)?.n_cols(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelPca {
    n_components: Option<usize>,
    kernel: Kernel,
}

impl Default for KernelPca {
    fn default() -> Self {
        KernelPca { n_components: None, kernel: Kernel::Linear }
    }
}

impl KernelPca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// All components of a linear kernel.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many components to keep.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }

    /// How alike two rows are.
    #[must_use]
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }
}

impl Estimator for KernelPca {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KernelPcaModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KernelPcaModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        let x = train.x.dense()?;
        let n = x.nrows();
        if n > MOST_ROWS {
            return Err(Error::too_large(format!(
                "the kernel matrix of {n} rows would be decomposed; at most {MOST_ROWS} are: take a sample, or use `Nystroem` before `Pca`"
            )));
        }
        let function = self.kernel.resolve(x, None)?;
        let mut gram = function.points(x)?.gram(x)?;
        train.ctx.check()?;
        let means: Vec<f64> = gram.rows().into_iter().map(|row| row.sum() / n as f64).collect();
        let grand = means.iter().sum::<f64>() / n as f64;
        for ((i, j), value) in gram.indexed_iter_mut() {
            *value += grand - means[i] - means[j];
        }
        let eigen = eigh(&gram)?;
        let largest = eigen.values[n - 1];
        let floor = 1e-12 * n as f64 * largest.max(0.0);
        let varied = eigen.values.iter().rev().take_while(|value| **value > floor).count();
        if varied == 0 {
            return Err(Error::insufficient_data(
                "all rows are equal to the kernel, so there are no components",
            ));
        }
        let kept = self.n_components.unwrap_or(varied).min(varied);
        let values: Vec<f64> = eigen.values.iter().rev().take(kept).copied().collect();
        let vectors =
            Array2::from_shape_fn((n, kept), |(i, k)| eigen.vectors[[i, n - 1 - k]] / values[k].sqrt());
        KernelPcaModel::new(Parts {
            features: train.x.features().clone(),
            function,
            rows: x.to_owned(),
            means,
            grand,
            vectors,
            values,
        })
    }
}

impl FitTransform for KernelPca {}

/// A fitted [`KernelPca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct KernelPcaModel {
    parts: Parts,
    points: Points,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    function: Function,
    rows: Array2<f64>,
    /// The mean of each row of the kernel matrix, and of all of it.
    means: Vec<f64>,
    grand: f64,
    vectors: Array2<f64>,
    values: Vec<f64>,
}

impl From<KernelPcaModel> for Parts {
    fn from(model: KernelPcaModel) -> Parts {
        model.parts
    }
}

impl TryFrom<Parts> for KernelPcaModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let n = parts.rows.nrows();
        let sizes = parts.rows.ncols() == parts.features.len()
            && parts.means.len() == n
            && parts.vectors.dim() == (n, parts.values.len())
            && !parts.values.is_empty();
        let finite = parts.rows.iter().chain(&parts.means).all(|value| value.is_finite());
        if !sizes || !finite || !parts.function.is_sound() {
            return Err(Error::corrupt("kernel components with sizes or numbers that do not fit together"));
        }
        KernelPcaModel::new(parts)
    }
}

impl KernelPcaModel {
    fn new(parts: Parts) -> Result<Self> {
        if !parts.vectors.iter().chain(&parts.values).chain([&parts.grand]).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "a kernel component leaves the range of f64; scale the columns first",
            ));
        }
        let points = parts.function.points(&parts.rows)?;
        Ok(KernelPcaModel { parts, points })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The eigenvalues of the centred kernel matrix, the largest first.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.parts.values
    }

    /// What centred kernels with the training rows are multiplied with, rows x components.
    pub fn scaled_eigenvectors(&self) -> &ArrayRef2<f64> {
        &self.parts.vectors
    }
}

impl Transformer for KernelPcaModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        if x.n_rows() == 0 {
            return finish(Array2::zeros((0, self.parts.values.len())), "kpc");
        }
        let mut gram = self.points.gram(x.dense()?)?;
        for mut row in gram.rows_mut() {
            let mean = row.sum() / self.parts.means.len() as f64;
            row.iter_mut()
                .zip(&self.parts.means)
                .for_each(|(value, other)| *value += self.parts.grand - mean - other);
        }
        finish(matmul(&gram, &self.parts.vectors), "kpc")
    }
}
