//! Principal components from rows that come in batches.

use ndarray::{Array1, Array2, Axis, s};
use perennial_core::{
    Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, PartialFit, Result, Train,
    Transformer,
};
use perennial_numeric::linalg::{Centred, Qr, svd};
use serde::{Deserialize, Serialize};

use super::pca::{PcaModel, decided_components, explaining};
use super::spectrum::Spectrum;

const N_COMPONENTS: Param = Param::integer("n_components", "how many components to keep").at_least(1.0);
const BATCH_SIZE: Param = Param::integer("batch_size", "rows that are taken at once").at_least(2.0);

/// Principal components from batches of rows, in memory that does not grow with them (Ross and others, 2008).
///
/// Each batch is joined to the components so far, which stand for all rows before; what these do not explain is
/// forgotten but for its variance. So the result depends on the order of the rows, and is that of
/// [`Pca`](super::Pca) where all components are kept. Further rows come by
/// [`partial_fit`](PartialFit::partial_fit).
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | all | >= 1 | how many components to keep; as many as there are, when there are fewer |
/// | `batch_size` | 5 x columns | >= 2 | rows that are taken at once |
/// | `whiten` | false | | whether to give each component unit variance |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, PartialFit};
/// use perennial_features::extraction::IncrementalPca;
///
/// let first = Matrix::from(array![[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]);
/// let more = Matrix::from(array![[3.0, 3.0], [5.0, 5.0]]);
/// let settings = IncrementalPca::new().n_components(1);
/// let model = settings.partial_fit(settings.fit(&first, &NoTarget)?, &more, &NoTarget)?;
/// assert!((model.pca().explained_variance_ratio()[0] - 1.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IncrementalPca {
    n_components: Option<usize>,
    batch_size: Option<usize>,
    whiten: bool,
}

impl IncrementalPca {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, BATCH_SIZE];

    /// All components.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many components to keep.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }

    /// How many rows are taken at once.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Whether to give each component unit variance.
    #[must_use]
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.whiten = whiten;
        self
    }

    fn learn(&self, mut known: Known, train: &Train<'_, Matrix, NoTarget>) -> Result<IncrementalPcaModel> {
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        self.batch_size.map_or(Ok(()), |n| BATCH_SIZE.check_count(n))?;
        let x = train.x.dense()?;
        let (n, width) = x.dim();
        if n + known.n_rows < 2 {
            return Err(Error::insufficient_data(
                "principal components need at least two rows; there is one",
            ));
        }
        let batch = self.batch_size.unwrap_or(5 * width).max(2);
        let mut start = 0;
        while start < n {
            train.ctx.step(start, n)?;
            // A last row alone joins the batch before.
            let end = if n - start <= batch.saturating_add(1) { n } else { start + batch };
            known.join(&x.slice(s![start..end, ..]).to_owned(), self.n_components)?;
            start = end;
        }
        let Known { n_rows, mean, s, vt, total } = known;
        let found = Spectrum { s, vt, total };
        let pca = PcaModel::of(train.x.features().clone(), mean, n_rows, found, None, self.whiten)?;
        Ok(IncrementalPcaModel { pca, total })
    }
}

/// What is known of the rows so far.
struct Known {
    n_rows: usize,
    mean: Vec<f64>,
    s: Array1<f64>,
    vt: Array2<f64>,
    total: f64,
}

impl Known {
    fn join(&mut self, batch: &Array2<f64>, wanted: Option<usize>) -> Result<()> {
        let (m, width) = batch.dim();
        let mean = Centred::column_means(batch);
        let (old, new) = (self.n_rows as f64, m as f64);
        let shift: Vec<f64> = mean.iter().zip(&self.mean).map(|(new, old)| new - old).collect();
        let between = if self.n_rows > 0 { (old * new / (old + new)).sqrt() } else { 0.0 };
        let known = self.s.len();
        let centred = batch - &Array1::from(mean);
        let mut stacked = Array2::zeros((known + m + 1, width));
        stacked.slice_mut(s![..known, ..]).assign(&(&self.vt * &self.s.view().insert_axis(Axis(1))));
        stacked.slice_mut(s![known..known + m, ..]).assign(&centred);
        stacked.row_mut(known + m).assign(&(&Array1::from(shift.clone()) * between));
        let fresh: f64 = stacked.slice(s![known.., ..]).iter().map(|value| value * value).sum();
        if !(fresh < 1e300) {
            return Err(Error::overflow(
                "the numbers are so large that their variance leaves the range of f64; scale the columns first",
            ));
        }
        let found = match stacked.nrows() > width {
            true => svd(&Qr::new(&stacked, &Array2::zeros((stacked.nrows(), 0)), None, false)?.r())?,
            false => svd(&stacked)?,
        };
        for (mean, shift) in self.mean.iter_mut().zip(shift) {
            *mean += shift * (new / (old + new));
        }
        self.n_rows += m;
        self.total += fresh;
        let k = wanted.unwrap_or(usize::MAX).min(found.s.len()).min(self.n_rows);
        self.s = found.s.slice(s![..k]).to_owned();
        self.vt = found.vt.slice(s![..k, ..]).to_owned();
        Ok(())
    }
}

impl Estimator for IncrementalPca {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = IncrementalPcaModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<IncrementalPcaModel> {
        let width = train.x.n_cols();
        let (s, vt) = (Array1::zeros(0), Array2::zeros((0, width)));
        self.learn(Known { n_rows: 0, mean: vec![0.0; width], s, vt, total: 0.0 }, train)
    }
}

impl PartialFit for IncrementalPca {
    fn partial_fit_on(
        &self,
        model: IncrementalPcaModel,
        train: &Train<'_, Matrix, NoTarget>,
    ) -> Result<IncrementalPcaModel> {
        let x = model.pca.features().align(train.x)?;
        let known = Known {
            n_rows: model.pca.n_rows(),
            mean: model.pca.mean().to_vec(),
            s: model.pca.singular_values().iter().copied().collect(),
            vt: model.pca.components().to_owned(),
            total: model.total,
        };
        self.learn(known, &train.with_input(&*x, None))
    }
}

impl FitTransform for IncrementalPca {}

/// A fitted [`IncrementalPca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct IncrementalPcaModel {
    pca: PcaModel,
    /// The sum of all squares around the mean, forgotten directions included.
    total: f64,
}

#[derive(Deserialize)]
struct Parts {
    pca: PcaModel,
    total: f64,
}

impl TryFrom<Parts> for IncrementalPcaModel {
    type Error = Error;

    fn try_from(Parts { pca, total }: Parts) -> Result<Self> {
        if !(total >= 0.0 && total.is_finite()) {
            return Err(Error::corrupt("the variance of the incremental principal components is damaged"));
        }
        Ok(IncrementalPcaModel { pca, total })
    }
}

impl IncrementalPcaModel {
    /// The components so far.
    pub fn pca(&self) -> &PcaModel {
        &self.pca
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.pca.features()
    }

    /// How many rows it has seen.
    pub fn n_rows_seen(&self) -> usize {
        self.pca.n_rows()
    }

    /// The rows that the components stand for; see [`PcaModel::inverse_transform`].
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        self.pca.inverse_transform(projections)
    }
}

impl Transformer for IncrementalPcaModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        self.pca.transform(x)
    }

    fn decided(&self) -> Vec<Decided> {
        let ratios = self.pca.explained_variance_ratio();
        decided_components(self, ratios.len(), self.pca.features(), explaining(ratios))
    }
}
