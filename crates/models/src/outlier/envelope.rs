//! Outliers of one cloud: rows far from its middle, as its robust covariance measures it.

use perennial_core::{
    Classes, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Train, Values,
};
use perennial_statistics::distribution::{ChiSquared, Distribution};
use serde::{Deserialize, Serialize};

use super::detector::{OutlierDetector, called, threshold};
use crate::covariance::{MinCovDet, MinCovDetModel, N_TRIALS, SUPPORT};

const CONTAMINATION: Param =
    Param::real("contamination", "the share of the training rows that are outliers").above(0.0).at_most(0.5);
/// The share of a Gaussian's rows that are called outliers, where no share is given.
const FAR: f64 = 0.025;

/// An elliptic envelope: outliers are rows far from the middle of the others, whose mean and covariance few rows do not
/// decide ([`MinCovDet`]; Rousseeuw and Van Driessen, 1999).
///
/// It suits one cloud that is nearly Gaussian, and many more rows than columns. The score is the squared Mahalanobis distance.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `contamination` | none | above 0, to 0.5 | the share of the training rows that are outliers; without it a row farther than 97.5 % of a Gaussian's is one |
/// | `support_fraction` | (rows + columns + 1) / 2 of the rows | above 0, to 1 | the share of the rows that decide |
/// | `assume_centered` | false | | whether the means of the columns are taken to be 0 |
/// | `n_trials` | 500 | 1 to 1e6 | how many starts are drawn |
/// | `seed` | from the context | | of the draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::EllipticEnvelope;
///
/// let mut x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64 + ((i * (j + 1)) as f64).sin());
/// x.row_mut(42).fill(60.0);
/// let x = Matrix::from(x);
/// let found = EllipticEnvelope::new().contamination(0.05).fit(&x, &NoTarget)?.predict(&x)?;
/// assert_eq!(found.codes()[42], 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EllipticEnvelope {
    contamination: Option<f64>,
    support_fraction: Option<f64>,
    assume_centered: bool,
    n_trials: usize,
    seed: Option<u64>,
}

impl Default for EllipticEnvelope {
    fn default() -> Self {
        EllipticEnvelope {
            contamination: None,
            support_fraction: None,
            assume_centered: false,
            n_trials: 500,
            seed: None,
        }
    }
}

impl EllipticEnvelope {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CONTAMINATION, SUPPORT, N_TRIALS];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the training rows that are outliers.
    #[must_use]
    pub fn contamination(mut self, contamination: f64) -> Self {
        self.contamination = Some(contamination);
        self
    }

    /// Sets the share of the rows that decide.
    #[must_use]
    pub fn support_fraction(mut self, support_fraction: f64) -> Self {
        self.support_fraction = Some(support_fraction);
        self
    }

    /// Sets whether the means of the columns are taken to be 0.
    #[must_use]
    pub fn assume_centered(mut self, assume_centered: bool) -> Self {
        self.assume_centered = assume_centered;
        self
    }

    /// Sets how many starts are drawn.
    #[must_use]
    pub fn n_trials(mut self, n_trials: usize) -> Self {
        self.n_trials = n_trials;
        self
    }

    /// Sets what decides which rows are drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for EllipticEnvelope {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = EllipticEnvelopeModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<EllipticEnvelopeModel> {
        self.contamination.map_or(Ok(()), |share| CONTAMINATION.check(share))?;
        let mut inside = MinCovDet::new().assume_centered(self.assume_centered).n_trials(self.n_trials);
        if let Some(share) = self.support_fraction {
            inside = inside.support_fraction(share);
        }
        if let Some(seed) = self.seed {
            inside = inside.seed(seed);
        }
        let covariance = inside.fit_on(train)?;
        let ordinary = ChiSquared::new(train.x.n_cols() as f64)?.isf(FAR);
        let limit = match self.contamination {
            None => ordinary,
            Some(share) => {
                let distances = covariance.covariance().squared_mahalanobis(train.x)?;
                let mut scores: Vec<(f64, f64)> =
                    distances.as_slice().iter().map(|&score| (score, 1.0)).collect();
                scores.sort_by(|a, b| b.0.total_cmp(&a.0));
                threshold(&scores, share, ordinary)
            }
        };
        Ok(EllipticEnvelopeModel { covariance, threshold: limit })
    }
}

/// A fitted elliptic envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct EllipticEnvelopeModel {
    covariance: MinCovDetModel,
    threshold: f64,
}

#[derive(Deserialize)]
struct Parts {
    covariance: MinCovDetModel,
    threshold: f64,
}

impl TryFrom<Parts> for EllipticEnvelopeModel {
    type Error = Error;

    fn try_from(Parts { covariance, threshold }: Parts) -> Result<Self> {
        if !(threshold.is_finite() && threshold >= 0.0) {
            return Err(Error::corrupt(
                "the elliptic envelope is damaged: its threshold is not a finite number >= 0",
            ));
        }
        Ok(EllipticEnvelopeModel { covariance, threshold })
    }
}

impl EllipticEnvelopeModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.covariance.covariance().features()
    }

    /// The mean and the covariance that distances are measured by.
    pub fn covariance(&self) -> &MinCovDetModel {
        &self.covariance
    }
}

impl OutlierDetector for EllipticEnvelopeModel {
    fn score(&self, x: &Matrix) -> Result<Values> {
        self.covariance.covariance().squared_mahalanobis(x)
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

impl Predictor for EllipticEnvelopeModel {
    type Input = Matrix;
    /// The classes `inlier` and `outlier`: whether the distance is above the threshold.
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        called(&self.score(x)?, self.threshold)
    }
}
