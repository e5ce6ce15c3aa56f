//! By quantiles, which a few wild values do not move.

use perennial_core::{
    Capabilities, Error, Estimator, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result, Train,
};
use serde::{Deserialize, Serialize};

use super::model::{ScalerModel, too_large};
use crate::cells::by_column;
use crate::schema;
use crate::stats::quantiles;

/// Centres each column on its median and divides it by the distance between two of its quantiles.
///
/// Missing cells are left out of the statistics and stay missing. A column whose quantiles are equal is centred
/// and not divided. A weight counts as copies of its row.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `with_centering` | true | | whether to centre |
/// | `with_scaling` | true | | whether to divide |
/// | `low`, `high` | 0.25, 0.75 | 0 to 1, `low` below `high` | the shares of the rows below the two quantiles |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::RobustScaler;
///
/// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0], [1000.0]]);
/// let scaled = RobustScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[-1.0], [-0.5], [0.0], [0.5], [498.5]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustScaler {
    with_centering: bool,
    with_scaling: bool,
    low: f64,
    high: f64,
}

impl Default for RobustScaler {
    fn default() -> Self {
        RobustScaler { with_centering: true, with_scaling: true, low: 0.25, high: 0.75 }
    }
}

const LOW: Param =
    Param::real("low", "share of the rows below the lower quantile").at_least(0.0).at_most(1.0);
const HIGH: Param =
    Param::real("high", "share of the rows below the upper quantile").at_least(0.0).at_most(1.0);

impl RobustScaler {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[LOW, HIGH];

    /// By the median and the quartiles.
    pub fn new() -> Self {
        RobustScaler::default()
    }

    /// Whether to centre.
    #[must_use]
    pub fn with_centering(mut self, with_centering: bool) -> Self {
        self.with_centering = with_centering;
        self
    }

    /// Whether to divide.
    #[must_use]
    pub fn with_scaling(mut self, with_scaling: bool) -> Self {
        self.with_scaling = with_scaling;
        self
    }

    /// The shares of the rows below the two quantiles, such as 0.05 and 0.95.
    #[must_use]
    pub fn quantile_range(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (low, high);
        self
    }

    fn check(&self) -> Result<()> {
        LOW.check(self.low)?;
        HIGH.check(self.high)?;
        if self.low < self.high {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "the quantile range from {} to {} is empty; `low` must be below `high`",
            self.low, self.high
        )))
    }
}

impl Estimator for RobustScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        self.check()?;
        let mut shares = [self.low, 0.5, self.high];
        shares.sort_by(f64::total_cmp);
        let place = |share: f64| shares.iter().position(|other| *other == share).unwrap_or(0);
        let [low, middle, high] = [self.low, 0.5, self.high].map(place);
        let found = by_column(train.x.dense()?, |_, values| quantiles(values, train.weights, &shares));
        let (mut centres, mut divisors) = (Vec::new(), Vec::new());
        for (found, name) in found.into_iter().zip(train.x.features().names()) {
            let found = found.unwrap_or(vec![0.0; 3]);
            let width = found[high] - found[low];
            if !width.is_finite() {
                return Err(too_large(name));
            }
            // As in scikit-learn, what rounding may leave of equal quantiles does not divide.
            let divides = self.with_scaling && width >= 10.0 * f64::EPSILON;
            centres.push(if self.with_centering { found[middle] } else { 0.0 });
            divisors.push(if divides { width } else { 1.0 });
        }
        let shifts = vec![0.0; train.x.n_cols()];
        ScalerModel::new(train.x.features().clone(), centres, divisors, shifts, None)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for RobustScaler {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::same_columns(x)
    }
}
