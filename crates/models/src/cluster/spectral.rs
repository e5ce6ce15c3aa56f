//! Clusters of a graph of the rows.

use perennial_core::{
    Clustered, Clusters, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::laplacian::{Affinity, Graph};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::kmeans::{KMeans, N_CLUSTERS, N_INIT};
use super::steep::by_first_rows;

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many eigenvectors the rows are placed by").at_least(1.0).at_most(1e4);

/// Spectral clustering (Shi and Malik, 2000; von Luxburg, 2007): k-means on the places that the rows have by the eigenvectors
/// of the Laplacian of a graph that links rows that are alike.
///
/// It follows clusters of any form that the graph holds together. The graph of all pairs takes memory with the square of the
/// rows, so more than 14000 are refused; that of nearest neighbours is sparse. Columns should be standardised.
/// Clusters are numbered by their first rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 8 | 1 to 10^6 | the number of clusters |
/// | `affinity` | rbf, gamma 1 | | how alike two rows are |
/// | `n_components` | that of `n_clusters` | 1 to 10^4 | how many eigenvectors the rows are placed by |
/// | `n_init` | 10 | 1 to 1000 | how many starts of k-means are tried |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Clustered, Estimator, Matrix, NoTarget};
/// use perennial_models::SpectralClustering;
///
/// // A ring around a cloud.
/// let x = Array2::from_shape_fn((120, 2), |(i, j)| {
///     let (angle, radius) = (i as f64 * 0.7, if i % 2 == 0 { 0.2 } else { 2.0 });
///     radius * if j == 0 { angle.cos() } else { angle.sin() }
/// });
/// let model = SpectralClustering::new().n_clusters(2).seed(1).fit(&Matrix::from(x), &NoTarget)?;
/// assert!((0..120).all(|i| model.clusters().labels()[i] == i as i32 % 2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralClustering {
    n_clusters: usize,
    affinity: Affinity,
    n_components: Option<usize>,
    n_init: usize,
    seed: Option<u64>,
}

impl Default for SpectralClustering {
    fn default() -> Self {
        let affinity = Affinity::Rbf { gamma: 1.0 };
        SpectralClustering { n_clusters: 8, affinity, n_components: None, n_init: 10, seed: None }
    }
}

impl SpectralClustering {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_CLUSTERS, N_COMPONENTS, N_INIT];

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

    /// Sets how alike two rows are.
    #[must_use]
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.affinity = affinity;
        self
    }

    /// Sets how many eigenvectors the rows are placed by.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = Some(n_components);
        self
    }

    /// Sets how many starts of k-means are tried.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for SpectralClustering {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SpectralClusteringModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SpectralClusteringModel> {
        N_CLUSTERS.check_count(self.n_clusters)?;
        self.n_components.map_or(Ok(()), |n| N_COMPONENTS.check_count(n))?;
        N_INIT.check_count(self.n_init)?;
        let x = train.x.dense()?;
        let n_components = self.n_components.unwrap_or(self.n_clusters);
        if self.n_clusters.max(n_components) > x.nrows() {
            return Err(Error::insufficient_data(format!(
                "{} clusters by {n_components} eigenvectors of {} rows were asked for; there must be at least as many rows",
                self.n_clusters,
                x.nrows()
            )));
        }
        let graph = Graph::of_rows(&train.ctx, x, self.affinity)?;
        let random = Random::new(train.ctx.seed(self.seed));
        let map = graph.laplacian_map(&train.ctx, n_components, &mut random.stream("eigenvectors"))?;
        let places = Matrix::from(map.places);
        let seed = random.stream("kmeans").below(1 << 52) as u64;
        let kmeans = KMeans::new().n_clusters(self.n_clusters).n_init(self.n_init).seed(seed);
        let inner = Train::new(&places, &NoTarget).context(train.ctx.child("kmeans"));
        let labels = perennial_core::Predictor::predict(&kmeans.fit_on(&inner)?, &places)?.labels().to_vec();
        Ok(SpectralClusteringModel {
            features: train.x.features().clone(),
            clusters: by_first_rows(labels)?,
            eigenvalues: map.eigenvalues.to_vec(),
            converged: map.converged,
            gap: map.residual,
        })
    }
}

/// The clusters of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectralClusteringModel {
    features: Features,
    clusters: Clusters,
    eigenvalues: Vec<f64>,
    converged: bool,
    #[serde(default)]
    gap: f64,
}

impl SpectralClusteringModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The smallest eigenvalues of the normalised Laplacian, the smallest first. As many are 0 as the graph has parts, and a
    /// gap after the k-th speaks for k clusters.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// Whether the eigenvectors were found to nine digits or so.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How far the worst eigenvector still was from being one: the length of what the Laplacian makes of it beyond its multiple, where 1e-9 or
    /// so is the end of the search.
    pub fn gap(&self) -> f64 {
        self.gap
    }
}

impl Clustered for SpectralClusteringModel {
    fn clusters(&self) -> &Clusters {
        &self.clusters
    }
}
