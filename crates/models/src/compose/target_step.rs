//! What a target goes through before it is learned, and back.

use ndarray::Array2;
use perennial_core::{
    Context, Error, Estimator, InverseTransformer, Matrix, NoTarget, Result, ResultExt, Train, Values,
};
use serde::{Deserialize, Serialize};

/// What may learn from a target how to transform it: a [`TargetTransform`], [`TargetFunctions`], and every estimator of a matrix
/// whose model is an [`InverseTransformer`].
pub trait TargetStep: Send + Sync {
    /// What it learned.
    type Fitted: TargetMap;

    /// Learns from the target.
    ///
    /// # Errors
    /// When the target or a setting does not allow it.
    fn fit_target(&self, y: &Values, weights: Option<&[f64]>, ctx: &Context) -> Result<Self::Fitted>;

    /// Whether it takes row weights.
    fn takes_weights(&self) -> bool {
        true
    }
}

/// A transform of numbers that can be taken back.
pub trait TargetMap: Send + Sync {
    /// What is learned instead of these numbers.
    ///
    /// # Errors
    /// When a number is not in its domain.
    fn forward(&self, y: &Values) -> Result<Values>;

    /// The numbers that became these.
    ///
    /// # Errors
    /// When a number cannot be taken back.
    fn back(&self, z: &Values) -> Result<Values>;
}

/// What a target goes through before it is learned, and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetTransform {
    /// `ln(1 + y)`, for counts and amounts; `y > -1`.
    #[default]
    Log1p,
    /// `ln y`, for amounts; `y > 0`.
    Log,
    /// The square root, for counts; `y >= 0`.
    Sqrt,
    /// The inverse hyperbolic sine: like a logarithm on both sides of 0, for any number.
    Asinh,
    /// `ln(y / (1 - y))`, for shares; `0 < y < 1`.
    Logit,
}

impl TargetTransform {
    fn apply(self, y: f64) -> f64 {
        match self {
            TargetTransform::Log1p => y.ln_1p(),
            TargetTransform::Log => y.ln(),
            TargetTransform::Sqrt => y.sqrt(),
            TargetTransform::Asinh => y.asinh(),
            TargetTransform::Logit => (y / (1.0 - y)).ln(),
        }
    }

    fn invert(self, z: f64) -> f64 {
        match self {
            TargetTransform::Log1p => z.exp_m1(),
            TargetTransform::Log => z.exp(),
            // Below 0 there is nothing that the root could have come from.
            TargetTransform::Sqrt => z.max(0.0).powi(2),
            TargetTransform::Asinh => z.sinh(),
            TargetTransform::Logit => 1.0 / (1.0 + (-z).exp()),
        }
    }

    fn domain(self) -> &'static str {
        match self {
            TargetTransform::Log1p => "above -1",
            TargetTransform::Log => "above 0",
            TargetTransform::Sqrt => "not below 0",
            TargetTransform::Asinh => "finite",
            TargetTransform::Logit => "between 0 and 1",
        }
    }
}

impl TargetStep for TargetTransform {
    type Fitted = TargetTransform;

    fn fit_target(&self, _: &Values, _: Option<&[f64]>, _: &Context) -> Result<TargetTransform> {
        Ok(*self)
    }
}

impl TargetMap for TargetTransform {
    fn forward(&self, y: &Values) -> Result<Values> {
        each(y, |value| self.apply(value), self.domain())
    }

    fn back(&self, z: &Values) -> Result<Values> {
        Ok(z.as_slice().iter().map(|&value| self.invert(value)).collect())
    }
}

/// A function of each number of a target, and the one that takes it back.
///
/// A model that has functions cannot be saved; where it must be, take a [`TargetTransform`] or a step that learns.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::LinearRegression;
/// use perennial_models::compose::{TargetFunctions, TransformedTargetRegressor};
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0]]);
/// let y = Values::from(vec![1.0, 8.0, 27.0]);
/// let cubes = TargetFunctions::new(f64::cbrt, |root| root.powi(3));
/// let model = TransformedTargetRegressor::new(LinearRegression::new(), cubes).fit(&x, &y)?;
/// assert!((model.predict(&array![[3.0]].into())?.as_slice()[0] - 64.0).abs() < 1e-9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TargetFunctions {
    forward: fn(f64) -> f64,
    back: fn(f64) -> f64,
}

impl TargetFunctions {
    /// `forward` before learning, `back` for answers.
    pub fn new(forward: fn(f64) -> f64, back: fn(f64) -> f64) -> Self {
        TargetFunctions { forward, back }
    }
}

impl TargetStep for TargetFunctions {
    type Fitted = TargetFunctions;

    fn fit_target(&self, _: &Values, _: Option<&[f64]>, _: &Context) -> Result<TargetFunctions> {
        Ok(*self)
    }
}

impl TargetMap for TargetFunctions {
    fn forward(&self, y: &Values) -> Result<Values> {
        each(y, self.forward, "of which the function makes finite ones")
    }

    fn back(&self, z: &Values) -> Result<Values> {
        Ok(z.as_slice().iter().map(|&value| (self.back)(value)).collect())
    }
}

impl<S> TargetStep for S
where
    S: Estimator<Input = Matrix, Target = NoTarget>,
    S::Model: InverseTransformer<Input = Matrix, Output = Matrix>,
{
    type Fitted = S::Model;

    fn fit_target(&self, y: &Values, weights: Option<&[f64]>, ctx: &Context) -> Result<S::Model> {
        let x = column(y)?;
        let mut train = Train::new(&x, &NoTarget).context(ctx.child("target"));
        train.weights = weights;
        train.fit(self).context("the transform of the target")
    }

    fn takes_weights(&self) -> bool {
        self.capabilities().weights
    }
}

impl<T: InverseTransformer<Input = Matrix, Output = Matrix>> TargetMap for T {
    fn forward(&self, y: &Values) -> Result<Values> {
        numbers(&self.transform(&column(y)?).context("the transform of the target")?)
    }

    fn back(&self, z: &Values) -> Result<Values> {
        numbers(&self.inverse_transform(&column(z)?).context("the transform of the target")?)
    }
}

/// A function of each number; refuses what it does not take.
fn each(y: &Values, f: impl Fn(f64) -> f64, domain: &str) -> Result<Values> {
    let out: Values = y.as_slice().iter().map(|&value| f(value)).collect();
    match out.as_slice().iter().position(|value| !value.is_finite()) {
        None => Ok(out),
        Some(row) => Err(Error::malformed(format!(
            "the target is {} at row {row}; this transform takes numbers {domain}: choose another one",
            y.as_slice()[row]
        ))),
    }
}

/// Numbers as the only column of a matrix.
fn column(y: &Values) -> Result<Matrix> {
    let y = y.as_slice();
    Matrix::from(Array2::from_shape_fn((y.len(), 1), |(row, _)| y[row])).with_names(["target"])
}

/// The only column of a matrix.
fn numbers(x: &Matrix) -> Result<Values> {
    if x.n_cols() != 1 {
        return Err(Error::unsupported(format!(
            "the transform makes {} columns of the target; choose one that makes 1",
            x.n_cols()
        )));
    }
    Ok(x.dense()?.column(0).iter().copied().collect())
}
