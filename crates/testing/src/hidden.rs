//! Estimators and models with their types hidden.

use std::marker::PhantomData;

use ciborium::Value;
use ndarray::Array2;
use perennial_core::{Capabilities, Context, Error, Matrix, Result, Train};

use crate::Example;
use crate::task::{Task, Testable};

/// What a fit is given beside the rows and their targets.
#[derive(Default)]
pub(crate) struct Given<'a> {
    pub(crate) ctx: Option<Context>,
    pub(crate) weights: Option<&'a [f64]>,
    /// The rows whose targets are given, in place of all.
    pub(crate) targets_of: Option<&'a [usize]>,
}

/// An estimator and its task.
pub(crate) trait Settings: Sync {
    fn supervised(&self) -> bool;
    fn places_new_rows(&self) -> bool;
    fn capabilities(&self) -> Capabilities;
    fn text(&self) -> String;
    fn written(&self) -> Option<Value>;
    fn read(&self, settings: &Value) -> Option<Box<dyn Settings + '_>>;
    fn cloned(&self) -> Box<dyn Settings + '_>;
    fn fit(&self, example: &Example, given: Given<'_>) -> Result<Box<dyn Model + '_>>;
    fn fit_transform(&self, example: &Example) -> Result<(Box<dyn Model + '_>, Array2<f64>)>;
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Model + '_>>;
}

/// A model of such an estimator.
pub(crate) trait Model: Send + Sync {
    /// The answers: `n_rows` x whatever it answers per row.
    fn apply(&self, x: &Matrix) -> Result<Array2<f64>>;
    /// The names of its classes; none where there are no classes.
    fn class_names(&self, x: &Matrix) -> Result<Vec<String>>;
    fn bytes(&self) -> Result<Vec<u8>>;
    /// What serde writes of it.
    fn state(&self) -> Result<Value>;
}

/// An estimator of a known type.
pub(crate) struct Typed<E, T> {
    estimator: E,
    task: PhantomData<fn() -> T>,
}

impl<E: Testable, T: Task<E>> Typed<E, T> {
    pub(crate) fn new(estimator: E) -> Self {
        Typed { estimator, task: PhantomData }
    }

    fn hide(&self, model: E::Model) -> Box<dyn Model + '_> {
        Box::new(TypedModel { settings: self, model })
    }
}

impl<E: Testable, T: Task<E>> Settings for Typed<E, T> {
    fn supervised(&self) -> bool {
        T::SUPERVISED
    }

    fn places_new_rows(&self) -> bool {
        T::PLACES_NEW_ROWS
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn text(&self) -> String {
        format!("{:?}", self.estimator)
    }

    fn written(&self) -> Option<Value> {
        Value::serialized(&self.estimator).ok()
    }

    fn read(&self, settings: &Value) -> Option<Box<dyn Settings + '_>> {
        Some(Box::new(Typed::<E, T>::new(settings.deserialized().ok()?)))
    }

    fn cloned(&self) -> Box<dyn Settings + '_> {
        Box::new(Typed::<E, T>::new(self.estimator.clone()))
    }

    fn fit(&self, example: &Example, given: Given<'_>) -> Result<Box<dyn Model + '_>> {
        let mut y = T::target(example);
        if let Some(rows) = given.targets_of {
            y = T::take(&y, rows)?;
        }
        let mut train = Train::new(&example.x, &y);
        if let Some(ctx) = given.ctx {
            train = train.context(ctx);
        }
        if let Some(weights) = given.weights {
            train = train.weights(weights);
        }
        Ok(self.hide(train.fit(&self.estimator)?))
    }

    fn fit_transform(&self, example: &Example) -> Result<(Box<dyn Model + '_>, Array2<f64>)> {
        let y = T::target(example);
        let (model, output) = T::fit_transform(&self.estimator, &Train::new(&example.x, &y))?;
        Ok((self.hide(model), output))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Model + '_>> {
        Ok(self.hide(self.estimator.decode(bytes)?))
    }
}

struct TypedModel<'a, E: Testable, T> {
    settings: &'a Typed<E, T>,
    model: E::Model,
}

impl<E: Testable, T: Task<E>> Model for TypedModel<'_, E, T> {
    fn apply(&self, x: &Matrix) -> Result<Array2<f64>> {
        T::apply(&self.model, x)
    }

    fn class_names(&self, x: &Matrix) -> Result<Vec<String>> {
        T::class_names(&self.model, x)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        self.settings.estimator.encode(&self.model)
    }

    fn state(&self) -> Result<Value> {
        Value::serialized(&self.model).map_err(Error::other)
    }
}
