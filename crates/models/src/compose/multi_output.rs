//! A model for each of several outputs.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Outputs, Param, Predictor, Result, ResultExt, Rows, Train, Values,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::around;

/// A regressor of its own for each output.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Outputs, Predictor};
/// use perennial_models::DummyRegressor;
/// use perennial_models::compose::MultiOutputRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0]]);
/// let y = Outputs::from(array![[1.0, 10.0], [3.0, 30.0]]);
/// let model = MultiOutputRegressor::new(DummyRegressor::new()).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?.values(), array![[2.0, 20.0], [2.0, 20.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiOutputRegressor<E> {
    estimator: E,
}

impl<E> MultiOutputRegressor<E> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// Each output by `estimator`.
    pub fn new(estimator: E) -> Self {
        MultiOutputRegressor { estimator }
    }
}

/// The models of a [`MultiOutputRegressor`], one for each output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiOutputModel<M> {
    members: Vec<M>,
}

impl<M> MultiOutputModel<M> {
    /// The model of each output.
    pub fn members(&self) -> &[M] {
        &self.members
    }
}

/// One output.
pub(super) fn output(y: &Outputs, column: usize) -> Values {
    y.values().column(column).iter().copied().collect()
}

/// How many outputs there are to learn.
pub(super) fn n_outputs(train_y: &Outputs, validation: Option<&Outputs>) -> Result<usize> {
    let n_outputs = train_y.values().ncols();
    if n_outputs == 0 {
        return Err(Error::empty("the target has no outputs"));
    }
    match validation.map(|y| y.values().ncols()) {
        Some(other) if other != n_outputs => Err(Error::malformed(format!(
            "the validation set has {other} outputs and the training set {n_outputs}; give both the same"
        ))),
        _ => Ok(n_outputs),
    }
}

impl<E> Estimator for MultiOutputRegressor<E>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    type Input = E::Input;
    type Target = Outputs;
    type Model = MultiOutputModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Outputs>) -> Result<Self::Model> {
        let n_outputs = n_outputs(train.y, train.validation.map(|(_, y)| y))?;
        let members = reduce::try_map_each(n_outputs, |column| {
            let name = format!("output {column}");
            let y = output(train.y, column);
            let validation = train.validation.map(|(_, y)| output(y, column));
            let mut own = train.with_targets(&y, validation.as_ref());
            own.ctx = train.ctx.child(&name);
            self.estimator.fit_on(&own).context(name)
        })?;
        Ok(MultiOutputModel { members })
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        around("MultiOutputRegressor", &self.estimator)
    }
}

impl<M: Predictor<Output = Values>> Predictor for MultiOutputModel<M> {
    type Input = M::Input;
    type Output = Outputs;

    fn predict(&self, x: &M::Input) -> Result<Outputs> {
        let mut answers = Array2::zeros((x.n_rows(), self.members.len()));
        for (mut column, member) in answers.columns_mut().into_iter().zip(&self.members) {
            column.assign(&member.predict(x)?.view());
        }
        Ok(answers.into())
    }
}
