//! Folds of time whose neighbourhood is left out of what is learned.

use std::ops::Range;

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::fold::check_folds;
use super::{Split, SplitInputs, Splitter, check_size, combinations, n_choose, needed};

/// Folds of time, with purging and embargo (López de Prado, 2018, chapter 7).
///
/// A row's target looks at the span from its time to its end ([`SplitInputs::ends`]). Rows before and after a test
/// fold are learned from, but for those whose span meets the span of the fold, and those that begin within `embargo`
/// after it. Where the target looks at the moment itself, give the times as ends.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of folds, which have as many rows each |
/// | `embargo` | 0 | >= 0 | span after a tested fold that is not learned from, in the unit of the times |
///
/// ```
/// use perennial_evaluation::split::{PurgedKFold, SplitInputs, Splitter};
///
/// let (times, ends) = ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]);
/// let inputs = SplitInputs::new(6).times(&times).ends(&ends);
/// let splits = PurgedKFold::new(3).embargo(1).split(&inputs)?;
/// // The fold looks from 2 to 4: row 1 ends in it, row 4 begins in it, row 5 within the embargo.
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[0][..], &[2, 3][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurgedKFold {
    n_splits: usize,
    embargo: i64,
}

const EMBARGO: Param = Param::integer("embargo", "span after a tested fold").at_least(0.0);
const N_TESTED: Param = Param::integer("n_tested", "number of folds tested together").at_least(1.0);

impl Default for PurgedKFold {
    fn default() -> Self {
        PurgedKFold { n_splits: 5, embargo: 0 }
    }
}

impl PurgedKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        PurgedKFold { n_splits, embargo: 0 }
    }

    /// The span after a tested fold that is not learned from, in the unit of the times.
    #[must_use]
    pub fn embargo(mut self, span: i64) -> Self {
        self.embargo = span;
        self
    }
}

impl Splitter for PurgedKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        CombinatorialPurgedKFold { n_splits: self.n_splits, n_tested: 1, embargo: self.embargo }.split(inputs)
    }
}

/// All ways to test on `n_tested` of the folds of time, purged (López de Prado, 2018, chapter 12).
///
/// With n folds of which k are tested there are `n! / (k! (n - k)!)` splits, and each row is tested by a share `k / n`
/// of them: together they are that share of paths through the whole time.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 6 | >= 2 | number of folds, which have as many rows each |
/// | `n_tested` | 2 | >= 1, less than `n_splits` | number of folds tested together |
/// | `embargo` | 0 | >= 0 | span after a tested fold that is not learned from, in the unit of the times |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CombinatorialPurgedKFold {
    n_splits: usize,
    n_tested: usize,
    embargo: i64,
}

impl Default for CombinatorialPurgedKFold {
    fn default() -> Self {
        CombinatorialPurgedKFold { n_splits: 6, n_tested: 2, embargo: 0 }
    }
}

impl CombinatorialPurgedKFold {
    /// This many folds, of which so many are tested together.
    pub fn new(n_splits: usize, n_tested: usize) -> Self {
        CombinatorialPurgedKFold { n_splits, n_tested, embargo: 0 }
    }

    /// The span after a tested fold that is not learned from, in the unit of the times.
    #[must_use]
    pub fn embargo(mut self, span: i64) -> Self {
        self.embargo = span;
        self
    }
}

impl Splitter for CombinatorialPurgedKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let (n, k) = (inputs.n_rows, self.n_splits);
        check_folds(k, n, "rows")?;
        N_TESTED.check_count(self.n_tested)?;
        if self.n_tested >= k {
            let expected = format!("a whole number < `n_splits`, which is {k}");
            return Err(Error::invalid_param("n_tested", self.n_tested, expected));
        }
        EMBARGO.check(self.embargo as f64)?;
        check_size(n_choose(k, self.n_tested), n, &format!("ways to test {} of {k} folds", self.n_tested))?;
        let times = inputs.needed_times()?;
        let how = "give it by `CrossValidation::ends` or `SplitInputs::ends`; the times themselves where a target looks at no later time";
        let ends = needed("the end of each row's label", how, n, inputs.ends)?;
        if let Some(row) = (0..n).find(|&row| ends[row] < times[row]) {
            return Err(Error::malformed(format!(
                "the label of row {row} ends at {}, before the time {} of the row; an end must not be before its time",
                ends[row], times[row]
            )));
        }
        let mut rows: Vec<usize> = (0..n).collect();
        rows.sort_by_key(|&row| times[row]);
        let start = |fold: usize| fold * (n / k) + fold.min(n % k);
        let folds: Vec<Range<usize>> = (0..k).map(|fold| start(fold)..start(fold + 1)).collect();
        let fold_of = |place: usize| folds.partition_point(|fold| fold.end <= place);
        // What a fold looks at: from its first time to its last end.
        let spans: Vec<(i64, i64)> = folds
            .iter()
            .map(|fold| {
                let fold = &rows[fold.clone()];
                let last = fold.iter().map(|&row| ends[row]).max().unwrap_or(i64::MAX);
                (times[fold[0]], last)
            })
            .collect();
        let split = |tested: Vec<usize>| {
            let apart = |row: usize, fold: usize| {
                let (first, last) = spans[fold];
                ends[row] < first || times[row] > last.saturating_add(self.embargo)
            };
            let (mut train, mut test) = (Vec::new(), Vec::new());
            for (place, &row) in rows.iter().enumerate() {
                if tested.binary_search(&fold_of(place)).is_ok() {
                    test.push(row);
                } else if tested.iter().all(|&fold| apart(row, fold)) {
                    train.push(row);
                }
            }
            if train.is_empty() {
                return Err(Error::insufficient_data(format!(
                    "purging leaves nothing to learn from where {} tested; use more folds, a smaller embargo, or \
                     labels that look less far ahead",
                    match &tested[..] {
                        [fold] => format!("fold {fold} is"),
                        folds => format!("folds {folds:?} are"),
                    }
                )));
            }
            Ok(Split { train, test })
        };
        combinations(k, self.n_tested).into_iter().map(split).collect()
    }
}
