//! Scalers: each column is shifted and stretched.

use ndarray::{Array2, ArrayView1, ArrayViewMut1, Zip};
use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::stats::{CHUNK, Moments};

/// Centres each column on its mean and divides it by its standard deviation (over n).
///
/// Missing cells are left out of the statistics and stay missing. A constant column is centred and not
/// divided.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `with_mean` | true | whether to centre |
/// | `with_std` | true | whether to divide |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::StandardScaler;
///
/// let x = Matrix::from(array![[1.0, 10.0], [3.0, 30.0]]);
/// let scaled = StandardScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[-1.0, -1.0], [1.0, 1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardScaler {
    with_mean: bool,
    with_std: bool,
}

impl Default for StandardScaler {
    fn default() -> Self {
        StandardScaler { with_mean: true, with_std: true }
    }
}

impl StandardScaler {
    /// Centres and divides.
    pub fn new() -> Self {
        StandardScaler::default()
    }

    /// Whether to centre.
    #[must_use]
    pub fn with_mean(mut self, with_mean: bool) -> Self {
        self.with_mean = with_mean;
        self
    }

    /// Whether to divide.
    #[must_use]
    pub fn with_std(mut self, with_std: bool) -> Self {
        self.with_std = with_std;
        self
    }
}

impl Estimator for StandardScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        let moments = Moments::of(train.x.dense()?, train.weights);
        let divisor = |column: usize| {
            let (variance, mean, n) =
                (moments.variance(column), moments.mean[column], moments.weight[column]);
            // What rounding alone may leave of a constant column, as in scikit-learn.
            let noise = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
            if self.with_std && variance > noise { variance.sqrt() } else { 1.0 }
        };
        let centre = |column: usize| if self.with_mean { moments.mean[column] } else { 0.0 };
        for (column, name) in train.x.features().names().enumerate() {
            if !moments.mean[column].is_finite() || !moments.variance(column).is_finite() {
                return Err(too_large(name));
            }
        }
        let n_cols = train.x.n_cols();
        ScalerModel::new(
            train.x.features().clone(),
            (0..n_cols).map(centre).collect(),
            (0..n_cols).map(divisor).collect(),
            vec![0.0; n_cols],
            None,
        )
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for StandardScaler {}

fn too_large(column: &str) -> Error {
    Error::overflow(format!(
        "the numbers of column `{column}` are so large that their statistics leave the range of f64; divide it by a power of ten first"
    ))
}

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
        LOW.check(self.low)?;
        HIGH.check(self.high)?;
        if !(self.low < self.high) {
            return Err(Error::unsupported(format!(
                "the range from {} to {} is empty; `low` must be below `high`",
                self.low, self.high
            )));
        }
        let moments = Moments::of(train.x.dense()?, train.weights);
        let (mut centres, mut divisors) = (Vec::new(), Vec::new());
        for (column, name) in train.x.features().names().enumerate() {
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
        let shifts = vec![self.low; train.x.n_cols()];
        let clip = self.clip.then_some((self.low, self.high));
        ScalerModel::new(train.x.features().clone(), centres, divisors, shifts, clip)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for MinMaxScaler {}

/// A fitted scaler: `(x - centre) / divisor + shift`, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ScalerModel {
    features: Features,
    centres: Vec<f64>,
    divisors: Vec<f64>,
    shifts: Vec<f64>,
    clip: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Vec<f64>,
    divisors: Vec<f64>,
    shifts: Vec<f64>,
    clip: Option<(f64, f64)>,
}

impl TryFrom<Parts> for ScalerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        ScalerModel::new(parts.features, parts.centres, parts.divisors, parts.shifts, parts.clip)
    }
}

impl ScalerModel {
    fn new(
        features: Features,
        centres: Vec<f64>,
        divisors: Vec<f64>,
        shifts: Vec<f64>,
        clip: Option<(f64, f64)>,
    ) -> Result<Self> {
        let n = features.len();
        let finite = |numbers: &[f64]| numbers.len() == n && numbers.iter().all(|number| number.is_finite());
        let sound =
            finite(&centres) && finite(&shifts) && finite(&divisors) && divisors.iter().all(|d| *d > 0.0);
        if !sound || clip.is_some_and(|(low, high)| !(low <= high)) {
            return Err(Error::corrupt(
                "a scaler needs one finite centre, shift and positive divisor for each column",
            ));
        }
        Ok(ScalerModel { features, centres, divisors, shifts, clip })
    }

    /// What is subtracted from each column.
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// What each column is divided by.
    pub fn divisors(&self) -> &[f64] {
        &self.divisors
    }

    /// The numbers that [`transform`](Transformer::transform) gave these.
    ///
    /// # Errors
    /// When the columns are not those the scaler learned from.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        self.map(&x, |value, centre, divisor, shift| (value - shift) * divisor + centre)
    }

    /// `f(cell, centre, divisor, shift)` of every cell.
    fn map(&self, x: &Matrix, f: impl Fn(f64, f64, f64, f64) -> f64 + Sync) -> Result<Matrix> {
        let x = x.dense()?;
        let (n_rows, n_cols) = x.dim();
        let [centres, divisors, shifts] = [&self.centres, &self.divisors, &self.shifts].map(ArrayView1::from);
        let mut out = vec![0.0; n_rows * n_cols];
        reduce::fill_rows(&mut out, n_cols, CHUNK, |first, rows| {
            for (row, out) in rows.chunks_exact_mut(n_cols).enumerate() {
                Zip::from(ArrayViewMut1::from(out))
                    .and(x.row(first + row))
                    .and(centres)
                    .and(divisors)
                    .and(shifts)
                    .for_each(|out, &cell, &centre, &divisor, &shift| *out = f(cell, centre, divisor, shift));
            }
        });
        let out = Array2::from_shape_vec((n_rows, n_cols), out).map_err(Error::other)?;
        let out = Matrix::from(out).with_features(self.features.clone())?;
        out.check_finite(true).map_err(|_| Error::overflow("a scaled value leaves the range of f64; such a value is far from all that the scaler learned from"))?;
        Ok(out)
    }
}

impl Transformer for ScalerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let scaled = |value: f64, centre: f64, divisor: f64, shift: f64| (value - centre) / divisor + shift;
        match self.clip {
            // `clamp` keeps NaN, which stays missing.
            Some((low, high)) => self.map(&x, |value, c, d, s| scaled(value, c, d, s).clamp(low, high)),
            None => self.map(&x, scaled),
        }
    }
}
