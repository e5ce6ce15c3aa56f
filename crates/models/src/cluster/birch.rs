//! Clusters of a summary of the rows.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Clusters, Context, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, PartialFit,
    Predictor, Result, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use super::feature_tree::{Summary, Tree};
use super::kmeans::{check_centres, distances, place_rows};
use super::lloyd::Data;
use super::merges;
use super::spots::Spots;
use super::ward::ward;

const THRESHOLD: Param =
    Param::real("threshold", "the largest radius of a subcluster").at_least(0.0).search_log(0.01, 10.0);
const BRANCHING_FACTOR: Param =
    Param::integer("branching_factor", "the most subclusters of a node").at_least(2.0).at_most(1e6);
const N_CLUSTERS: Param = Param::integer("n_clusters", "how many clusters the subclusters are merged to")
    .at_least(1.0)
    .at_most(1e6);
/// Rows between two looks at the context.
const LOOK: usize = 1024;

/// BIRCH (Zhang, Ramakrishnan and Livny, 1996): one pass over the rows sums them up in subclusters of a small radius, kept
/// in a balanced tree; then the subclusters are merged.
///
/// What is kept of a subcluster is its count, its mean and the sum of squares around that (BETULA: Lang and Schubert,
/// 2020), so no digits are lost to cancellation. The subclusters are merged by Ward's linkage, each as heavy as it has
/// rows. Fewer clusters than asked for are found where there are fewer subclusters: lower the threshold. Which
/// subclusters there are depends on the order of the rows. [`PartialFit`] goes on with rows that come later, from
/// the subclusters.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `threshold` | 0.5 | >= 0 | the largest radius of a subcluster: the root of the mean squared distance from its mean |
/// | `branching_factor` | 50 | >= 2 | the most subclusters of a node |
/// | `n_clusters` | 3 | >= 1, or none | how many clusters the subclusters are merged to; none leaves them as they are |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::Birch;
///
/// let x = Matrix::from(array![[0.0], [0.2], [5.0], [5.1], [9.0], [9.2]]);
/// let model = Birch::new().fit(&x, &NoTarget)?;
/// assert_eq!(model.predict(&x)?.labels(), [0, 0, 1, 1, 2, 2]);
/// assert_eq!(model.subcluster_sizes(), [2.0, 2.0, 2.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Birch {
    threshold: f64,
    branching_factor: usize,
    n_clusters: Option<usize>,
}

impl Default for Birch {
    fn default() -> Self {
        Birch { threshold: 0.5, branching_factor: 50, n_clusters: Some(3) }
    }
}

impl Birch {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[THRESHOLD, BRANCHING_FACTOR, N_CLUSTERS];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest radius of a subcluster.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets the most subclusters of a node.
    #[must_use]
    pub fn branching_factor(mut self, branching_factor: usize) -> Self {
        self.branching_factor = branching_factor;
        self
    }

    /// Sets how many clusters the subclusters are merged to; `None` leaves them as they are.
    #[must_use]
    pub fn n_clusters(mut self, n_clusters: impl Into<Option<usize>>) -> Self {
        self.n_clusters = n_clusters.into();
        self
    }

    fn check(&self) -> Result<()> {
        THRESHOLD.check(self.threshold)?;
        BRANCHING_FACTOR.check_count(self.branching_factor)?;
        self.n_clusters.map_or(Ok(()), |n| N_CLUSTERS.check_count(n))
    }

    fn learn(&self, ctx: &Context, x: &Matrix, before: Vec<Summary>) -> Result<BirchModel> {
        let data = Data::new(&Train::new(x, &NoTarget))?;
        if data.unit > 1.0 {
            return Err(Error::overflow(
                "the squares of the numbers are beyond the range of f64; scale the columns",
            ));
        }
        let mut tree = Tree::new(data.width, self.threshold, self.branching_factor);
        before.into_iter().for_each(|summary| tree.insert(summary));
        for row in 0..data.n_rows() {
            if row.is_multiple_of(LOOK) {
                ctx.step(row, data.n_rows())?;
            }
            tree.insert(Summary::of_row(data.row(row).iter().map(|value| value * data.unit).collect()));
        }
        self.merge(ctx, x.features(), tree.into_leaves())
    }

    /// Merges the subclusters.
    fn merge(&self, ctx: &Context, features: &Features, leaves: Vec<Summary>) -> Result<BirchModel> {
        let (n, width) = (leaves.len(), features.len());
        let cells: Vec<f64> = leaves.iter().flat_map(|leaf| leaf.mean.iter().copied()).collect();
        let sizes: Vec<f64> = leaves.iter().map(|leaf| leaf.count).collect();
        let spreads: Vec<f64> = leaves.iter().map(|leaf| leaf.squares).collect();
        if !cells.iter().chain(&spreads).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "squared distances between the rows are beyond the range of f64; scale the columns",
            ));
        }
        let n_clusters = self.n_clusters.unwrap_or(n).min(n);
        let labels = if n_clusters == n {
            (0..n as i32).collect()
        } else {
            let merges = merges::tree(n, ward(ctx, &cells, width, Some(&sizes))?);
            merges::cut(n, &merges, n_clusters)?.labels().to_vec()
        };
        let centres = Array2::from_shape_vec((n, width), cells).map_err(Error::other)?;
        BirchModel::try_from(Parts { features: features.clone(), centres, sizes, spreads, labels })
    }
}

impl Estimator for Birch {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = BirchModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<BirchModel> {
        self.check()?;
        self.learn(&train.ctx, train.x, Vec::new())
    }
}

impl PartialFit for Birch {
    fn partial_fit_on(&self, model: BirchModel, train: &Train<'_, Matrix, NoTarget>) -> Result<BirchModel> {
        self.check()?;
        let x = model.features.align(train.x)?;
        self.learn(&train.ctx, &x, model.summaries())
    }
}

/// The subclusters, and the cluster of each; a row belongs to that of the nearest subcluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct BirchModel {
    features: Features,
    centres: Array2<f64>,
    sizes: Vec<f64>,
    spreads: Vec<f64>,
    labels: Vec<i32>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Array2<f64>,
    sizes: Vec<f64>,
    spreads: Vec<f64>,
    labels: Vec<i32>,
}

impl TryFrom<Parts> for BirchModel {
    type Error = Error;

    fn try_from(Parts { features, centres, sizes, spreads, labels }: Parts) -> Result<Self> {
        check_centres(&features, &centres)?;
        let n = centres.nrows();
        let sound = [sizes.len(), spreads.len(), labels.len()] == [n; 3]
            && sizes.iter().all(|size| size.is_finite() && *size >= 1.0)
            && spreads.iter().all(|spread| spread.is_finite() && *spread >= 0.0)
            && labels.iter().all(|&label| label >= 0 && (label as usize) < n);
        if !sound {
            return Err(Error::corrupt("the subclusters are damaged"));
        }
        Ok(BirchModel { features, centres, sizes, spreads, labels })
    }
}

impl BirchModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The means of the subclusters, subclusters x columns.
    pub fn subcluster_centres(&self) -> &ArrayRef2<f64> {
        &self.centres
    }

    /// How many rows each subcluster has.
    pub fn subcluster_sizes(&self) -> &[f64] {
        &self.sizes
    }

    /// The cluster of each subcluster.
    pub fn subcluster_labels(&self) -> &[i32] {
        &self.labels
    }

    /// How many clusters there are.
    pub fn n_clusters(&self) -> usize {
        self.labels.iter().copied().max().map_or(0, |most| most as usize + 1)
    }

    fn summaries(&self) -> Vec<Summary> {
        let parts = self.centres.rows().into_iter().zip(self.sizes.iter().zip(&self.spreads));
        parts.map(|(mean, (&count, &squares))| Summary { count, mean: mean.to_vec(), squares }).collect()
    }
}

impl FitTransform for Birch {}

impl Transformer for BirchModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The distance of each row from each subcluster, rows x subclusters.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        distances(&self.features, &self.centres, x)
    }
}

impl Predictor for BirchModel {
    type Input = Matrix;
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        let (_, nearest) = place_rows(&self.features, &self.centres, x)?;
        let labels = nearest.into_iter().map(|place| self.labels[place as usize]).collect();
        Clusters::of(labels, self.n_clusters() as u32)
    }
}
