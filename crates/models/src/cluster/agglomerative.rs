//! Clusters that grow together.

use ndarray::ArrayRef2;
use perennial_core::{
    Clustered, Clusters, Context, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use super::chains::chains;
use super::kmeans::N_CLUSTERS;
use super::linked::{self, Connectivity};
use super::lloyd::largest;
use super::merges::{self, Merge};
use super::ward::ward;
use crate::rows::{power_of_two, row_major};

const DISTANCE_THRESHOLD: Param =
    Param::real("distance_threshold", "the distance from which on clusters are not merged").at_least(0.0);
/// The most rows whose distances are all held: they take 4 GB.
const MOST_ROWS: usize = 32_768;

/// How far apart two clusters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linkage {
    /// By how much the sum of squares within clusters grows when they are merged (Ward, 1963): the root of twice that, which
    /// for two rows is their distance. Euclidean only.
    #[default]
    Ward,
    /// By the two rows that are farthest from each other.
    Complete,
    /// By the mean over all pairs of rows.
    Average,
    /// By the two rows that are nearest to each other.
    Single,
}

/// Agglomerative clustering: every row begins as a cluster of its own, and the two nearest clusters are merged again and
/// again.
///
/// Ward's linkage runs on the centroids and single linkage on the spanning tree (Borůvka's method on a k-d tree): both
/// take memory as the rows do. Complete and average linkage hold the distances of all pairs, so more than
/// 32768 rows (4 GB) are refused. All but single linkage follow chains of nearest neighbours (Murtagh, 1983), in
/// time that grows with the square of the rows. Clusters are numbered by their first rows.
///
/// With a `connectivity` only clusters that are linked in a graph of the rows are merged, nearest first by a heap, as in scikit-learn: for
/// complete and average linkage the distances along the links alone count. Where the graph falls into parts, each two of
/// them are linked by their nearest rows. Distances of later merges may then be less than those of earlier ones.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 2 | 1 to 10^6 | how many clusters are left |
/// | `distance_threshold` | none | >= 0 | the distance from which on clusters are not merged; if it is set, `n_clusters` is not used |
/// | `linkage` | ward | | how far apart two clusters are |
/// | `metric` | euclidean | | how distances of rows are measured; Ward's linkage takes the Euclidean alone |
/// | `connectivity` | all | all, so many neighbours, pairs | which clusters may be merged |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Clustered, Estimator, Matrix, NoTarget};
/// use perennial_models::AgglomerativeClustering;
/// use perennial_models::cluster::{Connectivity, Linkage};
///
/// let x = Matrix::from(array![[0.0], [1.0], [5.0], [7.0], [20.0]]);
/// let model = AgglomerativeClustering::new().n_clusters(3).fit(&x, &NoTarget)?;
/// assert_eq!(model.clusters().labels(), [0, 0, 1, 1, 2]);
///
/// // The whole tree is there: it can be cut elsewhere.
/// let model = AgglomerativeClustering::new().linkage(Linkage::Single).distance_threshold(3.0).fit(&x, &NoTarget)?;
/// assert_eq!(model.clusters().n_clusters(), 3);
/// assert_eq!(model.merges().iter().map(|merge| merge.distance).collect::<Vec<_>>(), [1.0, 2.0, 4.0, 13.0]);
/// assert_eq!(model.cut(2)?.labels(), [0, 0, 0, 0, 1]);
///
/// // Rows that follow each other.
/// let x = Matrix::from(array![[0.0], [9.0], [0.1], [0.2], [9.1]]);
/// let links = Connectivity::Pairs((0..4).map(|row| (row, row + 1)).collect());
/// let model = AgglomerativeClustering::new().n_clusters(4).connectivity(links).fit(&x, &NoTarget)?;
/// assert_eq!(model.clusters().labels(), [0, 1, 2, 2, 3]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgglomerativeClustering {
    n_clusters: usize,
    distance_threshold: Option<f64>,
    linkage: Linkage,
    metric: Metric,
    connectivity: Connectivity,
}

impl Default for AgglomerativeClustering {
    fn default() -> Self {
        let (linkage, metric, connectivity) = (Linkage::Ward, Metric::Euclidean, Connectivity::All);
        AgglomerativeClustering { n_clusters: 2, distance_threshold: None, linkage, metric, connectivity }
    }
}

impl AgglomerativeClustering {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_CLUSTERS, DISTANCE_THRESHOLD];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many clusters are left.
    #[must_use]
    pub fn n_clusters(mut self, n_clusters: usize) -> Self {
        self.n_clusters = n_clusters;
        self
    }

    /// Sets the distance from which on clusters are not merged; `n_clusters` is then not used.
    #[must_use]
    pub fn distance_threshold(mut self, distance_threshold: f64) -> Self {
        self.distance_threshold = Some(distance_threshold);
        self
    }

    /// Sets how far apart two clusters are.
    #[must_use]
    pub fn linkage(mut self, linkage: Linkage) -> Self {
        self.linkage = linkage;
        self
    }

    /// Sets how distances of rows are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Sets which clusters may be merged.
    #[must_use]
    pub fn connectivity(mut self, connectivity: Connectivity) -> Self {
        self.connectivity = connectivity;
        self
    }

    fn joints(&self, ctx: &Context, x: &ArrayRef2<f64>) -> Result<Vec<merges::Joint>> {
        match self.linkage {
            Linkage::Ward => on_centroids(ctx, x),
            Linkage::Single => {
                // With one neighbour, the row itself, reachability is the plain distance.
                Index::new_in(ctx, x, self.metric, Search::Tree)?.reachability_tree(ctx, x, 1)
            }
            _ if x.nrows() > MOST_ROWS => Err(Error::too_large(format!(
                "the distances of all pairs of {} rows would take {} GB; at most {MOST_ROWS} rows are taken: draw a sample, or use ward or single linkage",
                x.nrows(),
                x.nrows() / 2 * x.nrows() / 125_000_000
            ))),
            Linkage::Complete => chains(ctx, x, self.metric, |a, b| a.0.max(b.0)),
            Linkage::Average => {
                chains(ctx, x, self.metric, |a, b| a.0 * (a.1 / (a.1 + b.1)) + b.0 * (b.1 / (a.1 + b.1)))
            }
        }
    }
}

/// Ward's merges, in units in which squares neither overflow nor vanish.
fn on_centroids(ctx: &Context, x: &ArrayRef2<f64>) -> Result<Vec<merges::Joint>> {
    if x.ncols() == 0 {
        return Err(Error::empty("the matrix has no columns"));
    }
    let mut cells = row_major(x);
    let most = largest(&cells);
    let unit = if most == 0.0 || (1e-100..=1e100).contains(&most) { 1.0 } else { power_of_two(most) };
    if unit != 1.0 {
        cells.to_mut().iter_mut().for_each(|value| *value /= unit);
    }
    let mut joints = ward(ctx, &cells, x.ncols(), None)?;
    joints.iter_mut().for_each(|joint| joint.0 *= unit);
    Ok(joints)
}

impl Estimator for AgglomerativeClustering {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = AgglomerativeModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<AgglomerativeModel> {
        N_CLUSTERS.check_count(self.n_clusters)?;
        self.distance_threshold.map_or(Ok(()), |distance| DISTANCE_THRESHOLD.check(distance))?;
        let x = train.x.dense()?;
        let n_rows = x.nrows();
        if self.linkage == Linkage::Ward && !matches!(self.metric, Metric::Euclidean) {
            return Err(Error::unsupported(format!(
                "Ward's linkage measures squares around means, so it takes the euclidean metric alone, not {}; take another linkage",
                self.metric
            )));
        }
        if n_rows >= (u32::MAX / 2) as usize {
            return Err(Error::too_large(format!("{n_rows} rows; a tree takes at most {}", u32::MAX / 2)));
        }
        if self.distance_threshold.is_none() && self.n_clusters > n_rows {
            return Err(Error::insufficient_data(format!(
                "{} clusters of {n_rows} rows were asked for; there must be at least as many rows as clusters",
                self.n_clusters
            )));
        }
        let merges = match linked::links(&train.ctx, x, self.metric, &self.connectivity)? {
            None => merges::tree(n_rows, finite(self.joints(&train.ctx, x)?, |joint| joint.0)?),
            Some(links) if self.linkage == Linkage::Single => {
                merges::tree(n_rows, finite(linked::shortest(n_rows, links), |joint| joint.0)?)
            }
            Some(links) => finite(linked::grow(&train.ctx, x, self.linkage, links)?, |merge| merge.distance)?,
        };
        let n_clusters = self.distance_threshold.map_or(self.n_clusters, |least| n_left(&merges, least));
        let clusters = merges::cut(n_rows, &merges, n_clusters)?;
        Ok(AgglomerativeModel { features: train.x.features().clone(), clusters, merges })
    }
}

/// What was found, where all distances are in the range of `f64`.
fn finite<T>(found: Vec<T>, distance: impl Fn(&T) -> f64) -> Result<Vec<T>> {
    if found.iter().all(|found| distance(found).is_finite()) {
        return Ok(found);
    }
    Err(Error::overflow("distances between clusters are beyond the range of f64; scale the columns"))
}

/// How many clusters are left when those nearer than a distance are merged.
fn n_left(merges: &[Merge], distance: f64) -> usize {
    1 + merges.iter().filter(|merge| merge.distance >= distance).count()
}

/// The clusters of the training rows, and the tree of their merges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct AgglomerativeModel {
    features: Features,
    clusters: Clusters,
    merges: Vec<Merge>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    clusters: Clusters,
    merges: Vec<Merge>,
}

impl TryFrom<Parts> for AgglomerativeModel {
    type Error = Error;

    fn try_from(Parts { features, clusters, merges }: Parts) -> Result<Self> {
        merges::check(clusters.labels().len(), &merges)?;
        Ok(AgglomerativeModel { features, clusters, merges })
    }
}

impl AgglomerativeModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The merges of all rows up to one cluster, one fewer than rows; in the order of their distances, but where a
    /// `connectivity` is set.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The clusters when the tree is cut where so many are left, numbered by their first rows.
    ///
    /// # Errors
    /// When there are fewer rows, or no cluster is asked for.
    pub fn cut(&self, n_clusters: usize) -> Result<Clusters> {
        merges::cut(self.merges.len() + 1, &self.merges, n_clusters)
    }

    /// The clusters when none are merged that are at least so far apart.
    ///
    /// # Errors
    /// When `distance` is no number >= 0.
    pub fn cut_at(&self, distance: f64) -> Result<Clusters> {
        if !(distance >= 0.0) {
            return Err(Error::invalid_param("distance", distance, "a number >= 0"));
        }
        self.cut(n_left(&self.merges, distance))
    }
}

impl Clustered for AgglomerativeModel {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }
}
