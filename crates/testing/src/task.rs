//! What kind of answers an estimator gives.

use std::fmt::Debug;
use std::marker::PhantomData;

use ndarray::{Array2, Axis, concatenate};
use perennial_core::{
    Classes, Classifier, Clustered, Clusters, Error, Estimator, FitTransform, Matrix, NoTarget, Persist,
    Predictor, Result, Rows, Train, Transformer, Values,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Example;

/// What an estimator needs to be checked: settings and models that serde can write and read.
pub trait Testable:
    Persist<Input = Matrix, Model: Serialize, Target: Sized> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<E> Testable for E where
    E: Persist<Input = Matrix, Model: Serialize, Target: Sized>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// A step of matrices that others can follow.
pub trait Step<Y>: Testable<Target = Y, Model: Transformer<Output = Matrix>> + FitTransform {}

impl<E, Y> Step<Y> for E where E: Testable<Target = Y, Model: Transformer<Output = Matrix>> + FitTransform {}

/// What kind of answers an estimator gives, as numbers that can be compared.
pub trait Task<E: Estimator<Input = Matrix, Target: Sized>> {
    /// Whether the task has a target at all.
    const SUPERVISED: bool;

    /// Whether the model answers for rows that it has not learned from.
    const PLACES_NEW_ROWS: bool = true;

    /// The target of an example.
    fn target(example: &Example) -> E::Target;

    /// The given rows of a target.
    ///
    /// # Errors
    /// When a row does not exist.
    fn take(y: &E::Target, rows: &[usize]) -> Result<E::Target>;

    /// The class names the model answers with; none where there are no classes.
    ///
    /// # Errors
    /// When the model refuses the input.
    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        let _ = (model, x);
        Ok(Vec::new())
    }

    /// The model's answers: `n_rows` x whatever it answers per row.
    ///
    /// # Errors
    /// When the model refuses the input.
    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>>;

    /// Learns, and gives what the next step of a pipeline would see of the training rows.
    ///
    /// # Errors
    /// When the task has no steps, or learning fails.
    fn fit_transform(estimator: &E, train: &Train<'_, Matrix, E::Target>) -> Result<(E::Model, Array2<f64>)> {
        let _ = (estimator, train);
        Err(Error::other("not a step of a pipeline"))
    }
}

/// What a task learns from.
macro_rules! learns_from {
    ($target:ty, $supervised:expr, $example:ident => $make:expr) => {
        const SUPERVISED: bool = $supervised;

        fn target($example: &Example) -> $target {
            $make
        }

        fn take(y: &$target, rows: &[usize]) -> Result<$target> {
            y.take(rows)
        }
    };
}

/// Classification: the class code, then the probabilities.
#[derive(Debug)]
pub struct Classify;

impl<E> Task<E> for Classify
where
    E: Estimator<Input = Matrix, Target = Classes>,
    E::Model: Classifier<Input = Matrix>,
{
    learns_from!(Classes, true, example => example.classes.clone());

    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        let (classes, shares) = (model.predict(x)?, model.predict_proba(x)?);
        if classes.names() != shares.names() {
            return Err(Error::other("the classes of predictions and probabilities differ"));
        }
        Ok(classes.names().to_vec())
    }

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        let (classes, shares) = (model.predict(x)?, model.predict_proba(x)?);
        if classes.n_rows() != x.n_rows() || shares.n_rows() != x.n_rows() {
            return Err(wrong_rows(x, classes.n_rows().max(shares.n_rows())));
        }
        let codes: Vec<f64> = classes.codes().iter().map(|&code| f64::from(code)).collect();
        let codes = Array2::from_shape_vec((codes.len(), 1), codes).map_err(Error::other)?;
        concatenate(Axis(1), &[codes.view(), shares.values().view()]).map_err(Error::other)
    }
}

/// Regression: the value.
#[derive(Debug)]
pub struct Regress;

impl<E> Task<E> for Regress
where
    E: Estimator<Input = Matrix, Target = Values>,
    E::Model: Predictor<Input = Matrix, Output = Values>,
{
    learns_from!(Values, true, example => example.values.clone());

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        let values = model.predict(x)?;
        if values.n_rows() != x.n_rows() {
            return Err(wrong_rows(x, values.n_rows()));
        }
        Array2::from_shape_vec((values.n_rows(), 1), values.into_vec()).map_err(Error::other)
    }
}

/// Classification without probabilities: the class code.
#[derive(Debug)]
pub struct Decide;

impl<E> Task<E> for Decide
where
    E: Estimator<Input = Matrix, Target = Classes>,
    E::Model: Predictor<Input = Matrix, Output = Classes>,
{
    learns_from!(Classes, true, example => example.classes.clone());

    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        Ok(model.predict(x)?.names().to_vec())
    }

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        class_codes(&model.predict(x)?, x)
    }
}

/// Clustering: the label of the cluster.
#[derive(Debug)]
pub struct Cluster;

impl<E> Task<E> for Cluster
where
    E: Estimator<Input = Matrix, Target = NoTarget>,
    E::Model: Predictor<Input = Matrix, Output = Clusters>,
{
    learns_from!(NoTarget, false, _example => NoTarget);

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        let clusters = model.predict(x)?;
        if clusters.n_rows() != x.n_rows() {
            return Err(wrong_rows(x, clusters.n_rows()));
        }
        column(clusters.labels().iter().map(|&label| f64::from(label)))
    }
}

/// Clustering of the training rows alone: the label of the cluster of each of them.
#[derive(Debug)]
pub struct Group;

impl<E> Task<E> for Group
where
    E: Estimator<Input = Matrix, Target = NoTarget>,
    E::Model: Clustered,
{
    const PLACES_NEW_ROWS: bool = false;
    learns_from!(NoTarget, false, _example => NoTarget);

    fn apply(model: &E::Model, _: &Matrix) -> Result<Array2<f64>> {
        column(model.clusters().labels().iter().map(|&label| f64::from(label)))
    }
}

/// Search for outliers: 1 for a row that is called one, else 0.
#[derive(Debug)]
pub struct FindOutliers;

impl<E> Task<E> for FindOutliers
where
    E: Estimator<Input = Matrix, Target = NoTarget>,
    E::Model: Predictor<Input = Matrix, Output = Classes>,
{
    learns_from!(NoTarget, false, _example => NoTarget);

    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        Ok(model.predict(x)?.names().to_vec())
    }

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        class_codes(&model.predict(x)?, x)
    }
}

/// The class code of each row.
fn class_codes(classes: &Classes, x: &Matrix) -> Result<Array2<f64>> {
    if classes.n_rows() != x.n_rows() {
        return Err(wrong_rows(x, classes.n_rows()));
    }
    column(classes.codes().iter().map(|&code| f64::from(code)))
}

/// One number per row.
fn column(answers: impl Iterator<Item = f64>) -> Result<Array2<f64>> {
    let answers: Vec<f64> = answers.collect();
    Array2::from_shape_vec((answers.len(), 1), answers).map_err(Error::other)
}

/// Transformation: the dense output.
#[derive(Debug)]
pub struct Transform<Y>(PhantomData<Y>);

macro_rules! transform {
    ($target:ty, $supervised:expr, $example:ident => $make:expr) => {
        impl<E> Task<E> for Transform<$target>
        where
            E: FitTransform<Input = Matrix, Target = $target>,
            E::Model: Transformer<Input = Matrix, Output = Matrix>,
        {
            learns_from!($target, $supervised, $example => $make);

            fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
                let output = model.transform(x)?;
                if output.n_rows() != x.n_rows() {
                    return Err(wrong_rows(x, output.n_rows()));
                }
                Ok(output.to_dense()?.dense()?.to_owned())
            }

            fn fit_transform(
                estimator: &E,
                train: &Train<'_, Matrix, $target>,
            ) -> Result<(E::Model, Array2<f64>)> {
                let (model, output) = estimator.fit_transform_on(train)?;
                Ok((model, output.to_dense()?.dense()?.to_owned()))
            }
        }
    };
}

transform!(NoTarget, false, _example => NoTarget);
transform!(Values, true, example => example.values.clone());
transform!(Classes, true, example => example.classes.clone());

/// A fault of the estimator, never one of the kinds an input may cause.
fn wrong_rows(x: &Matrix, got: usize) -> Error {
    Error::other(format!("{WRONG_ROWS}: {got} answers for {} rows", x.n_rows()))
}

const WRONG_ROWS: &str = "the number of answers is not that of the rows";
