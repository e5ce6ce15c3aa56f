//! The class whose centroid is nearest.

use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, ArrayView1, Axis};
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use crate::classes::{check_names, class_totals, given_priors, some_prior, two_or_more};
use crate::rows::{power_of_two, tame};
use crate::setters::setters;

const SHRINK: Param =
    Param::real("shrink_threshold", "by how many deviations centroids move towards the mean of all rows")
        .at_least(0.0)
        .at_most(1e100)
        .search(0.0, 5.0);

/// What the centroids of classes are, and how far rows are from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CentroidMetric {
    /// Means, and the root of the sum of squared differences.
    #[default]
    Euclidean,
    /// Medians, and the sum of absolute differences.
    Manhattan,
}

/// How probable classes are beforehand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassPriors {
    /// All alike: the nearest centroid decides.
    #[default]
    Uniform,
    /// Their shares of the training rows.
    Empirical,
    /// These, in the order of the classes; classes without rows are left out.
    Given(Vec<f64>),
}

/// The class whose centroid is nearest (Rocchio, 1971), which may be a shrunken one (Tibshirani and others, 2002).
///
/// Distances depend on the units of the columns, so standardise them first. With priors that differ, columns are divided by
/// their deviations within the classes, and the class with the least `distance^2 - 2 ln(prior)` is the answer.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `metric` | `Euclidean` | `Euclidean`, `Manhattan` | means or medians, and how distances are measured |
/// | `shrink_threshold` | 0 | >= 0 | by how many deviations centroids move towards the mean of all rows, at most up to it |
/// | `priors` | `Uniform` | `Uniform`, `Empirical`, `Given` | how probable classes are beforehand |
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
pub struct NearestCentroid {
    metric: CentroidMetric,
    shrink_threshold: f64,
    priors: ClassPriors,
}

setters!(NearestCentroid {
    /// Sets whether centroids are means or medians, and how distances are measured.
    metric: CentroidMetric,
    /// Sets by how many deviations centroids move towards the mean of all rows.
    shrink_threshold: f64,
    /// Sets how probable classes are beforehand.
    priors: ClassPriors,
});

impl NearestCentroid {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[SHRINK];

    /// The priors of the classes that have rows, with the sum 1; none where all are alike.
    fn priors_of(&self, classes: &[u32], totals: &[f64], names: &[String]) -> Result<Option<Vec<f64>>> {
        let all = match &self.priors {
            ClassPriors::Uniform => return Ok(None),
            ClassPriors::Empirical => totals.to_vec(),
            ClassPriors::Given(given) => {
                given_priors(&Some(given.clone()), totals.len())?.unwrap_or_default()
            }
        };
        some_prior(&all, totals, names)?;
        let mut priors: Vec<f64> = classes.iter().map(|&code| all[code as usize]).collect();
        let sum: f64 = priors.iter().sum();
        priors.iter_mut().for_each(|prior| *prior /= sum);
        let even = 1.0 / priors.len() as f64;
        let alike = priors.iter().all(|prior| (prior - even).abs() <= 1e-9);
        Ok((!alike).then_some(priors))
    }
}

impl Estimator for NearestCentroid {
    type Input = Matrix;
    type Target = Classes;
    type Model = NearestCentroidModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<NearestCentroidModel> {
        SHRINK.check(self.shrink_threshold)?;
        let x = train.x.dense()?;
        let weights = tame(train.weights);
        let weights = weights.as_deref();
        let classes = two_or_more(train.y, weights)?;
        let totals = class_totals(train.y, weights);
        let priors = self.priors_of(&classes, &totals, train.y.names())?;
        let all = match self.metric {
            CentroidMetric::Euclidean => means(x, train.y, weights, &totals),
            CentroidMetric::Manhattan => medians(x, train.y, weights),
        };
        let rows: Vec<usize> = classes.iter().map(|&code| code as usize).collect();
        let mut centroids = all.select(Axis(0), &rows);
        let mut spreads = Vec::new();
        if self.shrink_threshold > 0.0 || priors.is_some() {
            // How many rows there are matters here, whatever the unit of the weights.
            let given = class_totals(train.y, train.weights);
            let kept: Vec<f64> = rows.iter().map(|&class| given[class]).collect();
            spreads = deviations(x, train.y, train.weights, &all, &kept)?;
            if self.shrink_threshold > 0.0 {
                shrink(&mut centroids, &kept, &spreads, self.shrink_threshold, &grand_mean(x, train.weights));
            }
        }
        Ok(NearestCentroidModel {
            features: train.x.features().clone(),
            metric: self.metric,
            centroids,
            spreads: if priors.is_some() { spreads } else { Vec::new() },
            priors: priors.unwrap_or_default(),
            classes,
            names: train.y.shared_names(),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

fn weight_of(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[row])
}

/// The means of all classes, 0 for those without rows.
fn means(x: &ArrayRef2<f64>, y: &Classes, weights: Option<&[f64]>, totals: &[f64]) -> Array2<f64> {
    let mut means = Array2::<f64>::zeros((y.n_classes(), x.ncols()));
    // Twice: the second mean takes out what the first one rounded.
    for _ in 0..2 {
        let mut drift = Array2::<f64>::zeros(means.dim());
        for (row, &code) in y.codes().iter().enumerate() {
            // Each is divided first: numbers near the limit of f64 must not add up to infinity.
            let share = weight_of(weights, row) / totals[code as usize];
            if share > 0.0 {
                let own = drift.row_mut(code as usize).into_iter().zip(means.row(code as usize));
                own.zip(x.row(row)).for_each(|((drift, mean), value)| *drift += share * (value - mean));
            }
        }
        // Numbers near the limit of f64 may lie further apart than it; their first mean stays.
        means.zip_mut_with(&drift, |mean, drift| *mean += if drift.is_finite() { *drift } else { 0.0 });
    }
    means
}

/// The medians of all classes, as of rows that are there as often as they weigh; 0 for those without rows.
fn medians(x: &ArrayRef2<f64>, y: &Classes, weights: Option<&[f64]>) -> Array2<f64> {
    let mut medians = Array2::zeros((y.n_classes(), x.ncols()));
    let mut of_class = vec![Vec::new(); y.n_classes()];
    for (row, &code) in y.codes().iter().enumerate().filter(|(row, _)| weight_of(weights, *row) > 0.0) {
        of_class[code as usize].push(row);
    }
    for (class, rows) in of_class.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        let half = 0.5 * rows.iter().map(|&row| weight_of(weights, row)).sum::<f64>();
        for column in 0..x.ncols() {
            rows.sort_by(|&a, &b| x[[a, column]].total_cmp(&x[[b, column]]));
            let mut below = 0.0;
            let place = rows.iter().position(|&row| {
                below += weight_of(weights, row);
                below >= half * (1.0 - 1e-12)
            });
            let place = place.unwrap_or(rows.len() - 1);
            let (value, next) =
                (x[[rows[place], column]], x[[rows[(place + 1).min(rows.len() - 1)], column]]);
            let between = below <= half * (1.0 + 1e-12);
            medians[[class, column]] = if between { f64::midpoint(value, next) } else { value };
        }
    }
    medians
}

/// Rows that miss their centroid by less than this share of the largest number of a column do not deviate.
const CONSTANT: f64 = 1e-13;

/// The deviation of each column within the classes.
fn deviations(
    x: &ArrayRef2<f64>,
    y: &Classes,
    weights: Option<&[f64]>,
    centroids: &Array2<f64>,
    totals: &[f64],
) -> Result<Vec<f64>> {
    let free = totals.iter().sum::<f64>() - totals.len() as f64;
    if !(free > 0.0 && free.is_finite()) {
        return Err(Error::insufficient_data(format!(
            "rows of weight {} of {} classes leave nothing to tell deviations from; `shrink_threshold` and `priors` need more rows than classes",
            totals.iter().sum::<f64>(),
            totals.len()
        )));
    }
    let of_column = |column: usize| {
        let miss = |row: usize| x[[row, column]] - centroids[[y.codes()[row] as usize, column]];
        let counts = |row: &usize| weight_of(weights, *row) > 0.0;
        let largest = (0..x.nrows()).filter(counts).fold(0.0, |most, row| f64::max(most, miss(row).abs()));
        let size =
            (0..x.nrows()).filter(counts).fold(0.0, |most, row| f64::max(most, x[[row, column]].abs()));
        // What rounding left of a constant is no deviation: divided by it, the column would drown the others.
        if largest <= CONSTANT * size {
            return 0.0;
        }
        let unit = power_of_two(largest);
        let sum: f64 = (0..x.nrows())
            .filter(counts)
            .map(|row| weight_of(weights, row) / free * (miss(row) / unit).powi(2))
            .sum();
        sum.sqrt() * unit
    };
    let found: Vec<f64> = (0..x.ncols()).map(of_column).collect();
    match found.iter().all(|deviation| deviation.is_finite()) {
        true => Ok(found),
        false => Err(Error::overflow("the deviation of a column leaves the range of f64; scale the columns")),
    }
}

fn grand_mean(x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Vec<f64> {
    let total: f64 = (0..x.nrows()).map(|row| weight_of(weights, row)).sum();
    let mean = |column: usize| {
        let part = |row: usize| weight_of(weights, row) / total * x[[row, column]];
        (0..x.nrows()).filter(|&row| weight_of(weights, row) > 0.0).map(part).sum()
    };
    (0..x.ncols()).map(mean).collect()
}

/// Moves centroids towards the mean of all rows by so many of their deviations.
fn shrink(centroids: &mut Array2<f64>, totals: &[f64], spreads: &[f64], threshold: f64, mean: &[f64]) {
    let mut sorted = spreads.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    // Keeps columns that hardly vary from deciding.
    let median = if n == 0 { 0.0 } else { f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]) };
    let total: f64 = totals.iter().sum();
    for (mut row, own) in centroids.rows_mut().into_iter().zip(totals) {
        let error = (1.0 / own - 1.0 / total).max(0.0).sqrt();
        for ((value, spread), mean) in row.iter_mut().zip(spreads).zip(mean) {
            let gap = *value - mean;
            let kept = gap.abs() - threshold * (error * (spread + median));
            *value = mean + kept.max(0.0).copysign(gap);
        }
    }
}

/// The centroids of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NearestCentroidModel {
    features: Features,
    metric: CentroidMetric,
    centroids: Array2<f64>,
    /// Deviations of the columns within the classes, and priors of the classes; empty where all classes are alike.
    spreads: Vec<f64>,
    priors: Vec<f64>,
    classes: Vec<u32>,
    names: Arc<[String]>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    metric: CentroidMetric,
    centroids: Array2<f64>,
    /// Deviations of the columns within the classes, and priors of the classes; empty where all classes are alike.
    spreads: Vec<f64>,
    priors: Vec<f64>,
    classes: Vec<u32>,
    names: Arc<[String]>,
}

impl TryFrom<Parts> for NearestCentroidModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, metric, centroids, spreads, priors, classes, names } = parts;
        check_names(&names)?;
        let fits = centroids.dim() == (classes.len(), features.len()) && !centroids.is_empty();
        let known = classes.iter().all(|&code| (code as usize) < names.len());
        let weighed = match priors.is_empty() {
            true => spreads.is_empty(),
            false => spreads.len() == features.len() && priors.len() == classes.len(),
        };
        let shares = priors.iter().all(|prior| (0.0..=1.0).contains(prior))
            && spreads.iter().all(|spread| spread.is_finite() && *spread >= 0.0);
        if !fits || !known || !weighed || !shares || !centroids.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("the centroids are damaged"));
        }
        Ok(NearestCentroidModel { features, metric, centroids, spreads, priors, classes, names })
    }
}

impl NearestCentroidModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The centroids of the classes that have rows, in the order of [`classes`](NearestCentroidModel::classes).
    pub fn centroids(&self) -> &ArrayRef2<f64> {
        &self.centroids
    }

    /// The place of the class with the least `distance^2 - 2 ln(prior)`, in deviations; the first of equals.
    fn best(&self, row: &ArrayView1<'_, f64>) -> u32 {
        let unit = |column: usize| if self.spreads[column] > 0.0 { self.spreads[column] } else { 1.0 };
        let gap =
            |class: usize, column: usize| (row[column] - self.centroids[[class, column]]) / unit(column);
        let (n_classes, width) = self.centroids.dim();
        let largest = (0..n_classes)
            .flat_map(|class| (0..width).map(move |column| (class, column)))
            .fold(1.0, |most, (class, column)| f64::max(most, gap(class, column).abs()));
        let score = |class: usize| {
            let gaps = (0..width).map(|column| gap(class, column) / largest);
            let squared: f64 = match self.metric {
                CentroidMetric::Euclidean => gaps.map(|gap| gap * gap).sum(),
                CentroidMetric::Manhattan => gaps.map(f64::abs).sum::<f64>().powi(2),
            };
            squared - 2.0 * self.priors[class].ln() / largest / largest
        };
        (1..n_classes)
            .fold((0, score(0)), |best, class| {
                let own = score(class);
                if own < best.1 { (class, own) } else { best }
            })
            .0 as u32
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
        let x = x.dense()?;
        let nearest = match self.priors.is_empty() {
            true => {
                let metric = match self.metric {
                    CentroidMetric::Euclidean => Metric::Euclidean,
                    CentroidMetric::Manhattan => Metric::Manhattan,
                };
                Index::new(&self.centroids, metric, Search::Brute)?.nearest(x, 1)?.rows().to_vec()
            }
            false => x.rows().into_iter().map(|row| self.best(&row)).collect(),
        };
        Classes::new(nearest.iter().map(|&row| self.classes[row as usize]).collect(), self.names.clone())
    }
}
