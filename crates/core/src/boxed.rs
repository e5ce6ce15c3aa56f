//! Estimators chosen at run time.

use std::any::Any;
use std::fmt;

use crate::{
    Capabilities, Classes, Classifier, Error, Estimator, Outline, Persist, Predictor, Probabilities, Result,
    Rows, Train,
};

/// An estimator of any type that predicts `O`, made by [`Estimator::boxed`].
pub struct BoxEstimator<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync, O: Send + Sync>(
    Box<dyn AnyEstimator<X, Y, BoxPredictor<X, O>>>,
);

/// A classifier of any type, made by [`Estimator::boxed_classifier`].
pub struct BoxClassifierEstimator<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync>(
    Box<dyn AnyEstimator<X, Y, BoxClassifier<X>>>,
);

/// What a [`BoxEstimator`] learns.
pub struct BoxPredictor<X: ?Sized + Rows + Sync, O: Send + Sync>(Box<dyn AnyPredictor<X, O>>);

/// What a [`BoxClassifierEstimator`] learns.
pub struct BoxClassifier<X: ?Sized + Rows + Sync>(Box<dyn AnyClassifier<X>>);

trait AnyEstimator<X: ?Sized, Y: ?Sized, M>: Send + Sync {
    fn fit_boxed(&self, train: &Train<'_, X, Y>) -> Result<M>;
    fn capabilities_boxed(&self) -> Capabilities;
    fn steps_boxed(&self) -> Vec<String>;
    fn outline_boxed(&self) -> Vec<Outline>;
    fn encode_boxed(&self, model: &M) -> Result<Vec<u8>>;
    fn decode_boxed(&self, bytes: &[u8]) -> Result<M>;
}

trait AnyPredictor<X: ?Sized + Rows + Sync, O: Send + Sync>: Predictor<Input = X, Output = O> {
    fn as_any(&self) -> &dyn Any;
}

impl<X: ?Sized + Rows + Sync, O: Send + Sync, M: Predictor<Input = X, Output = O> + 'static>
    AnyPredictor<X, O> for M
{
    fn as_any(&self) -> &dyn Any {
        self
    }
}

trait AnyClassifier<X: ?Sized + Rows + Sync>: Classifier<Input = X> {
    fn as_any(&self) -> &dyn Any;
}

impl<X: ?Sized + Rows + Sync, M: Classifier<Input = X> + 'static> AnyClassifier<X> for M {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<X: ?Sized + Rows + Sync, O: Send + Sync> BoxPredictor<X, O> {
    pub(crate) fn inner(&self) -> &dyn Predictor<Input = X, Output = O> {
        &*self.0
    }
}

impl<X: ?Sized + Rows + Sync> BoxClassifier<X> {
    pub(crate) fn inner(&self) -> &dyn Classifier<Input = X> {
        &*self.0
    }
}

fn wrong_model() -> Error {
    Error::unsupported("this model was fitted by another estimator; save it with the one that fitted it")
}

impl<E, O> AnyEstimator<E::Input, E::Target, BoxPredictor<E::Input, O>> for E
where
    E: Persist,
    E::Model: Predictor<Input = E::Input, Output = O> + 'static,
    O: Send + Sync,
{
    fn fit_boxed(&self, train: &Train<'_, E::Input, E::Target>) -> Result<BoxPredictor<E::Input, O>> {
        Ok(BoxPredictor(Box::new(self.fit_on(train)?)))
    }

    fn capabilities_boxed(&self) -> Capabilities {
        self.capabilities()
    }

    fn steps_boxed(&self) -> Vec<String> {
        self.steps()
    }

    fn outline_boxed(&self) -> Vec<Outline> {
        self.outline()
    }

    fn encode_boxed(&self, model: &BoxPredictor<E::Input, O>) -> Result<Vec<u8>> {
        self.encode((*model.0).as_any().downcast_ref().ok_or_else(wrong_model)?)
    }

    fn decode_boxed(&self, bytes: &[u8]) -> Result<BoxPredictor<E::Input, O>> {
        Ok(BoxPredictor(Box::new(self.decode(bytes)?)))
    }
}

impl<E> AnyEstimator<E::Input, E::Target, BoxClassifier<E::Input>> for E
where
    E: Persist,
    E::Model: Classifier<Input = E::Input> + 'static,
{
    fn fit_boxed(&self, train: &Train<'_, E::Input, E::Target>) -> Result<BoxClassifier<E::Input>> {
        Ok(BoxClassifier(Box::new(self.fit_on(train)?)))
    }

    fn capabilities_boxed(&self) -> Capabilities {
        self.capabilities()
    }

    fn steps_boxed(&self) -> Vec<String> {
        self.steps()
    }

    fn outline_boxed(&self) -> Vec<Outline> {
        self.outline()
    }

    fn encode_boxed(&self, model: &BoxClassifier<E::Input>) -> Result<Vec<u8>> {
        self.encode((*model.0).as_any().downcast_ref().ok_or_else(wrong_model)?)
    }

    fn decode_boxed(&self, bytes: &[u8]) -> Result<BoxClassifier<E::Input>> {
        Ok(BoxClassifier(Box::new(self.decode(bytes)?)))
    }
}

impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync, O: Send + Sync> BoxEstimator<X, Y, O> {
    pub(crate) fn new<E>(estimator: E) -> Self
    where
        E: Persist<Input = X, Target = Y> + 'static,
        E::Model: Predictor<Input = X, Output = O> + 'static,
    {
        BoxEstimator(Box::new(estimator))
    }
}

impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync> BoxClassifierEstimator<X, Y> {
    pub(crate) fn new<E>(estimator: E) -> Self
    where
        E: Persist<Input = X, Target = Y> + 'static,
        E::Model: Classifier<Input = X> + 'static,
    {
        BoxClassifierEstimator(Box::new(estimator))
    }
}

/// Both boxes are the same but for their model.
macro_rules! forward {
    ($name:ident, $model:ident, [$($extra:ident),*]) => {
        impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync, $($extra: Send + Sync),*> Estimator
            for $name<X, Y, $($extra),*>
        {
            type Input = X;
            type Target = Y;
            type Model = $model<X, $($extra),*>;

            fn fit_on(&self, train: &Train<'_, X, Y>) -> Result<Self::Model> {
                self.0.fit_boxed(train)
            }

            fn capabilities(&self) -> Capabilities {
                self.0.capabilities_boxed()
            }

            fn steps(&self) -> Vec<String> {
                self.0.steps_boxed()
            }

            fn outline(&self) -> Vec<Outline> {
                self.0.outline_boxed()
            }
        }

        impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync, $($extra: Send + Sync),*> Persist
            for $name<X, Y, $($extra),*>
        {
            fn encode(&self, model: &Self::Model) -> Result<Vec<u8>> {
                self.0.encode_boxed(model)
            }

            fn decode(&self, bytes: &[u8]) -> Result<Self::Model> {
                self.0.decode_boxed(bytes)
            }
        }

        impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync, $($extra: Send + Sync),*> fmt::Debug for $name<X, Y, $($extra),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.steps_boxed().join(" -> "))
            }
        }

        impl<X: ?Sized + Rows + Sync, $($extra: Send + Sync),*> fmt::Debug for $model<X, $($extra),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($model))
            }
        }
    };
}

forward!(BoxEstimator, BoxPredictor, [O]);
forward!(BoxClassifierEstimator, BoxClassifier, []);

// A box must be usable wherever its content is.
const _: fn() = || {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<BoxEstimator<crate::Matrix, Classes, Classes>>();
    send_sync::<BoxClassifier<crate::Matrix>>();
    let _: fn(&BoxClassifier<crate::Matrix>, &crate::Matrix) -> Result<Probabilities> =
        Classifier::predict_proba;
};
