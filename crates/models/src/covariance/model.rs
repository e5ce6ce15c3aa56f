//! A fitted covariance.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Features, Matrix, Result, Values};
use perennial_numeric::linalg::Cholesky;
use serde::{Deserialize, Serialize};

/// A mean and a covariance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct CovarianceModel {
    features: Features,
    location: Vec<f64>,
    covariance: Array2<f64>,
    shrinkage: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    location: Vec<f64>,
    covariance: Array2<f64>,
    shrinkage: f64,
}

impl TryFrom<Parts> for CovarianceModel {
    type Error = Error;

    fn try_from(Parts { features, location, covariance, shrinkage }: Parts) -> Result<Self> {
        let width = features.len();
        let fits = location.len() == width && covariance.dim() == (width, width);
        if !fits || !location.iter().chain(&covariance).all(|value| value.is_finite()) {
            return Err(Error::corrupt("the covariance is damaged"));
        }
        Ok(CovarianceModel { features, location, covariance, shrinkage })
    }
}

impl CovarianceModel {
    pub(super) fn new(
        features: &Features,
        location: Vec<f64>,
        covariance: Array2<f64>,
        shrinkage: f64,
    ) -> Result<Self> {
        if !location.iter().chain(&covariance).all(|value| value.is_finite()) {
            return Err(Error::overflow("the covariance is beyond the range of f64; scale the columns"));
        }
        Ok(CovarianceModel { features: features.clone(), location, covariance, shrinkage })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The means of the columns.
    pub fn location(&self) -> &[f64] {
        &self.location
    }

    /// The covariance, columns x columns.
    pub fn covariance(&self) -> &ArrayRef2<f64> {
        &self.covariance
    }

    /// How far the covariance was moved towards a multiple of the unit matrix, from 0 to 1.
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// The inverse of the covariance.
    ///
    /// # Errors
    /// When the covariance is singular, as it is where columns depend on each other or there are fewer rows than columns.
    pub fn precision(&self) -> Result<Array2<f64>> {
        Ok(self.factor()?.inverse())
    }

    /// The squared Mahalanobis distance of each row from the mean.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or the covariance is singular.
    pub fn squared_mahalanobis(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let factor = self.factor()?;
        let distances: Vec<f64> = x
            .dense()?
            .rows()
            .into_iter()
            .map(|row| {
                let gap: ndarray::Array1<f64> =
                    row.iter().zip(&self.location).map(|(value, mean)| value - mean).collect();
                gap.dot(&factor.solve(&gap)).max(0.0)
            })
            .collect();
        match distances.iter().position(|distance| !distance.is_finite()) {
            None => Ok(distances.into()),
            Some(row) => Err(Error::overflow(format!(
                "row {row} is so far from the mean that its distance is beyond the range of f64; check its units"
            ))),
        }
    }

    fn factor(&self) -> Result<Cholesky> {
        Cholesky::new(&self.covariance).map_err(|error| {
            Error::singular("the covariance is singular: use a shrunk estimate, or remove columns that depend on each other")
                .with_source(error)
        })
    }
}
