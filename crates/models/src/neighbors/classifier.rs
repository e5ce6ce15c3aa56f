//! Classes by the vote of near rows.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, Rows, Train,
};
use serde::{Deserialize, Serialize};

use super::memory::{Memory, Reach, Weighting};
use super::reference::{N_NEIGHBORS, RADIUS, enough_rows, neighbor_builders};
use super::{Metric, Search};
use crate::classes::{check_names, probabilities};

/// The class that most of the nearest rows have (Fix and Hodges, 1951; Cover and Hart, 1967).
///
/// The nearest rows are found exactly, unless `search` is [`Search::Hnsw`]. Sparse rows stay sparse, for the euclidean and the
/// cosine distance. Distances depend on the units of the columns,
/// so standardise them first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 5 | >= 1 | how many rows vote |
/// | `weighting` | uniform | | whether nearer rows count more |
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::KNeighborsClassifier;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [8.0], [9.0]]);
/// let y = Classes::from_labels(["low", "low", "low", "high", "high"]);
/// let model = KNeighborsClassifier::new().n_neighbors(3).fit(&x, &y)?;
/// assert_eq!(model.predict(&Matrix::from(array![[7.0]]))?.labels().next(), Some("high"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KNeighborsClassifier {
    n_neighbors: usize,
    weighting: Weighting,
    metric: Metric,
    search: Search,
}

impl Default for KNeighborsClassifier {
    fn default() -> Self {
        let (weighting, metric, search) = (Weighting::Uniform, Metric::Euclidean, Search::Auto);
        KNeighborsClassifier { n_neighbors: 5, weighting, metric, search }
    }
}

impl KNeighborsClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS];

    neighbor_builders!();

    /// Sets how many rows vote.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }
}

impl Estimator for KNeighborsClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = NeighborsClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<NeighborsClassifierModel> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        enough_rows(self.n_neighbors, train.x.n_rows())?;
        Ok(NeighborsClassifierModel {
            memory: Memory::new(&train.ctx, train.x, self.metric, self.search)?,
            codes: train.y.codes().to_vec(),
            names: train.y.shared_names(),
            reach: Reach::Nearest(self.n_neighbors),
            weighting: self.weighting,
            outlier: None,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// The class that most of the rows within a radius have; where there are none, that of the nearest row, or a class that is given.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `radius` | 1 | >= 0 | how near the rows are that vote |
/// | `weighting` | uniform | | whether nearer rows count more |
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
/// | `outlier_label` | that of the nearest row | | the class of rows without rows within the radius |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::RadiusNeighborsClassifier;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [8.0], [9.0]]);
/// let y = Classes::from_labels(["low", "low", "low", "high", "high"]);
/// let model = RadiusNeighborsClassifier::new().radius(1.5).fit(&x, &y)?;
/// assert_eq!(model.predict(&Matrix::from(array![[7.0]]))?.labels().next(), Some("high"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadiusNeighborsClassifier {
    radius: f64,
    weighting: Weighting,
    metric: Metric,
    search: Search,
    outlier_label: Option<String>,
}

impl Default for RadiusNeighborsClassifier {
    fn default() -> Self {
        let (weighting, metric, search) = (Weighting::Uniform, Metric::Euclidean, Search::Auto);
        RadiusNeighborsClassifier { radius: 1.0, weighting, metric, search, outlier_label: None }
    }
}

impl RadiusNeighborsClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[RADIUS];

    neighbor_builders!();

    /// Sets how near the rows are that vote.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Sets the class of rows that have no row within the radius, with probability 1, in place of that of the nearest row. A class that the
    /// target does not have comes after those that it has. Votes, bags, stacks and one against one, which need members with the classes of
    /// the target alone, refuse a classifier with such a class.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
    /// use perennial_models::RadiusNeighborsClassifier;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [8.0]]);
    /// let y = Classes::from_labels(["low", "low", "high"]);
    /// let model = RadiusNeighborsClassifier::new().radius(1.5).outlier_label("unlike all").fit(&x, &y)?;
    /// let fresh = Matrix::from(array![[4.0], [7.0]]);
    /// assert_eq!(model.predict(&fresh)?.labels().collect::<Vec<_>>(), ["unlike all", "high"]);
    /// assert_eq!(model.predict_proba(&fresh)?.names(), ["high", "low", "unlike all"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn outlier_label(mut self, outlier_label: impl Into<String>) -> Self {
        self.outlier_label = Some(outlier_label.into());
        self
    }
}

impl Estimator for RadiusNeighborsClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = NeighborsClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<NeighborsClassifierModel> {
        RADIUS.check(self.radius)?;
        let mut names = train.y.shared_names();
        let outlier = self.outlier_label.as_ref().map(|label| {
            let known = names.iter().position(|name| name == label);
            known.unwrap_or_else(|| {
                names = names.iter().chain([label]).cloned().collect();
                names.len() - 1
            }) as u32
        });
        Ok(NeighborsClassifierModel {
            memory: Memory::new(&train.ctx, train.x, self.metric, self.search)?,
            codes: train.y.codes().to_vec(),
            names,
            reach: if outlier.is_some() { Reach::Within(self.radius) } else { Reach::Radius(self.radius) },
            weighting: self.weighting,
            outlier,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// A classifier by the vote of near rows, which keeps the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NeighborsClassifierModel {
    memory: Memory,
    codes: Vec<u32>,
    names: Arc<[String]>,
    reach: Reach,
    weighting: Weighting,
    /// The class of rows that no row is near enough to answer for.
    outlier: Option<u32>,
}

#[derive(Deserialize)]
struct Parts {
    memory: Memory,
    codes: Vec<u32>,
    names: Arc<[String]>,
    reach: Reach,
    weighting: Weighting,
    outlier: Option<u32>,
}

impl TryFrom<Parts> for NeighborsClassifierModel {
    type Error = Error;

    fn try_from(Parts { memory, codes, names, reach, weighting, outlier }: Parts) -> Result<Self> {
        check_names(&names)?;
        let known = |code: &u32| (*code as usize) < names.len();
        let answers = outlier.is_some() == matches!(reach, Reach::Within(_));
        if codes.len() != memory.n_rows() || !codes.iter().chain(&outlier).all(known) || !answers {
            return Err(Error::corrupt("the classes of the rows are damaged"));
        }
        Ok(NeighborsClassifierModel { memory, codes, names, reach, weighting, outlier })
    }
}

impl NeighborsClassifierModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.memory.features()
    }

    /// The class names; a code is a position in this list.
    pub fn class_names(&self) -> &[String] {
        &self.names
    }

    /// The way in which rows are searched.
    pub fn search(&self) -> Search {
        self.memory.search()
    }
}

impl Predictor for NeighborsClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for NeighborsClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let n_classes = self.names.len();
        let mut shares = vec![0.0; x.n_rows() * n_classes];
        let mut rows_out = shares.chunks_exact_mut(n_classes);
        self.memory.answer(x, self.reach, self.weighting, |rows, weights| {
            let Some(out) = rows_out.next() else { return };
            if let (Some(outlier), true) = (self.outlier, rows.is_empty()) {
                out[outlier as usize] = 1.0;
                return;
            }
            for (&row, weight) in rows.iter().zip(weights) {
                out[self.codes[row as usize] as usize] += weight;
            }
            let total: f64 = out.iter().sum();
            out.iter_mut().for_each(|share| *share = (*share / total).min(1.0));
        })?;
        probabilities(shares, &self.names)
    }
}
