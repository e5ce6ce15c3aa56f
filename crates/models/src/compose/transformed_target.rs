//! Regressors that learn a transformed target.

use perennial_core::{Capabilities, Error, Estimator, Param, Predictor, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::around;
use super::target_step::{TargetMap, TargetStep, TargetTransform};

/// A regressor that learns a transformed target and answers in the units of the target.
///
/// The mean on the transformed scale is not the mean on the scale of the target: answers of squared error come out
/// nearer the median.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `transform` | `Log1p` | a [`TargetTransform`], two functions ([`TargetFunctions`](super::TargetFunctions)), or a step that learns and can be taken back ([`InverseTransformer`](perennial_core::InverseTransformer)), such as a scaler, powers or quantiles | what is done to the target |
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
pub struct TransformedTargetRegressor<E, T = TargetTransform> {
    estimator: E,
    transform: T,
}

impl<E, T> TransformedTargetRegressor<E, T> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// `estimator` on the target through `transform`.
    pub fn new(estimator: E, transform: T) -> Self {
        TransformedTargetRegressor { estimator, transform }
    }
}

/// The model of a [`TransformedTargetRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransformedTargetModel<M, T = TargetTransform> {
    model: M,
    transform: T,
}

impl<M, T> TransformedTargetModel<M, T> {
    /// The model of the transformed target.
    pub fn inner(&self) -> &M {
        &self.model
    }

    /// What was learned of the target.
    pub fn transform(&self) -> &T {
        &self.transform
    }
}

impl<E, T> Estimator for TransformedTargetRegressor<E, T>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
    T: TargetStep,
{
    type Input = E::Input;
    type Target = Values;
    type Model = TransformedTargetModel<E::Model, T::Fitted>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        let transform = self.transform.fit_target(train.y, train.weights, &train.ctx)?;
        let y = transform.forward(train.y)?;
        let validation = train.validation.map(|(_, y)| transform.forward(y)).transpose()?;
        let model = self.estimator.fit_on(&train.with_targets(&y, validation.as_ref()))?;
        Ok(TransformedTargetModel { model, transform })
    }

    fn capabilities(&self) -> Capabilities {
        let mut takes = self.estimator.capabilities();
        takes.weights &= self.transform.takes_weights();
        takes
    }

    fn steps(&self) -> Vec<String> {
        around("TransformedTargetRegressor", &self.estimator)
    }
}

impl<M: Predictor<Output = Values>, T: TargetMap> Predictor for TransformedTargetModel<M, T> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let inner = self.model.predict(x)?;
        let out = self.transform.back(&inner)?;
        match out.as_slice().iter().position(|value| !value.is_finite()) {
            None => Ok(out),
            Some(row) => Err(Error::overflow(format!(
                "the answer for row {row} is {} on the transformed scale, beyond what can be taken back; its input is far from all rows of training",
                inner.as_slice()[row]
            ))),
        }
    }
}
