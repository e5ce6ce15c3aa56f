//! Principal components in the space of a kernel.

use ndarray::{Array1, Array2, ArrayRef2, s};
use perennial_core::{
    Context, Decided, Error, ErrorKind, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result,
    Rows, Train, Transformer,
};
use perennial_numeric::kernel::{Function, Kernel, Points};
use perennial_numeric::linalg::{Cholesky, Subspace, eigh, largest_singular, matmul};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish};

const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);
const ALPHA: Param = Param::real("alpha", "strength of the penalty of the way back")
    .at_least(0.0)
    .at_most(1e100)
    .search_log(1e-4, 1e2);
/// The most rows: their kernel matrix takes 0.8 GB.
const MOST_ROWS: usize = 10_000;
/// The most rows of which all eigenvectors are looked for, which takes minutes and cannot be stopped on the way.
const MOST_DECOMPOSED: usize = 4_000;
/// With more rows for each component than this, only the components that are kept are looked for.
const ROWS_OF_ONE: usize = 50;
/// Residuals of eigenvectors, beside the largest eigenvalue.
const TOLERANCE: f64 = 1e-9;
/// How often the subspace is multiplied with the matrix, twice each.
const N_ITERATIONS: usize = 12;

/// Principal components in the space of a kernel (Schölkopf, Smola and Müller, 1998).
///
/// The kernel matrix of all rows, centred, is decomposed. Where there are more than 50 rows for each component, only these
/// are looked for, in a random subspace that is multiplied with the matrix again and again (Halko, Martinsson and Tropp, 2011),
/// drawn from the seed of the context; where that does not find them to 9 digits, and otherwise, all are. Then time grows with the
/// cube of the rows, and more than 4000 are refused, as are more than 10000 in any case:
/// [`Nystroem`](super::Nystroem) before [`Pca`](super::Pca) takes more. The largest projection of a training row on each
/// component is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components to keep; as many as have variance, when these are fewer |
/// | `kernel` | linear | | how alike two rows are |
/// | `fit_inverse_transform` | false | | whether the way back from projections to rows is learned |
/// | `alpha` | 1 | 0 to 1e100 | the penalty of the way back: larger is smoother |
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
    fit_inverse_transform: bool,
    alpha: f64,
}

impl Default for KernelPca {
    fn default() -> Self {
        KernelPca { n_components: None, kernel: Kernel::Linear, fit_inverse_transform: false, alpha: 1.0 }
    }
}

impl KernelPca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, ALPHA];

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

    /// Whether the way back from projections to rows is learned, for [`KernelPcaModel::inverse_transform`]: a kernel ridge regression of
    /// the rows on their projections (Bakir, Weston and Schölkopf, 2004). Chi-squared kernels have none, as projections may be below 0.
    #[must_use]
    pub fn fit_inverse_transform(mut self, fit_inverse_transform: bool) -> Self {
        self.fit_inverse_transform = fit_inverse_transform;
        self
    }

    /// The penalty of the way back: larger is smoother.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Estimator for KernelPca {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KernelPcaModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KernelPcaModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        ALPHA.check(self.alpha)?;
        if self.fit_inverse_transform && matches!(self.kernel, Kernel::Chi2 { .. } | Kernel::AdditiveChi2) {
            return Err(Error::invalid_param(
                "fit_inverse_transform",
                true,
                "false with chi-squared kernels, as projections have numbers below 0",
            ));
        }
        let x = train.x.dense()?;
        let n = x.nrows();
        if n > MOST_ROWS {
            return Err(Error::too_large(format!(
                "the kernel matrix of {n} rows would be decomposed; at most {MOST_ROWS} are: take a sample, or use `Nystroem` before `Pca`"
            )));
        }
        if n > MOST_DECOMPOSED && self.few(n).is_none() {
            return Err(Error::too_large(format!(
                "all components of {n} rows would be looked for; of more than {MOST_DECOMPOSED} rows at most {} are, unless the kernel is a sigmoid or a polynomial with `coef0` below 0: set `n_components`, take a sample, or use `Nystroem` before `Pca`",
                n.saturating_sub(1) / ROWS_OF_ONE
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
        let (values, vectors) = self.spectrum(&gram, &train.ctx)?;
        let floor = 1e-12 * n as f64 * values[0].max(0.0);
        let varied = values.iter().take_while(|value| **value > floor).count();
        if varied == 0 {
            return Err(Error::insufficient_data(
                "all rows are equal to the kernel, so there are no components",
            ));
        }
        let kept = self.n_components.unwrap_or(varied).min(varied);
        let values = values.slice(s![..kept]).to_vec();
        let vectors = Array2::from_shape_fn((n, kept), |(i, k)| vectors[[i, k]] / values[k].sqrt());
        let mut parts = Parts {
            features: train.x.features().clone(),
            function,
            rows: x.to_owned(),
            means,
            grand,
            vectors,
            values,
            duals: None,
        };
        if self.fit_inverse_transform {
            parts.duals = Some(self.duals(&parts, &train.ctx)?);
        }
        KernelPcaModel::new(parts)
    }
}

impl KernelPca {
    /// The number of components, where so few are wanted that only these are looked for.
    fn few(&self, n_rows: usize) -> Option<usize> {
        // These have eigenvalues below 0, which may be large.
        let mixed = match self.kernel {
            Kernel::Sigmoid { .. } => true,
            Kernel::Polynomial { coef0, .. } => coef0 < 0.0,
            _ => false,
        };
        self.n_components.filter(|&k| !mixed && k.saturating_mul(ROWS_OF_ONE) < n_rows)
    }

    /// What kernels with the projections of the training rows are multiplied with to give rows, rows x features.
    fn duals(&self, parts: &Parts, ctx: &Context) -> Result<Array2<f64>> {
        let projections = parts.projections();
        let mut gram = parts.function.points(&projections)?.gram(&projections)?;
        gram.diag_mut().iter_mut().for_each(|value| *value += self.alpha);
        let factor = Cholesky::new_in(ctx, &gram).map_err(|error| match error.kind() {
            ErrorKind::Singular { .. } => {
                error.context("the kernels of the projections have no inverse; raise `alpha`")
            }
            _ => error,
        })?;
        Ok(factor.solve_columns(&parts.rows))
    }

    /// Eigenvalues, the largest first, and their vectors in columns: all, or as many as are kept.
    fn spectrum(&self, gram: &Array2<f64>, ctx: &Context) -> Result<(Array1<f64>, Array2<f64>)> {
        let n = gram.nrows();
        if let Some(k) = self.few(n) {
            let effort = Subspace { n_components: k, n_oversamples: 10, n_iterations: N_ITERATIONS };
            let mut random = Random::new(ctx.seed(None)).stream("kernel components");
            let times = |b: &Array2<f64>| matmul(gram, b);
            let found =
                largest_singular(n, effort, &mut random, ctx, times, |b| matmul(gram, &matmul(gram, b)));
            ctx.check()?;
            // Squares of huge kernels may leave the range; the whole decomposition knows none.
            if let Ok((values, vt)) = found {
                let vectors = vt.t().to_owned();
                let gap = &matmul(gram, &vectors) - &(&vectors * &values);
                let most = TOLERANCE * values[0];
                if gap.columns().into_iter().all(|gap| gap.dot(&gap).sqrt() <= most) {
                    return Ok((values, vectors));
                }
            }
            if n > MOST_DECOMPOSED {
                return Err(Error::not_converged(
                    "the components were not found to 9 digits, as others are of like size: ask for another number of them, or take a sample",
                ));
            }
        }
        let eigen = eigh(gram)?;
        Ok((eigen.values.slice(s![..;-1]).to_owned(), eigen.vectors.slice(s![.., ..;-1]).to_owned()))
    }
}

impl FitTransform for KernelPca {}

/// A fitted [`KernelPca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct KernelPcaModel {
    parts: Parts,
    points: Points,
    /// The projections of the training rows, where the way back is known.
    projected: Option<Points>,
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
    /// For each training row how much it counts in the rows that projections are turned back to.
    #[serde(default)]
    duals: Option<Array2<f64>>,
}

impl Parts {
    /// The projections of the training rows, rows x components.
    fn projections(&self) -> Array2<f64> {
        Array2::from_shape_fn(self.vectors.dim(), |(i, k)| self.vectors[[i, k]] * self.values[k])
    }
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
            && !parts.values.is_empty()
            && parts.duals.as_ref().is_none_or(|duals| duals.dim() == (n, parts.features.len()));
        let finite = parts.rows.iter().chain(&parts.means).all(|value| value.is_finite());
        if !sizes || !finite || !parts.function.is_sound() {
            return Err(Error::corrupt("kernel components with sizes or numbers that do not fit together"));
        }
        KernelPcaModel::new(parts)
    }
}

impl KernelPcaModel {
    fn new(parts: Parts) -> Result<Self> {
        let numbers = parts.vectors.iter().chain(&parts.values).chain([&parts.grand]);
        if !numbers.chain(parts.duals.iter().flatten()).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "a kernel component leaves the range of f64; scale the columns first",
            ));
        }
        let points = parts.function.points(&parts.rows)?;
        let projected = match parts.duals {
            Some(_) => Some(parts.function.points(&parts.projections())?),
            None => None,
        };
        Ok(KernelPcaModel { parts, points, projected })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The eigenvalues of the centred kernel matrix, the largest first.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.parts.values
    }

    /// Rows whose projections would be about these, learned by a kernel ridge regression from the training rows; see
    /// [`KernelPca::fit_inverse_transform`].
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
    /// use perennial_features::extraction::KernelPca;
    /// use perennial_numeric::kernel::Kernel;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [2.0], [5.0]]);
    /// let settings = KernelPca::new().kernel(Kernel::rbf(0.1)).fit_inverse_transform(true).alpha(1e-9);
    /// let model = settings.fit(&x, &NoTarget)?;
    /// let back = model.inverse_transform(&model.transform(&x)?)?;
    /// assert!(back.dense()?.iter().zip(x.dense()?).all(|(back, value)| (back - value).abs() < 1e-4));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it was not asked for by `fit_inverse_transform`, there are not as many columns as components, a value is not finite, or a result
    /// leaves the range of `f64`.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        let (Some(duals), Some(projected)) = (&self.parts.duals, &self.projected) else {
            return Err(Error::unsupported(
                "this model has not learned the way back; fit with `fit_inverse_transform(true)`",
            ));
        };
        let k = self.parts.values.len();
        if projections.n_cols() != k {
            return Err(Error::malformed(format!(
                "{} columns to turn back, but the model has {k} components",
                projections.n_cols()
            )));
        }
        projections.check_finite(false)?;
        let rows = match projections.n_rows() {
            0 => Array2::zeros((0, self.parts.features.len())),
            _ => matmul(&projected.gram(projections.dense()?)?, duals),
        };
        let rows = Matrix::from(rows).with_features(self.parts.features.clone())?;
        rows.check_finite(false)
            .map_err(|_| Error::overflow("a row leaves the range of f64; scale the columns first"))?;
        Ok(rows)
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

    fn decided(&self) -> Vec<Decided> {
        let why = format!("from the kernels of {} training rows", self.parts.rows.nrows());
        decided_components(self, self.parts.vectors.ncols(), &self.parts.features, why)
    }
}

#[cfg(test)]
mod tests {
    use perennial_core::CancelToken;

    use super::*;

    #[test]
    fn only_kernels_without_an_inverse_ask_for_a_larger_alpha() {
        let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.0], [5.0]]);
        let settings = KernelPca::new().kernel(Kernel::rbf(0.1)).alpha(0.0);
        let mut parts = settings.fit(&x, &NoTarget).unwrap().parts;
        let token = CancelToken::new();
        token.cancel();
        let error = settings.duals(&parts, &Context::new().with_cancel(token)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
        assert!(!error.to_string().contains("inverse"), "{error}");
        // Projections that are all alike.
        parts.vectors.fill(0.0);
        let error = settings.duals(&parts, &Context::new()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Singular { .. }), "{error}");
        assert!(error.to_string().contains("raise `alpha`"), "{error}");
    }
}
