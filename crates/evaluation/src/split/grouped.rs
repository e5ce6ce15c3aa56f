//! Splits that keep groups whole, beside [`GroupKFold`](super::GroupKFold).

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::fold::{check_folds, splits_of};
use super::{Split, SplitInputs, Splitter, check_size, combinations, n_choose};

/// The distinct groups in rising order, and the place of each row's group among them.
fn distinct(groups: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut names = groups.to_vec();
    names.sort_unstable();
    names.dedup();
    let places = groups.iter().map(|group| names.partition_point(|name| name < group)).collect();
    (names, places)
}

/// As many splits as groups: each tests on one group and learns from all others.
///
/// ```
/// use perennial_evaluation::split::{LeaveOneGroupOut, SplitInputs, Splitter};
///
/// let splits = LeaveOneGroupOut.split(&SplitInputs::new(3).groups(&[7, 4, 7]))?;
/// assert_eq!((&splits[0].test[..], &splits[1].test[..]), (&[1][..], &[0, 2][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveOneGroupOut;

impl Splitter for LeaveOneGroupOut {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        LeavePGroupsOut::new(1).split(inputs)
    }
}

/// A split for every set of `n_groups` groups, in the order of a dictionary.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_groups` | 2 | >= 1, less than the number of groups | number of groups to test on |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeavePGroupsOut {
    n_groups: usize,
}

const N_GROUPS: Param = Param::integer("n_groups", "number of groups to test on").at_least(1.0);

impl Default for LeavePGroupsOut {
    fn default() -> Self {
        LeavePGroupsOut { n_groups: 2 }
    }
}

impl LeavePGroupsOut {
    /// All sets of this many groups.
    pub fn new(n_groups: usize) -> Self {
        LeavePGroupsOut { n_groups }
    }
}

impl Splitter for LeavePGroupsOut {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_GROUPS.check_count(self.n_groups)?;
        let (names, group_of_row) = distinct(inputs.needed_groups()?);
        let (n, p) = (names.len(), self.n_groups);
        if p >= n {
            return Err(Error::insufficient_data(format!(
                "{p} groups to test on leave nothing of {n} groups to learn from; leave out fewer"
            )));
        }
        check_size(n_choose(n, p), inputs.n_rows, &format!("ways to leave out {p} groups"))?;
        let split = |tested: Vec<usize>| {
            Split::of(inputs.n_rows, |row| tested.binary_search(&group_of_row[row]).is_ok())
        };
        Ok(combinations(n, p).into_iter().map(split).collect())
    }
}

/// Folds that keep groups whole and in which each class has, as nearly as they allow, its share.
///
/// The groups whose classes are most uneven are placed first, each into the fold that then leaves the shares of the
/// classes most even over the folds. Without shuffling the folds are those of scikit-learn 1.9.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2, at most the number of groups | number of folds |
/// | `shuffle` | true | | whether groups that are alike are taken in a random order |
/// | `seed` | from the context | | start of the random stream |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StratifiedGroupKFold {
    n_splits: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for StratifiedGroupKFold {
    fn default() -> Self {
        StratifiedGroupKFold { n_splits: 5, shuffle: true, seed: None }
    }
}

impl StratifiedGroupKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        StratifiedGroupKFold { n_splits, ..Self::default() }
    }

    /// Whether groups that are alike are taken in a random order.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Splitter for StratifiedGroupKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let k = self.n_splits;
        let classes = inputs.needed_classes()?;
        let (names, group_of_row) = distinct(inputs.needed_groups()?);
        check_folds(k, names.len(), "groups")?;
        check_size(k, inputs.n_rows, "folds")?;
        // Classes without rows have no share to keep.
        let counts = classes.counts();
        let present: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
        let totals: Vec<f64> = present.iter().map(|&class| counts[class] as f64).collect();
        let mut place = vec![0; counts.len()];
        present.iter().enumerate().for_each(|(at, &class)| place[class] = at);
        let mut by_group = vec![vec![0.0; totals.len()]; names.len()];
        for (row, &code) in classes.codes().iter().enumerate() {
            by_group[group_of_row[row]][place[code as usize]] += 1.0;
        }

        let mut order: Vec<usize> = if self.shuffle {
            Random::new(inputs.ctx.seed(self.seed)).permutation(names.len())
        } else {
            (0..names.len()).collect()
        };
        let uneven: Vec<f64> = by_group.iter().map(|counts| deviation(counts.iter().copied())).collect();
        order.sort_by(|&a, &b| uneven[b].total_cmp(&uneven[a]));
        let mut by_fold = vec![vec![0.0; totals.len()]; k];
        let mut fold_of_group = vec![0; names.len()];
        for group in order {
            let fold = best_fold(&by_fold, &by_group[group], &totals);
            by_fold[fold].iter_mut().zip(&by_group[group]).for_each(|(count, more)| *count += more);
            fold_of_group[group] = fold;
        }
        let fold_of_row: Vec<usize> = group_of_row.iter().map(|&group| fold_of_group[group]).collect();
        Ok(splits_of(&fold_of_row, k))
    }
}

/// The standard deviation, with the number of values as divisor.
fn deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let n = values.len() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// The fold that, with `group` added, leaves the shares of the classes most even; of those alike, the smallest.
fn best_fold(by_fold: &[Vec<f64>], group: &[f64], totals: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY, f64::INFINITY);
    for candidate in 0..by_fold.len() {
        let share = |fold: usize, class: usize| {
            let added = if fold == candidate { group[class] } else { 0.0 };
            (by_fold[fold][class] + added) / totals[class]
        };
        let uneven = (0..totals.len())
            .map(|class| deviation((0..by_fold.len()).map(|fold| share(fold, class))))
            .sum::<f64>()
            / totals.len() as f64;
        let filled: f64 = by_fold[candidate].iter().sum();
        let alike = (uneven - best.1).abs() <= 1e-8 + 1e-5 * best.1.abs();
        if uneven < best.1 || (alike && filled < best.2) {
            best = (candidate, uneven, filled);
        }
    }
    best.0
}
