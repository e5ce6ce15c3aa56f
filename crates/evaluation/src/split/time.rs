//! Splits that never learn from the future.

use std::collections::BTreeMap;
use std::ops::Range;

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, check_size};

/// The past to learn from, growing, and the rows that follow to test on.
///
/// The rows are taken in the order of their times, or as they stand where no times are given. What no test part takes
/// is learned from. A row with the same time as the first tested row is not learned from.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of test parts |
/// | `gap` | 0 | | rows left out between the two parts, as long as the target looks ahead |
/// | `test_size` | `n / (n_splits + 1)` | >= 1 | rows of each test part |
/// | `max_train_size` | all | >= 1 | the latest rows that are learned from: a window that moves, not one that grows |
///
/// ```
/// use perennial_evaluation::split::{SplitInputs, Splitter, TimeSeriesSplit};
///
/// let splits = TimeSeriesSplit::new(2).gap(1).split(&SplitInputs::new(7))?;
/// assert_eq!((&splits[0].train[..], &splits[0].test[..]), (&[0, 1][..], &[3, 4][..]));
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[0, 1, 2, 3][..], &[5, 6][..]));
///
/// let splits = TimeSeriesSplit::new(2).test_size(1).max_train_size(3).split(&SplitInputs::new(7))?;
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[3, 4, 5][..], &[6][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSeriesSplit {
    n_splits: usize,
    gap: usize,
    test_size: Option<usize>,
    max_train_size: Option<usize>,
}

const N_SPLITS: Param = Param::integer("n_splits", "number of test parts").at_least(2.0);
const TEST_SIZE: Param = Param::integer("test_size", "size of each test part").at_least(1.0);
const MAX_TRAIN_SIZE: Param = Param::integer("max_train_size", "most rows to learn from").at_least(1.0);

impl Default for TimeSeriesSplit {
    fn default() -> Self {
        TimeSeriesSplit { n_splits: 5, gap: 0, test_size: None, max_train_size: None }
    }
}

impl TimeSeriesSplit {
    /// This many test parts.
    pub fn new(n_splits: usize) -> Self {
        TimeSeriesSplit { n_splits, ..TimeSeriesSplit::default() }
    }

    /// The rows left out between the two parts.
    #[must_use]
    pub fn gap(mut self, gap: usize) -> Self {
        self.gap = gap;
        self
    }

    /// The rows of each test part.
    #[must_use]
    pub fn test_size(mut self, rows: usize) -> Self {
        self.test_size = Some(rows);
        self
    }

    /// The most rows that are learned from, the latest.
    #[must_use]
    pub fn max_train_size(mut self, rows: usize) -> Self {
        self.max_train_size = Some(rows);
        self
    }
}

impl Splitter for TimeSeriesSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let n = inputs.n_rows;
        self.max_train_size.map_or(Ok(()), |size| MAX_TRAIN_SIZE.check_count(size))?;
        let times = inputs.times.map(|_| inputs.needed_times()).transpose()?;
        let mut rows: Vec<usize> = (0..n).collect();
        if let Some(times) = times {
            rows.sort_by_key(|&row| times[row]);
        }
        let parts = parts(n, self.n_splits, self.gap, self.test_size, "rows")?;
        check_size(parts.len(), n, "test parts")?;
        let split = |(part, (learned, tested)): (usize, (usize, Range<usize>))| {
            let train = before(&rows[..learned], times, rows[tested.start]);
            if train.is_empty() {
                return Err(Error::insufficient_data(format!(
                    "test part {part} has no rows before it: all have the same time"
                )));
            }
            let first = train.len().saturating_sub(self.max_train_size.unwrap_or(n));
            Ok(Split { train: train[first..].to_vec(), test: rows[tested].to_vec() })
        };
        parts.into_iter().enumerate().map(split).collect()
    }
}

/// Of `n` units in the order of time: how many of the first may be learned from, and which are tested, for each part.
fn parts(
    n: usize,
    n_splits: usize,
    gap: usize,
    test_size: Option<usize>,
    what: &str,
) -> Result<Vec<(usize, Range<usize>)>> {
    N_SPLITS.check_count(n_splits)?;
    test_size.map_or(Ok(()), |size| TEST_SIZE.check_count(size))?;
    let size = test_size.unwrap_or(n / n_splits.saturating_add(1));
    let first = n - n_splits.saturating_mul(size).min(n);
    if size == 0 || first <= gap {
        return Err(Error::insufficient_data(format!(
            "{n_splits} test parts after a gap of {gap} {what} leave nothing of {n} {what} to learn from; use fewer or smaller parts, or a smaller gap"
        )));
    }
    let part = |part: usize| first + part * size;
    Ok((0..n_splits).map(|number| (part(number) - gap, part(number)..part(number + 1))).collect())
}

/// [`TimeSeriesSplit`] by groups: the groups that began first to learn from, and the groups that follow to test on.
///
/// No group is on both sides, and nothing is learned from rows that are not before all tested rows: of a group that
/// was learned from and still goes on when the tested groups begin, the later rows are left out. The groups are in
/// the order of their first rows; times are those given, or the order of the rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of test parts |
/// | `gap` | 0 | | groups left out between the two parts |
/// | `test_size` | `n / (n_splits + 1)` | >= 1 | groups of each test part |
/// | `max_train_size` | all | >= 1 | the latest groups that are learned from |
///
/// ```
/// use perennial_evaluation::split::{GroupTimeSeriesSplit, SplitInputs, Splitter};
///
/// let inputs = SplitInputs::new(6).groups(&[5, 5, 9, 5, 9, 2]);
/// let splits = GroupTimeSeriesSplit::new(2).split(&inputs)?;
/// // Row 3 is of the group that is learned from, but later than row 2, which is tested.
/// assert_eq!((&splits[0].train[..], &splits[0].test[..]), (&[0, 1][..], &[2, 4][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupTimeSeriesSplit {
    n_splits: usize,
    gap: usize,
    test_size: Option<usize>,
    max_train_size: Option<usize>,
}

impl Default for GroupTimeSeriesSplit {
    fn default() -> Self {
        GroupTimeSeriesSplit { n_splits: 5, gap: 0, test_size: None, max_train_size: None }
    }
}

impl GroupTimeSeriesSplit {
    /// This many test parts.
    pub fn new(n_splits: usize) -> Self {
        GroupTimeSeriesSplit { n_splits, ..Self::default() }
    }

    /// The groups left out between the two parts.
    #[must_use]
    pub fn gap(mut self, groups: usize) -> Self {
        self.gap = groups;
        self
    }

    /// The groups of each test part.
    #[must_use]
    pub fn test_size(mut self, groups: usize) -> Self {
        self.test_size = Some(groups);
        self
    }

    /// The most groups that are learned from, the latest.
    #[must_use]
    pub fn max_train_size(mut self, groups: usize) -> Self {
        self.max_train_size = Some(groups);
        self
    }
}

impl Splitter for GroupTimeSeriesSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        self.max_train_size.map_or(Ok(()), |size| MAX_TRAIN_SIZE.check_count(size))?;
        let groups = inputs.needed_groups()?;
        let times = inputs.times_or_order()?;
        let mut rows: Vec<usize> = (0..inputs.n_rows).collect();
        rows.sort_by_key(|&row| times[row]);
        // Groups are numbered in the order in which they begin.
        let mut place_of = BTreeMap::new();
        for &row in &rows {
            let next = place_of.len();
            place_of.entry(groups[row]).or_insert(next);
        }
        let n_groups = place_of.len();
        let parts = parts(n_groups, self.n_splits, self.gap, self.test_size, "groups")?;
        check_size(parts.len(), inputs.n_rows, "test parts")?;
        let split = |(part, (learned, tested)): (usize, (usize, Range<usize>))| {
            let first = learned.saturating_sub(self.max_train_size.unwrap_or(n_groups));
            let of = |places: Range<usize>| -> Vec<usize> {
                rows.iter().copied().filter(|&row| places.contains(&place_of[&groups[row]])).collect()
            };
            let (mut train, test) = (of(first..learned), of(tested));
            train.truncate(before(&train, Some(&times), test[0]).len());
            if train.is_empty() {
                return Err(Error::insufficient_data(format!(
                    "test part {part} has no rows before it: the groups before it begin at the same time"
                )));
            }
            Ok(Split { train, test })
        };
        parts.into_iter().enumerate().map(split).collect()
    }
}

/// The leading part of `rows`, which are in the order of time, that lies strictly before `first_tested`.
pub(super) fn before<'a>(rows: &'a [usize], times: Option<&[i64]>, first_tested: usize) -> &'a [usize] {
    let Some(times) = times else { return rows };
    &rows[..rows.partition_point(|&row| times[row] < times[first_tested])]
}
