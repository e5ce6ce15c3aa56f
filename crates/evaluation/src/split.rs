//! Which rows to learn from and which to test on.

mod bootstrap;
mod calendar;
mod fold;
mod grouped;
mod holdout;
mod leave;
mod multilabel;
mod purged;
mod repeated;
mod spatial;
mod time;
mod values;

pub use bootstrap::Bootstrap;
pub use calendar::{CalendarSplit, Period, TimeUnit};
pub(crate) use fold::splits_of;
pub use fold::{GroupKFold, KFold, StratifiedKFold};
pub use grouped::{LeaveOneGroupOut, LeavePGroupsOut, StratifiedGroupKFold};
pub use holdout::{
    FixedSplits, GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit, grouped_train_test,
    stratified_train_test, time_train_test, train_test,
};
pub use leave::{LeaveOneOut, LeavePOut, PredefinedSplit};
pub use multilabel::MultilabelStratifiedKFold;
pub use purged::{CombinatorialPurgedKFold, PurgedKFold};
pub use repeated::{Repeated, RepeatedKFold, RepeatedStratifiedKFold};
pub use spatial::SpatialBlockKFold;
pub use time::{GroupTimeSeriesSplit, TimeSeriesSplit};
pub use values::BinnedStratifiedKFold;

use perennial_core::{ClassOutputs, Classes, Context, Error, Matrix, NoTarget, Outputs, Result, Values};
use serde::{Deserialize, Serialize};

use crate::AuditReport;

/// The rows to learn from and the rows to test on; both in rising order, or in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The rows to learn from; a [`Bootstrap`] repeats some.
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
    /// The rows themselves, for the audit of a split; no splitter looks at them.
    pub rows: Option<&'a Matrix>,
    /// Where the rows are no matrix, a number for each, the same where rows are the same; for the audit as well. With `rows`, such as
    /// the numeric columns of a table, these numbers say which rows are copies and the matrix says which are near.
    pub row_numbers: Option<&'a [u32]>,
    /// The class of each row, for splitters that keep the shares of the classes.
    pub classes: Option<&'a Classes>,
    /// The group of each row, for splitters that keep groups whole.
    pub groups: Option<&'a [u32]>,
    /// The number that each row has as its target, for splitters that stratify by it.
    pub values: Option<&'a [f64]>,
    /// The labels of each row, for splitters that keep the shares of all of them.
    pub labels: Option<&'a ClassOutputs>,
    /// The time of each row in any unit, for splitters that respect time.
    pub times: Option<&'a [i64]>,
    /// When the target of each row was known, in the unit of the times, for splitters that purge.
    pub ends: Option<&'a [i64]>,
    /// Where each row was, for splitters by place.
    pub coordinates: Option<&'a [[f64; 2]]>,
    /// Gives the seed where the splitter has none of its own.
    pub ctx: Context,
}

impl<'a> SplitInputs<'a> {
    /// Rows of which nothing is known but their number.
    pub fn new(n_rows: usize) -> Self {
        SplitInputs {
            n_rows,
            rows: None,
            row_numbers: None,
            classes: None,
            groups: None,
            values: None,
            labels: None,
            times: None,
            ends: None,
            coordinates: None,
            ctx: Context::new(),
        }
    }

    /// A number for each row, the same where rows are the same, as [`Rows::row_numbers`](perennial_core::Rows::row_numbers)
    /// gives them; where the rows are a matrix, [`rows`](SplitInputs::rows) says more.
    #[must_use]
    pub fn row_numbers(mut self, numbers: &'a [u32]) -> Self {
        self.row_numbers = Some(numbers);
        self
    }

    /// The rows themselves.
    #[must_use]
    pub fn rows(mut self, rows: &'a Matrix) -> Self {
        self.rows = Some(rows);
        self
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

    /// Rows with a number each as their target.
    #[must_use]
    pub fn values(mut self, values: &'a [f64]) -> Self {
        self.values = Some(values);
        self
    }

    /// Rows with any number of labels each.
    #[must_use]
    pub fn labels(mut self, labels: &'a ClassOutputs) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Rows with times, in any unit.
    #[must_use]
    pub fn times(mut self, times: &'a [i64]) -> Self {
        self.times = Some(times);
        self
    }

    /// When the target of each row was known: the end of the span that its label looks at, in the unit of the
    /// times.
    #[must_use]
    pub fn ends(mut self, ends: &'a [i64]) -> Self {
        self.ends = Some(ends);
        self
    }

    /// Where each row was, such as metres east and north; distances are Euclidean.
    #[must_use]
    pub fn coordinates(mut self, coordinates: &'a [[f64; 2]]) -> Self {
        self.coordinates = Some(coordinates);
        self
    }

    /// Sets where seeds come from.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    fn needed_classes(&self) -> Result<&'a Classes> {
        let how = "use it with a target of classes, or give `SplitInputs::classes`";
        let classes = self.classes.ok_or_else(|| missing("the class of each row", how))?;
        needed("the class of each row", how, self.n_rows, Some(classes.codes()))?;
        Ok(classes)
    }

    fn needed_groups(&self) -> Result<&'a [u32]> {
        let how = "give it by `CrossValidation::groups` or `SplitInputs::groups`";
        needed("the group of each row", how, self.n_rows, self.groups)
    }

    fn needed_times(&self) -> Result<&'a [i64]> {
        let how = "give it by `CrossValidation::times` or `SplitInputs::times`";
        needed("the time of each row", how, self.n_rows, self.times)
    }

    /// The times, or the numbers of the rows where there are none.
    fn times_or_order(&self) -> Result<Vec<i64>> {
        match self.times {
            Some(_) => Ok(self.needed_times()?.to_vec()),
            None => Ok((0..self.n_rows as i64).collect()),
        }
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

    /// What an audit of these splits found, where there was one.
    fn audited(&self) -> Option<&AuditReport> {
        None
    }
}

macro_rules! splits_through {
    ($($pointer:ty),*) => {$(
        impl<S: Splitter + ?Sized> Splitter for $pointer {
            fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
                (**self).split(inputs)
            }

            fn audited(&self) -> Option<&AuditReport> {
                (**self).audited()
            }
        }
    )*};
}

splits_through!(&S, Box<S>);

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

    /// The number of each row, where the target is a number.
    fn numbers(&self) -> Option<&[f64]> {
        None
    }

    /// The labels of each row, where the target is any number of them.
    fn label_sets(&self) -> Option<&ClassOutputs> {
        None
    }
}

impl Strata for Classes {
    fn classes(&self) -> Option<&Classes> {
        Some(self)
    }
}

impl Strata for Values {
    fn numbers(&self) -> Option<&[f64]> {
        Some(self.as_slice())
    }
}

impl Strata for ClassOutputs {
    fn label_sets(&self) -> Option<&ClassOutputs> {
        Some(self)
    }
}

impl Strata for Outputs {}
impl Strata for NoTarget {}

/// Refuses inputs that a splitter needs and that are missing or of the wrong length.
fn needed<'a, T>(what: &str, how: &str, n_rows: usize, given: Option<&'a [T]>) -> Result<&'a [T]> {
    match given {
        None => Err(missing(what, how)),
        Some(rows) if rows.len() != n_rows => Err(Error::length_mismatch(what, n_rows, rows.len())),
        Some(rows) => Ok(rows),
    }
}

fn missing(what: &str, how: &str) -> Error {
    Error::unsupported(format!("this splitter needs {what}; {how}"))
}

/// The rows that all splits together may hold: 1 GiB of row numbers.
const MOST_ROWS: u128 = 1 << 27;

/// Refuses numbers of splits that memory would not hold.
fn check_size(n_splits: impl TryInto<u128>, n_rows: usize, what: &str) -> Result<()> {
    let n_splits = n_splits.try_into().unwrap_or(u128::MAX);
    if n_splits.saturating_mul(n_rows as u128) <= MOST_ROWS {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "{n_splits} {what} of {n_rows} rows would hold more than {MOST_ROWS} row numbers; use fewer folds, or \
         `ShuffleSplit`"
    )))
}

/// How many ways there are to choose `k` of `n`; the largest number where there are more.
fn n_choose(n: usize, k: usize) -> u128 {
    let k = k.min(n.saturating_sub(k));
    // The product of the first i factors is divisible by i!.
    (0..k as u128)
        .try_fold(1_u128, |ways, i| Some(ways.checked_mul(n as u128 - i)? / (i + 1)))
        .unwrap_or(u128::MAX)
}

/// All ways to choose `k` of 0 to `n` - 1, in the order of a dictionary.
fn combinations(n: usize, k: usize) -> Vec<Vec<usize>> {
    let mut chosen: Vec<usize> = (0..k).collect();
    let mut all = Vec::new();
    if k > n {
        return all;
    }
    loop {
        all.push(chosen.clone());
        let Some(place) = (0..k).rev().find(|&place| chosen[place] < n - k + place) else { return all };
        chosen[place] += 1;
        for next in place + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}
