//! Metrics of answers that are distributions: several quantiles, or draws.

use perennial_core::{Error, Outputs, Param, Result, Rows, Values, check_numbers};
use serde::{Deserialize, Serialize};

use super::values::in_range;
use super::{MeanPinball, Metric, check_pairs, mean_by};

fn checked(truth: &Values, prediction: &Outputs, weights: Option<&[f64]>) -> Result<()> {
    check_pairs(truth.n_rows(), prediction.n_rows(), weights)?;
    check_numbers("the truth", truth.as_slice())?;
    match prediction.values().indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::malformed(format!(
            "the prediction of row {row} has {value} in column {column}; all must be finite numbers"
        ))),
    }
}

/// The mean pinball loss of several quantiles, the columns of the answer; twice it is the weighted interval score of
/// their intervals (Bracher, Ray, Gneiting and Reich, 2021), and with many quantiles it nears half of [`Crps`].
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Outputs, Values};
/// use perennial_evaluation::{Metric, metric::QuantileLoss};
///
/// let (truth, answer) = (Values::from(vec![2.0]), Outputs::from(array![[1.0, 4.0]]));
/// assert_eq!(QuantileLoss::new([0.25, 0.75]).score(&truth, &answer)?, 0.375);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileLoss {
    quantiles: Vec<f64>,
}

impl QuantileLoss {
    /// Of these quantiles, one for each column.
    pub fn new(quantiles: impl IntoIterator<Item = f64>) -> Self {
        QuantileLoss { quantiles: quantiles.into_iter().collect() }
    }

    fn losses<'a>(
        &self,
        truth: &'a Values,
        prediction: &'a Outputs,
    ) -> Result<impl Fn(usize) -> f64 + Sync + use<'a>> {
        let values = prediction.values();
        if values.ncols() != self.quantiles.len() {
            return Err(Error::length_mismatch(
                "the columns of the prediction",
                self.quantiles.len(),
                values.ncols(),
            ));
        }
        let pinballs: Vec<MeanPinball> =
            self.quantiles.iter().map(|quantile| MeanPinball::new(*quantile)).collect();
        pinballs.iter().try_for_each(MeanPinball::check)?;
        Ok(move |row: usize| {
            let losses = pinballs
                .iter()
                .zip(values.row(row))
                .map(|(pinball, value)| pinball.loss(truth.as_slice()[row], *value));
            losses.sum::<f64>() / pinballs.len() as f64
        })
    }
}

/// How wide several intervals of each answer are and how far the truth lies beside them: the weighted interval score (WIS:
/// Bracher, Ray, Gneiting and Reich, 2021), in the units of the truth; less is better. With many levels it nears [`Crps`].
///
/// The columns of the answer are the ends of the intervals as rising quantiles, the widest interval outside: with levels of 0.5
/// and 0.9 they are the quantiles 0.05, 0.25, 0.75 and 0.95, and with the median there is 0.5 in the middle.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `levels` | | in (0, 1), all different | which share of the rows each interval should hold |
/// | `median` | true | | whether there is a column of the median between the intervals |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Outputs, Values};
/// use perennial_evaluation::{Metric, metric::WeightedIntervalScore};
///
/// let (truth, answer) = (Values::from(vec![5.0]), Outputs::from(array![[1.0, 2.0, 4.0]]));
/// // (0.5 * |5 - 2| + 0.2 / 2 * (3 + 2 / 0.2 * 1)) / 1.5
/// let score = WeightedIntervalScore::new([0.8]).score(&truth, &answer)?;
/// assert!((score - 2.8 / 1.5).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedIntervalScore {
    levels: Vec<f64>,
    median: bool,
}

const LEVEL: Param = Param::real("level", "the share of the rows an interval should hold")
    .above(0.0)
    .at_most(1.0 - f64::EPSILON);

impl WeightedIntervalScore {
    /// Of intervals that should hold these shares of the rows, with the median.
    pub fn new(levels: impl IntoIterator<Item = f64>) -> Self {
        WeightedIntervalScore { levels: levels.into_iter().collect(), median: true }
    }

    /// Of answers without the median.
    #[must_use]
    pub fn without_median(mut self) -> Self {
        self.median = false;
        self
    }

    /// Twice the pinball loss of the ends as quantiles is the score.
    fn losses<'a>(
        &self,
        truth: &'a Values,
        prediction: &'a Outputs,
    ) -> Result<impl Fn(usize) -> f64 + Sync + use<'a>> {
        self.levels.iter().try_for_each(|level| LEVEL.check(*level))?;
        let mut levels = self.levels.clone();
        levels.sort_by(f64::total_cmp);
        if levels.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::malformed("two intervals have the same level; give each level once"));
        }
        if levels.is_empty() {
            return Err(Error::empty("there are no levels, so there are no intervals to score"));
        }
        let low = levels.iter().rev().map(|level| 0.5 * (1.0 - level));
        let high = levels.iter().map(|level| 0.5 * (1.0 + level));
        let quantiles = low.chain(self.median.then_some(0.5)).chain(high);
        let loss = QuantileLoss::new(quantiles).losses(truth, prediction)?;
        Ok(move |row: usize| 2.0 * loss(row))
    }
}

/// How far a distribution, given by draws (the columns of the answer), lies from what happened: the continuous ranked
/// probability score (Matheson and Winkler, 1976); for one column it is the mean absolute error.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `fair` | false | whether the score is that of the distribution behind the draws, not of the draws themselves (Ferro, 2014); needs two columns |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crps {
    fair: bool,
}

const COLUMNS: Param = Param::integer("columns", "draws of each row").at_least(1.0);

impl Crps {
    /// Of the draws as they are.
    pub fn new() -> Self {
        Crps::default()
    }

    /// Of the distribution that the draws come from.
    pub fn fair() -> Self {
        Crps { fair: true }
    }

    fn losses<'a>(
        &self,
        truth: &'a Values,
        prediction: &'a Outputs,
    ) -> Result<impl Fn(usize) -> f64 + Sync + use<'a>> {
        let values = prediction.values();
        COLUMNS.check_count(values.ncols())?;
        let fair = self.fair;
        if fair && values.ncols() < 2 {
            return Err(Error::insufficient_data(
                "the fair score needs 2 draws of each row at least; there is 1 column",
            ));
        }
        Ok(move |row: usize| {
            let (truth, m) = (truth.as_slice()[row], values.ncols() as f64);
            let mut draws = values.row(row).to_vec();
            draws.sort_by(f64::total_cmp);
            let error = draws.iter().map(|draw| (draw - truth).abs()).sum::<f64>() / m;
            // The sum of the distances of all pairs, from the order of the draws.
            let pairs = draws
                .iter()
                .enumerate()
                .map(|(place, draw)| (2.0 * place as f64 + 1.0 - m) * draw)
                .sum::<f64>();
            error - pairs / (m * if fair { m - 1.0 } else { m })
        })
    }
}

macro_rules! of_outputs {
    ($metric:ident, $name:literal) => {
        impl Metric for $metric {
            type Truth = Values;
            type Prediction = Outputs;
            const HIGHER_IS_BETTER: bool = false;

            fn name(&self) -> String {
                $name.to_owned()
            }

            fn score_weighted(
                &self,
                truth: &Values,
                prediction: &Outputs,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                checked(truth, prediction, weights)?;
                in_range(mean_by(truth.n_rows(), weights, self.losses(truth, prediction)?), $name)
            }

            fn row_scores(&self, truth: &Values, prediction: &Outputs) -> Result<Option<Vec<f64>>> {
                checked(truth, prediction, None)?;
                let loss = self.losses(truth, prediction)?;
                Ok(Some((0..truth.n_rows()).map(loss).collect()))
            }
        }
    };
}

of_outputs!(QuantileLoss, "quantile_loss");
of_outputs!(WeightedIntervalScore, "weighted_interval_score");
of_outputs!(Crps, "crps");
