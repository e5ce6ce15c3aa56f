//! The fitted generalised linear model.

use ndarray::ArrayView1;
use perennial_core::{Error, Features, Matrix, Predictor, Result, Values};
use perennial_numeric::optimize::Minimum;
use serde::{Deserialize, Serialize};

use super::glm::Family;
use super::inference::{CoefficientInference, LEVEL, Tails, coefficient_table};
use super::model::{scores, too_far};
use super::sandwich::Robust;

/// A fitted generalised linear model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GlmModel {
    features: Features,
    coefficients: Vec<f64>,
    intercept: f64,
    power: f64,
    offset: Option<usize>,
    converged: bool,
    gradient_norm: f64,
    n_iterations: usize,
    fit: GlmFit,
}

/// What inference needs to know of the fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GlmFit {
    pub(super) has_intercept: bool,
    pub(super) penalised: bool,
    pub(super) degrees_of_freedom: f64,
    pub(super) deviance: Option<f64>,
    pub(super) dispersion: Option<f64>,
    /// Standard errors for a dispersion of 1, the intercept first; empty where there are none.
    pub(super) spreads: Vec<f64>,
    /// Standard errors for noise of unlike variance, where these were asked for.
    pub(super) robust: Robust,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    coefficients: Vec<f64>,
    intercept: f64,
    power: f64,
    offset: Option<usize>,
    converged: bool,
    gradient_norm: f64,
    n_iterations: usize,
    fit: GlmFit,
}

impl TryFrom<Parts> for GlmModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, coefficients, intercept, power, offset, fit, .. } = parts;
        let bad =
            |what: &str| Err(Error::corrupt(format!("the generalised linear model is damaged: {what}")));
        if coefficients.len() != features.len() || offset.is_some_and(|place| place >= features.len()) {
            return bad("it does not have one coefficient for each feature");
        }
        if !coefficients.iter().chain([&intercept, &power]).all(|number| number.is_finite()) {
            return bad("a coefficient is not finite");
        }
        let n_learned = features.len() - usize::from(offset.is_some()) + usize::from(fit.has_intercept);
        let fits = |errors: &Vec<f64>| errors.is_empty() || errors.len() == n_learned;
        if !fits(&fit.spreads) || !fits(&fit.robust.errors) {
            return bad("what it knows of its fit does not hold together");
        }
        Ok(GlmModel {
            features,
            coefficients,
            intercept,
            power,
            offset,
            converged: parts.converged,
            gradient_norm: parts.gradient_norm,
            n_iterations: parts.n_iterations,
            fit,
        })
    }
}

/// Tests and intervals of a model that was fitted by maximum likelihood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodInference {
    /// The intercept, where there is one, and the coefficients in the order of the features. Their `t` is the estimate in
    /// standard errors, compared with the normal distribution.
    pub coefficients: Vec<CoefficientInference>,
    /// The variance over what the family says it is.
    pub dispersion: f64,
}

impl GlmModel {
    pub(super) fn new(
        features: &Features,
        coefficients: Vec<f64>,
        intercept: f64,
        family: Family,
        offset: Option<usize>,
        minimum: &Minimum,
        fit: GlmFit,
    ) -> Result<Self> {
        let Minimum { converged, gradient_norm, n_iterations, .. } = *minimum;
        let features = features.clone();
        let power = family.power;
        Ok(GlmModel {
            features,
            coefficients,
            intercept,
            power,
            offset,
            converged,
            gradient_norm,
            n_iterations,
            fit,
        })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The change of the score for one unit more of each feature; 1 for the offset.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.coefficients)
    }

    /// The score where all features are 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Whether the gradient came below the tolerance. If not, take more steps or a stronger penalty.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The largest entry of the gradient of half the mean deviance, for features of unit scale, at the end.
    pub fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }

    /// How many steps the solver took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// The weighted sum of the unit deviances on the training rows; `None` where it leaves the range of `f64`.
    pub fn deviance(&self) -> Option<f64> {
        self.fit.deviance
    }

    /// The variance over what the family says it is: 1 for counts, else estimated by Pearson's statistic; `None` without
    /// more rows than coefficients.
    pub fn dispersion(&self) -> Option<f64> {
        self.fit.dispersion
    }

    /// Standard errors from the expected information, tests against the normal distribution and confidence intervals, for a
    /// model without penalty. Weights count as repeated rows.
    ///
    /// Where the settings ask for [`StandardErrors`](super::StandardErrors) that do not trust the variance of the family,
    /// they come from the sandwich of expected information and squared slopes (Zeileis, 2006; in R `sandwich::vcovHC`), and
    /// the dispersion has no part in them.
    ///
    /// # Errors
    /// When `level` is not between 0 and 1, the model is penalised, columns depend on each other, or there are no more rows
    /// than coefficients.
    pub fn inference(&self, level: f64) -> Result<LikelihoodInference> {
        LEVEL.check(level)?;
        if self.fit.penalised {
            return Err(Error::unsupported(
                "this model is penalised, so its coefficients have no standard errors; fit it with `alpha` = 0",
            ));
        }
        let Some(dispersion) = self.fit.dispersion else {
            return Err(Error::insufficient_data(
                "there are not more rows than coefficients, so the dispersion cannot be estimated; fit more rows",
            ));
        };
        self.fit.robust.check()?;
        if self.fit.spreads.is_empty() {
            return Err(Error::singular(
                "columns depend on each other, or there are too few rows, so coefficients have no standard errors; drop columns that others determine",
            ));
        }
        let learned = self.features.names().zip(&self.coefficients).enumerate();
        let named =
            learned.filter(|(j, _)| Some(*j) != self.offset).map(|(_, (name, &weight))| (name, weight));
        let intercept = self.fit.has_intercept.then_some(self.intercept);
        let errors: Vec<f64> = match self.fit.robust.errors.is_empty() {
            true => self.fit.spreads.iter().map(|spread| spread * dispersion.sqrt()).collect(),
            false => self.fit.robust.errors.clone(),
        };
        let coefficients = coefficient_table(intercept, named, &errors, level, &Tails::Normal);
        Ok(LikelihoodInference { coefficients, dispersion })
    }
}

impl Predictor for GlmModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let family = Family { power: self.power };
        let mut means = scores(&x, &self.coefficients, self.intercept)?;
        means.iter_mut().for_each(|score| *score = family.mean(*score));
        match means.iter().position(|mean| !mean.is_finite()) {
            Some(row) => Err(too_far(row, means[row])),
            None => Ok(means.into()),
        }
    }
}
