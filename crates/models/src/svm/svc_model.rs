//! The fitted support vector classifier.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2};
use perennial_core::{Classes, Error, Features, Matrix, Predictor, Result};
use serde::{Deserialize, Serialize};

use super::expansion::Expansion;
use crate::classes::check_names;

/// A fitted support vector classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SvcModel {
    features: Features,
    classes: Arc<[String]>,
    /// The codes of the classes that had rows.
    present: Vec<u32>,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    n_iterations: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    present: Vec<u32>,
    expansion: Expansion,
    converged: bool,
    gap: f64,
    n_iterations: usize,
}

impl TryFrom<Parts> for SvcModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, present, expansion, converged, gap, n_iterations } = parts;
        check_names(&classes)?;
        let k = present.len();
        let rising = present.windows(2).all(|pair| pair[0] < pair[1]);
        let known = present.last().is_some_and(|&last| (last as usize) < classes.len());
        let sizes = expansion.biases().len() == k * k.saturating_sub(1) / 2 && expansion.fits(features.len());
        if !rising || !known || k < 2 || !sizes {
            return Err(Error::corrupt("the classes and machines of the support vector model do not agree"));
        }
        Ok(SvcModel { features, classes, present, expansion, converged, gap, n_iterations })
    }
}

impl SvcModel {
    pub(super) fn new(
        features: Features,
        classes: Arc<[String]>,
        present: Vec<u32>,
        expansion: Expansion,
        converged: bool,
        gap: f64,
        n_iterations: usize,
    ) -> Self {
        SvcModel { features, classes, present, expansion, converged, gap, n_iterations }
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The names of all classes.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    pub(super) fn shared_names(&self) -> Arc<[String]> {
        self.classes.clone()
    }

    /// The codes of the classes that had rows.
    pub(super) fn present(&self) -> &[u32] {
        &self.present
    }

    /// The classes that had rows; the others are never predicted.
    pub fn present_classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.present.iter().map(|&code| self.classes[code as usize].as_str())
    }

    /// The pairs of present classes, in the order of the decision values: (first, second), (first, third), ...
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        let name = |place: usize| self.classes[self.present[place] as usize].as_str();
        pairs(self.present.len()).map(|(a, b)| (name(a), name(b))).collect()
    }

    /// The rows that the decision depends on.
    pub fn support_vectors(&self) -> ArrayView2<'_, f64> {
        self.expansion.support().view()
    }

    /// The coefficients of the support vectors, one column for each pair; positive ones pull to its second class.
    pub fn dual_coefficients(&self) -> ArrayView2<'_, f64> {
        self.expansion.coefficients().view()
    }

    /// The intercepts, one for each pair.
    pub fn intercepts(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(self.expansion.biases())
    }

    /// Whether all machines came within the tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// By how much the worst pair of rows of any machine violates optimality.
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// How many steps of pairs all machines took together.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// The decision of each row for each of [`pairs`](SvcModel::pairs): positive for the second class of the pair.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or a decision cannot be computed.
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        self.expansion.at(&x)
    }
}

/// All pairs of `k` classes.
pub(super) fn pairs(k: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..k).flat_map(move |a| (a + 1..k).map(move |b| (a, b)))
}

impl Predictor for SvcModel {
    type Input = Matrix;
    type Output = Classes;

    /// The class that wins most pairs, the first of equals.
    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let decisions = self.decision_function(x)?;
        let k = self.present.len();
        let mut votes = vec![0u32; k];
        let codes = decisions.rows().into_iter().map(|row| {
            votes.fill(0);
            for ((a, b), decision) in pairs(k).zip(row) {
                votes[if *decision > 0.0 { b } else { a }] += 1;
            }
            let best = (1..k).fold(0, |best, class| if votes[class] > votes[best] { class } else { best });
            self.present[best]
        });
        Classes::new(codes.collect(), self.classes.clone())
    }
}
