//! The local outlier factor.

use perennial_core::{
    Classes, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::detector::{OutlierDetector, called, threshold};
use crate::neighbors::reference::Reference;
use crate::neighbors::{Metric, Search};

const N_NEIGHBORS: Param = Param::integer("n_neighbors", "the neighbours that a row is compared with")
    .at_least(1.0)
    .at_most(1e9)
    .search_log(5.0, 100.0);
const CONTAMINATION: Param =
    Param::real("contamination", "the share of the training rows that are outliers").above(0.0).at_most(0.5);
/// The factor above which a row is an outlier, where no share is given.
const ORDINARY: f64 = 1.5;
/// Keeps the density of equal rows finite, relative to the mean distance of neighbours.
const TOUCHING: f64 = 1e-10;

/// The local outlier factor (Breunig, Kriegel, Ng and Sander, 2000): how much thinner the rows lie around a row than
/// around its neighbours.
///
/// The factor is about 1 where a row lies as densely as its neighbours, and larger the more it stands apart. The
/// model scores any row beside its nearest training rows. Training rows are scored when it is fitted, without
/// themselves among their neighbours: see [`training_scores`](LocalOutlierFactorModel::training_scores).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 20 | >= 1 | the neighbours that a row is compared with; there must be more rows |
/// | `contamination` | none | above 0, to 0.5 | the share of the training rows that are outliers; without it a factor above 1.5 is one |
/// | `metric` | euclidean | | how distances are measured |
/// | `search` | auto | | how the rows are searched |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::LocalOutlierFactor;
///
/// let mut x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64);
/// x.row_mut(42).fill(60.0);
/// let x = Matrix::from(x);
/// let model = LocalOutlierFactor::new().n_neighbors(5).fit(&x, &NoTarget)?;
/// assert!(model.training_scores()[42] > 5.0);
/// assert_eq!(model.predict(&x)?.codes()[42], 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalOutlierFactor {
    n_neighbors: usize,
    contamination: Option<f64>,
    metric: Metric,
    search: Search,
}

impl Default for LocalOutlierFactor {
    fn default() -> Self {
        let (metric, search) = (Metric::Euclidean, Search::Auto);
        LocalOutlierFactor { n_neighbors: 20, contamination: None, metric, search }
    }
}

impl LocalOutlierFactor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS, CONTAMINATION];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the neighbours that a row is compared with.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// Sets the share of the training rows that are outliers.
    #[must_use]
    pub fn contamination(mut self, contamination: f64) -> Self {
        self.contamination = Some(contamination);
        self
    }

    /// Sets how distances are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Sets how the rows are searched; the answers are the same.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }
}

impl Estimator for LocalOutlierFactor {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = LocalOutlierFactorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<LocalOutlierFactorModel> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        self.contamination.map_or(Ok(()), |share| CONTAMINATION.check(share))?;
        let (k, n_rows) = (self.n_neighbors, train.x.n_rows());
        if k >= n_rows {
            return Err(Error::insufficient_data(format!(
                "`n_neighbors` is {k}, but there are only {n_rows} rows; there must be more rows than neighbours"
            )));
        }
        let reference = Reference::new(&train.ctx, train.x, self.metric, self.search)?;
        let found = reference.index().nearest_others(&train.ctx, reference.rows(), k)?;
        let (rows, mut distances) = found.into_parts();
        // In units of the mean distance of the last neighbours nothing overflows or vanishes.
        let last = |distances: &[f64]| distances.chunks_exact(k).map(|own| own[k - 1]).collect::<Vec<f64>>();
        let unit = last(&distances).iter().map(|reach| reach / n_rows as f64).sum::<f64>();
        let unit = if unit > 0.0 { unit } else { 1.0 };
        distances.iter_mut().for_each(|distance| *distance /= unit);
        let reach = last(&distances);
        let mut model = LocalOutlierFactorModel {
            reference,
            n_neighbors: k,
            unit,
            densities: Vec::new(),
            reach,
            scores: Vec::new(),
            threshold: ORDINARY,
        };
        model.densities = rows
            .chunks_exact(k)
            .zip(distances.chunks_exact(k))
            .map(|(rows, distances)| model.density(rows, distances))
            .collect();
        model.scores = rows
            .chunks_exact(k)
            .zip(&model.densities)
            .map(|(rows, density)| model.factor(rows, *density))
            .collect();
        if let Some(share) = self.contamination {
            let mut scores: Vec<(f64, f64)> = model.scores.iter().map(|&score| (score, 1.0)).collect();
            scores.sort_by(|a, b| b.0.total_cmp(&a.0));
            model.threshold = threshold(&scores, share, ORDINARY);
        }
        Ok(model)
    }
}

/// A fitted local outlier factor, which keeps the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LocalOutlierFactorModel {
    reference: Reference,
    n_neighbors: usize,
    unit: f64,
    /// How densely the rows lie around each training row, and how far its last neighbour is; in units.
    densities: Vec<f64>,
    reach: Vec<f64>,
    scores: Vec<f64>,
    threshold: f64,
}

#[derive(Deserialize)]
struct Parts {
    reference: Reference,
    n_neighbors: usize,
    unit: f64,
    densities: Vec<f64>,
    reach: Vec<f64>,
    scores: Vec<f64>,
    threshold: f64,
}

impl TryFrom<Parts> for LocalOutlierFactorModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { reference, n_neighbors, unit, densities, reach, scores, threshold } = parts;
        let n_rows = reference.rows().nrows();
        let sound = |numbers: &[f64]| {
            numbers.len() == n_rows && numbers.iter().all(|number| number.is_finite() && *number >= 0.0)
        };
        let fits =
            (1..n_rows).contains(&n_neighbors) && unit > 0.0 && unit.is_finite() && threshold.is_finite();
        if !fits || ![&densities, &reach, &scores].into_iter().all(|numbers| sound(numbers)) {
            return Err(Error::corrupt("the densities of the local outlier factor are damaged"));
        }
        Ok(LocalOutlierFactorModel { reference, n_neighbors, unit, densities, reach, scores, threshold })
    }
}

impl LocalOutlierFactorModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.reference.features()
    }

    /// The factor of each training row among the others.
    pub fn training_scores(&self) -> &[f64] {
        &self.scores
    }

    /// The inverse of the mean reach of the neighbours: no nearer than each is to its own last neighbour.
    fn density(&self, rows: &[u32], distances: &[f64]) -> f64 {
        let reached =
            rows.iter().zip(distances).map(|(&row, distance)| distance.max(self.reach[row as usize]));
        1.0 / (reached.sum::<f64>() / rows.len() as f64 + TOUCHING)
    }

    fn factor(&self, rows: &[u32], density: f64) -> f64 {
        rows.iter().map(|&row| self.densities[row as usize]).sum::<f64>() / rows.len() as f64 / density
    }
}

impl OutlierDetector for LocalOutlierFactorModel {
    fn score(&self, x: &Matrix) -> Result<Values> {
        let x = self.reference.features().align(x)?;
        x.check_finite(false)?;
        let k = self.n_neighbors;
        let (rows, mut distances) = self.reference.index().nearest(x.dense()?, k)?.into_parts();
        distances.iter_mut().for_each(|distance| *distance = (*distance / self.unit).min(1e200));
        let pairs = rows.chunks_exact(k).zip(distances.chunks_exact(k));
        Ok(pairs.map(|(rows, distances)| self.factor(rows, self.density(rows, distances))).collect())
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

impl Predictor for LocalOutlierFactorModel {
    type Input = Matrix;
    /// The classes `inlier` and `outlier`: whether the factor is above the threshold.
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        called(&self.score(x)?, self.threshold)
    }
}
