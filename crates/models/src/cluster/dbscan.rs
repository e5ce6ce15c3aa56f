//! Clusters of density.

use perennial_core::{
    Capabilities, Clustered, Clusters, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

const EPS: Param = Param::real("eps", "how near two rows must be to be neighbours").above(0.0);
const MIN_SAMPLES: Param =
    Param::real("min_samples", "how much the neighbours of a core row weigh, itself included").above(0.0);
/// DBSCAN (Ester, Kriegel, Sander and Xu, 1996): rows with many neighbours are core rows, core rows that are
/// neighbours are of one cluster, and rows that are neighbours of a core row belong to its cluster; others are
/// noise.
///
/// Clusters are numbered by their first core row. A row that could belong to several belongs to the first, so
/// the answer does not depend on how the rows are walked. Weights count: a row of weight 2 is two equal rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `eps` | 0.5 | > 0 | how near two rows must be to be neighbours |
/// | `min_samples` | 5 | > 0 | how much the neighbours of a core row weigh, itself included |
/// | `metric` | euclidean | | how distances are measured |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Clustered, Estimator, Matrix, NoTarget};
/// use perennial_models::Dbscan;
///
/// let x = Matrix::from(array![[0.0], [0.1], [0.2], [5.0], [9.0], [9.1], [9.2]]);
/// let model = Dbscan::new().eps(0.15).min_samples(2.0).fit(&x, &NoTarget)?;
/// assert_eq!(model.clusters().labels(), [0, 0, 0, -1, 1, 1, 1]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dbscan {
    eps: f64,
    min_samples: f64,
    metric: Metric,
}

impl Default for Dbscan {
    fn default() -> Self {
        Dbscan { eps: 0.5, min_samples: 5.0, metric: Metric::Euclidean }
    }
}

impl Dbscan {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[EPS, MIN_SAMPLES];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how near two rows must be to be neighbours.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Sets how much the neighbours of a core row weigh, itself included.
    #[must_use]
    pub fn min_samples(mut self, min_samples: f64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// Sets how distances are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }
}

impl Estimator for Dbscan {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = DbscanModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<DbscanModel> {
        EPS.check(self.eps)?;
        MIN_SAMPLES.check(self.min_samples)?;
        let x = train.x.dense()?;
        let index = Index::new_in(&train.ctx, x, self.metric, Search::Auto)?;
        let links = index.links(&train.ctx, x, self.eps, train.weights, self.min_samples)?;
        let mut labels = vec![-1; x.nrows()];
        let core: Vec<u32> = (0..x.nrows() as u32).filter(|&row| links.dense[row as usize]).collect();
        let mut n_clusters = 0;
        for &row in &core {
            // The first core row of a cluster stands for it.
            if links.lowest[row as usize] == row {
                labels[row as usize] = n_clusters;
                n_clusters += 1;
            }
        }
        for row in 0..x.nrows() {
            if let Some(&label) = labels.get(links.lowest[row] as usize) {
                labels[row] = label;
            }
        }
        Ok(DbscanModel {
            features: train.x.features().clone(),
            clusters: Clusters::of(labels, n_clusters as u32)?,
            core,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The clusters of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DbscanModel {
    features: Features,
    clusters: Clusters,
    core: Vec<u32>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    clusters: Clusters,
    core: Vec<u32>,
}

impl TryFrom<Parts> for DbscanModel {
    type Error = Error;

    fn try_from(Parts { features, clusters, core }: Parts) -> Result<Self> {
        if core.iter().any(|&row| row as usize >= clusters.labels().len()) {
            return Err(Error::corrupt("the core rows of the clusters are damaged"));
        }
        Ok(DbscanModel { features, clusters, core })
    }
}

impl DbscanModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The numbers of the core rows, in rising order.
    pub fn core_rows(&self) -> &[u32] {
        &self.core
    }
}

impl Clustered for DbscanModel {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }
}
