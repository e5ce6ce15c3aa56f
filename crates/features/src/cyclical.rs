//! Sine and cosine of what repeats.

use std::f64::consts::TAU;

use ndarray::Array2;
use perennial_core::{
    Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use serde::{Deserialize, Serialize};

/// Turns each column into the sine and the cosine of its place in a period, so that 23 o'clock is next to 0.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `period` | 24 | > 0 | after how much the column repeats |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::CyclicalFeatures;
///
/// let hours = Matrix::from(array![[0.0], [6.0], [24.0]]).with_names(["hour"])?;
/// let x = CyclicalFeatures::new(24.0).fit(&hours, &NoTarget)?.transform(&hours)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["sin(hour)", "cos(hour)"]);
/// assert!((&x.dense()?.view() - &array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).iter().all(|gap| gap.abs() < 1e-15));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CyclicalFeatures {
    period: f64,
}

impl Default for CyclicalFeatures {
    fn default() -> Self {
        CyclicalFeatures { period: 24.0 }
    }
}

const PERIOD: Param = Param::real("period", "after how much the column repeats").above(0.0);

impl CyclicalFeatures {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[PERIOD];

    /// Columns that repeat after `period`.
    pub fn new(period: f64) -> Self {
        CyclicalFeatures { period }
    }
}

impl Estimator for CyclicalFeatures {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = CyclicalModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<CyclicalModel> {
        CyclicalModel::new(train.x.features().clone(), self.period)
    }

    /// Nothing is learned from the rows, so weights change nothing.
    fn capabilities(&self) -> perennial_core::Capabilities {
        perennial_core::Capabilities::new().weights()
    }
}

impl FitTransform for CyclicalFeatures {}

/// A fitted [`CyclicalFeatures`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct CyclicalModel {
    features: Features,
    period: f64,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    period: f64,
}

impl TryFrom<Parts> for CyclicalModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        CyclicalModel::new(parts.features, parts.period)
    }
}

impl CyclicalModel {
    fn new(features: Features, period: f64) -> Result<Self> {
        PERIOD.check(period)?;
        let both = |name: &str| [format!("sin({name})"), format!("cos({name})")].map(Feature::numeric);
        let output = features.names().flat_map(both).collect::<Vec<_>>().try_into()?;
        Ok(CyclicalModel { features, period, output })
    }
}

impl Transformer for CyclicalModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        // The remainder is exact; the angle of a large number would not be.
        let angle = |row: usize, column: usize| (x[[row, column]] % self.period) / self.period * TAU;
        let cell = |(row, place): (usize, usize)| match place % 2 {
            0 => angle(row, place / 2).sin(),
            _ => angle(row, place / 2).cos(),
        };
        Matrix::from(Array2::from_shape_fn((x.nrows(), 2 * x.ncols()), cell))
            .with_features(self.output.clone())
    }
}
