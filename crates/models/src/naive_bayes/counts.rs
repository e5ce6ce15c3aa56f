//! What naive Bayes of counts has learned: sums of each class and feature, and the scores that follow from them.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};
use perennial_core::{
    Classes, Classifier, Csr, Error, Features, Matrix, Predictor, Probabilities, Result, Train,
};
use perennial_numeric::linalg::matmul;
use perennial_numeric::{reduce, sparse};
use serde::{Deserialize, Serialize};

use crate::classes::{
    check_names, class_totals, given_priors, normalise_scores, probabilities, same_classes, some_prior,
};
use crate::rows::{row_major, tame};

/// Rows of one task.
const BLOCK: usize = 2048;

/// Whether frequent classes are more probable beforehand, and what is given instead.
pub(super) type Prior = (bool, Option<Vec<f64>>);

/// How scores follow from sums.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    /// Counts are drawn from the features of the class.
    Multinomial,
    /// A class is what the others are not.
    Complement {
        /// Whether the weights of a class are divided by their sum.
        norm: bool,
    },
    /// A feature is there, or is not.
    Bernoulli {
        /// Values above it count as there.
        threshold: f64,
    },
}

/// The model of [`MultinomialNaiveBayes`](super::MultinomialNaiveBayes),
/// [`ComplementNaiveBayes`](super::ComplementNaiveBayes) and [`BernoulliNaiveBayes`](super::BernoulliNaiveBayes).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct DiscreteNaiveBayesModel {
    parts: Parts,
    /// Features x classes.
    weights: Array2<f64>,
    constants: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    rule: Rule,
    alpha: f64,
    fit_prior: bool,
    priors: Option<Vec<f64>>,
    class_totals: Vec<f64>,
    /// Classes x features.
    sums: Array2<f64>,
}

impl From<DiscreteNaiveBayesModel> for Parts {
    fn from(model: DiscreteNaiveBayesModel) -> Self {
        model.parts
    }
}

impl TryFrom<Parts> for DiscreteNaiveBayesModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        check_names(&parts.classes)?;
        let shape = (parts.classes.len(), parts.features.len());
        let counts = |number: &f64| number.is_finite() && *number >= 0.0;
        let sound = parts.sums.dim() == shape
            && parts.class_totals.len() == parts.classes.len()
            && parts.class_totals.iter().all(counts)
            && parts.class_totals.iter().any(|total| *total > 0.0)
            && parts.sums.iter().all(counts)
            && parts.priors.iter().all(|priors| {
                priors.len() == parts.classes.len() && priors.iter().all(|prior| (0.0..=1.0).contains(prior))
            })
            && parts.alpha.is_finite()
            && parts.alpha > 0.0;
        if !sound {
            return Err(Error::corrupt("the counts of the naive Bayes model do not hold together"));
        }
        DiscreteNaiveBayesModel::new(parts)
    }
}

impl DiscreteNaiveBayesModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    pub(super) fn learn(
        rule: Rule,
        alpha: f64,
        (fit_prior, priors): Prior,
        train: &Train<'_, Matrix, Classes>,
        before: Option<Self>,
    ) -> Result<Self> {
        let priors = given_priors(&priors, train.y.n_classes())?;
        let weights = tame(train.weights);
        let weights = weights.as_deref();
        let (mut sums, mut totals) = (sums(train.x, train.y, weights, rule)?, class_totals(train.y, weights));
        train.ctx.check()?;
        if let Some(before) = before {
            if before.parts.rule != rule {
                return Err(Error::unsupported(
                    "the model was learned with other settings; go on with the settings that it was fitted with",
                ));
            }
            same_classes(train.y, &before.parts.classes)?;
            sums += &before.parts.sums;
            totals.iter_mut().zip(&before.parts.class_totals).for_each(|(total, old)| *total += old);
        }
        if let Some(priors) = &priors {
            some_prior(priors, &totals, train.y.names())?;
        }
        if !sums.iter().all(|sum| sum.is_finite()) {
            return Err(Error::overflow("the sums of the counts leave the range of f64; scale the input"));
        }
        DiscreteNaiveBayesModel::new(Parts {
            features: train.x.features().clone(),
            classes: train.y.shared_names(),
            rule,
            alpha,
            fit_prior,
            priors,
            class_totals: totals,
            sums,
        })
    }

    fn new(parts: Parts) -> Result<Self> {
        let (n_classes, width) = parts.sums.dim();
        let total: f64 = parts.class_totals.iter().sum();
        let present = parts.class_totals.iter().filter(|total| **total > 0.0).count() as f64;
        let given = |class: usize| parts.priors.as_ref().map(|priors| priors[class]);
        let prior = |class: usize| match (parts.class_totals[class] > 0.0, parts.fit_prior) {
            (false, _) => f64::NEG_INFINITY,
            (true, _) if given(class).is_some() => given(class).unwrap_or_default().ln(),
            (true, true) => (parts.class_totals[class] / total).ln(),
            (true, false) => -present.ln(),
        };
        let mut weights = Array2::zeros((width, n_classes));
        let mut constants: Vec<f64> = (0..n_classes).map(prior).collect();
        for class in 0..n_classes {
            let mut column = weights.column_mut(class);
            let sums = parts.sums.row(class);
            match parts.rule {
                Rule::Multinomial => {
                    let all = (sums.sum() + parts.alpha * width as f64).ln();
                    column.iter_mut().zip(sums).for_each(|(weight, sum)| {
                        *weight = (sum + parts.alpha).ln() - all;
                    });
                }
                Rule::Complement { norm } => {
                    let others = parts.sums.sum_axis(ndarray::Axis(0)) - sums;
                    let all = (others.sum() + parts.alpha * width as f64).ln();
                    column.iter_mut().zip(&others).for_each(|(weight, sum)| {
                        *weight = all - (sum + parts.alpha).ln();
                    });
                    if norm {
                        let size = column.sum();
                        column.mapv_inplace(|weight| if size > 0.0 { weight / size } else { 0.0 });
                    }
                    // The others are all that a class is judged by, unless there are none.
                    if constants[class].is_finite() && present > 1.0 {
                        constants[class] = 0.0;
                    }
                }
                Rule::Bernoulli { .. } => {
                    let rows = parts.class_totals[class] + 2.0 * parts.alpha;
                    for (weight, sum) in column.iter_mut().zip(sums) {
                        let there = (sum + parts.alpha) / rows;
                        let absent = ((parts.class_totals[class] - sum).max(0.0) + parts.alpha) / rows;
                        *weight = there.ln() - absent.ln();
                        constants[class] += absent.ln();
                    }
                }
            }
        }
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(Error::overflow(
                "the counts are so far apart that their shares leave the range of f64; raise `alpha` or scale the input",
            ));
        }
        Ok(DiscreteNaiveBayesModel { parts, weights, constants })
    }

    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.parts.classes
    }

    /// The sum of the weights of the rows of each class.
    pub fn class_counts(&self) -> &[f64] {
        &self.parts.class_totals
    }

    /// The sums of the features over the rows of each class, classes x features.
    pub fn feature_counts(&self) -> ArrayView2<'_, f64> {
        self.parts.sums.view()
    }

    /// What one unit of each feature adds to the score of each class, features x classes.
    pub fn feature_scores(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }
}

impl Predictor for DiscreteNaiveBayesModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for DiscreteNaiveBayesModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        let x = counted(&x, self.parts.rule)?;
        let products = match x.sparse() {
            Some(csr) => sparse::csr_matmul_dense(csr, &self.weights),
            None => matmul(x.dense()?, &self.weights),
        };
        let constants = Array1::from(self.constants.clone());
        let mut scores = (products + constants).into_raw_vec_and_offset().0;
        normalise_scores(&mut scores, self.constants.len());
        probabilities(scores, &self.parts.classes)
    }
}

/// The input as the rule counts it: 0 and 1 where features are there or not.
fn counted(x: &Matrix, rule: Rule) -> Result<Matrix> {
    let Rule::Bernoulli { threshold } = rule else {
        refuse_negative(x)?;
        return Ok(x.clone());
    };
    let one = |value: f64| f64::from(u8::from(value > threshold));
    match x.sparse() {
        Some(csr) if threshold >= 0.0 => {
            let values = csr.values().iter().map(|&value| one(value)).collect();
            let csr = Csr::new(csr.n_cols(), csr.indptr().to_vec(), csr.indices().to_vec(), values)?;
            Matrix::from(csr).with_features(x.features().clone())
        }
        _ => Matrix::from(x.to_dense()?.dense()?.mapv(one)).with_features(x.features().clone()),
    }
}

fn refuse_negative(x: &Matrix) -> Result<()> {
    let refuse = |row: usize, column: usize, value: f64| {
        Err(Error::malformed(format!(
            "row {row} has {value} in `{}`; this model counts, so give numbers >= 0, or use `GaussianNaiveBayes`",
            x.features().name(column)
        )))
    };
    match x.sparse() {
        Some(csr) => {
            for row in 0..csr.n_rows() {
                let (columns, values) = csr.row(row);
                if let Some(place) = values.iter().position(|value| *value < 0.0) {
                    return refuse(row, columns[place] as usize, values[place]);
                }
            }
        }
        None => {
            let dense = x.dense()?;
            if let Some(((row, column), value)) = dense.indexed_iter().find(|(_, value)| **value < 0.0) {
                return refuse(row, column, *value);
            }
        }
    }
    Ok(())
}

/// The sums of the features over the rows of each class.
fn sums(x: &Matrix, y: &Classes, weights: Option<&[f64]>, rule: Rule) -> Result<Array2<f64>> {
    let x = counted(x, rule)?;
    let (n_classes, width) = (y.n_classes(), x.n_cols());
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let dense = match x.sparse() {
        Some(_) => None,
        None => Some(row_major(x.dense()?)),
    };
    let part = |rows: Range<usize>| {
        let mut sums = vec![0.0; n_classes * width];
        for row in rows {
            let class = y.codes()[row] as usize;
            let sums = &mut sums[class * width..(class + 1) * width];
            match (x.sparse(), &dense) {
                (Some(csr), _) => {
                    let (columns, values) = csr.row(row);
                    columns
                        .iter()
                        .zip(values)
                        .for_each(|(&c, value)| sums[c as usize] += weight(row) * value);
                }
                (None, Some(cells)) => {
                    let cells = &cells[row * width..(row + 1) * width];
                    sums.iter_mut().zip(cells).for_each(|(sum, value)| *sum += weight(row) * value);
                }
                (None, None) => {}
            }
        }
        sums
    };
    let add = |mut left: Vec<f64>, right: Vec<f64>| {
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        left
    };
    // A block costs a whole table of sums: few blocks where the table is large.
    let block = y.codes().len().div_ceil(64).max(BLOCK);
    let sums = reduce::map_reduce(y.codes().len(), block, part, add).unwrap_or_default();
    Array2::from_shape_vec((n_classes, width), sums).map_err(Error::other)
}
