//! Every row tested alone, every set of rows, or folds that are written down.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, check_size, combinations, n_choose};

/// As many splits as rows: each tests on one row and learns from all others.
///
/// Beyond some ten thousand rows the splits would not fit into memory and are refused.
///
/// ```
/// use perennial_evaluation::split::{LeaveOneOut, SplitInputs, Splitter};
///
/// let splits = LeaveOneOut.split(&SplitInputs::new(3))?;
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[0, 2][..], &[1][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveOneOut;

impl Splitter for LeaveOneOut {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        LeavePOut::new(1).split(inputs)
    }
}

/// A split for every set of `p` rows, in the order of a dictionary: `n! / (p! (n - p)!)` of them.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `p` | 2 | >= 1, less than the number of rows | number of rows to test on |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeavePOut {
    p: usize,
}

const P: Param = Param::integer("p", "number of rows to test on").at_least(1.0);

impl Default for LeavePOut {
    fn default() -> Self {
        LeavePOut { p: 2 }
    }
}

impl LeavePOut {
    /// All sets of this many rows.
    pub fn new(p: usize) -> Self {
        LeavePOut { p }
    }
}

impl Splitter for LeavePOut {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        P.check_count(self.p)?;
        let n = inputs.n_rows;
        if self.p >= n {
            return Err(Error::insufficient_data(format!(
                "{} rows to test on leave nothing of {n} rows to learn from; leave out fewer",
                self.p
            )));
        }
        check_size(n_choose(n, self.p), n, &format!("ways to leave out {} rows", self.p))?;
        let split = |test: Vec<usize>| {
            let mut split = Split::of(n, |row| test.binary_search(&row).is_ok());
            split.test = test;
            split
        };
        Ok(combinations(n, self.p).into_iter().map(split).collect())
    }
}

/// Folds that are written down: the number of the fold that tests each row, or -1 for a row that is always learned
/// from.
///
/// The splits are in the order of the numbers, as those of scikit-learn 1.9.
///
/// ```
/// use perennial_evaluation::split::{PredefinedSplit, SplitInputs, Splitter};
///
/// let splits = PredefinedSplit::new([0, -1, 1, 0]).split(&SplitInputs::new(4))?;
/// assert_eq!((&splits[0].train[..], &splits[0].test[..]), (&[1, 2][..], &[0, 3][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredefinedSplit {
    test_fold: Vec<i64>,
}

impl PredefinedSplit {
    /// The fold that tests each row.
    pub fn new(test_fold: impl IntoIterator<Item = i64>) -> Self {
        PredefinedSplit { test_fold: test_fold.into_iter().collect() }
    }
}

impl Splitter for PredefinedSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let n = inputs.n_rows;
        if self.test_fold.len() != n {
            return Err(Error::length_mismatch("the list of folds", n, self.test_fold.len()));
        }
        if let Some(row) = self.test_fold.iter().position(|&fold| fold < -1) {
            return Err(Error::malformed(format!(
                "row {row} is in fold {}; expected -1 for a row that is never tested, or a number >= 0",
                self.test_fold[row]
            )));
        }
        let mut folds: Vec<i64> = self.test_fold.iter().copied().filter(|&fold| fold >= 0).collect();
        folds.sort_unstable();
        folds.dedup();
        if folds.is_empty() {
            return Err(Error::empty("no row is in a fold, so none would be tested"));
        }
        if folds.len() == 1 && self.test_fold.iter().all(|&fold| fold >= 0) {
            return Err(Error::insufficient_data(
                "all rows are in one fold, which leaves nothing to learn from; give some rows -1 or another fold",
            ));
        }
        check_size(folds.len(), n, "folds")?;
        Ok(folds.into_iter().map(|fold| Split::of(n, |row| self.test_fold[row] == fold)).collect())
    }
}
