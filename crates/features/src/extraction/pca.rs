//! Principal components.

use ndarray::{Array1, Array2, Axis};
use perennial_core::{
    Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Rows, Train, Transformer,
};
use perennial_numeric::linalg::{Qr, matmul, svd};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

/// Projects rows on the directions in which they spread most (Pearson, 1901; Hotelling, 1933).
///
/// The components come from a singular value decomposition of the centred rows, never from their covariance,
/// so small components keep their digits. The largest loading of each component is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components to keep; as many as there are, when there are fewer |
/// | `whiten` | false | | whether to give each component unit variance |
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    n_components: Option<usize>,
    whiten: bool,
}

const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);

impl Pca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// All components.
    pub fn new() -> Self {
        Pca::default()
    }

    /// How many components to keep.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
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
        let x = train.x.dense()?;
        let (n_rows, n_cols) = x.dim();
        if n_rows < 2 {
            return Err(Error::insufficient_data(
                "principal components need at least two rows; there is one",
            ));
        }
        let mean: Array1<f64> = (0..n_cols).map(|column| reduce::mean(&x.column(column).to_vec())).collect();
        let centred = &x.view() - &mean;
        // The square of what is largest must stay in range.
        if !centred.iter().all(|value| value.abs() < 1e150) {
            return Err(Error::overflow(
                "the numbers are so large that their variance leaves the range of f64; scale the columns first",
            ));
        }
        train.ctx.check()?;
        // Tall data: R has the same singular values and directions as the rows.
        let decomposed = if n_rows > n_cols {
            svd(&Qr::new(&centred, &Array2::zeros((n_rows, 0)), None, false)?.r())?
        } else {
            svd(&centred)?
        };
        let total: f64 = decomposed.s.iter().map(|s| s * s).sum();
        let kept = self.n_components.unwrap_or(usize::MAX).min(n_rows.min(n_cols));
        let mut components = decomposed.vt.slice_move(ndarray::s![..kept, ..]);
        for mut component in components.axis_iter_mut(Axis(0)) {
            let largest = component
                .iter()
                .fold(0.0_f64, |best, value| if value.abs() > best.abs() { *value } else { best });
            if largest < 0.0 {
                component.mapv_inplace(|value| -value);
            }
        }
        let singular_values: Vec<f64> = decomposed.s.iter().take(kept).copied().collect();
        let ratio = |s: &f64| if total > 0.0 { s * s / total } else { 0.0 };
        let ratios = singular_values.iter().map(ratio).collect();
        let deviation = |s: &f64| {
            let deviation = s / ((n_rows - 1) as f64).sqrt();
            // A direction without spread has none to take out.
            if self.whiten && *s > 1e-12 * decomposed.s[0] { deviation } else { 1.0 }
        };
        let scales = singular_values.iter().map(deviation).collect();
        PcaModel::new(
            train.x.features().clone(),
            mean.to_vec(),
            components.to_owned(),
            singular_values,
            ratios,
            scales,
        )
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
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    mean: Vec<f64>,
    components: Array2<f64>,
    singular_values: Vec<f64>,
    ratios: Vec<f64>,
    scales: Vec<f64>,
}

impl TryFrom<Parts> for PcaModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        PcaModel::new(p.features, p.mean, p.components, p.singular_values, p.ratios, p.scales)
    }
}

impl PcaModel {
    fn new(
        features: Features,
        mean: Vec<f64>,
        components: Array2<f64>,
        singular_values: Vec<f64>,
        ratios: Vec<f64>,
        scales: Vec<f64>,
    ) -> Result<Self> {
        let (k, n) = components.dim();
        let sizes = n == features.len()
            && mean.len() == n
            && [&singular_values, &ratios, &scales].iter().all(|v| v.len() == k);
        let numbers = mean.iter().chain(&components).chain(&singular_values).chain(&ratios).chain(&scales);
        if !sizes
            || k == 0
            || numbers.clone().any(|value| !value.is_finite())
            || scales.iter().any(|scale| !(*scale > 0.0))
        {
            return Err(Error::corrupt(
                "principal components with sizes or numbers that do not fit together",
            ));
        }
        Ok(PcaModel { features, mean, components, singular_values, ratios, scales })
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

impl Transformer for PcaModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let n_rows = x.n_rows();
        let centred = &x.dense()?.view() - &Array1::from(self.mean.clone());
        let mut out = if n_rows == 0 {
            Array2::zeros((0, self.scales.len()))
        } else {
            matmul(&centred, &self.components.t())
        };
        for (mut column, scale) in out.columns_mut().into_iter().zip(&self.scales) {
            column.mapv_inplace(|value| value / scale);
        }
        let names = (0..self.scales.len()).map(|i| format!("pc{i}"));
        let out = Matrix::from(out).with_names(names)?;
        out.check_finite(false)
            .map_err(|_| Error::overflow("a projection leaves the range of f64; scale the columns first"))?;
        Ok(out)
    }
}
