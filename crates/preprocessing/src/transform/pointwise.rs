//! One function for every cell.

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Train, Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::cells::map_rows;
use crate::schema;

/// A function of one number that has an inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Function {
    /// The natural logarithm of numbers above 0.
    Log,
    /// `log(1 + x)` of numbers above -1.
    Log1p,
    /// The root of numbers from 0.
    Sqrt,
    /// `1 / x` of numbers that are not 0.
    Reciprocal,
    /// `log(x / (1 - x))` of numbers between 0 and 1.
    Logit,
    /// The angle whose sine is the root, of shares from 0 to 1.
    ArcsinSqrt,
    /// `log(x + sqrt(x^2 + 1))`: a logarithm for numbers of any sign.
    Arcsinh,
}

impl Function {
    fn forward(self, x: f64) -> f64 {
        match self {
            Function::Log => libm::log(x),
            Function::Log1p => libm::log1p(x),
            Function::Sqrt => x.sqrt(),
            Function::Reciprocal => 1.0 / x,
            Function::Logit => libm::log(x / (1.0 - x)),
            Function::ArcsinSqrt => libm::asin(x.sqrt()),
            Function::Arcsinh => libm::asinh(x),
        }
    }

    fn backward(self, y: f64) -> f64 {
        match self {
            Function::Log => libm::exp(y),
            Function::Log1p => libm::expm1(y),
            Function::Sqrt => y * y,
            Function::Reciprocal => 1.0 / y,
            Function::Logit => 1.0 / (1.0 + libm::exp(-y)),
            Function::ArcsinSqrt => libm::sin(y).powi(2),
            Function::Arcsinh => libm::sinh(y),
        }
    }

    /// The numbers it takes, in words; `fits` tells whether one is among them.
    fn domain(self) -> (&'static str, fn(f64) -> bool) {
        match self {
            Function::Log => ("above 0", |x| x > 0.0),
            Function::Log1p => ("above -1", |x| x > -1.0),
            Function::Sqrt => ("from 0 up", |x| x >= 0.0),
            Function::Reciprocal => ("other than 0", |x| x != 0.0),
            Function::Logit => ("between 0 and 1, the ends excluded", |x| x > 0.0 && x < 1.0),
            Function::ArcsinSqrt => ("from 0 to 1", |x| (0.0..=1.0).contains(&x)),
            Function::Arcsinh => ("of any size", |_| true),
        }
    }
}

/// Applies one function to every cell, after a number was added. Missing cells stay missing; a value that the function does not take is an
/// error that names it, when fitting and when transforming.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `function` | – | the function |
/// | `shift` | 0 | what is added to a cell before: `log(x + c)` takes numbers above `-c` |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::{Function, Pointwise};
///
/// let x = Matrix::from(array![[0.0], [4.0]]);
/// let model = Pointwise::new(Function::Sqrt).fit(&x, &NoTarget)?;
/// assert_eq!(model.transform(&x)?.dense()?, array![[0.0], [2.0]]);
/// assert!(model.transform(&Matrix::from(array![[-1.0]])).is_err());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointwise {
    function: Function,
    #[serde(default)]
    shift: f64,
}

const SHIFT: Param = Param::real("shift", "what is added to a cell before");

impl Pointwise {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[SHIFT];

    /// Applies this function.
    pub fn new(function: Function) -> Self {
        Pointwise { function, shift: 0.0 }
    }

    /// What is added to a cell before the function is applied.
    #[must_use]
    pub fn shift(mut self, shift: f64) -> Self {
        self.shift = shift;
        self
    }
}

impl Estimator for Pointwise {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PointwiseModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PointwiseModel> {
        SHIFT.check(self.shift)?;
        let (features, function, shift) = (train.x.features().clone(), self.function, self.shift);
        let model = PointwiseModel { features, function, shift };
        model.check(train.x)?;
        Ok(model)
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for Pointwise {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for Pointwise {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::of_no_rows(self, x)
    }
}

/// A [`Pointwise`] that knows its columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointwiseModel {
    features: Features,
    function: Function,
    shift: f64,
}

impl PointwiseModel {
    /// The numbers that [`transform`](Transformer::transform) gave these.
    ///
    /// # Errors
    /// When the columns are not those of the fit, or a result leaves the range of f64.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        map_rows(&x, &self.features, |_, rows, out| {
            out.iter_mut()
                .zip(rows)
                .for_each(|(out, &cell)| *out = self.function.backward(cell) - self.shift);
        })
    }

    fn check(&self, x: &Matrix) -> Result<()> {
        x.check_finite(true)?;
        let (domain, fits) = self.function.domain();
        let bad = x.dense()?.indexed_iter().find(|(_, value)| !value.is_nan() && !fits(**value + self.shift));
        bad.map_or(Ok(()), |((row, column), value)| {
            let shifted =
                if self.shift == 0.0 { String::new() } else { format!(" and {} is added", self.shift) };
            Err(Error::unsupported(format!(
                "column `{}` has the value {value} at row {row}{shifted}, and {:?} takes numbers {domain}; set another `shift`, clip the column first, or choose another function",
                self.features.name(column),
                self.function
            )))
        })
    }
}

impl Transformer for PointwiseModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        self.check(&x)?;
        map_rows(&x, &self.features, |_, rows, out| {
            out.iter_mut().zip(rows).for_each(|(out, &cell)| *out = self.function.forward(cell + self.shift));
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }
}
