//! Steps that change which rows a model learns from, and never those it answers.

mod balance;
mod corrected;
mod neighbours;
mod nominal;
mod random;
mod smote;
mod space;

use std::borrow::Borrow;

use perennial_core::{Capabilities, Estimator, Outline, Result, ResultExt, Rows, Train};
use perennial_data::{Change, ChangeKind};
use serde::{Deserialize, Serialize};

pub use corrected::{CorrectedModel, PriorCorrected};
pub use neighbours::{EditedNearestNeighbours, NearMiss, TomekLinks};
pub use random::{RandomOverSampler, RandomUnderSampler};
pub use smote::Smote;

/// Settings that change which rows there are: they leave some out, repeat some, or make new ones.
///
/// A resampler wraps what follows it with [`before`](Resampler::before), and acts when that learns. When the model
/// answers it is gone, so no row that is to be answered is ever dropped.
///
/// ```
/// use perennial_core::{Classes, Matrix, Result, Train};
/// use perennial_preprocessing::{Resampled, Resampler};
///
/// /// Leaves out every second row.
/// struct EverySecond;
///
/// impl Resampler for EverySecond {
///     type Input = Matrix;
///     type Target = Classes;
///
///     fn resample(&self, train: &Train<'_, Matrix, Classes>) -> Result<Resampled<Matrix, Classes>> {
///         let rows: Vec<usize> = (0..train.y.codes().len()).step_by(2).collect();
///         Resampled::of_rows(train, &rows)
///     }
/// }
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.0]]);
/// let y = Classes::from_labels(["a", "b", "a"]);
/// assert_eq!(EverySecond.resample(&Train::new(&x, &y))?.y.codes(), [0, 0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait Resampler: Send + Sync {
    /// What the rows are.
    type Input: ?Sized + Rows + Sync;
    /// What is to be learned of them.
    type Target: ?Sized + Rows + Sync;

    /// The rows to learn from. This is what you implement.
    ///
    /// # Errors
    /// When settings or data do not allow it, or the work was cancelled.
    fn resample(
        &self,
        train: &Train<'_, Self::Input, Self::Target>,
    ) -> Result<Resampled<Self::Input, Self::Target>>;

    /// What it can take beyond finite dense numbers.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    /// An estimator that learns from the resampled rows.
    fn before<E>(self, next: E) -> Resampling<Self, E>
    where
        Self: Sized,
        E: Estimator<Input = Self::Input, Target = Self::Target>,
    {
        Resampling { resampler: self, next }
    }

    /// This and then another.
    fn and_then<R>(self, next: R) -> Both<Self, R>
    where
        Self: Sized,
        R: Resampler<Input = Self::Input, Target = Self::Target>,
    {
        Both { first: self, next }
    }
}

/// Rows that a resampler gives.
#[derive(Debug)]
pub struct Resampled<X: ?Sized + Rows, Y: ?Sized + Rows> {
    /// The input.
    pub x: X::Owned,
    /// The target.
    pub y: Y::Owned,
    /// How much each row counts, where the rows had weights.
    pub weights: Option<Vec<f64>>,
    /// Which rows belong together, where the rows had groups.
    pub groups: Option<Vec<u32>>,
}

impl<X: ?Sized + Rows + Sync, Y: ?Sized + Rows + Sync> Resampled<X, Y> {
    /// Some of the rows, in the given order; a row may come several times.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn of_rows(train: &Train<'_, X, Y>, rows: &[usize]) -> Result<Self> {
        Ok(Resampled {
            x: train.x.take(rows)?,
            y: train.y.take(rows)?,
            weights: train.weights.map(|weights| weights.take(rows)).transpose()?,
            groups: train.groups.map(|groups| groups.take(rows)).transpose()?,
        })
    }

    /// How many rows were added to the `n_rows` that there were, or left out; the difference, where both was done.
    pub fn changes(&self, n_rows: usize) -> Vec<Change> {
        let now = Borrow::<X>::borrow(&self.x).n_rows();
        let (kind, count) = match now >= n_rows {
            true => (ChangeKind::Added, now - n_rows),
            false => (ChangeKind::LeftOut, n_rows - now),
        };
        vec![Change::of_rows(kind, count)]
    }

    /// The rows as something to learn from, with what else `train` has.
    fn train<'a>(&'a self, train: &Train<'a, X, Y>) -> Train<'a, X, Y> {
        let mut inner = Train::new(self.x.borrow(), self.y.borrow()).context(train.ctx.clone());
        inner.weights = self.weights.as_deref();
        inner.groups = self.groups.as_deref();
        inner.validation = train.validation;
        inner.validation_groups = train.validation_groups;
        inner.validation_weights = train.validation_weights;
        inner
    }
}

/// An estimator that learns from resampled rows, made by [`Resampler::before`]. Its model is that of the estimator.
///
/// ```
/// use perennial_core::{Classes, Classifier, Estimator, Matrix};
/// # use perennial_core::{Predictor, Probabilities, Result, Train, Rows};
/// # struct Tree; struct TreeModel(Vec<String>, f64);
/// # impl Estimator for Tree { type Input = Matrix; type Target = Classes; type Model = TreeModel;
/// #   fn fit_on(&self, t: &Train<'_, Matrix, Classes>) -> Result<TreeModel> {
/// #     let c = t.y.counts(); Ok(TreeModel(t.y.names().to_vec(), c[1] as f64 / (c[0] + c[1]) as f64)) } }
/// # impl Predictor for TreeModel { type Input = Matrix; type Output = Classes;
/// #   fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) } }
/// # impl Classifier for TreeModel { fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #   let p = self.1; Probabilities::new(ndarray::Array2::from_shape_fn((x.n_rows(), 2), |(_, c)| if c == 1 { p } else { 1.0 - p }), self.0.clone()) } }
/// use perennial_preprocessing::{Resampler, Smote};
///
/// let x = Matrix::from(ndarray::Array2::from_shape_fn((40, 2), |(row, column)| (row * (column + 2) % 7) as f64));
/// let y = Classes::from_labels((0..40).map(|row| if row < 8 { "fraud" } else { "fair" }));
/// let model = Smote::new().before(Tree).fit(&x, &y)?;
/// assert_eq!(model.predict_proba(&x)?.of("fraud")?.as_slice()[0], 0.5);
///
/// // Probabilities for the world as it is, not as it was made: a fifth of the rows.
/// let model = Smote::new().before(Tree).corrected().fit(&x, &y)?;
/// assert!((model.predict_proba(&x)?.of("fraud")?.as_slice()[0] - 0.2).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling<R, E> {
    resampler: R,
    next: E,
}

/// The rows that were learned from, and what was learned.
type Fitted<R, E> = (Resampled<<R as Resampler>::Input, <R as Resampler>::Target>, <E as Estimator>::Model);

impl<R, E> Resampling<R, E>
where
    R: Resampler,
    E: Estimator<Input = R::Input, Target = R::Target>,
{
    fn fit_parts(&self, train: &Train<'_, R::Input, R::Target>) -> Result<Fitted<R, E>> {
        let seeded =
            train.with_input(train.x, train.validation.map(|(x, _)| x)).context(train.ctx.child("resampled"));
        let sample = self.resampler.resample(&seeded).context("resampling")?;
        let model = sample.train(train).limited_to(&self.next.capabilities()).fit(&self.next)?;
        Ok((sample, model))
    }
}

impl<R, E> Estimator for Resampling<R, E>
where
    R: Resampler,
    E: Estimator<Input = R::Input, Target = R::Target>,
{
    type Input = R::Input;
    type Target = R::Target;
    type Model = E::Model;

    fn fit_on(&self, train: &Train<'_, R::Input, R::Target>) -> Result<E::Model> {
        Ok(self.fit_parts(train)?.1)
    }

    fn capabilities(&self) -> Capabilities {
        self.resampler.capabilities().and(self.next.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        self.next.steps()
    }

    fn outline(&self) -> Vec<Outline> {
        self.next.outline()
    }
}

/// Two resamplers, one after the other, made by [`Resampler::and_then`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both<A, B> {
    first: A,
    next: B,
}

impl<A, B> Resampler for Both<A, B>
where
    A: Resampler,
    B: Resampler<Input = A::Input, Target = A::Target>,
{
    type Input = A::Input;
    type Target = A::Target;

    fn resample(&self, train: &Train<'_, A::Input, A::Target>) -> Result<Resampled<A::Input, A::Target>> {
        let first = self.first.resample(train)?;
        let inner = first.train(train).context(train.ctx.child("then"));
        self.next.resample(&inner)
    }

    fn capabilities(&self) -> Capabilities {
        self.first.capabilities().and(self.next.capabilities())
    }
}
