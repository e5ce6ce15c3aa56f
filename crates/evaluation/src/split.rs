//! Which rows to learn from and which to test on.

mod fold;
mod holdout;
mod time;

pub use fold::{GroupKFold, KFold, StratifiedKFold};
pub use holdout::{
    FixedSplits, ShuffleSplit, grouped_train_test, stratified_train_test, time_train_test, train_test,
};
pub use time::TimeSeriesSplit;

use perennial_core::{ClassOutputs, Classes, Context, Error, NoTarget, Outputs, Result, Values};
use serde::{Deserialize, Serialize};

/// The rows to learn from and the rows to test on; both in rising order, or in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The rows to learn from.
    pub train: Vec<usize>,
    /// The rows to test on; none of them is in `train`.
    pub test: Vec<usize>,
}

impl Split {
    /// The split that tests on the rows for which `tested` holds and learns from all others.
    pub(crate) fn of(n_rows: usize, tested: impl Fn(usize) -> bool) -> Self {
        let (test, train) = (0..n_rows).partition(|&row| tested(row));
        Split { train, test }
    }
}

/// What a splitter may look at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SplitInputs<'a> {
    /// The number of rows.
    pub n_rows: usize,
    /// The class of each row, for splitters that keep the shares of the classes.
    pub classes: Option<&'a Classes>,
    /// The group of each row, for splitters that keep groups whole.
    pub groups: Option<&'a [u32]>,
    /// The time of each row in any unit, for splitters that respect time.
    pub times: Option<&'a [i64]>,
    /// Gives the seed where the splitter has none of its own.
    pub ctx: Context,
}

impl<'a> SplitInputs<'a> {
    /// Rows of which nothing is known but their number.
    pub fn new(n_rows: usize) -> Self {
        SplitInputs { n_rows, classes: None, groups: None, times: None, ctx: Context::new() }
    }

    /// Rows with classes.
    #[must_use]
    pub fn classes(mut self, classes: &'a Classes) -> Self {
        self.classes = Some(classes);
        self
    }

    /// Rows that belong together.
    #[must_use]
    pub fn groups(mut self, groups: &'a [u32]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Rows with times, in any unit.
    #[must_use]
    pub fn times(mut self, times: &'a [i64]) -> Self {
        self.times = Some(times);
        self
    }

    /// Sets where seeds come from.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }
}

/// A way to cut rows into parts to learn from and parts to test on.
///
/// ```
/// use perennial_evaluation::split::{KFold, SplitInputs, Splitter};
///
/// let splits = KFold::new(3).shuffle(false).split(&SplitInputs::new(7))?;
/// assert_eq!(splits[0].test, [0, 1, 2]);
/// assert_eq!(splits[1].test, [3, 4]);
/// assert_eq!(splits[2].train, [0, 1, 2, 3, 4]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not split rows: it is not a `Splitter`",
    note = "use `KFold`, `StratifiedKFold`, `GroupKFold`, `TimeSeriesSplit`, `ShuffleSplit` or `FixedSplits`"
)]
pub trait Splitter: Send + Sync {
    /// The splits, in order.
    ///
    /// # Errors
    /// When a setting is out of range, there are too few rows, or the inputs lack what it needs.
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>>;
}

impl<S: Splitter + ?Sized> Splitter for &S {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        (**self).split(inputs)
    }
}

impl<S: Splitter + ?Sized> Splitter for Box<S> {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        (**self).split(inputs)
    }
}

/// A target that may tell the class of each row, so that splitters can stratify.
///
/// One line serves a target of your own that has no classes: `impl Strata for MyTarget {}`.
#[diagnostic::on_unimplemented(
    message = "nothing says whether the target `{Self}` has classes to stratify by",
    note = "add `impl Strata for {Self} {{}}`"
)]
pub trait Strata {
    /// The class of each row, where the target has classes.
    fn classes(&self) -> Option<&Classes> {
        None
    }
}

impl Strata for Classes {
    fn classes(&self) -> Option<&Classes> {
        Some(self)
    }
}

impl Strata for Values {}
impl Strata for Outputs {}
impl Strata for ClassOutputs {}
impl Strata for NoTarget {}

/// Refuses inputs that a splitter needs and that are missing or of the wrong length.
fn needed<'a, T>(what: &str, how: &str, n_rows: usize, given: Option<&'a [T]>) -> Result<&'a [T]> {
    match given {
        None => Err(Error::unsupported(format!("this splitter needs {what}; {how}"))),
        Some(rows) if rows.len() != n_rows => Err(Error::length_mismatch(what, n_rows, rows.len())),
        Some(rows) => Ok(rows),
    }
}
