//! The model of least squares and of ridge regression.

use ndarray::{Array1, ArrayView1};
use perennial_core::{Error, Features, Matrix, Predictor, Result, Values};
use perennial_numeric::linalg::{LeastSquares, Qr, matvec};
use perennial_numeric::{reduce, sparse};
use serde::{Deserialize, Serialize};

use super::sandwich::Robust;

/// A fitted linear regression: `intercept + x . coefficients`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LinearModel {
    features: Features,
    coefficients: Vec<f64>,
    intercept: f64,
    rank: usize,
    fit: Option<Fit>,
}

/// What inference needs to know of a least-squares fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Fit {
    pub(super) has_intercept: bool,
    /// The sum of the weights.
    pub(super) n_rows: f64,
    pub(super) residual_sum_of_squares: f64,
    /// Around the mean, or around 0 without an intercept.
    pub(super) total_sum_of_squares: f64,
    /// The roots of the diagonal of `(X^T W X)^-1`, the intercept first; empty where columns depend on each other.
    pub(super) spreads: Vec<f64>,
    /// Standard errors for noise whose variance differs from row to row; empty unless asked for.
    pub(super) robust: Robust,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    coefficients: Vec<f64>,
    intercept: f64,
    rank: usize,
    fit: Option<Fit>,
}

impl TryFrom<Parts> for LinearModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, coefficients, intercept, rank, fit } = parts;
        let bad = |what: &str| Err(Error::corrupt(format!("the linear model is damaged: {what}")));
        if coefficients.len() != features.len() {
            return bad("it does not have one coefficient for each feature");
        }
        if !coefficients.iter().chain([&intercept]).all(|number| number.is_finite()) {
            return bad("a coefficient is not finite");
        }
        if let Some(fit) = &fit {
            let numbers = [fit.n_rows, fit.residual_sum_of_squares, fit.total_sum_of_squares];
            let n_design = features.len() + usize::from(fit.has_intercept);
            if !numbers.iter().chain(&fit.spreads).all(|number| number.is_finite() && *number >= 0.0)
                || !(fit.spreads.is_empty() || fit.spreads.len() == n_design)
                || !(fit.robust.errors.is_empty() || fit.robust.errors.len() == n_design)
            {
                return bad("what it knows of its fit does not hold together");
            }
        }
        Ok(LinearModel { features, coefficients, intercept, rank, fit })
    }
}

impl LinearModel {
    pub(super) fn new(features: &Features, answer: &LeastSquares, fit: Option<Fit>) -> Self {
        LinearModel {
            features: features.clone(),
            coefficients: answer.coefficients.column(0).to_vec(),
            intercept: answer.intercept[0],
            rank: answer.rank,
            fit,
        }
    }

    /// A model of which no more is known than what it predicts.
    pub(super) fn plain(features: &Features, coefficients: Vec<f64>, intercept: f64) -> Self {
        let rank = coefficients.iter().filter(|weight| **weight != 0.0).count();
        LinearModel { features: features.clone(), coefficients, intercept, rank, fit: None }
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The change of the prediction for one unit more of each feature.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.coefficients)
    }

    /// The prediction where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// How many columns of the design are independent, the intercept included.
    pub fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn fit(&self) -> Option<&Fit> {
        self.fit.as_ref()
    }
}

impl Fit {
    pub(super) fn new(qr: &Qr, answer: &LeastSquares, n_rows: f64, has_intercept: bool) -> Option<Self> {
        let residual_sum_of_squares = answer.residual_sum_of_squares[0];
        let explained: f64 =
            qr.qty().column(0).iter().skip(usize::from(has_intercept)).map(|part| part * part).sum();
        let spreads = qr.covariance().map(|covariance| covariance.diag().mapv(f64::sqrt).to_vec());
        let spreads = spreads.unwrap_or_default();
        let spreads = if spreads.iter().all(|spread| spread.is_finite()) { spreads } else { Vec::new() };
        let total_sum_of_squares = explained + residual_sum_of_squares;
        // Squares of a target near the limit of f64 are beyond it; the predictions are not.
        (total_sum_of_squares.is_finite() && n_rows.is_finite()).then_some(Fit {
            has_intercept,
            n_rows,
            residual_sum_of_squares,
            total_sum_of_squares,
            spreads,
            robust: Robust::default(),
        })
    }
}

/// `intercept + x . coefficients` for each row.
pub(super) fn scores(x: &Matrix, coefficients: &[f64], intercept: f64) -> Result<Vec<f64>> {
    let coefficients = ArrayView1::from(coefficients);
    let products: Array1<f64> = match x.sparse() {
        Some(csr) => sparse::csr_matvec(csr, &coefficients),
        None => matvec(x.dense()?, &coefficients),
    };
    let mut scores = products.into_raw_vec_and_offset().0;
    scores.iter_mut().for_each(|score| *score += intercept);
    Ok(scores)
}

/// The overflow of the prediction of one row.
pub(super) fn too_far(row: usize, value: f64) -> Error {
    Error::overflow(format!(
        "the prediction for row {row} is {value}: its values are too large for the coefficients; check the units of the input"
    ))
}

impl Predictor for LinearModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        let scores = scores(&x, &self.coefficients, self.intercept)?;
        match reduce::first_not_finite(&scores) {
            Some(row) => {
                // A value that is not finite makes the score so; only then is it looked for.
                x.check_finite(false)?;
                Err(too_far(row, scores[row]))
            }
            None => Ok(scores.into()),
        }
    }
}

/// The sum of the weights; the number of rows without weights.
pub(super) fn total_weight(weights: Option<&[f64]>, n_rows: usize) -> f64 {
    weights.map_or(n_rows as f64, reduce::sum)
}
