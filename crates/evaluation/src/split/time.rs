//! Splits that never learn from the future.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, needed};

/// The past to learn from, growing, and the rows that follow to test on.
///
/// The rows are taken in the order of their times, or as they stand where no times are given. Each
/// test part has `n / (n_splits + 1)` rows, and the remainder is learned from. A row with the same time as the first
/// tested row is not learned from.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of test parts |
/// | `gap` | 0 | | rows left out between the two parts, as long as the target looks ahead |
///
/// ```
/// use perennial_evaluation::split::{SplitInputs, Splitter, TimeSeriesSplit};
///
/// let splits = TimeSeriesSplit::new(2).gap(1).split(&SplitInputs::new(7))?;
/// assert_eq!((&splits[0].train[..], &splits[0].test[..]), (&[0, 1][..], &[3, 4][..]));
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[0, 1, 2, 3][..], &[5, 6][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSeriesSplit {
    n_splits: usize,
    gap: usize,
}

const N_SPLITS: Param = Param::integer("n_splits", "number of test parts").at_least(2.0);

impl Default for TimeSeriesSplit {
    fn default() -> Self {
        TimeSeriesSplit { n_splits: 5, gap: 0 }
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
}

impl Splitter for TimeSeriesSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_SPLITS.check_count(self.n_splits)?;
        let (n, k) = (inputs.n_rows, self.n_splits);
        let times =
            inputs.times.map(|times| needed("the time of each row", "", n, Some(times))).transpose()?;
        let mut rows: Vec<usize> = (0..n).collect();
        if let Some(times) = times {
            rows.sort_by_key(|&row| times[row]);
        }
        let size = n / k.saturating_add(1);
        let first = n - k.saturating_mul(size).min(n);
        if size == 0 || first <= self.gap {
            return Err(Error::insufficient_data(format!(
                "{k} test parts after a gap of {} rows leave nothing of {n} rows to learn from; use fewer parts or a smaller gap",
                self.gap
            )));
        }
        let split = |part: usize| {
            let start = first + part * size;
            let train = before(&rows[..start - self.gap], times, rows[start]);
            if train.is_empty() {
                return Err(Error::insufficient_data(format!(
                    "test part {part} has no rows before it: all have the same time"
                )));
            }
            Ok(Split { train: train.to_vec(), test: rows[start..start + size].to_vec() })
        };
        (0..k).map(split).collect()
    }
}

/// The leading part of `rows`, which are in the order of time, that lies strictly before `first_tested`.
pub(super) fn before<'a>(rows: &'a [usize], times: Option<&[i64]>, first_tested: usize) -> &'a [usize] {
    let Some(times) = times else { return rows };
    &rows[..rows.partition_point(|&row| times[row] < times[first_tested])]
}
