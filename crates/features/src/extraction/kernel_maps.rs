//! Maps whose inner products are near a kernel: linear models on them come near kernel machines.

use ndarray::{Array2, ArrayRef2, Axis};
use perennial_core::{
    Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use perennial_numeric::kernel::{Function, Gamma, Kernel, Points};
use perennial_numeric::linalg::{eigh, matmul};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish};

const N_COMPONENTS: Param = Param::integer("n_components", "how many columns to make")
    .at_least(1.0)
    .at_most(100_000.0)
    .search_log(50.0, 2000.0);

/// A map through the kernel with some of the rows (Williams and Seeger, 2001).
///
/// Of `n_components` rows, drawn without replacement, the kernel matrix is taken to the power -1/2; directions that others
/// determine are left at 0.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 100 | 1 to 100000 | how many rows to draw; all where there are fewer |
/// | `kernel` | radial, `Gamma::Scale` | | how alike two rows are |
/// | `seed` | that of the context | any | of the draw |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Nystroem;
/// use perennial_numeric::kernel::Kernel;
///
/// let x = Matrix::from(array![[0.0], [1.0], [3.0]]);
/// let mapped = Nystroem::new().kernel(Kernel::rbf(0.5)).fit(&x, &NoTarget)?.transform(&x)?;
/// let z = mapped.dense()?;
/// // With all rows drawn the inner products are the kernel.
/// assert!((z.row(0).dot(&z.row(1)) - (-0.5f64).exp()).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nystroem {
    n_components: usize,
    kernel: Kernel,
    seed: Option<u64>,
}

impl Default for Nystroem {
    fn default() -> Self {
        Nystroem { n_components: 100, kernel: Kernel::default(), seed: None }
    }
}

impl Nystroem {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// A hundred rows and a radial kernel.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows to draw.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How alike two rows are.
    #[must_use]
    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// The seed of the draw.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for Nystroem {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = NystroemModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<NystroemModel> {
        const MOST: usize = 20_000;
        N_COMPONENTS.check_count(self.n_components)?;
        let x = train.x.dense()?;
        let n_drawn = self.n_components.min(x.nrows());
        if n_drawn > MOST {
            return Err(Error::too_large(format!(
                "the kernel matrix of {n_drawn} rows would be decomposed; at most {MOST} are: lower `n_components`"
            )));
        }
        let function = self.kernel.resolve(x, None)?;
        let mut rows = Random::new(train.ctx.seed(self.seed)).sample(x.nrows(), n_drawn);
        rows.sort_unstable();
        let basis = x.select(Axis(0), &rows);
        train.ctx.check()?;
        let eigen = eigh(&function.points(&basis)?.gram(&basis)?)?;
        let largest = eigen.values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        if let Some(least) = eigen.values.iter().find(|value| **value < -1e-8 * largest) {
            return Err(Error::unsupported(format!(
                "the kernel matrix has the eigenvalue {least} beside {largest}, so it is no matrix of inner products and has no map; choose a kernel that is positive, such as the radial or the exponential chi-squared one"
            )));
        }
        let mut scaled = eigen.vectors.clone();
        for (mut column, value) in scaled.columns_mut().into_iter().zip(&eigen.values) {
            let factor = if *value > 1e-12 * largest { 1.0 / value.sqrt() } else { 0.0 };
            column.mapv_inplace(|entry| entry * factor);
        }
        let turn = matmul(&scaled, &eigen.vectors.t());
        NystroemModel::new(train.x.features().clone(), function, basis, turn)
    }
}

impl FitTransform for Nystroem {}

/// A fitted [`Nystroem`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct NystroemModel {
    features: Features,
    basis: Array2<f64>,
    turn: Array2<f64>,
    points: Points,
}

#[derive(Clone, Serialize, Deserialize)]
struct Parts {
    features: Features,
    function: Function,
    basis: Array2<f64>,
    turn: Array2<f64>,
}

impl From<NystroemModel> for Parts {
    fn from(model: NystroemModel) -> Parts {
        let function = model.points.function();
        Parts { features: model.features, function, basis: model.basis, turn: model.turn }
    }
}

impl TryFrom<Parts> for NystroemModel {
    type Error = Error;

    fn try_from(Parts { features, function, basis, turn }: Parts) -> Result<Self> {
        if !function.is_sound() || !basis.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("the rows or the kernel of the map are damaged"));
        }
        NystroemModel::new(features, function, basis, turn)
    }
}

impl NystroemModel {
    fn new(features: Features, function: Function, basis: Array2<f64>, turn: Array2<f64>) -> Result<Self> {
        let n = basis.nrows();
        if basis.ncols() != features.len() || turn.dim() != (n, n) || n == 0 {
            return Err(Error::corrupt("the rows of the map do not fit its features"));
        }
        if !turn.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "the kernel matrix leaves the range of f64; scale the columns first",
            ));
        }
        let points = function.points(&basis)?;
        Ok(NystroemModel { features, basis, turn, points })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The rows that were drawn.
    pub fn basis(&self) -> &ArrayRef2<f64> {
        &self.basis
    }
}

impl Transformer for NystroemModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        finish(matmul(&self.points.gram(x.dense()?)?, &self.turn), "nystroem")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("kernels with {} training rows, which were drawn", self.basis.nrows());
        decided_components(self, self.turn.ncols(), &self.features, why)
    }
}

/// A random map whose inner products are near the radial kernel `exp(-gamma |x - y|^2)` (Rahimi and Recht, 2007).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 100 | 1 to 100000 | how many columns to make; the error falls with their square root |
/// | `gamma` | `Scale` | above 0 | the scale of the kernel |
/// | `seed` | that of the context | any | of the map |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::RandomFourierFeatures;
///
/// let x = Matrix::from(array![[0.0], [1.0]]);
/// let mapped = RandomFourierFeatures::new().n_components(4000).gamma(0.5).fit(&x, &NoTarget)?.transform(&x)?;
/// let z = mapped.dense()?;
/// assert!((z.row(0).dot(&z.row(1)) - (-0.5f64).exp()).abs() < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFourierFeatures {
    n_components: usize,
    gamma: Gamma,
    seed: Option<u64>,
}

impl Default for RandomFourierFeatures {
    fn default() -> Self {
        RandomFourierFeatures { n_components: 100, gamma: Gamma::Scale, seed: None }
    }
}

impl RandomFourierFeatures {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// A hundred columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many columns to make.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// The scale of the kernel.
    #[must_use]
    pub fn gamma(mut self, gamma: impl Into<Gamma>) -> Self {
        self.gamma = gamma.into();
        self
    }

    /// The seed of the map.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for RandomFourierFeatures {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = RandomFourierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<RandomFourierModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        let x = train.x.dense()?;
        let function = Kernel::Rbf { gamma: self.gamma }.resolve(x, None)?;
        let Function::Rbf { gamma } = function else {
            return Err(Error::unsupported("the map is one of the radial kernel"));
        };
        let (p, k) = (x.ncols(), self.n_components);
        if p.checked_mul(k).is_none_or(|size| size > 1 << 28) {
            return Err(Error::too_large(format!(
                "a map of {p} x {k} numbers would take more than 2 GiB; lower `n_components`"
            )));
        }
        let mut random = Random::new(train.ctx.seed(self.seed));
        let scale = gamma.sqrt() * std::f64::consts::SQRT_2;
        let weights = Array2::from_shape_simple_fn((p, k), || scale * random.normal());
        let offsets = (0..k).map(|_| random.uniform_in(0.0, std::f64::consts::TAU)).collect();
        Ok(RandomFourierModel { features: train.x.features().clone(), weights, offsets })
    }
}

impl FitTransform for RandomFourierFeatures {}

/// A fitted [`RandomFourierFeatures`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FourierParts")]
pub struct RandomFourierModel {
    features: Features,
    weights: Array2<f64>,
    offsets: Vec<f64>,
}

#[derive(Deserialize)]
struct FourierParts {
    features: Features,
    weights: Array2<f64>,
    offsets: Vec<f64>,
}

impl TryFrom<FourierParts> for RandomFourierModel {
    type Error = Error;

    fn try_from(FourierParts { features, weights, offsets }: FourierParts) -> Result<Self> {
        let sizes = weights.dim() == (features.len(), offsets.len());
        if !sizes || !weights.iter().chain(&offsets).all(|value| value.is_finite()) {
            return Err(Error::corrupt("a random map with sizes or numbers that do not fit together"));
        }
        Ok(RandomFourierModel { features, weights, offsets })
    }
}

impl RandomFourierModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }
}

impl Transformer for RandomFourierModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut out = matmul(x.dense()?, &self.weights);
        let scale = (2.0 / self.offsets.len() as f64).sqrt();
        for (mut column, offset) in out.columns_mut().into_iter().zip(&self.offsets) {
            column.mapv_inplace(|value| scale * (value + offset).cos());
        }
        finish(out, "fourier")
    }

    fn decided(&self) -> Vec<Decided> {
        decided_components(self, self.weights.ncols(), &self.features, "drawn, not learned".to_owned())
    }
}
