//! The model of regressions that are found step by step.

use ndarray::ArrayView1;
use perennial_core::{Error, Features, Matrix, Predictor, Result, Values};
use serde::{Deserialize, Serialize};

use super::LinearModel;

/// A linear regression that was found step by step: a [`LinearModel`], and how the search for it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct IterativeLinearModel {
    linear: LinearModel,
    search: Search,
}

#[derive(Deserialize)]
struct Parts {
    linear: LinearModel,
    search: Search,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Search {
    pub(super) n_iterations: usize,
    pub(super) gap: f64,
    pub(super) converged: bool,
}

impl TryFrom<Parts> for IterativeLinearModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        if !parts.search.gap.is_finite() {
            return Err(Error::corrupt("the linear model is damaged: the gap of its search is not finite"));
        }
        Ok(IterativeLinearModel { linear: parts.linear, search: parts.search })
    }
}

impl IterativeLinearModel {
    pub(super) fn new(
        features: &Features,
        coefficients: Vec<f64>,
        intercept: f64,
        search: Search,
    ) -> Result<Self> {
        if !coefficients.iter().chain([&intercept, &search.gap]).all(|number| number.is_finite()) {
            return Err(Error::overflow(
                "a coefficient left the range of f64; standardise the features and scale the target",
            ));
        }
        Ok(IterativeLinearModel { linear: LinearModel::plain(features, coefficients, intercept), search })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.linear.features()
    }

    /// The change of the prediction for one unit more of each feature.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.linear.coefficients()
    }

    /// The prediction where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.linear.intercept()
    }

    /// How many coefficients are not 0.
    pub fn n_nonzero(&self) -> usize {
        self.coefficients().iter().filter(|weight| **weight != 0.0).count()
    }

    /// Whether the search came to the tolerance. If not, take more iterations or a larger tolerance, or standardise the
    /// features.
    pub fn converged(&self) -> bool {
        self.search.converged
    }

    /// How far the search still was from the optimum at its end, in the measure that its tolerance is given in.
    pub fn gap(&self) -> f64 {
        self.search.gap
    }

    /// How many iterations the search took.
    pub fn n_iterations(&self) -> usize {
        self.search.n_iterations
    }
}

impl Predictor for IterativeLinearModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.linear.predict(x)
    }
}
