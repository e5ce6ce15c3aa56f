//! Maps by the eigenvectors of a graph of the rows.

use ndarray::{Array2, ArrayRef2, s};
use perennial_core::{Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::laplacian::{Affinity, Graph};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many columns the map has").at_least(1.0).at_most(10_000.0);

/// Laplacian eigenmaps (Belkin and Niyogi, 2003): places in which rows that are linked in a graph lie near each other.
///
/// The columns are the eigenvectors of the smallest eigenvalues of the normalised Laplacian but the first, which tells nothing,
/// divided by the roots of the degrees; the largest entry of each, before that, is positive. A graph that falls apart
/// is mapped too, but then the first columns tell only its parts, and as many eigenvalues are 0. There is no way to place new
/// rows: the model has an [`embedding`](SpectralEmbeddingModel::embedding), and is no transformer.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to 10000, below the number of rows | how many columns the map has |
/// | `affinity` | nearest neighbours, a tenth of the rows | | how alike two rows are |
/// | `seed` | that of the context | any | of where the search for eigenvectors begins |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_features::extraction::SpectralEmbedding;
///
/// // A curve: its ends are at the ends of the map.
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| if j == 0 { i as f64 } else { (i as f64 / 10.0).sin() }));
/// let model = SpectralEmbedding::new().n_components(1).fit(&x, &NoTarget)?;
/// let places = model.embedding().column(0);
/// assert!(places[0] * places[59] < 0.0 && places[0].abs() > places[29].abs());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralEmbedding {
    n_components: usize,
    affinity: Option<Affinity>,
    seed: Option<u64>,
}

impl Default for SpectralEmbedding {
    fn default() -> Self {
        SpectralEmbedding { n_components: 2, affinity: None, seed: None }
    }
}

impl SpectralEmbedding {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// A map of two columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many columns the map has.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How alike two rows are.
    #[must_use]
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.affinity = Some(affinity);
        self
    }

    /// The seed of where the search for eigenvectors begins.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for SpectralEmbedding {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SpectralEmbeddingModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SpectralEmbeddingModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        let x = train.x.dense()?;
        let n = x.nrows();
        if self.n_components >= n {
            return Err(Error::insufficient_data(format!(
                "a map of {} columns takes more than as many rows; there are {n}",
                self.n_components
            )));
        }
        let affinity = self.affinity.unwrap_or(Affinity::NearestNeighbors { n_neighbors: (n / 10).max(2) });
        let graph = Graph::of_rows(&train.ctx, x, affinity)?;
        let mut random = Random::new(train.ctx.seed(self.seed)).stream("eigenvectors");
        let map = graph.laplacian_map(&train.ctx, self.n_components + 1, &mut random)?;
        SpectralEmbeddingModel::try_from(Parts {
            features: train.x.features().clone(),
            embedding: map.places.slice(s![.., 1..]).to_owned(),
            eigenvalues: map.eigenvalues.to_vec(),
            converged: map.converged,
            gap: map.residual,
        })
    }
}

/// A fitted [`SpectralEmbedding`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SpectralEmbeddingModel {
    features: Features,
    embedding: Array2<f64>,
    eigenvalues: Vec<f64>,
    converged: bool,
    gap: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    embedding: Array2<f64>,
    eigenvalues: Vec<f64>,
    converged: bool,
    #[serde(default)]
    gap: f64,
}

impl TryFrom<Parts> for SpectralEmbeddingModel {
    type Error = Error;

    fn try_from(Parts { features, embedding, eigenvalues, converged, gap }: Parts) -> Result<Self> {
        let sizes = !embedding.is_empty() && eigenvalues.len() == embedding.ncols() + 1;
        if !sizes || !embedding.iter().chain(&eigenvalues).chain([&gap]).all(|value| value.is_finite()) {
            return Err(Error::corrupt("a map with sizes or numbers that cannot be"));
        }
        Ok(SpectralEmbeddingModel { features, embedding, eigenvalues, converged, gap })
    }
}

impl SpectralEmbeddingModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The place of each training row, rows x `n_components`.
    pub fn embedding(&self) -> &ArrayRef2<f64> {
        &self.embedding
    }

    /// The smallest eigenvalues of the normalised Laplacian, that of the first eigenvector, which is left out, included. As
    /// many are 0 as the graph has parts.
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
