//! The model of Bayesian linear regressions.

use ndarray::{Array1, Array2, ArrayRef2, ArrayView1};
use perennial_core::{Error, Features, Matrix, Predictor, Result, Values};
use serde::{Deserialize, Serialize};

use super::iterative::IterativeLinearModel;
use super::model::too_far;

/// A line, how sure its coefficients are, and how large the noise is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct BayesianLinearModel {
    linear: IterativeLinearModel,
    means: Vec<f64>,
    alpha: f64,
    lambdas: Vec<f64>,
    covariance: Array2<f64>,
}

#[derive(Deserialize)]
struct Parts {
    linear: IterativeLinearModel,
    means: Vec<f64>,
    alpha: f64,
    lambdas: Vec<f64>,
    covariance: Array2<f64>,
}

impl TryFrom<Parts> for BayesianLinearModel {
    type Error = Error;

    fn try_from(Parts { linear, means, alpha, lambdas, covariance }: Parts) -> Result<Self> {
        let n = linear.features().len();
        let fits = means.len() == n && lambdas.len() == n && covariance.dim() == (n, n) && alpha > 0.0;
        let numbers = means.iter().chain(&lambdas).chain(&covariance).chain([&alpha]);
        if !fits || !{ numbers }.all(|number| number.is_finite()) {
            return Err(Error::corrupt(
                "the Bayesian regression is damaged: its precisions do not hold together",
            ));
        }
        Ok(BayesianLinearModel { linear, means, alpha, lambdas, covariance })
    }
}

impl BayesianLinearModel {
    pub(super) fn new(
        linear: IterativeLinearModel,
        means: Vec<f64>,
        alpha: f64,
        lambdas: Vec<f64>,
        covariance: Array2<f64>,
    ) -> Result<Self> {
        let numbers = means.iter().chain(&lambdas).chain(&covariance).chain([&alpha]);
        if !{ numbers }.all(|number| number.is_finite()) || !(alpha > 0.0) {
            return Err(Error::overflow(
                "a precision left the range of f64; standardise the features and scale the target",
            ));
        }
        Ok(BayesianLinearModel { linear, means, alpha, lambdas, covariance })
    }

    /// The line, and how the search for it ended.
    pub fn model(&self) -> &IterativeLinearModel {
        &self.linear
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.linear.features()
    }

    /// The means of the coefficients.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.linear.coefficients()
    }

    /// The prediction where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.linear.intercept()
    }

    /// The precision of the noise: one over its variance.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The precision of each coefficient before the data was seen.
    pub fn lambdas(&self) -> &[f64] {
        &self.lambdas
    }

    /// The covariance of the coefficients, features x features.
    pub fn covariance(&self) -> &ArrayRef2<f64> {
        &self.covariance
    }

    /// Whether the rounds came to the tolerance.
    pub fn converged(&self) -> bool {
        self.linear.converged()
    }

    /// The change of the coefficients in the last round, as a share of them.
    pub fn gap(&self) -> f64 {
        self.linear.gap()
    }

    /// How many rounds it took.
    pub fn n_iterations(&self) -> usize {
        self.linear.n_iterations()
    }

    /// The predictions, and the deviation of each: that of the noise and of the coefficients together.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or an answer is beyond the range of `f64`.
    pub fn predict_with_deviation(&self, x: &Matrix) -> Result<(Values, Values)> {
        let answers = self.linear.predict(x)?;
        let x = self.features().align(x)?;
        let deviation = |row: ArrayView1<'_, f64>| {
            let gap: Array1<f64> = row.iter().zip(&self.means).map(|(value, mean)| value - mean).collect();
            (1.0 / self.alpha + gap.dot(&self.covariance.dot(&gap)).max(0.0)).sqrt()
        };
        let deviations: Vec<f64> = x.dense()?.rows().into_iter().map(deviation).collect();
        match deviations.iter().position(|deviation| !deviation.is_finite()) {
            Some(row) => Err(too_far(row, deviations[row])),
            None => Ok((answers, deviations.into())),
        }
    }
}

impl Predictor for BayesianLinearModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.linear.predict(x)
    }
}
