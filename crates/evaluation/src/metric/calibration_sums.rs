//! Calibration errors, gathered from parts of the rows.

use perennial_core::{Classes, Error, Probabilities, Result};
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::probabilities::true_columns;

/// What a stream of rows leaves behind of a [`CalibrationError`] in bins of equal width (ECE, MCE): three numbers for each bin. Parts
/// are merged; their order changes a score by rounding alone.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::metric::{CalibrationError, CalibrationSums};
///
/// let names = ["no", "yes"].map(String::from).to_vec();
/// let mut sums = CalibrationSums::new(CalibrationError::new())?;
/// for (codes, shares) in [(vec![0, 1], array![[0.9, 0.1], [0.2, 0.8]]), (vec![0], array![[0.2, 0.8]])] {
///     sums.add(&Classes::new(codes, names.clone())?, &Probabilities::new(shares, names.clone())?, None)?;
/// }
/// // Gaps of 0.1 of one row, and of 0.8 - 0.5 of two.
/// assert!((sums.score()? - 0.7 / 3.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSums {
    metric: CalibrationError,
    /// The classes of the probabilities; none before there are rows.
    names: Vec<String>,
    bins: Vec<[f64; 3]>,
}

impl CalibrationSums {
    /// Of no rows yet.
    ///
    /// # Errors
    /// When bins are to have about as many rows each, which depends on all rows, or their number is out of range.
    pub fn new(metric: CalibrationError) -> Result<Self> {
        metric.check_mergeable()?;
        Ok(CalibrationSums { metric, names: Vec::new(), bins: Vec::new() })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a weight is not acceptable, a row has a class for which there is no probability, or
    /// the probabilities are of other classes than those of earlier rows. Nothing is added then.
    pub fn add(
        &mut self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<()> {
        self.metric.check_mergeable()?;
        let columns = true_columns(truth, prediction, weights)?;
        let bins = self.metric.bins(prediction, &columns, weights);
        self.join(prediction.names(), &bins)
    }

    /// Adds what was gathered from other rows.
    ///
    /// # Errors
    /// When it is of other bins or other classes.
    pub fn merge(&mut self, other: &CalibrationSums) -> Result<()> {
        if self.metric != other.metric {
            return Err(Error::malformed(format!(
                "bins of {:?} cannot be added to bins of {:?}; gather both by one metric",
                other.metric, self.metric
            )));
        }
        if other.bins.is_empty() { Ok(()) } else { self.join(&other.names, &other.bins) }
    }

    fn join(&mut self, names: &[String], bins: &[[f64; 3]]) -> Result<()> {
        if self.bins.is_empty() {
            (self.names, self.bins) = (names.to_vec(), bins.to_vec());
            return Ok(());
        }
        if self.names != names || self.bins.len() != bins.len() {
            return Err(Error::malformed(format!(
                "probabilities of {} in {} bins cannot be added to those of {} in {}",
                names.join(", "),
                bins.len(),
                self.names.join(", "),
                self.bins.len()
            )));
        }
        self.bins.iter_mut().flatten().zip(bins.iter().flatten()).for_each(|(own, other)| *own += other);
        Ok(())
    }

    /// As [`CalibrationError`] of all rows together.
    ///
    /// # Errors
    /// When there are no rows yet.
    pub fn score(&self) -> Result<f64> {
        match self.bins.iter().any(|bin| bin[0] > 0.0) {
            true => Ok(self.metric.of_bins(&self.bins)),
            false => Err(Error::empty("there are no rows with weight to score")),
        }
    }
}
