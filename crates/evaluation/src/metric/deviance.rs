//! Metrics of numbers beside a baseline, on a logarithmic scale, and of distributions.

use perennial_core::{Error, Param, Result, Values};
use serde::{Deserialize, Serialize};

use super::values::{checked, in_range, weighted_quantile};
use super::{MeanPinball, Metric, mean_by};

/// Metrics of numbers whose settings are checked first; those that are means over rows say the number of each row.
macro_rules! of_values {
    ($metric:ident, $higher:literal, |$self:ident| $name:expr, |$this:ident, $truth:ident, $prediction:ident, $weights:ident| $score:expr
        $(, |$own:ident, $t:ident, $p:ident| $rows:expr)?) => {
        impl Metric for $metric {
            type Truth = Values;
            type Prediction = Values;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                let $self = self;
                let _ = $self;
                $name
            }

            fn bounds(&self) -> (f64, f64) {
                if $higher { (f64::NEG_INFINITY, 1.0) } else { (0.0, f64::INFINITY) }
            }

            fn score_weighted(
                &self,
                truth: &Values,
                prediction: &Values,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                let ($truth, $prediction) = checked(truth, prediction, weights)?;
                let ($this, $weights) = (self, weights);
                let _ = $this;
                in_range($score, &self.name())
            }

            $(fn row_scores(&self, truth: &Values, prediction: &Values) -> Result<Option<Vec<f64>>> {
                let ($t, $p) = checked(truth, prediction, None)?;
                let $own = self;
                let _ = $own;
                Ok($rows)
            })?
        }
    };
}

/// What is compared with a baseline needs two rows or more.
pub(super) fn two_rows(n_rows: usize, name: &str) -> Result<()> {
    if n_rows >= 2 {
        return Ok(());
    }
    Err(Error::insufficient_data(format!(
        "`{name}` compares with a constant answer and needs at least 2 rows; use an absolute error for 1 row"
    )))
}

/// One minus a loss as a share of that of a constant; as for [`R2`](super::R2) where the constant is perfect.
pub(super) fn share(loss: f64, of_constant: f64) -> f64 {
    match (loss == 0.0, of_constant == 0.0) {
        (true, true) => 1.0,
        (false, true) => 0.0,
        _ => 1.0 - loss / of_constant,
    }
}

/// The share of the variance that is explained when a constant error of all answers does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedVariance;

of_values!(
    ExplainedVariance,
    true,
    |metric| "explained_variance".to_owned(),
    |metric, truth, prediction, weights| {
        two_rows(truth.len(), "explained_variance")?;
        let variance = |value: &(dyn Fn(usize) -> f64 + Sync)| {
            let mean = mean_by(truth.len(), weights, value);
            mean_by(truth.len(), weights, |row| (value(row) - mean).powi(2))
        };
        let unexplained = variance(&|row| truth[row] - prediction[row]);
        share(unexplained, variance(&|row| truth[row]))
    }
);

/// The mean of the absolute errors as shares of the mean magnitude of truth and answer, from 0 to 2 (Armstrong, 1985).
///
/// Where both are 0 the error is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymmetricMeanAbsolutePercentageError;

of_values!(
    SymmetricMeanAbsolutePercentageError,
    false,
    |metric| "symmetric_mean_absolute_percentage_error".to_owned(),
    |metric, truth, prediction, weights| mean_by(truth.len(), weights, |row| symmetric(
        truth[row],
        prediction[row]
    )),
    |metric, truth, prediction| Some(truth.iter().zip(prediction).map(|(&t, &p)| symmetric(t, p)).collect())
);

fn symmetric(truth: f64, prediction: f64) -> f64 {
    let size = truth.abs() / 2.0 + prediction.abs() / 2.0;
    if size > 0.0 { (truth / 2.0 - prediction / 2.0).abs() / size * 2.0 } else { 0.0 }
}

/// The mean of the squared gaps between `log(1 + truth)` and `log(1 + answer)`; its root with [`root`](Self::root).
///
/// Truth and answers must be above -1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanSquaredLogError {
    root: bool,
}

impl MeanSquaredLogError {
    /// The mean of the squares.
    pub fn new() -> Self {
        MeanSquaredLogError::default()
    }

    /// The root of the mean of the squares.
    pub fn root() -> Self {
        MeanSquaredLogError { root: true }
    }
}

of_values!(
    MeanSquaredLogError,
    false,
    |metric| if metric.root { "root_mean_squared_log_error" } else { "mean_squared_log_error" }.to_owned(),
    |metric, truth, prediction, weights| {
        above_minus_one(truth, prediction)?;
        let mean = mean_by(truth.len(), weights, |row| log_gap(truth[row], prediction[row]).powi(2));
        if metric.root { mean.sqrt() } else { mean }
    },
    |metric, truth, prediction| {
        above_minus_one(truth, prediction)?;
        (!metric.root).then(|| truth.iter().zip(prediction).map(|(&t, &p)| log_gap(t, p).powi(2)).collect())
    }
);

fn above_minus_one(truth: &[f64], prediction: &[f64]) -> Result<()> {
    above("truth", truth, -1.0, "a logarithm of 1 + it")?;
    above("prediction", prediction, -1.0, "a logarithm of 1 + it")
}

fn log_gap(truth: f64, prediction: f64) -> f64 {
    truth.ln_1p() - prediction.ln_1p()
}

fn above(what: &str, values: &[f64], low: f64, why: &str) -> Result<()> {
    match values.iter().position(|value| *value <= low) {
        None => Ok(()),
        Some(row) => Err(Error::unsupported(format!(
            "the {what} of row {row} is {}, and must be above {low} to have {why}; use another metric",
            values[row]
        ))),
    }
}

/// The mean deviance of a Tweedie distribution: squared errors for power 0, Poisson for 1, gamma for 2, inverse Gaussian
/// for 3 (Jorgensen, 1987).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `power` | 1 | 0, or 1 to 10 | how the variance grows with the mean |
///
/// Answers must be above 0 but for power 0; truths may be 0 below power 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanTweedieDeviance {
    power: f64,
}

impl Default for MeanTweedieDeviance {
    fn default() -> Self {
        MeanTweedieDeviance { power: 1.0 }
    }
}

const POWER: Param = Param::real("power", "how the variance grows with the mean").at_least(0.0).at_most(10.0);

impl MeanTweedieDeviance {
    /// Of this power.
    pub fn new(power: f64) -> Self {
        MeanTweedieDeviance { power }
    }

    /// Of counts.
    pub fn poisson() -> Self {
        MeanTweedieDeviance::new(1.0)
    }

    /// Of amounts whose deviation grows with them.
    pub fn gamma() -> Self {
        MeanTweedieDeviance::new(2.0)
    }

    pub(super) fn power(self) -> f64 {
        self.power
    }

    pub(super) fn check(self, truth: &[f64], prediction: &[f64]) -> Result<()> {
        POWER.check(self.power)?;
        if self.power > 0.0 && self.power < 1.0 {
            return Err(Error::invalid_param("power", self.power, "0, or a number from 1 to 10".to_owned()));
        }
        if self.power == 0.0 {
            return Ok(());
        }
        above("prediction", prediction, 0.0, "a deviance of this power")?;
        match self.power < 2.0 {
            true => above("truth", truth, -f64::MIN_POSITIVE, "a deviance of this power"),
            false => above("truth", truth, 0.0, "a deviance of this power"),
        }
    }

    pub(super) fn of(self, y: f64, mu: f64) -> f64 {
        // What cancels leaves rounding of either sign.
        if y == mu {
            return 0.0;
        }
        let p = self.power;
        let half = match p {
            0.0 => (y - mu).powi(2) / 2.0,
            1.0 => (if y > 0.0 { y * (y / mu).ln() } else { 0.0 }) - y + mu,
            2.0 => (mu / y).ln() + y / mu - 1.0,
            _ => {
                let own = if y > 0.0 { y.powf(2.0 - p) / ((1.0 - p) * (2.0 - p)) } else { 0.0 };
                own - y * mu.powf(1.0 - p) / (1.0 - p) + mu.powf(2.0 - p) / (2.0 - p)
            }
        };
        // Not by `max`, which makes 0 of what is beyond the range of f64.
        if half < 0.0 { 0.0 } else { 2.0 * half }
    }

    /// What the deviance from any mean has of a truth, but for a multiple of it and a constant.
    pub(super) fn own_term(self, y: f64) -> f64 {
        let p = self.power;
        2.0 * match p {
            1.0 if y > 0.0 => y * y.ln(),
            2.0 => -y.ln(),
            _ if y == 0.0 => 0.0,
            _ => y.powf(2.0 - p) / ((1.0 - p) * (2.0 - p)),
        }
    }

    /// By how much the deviance of a truth from a mean grows with the truth, besides its own term.
    pub(super) fn slope(self, mean: f64) -> f64 {
        let p = self.power;
        match p {
            1.0 => -2.0 * (mean.ln() + 1.0),
            _ => -2.0 * mean.powf(1.0 - p) / (1.0 - p),
        }
    }
}

of_values!(
    MeanTweedieDeviance,
    false,
    |metric| format!("mean_tweedie_deviance_{}", metric.power),
    |metric, truth, prediction, weights| {
        metric.check(truth, prediction)?;
        mean_by(truth.len(), weights, |row| metric.of(truth[row], prediction[row]))
    },
    |metric, truth, prediction| {
        metric.check(truth, prediction)?;
        Some(truth.iter().zip(prediction).map(|(&t, &p)| metric.of(t, p)).collect())
    }
);

/// The share of the pinball loss that is explained, beside the quantile of the truth as a constant answer; for the
/// quantile 0.5 that of the absolute error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct D2Pinball {
    loss: MeanPinball,
}

impl D2Pinball {
    /// For predictions of this quantile.
    pub fn new(quantile: f64) -> Self {
        D2Pinball { loss: MeanPinball::new(quantile) }
    }
}

of_values!(
    D2Pinball,
    true,
    |metric| format!("d2_pinball_{}", metric.loss.quantile),
    |metric, truth, prediction, weights| {
        metric.loss.check()?;
        two_rows(truth.len(), "d2_pinball")?;
        let constant = weighted_quantile(truth, weights, metric.loss.quantile);
        let own = mean_by(truth.len(), weights, |row| metric.loss.loss(truth[row], prediction[row]));
        share(own, mean_by(truth.len(), weights, |row| metric.loss.loss(truth[row], constant)))
    }
);
