//! The class whose centroid is nearest.

use std::sync::Arc;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use crate::classes::{check_names, two_or_more};
use crate::rows::tame;

/// The class whose mean is nearest (Rocchio, 1971).
///
/// It has no settings. Distances depend on the units of the columns, so standardise them first.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::NearestCentroid;
///
/// let x = Matrix::from(array![[0.0], [1.0], [8.0], [9.0]]);
/// let y = Classes::from_labels(["low", "low", "high", "high"]);
/// let model = NearestCentroid::new().fit(&x, &y)?;
/// assert_eq!(model.predict(&Matrix::from(array![[4.0]]))?.labels().next(), Some("low"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearestCentroid {}

impl NearestCentroid {
    /// The numeric settings with their ranges: none.
    pub const PARAMS: &'static [Param] = &[];

    /// The only settings.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Estimator for NearestCentroid {
    type Input = Matrix;
    type Target = Classes;
    type Model = NearestCentroidModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<NearestCentroidModel> {
        let x = train.x.dense()?;
        let weights = tame(train.weights);
        let classes = two_or_more(train.y, weights.as_deref())?;
        let mut totals = vec![0.0; train.y.n_classes()];
        for (row, &code) in train.y.codes().iter().enumerate() {
            totals[code as usize] += weights.as_ref().map_or(1.0, |weights| weights[row]);
        }
        let mut means = Array2::<f64>::zeros((train.y.n_classes(), x.ncols()));
        for (row, &code) in train.y.codes().iter().enumerate() {
            // Each is divided first: numbers near the limit of f64 must not add up to infinity.
            let share = weights.as_ref().map_or(1.0, |weights| weights[row]) / totals[code as usize];
            if share > 0.0 {
                means.row_mut(code as usize).scaled_add(share, &x.row(row));
            }
        }
        let rows: Vec<usize> = classes.iter().map(|&code| code as usize).collect();
        Ok(NearestCentroidModel {
            features: train.x.features().clone(),
            centroids: means.select(ndarray::Axis(0), &rows),
            classes,
            names: train.y.shared_names(),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The means of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NearestCentroidModel {
    features: Features,
    centroids: Array2<f64>,
    classes: Vec<u32>,
    names: Arc<[String]>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centroids: Array2<f64>,
    classes: Vec<u32>,
    names: Arc<[String]>,
}

impl TryFrom<Parts> for NearestCentroidModel {
    type Error = Error;

    fn try_from(Parts { features, centroids, classes, names }: Parts) -> Result<Self> {
        check_names(&names)?;
        let fits = centroids.dim() == (classes.len(), features.len()) && !centroids.is_empty();
        let known = classes.iter().all(|&code| (code as usize) < names.len());
        if !fits || !known || !centroids.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("the centroids are damaged"));
        }
        Ok(NearestCentroidModel { features, centroids, classes, names })
    }
}

impl NearestCentroidModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The means of the classes that have rows, in the order of [`classes`](NearestCentroidModel::classes).
    pub fn centroids(&self) -> &ArrayRef2<f64> {
        &self.centroids
    }

    /// The codes of the classes that have rows.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }
}

impl Predictor for NearestCentroidModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let index = Index::new(&self.centroids, Metric::Euclidean, Search::Brute)?;
        let nearest = index.nearest(x.dense()?, 1)?;
        Classes::new(
            nearest.rows().iter().map(|&row| self.classes[row as usize]).collect(),
            self.names.clone(),
        )
    }
}
