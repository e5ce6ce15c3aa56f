//! Whether probabilities mean what they say, and whether the truth is among the likeliest.

use perennial_core::{Classes, Error, Param, Probabilities, Result};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::calibration_interval::by_inversion;
use super::probabilities::true_columns;
use super::{Metric, mean_by};
use crate::IntervalOptions;
use crate::calibration::{BinStrategy, Reliability};

/// The share of the rows whose true class is among the `k` most probable ones; of equally probable classes those that
/// stand earlier count as less probable.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `k` | 2 | >= 1 | how many classes may be given |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopKAccuracy {
    k: usize,
}

impl Default for TopKAccuracy {
    fn default() -> Self {
        TopKAccuracy { k: 2 }
    }
}

const K: Param = Param::integer("k", "how many classes may be given").at_least(1.0);

impl TopKAccuracy {
    /// Among the `k` most probable.
    pub fn new(k: usize) -> Self {
        TopKAccuracy { k }
    }

    fn hit(self, shares: ndarray::ArrayView1<'_, f64>, column: usize) -> f64 {
        let own = shares[column];
        let before = |(other, share): (usize, &f64)| *share > own || (*share == own && other > column);
        f64::from(u8::from(shares.iter().enumerate().filter(|&pair| before(pair)).count() < self.k))
    }
}

impl Metric for TopKAccuracy {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        format!("top_{}_accuracy", self.k)
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        K.check_count(self.k)?;
        let columns = true_columns(truth, prediction, weights)?;
        Ok(mean_by(columns.len(), weights, |row| self.hit(prediction.values().row(row), columns[row])))
    }

    fn row_scores(&self, truth: &Classes, prediction: &Probabilities) -> Result<Option<Vec<f64>>> {
        K.check_count(self.k)?;
        let columns = true_columns(truth, prediction, None)?;
        let hit = |(row, column)| self.hit(prediction.values().row(row), column);
        Ok(Some(columns.into_iter().enumerate().map(hit).collect()))
    }
}

/// The gap between how probable a class is said to be and how often it is there, in bins of the probability of equal
/// width (Naeini, Cooper and Hauskrecht, 2015).
///
/// Of two classes it is that of the second one. Of more, the probability is that of the most probable class, and what is
/// counted is whether it is right. Bins hold their upper edge; 0 is in the first one.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_bins` | 10 | 1 to 100,000 | how many bins |
/// | `worst` | false | | whether it is the largest gap of a bin instead of the mean over rows |
/// | `adaptive` | false | | whether bins have about as many rows each instead of the same width (Nguyen and O'Connor, 2015) |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationError {
    n_bins: usize,
    worst: bool,
    adaptive: bool,
}

impl Default for CalibrationError {
    fn default() -> Self {
        CalibrationError { n_bins: 10, worst: false, adaptive: false }
    }
}

const N_BINS: Param = Param::integer("n_bins", "how many bins").at_least(1.0).at_most(100_000.0);

impl CalibrationError {
    /// The mean gap over rows, in ten bins (ECE).
    pub fn new() -> Self {
        CalibrationError::default()
    }

    /// The largest gap of a bin (MCE).
    pub fn worst() -> Self {
        CalibrationError { worst: true, ..CalibrationError::default() }
    }

    /// The mean gap over rows, in ten bins of about as many rows each (ACE).
    pub fn adaptive() -> Self {
        CalibrationError { adaptive: true, ..CalibrationError::default() }
    }

    /// How many bins.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = n_bins;
        self
    }
}

impl Metric for CalibrationError {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = false;

    fn name(&self) -> String {
        let name = match (self.worst, self.adaptive) {
            (true, _) => "maximum_calibration_error",
            (false, true) => "adaptive_calibration_error",
            (false, false) => "expected_calibration_error",
        };
        name.to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        N_BINS.check_count(self.n_bins)?;
        let columns = true_columns(truth, prediction, weights)?;
        if self.adaptive {
            let even = Reliability::new().n_bins(self.n_bins).strategy(BinStrategy::Quantile);
            let curve = even.measure(truth, prediction, weights)?;
            return Ok(match self.worst {
                true => curve
                    .bins
                    .iter()
                    .map(|bin| (bin.predicted - bin.observed.estimate).abs())
                    .fold(0.0, f64::max),
                false => curve.expected_calibration_error(),
            });
        }
        Ok(self.of_bins(&self.bins(prediction, &columns, weights)))
    }

    /// By a test of each error that may be true: gaps are too large by chance, so a bootstrap of the error would miss small ones. The estimate
    /// can lie outside. Bins of as many rows each stay those of all rows.
    fn interval(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        let weights = options.row_weights();
        let estimate = self.score_weighted(truth, prediction, weights)?;
        let strategy = if self.adaptive { BinStrategy::Quantile } else { BinStrategy::Uniform };
        let bins = Reliability::new().n_bins(self.n_bins).strategy(strategy);
        by_inversion(&bins.binned_gaps(truth, prediction, weights)?, self.worst, estimate, options)
    }
}

impl CalibrationError {
    /// Whether it is the largest gap of a bin.
    pub(super) fn is_worst(&self) -> bool {
        self.worst
    }

    /// Refuses a number of bins that there cannot be, and bins that depend on all rows.
    pub(super) fn check_mergeable(&self) -> Result<()> {
        N_BINS.check_count(self.n_bins)?;
        match self.adaptive {
            true => Err(Error::unsupported(
                "bins of as many rows each depend on all rows, so parts cannot be merged; use bins of equal width",
            )),
            false => Ok(()),
        }
    }

    /// Of each bin of equal width the weight, and the weighted sums of what was said and of what was there; the sum of the squares of the
    /// weights, and so weighted those of the gaps between both and of their squares.
    pub(super) fn bins(
        &self,
        prediction: &Probabilities,
        columns: &[usize],
        weights: Option<&[f64]>,
    ) -> Vec<[f64; 6]> {
        let n_bins = self.n_bins as f64;
        let answers = (prediction.values().ncols() > 2).then(|| prediction.most_likely());
        let of_row = |row: usize| {
            let given = answers
                .as_ref()
                .map_or(1.min(prediction.values().ncols() - 1), |answers| answers.codes()[row] as usize);
            (prediction.values()[[row, given]], f64::from(u8::from(columns[row] == given)))
        };
        let part = |rows: std::ops::Range<usize>| {
            let mut bins = vec![[0.0; 6]; self.n_bins];
            for row in rows {
                let (share, right) = of_row(row);
                let bin = ((share * n_bins).ceil() - 1.0).clamp(0.0, n_bins - 1.0) as usize;
                let weight = weights.map_or(1.0, |weights| weights[row]);
                let gap = share - right;
                let own = [1.0, share, right, weight, weight * gap, weight * gap * gap];
                for (sum, value) in bins[bin].iter_mut().zip(own) {
                    *sum += weight * value;
                }
            }
            bins
        };
        let add = |mut left: Vec<[f64; 6]>, right: Vec<[f64; 6]>| {
            left.iter_mut().flatten().zip(right.iter().flatten()).for_each(|(left, right)| *left += right);
            left
        };
        reduce::map_reduce(columns.len(), (1 << 16).max(8 * self.n_bins), part, add).unwrap_or_default()
    }

    /// The score, from bins.
    pub(super) fn of_bins<const N: usize>(&self, bins: &[[f64; N]]) -> f64 {
        let gaps = bins.iter().filter(|bin| bin[0] > 0.0).map(|bin| (bin[0], (bin[1] - bin[2]).abs()));
        match self.worst {
            true => gaps.map(|(weight, gap)| gap / weight).fold(0.0, f64::max),
            false => gaps.map(|(_, gap)| gap).sum::<f64>() / bins.iter().map(|bin| bin[0]).sum::<f64>(),
        }
    }
}
