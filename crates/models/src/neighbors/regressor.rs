//! Numbers by the mean of near rows.

use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::memory::{Memory, Reach, Weighting};
use super::reference::{N_NEIGHBORS, RADIUS, enough_rows, neighbor_builders};
use super::{Metric, Search};

/// The mean of the targets of the nearest rows.
///
/// The nearest rows are found exactly, unless `search` is [`Search::Hnsw`]. Sparse rows stay sparse, for the euclidean and the
/// cosine distance. Distances depend on the units of the columns,
/// so standardise them first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 5 | >= 1 | how many rows count |
/// | `weighting` | uniform | | whether nearer rows count more |
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::KNeighborsRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
/// let y = Values::from(vec![0.0, 10.0, 20.0, 30.0]);
/// let model = KNeighborsRegressor::new().n_neighbors(2).fit(&x, &y)?;
/// assert_eq!(model.predict(&Matrix::from(array![[1.4]]))?.as_slice(), [15.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KNeighborsRegressor {
    n_neighbors: usize,
    weighting: Weighting,
    metric: Metric,
    search: Search,
}

impl Default for KNeighborsRegressor {
    fn default() -> Self {
        let (weighting, metric, search) = (Weighting::Uniform, Metric::Euclidean, Search::Auto);
        KNeighborsRegressor { n_neighbors: 5, weighting, metric, search }
    }
}

impl KNeighborsRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS];

    neighbor_builders!();

    /// Sets how many rows count.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }
}

impl Estimator for KNeighborsRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = NeighborsRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<NeighborsRegressorModel> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        enough_rows(self.n_neighbors, train.x.n_rows())?;
        Ok(NeighborsRegressorModel {
            memory: Memory::new(&train.ctx, train.x, self.metric, self.search)?,
            targets: train.y.as_slice().to_vec(),
            reach: Reach::Nearest(self.n_neighbors),
            weighting: self.weighting,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// The mean of the targets of the rows within a radius; where there are none, that of the nearest row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `radius` | 1 | >= 0 | how near the rows are that count |
/// | `weighting` | uniform | | whether nearer rows count more |
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::RadiusNeighborsRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
/// let y = Values::from(vec![0.0, 10.0, 20.0, 30.0]);
/// let model = RadiusNeighborsRegressor::new().radius(1.0).fit(&x, &y)?;
/// assert_eq!(model.predict(&Matrix::from(array![[1.0], [99.0]]))?.as_slice(), [10.0, 30.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadiusNeighborsRegressor {
    radius: f64,
    weighting: Weighting,
    metric: Metric,
    search: Search,
}

impl Default for RadiusNeighborsRegressor {
    fn default() -> Self {
        let (weighting, metric, search) = (Weighting::Uniform, Metric::Euclidean, Search::Auto);
        RadiusNeighborsRegressor { radius: 1.0, weighting, metric, search }
    }
}

impl RadiusNeighborsRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[RADIUS];

    neighbor_builders!();

    /// Sets how near the rows are that count.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }
}

impl Estimator for RadiusNeighborsRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = NeighborsRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<NeighborsRegressorModel> {
        RADIUS.check(self.radius)?;
        Ok(NeighborsRegressorModel {
            memory: Memory::new(&train.ctx, train.x, self.metric, self.search)?,
            targets: train.y.as_slice().to_vec(),
            reach: Reach::Radius(self.radius),
            weighting: self.weighting,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// A regression by the mean of near rows, which keeps the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NeighborsRegressorModel {
    memory: Memory,
    targets: Vec<f64>,
    reach: Reach,
    weighting: Weighting,
}

#[derive(Deserialize)]
struct Parts {
    memory: Memory,
    targets: Vec<f64>,
    reach: Reach,
    weighting: Weighting,
}

impl TryFrom<Parts> for NeighborsRegressorModel {
    type Error = Error;

    fn try_from(Parts { memory, targets, reach, weighting }: Parts) -> Result<Self> {
        let answers = !matches!(reach, Reach::Within(_));
        if targets.len() != memory.n_rows() || !targets.iter().all(|target| target.is_finite()) || !answers {
            return Err(Error::corrupt("the targets of the rows are damaged"));
        }
        Ok(NeighborsRegressorModel { memory, targets, reach, weighting })
    }
}

impl NeighborsRegressorModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.memory.features()
    }

    /// The way in which rows are searched.
    pub fn search(&self) -> Search {
        self.memory.search()
    }
}

impl Predictor for NeighborsRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let mut values = Vec::with_capacity(x.n_rows());
        self.memory.answer(x, self.reach, self.weighting, |rows, weights| {
            let total: f64 = weights.iter().sum();
            // Each is divided first: targets near the limit of f64 must not add up to infinity.
            let parts =
                rows.iter().zip(weights).map(|(&row, weight)| self.targets[row as usize] * (weight / total));
            values.push(parts.sum::<f64>());
        })?;
        Ok(values.into())
    }
}
