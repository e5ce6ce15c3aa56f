//! Isotonic regression.

use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use perennial_numeric::isotonic::{Point, corners, interpolate, pooled, tied};
use serde::{Deserialize, Serialize};

use crate::rows::tame;

/// Which way the answer goes as the feature rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up, or stays.
    #[default]
    Increasing,
    /// Down, or stays.
    Decreasing,
    /// Whichever way leaves the smaller sum of squared errors; up where they are equal.
    Auto,
}

/// What happens to values below or above all those of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfBounds {
    /// They are answered as the nearest value of training.
    #[default]
    Clip,
    /// They are an error.
    Refuse,
}

/// Least squares with a function of one feature that never turns (Barlow, Bartholomew, Bremner and Brunk, 1972).
///
/// Solved exactly by pooling adjacent violators; between the values of training the answer is a straight line. Rows
/// with the same value are taken together first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `direction` | increasing | | which way the answer goes |
/// | `y_min`, `y_max` | none | finite, `y_min <= y_max` | bounds of the answer |
/// | `out_of_bounds` | clip | | what happens to values beyond those of training |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::isotonic::IsotonicRegression;
///
/// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0]]);
/// let model = IsotonicRegression::new().fit(&x, &Values::from(vec![1.0, 3.0, 2.0, 5.0]))?;
/// assert_eq!(model.predict(&x)?.as_slice(), [1.0, 2.5, 2.5, 5.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsotonicRegression {
    direction: Direction,
    y_min: Option<f64>,
    y_max: Option<f64>,
    out_of_bounds: OutOfBounds,
}

const Y_MIN: Param = Param::real("y_min", "the lowest answer");
const Y_MAX: Param = Param::real("y_max", "the highest answer");

impl IsotonicRegression {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[Y_MIN, Y_MAX];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which way the answer goes.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Sets the lowest answer.
    #[must_use]
    pub fn y_min(mut self, y_min: f64) -> Self {
        self.y_min = Some(y_min);
        self
    }

    /// Sets the highest answer.
    #[must_use]
    pub fn y_max(mut self, y_max: f64) -> Self {
        self.y_max = Some(y_max);
        self
    }

    /// Sets what happens to values beyond those of training.
    #[must_use]
    pub fn out_of_bounds(mut self, out_of_bounds: OutOfBounds) -> Self {
        self.out_of_bounds = out_of_bounds;
        self
    }

    fn check(&self) -> Result<()> {
        self.y_min.map_or(Ok(()), |value| Y_MIN.check(value))?;
        self.y_max.map_or(Ok(()), |value| Y_MAX.check(value))?;
        match (self.y_min, self.y_max) {
            (Some(low), Some(high)) if low > high => {
                Err(Error::invalid_param("y_min", low, format!("a number <= `y_max`, which is {high}")))
            }
            _ => Ok(()),
        }
    }
}

impl Estimator for IsotonicRegression {
    type Input = Matrix;
    type Target = Values;
    type Model = IsotonicModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IsotonicModel> {
        self.check()?;
        train.ctx.check()?;
        let x = train.x.dense()?;
        if x.ncols() != 1 {
            return Err(Error::unsupported(format!(
                "isotonic regression takes one column, and the input has {}; select the one that the answer follows",
                x.ncols()
            )));
        }
        let weights = tame(train.weights);
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        let y = train.y.as_slice();
        let points = tied(x.nrows(), |row| (x[[row, 0]], y[row], weight(row)));
        let up = || pooled(&points, true);
        let down = || pooled(&points, false);
        let (increasing, fitted) = match self.direction {
            Direction::Increasing => (true, up()),
            Direction::Decreasing => (false, down()),
            Direction::Auto => {
                let (up, down) = (up(), down());
                if error(&points, &up) <= error(&points, &down) { (true, up) } else { (false, down) }
            }
        };
        let bound = |y: f64| {
            let y = self.y_min.map_or(y, |low| y.max(low));
            self.y_max.map_or(y, |high| y.min(high))
        };
        let fitted: Vec<f64> = fitted.into_iter().map(bound).collect();
        let (thresholds, values) = corners(&points, &fitted);
        IsotonicModel::try_from(Parts {
            features: train.x.features().clone(),
            increasing,
            out_of_bounds: self.out_of_bounds,
            thresholds,
            values,
        })
        .map_err(|_| Error::overflow("the means of the target leave the range of f64; scale the target"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

fn error(points: &[Point], fitted: &[f64]) -> f64 {
    points.iter().zip(fitted).map(|(point, fitted)| point.weight * (point.y - fitted).powi(2)).sum()
}

/// A fitted [`IsotonicRegression`]: straight lines between thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct IsotonicModel {
    features: Features,
    increasing: bool,
    out_of_bounds: OutOfBounds,
    thresholds: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    increasing: bool,
    out_of_bounds: OutOfBounds,
    thresholds: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Parts> for IsotonicModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, increasing, out_of_bounds, thresholds, values } = parts;
        let sound = features.len() == 1
            && !thresholds.is_empty()
            && thresholds.len() == values.len()
            && thresholds.iter().chain(&values).all(|number| number.is_finite())
            && thresholds.windows(2).all(|pair| pair[0] < pair[1]);
        if !sound {
            return Err(Error::corrupt("the thresholds of the isotonic regression do not hold together"));
        }
        Ok(IsotonicModel { features, increasing, out_of_bounds, thresholds, values })
    }
}

impl IsotonicModel {
    /// Whether the answer rises with the feature.
    pub fn increasing(&self) -> bool {
        self.increasing
    }

    /// The values of the feature between which the answer is a straight line.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// The answers at the thresholds.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

impl Predictor for IsotonicModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let cells: Vec<f64> = x.dense()?.iter().copied().collect();
        let (low, high) = (self.thresholds[0], self.thresholds[self.thresholds.len() - 1]);
        let beyond = |value: &f64| self.out_of_bounds == OutOfBounds::Refuse && !(low..=high).contains(value);
        if let Some(row) = cells.iter().position(beyond) {
            return Err(Error::unknown(format!(
                "row {row} has {}, beyond the values of training, {low} to {high}; set `out_of_bounds` to clip to answer it as the nearest of them",
                cells[row]
            )));
        }
        Ok(cells.into_iter().map(|value| interpolate(&self.thresholds, &self.values, value)).collect())
    }
}
