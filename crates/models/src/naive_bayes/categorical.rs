//! Naive Bayes of categories.

use std::sync::Arc;

use ndarray::ArrayRef2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, PartialFit, Predictor,
    Probabilities, Result, Train,
};
use serde::{Deserialize, Serialize};

use crate::classes::{
    check_names, class_totals, given_priors, normalise_scores, probabilities, same_classes, some_prior,
};
use crate::rows::tame;

const ALPHA: Param = Param::real("alpha", "what is added to each count, so that none is 0")
    .at_least(1e-10)
    .search_log(1e-3, 10.0);
/// The most categories of a column.
const MOST: f64 = 1e6;

/// Naive Bayes of columns that hold categories as whole numbers from 0 on.
///
/// A category that no row of training had counts as one without rows. It goes on with [`PartialFit`]: batches give what all
/// rows at once would.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 1e-10 | what is added to the count of each category |
/// | `fit_prior` | true | | whether frequent classes are more probable beforehand |
/// | `priors` | as `fit_prior` says | >= 0, with sum 1 | how probable each class is beforehand, in the order of the classes |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::naive_bayes::CategoricalNaiveBayes;
///
/// let x = Matrix::from(array![[0.0, 2.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]);
/// let y = Classes::from_labels(["rain", "rain", "sun", "sun"]);
/// assert_eq!(CategoricalNaiveBayes::new().fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CategoricalNaiveBayes {
    alpha: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
}

impl Default for CategoricalNaiveBayes {
    fn default() -> Self {
        CategoricalNaiveBayes { alpha: 1.0, fit_prior: true, priors: None }
    }
}

impl CategoricalNaiveBayes {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is added to each count.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether frequent classes are more probable beforehand.
    #[must_use]
    pub fn fit_prior(mut self, fit_prior: bool) -> Self {
        self.fit_prior = fit_prior;
        self
    }

    /// Sets how probable each class is beforehand, in the order of the classes.
    #[must_use]
    pub fn priors(mut self, priors: impl Into<Vec<f64>>) -> Self {
        self.priors = Some(priors.into());
        self
    }
}

/// The counts that a [`CategoricalNaiveBayes`] learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct CategoricalNaiveBayesModel {
    features: Features,
    classes: Arc<[String]>,
    alpha: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
    class_totals: Vec<f64>,
    /// For each column, the sums of weights, categories x classes.
    counts: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    alpha: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
    class_totals: Vec<f64>,
    counts: Vec<Vec<f64>>,
}

impl TryFrom<Parts> for CategoricalNaiveBayesModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, alpha, fit_prior, priors, class_totals, counts } = parts;
        check_names(&classes)?;
        let count = |number: &f64| number.is_finite() && *number >= 0.0;
        let sound = counts.len() == features.len()
            && class_totals.len() == classes.len()
            && class_totals.iter().all(count)
            && counts.iter().all(|column| column.len() % classes.len() == 0 && column.iter().all(count))
            && priors.iter().all(|priors| {
                priors.len() == classes.len() && priors.iter().all(|prior| (0.0..=1.0).contains(prior))
            })
            && alpha > 0.0
            && alpha.is_finite();
        if !sound {
            return Err(Error::corrupt("the counts of the naive Bayes model do not hold together"));
        }
        Ok(CategoricalNaiveBayesModel { features, classes, alpha, fit_prior, priors, class_totals, counts })
    }
}

/// The category in a cell.
fn category(x: &ArrayRef2<f64>, features: &Features, row: usize, column: usize) -> Result<usize> {
    let value = x[[row, column]];
    if (0.0..MOST).contains(&value) && value.fract() == 0.0 {
        return Ok(value as usize);
    }
    Err(Error::malformed(format!(
        "row {row} has {value} in `{}`; this model takes categories as whole numbers from 0 to {}: encode or bin the column first",
        features.name(column),
        MOST - 1.0
    )))
}

impl Estimator for CategoricalNaiveBayes {
    type Input = Matrix;
    type Target = Classes;
    type Model = CategoricalNaiveBayesModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<CategoricalNaiveBayesModel> {
        self.count(train)?.checked()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl CategoricalNaiveBayes {
    fn count(&self, train: &Train<'_, Matrix, Classes>) -> Result<CategoricalNaiveBayesModel> {
        ALPHA.check(self.alpha)?;
        let priors = given_priors(&self.priors, train.y.n_classes())?;
        let (x, y, weights) = (train.x.dense()?, train.y, tame(train.weights));
        let n_classes = y.n_classes();
        let mut counts = Vec::with_capacity(x.ncols());
        for column in 0..x.ncols() {
            train.ctx.step(column, x.ncols())?;
            let mut sums: Vec<f64> = Vec::new();
            for (row, &code) in y.codes().iter().enumerate() {
                let weight = weights.as_ref().map_or(1.0, |weights| weights[row]);
                let place = category(x, train.x.features(), row, column)? * n_classes;
                if weight > 0.0 {
                    if sums.len() < place + n_classes {
                        sums.resize(place + n_classes, 0.0);
                    }
                    sums[place + code as usize] += weight;
                }
            }
            counts.push(sums);
        }
        Ok(CategoricalNaiveBayesModel {
            features: train.x.features().clone(),
            classes: y.shared_names(),
            alpha: self.alpha,
            fit_prior: self.fit_prior,
            priors,
            class_totals: class_totals(y, weights.as_deref()),
            counts,
        })
    }
}

impl PartialFit for CategoricalNaiveBayes {
    fn partial_fit_on(
        &self,
        model: CategoricalNaiveBayesModel,
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<CategoricalNaiveBayesModel> {
        same_classes(train.y, &model.classes)?;
        let x = model.features.align(train.x)?;
        let mut sum = self.count(&train.with_input(&x, None))?;
        for (counts, before) in sum.counts.iter_mut().zip(model.counts) {
            counts.resize(counts.len().max(before.len()), 0.0);
            counts.iter_mut().zip(before).for_each(|(count, before)| *count += before);
        }
        sum.class_totals.iter_mut().zip(model.class_totals).for_each(|(total, before)| *total += before);
        sum.checked()
    }
}

impl CategoricalNaiveBayesModel {
    /// The model, unless its priors leave no class that has rows.
    fn checked(self) -> Result<Self> {
        if let Some(priors) = &self.priors {
            some_prior(priors, &self.class_totals, &self.classes)?;
        }
        Ok(self)
    }

    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The sums of weights of each category of a column, categories x classes, row by row.
    pub fn counts(&self, column: usize) -> Option<&[f64]> {
        self.counts.get(column).map(Vec::as_slice)
    }

    fn log_priors(&self) -> Vec<f64> {
        let total: f64 = self.class_totals.iter().sum();
        let present = self.class_totals.iter().filter(|total| **total > 0.0).count() as f64;
        let prior = |(place, class): (usize, &f64)| match (*class > 0.0, &self.priors, self.fit_prior) {
            (false, ..) => f64::NEG_INFINITY,
            (true, Some(given), _) => given[place].ln(),
            (true, None, true) => (class / total).ln(),
            (true, None, false) => -present.ln(),
        };
        self.class_totals.iter().enumerate().map(prior).collect()
    }
}

impl Predictor for CategoricalNaiveBayesModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for CategoricalNaiveBayesModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let (priors, n_classes) = (self.log_priors(), self.classes.len());
        let mut scores = Vec::with_capacity(x.nrows() * n_classes);
        for row in 0..x.nrows() {
            let start = scores.len();
            scores.extend_from_slice(&priors);
            for (column, counts) in self.counts.iter().enumerate() {
                let place = category(x, &self.features, row, column)? * n_classes;
                let n_categories = (counts.len() / n_classes) as f64;
                for class in 0..n_classes {
                    let count = counts.get(place + class).copied().unwrap_or(0.0);
                    let all = self.class_totals[class] + self.alpha * n_categories;
                    scores[start + class] += ((count + self.alpha) / all).ln();
                }
            }
        }
        normalise_scores(&mut scores, n_classes);
        probabilities(scores, &self.classes)
    }
}
