//! One estimator under test, seen through its task.

use std::any::Any;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::{Array2, Axis, concatenate};
use perennial_core::{
    Classes, Classifier, Clustered, Clusters, Context, Error, ErrorKind, Estimator, Matrix, NoTarget,
    Persist, Predictor, Result, Rows, Train, Transformer, Values,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::{Check, Outcome, Report};
use crate::{Example, Tags};

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
}

/// Classification: the class code, then the probabilities.
#[derive(Debug)]
pub struct Classify;

impl<E> Task<E> for Classify
where
    E: Estimator<Input = Matrix, Target = Classes>,
    E::Model: Classifier<Input = Matrix>,
{
    const SUPERVISED: bool = true;

    fn target(example: &Example) -> Classes {
        example.classes.clone()
    }

    fn take(y: &Classes, rows: &[usize]) -> Result<Classes> {
        y.take(rows)
    }

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
    const SUPERVISED: bool = true;

    fn target(example: &Example) -> Values {
        example.values.clone()
    }

    fn take(y: &Values, rows: &[usize]) -> Result<Values> {
        y.take(rows)
    }

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
    const SUPERVISED: bool = true;

    fn target(example: &Example) -> Classes {
        example.classes.clone()
    }

    fn take(y: &Classes, rows: &[usize]) -> Result<Classes> {
        y.take(rows)
    }

    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        Ok(model.predict(x)?.names().to_vec())
    }

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        let classes = model.predict(x)?;
        if classes.n_rows() != x.n_rows() {
            return Err(wrong_rows(x, classes.n_rows()));
        }
        column(classes.codes().iter().map(|&code| f64::from(code)))
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
    const SUPERVISED: bool = false;

    fn target(_: &Example) -> NoTarget {
        NoTarget
    }

    fn take(y: &NoTarget, rows: &[usize]) -> Result<NoTarget> {
        y.take(rows)
    }

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
    const SUPERVISED: bool = false;
    const PLACES_NEW_ROWS: bool = false;

    fn target(_: &Example) -> NoTarget {
        NoTarget
    }

    fn take(y: &NoTarget, rows: &[usize]) -> Result<NoTarget> {
        y.take(rows)
    }

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
    const SUPERVISED: bool = false;

    fn target(_: &Example) -> NoTarget {
        NoTarget
    }

    fn take(y: &NoTarget, rows: &[usize]) -> Result<NoTarget> {
        y.take(rows)
    }

    fn class_names(model: &E::Model, x: &Matrix) -> Result<Vec<String>> {
        Ok(model.predict(x)?.names().to_vec())
    }

    fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        let classes = model.predict(x)?;
        if classes.n_rows() != x.n_rows() {
            return Err(wrong_rows(x, classes.n_rows()));
        }
        column(classes.codes().iter().map(|&code| f64::from(code)))
    }
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
            E: Estimator<Input = Matrix, Target = $target>,
            E::Model: Transformer<Input = Matrix, Output = Matrix>,
        {
            const SUPERVISED: bool = $supervised;

            fn target($example: &Example) -> $target {
                $make
            }

            fn take(y: &$target, rows: &[usize]) -> Result<$target> {
                y.take(rows)
            }

            fn apply(model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
                let output = model.transform(x)?;
                if output.n_rows() != x.n_rows() {
                    return Err(wrong_rows(x, output.n_rows()));
                }
                Ok(output.to_dense()?.dense()?.to_owned())
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

/// Why a check ended early.
pub(crate) enum Stop {
    Fail(String),
    Skip(String),
}

pub(crate) type Verdict = std::result::Result<(), Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fail(format!("unexpected error: {error}"))
    }
}

pub(crate) fn skip(why: &str) -> Verdict {
    Err(Stop::Skip(why.to_owned()))
}

/// Fails the check with what was seen.
macro_rules! ensure {
    ($condition:expr, $($seen:tt)*) => {
        if !$condition {
            return Err($crate::subject::Stop::Fail(format!($($seen)*)));
        }
    };
}
pub(crate) use ensure;

pub(crate) type CheckFn<E, T> = fn(&Subject<'_, E, T>) -> Verdict;
pub(crate) type Checks<E, T> = Vec<(&'static str, &'static str, CheckFn<E, T>)>;

/// An estimator, its tags, and its task.
pub(crate) struct Subject<'a, E, T> {
    pub(crate) estimator: &'a E,
    pub(crate) tags: Tags,
    task: PhantomData<fn() -> T>,
}

impl<'a, E: Testable, T: Task<E>> Subject<'a, E, T> {
    pub(crate) fn new(estimator: &'a E, tags: Tags) -> Self {
        Subject { estimator, tags, task: PhantomData }
    }

    /// An ordinary problem of this task: well separated blobs with a linear target.
    pub(crate) fn example(&self) -> Example {
        let example = crate::regression(120, 5, 11);
        if self.tags.positive_only { example.made_positive() } else { example }
    }

    pub(crate) fn fit(&self, example: &Example) -> Result<E::Model> {
        self.estimator.fit(&example.x, &T::target(example))
    }

    pub(crate) fn fit_in(&self, example: &Example, ctx: Context) -> Result<E::Model> {
        Train::new(&example.x, &T::target(example)).context(ctx).fit(self.estimator)
    }

    pub(crate) fn fit_weighted(&self, example: &Example, weights: &[f64]) -> Result<E::Model> {
        Train::new(&example.x, &T::target(example)).weights(weights).fit(self.estimator)
    }

    pub(crate) fn apply(&self, model: &E::Model, x: &Matrix) -> Result<Array2<f64>> {
        T::apply(model, x)
    }

    pub(crate) fn bytes(&self, model: &E::Model) -> Result<Vec<u8>> {
        self.estimator.encode(model)
    }

    /// Fits and applies to the same rows: either all finite, or an error that an input may cause.
    pub(crate) fn tolerates(&self, what: &str, example: &Example) -> Verdict {
        let answers = match self.fit(example).and_then(|model| {
            self.check_state(&model)?;
            self.apply(&model, &example.x)
        }) {
            Ok(answers) => answers,
            Err(error) => return is_typed(what, &error),
        };
        let bad = answers.indexed_iter().find(|(_, value)| !value.is_finite());
        if let Some(((row, _), value)) = bad {
            let row_is_whole = example.x.to_dense()?.dense()?.row(row).iter().all(|cell| cell.is_finite());
            ensure!(!row_is_whole, "{what}: the answer for row {row} is {value}");
        }
        Ok(())
    }

    /// A fitted model must not hold NaN or infinities.
    fn check_state(&self, model: &E::Model) -> Result<()> {
        if self.tags.non_finite_state {
            return Ok(());
        }
        let state = ciborium::Value::serialized(model).map_err(Error::other)?;
        match first_non_finite(&state) {
            None => Ok(()),
            Some(value) => Err(Error::other(format!("{BAD_STATE}: {value}"))),
        }
    }

    pub(crate) fn run(&self, checks: Checks<E, T>) -> Report {
        let mut done: Vec<Check> = Vec::with_capacity(checks.len());
        for (id, asserts, check) in checks {
            let verdict = catch_unwind(AssertUnwindSafe(|| check(self)));
            let mut outcome = match verdict {
                Ok(Ok(())) => Outcome::Pass,
                Ok(Err(Stop::Fail(seen))) => Outcome::Fail(seen),
                Ok(Err(Stop::Skip(why))) => Outcome::Skip(why),
                Err(panic) => Outcome::Fail(format!("panicked: {}", panic_text(&*panic))),
            };
            if let Some((_, reason)) = self.tags.expected_failures.iter().find(|expected| expected.0 == id) {
                outcome = match outcome {
                    Outcome::Fail(_) => Outcome::Skip(format!("fails as expected: {reason}")),
                    Outcome::Pass => Outcome::Fail(format!("passes, but was expected to fail: {reason}")),
                    skipped => skipped,
                };
            }
            done.push(Check { id, asserts, outcome });
        }
        Report { estimator: format!("{:?}", self.estimator), checks: done }
    }
}

const BAD_STATE: &str = "the fitted model holds a number that is not finite";

/// Whether the error is one that an input or a setting may cause, and reads like a sentence.
pub(crate) fn is_typed(what: &str, error: &Error) -> Verdict {
    let text = error.to_string();
    let typed = !matches!(
        error.kind(),
        ErrorKind::Other { .. }
            | ErrorKind::Io { .. }
            | ErrorKind::Corrupt { .. }
            | ErrorKind::Cancelled { .. }
    );
    ensure!(typed, "{what}: not an error that an input may cause: {text}");
    ensure!(!text.is_empty() && text.len() < 1024, "{what}: the message has {} bytes", text.len());
    Ok(())
}

fn first_non_finite(value: &ciborium::Value) -> Option<f64> {
    match value {
        ciborium::Value::Float(number) if !number.is_finite() => Some(*number),
        ciborium::Value::Array(items) => items.iter().find_map(first_non_finite),
        ciborium::Value::Map(items) => items.iter().find_map(|(_, item)| first_non_finite(item)),
        _ => None,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

/// Whether two tables of answers are the same bit for bit.
pub(crate) fn same_bits(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest relative difference of two tables of answers.
pub(crate) fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    if a.dim() != b.dim() {
        return f64::INFINITY;
    }
    let scale = a.iter().chain(b).fold(1e-12, |scale: f64, value| scale.max(value.abs()));
    a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| {
        let gap = (a - b).abs();
        if gap.is_nan() && a.to_bits() != b.to_bits() { f64::INFINITY } else { worst.max(gap / scale) }
    })
}
