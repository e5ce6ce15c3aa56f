//! Learning from rows that come in batches, such as those of a file that is larger than memory.

use std::cmp::Ordering;

use perennial_core::{Capabilities, Context, Error, Estimator, Result, Rows, Train};

/// Rows that come together. A pair of input and target is such a batch, and three with weights are one:
/// `Batch::from((x, y, weights))`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Batch<X, Y> {
    /// The input, one row per example.
    pub x: X,
    /// The target, one row per example.
    pub y: Y,
    /// How much each row counts. Either all batches have weights or none has.
    pub weights: Option<Vec<f64>>,
}

impl<X, Y> From<(X, Y)> for Batch<X, Y> {
    fn from((x, y): (X, Y)) -> Self {
        Batch { x, y, weights: None }
    }
}

impl<X, Y> From<(X, Y, Vec<f64>)> for Batch<X, Y> {
    fn from((x, y, weights): (X, Y, Vec<f64>)) -> Self {
        Batch { x, y, weights: Some(weights) }
    }
}

/// A step that is learning from batches: all of them in order, once or more often.
pub trait Learning<X: ?Sized, Y: ?Sized, M> {
    /// Takes in a batch, which has rows and was checked against what the step takes.
    ///
    /// # Errors
    /// When its columns are not those of the batches before, or as for [`fit`](Estimator::fit).
    fn add(&mut self, batch: &Train<'_, X, Y>) -> Result<()>;

    /// All batches were given: the model, or nothing where they are to be given once more.
    ///
    /// # Errors
    /// As for [`fit`](Estimator::fit).
    fn end_pass(&mut self) -> Result<Option<M>>;
}

/// What [`FitBatches::learning`] gives for a step.
pub type BoxLearning<'a, E> =
    Box<dyn Learning<<E as Estimator>::Input, <E as Estimator>::Target, <E as Estimator>::Model> + 'a>;

/// A step that can learn from rows in batches, and learns what it would from all of them at once, bit for bit.
///
/// What is held in memory at a time is one batch and the statistics: a few numbers a column for scalers and means, the
/// different categories or numbers for encoders and modes. [`Columns`](crate::Columns) and pipelines can where their steps can; one
/// that cannot is named when the program is compiled, and one whose settings need all rows, such as a median, when it is fitted.
///
/// ```
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_preprocessing::{FitBatches, SimpleImputer, StandardScaler};
///
/// // In use: `CsvReader::new().scan(path, 1 << 24)?.map(|table| Ok((table?.matrix(&["x"])?, NoTarget)))`.
/// let rows = |range: std::ops::Range<usize>| {
///     Matrix::from(ndarray::Array2::from_shape_fn((range.len(), 1), |(row, _)| (range.start + row) as f64))
/// };
/// let batches = || Ok([0..10, 10..17, 17..30].map(|range| Ok((rows(range), NoTarget))));
/// let steps = SimpleImputer::mean().then(StandardScaler::new());
/// assert_eq!(steps.fit_batches(batches)?, steps.fit(&rows(0..30), &NoTarget)?);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// A step that needs all rows at once is not taken:
///
/// ```compile_fail
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_preprocessing::{FitBatches, KnnImputer, StandardScaler};
///
/// let x = Matrix::from(ndarray::array![[1.0], [2.0]]);
/// KnnImputer::new().then(StandardScaler::new()).fit_batches(|| Ok([Ok((x.clone(), NoTarget))]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot learn from batches of rows",
    label = "this step needs all rows at once",
    note = "fit it on rows in memory, such as a sample, and let its model take its place by `.frozen()`"
)]
pub trait FitBatches: Estimator<Input: Sized, Target: Sized> {
    /// Begins to learn. This is what you implement; [`fit_batches`](FitBatches::fit_batches) is what you call.
    ///
    /// # Errors
    /// When a setting is wrong, or needs all rows at once.
    fn learning(&self) -> Result<BoxLearning<'_, Self>>;

    /// Whether another step can learn from what this one makes of the batches, which is so where the rows that it learns from
    /// become what others would.
    ///
    /// # Errors
    /// Where they do not, as with encoders of the target, which keep each training row from its own target.
    fn hands_on(&self) -> Result<()> {
        Ok(())
    }

    /// Learns from the batches that `open` gives: pairs of input and target, or three with the weights of the rows. Of a single step
    /// it is mostly called once; encoders of the target, which need its mean first, call it twice, and pipelines once for each step in a
    /// row. Each time it must give the same rows.
    ///
    /// # Errors
    /// Those of the batches and of [`fit`](Estimator::fit); when batches have other columns than the first one, or when the
    /// settings need all rows at once.
    fn fit_batches<I, T>(&self, open: impl FnMut() -> Result<I>) -> Result<Self::Model>
    where
        I: IntoIterator<Item = Result<T>>,
        T: Into<Batch<Self::Input, Self::Target>>,
    {
        self.fit_batches_in(&Context::new(), open)
    }

    /// As [`fit_batches`](FitBatches::fit_batches), in a context that can stop it between batches.
    ///
    /// # Errors
    /// As for [`fit_batches`](FitBatches::fit_batches), and when the work was cancelled.
    fn fit_batches_in<I, T>(&self, ctx: &Context, mut open: impl FnMut() -> Result<I>) -> Result<Self::Model>
    where
        I: IntoIterator<Item = Result<T>>,
        T: Into<Batch<Self::Input, Self::Target>>,
    {
        let mut learning = self.learning()?;
        let mut first_pass = None;
        loop {
            let mut seen = Seen::default();
            for batch in open()? {
                ctx.check()?;
                let Batch { x, y, weights } = batch?.into();
                if x.n_rows() == 0 {
                    continue;
                }
                let mut batch = Train::new(&x, &y).context(ctx.clone());
                batch.weights = weights.as_deref();
                check(&batch, &self.capabilities())?;
                seen.add(x.n_rows(), batch.weights)?;
                learning.add(&batch)?;
            }
            seen.check(*first_pass.get_or_insert(seen.n_rows))?;
            if let Some(model) = learning.end_pass()? {
                return Ok(model);
            }
        }
    }
}

/// What was given in one pass.
#[derive(Default)]
struct Seen {
    n_rows: usize,
    weighted: Option<bool>,
    counts: bool,
}

impl Seen {
    fn add(&mut self, n_rows: usize, weights: Option<&[f64]>) -> Result<()> {
        self.n_rows += n_rows;
        self.counts |= weights.is_none_or(|weights| weights.iter().any(|weight| *weight > 0.0));
        if *self.weighted.get_or_insert(weights.is_some()) == weights.is_some() {
            return Ok(());
        }
        Err(Error::malformed("some batches have weights and others have none; give each of them weights"))
    }

    fn check(&self, first_pass: usize) -> Result<()> {
        match self.n_rows.cmp(&first_pass) {
            Ordering::Equal if self.n_rows == 0 => Err(Error::empty("the batches have no rows")),
            Ordering::Equal if !self.counts => Err(Error::insufficient_data(
                "all weights are zero, so no row counts; give at least one a positive weight",
            )),
            Ordering::Equal => Ok(()),
            _ => Err(Error::malformed(format!(
                "the batches had {first_pass} rows at first and {} when they were opened again; they must be the same each time",
                self.n_rows
            ))),
        }
    }
}

/// Checks a batch as `fit` checks all rows; of a batch no row need count.
pub(crate) fn check<X: Rows + Sync, Y: Rows + Sync>(
    batch: &Train<'_, X, Y>,
    accepts: &Capabilities,
) -> Result<()> {
    let all_zero = |weights: &[f64]| {
        accepts.weights && weights.len() == batch.x.n_rows() && weights.iter().all(|weight| *weight == 0.0)
    };
    match batch.weights {
        Some(weights) if all_zero(weights) => {
            Train::new(batch.x, batch.y).context(batch.ctx.clone()).check(accepts)
        }
        _ => batch.check(accepts),
    }
}

/// Learning in one pass: `add` gathers batches, `finish` makes the model.
struct OnePass<S, A, F> {
    state: S,
    add: A,
    finish: F,
}

pub(crate) fn one_pass<'a, X: 'a, Y: 'a, M: 'a, S: Default + 'a>(
    add: impl FnMut(&mut S, &Train<'_, X, Y>) -> Result<()> + 'a,
    finish: impl FnMut(S) -> Result<M> + 'a,
) -> Box<dyn Learning<X, Y, M> + 'a> {
    Box::new(OnePass { state: S::default(), add, finish })
}

impl<X, Y, M, S, A, F> Learning<X, Y, M> for OnePass<S, A, F>
where
    S: Default,
    A: FnMut(&mut S, &Train<'_, X, Y>) -> Result<()>,
    F: FnMut(S) -> Result<M>,
{
    fn add(&mut self, batch: &Train<'_, X, Y>) -> Result<()> {
        (self.add)(&mut self.state, batch)
    }

    fn end_pass(&mut self) -> Result<Option<M>> {
        (self.finish)(std::mem::take(&mut self.state)).map(Some)
    }
}

/// Learning of a step that learns the columns alone. Each batch is checked as if it were all.
pub(crate) fn of_columns<E>(step: &E) -> BoxLearning<'_, E>
where
    E: Estimator<Input: Sized, Target: Sized, Model: PartialEq>,
{
    one_pass(
        |model: &mut Option<E::Model>, batch: &Train<'_, E::Input, E::Target>| {
            let learned = step.fit_on(batch)?;
            match model {
                Some(first) if *first != learned => {
                    Err(Error::malformed("a batch has other columns than the first one"))
                }
                _ => {
                    *model = Some(learned);
                    Ok(())
                }
            }
        },
        |model| model.ok_or_else(|| Error::empty("the batches have no rows")),
    )
}
