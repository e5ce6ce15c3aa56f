//! The covariance of the rows, plain and shrunk towards a multiple of the unit matrix.

use ndarray::{Array2, Axis};
use perennial_core::{Capabilities, Error, Estimator, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::linalg::gram;
use serde::{Deserialize, Serialize};

use super::model::CovarianceModel;
use crate::rows::tame;

/// Columns beyond this make a matrix too large to hold.
const MOST_COLUMNS: usize = 30_000;

/// Centred rows and what follows from them, in a unit in which squares neither overflow nor vanish.
pub(super) struct Moments {
    pub(super) unit: f64,
    pub(super) location: Vec<f64>,
    centred: Array2<f64>,
    weights: Option<Vec<f64>>,
    total: f64,
    /// In the square of the unit.
    pub(super) covariance: Array2<f64>,
}

impl Moments {
    pub(super) fn new(train: &Train<'_, Matrix, NoTarget>, assume_centered: bool) -> Result<Self> {
        let x = train.x.dense()?;
        let (n_rows, width) = x.dim();
        if width == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if width > MOST_COLUMNS {
            return Err(Error::too_large(format!(
                "a covariance of {width} columns; at most {MOST_COLUMNS} are taken, so select some"
            )));
        }
        let largest = x.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let unit = crate::rows::power_of_two(largest);
        let weights = tame(train.weights).map(|weights| weights.into_owned());
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        let mut location = vec![0.0; width];
        if !assume_centered {
            // Two passes: the second corrects the rounding of the first.
            for _ in 0..2 {
                let mut sums = vec![0.0; width];
                for (row, values) in x.rows().into_iter().enumerate() {
                    let pairs = sums.iter_mut().zip(values).zip(&location);
                    pairs
                        .for_each(|((sum, value), location)| *sum += weight(row) * (value / unit - location));
                }
                location.iter_mut().zip(sums).for_each(|(location, sum)| *location += sum / total);
            }
        }
        let mut centred = x.mapv(|value| value / unit);
        for (mut column, location) in centred.axis_iter_mut(Axis(1)).zip(&location) {
            column.mapv_inplace(|value| value - location);
        }
        let covariance = gram(&centred, weights.as_deref()) / total;
        Ok(Moments { unit, location, centred, weights, total, covariance })
    }

    /// The covariance moved by `shrinkage` of the way to its mean variance times the unit matrix.
    fn shrunk(self, train: &Train<'_, Matrix, NoTarget>, shrinkage: f64) -> Result<CovarianceModel> {
        let width = self.location.len();
        let mean = self.covariance.diag().sum() / width as f64;
        let mut covariance = self.covariance * (1.0 - shrinkage);
        covariance.diag_mut().mapv_inplace(|value| value + shrinkage * mean);
        covariance.mapv_inplace(|value| value * self.unit * self.unit);
        let location = self.location.iter().map(|value| value * self.unit).collect();
        CovarianceModel::new(train.x.features(), location, covariance, shrinkage)
    }
}

macro_rules! centered_builders {
    () => {
        /// No numeric settings.
        pub const PARAMS: &'static [Param] = &[];

        /// The defaults.
        pub fn new() -> Self {
            Self::default()
        }

        /// Sets whether the means of the columns are taken to be 0.
        #[must_use]
        pub fn assume_centered(mut self, assume_centered: bool) -> Self {
            self.assume_centered = assume_centered;
            self
        }
    };
}

/// The covariance of the rows, divided by their weight: the estimate of greatest likelihood under a Gaussian.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `assume_centered` | false | whether the means of the columns are taken to be 0 |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::EmpiricalCovariance;
///
/// let x = Matrix::from(array![[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]);
/// let model = EmpiricalCovariance::new().fit(&x, &NoTarget)?;
/// assert!((model.covariance()[[1, 1]] - 2.0).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmpiricalCovariance {
    assume_centered: bool,
}

impl EmpiricalCovariance {
    centered_builders!();
}

impl Estimator for EmpiricalCovariance {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = CovarianceModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<CovarianceModel> {
        Moments::new(train, self.assume_centered)?.shrunk(train, 0.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The covariance shrunk towards a multiple of the unit matrix by as much as makes the expected squared error small
/// (Ledoit and Wolf, 2004).
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `assume_centered` | false | whether the means of the columns are taken to be 0 |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::LedoitWolf;
///
/// let x = Matrix::from(array![[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]);
/// let model = LedoitWolf::new().fit(&x, &NoTarget)?;
/// assert!((0.0..=1.0).contains(&model.shrinkage()));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedoitWolf {
    assume_centered: bool,
}

impl LedoitWolf {
    centered_builders!();
}

impl Estimator for LedoitWolf {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = CovarianceModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<CovarianceModel> {
        let moments = Moments::new(train, self.assume_centered)?;
        let width = moments.location.len() as f64;
        let squares: f64 = moments.covariance.iter().map(|value| value * value).sum();
        let mean = moments.covariance.diag().sum() / width;
        // The mean fourth power of the lengths of the rows bounds how much the covariance varies.
        let fourth: f64 = moments
            .centred
            .rows()
            .into_iter()
            .enumerate()
            .map(|(row, values)| {
                let length: f64 = values.iter().map(|value| value * value).sum();
                moments.weights.as_ref().map_or(1.0, |weights| weights[row]) * length * length
            })
            .sum();
        let error = (fourth / moments.total - squares) / (width * moments.total);
        let spread = (squares - width * mean * mean) / width;
        let shrinkage = if spread > 0.0 { (error.max(0.0) / spread).min(1.0) } else { 0.0 };
        moments.shrunk(train, shrinkage)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The covariance shrunk towards a multiple of the unit matrix by as much as is best for a Gaussian (oracle
/// approximating shrinkage; Chen, Wiesel, Eldar and Hero, 2010).
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `assume_centered` | false | whether the means of the columns are taken to be 0 |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::Oas;
///
/// let x = Matrix::from(array![[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]);
/// let model = Oas::new().fit(&x, &NoTarget)?;
/// assert!((0.0..=1.0).contains(&model.shrinkage()));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oas {
    assume_centered: bool,
}

impl Oas {
    centered_builders!();
}

impl Estimator for Oas {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = CovarianceModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<CovarianceModel> {
        let moments = Moments::new(train, self.assume_centered)?;
        let width = moments.location.len() as f64;
        let alpha = moments.covariance.iter().map(|value| value * value).sum::<f64>() / (width * width);
        let mean = moments.covariance.diag().sum() / width;
        let top = alpha + mean * mean;
        let bottom = (moments.total + 1.0) * (alpha - mean * mean / width);
        let shrinkage = if bottom > 0.0 { (top / bottom).min(1.0) } else { 1.0 };
        moments.shrunk(train, shrinkage)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
