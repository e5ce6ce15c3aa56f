//! Errors of forecasts beside those of the simplest forecast.

use perennial_core::{Error, Param, Result, Values, check_numbers};
use serde::{Deserialize, Serialize};

use super::values::{checked, in_range};
use super::{MeanAbsoluteError, Metric, RootMeanSquaredError};

const SEASON: Param = Param::integer("season", "rows after which the series repeats").at_least(1.0);

/// The errors of answering with the value one season ago.
fn naive_pairs(history: &[f64], season: usize) -> Result<(Values, Values)> {
    SEASON.check_count(season)?;
    check_numbers("the history", history)?;
    if history.len() <= season {
        return Err(Error::insufficient_data(format!(
            "a history of {} values has none that lies {season} after another; give it more than {season}",
            history.len()
        )));
    }
    let (before, after) = (&history[..history.len() - season], &history[season..]);
    Ok((after.to_vec().into(), before.to_vec().into()))
}

/// The error is that of the simplest forecast times this.
fn scale(error: f64, name: &str) -> Result<f64> {
    if error > 0.0 {
        return Ok(error);
    }
    Err(Error::insufficient_data(format!(
        "`{name}` divides by the error of repeating the history, which is 0: it never changes; use `MeanAbsoluteError`"
    )))
}

macro_rules! scaled {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $error:expr) => {
        $(#[$doc])*
        ///
        /// Below 1 the answers are better than the value one season ago was on the history.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $metric {
            naive: f64,
        }

        impl $metric {
            /// For answers after this history, in the order of time; `season` is 1 for series without one.
            ///
            /// # Errors
            /// When the history has no two values a season apart, holds a number that is not finite, or never changes.
            pub fn new(history: &[f64], season: usize) -> Result<Self> {
                let (after, before) = naive_pairs(history, season)?;
                Ok($metric { naive: scale($error.score(&after, &before)?, $name)? })
            }
        }

        impl Metric for $metric {
            type Truth = Values;
            type Prediction = Values;
            const HIGHER_IS_BETTER: bool = false;

            fn name(&self) -> String {
                $name.to_owned()
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
                checked(truth, prediction, weights)?;
                in_range($error.score_weighted(truth, prediction, weights)? / scale(self.naive, $name)?, $name)
            }
        }
    };
}

scaled!(
    /// The mean absolute error as a share of that of repeating the history (Hyndman and Koehler, 2006).
    ///
    /// ```
    /// use perennial_core::Values;
    /// use perennial_evaluation::{Metric, metric::MeanAbsoluteScaledError};
    ///
    /// let metric = MeanAbsoluteScaledError::new(&[1.0, 3.0, 2.0, 4.0, 3.0], 1)?;
    /// let (truth, answer) = (Values::from(vec![5.0, 4.0]), Values::from(vec![4.0, 4.5]));
    /// assert_eq!(metric.score(&truth, &answer)?, 0.5);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    MeanAbsoluteScaledError, "mean_absolute_scaled_error", MeanAbsoluteError
);
scaled!(
    /// The root mean squared error as a share of that of repeating the history (Hyndman and Koehler, 2006).
    RootMeanSquaredScaledError, "root_mean_squared_scaled_error", RootMeanSquaredError
);
