//! The errors of numbers, gathered from parts of the rows.

use perennial_core::{Error, Result, Values};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::values::{checked, in_range};

/// What a stream of rows leaves behind: one pass gives all the scores below, and parts are merged.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::metric::ErrorSums;
///
/// let mut sums = ErrorSums::new();
/// sums.add(&Values::from(vec![1.0, 2.0]), &Values::from(vec![1.5, 2.0]), None)?;
/// sums.add(&Values::from(vec![4.0, 8.0]), &Values::from(vec![3.0, 6.5]), None)?;
/// assert_eq!((sums.mean_absolute_error()?, sums.max_error()?), (0.75, 1.5));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSums {
    n_rows: u64,
    weight: f64,
    absolute: f64,
    squared: f64,
    relative: f64,
    largest: f64,
    truth: Moments,
    error: Moments,
}

/// The mean of numbers and the sum of their squared distances from it (Chan, Golub and LeVeque, 1983).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Moments {
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Both parts together, of these weights.
    fn merge(self, own: f64, other: Moments, weight: f64) -> Moments {
        let whole = own + weight;
        if whole == 0.0 {
            return self;
        }
        let gap = other.mean - self.mean;
        let share = weight / whole;
        Moments {
            mean: self.mean + gap * share,
            squares: self.squares + other.squares + gap * gap * own * share,
        }
    }
}

impl ErrorSums {
    /// Of no rows yet.
    pub fn new() -> Self {
        ErrorSums::default()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a number is not finite, or a weight is not acceptable.
    pub fn add(&mut self, truth: &Values, prediction: &Values, weights: Option<&[f64]>) -> Result<()> {
        let (truth, prediction) = checked(truth, prediction, weights)?;
        let part = |rows: std::ops::Range<usize>| {
            let mut sums = ErrorSums { n_rows: rows.len() as u64, ..ErrorSums::new() };
            let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
            let counted = || rows.clone().filter(|&row| weight(row) > 0.0);
            for row in counted() {
                let (w, error) = (weight(row), truth[row] - prediction[row]);
                sums.weight += w;
                sums.absolute += w * error.abs();
                sums.squared += w * error * error;
                sums.relative += w * error.abs() / truth[row].abs().max(f64::EPSILON);
                sums.largest = sums.largest.max(error.abs());
                sums.truth.mean += w * truth[row];
                sums.error.mean += w * error;
            }
            if sums.weight > 0.0 {
                sums.truth.mean /= sums.weight;
                sums.error.mean /= sums.weight;
            }
            for row in counted() {
                let error = truth[row] - prediction[row];
                sums.truth.squares += weight(row) * (truth[row] - sums.truth.mean).powi(2);
                sums.error.squares += weight(row) * (error - sums.error.mean).powi(2);
            }
            sums
        };
        let join = |mut left: ErrorSums, right: ErrorSums| {
            left.merge(&right);
            left
        };
        if let Some(sums) = reduce::map_reduce(truth.len(), 1 << 14, part, join) {
            self.merge(&sums);
        }
        Ok(())
    }

    /// Adds what was gathered from other rows.
    pub fn merge(&mut self, other: &ErrorSums) {
        self.truth = self.truth.merge(self.weight, other.truth, other.weight);
        self.error = self.error.merge(self.weight, other.error, other.weight);
        self.n_rows += other.n_rows;
        self.weight += other.weight;
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.relative += other.relative;
        self.largest = self.largest.max(other.largest);
    }

    /// The number of rows.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    fn mean_of(&self, sum: f64, name: &str) -> Result<f64> {
        if self.weight == 0.0 {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        in_range(sum / self.weight, name)
    }

    /// The mean of the errors, truth less prediction: how much the answers are too low.
    ///
    /// # Errors
    /// When there are no rows with weight, or the score is beyond the range of f64; so for all scores.
    pub fn mean_error(&self) -> Result<f64> {
        self.mean_of(self.error.mean * self.weight, "mean_error")
    }

    /// As [`MeanAbsoluteError`](super::MeanAbsoluteError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_absolute_error(&self) -> Result<f64> {
        self.mean_of(self.absolute, "mean_absolute_error")
    }

    /// As [`MeanSquaredError`](super::MeanSquaredError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_squared_error(&self) -> Result<f64> {
        self.mean_of(self.squared, "mean_squared_error")
    }

    /// As [`RootMeanSquaredError`](super::RootMeanSquaredError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn root_mean_squared_error(&self) -> Result<f64> {
        Ok(self.mean_squared_error()?.sqrt())
    }

    /// As [`MeanAbsolutePercentageError`](super::MeanAbsolutePercentageError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_absolute_percentage_error(&self) -> Result<f64> {
        self.mean_of(self.relative, "mean_absolute_percentage_error")
    }

    /// As [`MaxError`](super::MaxError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn max_error(&self) -> Result<f64> {
        self.mean_of(self.largest * self.weight, "max_error").map(|_| self.largest)
    }

    /// As [`R2`](super::R2).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error), or when there is a single row.
    pub fn r2(&self) -> Result<f64> {
        self.share(self.squared, "r2")
    }

    /// As [`ExplainedVariance`](super::ExplainedVariance).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error), or when there is a single row.
    pub fn explained_variance(&self) -> Result<f64> {
        self.share(self.error.squares, "explained_variance")
    }

    fn share(&self, unexplained: f64, name: &str) -> Result<f64> {
        self.mean_of(unexplained, name)?;
        if self.n_rows < 2 {
            return Err(Error::insufficient_data(format!(
                "`{name}` compares with the variance of the truth and needs at least 2 rows; use an absolute error for 1 row"
            )));
        }
        Ok(match (unexplained == 0.0, self.truth.squares == 0.0) {
            (true, true) => 1.0,
            (false, true) => 0.0,
            _ => 1.0 - unexplained / self.truth.squares,
        })
    }
}
