//! Clusters of varying density.

use perennial_core::{
    Clustered, Clusters, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use super::tree::{Choice, choose};

const MIN_CLUSTER_SIZE: Param = Param::integer("min_cluster_size", "the fewest rows of a cluster")
    .at_least(2.0)
    .at_most(1e9)
    .search_log(5.0, 500.0);
const MIN_SAMPLES: Param =
    Param::integer("min_samples", "the nearest rows, itself included, that make a row dense")
        .at_least(1.0)
        .at_most(1e9);
const EPSILON: Param =
    Param::real("cluster_selection_epsilon", "clusters that part at less than this distance stay together")
        .at_least(0.0)
        .at_most(1e300);
const MAX_CLUSTER_SIZE: Param =
    Param::integer("max_cluster_size", "the most rows of a cluster that excess of mass chooses")
        .at_least(1.0)
        .at_most(1e15);

/// Which clusters of the hierarchy count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterSelection {
    /// Those that together last longest as the density rises (excess of mass).
    #[default]
    ExcessOfMass,
    /// Those that do not part further.
    Leaf,
}

/// HDBSCAN (Campello, Moulavi and Sander, 2013): the clusters of DBSCAN for all distances at once form a
/// hierarchy, and those that last longest are taken; no distance need be chosen.
///
/// The spanning tree of mutual reachability is found by Borůvka's method on a k-d tree. Rows that fall out before
/// their cluster does are noise. Clusters are numbered by their first rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `min_cluster_size` | 5 | >= 2 | the fewest rows of a cluster |
/// | `min_samples` | that of `min_cluster_size` | >= 1 | the nearest rows, itself included, that make a row dense |
/// | `selection` | excess of mass | | which clusters of the hierarchy count |
/// | `cluster_selection_epsilon` | 0 | >= 0 | clusters that part at less than this distance stay together (Malzer and Baum, 2020) |
/// | `max_cluster_size` | none | >= `min_cluster_size` | the most rows of a cluster that excess of mass chooses; larger ones are parted where they can be |
/// | `allow_single_cluster` | false | | whether all rows may be one cluster, of which the sparsest are noise |
/// | `metric` | euclidean | | how distances are measured |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Clustered, Estimator, Matrix, NoTarget};
/// use perennial_models::Hdbscan;
///
/// let x = Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64 * 50.0 + (i * i % 17) as f64 * 0.1);
/// let model = Hdbscan::new().min_cluster_size(8).fit(&Matrix::from(x), &NoTarget)?;
/// assert_eq!(model.clusters().n_clusters(), 2);
/// assert!(model.probabilities().iter().all(|share| (0.0..=1.0).contains(share)));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hdbscan {
    min_cluster_size: usize,
    min_samples: Option<usize>,
    selection: ClusterSelection,
    cluster_selection_epsilon: f64,
    max_cluster_size: Option<usize>,
    allow_single_cluster: bool,
    metric: Metric,
}

impl Default for Hdbscan {
    fn default() -> Self {
        Hdbscan {
            min_cluster_size: 5,
            min_samples: None,
            selection: ClusterSelection::ExcessOfMass,
            cluster_selection_epsilon: 0.0,
            max_cluster_size: None,
            allow_single_cluster: false,
            metric: Metric::Euclidean,
        }
    }
}

impl Hdbscan {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MIN_CLUSTER_SIZE, MIN_SAMPLES, EPSILON, MAX_CLUSTER_SIZE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the fewest rows of a cluster.
    #[must_use]
    pub fn min_cluster_size(mut self, min_cluster_size: usize) -> Self {
        self.min_cluster_size = min_cluster_size;
        self
    }

    /// Sets how many of the nearest rows, itself included, make a row dense.
    #[must_use]
    pub fn min_samples(mut self, min_samples: usize) -> Self {
        self.min_samples = Some(min_samples);
        self
    }

    /// Sets which clusters of the hierarchy count.
    #[must_use]
    pub fn selection(mut self, selection: ClusterSelection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets the distance below which clusters do not part.
    #[must_use]
    pub fn cluster_selection_epsilon(mut self, cluster_selection_epsilon: f64) -> Self {
        self.cluster_selection_epsilon = cluster_selection_epsilon;
        self
    }

    /// Sets the most rows of a cluster that excess of mass chooses.
    #[must_use]
    pub fn max_cluster_size(mut self, max_cluster_size: usize) -> Self {
        self.max_cluster_size = Some(max_cluster_size);
        self
    }

    /// Sets whether all rows may be one cluster.
    #[must_use]
    pub fn allow_single_cluster(mut self, allow_single_cluster: bool) -> Self {
        self.allow_single_cluster = allow_single_cluster;
        self
    }

    /// Sets how distances are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }
}

impl Estimator for Hdbscan {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = HdbscanModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<HdbscanModel> {
        MIN_CLUSTER_SIZE.check_count(self.min_cluster_size)?;
        let min_samples = self.min_samples.unwrap_or(self.min_cluster_size);
        MIN_SAMPLES.check_count(min_samples)?;
        EPSILON.check(self.cluster_selection_epsilon)?;
        if let Some(most) = self.max_cluster_size {
            MAX_CLUSTER_SIZE.check_count(most)?;
            if most < self.min_cluster_size {
                let least = format!("at least `min_cluster_size`, which is {}", self.min_cluster_size);
                return Err(Error::invalid_param("max_cluster_size", most, least));
            }
        }
        let x = train.x.dense()?;
        if min_samples > x.nrows() {
            return Err(Error::insufficient_data(format!(
                "`min_samples` is {min_samples}, but there are only {} rows; lower it or `min_cluster_size`",
                x.nrows()
            )));
        }
        let index = Index::new_in(&train.ctx, x, self.metric, Search::Tree)?;
        let edges = index.reachability_tree(&train.ctx, x, min_samples)?;
        if edges.last().is_some_and(|edge| !edge.0.is_finite()) {
            return Err(Error::overflow(
                "distances between rows are beyond the range of f64; scale the columns",
            ));
        }
        let choice = Choice {
            least: self.min_cluster_size,
            most: self.max_cluster_size.unwrap_or(usize::MAX),
            leaves: self.selection == ClusterSelection::Leaf,
            epsilon: self.cluster_selection_epsilon,
            single: self.allow_single_cluster,
        };
        let chosen = choose(x.nrows(), &edges, &choice);
        Ok(HdbscanModel {
            features: train.x.features().clone(),
            clusters: Clusters::of(chosen.labels, chosen.n_clusters)?,
            probabilities: chosen.probabilities,
        })
    }
}

/// The clusters of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct HdbscanModel {
    features: Features,
    clusters: Clusters,
    probabilities: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    clusters: Clusters,
    probabilities: Vec<f64>,
}

impl TryFrom<Parts> for HdbscanModel {
    type Error = Error;

    fn try_from(Parts { features, clusters, probabilities }: Parts) -> Result<Self> {
        let sound = probabilities.iter().all(|share| (0.0..=1.0).contains(share));
        if !sound || probabilities.len() != clusters.labels().len() {
            return Err(Error::corrupt("the shares of the rows in their clusters are damaged"));
        }
        Ok(HdbscanModel { features, clusters, probabilities })
    }
}

impl HdbscanModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// How firmly each training row belongs to its cluster, from 0 for noise to 1 for the densest rows.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }
}

impl Clustered for HdbscanModel {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }
}
