//! Folds: every row is tested exactly once.

use std::collections::BTreeMap;

use perennial_core::{Classes, Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, check_size};

const N_SPLITS: Param = Param::integer("n_splits", "number of folds").at_least(2.0);

/// Refuses fewer than two folds, and more folds than there is something to put into them.
pub(super) fn check_folds(n_splits: usize, available: usize, what: &str) -> Result<()> {
    N_SPLITS.check_count(n_splits)?;
    if n_splits > available {
        return Err(Error::insufficient_data(format!(
            "{n_splits} folds need at least {n_splits} {what}, but there are {available}; use fewer folds"
        )));
    }
    Ok(())
}

/// The splits that test on each fold in turn.
pub(crate) fn splits_of(fold_of_row: &[usize], n_splits: usize) -> Vec<Split> {
    (0..n_splits).map(|fold| Split::of(fold_of_row.len(), |row| fold_of_row[row] == fold)).collect()
}

/// Folds of equal size; the first `n % n_splits` folds have one row more.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of folds |
/// | `shuffle` | true | | whether neighbouring rows go to different folds; rows in the order of time want [`TimeSeriesSplit`](super::TimeSeriesSplit) |
/// | `seed` | from the context | | start of the random stream |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KFold {
    n_splits: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for KFold {
    fn default() -> Self {
        KFold { n_splits: 5, shuffle: true, seed: None }
    }
}

impl KFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        KFold { n_splits, ..KFold::default() }
    }

    /// Whether rows are shuffled first.
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

impl Splitter for KFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let (n, k) = (inputs.n_rows, self.n_splits);
        check_folds(k, n, "rows")?;
        check_size(k, n, "folds")?;
        let rows = if self.shuffle {
            Random::new(inputs.ctx.seed(self.seed)).permutation(n)
        } else {
            (0..n).collect()
        };
        let mut fold_of_row = vec![0; n];
        let mut start = 0;
        for fold in 0..k {
            let end = start + n / k + usize::from(fold < n % k);
            rows[start..end].iter().for_each(|&row| fold_of_row[row] = fold);
            start = end;
        }
        Ok(splits_of(&fold_of_row, k))
    }
}

/// Folds in which each class has the share that it has among all rows.
///
/// Without shuffling the folds are those of scikit-learn 1.9.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2, at most the rows of the rarest class | number of folds |
/// | `shuffle` | true | | whether neighbouring rows go to different folds |
/// | `seed` | from the context | | start of the random stream |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StratifiedKFold {
    n_splits: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for StratifiedKFold {
    fn default() -> Self {
        StratifiedKFold { n_splits: 5, shuffle: true, seed: None }
    }
}

impl StratifiedKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        StratifiedKFold { n_splits, ..StratifiedKFold::default() }
    }

    /// Whether rows are shuffled first.
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

/// Refuses a class that has rows, but fewer than `least`.
pub(super) fn check_support(classes: &Classes, least: usize, purpose: &str) -> Result<()> {
    let counts = classes.counts();
    match counts.iter().position(|&count| count > 0 && count < least) {
        None => Ok(()),
        Some(class) => Err(Error::insufficient_data(format!(
            "class `{}` has {} rows, but {purpose} at least {least} rows of each class; merge rare classes or collect more rows",
            classes.names()[class],
            counts[class],
        ))),
    }
}

impl Splitter for StratifiedKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let k = self.n_splits;
        let classes = inputs.needed_classes()?;
        let codes = classes.codes();
        check_folds(k, codes.len(), "rows")?;
        check_support(classes, k, &format!("{k} stratified folds need"))?;
        check_size(k, codes.len(), "folds")?;
        let random = Random::new(inputs.ctx.seed(self.seed));
        let fold_of_row = deal(codes, k, self.shuffle.then_some(&random));
        Ok(splits_of(&fold_of_row, k))
    }
}

/// The fold of each row, such that each code is spread evenly over the folds.
pub(super) fn deal(codes: &[u32], n_splits: usize, shuffle: Option<&Random>) -> Vec<usize> {
    let mut members: Vec<Vec<usize>> = Vec::new();
    // Classes in the order in which they occur: the remainders of all classes then spread over the folds.
    let mut place = BTreeMap::new();
    for (row, code) in codes.iter().enumerate() {
        let class = *place.entry(code).or_insert_with(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        members[class].push(row);
    }
    let mut fold_of_row = vec![0; codes.len()];
    let mut first = 0;
    for (class, rows) in members.iter().enumerate() {
        // Dealt out like cards, where the class before stopped; then each fold takes neighbouring rows.
        let mut folds: Vec<usize> = (first..first + rows.len()).map(|card| card % n_splits).collect();
        folds.sort_unstable();
        if let Some(random) = shuffle {
            random.fork(class as u64).shuffle(&mut folds);
        }
        rows.iter().zip(folds).for_each(|(&row, fold)| fold_of_row[row] = fold);
        first += rows.len();
    }
    fold_of_row
}

/// Folds that keep groups whole: all visits of a patient are tested in the same fold.
///
/// The largest groups are placed first, each into the fold that has the fewest rows so far.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2, at most the number of groups | number of folds |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupKFold {
    n_splits: usize,
}

impl Default for GroupKFold {
    fn default() -> Self {
        GroupKFold { n_splits: 5 }
    }
}

impl GroupKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        GroupKFold { n_splits }
    }
}

impl Splitter for GroupKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let groups = inputs.needed_groups()?;
        Ok(splits_of(&balance(groups, self.n_splits, "groups")?, self.n_splits))
    }
}

/// The fold of each row: groups whole, the largest first, each into the fold that has the fewest rows so far.
pub(super) fn balance(groups: &[u32], n_splits: usize, what: &str) -> Result<Vec<usize>> {
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for &group in groups {
        *sizes.entry(group).or_default() += 1;
    }
    check_folds(n_splits, sizes.len(), what)?;
    check_size(n_splits, groups.len(), "folds")?;
    let mut largest_first: Vec<(u32, usize)> = sizes.into_iter().collect();
    largest_first.sort_by_key(|&(group, size)| std::cmp::Reverse((size, group)));
    let mut filled = vec![0; n_splits];
    let mut fold_of_group = BTreeMap::new();
    for (group, size) in largest_first {
        let fold = (0..n_splits).min_by_key(|&fold| filled[fold]).unwrap_or(0);
        filled[fold] += size;
        fold_of_group.insert(group, fold);
    }
    Ok(groups.iter().map(|group| fold_of_group[group]).collect())
}
