//! Calibration errors, gathered from parts of the rows.

use perennial_core::{Classes, Error, Probabilities, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::calibration_interval::{inverted, most_replicates, of_few_rows};
use super::probabilities::true_columns;

/// What a stream of rows leaves behind of a [`CalibrationError`] in bins of equal width (ECE, MCE): six numbers for each bin. Parts
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
    /// Of the squares of the weights: their sum, and so weighted the sums of the gaps and of their squares; none of what older versions wrote.
    #[serde(default)]
    squares: Vec<[f64; 3]>,
}

/// Resamples of the gaps.
const REPLICATES: usize = 2000;

impl CalibrationSums {
    /// Of no rows yet.
    ///
    /// # Errors
    /// When bins are to have about as many rows each, which depends on all rows, or their number is out of range.
    pub fn new(metric: CalibrationError) -> Result<Self> {
        metric.check_mergeable()?;
        Ok(CalibrationSums { metric, names: Vec::new(), bins: Vec::new(), squares: Vec::new() })
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
        let (bins, squares): (Vec<[f64; 3]>, Vec<[f64; 3]>) =
            bins.into_iter().map(|[a, b, c, d, e, f]| ([a, b, c], [d, e, f])).unzip();
        self.join(prediction.names(), &bins, &squares)
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
        if other.bins.is_empty() { Ok(()) } else { self.join(&other.names, &other.bins, &other.squares) }
    }

    fn join(&mut self, names: &[String], bins: &[[f64; 3]], squares: &[[f64; 3]]) -> Result<()> {
        if self.bins.is_empty() {
            (self.names, self.bins, self.squares) = (names.to_vec(), bins.to_vec(), squares.to_vec());
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
        // Where a part does not know them, they are not known of all.
        if self.squares.len() == squares.len() {
            self.squares
                .iter_mut()
                .flatten()
                .zip(squares.iter().flatten())
                .for_each(|(own, other)| *own += other);
        } else {
            self.squares = Vec::new();
        }
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

    /// How sure the score is, of independent rows: as the interval of [`CalibrationError`], with gaps that move as those of rows do whose weights
    /// are moved by normal numbers (the multiplier bootstrap), of which the sums are known.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Classes, Probabilities};
    /// use perennial_evaluation::metric::{CalibrationError, CalibrationSums};
    ///
    /// let names = ["no", "yes"].map(String::from).to_vec();
    /// let mut sums = CalibrationSums::new(CalibrationError::new())?;
    /// for part in 0..4_usize {
    ///     // Of rows said to be 0.7 six tenths are.
    ///     let codes = (0..100).map(|row| u32::from((row + part) % 10 < 6)).collect();
    ///     let said = Array2::from_shape_fn((100, 2), |(_, class)| [0.3, 0.7][class]);
    ///     sums.add(&Classes::new(codes, names.clone())?, &Probabilities::new(said, names.clone())?, None)?;
    /// }
    /// let found = sums.interval(0.95)?;
    /// assert!((found.estimate - 0.1).abs() < 1e-12 && found.low > 0.04 && found.high < 0.16);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`score`](CalibrationSums::score), when the rows are worth fewer than two, the level is not in (0, 1), squares of weights leave
    /// the range of f64, or a part was written by a version that did not keep what it needs.
    pub fn interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.score()?;
        if self.squares.len() != self.bins.len() {
            return Err(Error::unsupported(
                "some of these sums were written by an older version, which did not keep what intervals need; add the rows anew",
            ));
        }
        let weight: f64 = self.bins.iter().map(|bin| bin[0]).sum();
        let square: f64 = self.squares.iter().map(|bin| bin[0]).sum();
        if !(square.is_normal() && weight.is_finite()) {
            return Err(Error::overflow(
                "the squares of the weights are beyond the range of f64; scale the weights",
            ));
        }
        let n_units = weight / square * weight;
        if n_units < 2.0 {
            return Err(Error::insufficient_data(format!(
                "the rows are worth {n_units} that are independent of each other; an interval needs 2 at least"
            )));
        }
        let wider = of_few_rows(n_units, level)?;
        let rounding = f64::EPSILON * n_units.max(64.0);
        let worst = self.metric.is_worst();
        let of = |bin: &[f64; 3]| match worst {
            true if bin[0] > 0.0 => bin[0],
            _ => weight,
        };
        let own: Vec<f64> = self.bins.iter().map(|bin| (bin[1] - bin[2]) / of(bin)).collect();
        // Of each bin the standard deviations of the sum of moved weights, and of that of gaps that come with it and do not.
        let spread = |[square, gap, of_gaps]: &[f64; 3]| match square.sqrt() {
            root if root > 0.0 => {
                let with = gap / root;
                let rest = of_gaps - with * with;
                // Of gaps that are all the same rounding is left, of which the root is no rounding.
                let least = (4.0 * rounding).max(1e-12) * of_gaps;
                [root, with, if rest > least { rest.sqrt() } else { 0.0 }]
            }
            _ => [0.0; 3],
        };
        let spreads: Vec<[f64; 3]> = self.squares.iter().map(spread).collect();
        let random = Random::new(0).stream("calibration");
        let replicates = REPLICATES.min(most_replicates(own.len()));
        let moves = reduce::map_each(replicates, |replicate| {
            let mut random = random.fork(replicate as u64);
            let moved: Vec<[f64; 2]> = spreads
                .iter()
                .map(|[of_weight, with, without]| {
                    let (first, second) = (random.normal(), random.normal());
                    [of_weight * first, with * first + without * second]
                })
                .collect();
            let all: f64 = moved.iter().map(|[weight, _]| weight).sum();
            let of_bin = |((bin, own), [weight, gaps]): ((&[f64; 3], &f64), &[f64; 2])| {
                wider * (gaps - own * if worst { *weight } else { all }) / of(bin)
            };
            self.bins.iter().zip(&own).zip(&moved).map(of_bin).collect::<Vec<f64>>()
        });
        Ok(inverted(&own, moves, worst, estimate, [n_units, level, rounding]))
    }
}
