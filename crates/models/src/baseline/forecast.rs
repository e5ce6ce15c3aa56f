//! Forecasts from the past of the target alone.

use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values, check_numbers,
};
use serde::{Deserialize, Serialize};

use crate::rows::tame;

const PERIOD: Param = Param::real("seasonal", "how long a season is, in the unit of the times").above(0.0);
/// Seasons that are looked back where times are missing.
const MOST_SEASONS: usize = 1000;

/// What a [`NaiveForecaster`] answers (Hyndman and Athanasopoulos, 2021).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NaiveForecast {
    /// The last value before.
    #[default]
    Last,
    /// The line through the first and the last value.
    Drift,
    /// The value one season before, in the unit of the times; of a time after the end, that of the same place in the last
    /// season. Where that time is missing, the season before; where all are, the last value before.
    Seasonal(f64),
}

/// Forecasts a series from its own past, without any other feature: what every forecast must beat.
///
/// One column says when each row was; rows may be in any order, and of several rows at one time the mean counts. Score it by
/// splits in the order of time.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `time` | the first column | a column's name | which column says when a row was, as a number |
/// | `strategy` | `Last` | `Last`, `Drift`, `Seasonal(> 0)` | what is answered |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::baseline::{NaiveForecast, NaiveForecaster};
///
/// let days = Matrix::from(Array2::from_shape_fn((14, 1), |(day, _)| day as f64)).with_names(["day"])?;
/// let y: Values = (0..14).map(|day| if day % 7 < 5 { 100.0 + f64::from(day) } else { 20.0 }).collect();
/// let weekly = NaiveForecaster::new().strategy(NaiveForecast::Seasonal(7.0)).fit(&days, &y)?;
/// let next = Matrix::from(Array2::from_shape_fn((7, 1), |(day, _)| (14 + day) as f64)).with_names(["day"])?;
/// assert_eq!(weekly.predict(&next)?.as_slice(), [107.0, 108.0, 109.0, 110.0, 111.0, 20.0, 20.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NaiveForecaster {
    time: Option<String>,
    strategy: NaiveForecast,
}

impl NaiveForecaster {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[PERIOD];

    /// The last value before, by the first column.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which column says when a row was.
    #[must_use]
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Sets what is answered.
    #[must_use]
    pub fn strategy(mut self, strategy: NaiveForecast) -> Self {
        self.strategy = strategy;
        self
    }
}

/// The past of a [`NaiveForecaster`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NaiveForecasterModel {
    features: Features,
    column: usize,
    strategy: NaiveForecast,
    /// Rising.
    times: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    column: usize,
    strategy: NaiveForecast,
    times: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Parts> for NaiveForecasterModel {
    type Error = Error;

    fn try_from(Parts { features, column, strategy, times, values }: Parts) -> Result<Self> {
        let finite = times.iter().chain(&values).all(|value| value.is_finite());
        let rising = times.windows(2).all(|pair| pair[0] < pair[1]);
        let period = !matches!(strategy, NaiveForecast::Seasonal(period) if PERIOD.check(period).is_err());
        if !finite
            || !rising
            || !period
            || times.is_empty()
            || times.len() != values.len()
            || column >= features.len()
        {
            return Err(Error::corrupt(
                "the past of the forecaster is not a series of values by rising times",
            ));
        }
        Ok(NaiveForecasterModel { features, column, strategy, times, values })
    }
}

impl Estimator for NaiveForecaster {
    type Input = Matrix;
    type Target = Values;
    type Model = NaiveForecasterModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<NaiveForecasterModel> {
        if let NaiveForecast::Seasonal(period) = self.strategy {
            PERIOD.check(period)?;
        }
        let features = train.x.features().clone();
        let column = match &self.time {
            Some(name) => features.position(name)?,
            None if features.is_empty() => return Err(Error::empty("the input has no columns")),
            None => 0,
        };
        let weights = tame(train.weights);
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        let times = train.x.dense()?.column(column);
        let mut rows: Vec<usize> = (0..times.len()).filter(|&row| weight(row) > 0.0).collect();
        // The value too, so that the order of the rows is no matter to the last bit.
        let y = train.y.as_slice();
        rows.sort_by(|&a, &b| times[a].total_cmp(&times[b]).then(y[a].total_cmp(&y[b])));
        let mut series = (Vec::new(), Vec::new());
        for same in rows.chunk_by(|&a, &b| times[a] == times[b]) {
            let total: f64 = same.iter().map(|&row| weight(row)).sum();
            series.0.push(times[same[0]]);
            series.1.push(same.iter().map(|&row| weight(row) / total * y[row]).sum::<f64>());
        }
        check_numbers("the values", &series.1)?;
        Ok(NaiveForecasterModel {
            features,
            column,
            strategy: self.strategy,
            times: series.0,
            values: series.1,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl NaiveForecasterModel {
    /// The last time that it has learned from.
    pub fn last_time(&self) -> f64 {
        self.times[self.times.len() - 1]
    }

    /// The last value before a time; the first of all where there is none.
    fn before(&self, time: f64) -> f64 {
        self.values[self.times.partition_point(|known| *known < time).saturating_sub(1)]
    }

    /// The value at a time, but for rounding.
    fn at(&self, time: f64, near: f64) -> Option<f64> {
        let place = self.times.partition_point(|known| *known < time - near);
        self.times.get(place).filter(|known| **known <= time + near).map(|_| self.values[place])
    }

    fn answer(&self, time: f64) -> f64 {
        let (first, last) = (self.times[0], self.last_time());
        match self.strategy {
            NaiveForecast::Last => self.before(time),
            NaiveForecast::Drift => {
                let (start, end) = (self.values[0], self.values[self.values.len() - 1]);
                if first == last { end } else { end + (time - last) / (last - first) * (end - start) }
            }
            NaiveForecast::Seasonal(period) => {
                // Whole seasons are not one more for a rounding of the times.
                let seasons = ((time - last) / period - 1e-6).ceil().max(1.0);
                let found = (0..MOST_SEASONS)
                    .map(|more| time - (seasons + more as f64) * period)
                    .take_while(|time| *time >= first - 1e-6 * period)
                    .find_map(|time| self.at(time, 1e-6 * period));
                found.unwrap_or_else(|| self.before(time))
            }
        }
    }
}

impl Predictor for NaiveForecasterModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let answers: Vec<f64> =
            x.dense()?.column(self.column).iter().map(|time| self.answer(*time)).collect();
        if let Some(row) = answers.iter().position(|answer| !answer.is_finite()) {
            return Err(Error::overflow(format!(
                "the forecast of row {row} is beyond the range of f64; use times in another unit, or another strategy"
            )));
        }
        Ok(answers.into())
    }
}
