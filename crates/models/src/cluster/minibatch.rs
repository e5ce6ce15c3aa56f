//! k-means on small batches.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Clusters, Context, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param,
    PartialFit, Predictor, Result, Train, Transformer,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::Init;
use super::kmeans::{MAX_ITER, N_CLUSTERS, N_INIT, check_centres, distances, predict};
use super::lloyd::{Data, inertia};
use super::sparse::Sparse;
use super::spots::{Finder, Spots};

const BATCH_SIZE: Param = Param::integer("batch_size", "the rows of a batch").at_least(1.0).at_most(1e9);
const MAX_NO_IMPROVEMENT: Param =
    Param::integer("max_no_improvement", "how many batches without an improvement end it")
        .at_least(1.0)
        .at_most(1e9);

/// k-means on small batches (Sculley, 2010): each batch moves the centres by as much as its rows weigh among all that
/// the centres have seen.
///
/// Much faster than [`KMeans`](crate::KMeans) on many rows, with clusters that are a little worse. The inertia of the
/// batches, smoothed, decides when to stop. [`PartialFit`] goes on with rows that come later. A row is drawn into batches as
/// often as it weighs. Sparse rows stay sparse.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 8 | 1 to 10^6 | the number of clusters |
/// | `init` | k-means++ | | where the centres begin |
/// | `n_init` | 3 | 1 to 1000 | how many starts are compared, on a sample of rows |
/// | `batch_size` | 1024 | >= 1 | the rows of a batch |
/// | `max_iter` | 100 | >= 1 | the most passes over as many rows as there are |
/// | `max_no_improvement` | 10 | >= 1 | how many batches without an improvement end it |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::MiniBatchKMeans;
///
/// let x = Matrix::from(Array2::from_shape_fn((300, 1), |(i, _)| (i % 3) as f64 * 10.0 + (i % 7) as f64 * 0.01));
/// let model = MiniBatchKMeans::new().n_clusters(3).batch_size(64).fit(&x, &NoTarget)?;
/// assert_eq!(model.predict(&x)?.sizes(), [100; 3]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiniBatchKMeans {
    n_clusters: usize,
    init: Init,
    n_init: usize,
    batch_size: usize,
    max_iter: usize,
    max_no_improvement: usize,
    seed: Option<u64>,
}

impl Default for MiniBatchKMeans {
    fn default() -> Self {
        MiniBatchKMeans {
            n_clusters: 8,
            init: Init::default(),
            n_init: 3,
            batch_size: 1024,
            max_iter: 100,
            max_no_improvement: 10,
            seed: None,
        }
    }
}

impl MiniBatchKMeans {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_CLUSTERS, N_INIT, BATCH_SIZE, MAX_ITER, MAX_NO_IMPROVEMENT];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of clusters.
    #[must_use]
    pub fn n_clusters(mut self, n_clusters: usize) -> Self {
        self.n_clusters = n_clusters;
        self
    }

    /// Sets where the centres begin.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Sets how many starts are compared.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Sets the rows of a batch.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets the most passes over as many rows as there are.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets how many batches without an improvement end it.
    #[must_use]
    pub fn max_no_improvement(mut self, max_no_improvement: usize) -> Self {
        self.max_no_improvement = max_no_improvement;
        self
    }

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self) -> Result<()> {
        N_CLUSTERS.check_count(self.n_clusters)?;
        N_INIT.check_count(self.n_init)?;
        BATCH_SIZE.check_count(self.batch_size)?;
        MAX_ITER.check_count(self.max_iter)?;
        MAX_NO_IMPROVEMENT.check_count(self.max_no_improvement)
    }

    /// The best of several starts, judged by the inertia of a sample.
    fn start(
        &self,
        ctx: &Context,
        data: &impl Spots,
        up_to: Option<&[f64]>,
        random: &Random,
    ) -> Result<Vec<f64>> {
        let size = (3 * self.batch_size).max(3 * self.n_clusters).min(data.n_rows());
        let n_init = if matches!(self.init, Init::Given(_)) { 1 } else { self.n_init };
        let judge = draw(data, up_to, size, &mut random.stream("judge"))?;
        let judges = judge.pack();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for index in 0..n_init {
            let mut own = random.fork(index as u64);
            let sample = data.take(&own.sample(data.n_rows(), size), true)?;
            let centres = sample.start(ctx, &sample.pack(), &self.init, self.n_clusters, &mut own)?;
            let mut labels = vec![0; judge.n_rows()];
            judges.nearest(&centres, &mut labels);
            let inertia = inertia(&judge, &centres, &labels);
            if best.as_ref().is_none_or(|best| inertia < best.0) {
                best = Some((inertia, centres));
            }
        }
        best.map(|best| best.1).ok_or_else(|| Error::empty("no start was tried"))
    }
}

/// Sums of the weights of the rows up to each; none where all weigh the same.
fn sums_up_to(data: &impl Spots) -> Option<Vec<f64>> {
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight;
        sum
    };
    let weights = data.weights().filter(|weights| weights.iter().any(|weight| *weight != weights[0]));
    weights.map(|weights| weights.iter().map(add).collect())
}

/// Rows drawn with replacement, as often as they weigh; each counts once.
fn draw<S: Spots>(data: &S, up_to: Option<&[f64]>, n: usize, random: &mut Random) -> Result<S::Part> {
    let one = |_| match up_to {
        None => random.below(data.n_rows()),
        Some(up_to) => {
            let place = random.uniform() * up_to.last().copied().unwrap_or_default();
            up_to.partition_point(|sum| *sum <= place).min(data.n_rows() - 1)
        }
    };
    let rows: Vec<usize> = (0..n).map(one).collect();
    data.take(&rows, false)
}

/// Moves the centres to the means of all rows that they have seen; gives the inertia of the batch before.
fn learn(batch: &impl Spots, centres: &mut [f64], seen: &mut [f64]) -> f64 {
    let width = batch.width();
    let mut labels = vec![0; batch.n_rows()];
    batch.pack().nearest(centres, &mut labels);
    let before = inertia(batch, centres, &labels);
    let (mut sums, mut counts) = (vec![0.0; centres.len()], vec![0.0; seen.len()]);
    for (row, &label) in labels.iter().enumerate() {
        let (label, weight) = (label as usize, batch.weight(row));
        counts[label] += weight;
        batch.add_to(row, weight, &mut sums[label * width..][..width]);
    }
    for label in (0..seen.len()).filter(|&label| counts[label] > 0.0) {
        seen[label] += counts[label];
        for column in label * width..(label + 1) * width {
            let gap = sums[column] - counts[label] * centres[column];
            centres[column] += gap / seen[label];
        }
    }
    before
}

/// Puts centres that few rows belong to onto rows of the batch that are drawn at random.
fn revive(batch: &impl Spots, centres: &mut [f64], seen: &mut [f64], random: &mut Random) {
    const FEW: f64 = 0.01;
    let most = seen.iter().copied().fold(0.0, f64::max);
    let mut poor: Vec<usize> = (0..seen.len()).filter(|&label| seen[label] < FEW * most).collect();
    poor.truncate(batch.n_rows() / 2);
    if poor.is_empty() {
        return;
    }
    let rich = seen.iter().copied().filter(|count| *count >= FEW * most).fold(f64::INFINITY, f64::min);
    for (label, row) in poor.iter().zip(random.sample(batch.n_rows(), poor.len())) {
        let width = batch.width();
        centres[label * width..][..width].copy_from_slice(&batch.gather(&[row]));
        seen[*label] = rich;
    }
}

impl MiniBatchKMeans {
    fn fit_rows<S: Spots>(
        &self,
        train: &Train<'_, Matrix, NoTarget>,
        data: &S,
    ) -> Result<MiniBatchKMeansModel> {
        data.check_clusters(self.n_clusters)?;
        let random = Random::new(train.ctx.seed(self.seed));
        let up_to = sums_up_to(data);
        let mut centres = self.start(&train.ctx, data, up_to.as_deref(), &random.stream("start"))?;
        let mut seen = vec![0.0; self.n_clusters];
        let (mut draws, mut revivals) = (random.stream("batches"), random.stream("revivals"));
        let size = self.batch_size.min(data.n_rows());
        let n_steps = self.max_iter.saturating_mul(data.n_rows()) / size;
        let (mut smooth, mut best, mut idle, mut since) = (None, f64::INFINITY, 0, 0);
        let (mut n_batches, mut converged, mut last_change) = (0, false, 0.0);
        for step in 0..n_steps.max(1) {
            train.ctx.step(step, n_steps)?;
            let batch = draw(data, up_to.as_deref(), size, &mut draws)?;
            let share = (2.0 * size as f64 / (data.n_rows() as f64 + 1.0)).min(1.0);
            let inertia = learn(&batch, &mut centres, &mut seen) / size as f64;
            n_batches += 1;
            since += size;
            if since >= 10 * self.n_clusters || seen.contains(&0.0) {
                since = 0;
                revive(&batch, &mut centres, &mut seen, &mut revivals);
            }
            // The first batch is judged by centres that have learned nothing.
            if step == 0 {
                continue;
            }
            let now = smooth.map_or(inertia, |smooth: f64| smooth * (1.0 - share) + inertia * share);
            last_change =
                smooth.map_or(0.0, |before: f64| (now - before).abs() / before.max(f64::MIN_POSITIVE));
            smooth = Some(now);
            idle = if now < best { 0 } else { idle + 1 };
            best = best.min(now);
            if idle >= self.max_no_improvement || inertia == 0.0 {
                converged = true;
                break;
            }
        }
        // Each row that was drawn stands for the mean weight, which matters to further rows.
        if let Some(weights) = data.weights() {
            let mean = match &up_to {
                Some(up_to) => up_to.last().copied().unwrap_or_default() / data.n_rows() as f64,
                None => weights[0],
            };
            seen.iter_mut().for_each(|seen| *seen *= mean);
        }
        let mut model = MiniBatchKMeansModel {
            features: train.x.features().clone(),
            centres: unscaled(&centres, data)?,
            seen,
            inertia: 0.0,
            n_batches,
            converged,
            last_change: last_change.min(f64::MAX),
        };
        model.measure(data, &centres)?;
        Ok(model)
    }

    fn go_on<S: Spots>(
        &self,
        mut model: MiniBatchKMeansModel,
        train: &Train<'_, Matrix, NoTarget>,
        data: &S,
    ) -> Result<MiniBatchKMeansModel> {
        let mut centres: Vec<f64> = model.centres.iter().map(|value| value / data.unit()).collect();
        for start in (0..data.n_rows()).step_by(self.batch_size) {
            train.ctx.step(start, data.n_rows())?;
            let rows: Vec<usize> = (start..(start + self.batch_size).min(data.n_rows())).collect();
            learn(&data.take(&rows, true)?, &mut centres, &mut model.seen);
            model.n_batches += 1;
        }
        model.centres = unscaled(&centres, data)?;
        model.measure(data, &centres)?;
        Ok(model)
    }
}

impl Estimator for MiniBatchKMeans {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = MiniBatchKMeansModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<MiniBatchKMeansModel> {
        self.check()?;
        match train.x.sparse() {
            Some(csr) => self.fit_rows(train, &Sparse::new(csr, train.weights)?),
            None => self.fit_rows(train, &Data::new(train)?),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

fn unscaled(centres: &[f64], data: &impl Spots) -> Result<Array2<f64>> {
    let values = centres.iter().map(|value| value * data.unit()).collect();
    Array2::from_shape_vec((centres.len() / data.width(), data.width()), values).map_err(Error::other)
}

impl PartialFit for MiniBatchKMeans {
    fn partial_fit_on(
        &self,
        model: MiniBatchKMeansModel,
        train: &Train<'_, Matrix, NoTarget>,
    ) -> Result<MiniBatchKMeansModel> {
        self.check()?;
        let x = model.features.align(train.x)?;
        let train = train.with_input(&*x, None);
        match x.sparse() {
            Some(csr) => self.go_on(model, &train, &Sparse::new(csr, train.weights)?),
            None => self.go_on(model, &train, &Data::new(&train)?),
        }
    }
}

/// Fitted centres of clusters; a row belongs to the nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MiniBatchKMeansModel {
    features: Features,
    centres: Array2<f64>,
    seen: Vec<f64>,
    inertia: f64,
    n_batches: usize,
    converged: bool,
    last_change: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Array2<f64>,
    seen: Vec<f64>,
    inertia: f64,
    n_batches: usize,
    converged: bool,
    last_change: f64,
}

impl TryFrom<Parts> for MiniBatchKMeansModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, centres, seen, inertia, n_batches, converged, last_change } = parts;
        check_centres(&features, &centres)?;
        if seen.len() != centres.nrows() || !seen.iter().all(|count| count.is_finite() && *count >= 0.0) {
            return Err(Error::corrupt("the counts of the clusters are damaged"));
        }
        Ok(MiniBatchKMeansModel { features, centres, seen, inertia, n_batches, converged, last_change })
    }
}

impl MiniBatchKMeansModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The centres, clusters x columns.
    pub fn centres(&self) -> &ArrayRef2<f64> {
        &self.centres
    }

    /// The sum of the squared distances of the rows of the last fit from the nearest centre.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// How many batches it learned from.
    pub fn n_batches(&self) -> usize {
        self.n_batches
    }

    /// Whether batches ceased to improve before all passes were done.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The change of the smoothed inertia of the batches by the last of the fit, as a share of it.
    pub fn last_change(&self) -> f64 {
        self.last_change
    }

    fn measure(&mut self, data: &impl Spots, centres: &[f64]) -> Result<()> {
        let mut labels = vec![0; data.n_rows()];
        data.pack().nearest(centres, &mut labels);
        self.inertia = inertia(data, centres, &labels) * data.unit() * data.unit();
        if self.inertia.is_finite() {
            return Ok(());
        }
        Err(Error::overflow(
            "squared distances between the rows are beyond the range of f64; scale the columns",
        ))
    }
}

impl FitTransform for MiniBatchKMeans {}

impl Transformer for MiniBatchKMeansModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The distance of each row from each centre, rows x centres.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        distances(&self.features, &self.centres, x)
    }
}

impl Predictor for MiniBatchKMeansModel {
    type Input = Matrix;
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        predict(&self.features, &self.centres, x)
    }
}
