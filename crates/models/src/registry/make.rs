//! Estimators with their types hidden, made from settings that serde reads.

use std::marker::PhantomData;

use perennial_core::{
    BoxClassifierEstimator, BoxEstimator, Classes, Classifier, Clustered, Clusters, Error, Estimator, Matrix,
    NoTarget, Outputs, Persist, Predictor, Result, Values,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Settings that can be written and read, with models that can be saved: what every estimator of this crate is.
pub(super) trait Registered: Persist<Input = Matrix> + Serialize + DeserializeOwned + 'static {}

impl<E: Persist<Input = Matrix> + Serialize + DeserializeOwned + 'static> Registered for E {}

type Maker<T> = fn(Value) -> Result<T>;

/// What an entry can make.
#[derive(Clone, Copy)]
pub(super) enum Make {
    Regressor(Maker<BoxEstimator<Matrix, Values, Values>>),
    /// With probabilities, and the same without.
    Classifier(Maker<BoxClassifierEstimator<Matrix, Classes>>, Maker<BoxEstimator<Matrix, Classes, Classes>>),
    Decider(Maker<BoxEstimator<Matrix, Classes, Classes>>),
    Clustering(Maker<BoxEstimator<Matrix, NoTarget, Clusters>>),
    Detector(Maker<BoxEstimator<Matrix, NoTarget, Classes>>),
    Outputs(Maker<BoxEstimator<Matrix, Outputs, Outputs>>),
    /// Nothing with the type hidden: its answers have no common form.
    Typed,
}

/// The settings in a value.
///
/// # Errors
/// When a value is of the wrong type.
pub(super) fn read<E: DeserializeOwned>(value: Value) -> Result<E> {
    serde_json::from_value(value)
        .map_err(|error| Error::malformed(format!("the settings cannot be read: {error}")))
}

/// Settings are read and forgotten, to see whether they can be.
pub(super) fn try_read<E: Registered>(value: Value) -> Result<()> {
    read::<E>(value).map(|_| ())
}

fn hidden<E, O>(value: Value) -> Result<BoxEstimator<Matrix, E::Target, O>>
where
    E: Registered,
    E::Model: Predictor<Input = Matrix, Output = O> + 'static,
    O: Send + Sync,
{
    Ok(read::<E>(value)?.boxed())
}

fn hidden_classifier<E: Registered>(value: Value) -> Result<BoxClassifierEstimator<Matrix, E::Target>>
where
    E::Model: Classifier<Input = Matrix> + 'static,
{
    Ok(read::<E>(value)?.boxed_classifier())
}

/// An estimator of numbers.
pub(super) fn values<E: Registered + Estimator<Target = Values>>() -> Make
where
    E::Model: Predictor<Input = Matrix, Output = Values> + 'static,
{
    Make::Regressor(hidden::<E, Values>)
}

/// An estimator of several numbers per row.
pub(super) fn outputs<E: Registered + Estimator<Target = Outputs>>() -> Make
where
    E::Model: Predictor<Input = Matrix, Output = Outputs> + 'static,
{
    Make::Outputs(hidden::<E, Outputs>)
}

/// A clustering that places new rows.
pub(super) fn clusters<E: Registered + Estimator<Target = NoTarget>>() -> Make
where
    E::Model: Predictor<Input = Matrix, Output = Clusters> + 'static,
{
    Make::Clustering(hidden::<E, Clusters>)
}

/// A search for outliers.
pub(super) fn outliers<E: Registered + Estimator<Target = NoTarget>>() -> Make
where
    E::Model: Predictor<Input = Matrix, Output = Classes> + 'static,
{
    Make::Detector(hidden::<E, Classes>)
}

/// A clustering of its training rows alone.
pub(super) fn groups<E: Registered + Estimator<Target = NoTarget>>() -> Make
where
    E::Model: Clustered,
{
    Make::Typed
}

/// An estimator whose answers have a form of their own.
pub(super) fn typed<E: Registered>() -> Make {
    Make::Typed
}

/// An estimator of classes, with probabilities where its model has them: `OfClasses::<E>::MAKE` is the constant below where
/// the compiler finds a [`Classifier`], and else that of [`Decides`], which must be in scope.
pub(super) struct OfClasses<E>(PhantomData<E>);

impl<E: Registered + Estimator<Target = Classes>> OfClasses<E>
where
    E::Model: Classifier<Input = Matrix> + 'static,
{
    pub(super) const MAKE: Make = Make::Classifier(hidden_classifier::<E>, hidden::<E, Classes>);
}

pub(super) trait Decides {
    const MAKE: Make;
}

impl<E: Registered + Estimator<Target = Classes>> Decides for OfClasses<E>
where
    E::Model: Predictor<Input = Matrix, Output = Classes> + 'static,
{
    const MAKE: Make = Make::Decider(hidden::<E, Classes>);
}
