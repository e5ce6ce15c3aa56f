//! Powers that make columns look normal.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result,
    Train, Transformer,
};
use perennial_numeric::special::ln_1p;
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

use super::power_search::{Logarithms, best_exponent, power};
use crate::cells::{by_column, map_rows};
use crate::decided;
use crate::moments::Moments;
use crate::schema;

/// Rows of a task.
const ROWS: usize = 4096;

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
    /// `log(1 + |x|)` with the sign of `x`, or `log(x)`.
    #[inline(always)]
    fn logarithm(self, x: f64) -> f64 {
        match self {
            PowerMethod::YeoJohnson => ln_1p(x.abs()).copysign(x),
            PowerMethod::BoxCox => libm::log(x),
        }
    }

    #[inline(always)]
    fn forward(self, lambda: f64, x: f64) -> f64 {
        let log = self.logarithm(x);
        match self {
            PowerMethod::BoxCox => power(lambda, log),
            PowerMethod::YeoJohnson => {
                power(if x < 0.0 { 2.0 - lambda } else { lambda }, log.abs()).copysign(x)
            }
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

    fn exponent(&self, name: &str, values: &mut Vec<f64>) -> Result<f64> {
        values.retain(|value| !value.is_nan());
        if self.method == PowerMethod::BoxCox
            && let Some(&value) = values.iter().find(|value| **value <= 0.0)
        {
            return Err(not_positive(name, value));
        }
        simd::widest(|| values.iter_mut().for_each(|value| *value = self.method.logarithm(*value)));
        let logs = Logarithms::new(std::mem::take(values), self.method == PowerMethod::YeoJohnson);
        if logs.are_equal() { Ok(1.0) } else { best_exponent(name, &logs) }
    }

    /// The model, and the powers of the training rows.
    fn learn(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<(PowerModel, Option<Matrix>)> {
        let features = train.x.features().clone();
        let found = by_column(train.x.dense()?, |column, values| {
            train.ctx.check()?;
            self.exponent(features.name(column), values)
        });
        let lambdas = found.into_iter().collect::<Result<Vec<_>>>()?;
        let n_cols = lambdas.len();
        let (means, divisors) = (vec![0.0; n_cols], vec![1.0; n_cols]);
        let mut model = PowerModel { features, method: self.method, lambdas, means, divisors };
        if !self.standardize {
            return Ok((model, None));
        }
        let powers = model.powers(train.x, |_, power| power)?;
        let moments = Moments::of(powers.dense()?, None);
        model.divisors = (0..n_cols).map(|column| moments.divisor(column)).collect();
        model.means = moments.mean;
        Ok((model, Some(powers)))
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
        Ok(self.learn(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

impl FitTransform for PowerTransformer {
    /// The powers whose moments were taken are those that are standardised.
    fn fit_transform_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<(PowerModel, Matrix)> {
        let (model, powers) = self.learn(train)?;
        let x = match powers {
            Some(powers) => model.standardise(powers)?,
            None => model.transform(train.x)?,
        };
        Ok((model, x))
    }

    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::same_columns(x)
    }
}

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

    /// `f(column, cell)` of every cell that is not missing.
    fn map(&self, x: &Matrix, f: impl Fn(usize, f64) -> f64 + Sync) -> Result<Matrix> {
        let n_cols = self.features.len();
        map_rows(x, &self.features, |_, rows, out| {
            // A column at a time, side by side, so that what `f` computes fills vectors.
            let mut cells = vec![0.0; rows.len() / n_cols.max(1)];
            for column in 0..n_cols {
                for (cell, row) in cells.iter_mut().zip(rows.chunks_exact(n_cols)) {
                    *cell = row[column];
                }
                simd::widest(Each { cells: &mut cells, f: |cell| f(column, cell) });
                for (cell, row) in cells.iter().zip(out.chunks_exact_mut(n_cols)) {
                    row[column] = *cell;
                }
            }
        })
    }

    /// `then(column, power)` of the power of every cell.
    fn powers(&self, x: &Matrix, then: impl Fn(usize, f64) -> f64 + Sync) -> Result<Matrix> {
        if self.method == PowerMethod::BoxCox {
            let bad = x.dense()?.indexed_iter().find(|(_, value)| **value <= 0.0);
            if let Some(((_, column), &value)) = bad {
                return Err(not_positive(self.features.name(column), value));
            }
        }
        self.map(x, |column, value| then(column, self.method.forward(self.lambdas[column], value)))
    }

    /// Powers brought to mean 0 and deviation 1, where they lie.
    fn standardise(&self, powers: Matrix) -> Result<Matrix> {
        let mut powers = powers.into_dense()?;
        let n_cols = self.features.len();
        let cells =
            powers.as_slice_mut().ok_or_else(|| Error::unsupported("the powers do not lie row by row"))?;
        reduce::fill_rows(cells, n_cols, ROWS, |_, rows| {
            for row in rows.chunks_exact_mut(n_cols) {
                for (column, cell) in row.iter_mut().enumerate() {
                    *cell = self.standardised(column, *cell);
                }
            }
        });
        let powers = Matrix::from_dense(powers, self.features.clone())?;
        powers.check_finite(true)?;
        Ok(powers)
    }

    /// A power brought to mean 0 and deviation 1.
    #[inline(always)]
    fn standardised(&self, column: usize, power: f64) -> f64 {
        (power - self.means[column]) / self.divisors[column]
    }
}

/// Replaces each cell that is not missing by `f` of it.
struct Each<'a, F> {
    cells: &'a mut [f64],
    f: F,
}

impl<F: Fn(f64) -> f64> simd::Kernel for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for cell in self.cells {
            let new = (self.f)(*cell);
            *cell = if cell.is_nan() { *cell } else { new };
        }
    }
}

impl Transformer for PowerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        self.powers(&x, |column, power| self.standardised(column, power))
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        decided::of_columns(
            self,
            &self.features,
            "the likelihood of a normal distribution over the training rows",
            |column| format!("the power is {}", self.lambdas[column]),
        )
    }
}
