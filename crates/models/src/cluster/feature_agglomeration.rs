//! Columns that are like each other, pooled.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Clustered, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer,
};
use perennial_numeric::neighbors::Metric;
use serde::{Deserialize, Serialize};

use super::agglomerative::{AgglomerativeClustering, Linkage};
use crate::setters::setters;

/// Columns that are like each other become one column, their mean: [`AgglomerativeClustering`] of the columns in the place of the
/// rows.
///
/// Columns are compared number by number, so they should have one unit: standardise them first. Row weights are not taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_clusters` | 2 | 1 to 10^6 | how many columns are made |
/// | `linkage` | ward | | how far apart two clusters of columns are |
/// | `metric` | euclidean | | how distances of columns are measured; Ward's linkage takes the Euclidean alone |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_models::cluster::FeatureAgglomeration;
///
/// let x = Matrix::from(array![[0.0, 5.0, 1.0], [2.0, 1.0, 2.0], [4.0, 3.0, 3.0]]);
/// let model = FeatureAgglomeration::new().n_clusters(2).fit(&x, &NoTarget)?;
/// assert_eq!(model.labels(), [0, 1, 0]);
/// let pooled = model.transform(&x)?;
/// assert_eq!(pooled.dense()?, array![[0.5, 5.0], [2.0, 1.0], [3.5, 3.0]]);
/// assert_eq!(model.inverse_transform(&pooled)?.dense()?.row(0), array![0.5, 5.0, 0.5]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureAgglomeration {
    n_clusters: usize,
    linkage: Linkage,
    metric: Metric,
}

impl Default for FeatureAgglomeration {
    fn default() -> Self {
        FeatureAgglomeration { n_clusters: 2, linkage: Linkage::Ward, metric: Metric::Euclidean }
    }
}

setters!(FeatureAgglomeration {
    /// Sets how many columns are made.
    n_clusters: usize,
    /// Sets how far apart two clusters of columns are.
    linkage: Linkage,
    /// Sets how distances of columns are measured.
    metric: Metric,
});

impl FeatureAgglomeration {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[super::kmeans::N_CLUSTERS];
}

impl Estimator for FeatureAgglomeration {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = FeatureAgglomerationModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<FeatureAgglomerationModel> {
        train.ctx.check()?;
        let x = train.x.dense()?;
        if x.ncols() == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        super::kmeans::N_CLUSTERS.check_count(self.n_clusters)?;
        if self.n_clusters > x.ncols() {
            return Err(Error::insufficient_data(format!(
                "{} clusters of {} columns were asked for; set `n_clusters` to at most the number of columns",
                self.n_clusters,
                x.ncols()
            )));
        }
        let turned = Matrix::from(x.t().to_owned());
        let groups = AgglomerativeClustering::new().n_clusters(self.n_clusters);
        let groups = groups.linkage(self.linkage).metric(self.metric);
        let found = groups.fit_on(&Train::new(&turned, &NoTarget).context(train.ctx.clone()))?;
        let labels = found.clusters().labels().iter().map(|&label| label as u32).collect();
        FeatureAgglomerationModel::new(train.x.features().clone(), labels)
    }
}

impl FitTransform for FeatureAgglomeration {}

/// Which columns are pooled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FeatureAgglomerationModel {
    features: Features,
    /// The new column of each column.
    labels: Vec<u32>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    labels: Vec<u32>,
}

impl TryFrom<Parts> for FeatureAgglomerationModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        FeatureAgglomerationModel::new(parts.features, parts.labels)
    }
}

impl FeatureAgglomerationModel {
    fn new(features: Features, labels: Vec<u32>) -> Result<Self> {
        // Clusters are numbered by their first columns, so each label is at most one more than those before it.
        let mut next = 0;
        for &label in &labels {
            if label > next {
                return Err(Error::corrupt("the clusters of columns are not numbered in their order"));
            }
            next += u32::from(label == next);
        }
        if labels.len() != features.len() || labels.is_empty() {
            return Err(Error::corrupt("the clusters are not those of the columns"));
        }
        Ok(FeatureAgglomerationModel { features, labels })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The cluster of each column, from 0 on in the order of their first columns.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// How many columns are made.
    pub fn n_clusters(&self) -> usize {
        self.labels.iter().max().map_or(0, |most| *most as usize + 1)
    }

    /// The columns of each cluster.
    fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.n_clusters()];
        self.labels.iter().enumerate().for_each(|(column, &label)| members[label as usize].push(column));
        members
    }

    /// The names of the new columns: a column alone stays what it is, and pooled ones have names that no column has.
    fn names(&self, members: &[Vec<usize>]) -> Vec<String> {
        let taken: BTreeSet<&str> = self.features.names().collect();
        let name = |(cluster, columns): (usize, &Vec<usize>)| match columns[..] {
            [column] => self.features.name(column).to_owned(),
            _ => {
                let mut name = format!("cluster{cluster}");
                while taken.contains(name.as_str()) {
                    name.push('_');
                }
                name
            }
        };
        members.iter().enumerate().map(name).collect()
    }

    /// Columns in the place of pooled ones: each has the numbers of its cluster.
    ///
    /// # Errors
    /// When there are not as many columns as clusters, or a value is not finite.
    pub fn inverse_transform(&self, pooled: &Matrix) -> Result<Matrix> {
        let cells: &ArrayRef2<f64> = pooled.dense()?;
        if cells.ncols() != self.n_clusters() {
            return Err(Error::malformed(format!(
                "{} columns cannot be taken back to {}: there were {} clusters of them",
                cells.ncols(),
                self.labels.len(),
                self.n_clusters()
            )));
        }
        pooled.check_finite(false)?;
        let cell = |(row, column): (usize, usize)| cells[[row, self.labels[column] as usize]];
        let wide = Array2::from_shape_fn((cells.nrows(), self.labels.len()), cell);
        Matrix::from(wide).with_features(self.features.clone())
    }
}

/// The mean, which is in the range where the numbers are.
fn mean(values: impl Iterator<Item = f64> + Clone, size: f64) -> f64 {
    let sum: f64 = values.clone().sum();
    if sum.is_finite() { sum / size } else { values.map(|value| value / size).sum() }
}

impl Transformer for FeatureAgglomerationModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let (cells, members) = (x.dense()?, self.members());
        let cell = |(row, cluster): (usize, usize)| {
            let columns = &members[cluster];
            mean(columns.iter().map(|&column| cells[[row, column]]), columns.len() as f64)
        };
        let pooled = Array2::from_shape_fn((cells.nrows(), members.len()), cell);
        Matrix::from(pooled).with_names(self.names(&members))
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(self.members())
    }

    fn decided(&self) -> Vec<Decided> {
        let members = self.members();
        let names = self.names(&members);
        let pooled = members.iter().zip(&names).filter(|(columns, _)| columns.len() > 1);
        let one = |(columns, name): (&Vec<usize>, &String)| {
            let own: Vec<&str> = columns.iter().map(|&column| self.features.name(column)).collect();
            let what = format!("`{name}` is their mean");
            Decided::by(self, what, "they are like each other").column(own.join(", "))
        };
        pooled.map(one).collect()
    }
}
