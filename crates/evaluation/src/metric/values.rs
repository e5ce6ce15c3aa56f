//! Metrics of numbers.

use perennial_core::{Error, Param, Result, Values, check_numbers};
use perennial_numeric::reduce;
use perennial_statistics::describe::median;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::{Metric, bootstrap, check_pairs, mean_by};
use crate::IntervalOptions;

pub(super) fn checked<'a>(
    truth: &'a Values,
    prediction: &'a Values,
    weights: Option<&[f64]>,
) -> Result<(&'a [f64], &'a [f64])> {
    let (truth, prediction) = (truth.as_slice(), prediction.as_slice());
    check_pairs(truth.len(), prediction.len(), weights)?;
    check_numbers("the truth", truth)?;
    check_numbers("the prediction", prediction)?;
    Ok((truth, prediction))
}

/// Both sides as slices, all rows counting the same.
pub(crate) fn checked_pair<'a>(truth: &'a Values, prediction: &'a Values) -> Result<(&'a [f64], &'a [f64])> {
    checked(truth, prediction, None)
}

pub(super) fn in_range(score: f64, name: &str) -> Result<f64> {
    if score.is_finite() {
        return Ok(score);
    }
    Err(Error::overflow(format!("`{name}` is beyond the range of f64 for errors so large; scale the target")))
}

/// Metrics that are the mean of a number per row.
macro_rules! mean_of_rows {
    ($metric:ident, $name:literal, |$self:ident, $truth:ident, $predicted:ident| $loss:expr) => {
        impl Metric for $metric {
            type Truth = Values;
            type Prediction = Values;
            const HIGHER_IS_BETTER: bool = false;

            fn name(&self) -> String {
                let $self = self;
                $self.full_name($name)
            }

            fn bounds(&self) -> (f64, f64) {
                (0.0, f64::INFINITY)
            }

            fn score_weighted(
                &self,
                truth: &Values,
                prediction: &Values,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                self.check()?;
                let (truth, prediction) = checked(truth, prediction, weights)?;
                let loss = |row: usize| self.loss(truth[row], prediction[row]);
                in_range(mean_by(truth.len(), weights, loss), $name)
            }

            fn row_scores(&self, truth: &Values, prediction: &Values) -> Result<Option<Vec<f64>>> {
                self.check()?;
                let (truth, prediction) = checked(truth, prediction, None)?;
                Ok(Some(truth.iter().zip(prediction).map(|(&t, &p)| self.loss(t, p)).collect()))
            }
        }

        impl $metric {
            pub(super) fn loss(&self, $truth: f64, $predicted: f64) -> f64 {
                let $self = self;
                let _ = $self;
                $loss
            }
        }
    };
}

/// Metrics without settings have nothing to check.
macro_rules! no_settings {
    ($($metric:ident),*) => {$(
        impl $metric {
            fn check(&self) -> Result<()> {
                Ok(())
            }

            fn full_name(&self, name: &str) -> String {
                name.to_owned()
            }
        }
    )*};
}

/// The mean of the absolute errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanAbsoluteError;

/// The mean of the squared errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanSquaredError;

/// The mean of the absolute errors as shares of the absolute truth, which counts as 2^-52 where it is smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanAbsolutePercentageError;

/// The mean pinball loss of predicted quantiles (Koenker and Bassett, 1978).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `quantile` | 0.5 | in [0, 1] | the share of the truth that should lie below the prediction |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanPinball {
    pub(super) quantile: f64,
}

impl Default for MeanPinball {
    fn default() -> Self {
        MeanPinball { quantile: 0.5 }
    }
}

const QUANTILE: Param = Param::real("quantile", "share below the prediction").at_least(0.0).at_most(1.0);

impl MeanPinball {
    /// For predictions of this quantile.
    pub fn new(quantile: f64) -> Self {
        MeanPinball { quantile }
    }

    pub(super) fn check(&self) -> Result<()> {
        QUANTILE.check(self.quantile)
    }

    fn full_name(&self, name: &str) -> String {
        format!("{name}_{}", self.quantile)
    }
}

no_settings!(MeanAbsoluteError, MeanSquaredError, MeanAbsolutePercentageError);
mean_of_rows!(MeanAbsoluteError, "mean_absolute_error", |metric, truth, predicted| (truth - predicted).abs());
mean_of_rows!(MeanSquaredError, "mean_squared_error", |metric, truth, predicted| (truth - predicted)
    * (truth - predicted));
mean_of_rows!(
    MeanAbsolutePercentageError,
    "mean_absolute_percentage_error",
    |metric, truth, predicted| (truth - predicted).abs() / truth.abs().max(f64::EPSILON)
);
mean_of_rows!(MeanPinball, "mean_pinball", |metric, truth, predicted| {
    let error = truth - predicted;
    if error >= 0.0 { metric.quantile * error } else { (metric.quantile - 1.0) * error }
});

/// Metrics of numbers that are no mean over rows.
macro_rules! of_all_rows {
    ($metric:ident, $name:literal, $higher:literal, $score:expr $(, { $($more:tt)* })?) => {
        impl Metric for $metric {
            type Truth = Values;
            type Prediction = Values;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                $name.to_owned()
            }

            /// What is better when higher is a share of 1; errors start at 0.
            fn bounds(&self) -> (f64, f64) {
                if $higher { (f64::NEG_INFINITY, 1.0) } else { (0.0, f64::INFINITY) }
            }

            fn score_weighted(
                &self,
                truth: &Values,
                prediction: &Values,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                let (truth, prediction) = checked(truth, prediction, weights)?;
                let score: fn(&[f64], &[f64], Option<&[f64]>) -> Result<f64> = $score;
                in_range(score(truth, prediction, weights)?, $name)
            }

            $($($more)*)?
        }
    };
}

/// The root of the mean of the squared errors; errors of 1e200 do not overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RootMeanSquaredError;

/// The share of the variance that is explained: 1 is perfect, 0 is as good as the mean of the truth.
///
/// Where all truths are equal it is 1 for perfect answers and 0 otherwise. A single row is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct R2;

/// The median of the absolute errors; with weights, where half of the weight lies on either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MedianAbsoluteError;

/// The largest absolute error of a row with weight. It has no interval: rows tell nothing of errors larger than the largest that was seen.
/// So what gives each score with one refuses it ([`Replay`](crate::Replay), [`MetricFrame`](crate::fairness::MetricFrame)), and
/// [`score_slices`](crate::score_slices) skips its slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MaxError;

of_all_rows!(
    RootMeanSquaredError,
    "root_mean_squared_error",
    false,
    |truth, prediction, weights| {
        let error = |row: usize| truth[row] - prediction[row];
        let mean_square = mean_by(truth.len(), weights, |row| error(row).powi(2));
        if mean_square.is_normal() {
            return Ok(mean_square.sqrt());
        }
        // The squares left the range of f64, or all are 0.
        let largest = largest_error(truth, prediction, weights);
        if largest == 0.0 || !largest.is_finite() {
            return Ok(largest);
        }
        Ok(largest * mean_by(truth.len(), weights, |row| (error(row) / largest).powi(2)).sqrt())
    },
    {
        /// That of the logarithm (Bonett, 2006), which holds few squared errors better than a bootstrap; of blocks the bootstrap.
        fn interval(
            &self,
            truth: &Values,
            prediction: &Values,
            options: &IntervalOptions<'_>,
        ) -> Result<Interval> {
            let weights = options.row_weights();
            let estimate = self.score_weighted(truth, prediction, weights)?;
            let largest = largest_error(truth.as_slice(), prediction.as_slice(), weights);
            // In terms of the largest, so that squares stay in the range of f64.
            let unit = if largest > 0.0 { largest } else { 1.0 };
            let squares: Vec<f64> = truth
                .as_slice()
                .iter()
                .zip(prediction.as_slice())
                .map(|(t, p)| ((t - p) / unit).powi(2))
                .collect();
            match options.of_positive_mean(&squares)? {
                Some(found) => {
                    let low = unit * found.low.sqrt();
                    Ok(Interval {
                        estimate,
                        low: low.min(estimate),
                        high: (unit * found.high.sqrt()).max(estimate),
                        ..found
                    })
                }
                None => bootstrap(self, truth, prediction, options),
            }
        }
    }
);

of_all_rows!(R2, "r2", true, |truth, prediction, weights| {
    if truth.len() < 2 {
        return Err(Error::insufficient_data(
            "`r2` compares with the variance of the truth and needs at least 2 rows; use an absolute error for 1 row",
        ));
    }
    let mean = mean_by(truth.len(), weights, |row| truth[row]);
    let unexplained = mean_by(truth.len(), weights, |row| (truth[row] - prediction[row]).powi(2));
    let total = mean_by(truth.len(), weights, |row| (truth[row] - mean).powi(2));
    Ok(match (unexplained == 0.0, total == 0.0) {
        (true, true) => 1.0,
        (false, true) => 0.0,
        _ => 1.0 - unexplained / total,
    })
});

of_all_rows!(MedianAbsoluteError, "median_absolute_error", false, |truth, prediction, weights| {
    let errors: Vec<f64> = truth.iter().zip(prediction).map(|(t, p)| (t - p).abs()).collect();
    match weights {
        None if errors.iter().all(|error| error.is_finite()) => median(&errors),
        None => Ok(f64::INFINITY),
        Some(_) => Ok(weighted_quantile(&errors, weights, 0.5)),
    }
});

of_all_rows!(
    MaxError,
    "max_error",
    false,
    |truth, prediction, weights| Ok(largest_error(truth, prediction, weights)),
    {
        fn check_bootstrap(&self) -> Result<()> {
            Err(Error::unsupported(
                "rows tell nothing of errors larger than the largest that was seen, so `max_error` has no interval, nor scores by windows, groups or slices, which come with one; use a high quantile of the errors, or a mean",
            ))
        }
    }
);

fn largest_error(truth: &[f64], prediction: &[f64], weights: Option<&[f64]>) -> f64 {
    let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
    (0..truth.len()).filter(counts).map(|row| (truth[row] - prediction[row]).abs()).fold(0.0, f64::max)
}

/// The value with this share of the weight below it; the middle of two where the share ends between them. No other
/// constant has a smaller pinball loss.
pub(crate) fn weighted_quantile(values: &[f64], weights: Option<&[f64]>, share: f64) -> f64 {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut rows: Vec<usize> = (0..values.len()).filter(|&row| weight(row) > 0.0).collect();
    rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let wanted = share * reduce::sum_by(rows.len(), |place| weight(rows[place]));
    let mut reached = 0.0;
    for (place, &row) in rows.iter().enumerate() {
        reached += weight(row);
        if reached > wanted {
            return values[row];
        }
        if reached == wanted && share > 0.0 {
            let next = rows.get(place + 1).map_or(values[row], |&next| values[next]);
            return 0.5 * values[row] + 0.5 * next;
        }
    }
    rows.last().map_or(f64::NAN, |&row| values[row])
}
