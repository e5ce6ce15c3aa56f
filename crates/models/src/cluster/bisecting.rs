//! Bisecting k-means.

use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::neighbors::Points;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::Init;
use super::kmeans::{KMeansModel, MAX_ITER, N_CLUSTERS, N_INIT, TOLERANCE};
use super::lloyd::{Data, Found, Lloyd, inertia};
use super::spots::Spots;

/// Which cluster is parted next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BisectingStrategy {
    /// The one with the largest sum of squared distances to its centre.
    #[default]
    BiggestInertia,
    /// The one with the most rows, by their weights; clusters become about equally large.
    LargestCluster,
}

/// Bisecting k-means (Steinbach, Karypis and Kumar, 2000): the cluster with the largest sum of squared distances, or the one with the most rows, is
/// parted in two by [`KMeans`](crate::KMeans), again and again.
///
/// Faster than k-means for many clusters, and the clusters form a hierarchy; a row is placed by its nearest centre.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 8 | 1 to 10^6 | the number of clusters |
/// | `strategy` | biggest inertia | biggest inertia, largest cluster | which cluster is parted next |
/// | `n_init` | 1 | 1 to 1000 | how many starts are tried for each cut |
/// | `max_iter` | 300 | >= 1 | the most steps of one start |
/// | `tolerance` | 1e-4 | >= 0 | as for k-means |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::BisectingKMeans;
///
/// let x = Matrix::from(array![[0.0], [0.2], [5.0], [9.0], [9.2]]);
/// let model = BisectingKMeans::new().n_clusters(3).fit(&x, &NoTarget)?;
/// assert_eq!(model.predict(&x)?.n_clusters(), 3);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BisectingKMeans {
    n_clusters: usize,
    strategy: BisectingStrategy,
    n_init: usize,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for BisectingKMeans {
    fn default() -> Self {
        let strategy = BisectingStrategy::BiggestInertia;
        BisectingKMeans { n_clusters: 8, strategy, n_init: 1, max_iter: 300, tolerance: 1e-4, seed: None }
    }
}

impl BisectingKMeans {
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

    /// Sets which cluster is parted next.
    #[must_use]
    pub fn strategy(mut self, strategy: BisectingStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets how many starts are tried for each cut.
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

    fn cut(
        &self,
        train: &Train<'_, Matrix, NoTarget>,
        data: &Data<'_>,
        k: usize,
        random: &Random,
    ) -> Result<Found> {
        let points = Points::new(&data.cells, data.width);
        let tolerance = self.tolerance * data.variance();
        let lloyd = Lloyd { data, points: &points, max_iter: self.max_iter, tolerance };
        let run = |index: usize| {
            let mut random = random.fork(index as u64);
            lloyd.run(&train.ctx, data.start(&train.ctx, &points, &Init::KMeansPlusPlus, k, &mut random)?)
        };
        let mut best = run(0)?;
        for index in 1..self.n_init {
            let found = run(index)?;
            if found.inertia < best.inertia {
                best = found;
            }
        }
        Ok(best)
    }
}

impl FitTransform for BisectingKMeans {}

/// Rows of one cluster, and what they add to the inertia.
struct Part {
    rows: Vec<u32>,
    centre: Vec<f64>,
    inertia: f64,
    weight: f64,
    /// Whether its rows differ: the mean of equal rows may be rounded, so that their inertia is not 0.
    varies: bool,
}

impl Part {
    /// How much it asks to be parted; equal rows cannot be.
    fn size(&self, strategy: BisectingStrategy) -> f64 {
        match strategy {
            _ if !self.varies => 0.0,
            BisectingStrategy::LargestCluster => self.weight,
            BisectingStrategy::BiggestInertia => self.inertia,
        }
    }
}

impl Estimator for BisectingKMeans {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KMeansModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KMeansModel> {
        N_CLUSTERS.check_count(self.n_clusters)?;
        N_INIT.check_count(self.n_init)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let data = Data::new(train)?;
        data.check_clusters(self.n_clusters)?;
        let random = Random::new(train.ctx.seed(self.seed));
        let mut all = self.cut(train, &data, 1, &random)?;
        let rows = (0..data.n_rows() as u32).collect();
        let varies = all.inertia > 0.0 && (1..data.n_rows()).any(|row| data.row(row) != data.row(0));
        let mut parts =
            vec![Part { rows, centre: all.centres.clone(), inertia: all.inertia, weight: 1.0, varies }];
        while parts.len() < self.n_clusters {
            train.ctx.step(parts.len(), self.n_clusters)?;
            let mut widest = 0;
            for part in 1..parts.len() {
                if parts[part].size(self.strategy) > parts[widest].size(self.strategy) {
                    widest = part;
                }
            }
            if !parts[widest].varies {
                // What is left are equal rows.
                break;
            }
            let part = parts.swap_remove(widest);
            let inside = Data {
                cells: part.rows.iter().flat_map(|&row| data.row(row as usize).to_vec()).collect(),
                width: data.width,
                weights: data
                    .weights
                    .as_ref()
                    .map(|weights| part.rows.iter().map(|&row| weights[row as usize]).collect()),
                unit: 1.0,
            };
            let found = self.cut(train, &inside, 2, &random.fork(parts.len() as u64).stream("cut"))?;
            all.n_iterations += found.n_iterations;
            all.converged &= found.converged;
            all.shift = all.shift.max(found.shift);
            for (label, centre) in found.centres.chunks_exact(data.width).enumerate() {
                let places: Vec<usize> =
                    (0..part.rows.len()).filter(|&place| found.labels[place] as usize == label).collect();
                let weight_of = |place: usize| inside.weights.as_ref().map_or(1.0, |weights| weights[place]);
                let own: f64 = places
                    .iter()
                    .map(|&place| weight_of(place) * super::lloyd::squared(inside.row(place), centre))
                    .sum();
                let weight = places.iter().map(|&place| weight_of(place)).sum();
                let varies =
                    own > 0.0 && places.iter().any(|&place| inside.row(place) != inside.row(places[0]));
                let rows = places.into_iter().map(|place| part.rows[place]).collect();
                parts.push(Part { rows, centre: centre.to_vec(), inertia: own, weight, varies });
            }
        }
        all.centres = parts.iter().flat_map(|part| part.centre.clone()).collect();
        Points::new(&data.cells, data.width).nearest(&all.centres, &mut all.labels);
        all.inertia = inertia(&data, &all.centres, &all.labels);
        KMeansModel::new(train.x.features(), &data, &all)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
