//! Naive Bayes for numbers.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, ArrayView2};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, PartialFit, Predictor,
    Probabilities, Result, Train,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::classes::{
    check_names, class_totals, given_priors, normalise_scores, probabilities, same_classes, some_prior,
};
use crate::rows::{power_of_two, row_major, tame};

const VAR_SMOOTHING: Param =
    Param::real("var_smoothing", "the share of the largest variance that is added to all variances")
        .at_least(0.0)
        .search_log(1e-12, 1.0);
/// Rows of one task.
const BLOCK: usize = 2048;

/// Naive Bayes with a normal distribution for each class and feature (Duda and Hart, 1973).
///
/// Features are taken to be independent within a class, so probabilities tend to be too sure. Classes without rows have
/// probability 0. It goes on with [`PartialFit`]: batches give what all rows at once would, up to rounding.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `var_smoothing` | 1e-9 | >= 0 | the share of the largest variance of a feature that is added to all variances |
/// | `priors` | the shares of the classes | >= 0, with sum 1 | how probable each class is beforehand, in the order of the classes |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::GaussianNaiveBayes;
///
/// let x = Matrix::from(array![[1.0], [1.2], [0.8], [5.0], [5.5], [4.5]]);
/// let y = Classes::from_labels(["low", "low", "low", "high", "high", "high"]);
/// let model = GaussianNaiveBayes::new().fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert_eq!(model.means()[[0, 0]], 5.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNaiveBayes {
    var_smoothing: f64,
    priors: Option<Vec<f64>>,
}

impl Default for GaussianNaiveBayes {
    fn default() -> Self {
        GaussianNaiveBayes { var_smoothing: 1e-9, priors: None }
    }
}

impl GaussianNaiveBayes {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[VAR_SMOOTHING];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the largest variance that is added to all variances.
    #[must_use]
    pub fn var_smoothing(mut self, var_smoothing: f64) -> Self {
        self.var_smoothing = var_smoothing;
        self
    }

    /// Sets how probable each class is beforehand, in the order of the classes.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }
}

/// The normal distributions that a [`GaussianNaiveBayes`] learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GaussianNaiveBayesModel {
    features: Features,
    classes: Arc<[String]>,
    /// The share of each class; 0 for classes without rows.
    priors: Vec<f64>,
    moments: Moments,
    variances: Array2<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    priors: Vec<f64>,
    moments: Moments,
    variances: Array2<f64>,
}

impl TryFrom<Parts> for GaussianNaiveBayesModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, priors, moments, variances } = parts;
        check_names(&classes)?;
        let shape = (classes.len(), features.len());
        let sum: f64 = priors.iter().sum();
        let Moments { totals, means, variances: within } = &moments;
        let counts = |number: &f64| number.is_finite() && *number >= 0.0;
        let sound = means.dim() == shape
            && within.dim() == shape
            && within.iter().all(counts)
            && totals.len() == classes.len()
            && totals.iter().all(counts)
            && totals.iter().any(|total| *total > 0.0)
            && variances.dim() == shape
            && priors.len() == classes.len()
            && priors.iter().all(|prior| (0.0..=1.0).contains(prior))
            && (sum - 1.0).abs() <= 1e-9
            && means.iter().all(|mean| mean.is_finite())
            && variances.iter().all(|variance| *variance > 0.0 && variance.is_finite());
        if !sound {
            return Err(Error::corrupt("the means, variances and priors of the model do not hold together"));
        }
        Ok(GaussianNaiveBayesModel { features, classes, priors, moments, variances })
    }
}

impl GaussianNaiveBayesModel {
    /// The class names; their order is that of the rows of the means.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The share of each class.
    pub fn priors(&self) -> &[f64] {
        &self.priors
    }

    /// The means, classes x features; 0 for classes without rows.
    pub fn means(&self) -> ArrayView2<'_, f64> {
        self.moments.means.view()
    }

    /// The variances, smoothed, classes x features; 1 for classes without rows.
    pub fn variances(&self) -> ArrayView2<'_, f64> {
        self.variances.view()
    }

    /// The logarithms of prior times density of one row, up to a constant; negative infinity for classes
    /// without rows.
    fn scores(&self, row: &[f64], constants: &[f64], scores: &mut [f64]) {
        for (class, score) in scores.iter_mut().enumerate() {
            let (means, variances) = (self.moments.means.row(class), self.variances.row(class));
            let distance: f64 = row
                .iter()
                .zip(means)
                .zip(variances)
                .map(|((value, mean), variance)| ((value - mean) / variance.sqrt()).powi(2))
                .sum();
            *score = constants[class] - 0.5 * distance;
        }
    }
}

/// Sums over rows of each class and feature.
fn class_sums(
    x: &ArrayRef2<f64>,
    y: &Classes,
    weights: Option<&[f64]>,
    term: impl Fn(usize, usize, f64) -> f64 + Sync,
) -> Array2<f64> {
    let (numbers, width, n_classes) = (row_major(x), x.ncols(), y.n_classes());
    let part = |rows: Range<usize>| {
        let mut sums = vec![0.0; n_classes * width];
        for row in rows {
            let class = y.codes()[row] as usize;
            let weight = weights.map_or(1.0, |weights| weights[row]);
            if weight == 0.0 {
                continue;
            }
            let values = &numbers[row * width..(row + 1) * width];
            for (column, (sum, &value)) in sums[class * width..].iter_mut().zip(values).enumerate() {
                *sum += weight * term(class, column, value);
            }
        }
        sums
    };
    let add = |mut left: Vec<f64>, right: Vec<f64>| {
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        left
    };
    let sums = reduce::map_reduce(x.nrows(), BLOCK, part, add).unwrap_or_default();
    Array2::from_shape_vec((n_classes, width), sums).unwrap_or_else(|_| Array2::zeros((n_classes, width)))
}

/// What rows of each class add up to: enough to go on with further rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Moments {
    /// The sum of the weights of each class.
    totals: Vec<f64>,
    /// Classes x features; 0 for classes without rows.
    means: Array2<f64>,
    /// Classes x features, around the means of the classes.
    variances: Array2<f64>,
}

impl Moments {
    fn of(train: &Train<'_, Matrix, Classes>) -> Result<Moments> {
        let (x, y, tamed) = (train.x.dense()?, train.y, tame(train.weights));
        let weights = tamed.as_deref();
        let totals = class_totals(y, weights);
        let counts = |class: usize| if totals[class] > 0.0 { totals[class] } else { 1.0 };
        let divide = |mut sums: Array2<f64>| {
            sums.indexed_iter_mut().for_each(|((class, _), sum)| *sum /= counts(class));
            sums
        };
        // A unit for the whole input keeps sums and squares in range.
        let unit = power_of_two(x.iter().fold(0.0, |largest, value| f64::max(largest, value.abs())));
        let rough = divide(class_sums(x, y, weights, |_, _, value| value / unit));
        train.ctx.check()?;
        let drift =
            divide(class_sums(x, y, weights, |class, column, value| value / unit - rough[[class, column]]));
        let means = rough + drift;
        let within = divide(class_sums(x, y, weights, |class, column, value| {
            (value / unit - means[[class, column]]).powi(2)
        }));
        // Weights that were extreme count again as they were given, so that further rows weigh as they should.
        let given = class_totals(y, train.weights);
        let totals = if given.iter().all(|total| total.is_finite()) { given } else { totals };
        Ok(Moments { totals, means: means * unit, variances: within * unit * unit })
    }

    /// Those of the rows of both (Chan, Golub and LeVeque, 1983).
    fn and(mut self, other: &Moments) -> Moments {
        for (class, (total, more)) in self.totals.iter_mut().zip(&other.totals).enumerate() {
            let sum = *total + more;
            if *more == 0.0 || sum == 0.0 {
                continue;
            }
            let (before, share) = (*total / sum, more / sum);
            for column in 0..self.means.ncols() {
                let at = [class, column];
                let gap = other.means[at] - self.means[at];
                self.variances[at] =
                    before * self.variances[at] + share * other.variances[at] + before * gap * (share * gap);
                self.means[at] += share * gap;
            }
            *total = sum;
        }
        self
    }

    fn shares(&self) -> Vec<f64> {
        // Totals near the limit of f64 must not add up to infinity.
        let unit = power_of_two(self.totals.iter().copied().fold(0.0, f64::max));
        let total: f64 = self.totals.iter().map(|total| total / unit).sum();
        self.totals.iter().map(|own| own / unit / total).collect()
    }

    /// Priors of the classes that have rows.
    fn present(&self, mut priors: Vec<f64>) -> Vec<f64> {
        priors
            .iter_mut()
            .zip(&self.totals)
            .filter(|(_, total)| **total == 0.0)
            .for_each(|(prior, _)| *prior = 0.0);
        let sum: f64 = priors.iter().sum();
        priors.iter_mut().for_each(|prior| *prior /= sum);
        priors
    }

    /// The largest variance of a feature over all rows, in units of the square of `unit`: that within the classes and that
    /// between them.
    fn largest_variance(&self, unit: f64) -> f64 {
        let shares = self.shares();
        let whole = |column: usize| {
            let of = |class: usize| self.means[[class, column]] / unit;
            let mean: f64 = shares.iter().enumerate().map(|(class, share)| share * of(class)).sum();
            let around = |(class, share): (usize, &f64)| {
                share * (self.variances[[class, column]] / unit / unit + (of(class) - mean).powi(2))
            };
            shares.iter().enumerate().map(around).sum::<f64>()
        };
        (0..self.means.ncols()).map(whole).fold(0.0, f64::max)
    }
}

impl GaussianNaiveBayes {
    /// The distributions that follow from moments.
    fn finish(&self, moments: Moments, features: &Features, y: &Classes) -> Result<GaussianNaiveBayesModel> {
        let largest = moments.means.iter().fold(0.0, |most, mean| f64::max(most, mean.abs()));
        let largest = moments.variances.iter().fold(largest, |most, variance| most.max(variance.sqrt()));
        let unit = power_of_two(largest);
        let smoothing = self.var_smoothing * moments.largest_variance(unit) * unit * unit;
        let mut variances = &moments.variances + smoothing;
        for ((class, _), variance) in variances.indexed_iter_mut() {
            if moments.totals[class] == 0.0 {
                *variance = 1.0;
            }
        }
        if let Some(((class, column), variance)) =
            variances.indexed_iter().find(|(_, variance)| !(**variance > 0.0 && variance.is_finite()))
        {
            return Err(Error::singular(format!(
                "the variance of `{}` in class `{}` is {variance}, so it has no normal distribution; raise `var_smoothing`, scale the column, or drop it",
                features.name(column),
                y.names()[class]
            )));
        }
        let priors = match given_priors(&self.priors, y.n_classes())? {
            Some(given) => {
                some_prior(&given, &moments.totals, y.names())?;
                moments.present(given)
            }
            None => moments.shares(),
        };
        Ok(GaussianNaiveBayesModel {
            features: features.clone(),
            classes: y.shared_names(),
            priors,
            moments,
            variances,
        })
    }
}

impl PartialFit for GaussianNaiveBayes {
    fn partial_fit_on(
        &self,
        model: GaussianNaiveBayesModel,
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<GaussianNaiveBayesModel> {
        VAR_SMOOTHING.check(self.var_smoothing)?;
        same_classes(train.y, &model.classes)?;
        let x = model.features.align(train.x)?;
        let moments = model.moments.and(&Moments::of(&train.with_input(&x, None))?);
        self.finish(moments, &model.features, train.y)
    }
}

impl Estimator for GaussianNaiveBayes {
    type Input = Matrix;
    type Target = Classes;
    type Model = GaussianNaiveBayesModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<GaussianNaiveBayesModel> {
        VAR_SMOOTHING.check(self.var_smoothing)?;
        given_priors(&self.priors, train.y.n_classes())?;
        self.finish(Moments::of(train)?, train.x.features(), train.y)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Predictor for GaussianNaiveBayesModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for GaussianNaiveBayesModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let (numbers, width, n_classes) = (row_major(x), x.ncols(), self.classes.len());
        let constant = |class: usize| {
            self.priors[class].ln() - 0.5 * self.variances.row(class).iter().map(|v| v.ln()).sum::<f64>()
        };
        let constants: Vec<f64> = (0..n_classes).map(constant).collect();
        let mut shares = vec![0.0; x.nrows() * n_classes];
        reduce::fill_rows(&mut shares, n_classes, BLOCK, |first, shares| {
            for (index, shares) in shares.chunks_exact_mut(n_classes).enumerate() {
                let row = first + index;
                self.scores(&numbers[row * width..(row + 1) * width], &constants, shares);
            }
        });
        normalise_scores(&mut shares, n_classes);
        probabilities(shares, &self.classes)
    }
}
