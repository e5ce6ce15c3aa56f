//! To a range.

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Train,
};
use serde::{Deserialize, Serialize};

use super::model::{ScalerModel, too_large};
use crate::batch_parts::from_moments;
use crate::batches::{BoxLearning, FitBatches};
use crate::moments::Moments;
use crate::schema;

/// Maps each column from its smallest and largest value to a range.
///
/// Missing cells are left out and stay missing. A constant column becomes the low end of the range.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `low` | 0 | below `high` | what the smallest value becomes |
/// | `high` | 1 | above `low` | what the largest value becomes |
/// | `clip` | false | | whether values outside those seen are cut to the range |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::MinMaxScaler;
///
/// let x = Matrix::from(array![[1.0], [3.0], [2.0]]);
/// let scaled = MinMaxScaler::new().range(-1.0, 1.0).fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[-1.0], [1.0], [0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinMaxScaler {
    low: f64,
    high: f64,
    clip: bool,
}

impl Default for MinMaxScaler {
    fn default() -> Self {
        MinMaxScaler { low: 0.0, high: 1.0, clip: false }
    }
}

const LOW: Param = Param::real("low", "what the smallest value becomes").at_least(-1e100).at_most(1e100);
const HIGH: Param = Param::real("high", "what the largest value becomes").at_least(-1e100).at_most(1e100);

impl MinMaxScaler {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[LOW, HIGH];

    /// Maps to [0, 1].
    pub fn new() -> Self {
        MinMaxScaler::default()
    }

    /// The range to map to.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (low, high);
        self
    }

    /// Whether values outside those seen are cut to the range.
    #[must_use]
    pub fn clip(mut self, clip: bool) -> Self {
        self.clip = clip;
        self
    }
}

impl Estimator for MinMaxScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        self.model(train.x.features(), || Ok(Moments::of(train.x.dense()?, train.weights)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl MinMaxScaler {
    fn check(&self) -> Result<()> {
        LOW.check(self.low)?;
        HIGH.check(self.high)?;
        if self.low < self.high {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "the range from {} to {} is empty; `low` must be below `high`",
            self.low, self.high
        )))
    }

    fn model(&self, features: &Features, moments: impl FnOnce() -> Result<Moments>) -> Result<ScalerModel> {
        self.check()?;
        let moments = moments()?;
        let (mut centres, mut divisors) = (Vec::new(), Vec::new());
        for (column, name) in features.names().enumerate() {
            let (min, max) = match moments.weight[column] > 0.0 {
                true => (moments.min[column], moments.max[column]),
                false => (0.0, 0.0),
            };
            let width = (max - min) / (self.high - self.low);
            if !width.is_finite() {
                return Err(too_large(name));
            }
            centres.push(min);
            divisors.push(if width > 0.0 { width } else { 1.0 });
        }
        let shifts = vec![self.low; features.len()];
        let clip = self.clip.then_some((self.low, self.high));
        ScalerModel::new(features.clone(), centres, divisors, shifts, clip)
    }
}

impl FitBatches for MinMaxScaler {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_moments(|features, moments| self.model(features, || Ok(moments))))
    }
}

impl FitTransform for MinMaxScaler {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::same_columns(x)
    }
}
