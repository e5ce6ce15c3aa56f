//! Intervals of predictions and how good they are.

use perennial_core::{Error, Predictor, Result, Rows, Values, check_numbers};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::align::check_rows_of;
use crate::metric::Answers;
use crate::{Metric, Stack};

/// An interval for each row that should hold its truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionIntervals {
    /// The share of the rows whose truth they should hold.
    pub level: f64,
    /// The lower end for each row; minus infinity where nothing can be excluded.
    pub low: Vec<f64>,
    /// The upper end for each row; infinity where nothing can be excluded.
    pub high: Vec<f64>,
}

impl PredictionIntervals {
    pub(super) fn around(level: f64, points: &[f64], reach: impl Fn(usize, f64) -> (f64, f64)) -> Self {
        let ends = points.iter().enumerate().map(|(row, point)| reach(row, *point));
        let (low, high) = ends.unzip();
        PredictionIntervals { level, low, high }
    }

    /// Whether the interval of a row holds a number.
    pub fn contains(&self, row: usize, value: f64) -> bool {
        self.low[row] <= value && value <= self.high[row]
    }
}

impl Rows for PredictionIntervals {
    type Owned = PredictionIntervals;

    fn n_rows(&self) -> usize {
        self.low.len()
    }

    fn take(&self, rows: &[usize]) -> Result<PredictionIntervals> {
        Ok(PredictionIntervals { level: self.level, low: self.low.take(rows)?, high: self.high.take(rows)? })
    }
}

impl Stack for PredictionIntervals {
    fn stack(parts: &[Self]) -> Result<Self> {
        let level = parts.first().ok_or_else(|| Error::empty("there are no parts to put together"))?.level;
        if parts.iter().any(|part| part.level != level) {
            return Err(Error::malformed("the parts have different levels and cannot be put together"));
        }
        let all = |ends: fn(&Self) -> &Vec<f64>| parts.iter().flat_map(ends).copied().collect();
        Ok(PredictionIntervals { level, low: all(|part| &part.low), high: all(|part| &part.high) })
    }
}

/// A predictor of numbers that also gives an interval for each row.
pub trait IntervalPredictor: Predictor<Output = Values> {
    /// An interval for each row.
    ///
    /// # Errors
    /// As [`Predictor::predict`], and when there are too few calibration rows for the level.
    fn predict_interval(&self, x: &Self::Input) -> Result<PredictionIntervals>;
}

impl<M: IntervalPredictor> Answers<PredictionIntervals> for M {
    fn answer(&self, x: &M::Input) -> Result<PredictionIntervals> {
        self.predict_interval(x)
    }
}

/// The share of the rows whose truth lies in its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage;

/// The mean width of the intervals: of two with the same coverage the narrower are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanWidth;

/// The mean interval score: the width, and `2 / (1 - level)` times the distance of a truth outside (Winkler, 1972;
/// Gneiting and Raftery, 2007). No intervals but the true quantiles have a lower one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IntervalScore;

macro_rules! of_intervals {
    ($metric:ident, $name:literal, $higher:literal, $most:expr, |$truth:ident, $given:ident, $row:ident| $score:expr) => {
        impl Metric for $metric {
            type Truth = Values;
            type Prediction = PredictionIntervals;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                $name.to_owned()
            }

            fn bounds(&self) -> (f64, f64) {
                (0.0, $most)
            }

            fn score_weighted(
                &self,
                truth: &Values,
                prediction: &PredictionIntervals,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
                let scores = self.row_scores(truth, prediction)?.unwrap_or_default();
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                let term = |row: usize| if weight(row) == 0.0 { 0.0 } else { weight(row) * scores[row] };
                Ok(reduce::sum_by(scores.len(), term) / reduce::sum_by(scores.len(), weight))
            }

            fn row_scores(
                &self,
                truth: &Values,
                prediction: &PredictionIntervals,
            ) -> Result<Option<Vec<f64>>> {
                check_rows_of(truth.n_rows(), prediction.n_rows(), None)?;
                check_numbers("the truth", truth.as_slice())?;
                let ends = prediction.low.iter().zip(&prediction.high);
                if let Some(row) = ends.clone().position(|(low, high)| low.is_nan() || high.is_nan()) {
                    return Err(Error::malformed(format!("an end of the interval of row {row} is NaN")));
                }
                let score = |$row: usize| {
                    let ($truth, $given) = (truth.as_slice()[$row], prediction);
                    $score
                };
                Ok(Some((0..truth.n_rows()).map(score).collect()))
            }
        }
    };
}

of_intervals!(Coverage, "coverage", true, 1.0, |truth, given, row| f64::from(u8::from(
    given.contains(row, truth)
)));
of_intervals!(MeanWidth, "mean_width", false, f64::INFINITY, |truth, given, row| {
    let _ = truth;
    given.high[row] - given.low[row]
});
of_intervals!(IntervalScore, "interval_score", false, f64::INFINITY, |truth, given, row| {
    let outside = (given.low[row] - truth).max(truth - given.high[row]).max(0.0);
    given.high[row] - given.low[row] + 2.0 / (1.0 - given.level) * outside
});
