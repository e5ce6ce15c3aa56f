//! The model of linear classifiers that give scores, but no probabilities.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2};
use perennial_core::{Classes, Error, Features, Matrix, Predictor, Result};
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use super::model::{scores, too_far};
use crate::classes::check_names;

/// A linear classifier: a score for each class, of which the largest wins.
///
/// Two classes share one score, positive for the second of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LinearClassifierModel {
    features: Features,
    classes: Arc<[String]>,
    /// The codes of the classes that had rows.
    present: Vec<u32>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    search: Search,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    present: Vec<u32>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    search: Search,
}

impl TryFrom<Parts> for LinearClassifierModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, present, coefficients, intercepts, search } = parts;
        check_names(&classes)?;
        let bad = |what: &str| Err(Error::corrupt(format!("the linear classifier is damaged: {what}")));
        let rising = present.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || present.len() < 2 || present.last().is_some_and(|&last| last as usize >= classes.len())
        {
            return bad("its classes do not hold together");
        }
        let n_vectors = if present.len() == 2 { 1 } else { present.len() };
        if coefficients.dim() != (n_vectors, features.len()) || intercepts.len() != n_vectors {
            return bad("the numbers of coefficients, classes and features do not agree");
        }
        if !coefficients.iter().chain(&intercepts).chain([&search.gap]).all(|number| number.is_finite()) {
            return bad("a coefficient is not finite");
        }
        Ok(LinearClassifierModel { features, classes, present, coefficients, intercepts, search })
    }
}

impl LinearClassifierModel {
    /// From one vector and one intercept for each score.
    pub(super) fn new(
        features: &Features,
        classes: &Classes,
        present: Vec<u32>,
        vectors: Vec<(Vec<f64>, f64)>,
        search: Search,
    ) -> Result<Self> {
        let n = features.len();
        let coefficients = Array2::from_shape_fn((vectors.len(), n), |(k, j)| vectors[k].0[j]);
        let intercepts: Vec<f64> = vectors.iter().map(|vector| vector.1).collect();
        if !coefficients.iter().chain(&intercepts).chain([&search.gap]).all(|number| number.is_finite()) {
            return Err(Error::overflow("a coefficient left the range of f64; standardise the features"));
        }
        let (features, classes) = (features.clone(), classes.shared_names());
        Ok(LinearClassifierModel { features, classes, present, coefficients, intercepts, search })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The names of all classes.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The classes that had rows; the others are never predicted.
    pub fn present_classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.present.iter().map(|&code| self.classes[code as usize].as_str())
    }

    /// The coefficients: one row with two present classes, else one for each.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// The intercepts, one for each row of the coefficients.
    pub fn intercepts(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.intercepts)
    }

    /// Whether all searches came to the tolerance.
    pub fn converged(&self) -> bool {
        self.search.converged
    }

    /// How far the worst search still was from the optimum, in the measure that its tolerance is given in.
    pub fn gap(&self) -> f64 {
        self.search.gap
    }

    /// How many steps the longest search took.
    pub fn n_iterations(&self) -> usize {
        self.search.n_iterations
    }

    pub(super) fn present(&self) -> &[u32] {
        &self.present
    }

    /// The scores of each row, `n_rows` x rows of the coefficients.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or a score cannot be computed.
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut columns = Vec::with_capacity(self.intercepts.len());
        for (vector, &intercept) in self.coefficients.rows().into_iter().zip(&self.intercepts) {
            columns.push(scores(&x, &vector.to_vec(), intercept)?);
        }
        let n_rows = columns.first().map_or(0, Vec::len);
        let out = Array2::from_shape_fn((n_rows, columns.len()), |(row, k)| columns[k][row]);
        match out.indexed_iter().find(|(_, score)| !score.is_finite()) {
            Some(((row, _), &score)) => Err(too_far(row, score)),
            None => Ok(out),
        }
    }
}

impl Predictor for LinearClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let scores = self.decision_function(x)?;
        let code = |scores: ArrayView1<'_, f64>| {
            if scores.len() == 1 {
                return self.present[usize::from(scores[0] > 0.0)];
            }
            let best = (1..scores.len()).fold(0, |best, k| if scores[k] > scores[best] { k } else { best });
            self.present[best]
        };
        Classes::new(scores.rows().into_iter().map(code).collect(), self.classes.clone())
    }
}
