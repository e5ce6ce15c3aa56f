//! k-means.

use std::borrow::Cow;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Clusters, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Predictor,
    Result, Train, Transformer,
};
use perennial_numeric::distance;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::lloyd::{Data, Found, Lloyd, place};
use super::sparse::{self, Sparse};
use super::spots::Spots;

pub(super) const N_CLUSTERS: Param =
    Param::integer("n_clusters", "the number of clusters").at_least(1.0).at_most(1e6).search(2.0, 20.0);
pub(super) const N_INIT: Param =
    Param::integer("n_init", "how many starts are tried").at_least(1.0).at_most(1000.0);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most steps of one start").at_least(1.0).at_most(1e9);
pub(super) const TOLERANCE: Param = Param::real(
    "tolerance",
    "the squared move of the centres, relative to the mean variance of the columns, that ends the iteration",
)
.at_least(0.0);

/// Where the centres begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Rows far from each other: greedy k-means++ (Arthur and Vassilvitskii, 2007).
    #[default]
    KMeansPlusPlus,
    /// Rows far from each other, many drawn at once: k-means|| (Bahmani et al., 2012); faster where there are many clusters.
    KMeansParallel,
    /// Rows drawn at random.
    Random,
    /// These centres, `n_clusters` x columns.
    Given(Array2<f64>),
}

/// k-means (Lloyd, 1982): centres such that the sum of the squared distances of the rows from the nearest centre is
/// small.
///
/// The nearest centres are found by products in `f32` and checked in `f64` wherever that could matter, so the
/// clusters are those of exact arithmetic. A cluster that loses all rows gets the row that is farthest from its centre.
/// The clusters depend on the units of the columns, so standardise them first. A weight of 2 counts as two
/// equal rows, but the starts that are drawn differ. Sparse rows stay sparse; the centres are dense, `n_clusters` x columns.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 8 | 1 to 10^6 | the number of clusters |
/// | `init` | k-means++ | k-means\|\|, random, given | where the centres begin |
/// | `n_init` | 1 | 1 to 1000 | how many starts are tried; the best counts. Given centres are tried once |
/// | `max_iter` | 300 | >= 1 | the most steps of one start |
/// | `tolerance` | 1e-4 | >= 0 | the squared move of the centres, relative to the mean variance of the columns, that ends it |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::KMeans;
///
/// let x = Matrix::from(array![[0.0], [0.2], [9.0], [9.2]]);
/// let model = KMeans::new().n_clusters(2).fit(&x, &NoTarget)?;
/// let found = model.predict(&x)?;
/// assert_eq!(found.sizes(), [2, 2]);
/// assert!((model.inertia() - 0.04).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeans {
    n_clusters: usize,
    init: Init,
    n_init: usize,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for KMeans {
    fn default() -> Self {
        KMeans { n_clusters: 8, init: Init::default(), n_init: 1, max_iter: 300, tolerance: 1e-4, seed: None }
    }
}

impl KMeans {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_CLUSTERS, N_INIT, MAX_ITER, TOLERANCE];

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

    /// Sets how many starts are tried.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Sets the most steps of one start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the relative squared move of the centres that ends the iteration.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl KMeans {
    fn fit_rows<S: Spots>(&self, train: &Train<'_, Matrix, NoTarget>, data: &S) -> Result<KMeansModel> {
        data.check_clusters(self.n_clusters)?;
        let points = data.pack();
        let tolerance = if self.tolerance == 0.0 { 0.0 } else { self.tolerance * data.variance() };
        let lloyd = Lloyd { data, points: &points, max_iter: self.max_iter, tolerance };
        let random = Random::new(train.ctx.seed(self.seed));
        let n_init = if matches!(self.init, Init::Given(_)) { 1 } else { self.n_init };
        let mut best: Option<Found> = None;
        for index in 0..n_init {
            let ctx = train.ctx.child(&format!("start{index}"));
            let mut random = random.fork(index as u64);
            let start = data.start(&ctx, &points, &self.init, self.n_clusters, &mut random)?;
            let found = lloyd.run(&ctx, start)?;
            if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
                best = Some(found);
            }
        }
        let best = best.ok_or_else(|| Error::empty("no start was tried"))?;
        KMeansModel::new(train.x.features(), data, &best)
    }
}

impl Estimator for KMeans {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KMeansModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KMeansModel> {
        N_CLUSTERS.check_count(self.n_clusters)?;
        N_INIT.check_count(self.n_init)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        match train.x.sparse() {
            Some(csr) => {
                train.x.check_finite(false)?;
                self.fit_rows(train, &Sparse::new(csr, train.weights)?)
            }
            None => self.fit_rows(train, &Data::new(train)?),
        }
    }

    fn checks_finite(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

/// Fitted centres of clusters; a row belongs to the nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct KMeansModel {
    features: Features,
    centres: Array2<f64>,
    inertia: f64,
    n_iterations: usize,
    converged: bool,
    shift: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Array2<f64>,
    inertia: f64,
    n_iterations: usize,
    converged: bool,
    shift: f64,
}

impl TryFrom<Parts> for KMeansModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, centres, inertia, n_iterations, converged, shift } = parts;
        check_centres(&features, &centres)?;
        Ok(KMeansModel { features, centres, inertia, n_iterations, converged, shift })
    }
}

/// Refuses centres, read from a file, that no fit could have left.
pub(super) fn check_centres(features: &Features, centres: &Array2<f64>) -> Result<()> {
    let fits =
        centres.ncols() == features.len() && !centres.is_empty() && centres.nrows() < i32::MAX as usize;
    if fits && centres.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::corrupt("the centres of the clusters are damaged"))
}

impl KMeansModel {
    pub(super) fn new(features: &Features, data: &impl Spots, found: &Found) -> Result<Self> {
        let (width, unit) = (data.width(), data.unit());
        let centres = found.centres.iter().map(|value| value * unit).collect();
        let centres = Array2::from_shape_vec((found.centres.len() / width, width), centres);
        let centres = centres.map_err(Error::other)?;
        let inertia = found.inertia * unit * unit;
        let shift = found.shift * unit * unit;
        if !inertia.is_finite() || !shift.is_finite() {
            return Err(Error::overflow(
                "squared distances between the rows are beyond the range of f64; scale the columns",
            ));
        }
        Ok(KMeansModel {
            features: features.clone(),
            centres,
            inertia,
            n_iterations: found.n_iterations,
            converged: found.converged,
            shift,
        })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The centres, clusters x columns.
    pub fn centres(&self) -> &ArrayRef2<f64> {
        &self.centres
    }

    /// The sum of the squared distances of the training rows from the nearest centre, times their weights.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// How many steps the best start took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether the centres came to rest before `max_iter` steps.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The sum of the squared moves of the centres in the last step.
    pub fn last_shift(&self) -> f64 {
        self.shift
    }
}

impl Predictor for KMeansModel {
    type Input = Matrix;
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        predict(&self.features, &self.centres, x)
    }
}

impl FitTransform for KMeans {}

impl Transformer for KMeansModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The distance of each row from each centre, rows x clusters.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        distances(&self.features, &self.centres, x)
    }
}

/// The distance of each row from each centre.
pub(super) fn distances(features: &Features, centres: &ArrayRef2<f64>, x: &Matrix) -> Result<Matrix> {
    let x = features.align(x)?;
    x.check_finite(false)?;
    let out = match x.sparse() {
        Some(csr) => sparse::distances(csr, centres)?,
        None => distance::euclidean(x.dense()?, centres),
    };
    if !out.iter().all(|distance| distance.is_finite()) {
        return Err(Error::overflow(
            "squared distances from the centres are beyond the range of f64; scale the columns",
        ));
    }
    Matrix::from(out).with_names((0..centres.nrows()).map(|cluster| format!("distance{cluster}")))
}

/// The nearest centre of each row.
pub(super) fn predict(features: &Features, centres: &ArrayRef2<f64>, x: &Matrix) -> Result<Clusters> {
    Clusters::of(place_rows(features, centres, x)?.1, centres.nrows() as u32)
}

/// The rows with the columns in order, and the nearest centre of each.
pub(super) fn place_rows<'a>(
    features: &Features,
    centres: &ArrayRef2<f64>,
    x: &'a Matrix,
) -> Result<(Cow<'a, Matrix>, Vec<i32>)> {
    let x = features.align(x)?;
    x.check_finite(false)?;
    let nearest = match x.sparse() {
        Some(csr) => sparse::place(csr, centres),
        None => place(x.dense()?, centres),
    };
    Ok((x, nearest))
}
