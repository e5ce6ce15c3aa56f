//! Fits inside an estimator, each judged on rows that it has not seen.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{
    Capabilities, Classes, Error, Estimator, Param, Result, ResultExt, Rows, Train, check_rows,
};
use perennial_numeric::folds;
use serde::{Deserialize, Serialize};

use crate::split::{grouped_train_test, splits_of, stratified_train_test, train_test};
use crate::tasks;
use crate::{Split, SplitInputs, Splitter};

const N_SPLITS: Param =
    Param::integer("n_splits", "number of folds").at_least(2.0).at_most(1e6).search(2.0, 10.0);

/// Folds that suit what there is: groups stay whole; else each class is spread evenly.
///
/// It is what estimators that learn several times inside use unless they are given another [`Splitter`].
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of folds |
/// | `seed` | from the context | | which rows go into which fold |
///
/// ```
/// use perennial_evaluation::{CrossFit, SplitInputs, Splitter};
///
/// let groups = [1, 1, 2, 2, 3, 3];
/// let splits = CrossFit::new(3).split(&SplitInputs::new(6).groups(&groups))?;
/// assert!(splits.iter().all(|split| groups[split.test[0]] == groups[split.test[1]]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossFit {
    n_splits: usize,
    seed: Option<u64>,
}

impl Default for CrossFit {
    fn default() -> Self {
        CrossFit { n_splits: 5, seed: None }
    }
}

impl CrossFit {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        CrossFit { n_splits, ..CrossFit::default() }
    }

    /// Sets what decides which rows go into which fold.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Splitter for CrossFit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_SPLITS.check_count(self.n_splits)?;
        let (units, what) = match inputs.groups {
            Some(groups) => (groups.iter().collect::<BTreeSet<_>>().len(), "groups"),
            None => (inputs.n_rows, "rows"),
        };
        if self.n_splits > units {
            return Err(Error::insufficient_data(format!(
                "{units} {what} cannot be divided into {} folds; lower `n_splits` or give more {what}",
                self.n_splits
            )));
        }
        let strata = inputs.classes.map(Classes::codes);
        let seed = inputs.ctx.seed(self.seed);
        let fold_of = folds::assign(inputs.n_rows, self.n_splits, strata, inputs.groups, seed);
        Ok(splits_of(&fold_of, self.n_splits))
    }
}

/// One part held out: groups stay whole; else each class has its share in both parts.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `test_share` | 0.25 | in (0, 1) | share of the rows (or groups) that is held out |
/// | `seed` | from the context | | which rows are held out |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holdout {
    test_share: f64,
    seed: Option<u64>,
}

impl Default for Holdout {
    fn default() -> Self {
        Holdout { test_share: 0.25, seed: None }
    }
}

impl Holdout {
    /// Holds out this share.
    pub fn new(test_share: f64) -> Self {
        Holdout { test_share, ..Holdout::default() }
    }

    /// Sets what decides which rows are held out.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Splitter for Holdout {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let seed = inputs.ctx.seed(self.seed);
        let split = match (inputs.groups, inputs.classes) {
            (Some(groups), _) => grouped_train_test(groups, self.test_share, seed),
            (None, Some(classes)) => stratified_train_test(classes, self.test_share, seed),
            (None, None) => train_test(inputs.n_rows, self.test_share, seed),
        };
        Ok(vec![split?])
    }
}

/// What an estimator takes that fits another one on parts of its rows.
pub(crate) fn accepted(inner: Capabilities) -> Capabilities {
    let mut accepts = inner;
    accepts.groups = true;
    accepts.validation = false;
    accepts
}

/// Does the work with the rows that have weight: one without is as if it were not there.
pub(crate) fn with_weight<X, Y, R>(
    train: &Train<'_, X, Y>,
    work: impl FnOnce(&Train<'_, X, Y>) -> Result<R>,
) -> Result<R>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
{
    let Some(weights) = train.weights.filter(|weights| weights.contains(&0.0)) else { return work(train) };
    let rows: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] > 0.0).collect();
    part(train, &rows, work)
}

/// Does the work with some of the rows.
pub(crate) fn part<X, Y, R>(
    train: &Train<'_, X, Y>,
    rows: &[usize],
    work: impl FnOnce(&Train<'_, X, Y>) -> Result<R>,
) -> Result<R>
where
    X: ?Sized + Rows + Sync,
    Y: ?Sized + Rows + Sync,
{
    let (x, y) = (train.x.take(rows)?, train.y.take(rows)?);
    let weights = train.weights.map(|weights| weights.take(rows)).transpose()?;
    let groups = train.groups.map(|groups| groups.take(rows)).transpose()?;
    let mut own = Train::new(x.borrow(), y.borrow()).context(train.ctx.clone());
    own.weights = weights.as_deref();
    own.groups = groups.as_deref();
    work(&own)
}

/// Fits the inner estimator on all rows.
pub(crate) fn fit_whole<E: Estimator>(
    estimator: &E,
    train: &Train<'_, E::Input, E::Target>,
) -> Result<E::Model> {
    let mut own = Train::new(train.x, train.y).context(train.ctx.child("all"));
    own.weights = train.weights;
    own.groups = train.groups;
    own.limited_to(&estimator.capabilities()).fit(estimator).context("the fit on all rows")
}

/// Fits on the training part of each split, in parallel, and hands on the model with the input that was held out.
pub(crate) fn rounds<E, T>(
    estimator: &E,
    train: &Train<'_, E::Input, E::Target>,
    splitter: &dyn Splitter,
    classes: Option<&Classes>,
    then: impl Fn(&Split, E::Model, &E::Input) -> Result<T> + Sync,
) -> Result<Vec<T>>
where
    E: Estimator,
    T: Send,
{
    let n_rows = train.x.n_rows();
    let mut inputs = SplitInputs::new(n_rows).context(train.ctx.child("split"));
    inputs.classes = classes;
    inputs.groups = train.groups;
    let splits = splitter.split(&inputs)?;
    if splits.is_empty() {
        return Err(Error::insufficient_data("the splitter gave no splits"));
    }
    let done = AtomicUsize::new(0);
    tasks::try_each(splits.len(), |number| {
        let split = &splits[number];
        let round = || {
            check_rows(&split.test, n_rows)?;
            if split.test.is_empty() {
                return Err(Error::insufficient_data("no rows are held out; use another way to split"));
            }
            let model = part(train, &split.train, |own| {
                let own = own.clone().context(train.ctx.child(&format!("fold{number}")));
                own.limited_to(&estimator.capabilities()).fit(estimator)
            })?;
            let result = then(split, model, train.x.take(&split.test)?.borrow())?;
            train.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, splits.len() + 1)?;
            Ok(result)
        };
        round().context(format!("fold {number}"))
    })
}
