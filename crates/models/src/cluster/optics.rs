//! Clusters of density, from an ordering of the rows.

use ndarray::s;
use perennial_core::{
    Clustered, Clusters, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use super::steep::{self, Plot};

const MIN_SAMPLES: Param =
    Param::integer("min_samples", "the nearest rows, itself included, that make a row dense")
        .at_least(2.0)
        .at_most(1e9);
const MAX_EPS: Param = Param::real("max_eps", "beyond which distance rows are no neighbours").above(0.0);
const XI: Param =
    Param::real("xi", "how steep the border of a cluster is").above(0.0).at_most(0.999_999).search(0.01, 0.5);
const EPS: Param = Param::real("dbscan", "how near two rows must be to be of one cluster").above(0.0);
const MIN_CLUSTER_SIZE: Param =
    Param::integer("min_cluster_size", "the fewest rows of a cluster").at_least(2.0).at_most(1e9);
/// Rows between two looks at the context.
const LOOK: usize = 64;

/// How clusters are found in the ordering.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpticsMethod {
    /// Between steep falls and rises of the reachability: from one row to the next by a share of this, above 0 and below 1.
    Xi(f64),
    /// Those of DBSCAN at this distance, but for rows at the border; beyond `max_eps` nothing is reached.
    Dbscan(f64),
}

/// OPTICS (Ankerst, Breunig, Kriegel and Sander, 1999): the rows in an order in which those of a cluster follow each
/// other, and how near each is to those before it.
///
/// The ordering shows clusters of all densities, one within the other, and one ordering serves for many cuts. With
/// the steep borders (`Xi`), the smallest cluster that a row is in counts; the corrections of Schubert and Gertz (2018) are
/// made. Clusters are numbered by their first rows. Without `max_eps` every row looks at all others: time grows with the
/// square of the rows, memory as the rows do.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `min_samples` | 5 | >= 2 | the nearest rows, itself included, that make a row dense |
/// | `max_eps` | none | > 0 | beyond which distance rows are no neighbours; less is faster |
/// | `metric` | euclidean | | how distances are measured |
/// | `method` | `Xi(0.05)` | | how clusters are found in the ordering |
/// | `min_cluster_size` | that of `min_samples` | >= 2 | the fewest rows of a cluster with steep borders |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Clustered, Estimator, Matrix, NoTarget};
/// use perennial_models::Optics;
/// use perennial_models::cluster::OpticsMethod;
///
/// let x = Matrix::from(array![[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [90.0]]);
/// let model = Optics::new().min_samples(2).method(OpticsMethod::Dbscan(1.0)).fit(&x, &NoTarget)?;
/// assert_eq!(model.clusters().labels(), [0, 0, 0, 1, 1, 1, -1]);
/// assert_eq!(model.ordering(), [0, 1, 2, 3, 4, 5, 6]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optics {
    min_samples: usize,
    max_eps: Option<f64>,
    metric: Metric,
    method: OpticsMethod,
    min_cluster_size: Option<usize>,
}

impl Default for Optics {
    fn default() -> Self {
        Optics {
            min_samples: 5,
            max_eps: None,
            metric: Metric::Euclidean,
            method: OpticsMethod::Xi(0.05),
            min_cluster_size: None,
        }
    }
}

impl Optics {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MIN_SAMPLES, MAX_EPS, XI, EPS, MIN_CLUSTER_SIZE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many of the nearest rows, itself included, make a row dense.
    #[must_use]
    pub fn min_samples(mut self, min_samples: usize) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// Sets beyond which distance rows are no neighbours.
    #[must_use]
    pub fn max_eps(mut self, max_eps: f64) -> Self {
        self.max_eps = Some(max_eps);
        self
    }

    /// Sets how distances are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Sets how clusters are found in the ordering.
    #[must_use]
    pub fn method(mut self, method: OpticsMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets the fewest rows of a cluster with steep borders.
    #[must_use]
    pub fn min_cluster_size(mut self, min_cluster_size: usize) -> Self {
        self.min_cluster_size = Some(min_cluster_size);
        self
    }

    fn check(&self, n_rows: usize) -> Result<()> {
        MIN_SAMPLES.check_count(self.min_samples)?;
        self.max_eps.map_or(Ok(()), |eps| MAX_EPS.check(eps))?;
        self.min_cluster_size.map_or(Ok(()), |size| MIN_CLUSTER_SIZE.check_count(size))?;
        match self.method {
            OpticsMethod::Xi(xi) => XI.check(xi)?,
            OpticsMethod::Dbscan(eps) => EPS.check(eps)?,
        }
        if self.min_samples > n_rows {
            return Err(Error::insufficient_data(format!(
                "`min_samples` is {}, but there are only {n_rows} rows; lower it",
                self.min_samples
            )));
        }
        Ok(())
    }

    /// The ordering, and by row the reachability, the distance that makes it dense, and the row it was reached from.
    fn order(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Ordering> {
        let x = train.x.dense()?;
        let n_rows = x.nrows();
        let most = self.max_eps.unwrap_or(f64::INFINITY);
        let search = if self.max_eps.is_some() { Search::Auto } else { Search::Brute };
        let index = Index::new_in(&train.ctx, x, self.metric, Search::Auto)?;
        let near = index.nearest_in(&train.ctx, x, self.min_samples)?;
        let last = |near: &[f64]| near.last().copied().filter(|core| *core <= most).unwrap_or(f64::INFINITY);
        let core: Vec<f64> = near.distances().chunks_exact(self.min_samples).map(last).collect();
        let index =
            if index.search() == search { index } else { Index::new_in(&train.ctx, x, self.metric, search)? };
        let mut reach = vec![f64::INFINITY; n_rows];
        let mut before = vec![None; n_rows];
        let mut rest: Vec<u32> = (0..n_rows as u32).collect();
        let mut done = vec![false; n_rows];
        let mut rows = Vec::with_capacity(n_rows);
        while !rest.is_empty() {
            if rows.len().is_multiple_of(LOOK) {
                train.ctx.step(rows.len(), n_rows)?;
            }
            let mut next = 0;
            for place in 1..rest.len() {
                if reach[rest[place] as usize] < reach[rest[next] as usize] {
                    next = place;
                }
            }
            let row = rest.remove(next);
            let at = row as usize;
            done[at] = true;
            rows.push(row);
            if core[at].is_infinite() {
                continue;
            }
            let found = index.within(&train.ctx, &x.slice(s![at..=at, ..]), most)?;
            let (others, distances) = found.get(0);
            for (&other, distance) in others.iter().zip(distances) {
                let (other, length) = (other as usize, distance.max(core[at]));
                if !done[other] && length < reach[other] {
                    (reach[other], before[other]) = (length, Some(row));
                }
            }
        }
        Ok(Ordering { rows, reach, core, before })
    }
}

/// The rows in order; the rest by row, infinite where there is no such distance.
struct Ordering {
    rows: Vec<u32>,
    reach: Vec<f64>,
    core: Vec<f64>,
    before: Vec<Option<u32>>,
}

impl Estimator for Optics {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = OpticsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<OpticsModel> {
        self.check(train.x.dense()?.nrows())?;
        let Ordering { rows, reach, core, before } = self.order(train)?;
        let (mut labels, mut hierarchy) = (vec![-1; rows.len()], Vec::new());
        match self.method {
            OpticsMethod::Dbscan(eps) => {
                let mut n_clusters = 0;
                for &row in &rows {
                    let row = row as usize;
                    match (reach[row] > eps, core[row] <= eps) {
                        (true, true) => {
                            labels[row] = n_clusters;
                            n_clusters += 1;
                        }
                        (true, false) => {}
                        (false, _) => labels[row] = n_clusters - 1,
                    }
                }
            }
            OpticsMethod::Xi(xi) => {
                let size = self.min_cluster_size.unwrap_or(self.min_samples);
                let plot = Plot::new(&rows, &reach, &before, xi, self.min_samples, size);
                hierarchy = plot.clusters();
                let mut n_clusters = 0;
                // The smaller ones come first.
                for &(first, last) in &hierarchy {
                    let own = &rows[first as usize..=last as usize];
                    if own.iter().all(|&row| labels[row as usize] < 0) {
                        own.iter().for_each(|&row| labels[row as usize] = n_clusters);
                        n_clusters += 1;
                    }
                }
            }
        }
        let finite =
            |numbers: Vec<f64>| numbers.into_iter().map(|value| value.is_finite().then_some(value)).collect();
        Ok(OpticsModel {
            features: train.x.features().clone(),
            clusters: steep::by_first_rows(labels)?,
            ordering: rows,
            reachability: finite(reach),
            core_distances: finite(core),
            predecessors: before,
            hierarchy,
        })
    }
}

/// The clusters of the training rows, and the ordering they were found in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct OpticsModel {
    features: Features,
    clusters: Clusters,
    ordering: Vec<u32>,
    reachability: Vec<Option<f64>>,
    core_distances: Vec<Option<f64>>,
    predecessors: Vec<Option<u32>>,
    hierarchy: Vec<(u32, u32)>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    clusters: Clusters,
    ordering: Vec<u32>,
    reachability: Vec<Option<f64>>,
    core_distances: Vec<Option<f64>>,
    predecessors: Vec<Option<u32>>,
    hierarchy: Vec<(u32, u32)>,
}

impl TryFrom<Parts> for OpticsModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, clusters, ordering, reachability, core_distances, predecessors, hierarchy } =
            parts;
        let n = clusters.labels().len();
        let mut seen = vec![false; n];
        let once = |row: &u32| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        let mut distances = reachability.iter().chain(&core_distances).flatten();
        let sound = ordering.len() == n
            && ordering.iter().all(once)
            && [reachability.len(), core_distances.len(), predecessors.len()] == [n; 3]
            && distances.all(|distance| distance.is_finite() && *distance >= 0.0)
            && predecessors.iter().flatten().all(|&row| (row as usize) < n)
            && hierarchy.iter().all(|&(first, last)| first <= last && (last as usize) < n);
        if !sound {
            return Err(Error::corrupt("the ordering of the rows is damaged"));
        }
        Ok(OpticsModel {
            features,
            clusters,
            ordering,
            reachability,
            core_distances,
            predecessors,
            hierarchy,
        })
    }
}

impl OpticsModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The numbers of the rows in the order in which they were reached.
    pub fn ordering(&self) -> &[u32] {
        &self.ordering
    }

    /// By row, how near it is to the rows before it; none for a row that was not reached from another.
    pub fn reachability(&self) -> &[Option<f64>] {
        &self.reachability
    }

    /// By row, the distance at which it is dense; none where that is beyond `max_eps`.
    pub fn core_distances(&self) -> &[Option<f64>] {
        &self.core_distances
    }

    /// By row, the row it was reached from.
    pub fn predecessors(&self) -> &[Option<u32>] {
        &self.predecessors
    }

    /// All clusters with steep borders, each by its first and last place in the ordering; those within others come before
    /// them. Empty for the clusters of DBSCAN.
    pub fn hierarchy(&self) -> &[(u32, u32)] {
        &self.hierarchy
    }
}

impl Clustered for OpticsModel {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }
}
