//! Powers that make columns look normal.

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Result, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use super::power_search::{Logarithm, best_exponent, power};
use crate::cells::{by_column, map_rows};
use crate::stats::Moments;

/// Which family of powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PowerMethod {
    /// For values of any sign (Yeo and Johnson, 2000).
    #[default]
    YeoJohnson,
    /// For values above 0 (Box and Cox, 1964).
    BoxCox,
}

impl PowerMethod {
    /// Nothing where the value has no such power.
    fn logarithm(self, x: f64) -> Option<Logarithm> {
        match self {
            PowerMethod::YeoJohnson => Some(Logarithm { negative: x < 0.0, log: libm::log1p(x.abs()) }),
            PowerMethod::BoxCox => (x > 0.0).then(|| Logarithm { negative: false, log: libm::log(x) }),
        }
    }

    fn forward(self, lambda: f64, x: f64) -> f64 {
        match self.logarithm(x) {
            None => f64::INFINITY,
            Some(Logarithm { negative: false, log }) => power(lambda, log),
            Some(Logarithm { negative: true, log }) => -power(2.0 - lambda, log),
        }
    }

    fn backward(self, lambda: f64, y: f64) -> f64 {
        // The logarithm whose power is `y`.
        let log = |a: f64, y: f64| if a == 0.0 { y } else { libm::log1p(a * y) / a };
        match self {
            PowerMethod::BoxCox => libm::exp(log(lambda, y)),
            PowerMethod::YeoJohnson if y < 0.0 => -libm::expm1(log(2.0 - lambda, -y)),
            PowerMethod::YeoJohnson => libm::expm1(log(lambda, y)),
        }
    }
}

/// Raises each column to the power under which it looks most normal: the one of greatest likelihood.
///
/// Missing cells are left out and stay missing. A constant column keeps the power 1.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `method` | Yeo-Johnson | the family of powers |
/// | `standardize` | true | whether columns are brought to mean 0 and deviation 1 after it |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::PowerTransformer;
///
/// // Powers of two: their logarithms are spread evenly.
/// let x = Matrix::from(Array2::from_shape_fn((9, 1), |(row, _)| f64::powi(2.0, row as i32)));
/// let model = PowerTransformer::box_cox().standardize(false).fit(&x, &NoTarget)?;
/// assert!(model.lambdas()[0].abs() < 1e-9);
/// assert!((model.transform(&x)?.dense()?[[1, 0]] - 2f64.ln()).abs() < 1e-9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerTransformer {
    method: PowerMethod,
    standardize: bool,
}

impl Default for PowerTransformer {
    fn default() -> Self {
        PowerTransformer { method: PowerMethod::YeoJohnson, standardize: true }
    }
}

impl PowerTransformer {
    /// For values of any sign, standardised.
    pub fn new() -> Self {
        PowerTransformer::default()
    }

    /// For values above 0, standardised.
    pub fn box_cox() -> Self {
        PowerTransformer { method: PowerMethod::BoxCox, standardize: true }
    }

    /// Whether columns are brought to mean 0 and deviation 1 after it.
    #[must_use]
    pub fn standardize(mut self, standardize: bool) -> Self {
        self.standardize = standardize;
        self
    }

    fn exponent(&self, name: &str, values: &[f64]) -> Result<f64> {
        let mut logs = Vec::with_capacity(values.len());
        for &value in values.iter().filter(|value| !value.is_nan()) {
            match self.method.logarithm(value) {
                Some(log) => logs.push(log),
                None => return Err(not_positive(name, value)),
            }
        }
        let first = logs.first().map(|first| (first.negative, first.log));
        if logs.iter().all(|log| Some((log.negative, log.log)) == first) {
            return Ok(1.0);
        }
        best_exponent(name, &logs)
    }
}

fn not_positive(column: &str, value: f64) -> Error {
    Error::unsupported(format!(
        "column `{column}` has the value {value}, and Box and Cox's powers need values above 0; use `PowerTransformer::new()`, which takes any sign"
    ))
}

impl Estimator for PowerTransformer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PowerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PowerModel> {
        let features = train.x.features().clone();
        let found = by_column(train.x.dense()?, |column, values| {
            train.ctx.check()?;
            self.exponent(features.name(column), values)
        });
        let lambdas = found.into_iter().collect::<Result<Vec<_>>>()?;
        let n_cols = lambdas.len();
        let mut model = PowerModel {
            features,
            method: self.method,
            lambdas,
            means: vec![0.0; n_cols],
            divisors: vec![1.0; n_cols],
        };
        if self.standardize {
            let powers = model.transform(train.x)?;
            let moments = Moments::of(powers.dense()?, None);
            let divisors = (0..n_cols).map(|column| moments.divisor(column));
            model.divisors = divisors.collect();
            model.means = moments.mean;
        }
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

impl FitTransform for PowerTransformer {}

/// A fitted [`PowerTransformer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PowerModel {
    features: Features,
    method: PowerMethod,
    lambdas: Vec<f64>,
    means: Vec<f64>,
    divisors: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    method: PowerMethod,
    lambdas: Vec<f64>,
    means: Vec<f64>,
    divisors: Vec<f64>,
}

impl TryFrom<Parts> for PowerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, method, lambdas, means, divisors } = parts;
        let numbers = [&lambdas, &means, &divisors];
        let sound =
            numbers.iter().all(|all| all.len() == features.len() && all.iter().all(|n| n.is_finite()));
        if !sound || !divisors.iter().all(|divisor| *divisor > 0.0) {
            return Err(Error::corrupt(
                "a power transform needs one finite power, mean and positive divisor for each column",
            ));
        }
        Ok(PowerModel { features, method, lambdas, means, divisors })
    }
}

impl PowerModel {
    /// The power of each column.
    pub fn lambdas(&self) -> &[f64] {
        &self.lambdas
    }

    /// The numbers that [`transform`](Transformer::transform) gave these; missing where there are none.
    ///
    /// # Errors
    /// When the columns are not those it learned from.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        self.map(&x, |column, value| {
            self.method.backward(self.lambdas[column], value * self.divisors[column] + self.means[column])
        })
    }

    fn map(&self, x: &Matrix, f: impl Fn(usize, f64) -> f64 + Sync) -> Result<Matrix> {
        let n_cols = self.features.len();
        map_rows(x, &self.features, |_, rows, out| {
            for column in 0..n_cols {
                let cells = rows.iter().skip(column).step_by(n_cols);
                let out = out.iter_mut().skip(column).step_by(n_cols);
                out.zip(cells)
                    .for_each(|(out, &cell)| *out = if cell.is_nan() { cell } else { f(column, cell) });
            }
        })
    }
}

impl Transformer for PowerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        if self.method == PowerMethod::BoxCox {
            let bad = x.dense()?.indexed_iter().find(|(_, value)| **value <= 0.0);
            if let Some(((_, column), &value)) = bad {
                return Err(not_positive(self.features.name(column), value));
            }
        }
        self.map(&x, |column, value| {
            (self.method.forward(self.lambdas[column], value) - self.means[column]) / self.divisors[column]
        })
    }
}
