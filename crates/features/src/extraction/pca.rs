//! Principal components.

use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{
    Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use perennial_numeric::linalg::{Centred, matmul};
use perennial_numeric::reduce::first_not_finite;
use serde::{Deserialize, Serialize};

use super::spectrum::{PcaSolver, Spectrum, spectrum};

/// Projects rows on the directions in which they spread most (Pearson, 1901; Hotelling, 1933).
///
/// The components come from a singular value decomposition of the centred rows, so small components keep their digits;
/// where rows are many and only components of at least a hundredth of the largest deviation are wanted, from their
/// covariance, which costs one pass and keeps about 12 digits of these. The largest loading of each component is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components to keep; as many as there are, when there are fewer |
/// | `variance_share` | none | above 0, to 1 | keep as few components as explain this share of the variance |
/// | `whiten` | false | | whether to give each component unit variance |
/// | `solver` | `Auto` | `Auto`, `Full`, `Covariance`, `Randomized` | how they are found |
/// | `n_iter` | 7 | 1 to 1000 | how often the randomised solver multiplies with the rows |
/// | `seed` | that of the context | any | of the randomised solver |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Pca;
///
/// let x = Matrix::from(array![[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]);
/// let model = Pca::new().n_components(1).fit(&x, &NoTarget)?;
/// assert!((model.explained_variance_ratio()[0] - 1.0).abs() < 1e-12);
/// assert_eq!(model.transform(&x)?.n_cols(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    n_components: Option<usize>,
    variance_share: Option<f64>,
    whiten: bool,
    solver: PcaSolver,
    n_iter: usize,
    seed: Option<u64>,
}

impl Default for Pca {
    fn default() -> Self {
        Pca {
            n_components: None,
            variance_share: None,
            whiten: false,
            solver: PcaSolver::Auto,
            n_iter: 7,
            seed: None,
        }
    }
}

const VARIANCE_SHARE: Param =
    Param::real("variance_share", "the share of the variance to explain").above(0.0).at_most(1.0);
const N_ITER: Param = Param::integer("n_iter", "multiplications with the rows").at_least(1.0).at_most(1000.0);
const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);

impl Pca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, VARIANCE_SHARE, N_ITER];

    /// All components.
    pub fn new() -> Self {
        Pca::default()
    }

    /// How many components to keep.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self.variance_share = None;
        self
    }

    /// Keeps as few components as explain this share of the variance.
    #[must_use]
    pub fn variance_share(mut self, share: f64) -> Self {
        self.variance_share = Some(share);
        self.n_components = None;
        self
    }

    /// How the components are found.
    #[must_use]
    pub fn solver(mut self, solver: PcaSolver) -> Self {
        self.solver = solver;
        self
    }

    /// How often the randomised solver multiplies with the rows.
    #[must_use]
    pub fn n_iter(mut self, n_iter: usize) -> Self {
        self.n_iter = n_iter;
        self
    }

    /// The seed of the randomised solver.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whether to give each component unit variance.
    #[must_use]
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.whiten = whiten;
        self
    }
}

impl Estimator for Pca {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PcaModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PcaModel> {
        if let Some(n_components) = self.n_components {
            N_COMPONENTS.check_count(n_components)?;
        }
        self.variance_share.map_or(Ok(()), |share| VARIANCE_SHARE.check(share))?;
        N_ITER.check_count(self.n_iter)?;
        if self.n_components.is_some() && self.variance_share.is_some() {
            return Err(Error::unsupported("both `n_components` and `variance_share` are set; choose one"));
        }
        if self.solver == PcaSolver::Randomized && self.n_components.is_none() {
            return Err(Error::unsupported(
                "the randomised solver finds a given number of components; set `n_components`",
            ));
        }
        let x = train.x.dense()?;
        let n_rows = x.nrows();
        if n_rows < 2 {
            return Err(Error::insufficient_data(
                "principal components need at least two rows; there is one",
            ));
        }
        let (mean, found) = spectrum(
            x,
            true,
            self.n_components,
            self.solver,
            (train.ctx.seed(self.seed), self.n_iter),
            &train.ctx,
        )?;
        PcaModel::of(train.x.features().clone(), mean, n_rows, found, self.variance_share, self.whiten)
    }
}

impl FitTransform for Pca {}

/// A fitted [`Pca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PcaModel {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    singular_values: Vec<f64>,
    ratios: Vec<f64>,
    scales: Vec<f64>,
    n_rows: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    singular_values: Vec<f64>,
    ratios: Vec<f64>,
    scales: Vec<f64>,
    n_rows: usize,
}

impl TryFrom<Parts> for PcaModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        PcaModel::new(p.features, p.mean, p.components, p.singular_values, p.ratios, p.scales, p.n_rows)
    }
}

impl PcaModel {
    /// The model of these directions; `share` of the variance keeps some of them.
    pub(super) fn of(
        features: Features,
        mean: Vec<f64>,
        n_rows: usize,
        found: Spectrum,
        share: Option<f64>,
        whiten: bool,
    ) -> Result<Self> {
        let Spectrum { s, vt, total } = found;
        let ratios: Vec<f64> = s.iter().map(|s| if total > 0.0 { s * s / total } else { 0.0 }).collect();
        let mut kept = s.len();
        if let Some(share) = share {
            let mut sum = 0.0;
            let reaches = |ratio: &f64| {
                sum += ratio;
                // Rounding must not ask for a component that explains nothing.
                sum >= share - 1e-12
            };
            kept = ratios.iter().position(reaches).map_or(kept, |last| last + 1);
        }
        let largest = s.first().copied().unwrap_or(0.0);
        let deviation = |s: &f64| {
            let deviation = s / ((n_rows - 1) as f64).sqrt();
            // A direction without spread has none to take out.
            if whiten && *s > 1e-12 * largest { deviation } else { 1.0 }
        };
        let scales = s.iter().take(kept).map(deviation).collect();
        let components = vt.slice_move(ndarray::s![..kept, ..]);
        let singular_values = s.iter().take(kept).copied().collect();
        PcaModel::new(features, mean, components, singular_values, ratios[..kept].to_vec(), scales, n_rows)
    }

    fn new(
        features: Features,
        mean: Vec<f64>,
        components: Array2<f64>,
        singular_values: Vec<f64>,
        ratios: Vec<f64>,
        scales: Vec<f64>,
        n_rows: usize,
    ) -> Result<Self> {
        let (k, n) = components.dim();
        let sizes = n == features.len()
            && mean.len() == n
            && [&singular_values, &ratios, &scales].iter().all(|v| v.len() == k);
        let numbers = mean.iter().chain(&components).chain(&singular_values).chain(&ratios).chain(&scales);
        if !sizes
            || k == 0
            || n_rows < 2
            || numbers.clone().any(|value| !value.is_finite())
            || scales.iter().any(|scale| !(*scale > 0.0))
        {
            return Err(Error::corrupt(
                "principal components with sizes or numbers that do not fit together",
            ));
        }
        Ok(PcaModel { features, mean, components, singular_values, ratios, scales, n_rows })
    }

    /// The directions, `n_components` x `n_cols`, each of length 1.
    pub fn components(&self) -> &ndarray::ArrayRef2<f64> {
        &self.components
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The singular values of the centred rows.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The share of all variance that each component explains.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.ratios
    }
}

impl PcaModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The variance along each component.
    pub fn explained_variance(&self) -> Vec<f64> {
        self.singular_values.iter().map(|s| s * s / (self.n_rows - 1) as f64).collect()
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The rows that the components stand for: the projections of [`transform`](Transformer::transform) back in the columns of the
    /// input. With all components these are the input itself but for rounding.
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        turn_back(projections, &self.components, Some(&self.scales), Some(&self.mean), &self.features)
    }

    fn project(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let turned =
            Array2::from_shape_fn((self.mean.len(), self.scales.len()), |(j, k)| self.components[[k, j]]);
        let mut out = Centred::new(x, Some(&self.mean)).times(&turned);
        if self.scales.iter().any(|scale| *scale != 1.0) {
            for mut row in out.rows_mut() {
                row.iter_mut().zip(&self.scales).for_each(|(value, scale)| *value /= scale);
            }
        }
        out
    }
}

impl Transformer for PcaModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        // A value that is not finite makes a projection so; only then is it looked for.
        finish(self.project(x.dense()?), "pc").or_else(|error| x.check_finite(false).and(Err(error)))
    }

    fn decided(&self) -> Vec<Decided> {
        decided_components(self, self.components.nrows(), &self.features, explaining(&self.ratios))
    }
}

/// How many components a model learned of how many columns.
pub(super) fn decided_components<M: ?Sized>(
    model: &M,
    n: usize,
    features: &Features,
    why: String,
) -> Vec<Decided> {
    vec![Decided::by(model, format!("{n} components of {} columns", features.len()), why)]
}

/// Why there are as many, where shares of the variance are known.
pub(super) fn explaining(ratios: &[f64]) -> String {
    format!("they explain {:.1} % of the variance of the training rows", 100.0 * ratios.iter().sum::<f64>())
}

/// The sums of components, each times its projection and scale, plus the mean of each column.
pub(super) fn turn_back(
    projections: &Matrix,
    components: &ArrayRef2<f64>,
    scales: Option<&[f64]>,
    mean: Option<&[f64]>,
    features: &Features,
) -> Result<Matrix> {
    let k = components.nrows();
    if projections.n_cols() != k {
        return Err(Error::malformed(format!(
            "{} columns to turn back, but the model has {k} components",
            projections.n_cols()
        )));
    }
    projections.check_finite(false)?;
    let mut out = match scales {
        Some(scales) => matmul(&(&projections.dense()?.view() * &Array1::from(scales.to_vec())), components),
        None => matmul(projections.dense()?, components),
    };
    if let Some(mean) = mean {
        out += &Array1::from(mean.to_vec());
    }
    let out = Matrix::from(out).with_features(features.clone())?;
    out.check_finite(false)
        .map_err(|_| Error::overflow("a row leaves the range of f64; scale the columns first"))?;
    Ok(out)
}

/// A matrix of new columns, none of them beyond the range of f64.
pub(super) fn finish(out: Array2<f64>, name: &str) -> Result<Matrix> {
    let finite = match out.as_slice_memory_order() {
        Some(values) => first_not_finite(values).is_none(),
        None => out.iter().all(|value| value.is_finite()),
    };
    if !finite {
        return Err(Error::overflow("a projection leaves the range of f64; scale the columns first"));
    }
    let names = (0..out.ncols()).map(|i| format!("{name}{i}"));
    Matrix::from(out).with_names(names)
}
