//! Regressors that learn a transformed target.

use perennial_core::{Capabilities, Error, Estimator, Param, Predictor, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::around;

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
    fn forward(self, y: f64) -> f64 {
        match self {
            TargetTransform::Log1p => y.ln_1p(),
            TargetTransform::Log => y.ln(),
            TargetTransform::Sqrt => y.sqrt(),
            TargetTransform::Asinh => y.asinh(),
            TargetTransform::Logit => (y / (1.0 - y)).ln(),
        }
    }

    fn back(self, z: f64) -> f64 {
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

/// A regressor that learns a transformed target and answers in the units of the target.
///
/// The mean on the transformed scale is not the mean on the scale of the target: answers of squared error come out
/// nearer the median.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `transform` | `Log1p` | see [`TargetTransform`] | what is done to the target |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::LinearRegression;
/// use perennial_models::compose::{TargetTransform, TransformedTargetRegressor};
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0]]);
/// let y = Values::from(vec![1.0, 10.0, 100.0]);
/// let model = TransformedTargetRegressor::new(LinearRegression::new(), TargetTransform::Log).fit(&x, &y)?;
/// assert!((model.predict(&array![[3.0]].into())?.as_slice()[0] - 1000.0).abs() < 1e-9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformedTargetRegressor<E> {
    estimator: E,
    transform: TargetTransform,
}

impl<E> TransformedTargetRegressor<E> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// `estimator` on the target through `transform`.
    pub fn new(estimator: E, transform: TargetTransform) -> Self {
        TransformedTargetRegressor { estimator, transform }
    }
}

/// The model of a [`TransformedTargetRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransformedTargetModel<M> {
    model: M,
    transform: TargetTransform,
}

impl<M> TransformedTargetModel<M> {
    /// The model of the transformed target.
    pub fn inner(&self) -> &M {
        &self.model
    }
}

fn through(transform: TargetTransform, y: &Values) -> Result<Values> {
    let out: Values = y.as_slice().iter().map(|&value| transform.forward(value)).collect();
    match out.as_slice().iter().position(|value| !value.is_finite()) {
        None => Ok(out),
        Some(row) => Err(Error::malformed(format!(
            "the target is {} at row {row}; this transform takes numbers {}: choose another one",
            y.as_slice()[row],
            transform.domain()
        ))),
    }
}

impl<E> Estimator for TransformedTargetRegressor<E>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    type Input = E::Input;
    type Target = Values;
    type Model = TransformedTargetModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        let y = through(self.transform, train.y)?;
        let validation = train.validation.map(|(_, y)| through(self.transform, y)).transpose()?;
        let model = self.estimator.fit_on(&train.with_targets(&y, validation.as_ref()))?;
        Ok(TransformedTargetModel { model, transform: self.transform })
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        around("TransformedTargetRegressor", &self.estimator)
    }
}

impl<M: Predictor<Output = Values>> Predictor for TransformedTargetModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let inner = self.model.predict(x)?;
        let out: Values = inner.as_slice().iter().map(|&value| self.transform.back(value)).collect();
        match out.as_slice().iter().position(|value| !value.is_finite()) {
            None => Ok(out),
            Some(row) => Err(Error::overflow(format!(
                "the answer for row {row} is {} on the transformed scale, beyond what can be taken back; its input is far from all rows of training",
                inner.as_slice()[row]
            ))),
        }
    }
}
