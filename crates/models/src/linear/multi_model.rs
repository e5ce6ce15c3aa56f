//! The model of linear regressions of several outputs.

use ndarray::{Array2, ArrayRef2, ArrayView1, Axis};
use perennial_core::{Error, Features, Matrix, Outputs, Predictor, Result};
use perennial_numeric::linalg::matmul;
use serde::{Deserialize, Serialize};

use super::iterative::Search;
use super::model::too_far;

/// A linear regression of several outputs: `intercepts + x . coefficients`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MultiLinearModel {
    features: Features,
    /// Features x outputs.
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    search: Search,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    search: Search,
}

impl TryFrom<Parts> for MultiLinearModel {
    type Error = Error;

    fn try_from(Parts { features, coefficients, intercepts, search }: Parts) -> Result<Self> {
        let fits = coefficients.dim() == (features.len(), intercepts.len());
        if !fits
            || !coefficients.iter().chain(&intercepts).chain([&search.gap]).all(|number| number.is_finite())
        {
            return Err(Error::corrupt("the linear model of several outputs is damaged"));
        }
        Ok(MultiLinearModel { features, coefficients, intercepts, search })
    }
}

impl MultiLinearModel {
    pub(super) fn new(
        features: &Features,
        coefficients: Array2<f64>,
        intercepts: Vec<f64>,
        search: Search,
    ) -> Result<Self> {
        if !coefficients.iter().chain(&intercepts).chain([&search.gap]).all(|number| number.is_finite()) {
            return Err(Error::overflow(
                "a coefficient left the range of f64; standardise the features and scale the targets",
            ));
        }
        Ok(MultiLinearModel { features: features.clone(), coefficients, intercepts, search })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The change of each output for one unit more of each feature, features x outputs.
    pub fn coefficients(&self) -> &ArrayRef2<f64> {
        &self.coefficients
    }

    /// The outputs where all features are 0.
    pub fn intercepts(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.intercepts)
    }

    /// How many features have a coefficient that is not 0.
    pub fn n_nonzero(&self) -> usize {
        self.coefficients.rows().into_iter().filter(|row| row.iter().any(|weight| *weight != 0.0)).count()
    }

    /// Whether the search came to the tolerance.
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

impl Predictor for MultiLinearModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut answers = matmul(x.dense()?, &self.coefficients);
        for (mut column, intercept) in answers.axis_iter_mut(Axis(1)).zip(&self.intercepts) {
            column.mapv_inplace(|value| value + intercept);
        }
        match answers.indexed_iter().find(|(_, value)| !value.is_finite()) {
            Some(((row, _), &value)) => Err(too_far(row, value)),
            None => Ok(answers.into()),
        }
    }
}
