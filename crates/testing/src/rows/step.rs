//! Steps and their models with their types hidden, so that the checks are compiled once for each kind of row.

use std::borrow::Borrow;
use std::fmt::Debug;

use ciborium::Value;
use ndarray::Array2;
use perennial_core::{
    Capabilities, Context, Error, Estimator, FitTransform, Matrix, NoTarget, OutputSchema, Persist, Result,
    Rows, Train, Transformer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kinds::Row;
use crate::Tags;
use crate::report::{Check, Report};
use crate::subject::{Verdict, ensure, is_typed, outcome};

/// A step that makes a matrix of rows of any form without a target, and can be saved.
pub trait RowStep:
    Persist<Target = NoTarget, Model: Serialize + Transformer<Output = Matrix>>
    + FitTransform
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
{
}

impl<E> RowStep for E where
    E: Persist<Target = NoTarget, Model: Serialize + Transformer<Output = Matrix>>
        + FitTransform
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

pub(super) type Checks<R> = Vec<(&'static str, &'static str, fn(&Subject<'_, R>) -> Verdict)>;

/// What a fit is given beside the rows.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub(super) ctx: Context,
    pub(super) weights: Option<&'a [f64]>,
}

/// The settings of a step.
pub(super) trait Step<R: Row>: Sync {
    fn capabilities(&self) -> Capabilities;
    fn text(&self) -> String;
    fn written(&self) -> Option<Value>;
    fn read(&self, settings: &Value) -> Option<Box<dyn Step<R> + '_>>;
    fn cloned(&self) -> Box<dyn Step<R> + '_>;
    fn fit(&self, rows: &[R], given: Given<'_>) -> Result<Box<dyn Fitted<R> + '_>>;
    fn fit_transform(&self, rows: &[R]) -> Result<(Box<dyn Fitted<R> + '_>, Array2<f64>)>;
    /// The names of the columns that it says it will make, where it does.
    fn promised(&self) -> Result<Option<Vec<String>>>;
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Fitted<R> + '_>>;
}

/// A fitted step.
pub(super) trait Fitted<R: Row>: Send + Sync {
    /// What it makes of rows: `n_rows` x its columns.
    fn apply(&self, rows: &[R]) -> Result<Array2<f64>>;
    /// The names of the columns that it makes.
    fn names(&self) -> Result<Vec<String>>;
    fn bytes(&self) -> Result<Vec<u8>>;
}

/// A step of a known type, and what makes its input of rows.
pub(super) struct Typed<'m, R, X, E> {
    estimator: E,
    make: &'m (dyn Fn(&[R]) -> X + Sync),
}

impl<'m, R: Row, X, E: RowStep> Typed<'m, R, X, E> {
    pub(super) fn new(estimator: E, make: &'m (dyn Fn(&[R]) -> X + Sync)) -> Self {
        Typed { estimator, make }
    }
}

impl<R: Row, X: Borrow<E::Input>, E: RowStep> Typed<'_, R, X, E> {
    fn hide(&self, model: E::Model) -> Box<dyn Fitted<R> + '_> {
        Box::new(TypedModel { step: self, model })
    }

    fn transform(&self, model: &E::Model, rows: &[R]) -> Result<Matrix> {
        let x = (self.make)(rows);
        let output = model.transform(<X as Borrow<E::Input>>::borrow(&x))?;
        checked(rows.len(), output)
    }
}

/// A fault of the step, never one of the kinds that an input may cause.
fn checked(n_rows: usize, output: Matrix) -> Result<Matrix> {
    match output.n_rows() == n_rows {
        true => Ok(output),
        false => Err(Error::other(format!("{n_rows} rows became {}", output.n_rows()))),
    }
}

fn dense(output: &Matrix) -> Result<Array2<f64>> {
    Ok(output.to_dense()?.dense()?.to_owned())
}

fn names(output: &Matrix) -> Vec<String> {
    output.features().names().map(str::to_owned).collect()
}

impl<R: Row, X: Borrow<E::Input>, E: RowStep> Step<R> for Typed<'_, R, X, E> {
    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn text(&self) -> String {
        format!("{:?}", self.estimator)
    }

    fn written(&self) -> Option<Value> {
        Value::serialized(&self.estimator).ok()
    }

    fn read(&self, settings: &Value) -> Option<Box<dyn Step<R> + '_>> {
        Some(Box::new(Typed::<R, X, E> { estimator: settings.deserialized().ok()?, make: self.make }))
    }

    fn cloned(&self) -> Box<dyn Step<R> + '_> {
        Box::new(Typed::<R, X, E> { estimator: self.estimator.clone(), make: self.make })
    }

    fn fit(&self, rows: &[R], given: Given<'_>) -> Result<Box<dyn Fitted<R> + '_>> {
        let x = (self.make)(rows);
        let mut train = Train::new(<X as Borrow<E::Input>>::borrow(&x), &NoTarget).context(given.ctx);
        if let Some(weights) = given.weights {
            train = train.weights(weights);
        }
        let model: E::Model = train.fit(&self.estimator)?;
        Ok(self.hide(model))
    }

    fn fit_transform(&self, rows: &[R]) -> Result<(Box<dyn Fitted<R> + '_>, Array2<f64>)> {
        let x = (self.make)(rows);
        let train = Train::new(<X as Borrow<E::Input>>::borrow(&x), &NoTarget);
        let (model, output) = self.estimator.fit_transform_on(&train)?;
        Ok((self.hide(model), dense(&checked(rows.len(), output)?)?))
    }

    fn promised(&self) -> Result<Option<Vec<String>>> {
        let x = (self.make)(&[]);
        Ok(match self.estimator.transform_schema(<X as Borrow<E::Input>>::borrow(&x))? {
            OutputSchema::Known { output, .. } => Some(names(&output)),
            OutputSchema::AfterFit { .. } => None,
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Fitted<R> + '_>> {
        let model: E::Model = self.estimator.decode(bytes)?;
        Ok(self.hide(model))
    }
}

struct TypedModel<'a, 'm, R, X, E: Estimator> {
    step: &'a Typed<'m, R, X, E>,
    model: E::Model,
}

impl<R: Row, X: Borrow<E::Input>, E: RowStep> Fitted<R> for TypedModel<'_, '_, R, X, E> {
    fn apply(&self, rows: &[R]) -> Result<Array2<f64>> {
        dense(&self.step.transform(&self.model, rows)?)
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(names(&self.step.transform(&self.model, &[])?))
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        self.step.estimator.encode(&self.model)
    }
}

/// A step and its tags, as the checks see them.
pub(super) struct Subject<'a, R: Row> {
    step: Box<dyn Step<R> + 'a>,
    pub(super) tags: Tags,
}

impl<'a, R: Row> Subject<'a, R> {
    pub(super) fn new(step: Box<dyn Step<R> + 'a>, tags: Tags) -> Self {
        Subject { step, tags }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.step.capabilities()
    }

    /// The settings as serde writes them.
    pub(super) fn settings(&self) -> Option<Value> {
        self.step.written()
    }

    /// The same step with other settings, where its type can hold them.
    pub(super) fn with_settings(&self, settings: &Value) -> Option<Subject<'_, R>> {
        Some(Subject { step: self.step.read(settings)?, tags: self.tags.clone() })
    }

    pub(super) fn cloned(&self) -> Subject<'_, R> {
        Subject { step: self.step.cloned(), tags: self.tags.clone() }
    }

    pub(super) fn fit(&self, rows: &[R]) -> Result<Box<dyn Fitted<R> + '_>> {
        self.step.fit(rows, Given::default())
    }

    pub(super) fn fit_in(&self, rows: &[R], ctx: Context) -> Result<Box<dyn Fitted<R> + '_>> {
        self.step.fit(rows, Given { ctx, weights: None })
    }

    pub(super) fn fit_weighted(&self, rows: &[R], weights: &[f64]) -> Result<Box<dyn Fitted<R> + '_>> {
        self.step.fit(rows, Given { weights: Some(weights), ..Given::default() })
    }

    pub(super) fn fit_transform(&self, rows: &[R]) -> Result<(Box<dyn Fitted<R> + '_>, Array2<f64>)> {
        self.step.fit_transform(rows)
    }

    pub(super) fn promised(&self) -> Result<Option<Vec<String>>> {
        self.step.promised()
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Fitted<R> + '_>> {
        self.step.decode(bytes)
    }

    /// Fits and applies to the same rows: either all finite, or an error that an input may cause.
    pub(super) fn tolerates(&self, what: &str, rows: &[R]) -> Verdict {
        match self.fit(rows).and_then(|model| model.apply(rows)) {
            Ok(answers) => {
                let bad = answers.indexed_iter().find(|(_, value)| !value.is_finite());
                ensure!(bad.is_none(), "{what}: row and column of a number that is not finite: {bad:?}");
                Ok(())
            }
            Err(error) => is_typed(what, &error),
        }
    }

    pub(super) fn run(&self, checks: Checks<R>) -> Report {
        let checks = checks.into_iter().map(|(id, asserts, check)| {
            let outcome = outcome(id, &self.tags, || check(self));
            Check { id, asserts, outcome }
        });
        Report { estimator: self.step.text(), checks: checks.collect() }
    }
}
