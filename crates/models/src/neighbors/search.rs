//! Search for the nearest rows.

use perennial_core::{Context, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::neighbors::{Neighbors, Ranges};
use serde::{Deserialize, Serialize};

use super::reference::Reference;
use super::{Metric, Search};

/// Finds the nearest rows of a matrix.
///
/// The rows are found exactly, unless `search` is [`Search::Hnsw`]: by a k-d tree (Bentley, 1975) where it passes over most
/// rows, else by products in `f32` whose bounds decide which rows are measured in `f64`. Of rows at one distance
/// the lower numbers come first, whichever way is used.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::NearestNeighbors;
///
/// let x = Matrix::from(array![[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]]);
/// let model = NearestNeighbors::new().fit(&x, &NoTarget)?;
/// let found = model.nearest(&Matrix::from(array![[0.0, 0.0]]), 2)?;
/// assert_eq!((found.rows(), found.distances()), (&[0, 2][..], &[0.0, 1.0][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearestNeighbors {
    metric: Metric,
    search: Search,
}

impl NearestNeighbors {
    /// The numeric settings with their ranges: none.
    pub const PARAMS: &'static [Param] = &[];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how distances are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Sets how the rows are searched; the answers are the same but for [`Search::Hnsw`].
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }
}

impl Estimator for NearestNeighbors {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = NearestNeighborsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<NearestNeighborsModel> {
        Ok(NearestNeighborsModel {
            reference: Reference::new(&train.ctx, train.x, self.metric, self.search)?,
        })
    }
}

/// Rows whose nearest can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestNeighborsModel {
    reference: Reference,
}

impl NearestNeighborsModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.reference.features()
    }

    /// The way in which rows are searched.
    pub fn search(&self) -> Search {
        self.reference.index().search()
    }

    /// The `k` nearest training rows of each row, the nearest first.
    ///
    /// # Errors
    /// When there are fewer than `k` training rows, the columns are not those it learned from, or a value is not finite.
    pub fn nearest(&self, x: &Matrix, k: usize) -> Result<Neighbors> {
        let x = self.reference.features().align(x)?;
        x.check_finite(false)?;
        self.reference.index().nearest(x.dense()?, k)
    }

    /// The `k` nearest training rows of each training row, itself left out.
    ///
    /// # Errors
    /// When there are not more than `k` training rows.
    pub fn nearest_others(&self, k: usize) -> Result<Neighbors> {
        if k == 0 {
            return Err(Error::invalid_param("k", k, "a whole number >= 1"));
        }
        self.reference.index().nearest_others(&Context::new(), self.reference.rows(), k)
    }

    /// The training rows within `radius` of each row, in the order of their numbers.
    ///
    /// # Errors
    /// When `radius` is no number >= 0, the columns are not those it learned from, or a value is not finite.
    pub fn within(&self, x: &Matrix, radius: f64) -> Result<Ranges> {
        let x = self.reference.features().align(x)?;
        x.check_finite(false)?;
        self.reference.index().within(&Context::new(), x.dense()?, radius)
    }
}
