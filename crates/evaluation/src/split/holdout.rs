//! One part to learn from and one to test on.

use perennial_core::{Classes, Error, Param, Result, check_rows};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::fold::check_support;
use super::time::before;
use super::{Split, SplitInputs, Splitter, check_size};

const N_SPLITS: Param = Param::integer("n_splits", "number of splits").at_least(1.0);
const TEST_SHARE: Param =
    Param::real("test_share", "share of the rows to test on").above(0.0).at_most(1.0 - f64::EPSILON);

/// The number to test on, rounded up; something must be left to learn from.
fn n_tested(n: usize, test_share: f64, what: &str) -> Result<usize> {
    TEST_SHARE.check(test_share)?;
    // 0.2 * 15 is a little more than 3, and must still be 3.
    let n_tested = (n as f64 * test_share * (1.0 - f64::EPSILON)).ceil() as usize;
    if n_tested == 0 || n_tested >= n {
        return Err(Error::insufficient_data(format!(
            "a share of {test_share} of {n} {what} leaves one side empty; at least 2 {what} are needed, and a share that leaves some on both sides"
        )));
    }
    Ok(n_tested)
}

/// A random part to test on: `test_share` of the rows, rounded up.
///
/// ```
/// let split = perennial_evaluation::split::train_test(10, 0.25, 7)?;
/// assert_eq!((split.train.len(), split.test.len()), (7, 3));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the share is not in (0, 1) or leaves one side empty.
pub fn train_test(n_rows: usize, test_share: f64, seed: u64) -> Result<Split> {
    let n_tested = n_tested(n_rows, test_share, "rows")?;
    Ok(split_sample(n_rows, n_tested, &mut Random::new(seed)))
}

fn split_sample(n_rows: usize, n_tested: usize, random: &mut Random) -> Split {
    let mut tested = vec![false; n_rows];
    random.sample(n_rows, n_tested).into_iter().for_each(|row| tested[row] = true);
    Split::of(n_rows, |row| tested[row])
}

/// A random part to test on in which each class has the share that it has among all rows.
///
/// Each class is on both sides. The numbers per class are rounded by the method of largest remainders.
///
/// # Errors
/// If the share is not in (0, 1), or a class has a single row.
pub fn stratified_train_test(classes: &Classes, test_share: f64, seed: u64) -> Result<Split> {
    stratified_sample(classes, test_share, &Random::new(seed))
}

fn stratified_sample(classes: &Classes, test_share: f64, random: &Random) -> Result<Split> {
    let total = n_tested(classes.codes().len(), test_share, "rows")?;
    check_support(classes, 2, "a stratified split needs")?;
    let mut members = vec![Vec::new(); classes.n_classes()];
    for (row, &code) in classes.codes().iter().enumerate() {
        members[code as usize].push(row);
    }
    let quota = |class: &Vec<usize>| class.len() as f64 * test_share;
    let mut numbers: Vec<usize> = members.iter().map(|class| quota(class) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..members.len()).collect();
    by_remainder.sort_by(|&a, &b| quota(&members[b]).fract().total_cmp(&quota(&members[a]).fract()));
    let missing = total.saturating_sub(numbers.iter().sum());
    by_remainder.iter().take(missing).for_each(|&class| numbers[class] += 1);

    let mut tested = vec![false; classes.codes().len()];
    for (class, rows) in members.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        let number = numbers[class].clamp(1, rows.len() - 1);
        let chosen = random.fork(class as u64).sample(rows.len(), number);
        chosen.into_iter().for_each(|place| tested[rows[place]] = true);
    }
    Ok(Split::of(tested.len(), |row| tested[row]))
}

/// A random part to test on that keeps groups whole: `test_share` of the groups, rounded up.
///
/// # Errors
/// If the share is not in (0, 1), or there are fewer than two groups.
pub fn grouped_train_test(groups: &[u32], test_share: f64, seed: u64) -> Result<Split> {
    grouped_sample(groups, test_share, &mut Random::new(seed))
}

fn grouped_sample(groups: &[u32], test_share: f64, random: &mut Random) -> Result<Split> {
    let mut distinct = groups.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let n_tested = n_tested(distinct.len(), test_share, "groups")?;
    let chosen = random.sample(distinct.len(), n_tested);
    let tested: Vec<u32> = chosen.into_iter().map(|place| distinct[place]).collect();
    Ok(Split::of(groups.len(), |row| tested.binary_search(&groups[row]).is_ok()))
}

/// The latest rows to test on: `test_share` of them, rounded up.
///
/// Rows with the time of the first tested row are all tested, so that nothing is learned from that moment. Both
/// parts are in the order of time.
///
/// # Errors
/// If the share is not in (0, 1), or nothing lies before the tested rows.
pub fn time_train_test(times: &[i64], test_share: f64) -> Result<Split> {
    let n_tested = n_tested(times.len(), test_share, "rows")?;
    let mut rows: Vec<usize> = (0..times.len()).collect();
    rows.sort_by_key(|&row| times[row]);
    let n_train = before(&rows, Some(times), rows[times.len() - n_tested]).len();
    if n_train == 0 {
        return Err(Error::insufficient_data(
            "no row lies before the rows to test on; choose a smaller share, or times that differ",
        ));
    }
    let test = rows.split_off(n_train);
    Ok(Split { train: rows, test })
}

/// The three splitters that draw parts to test on anew for each split.
macro_rules! shuffled {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        ///
        /// | setting | default | range | meaning |
        /// |---|---|---|---|
        /// | `n_splits` | 10 | >= 1 | number of splits |
        #[doc = concat!("| `test_share` | 0.1 | in (0, 1) | share of the ", $unit, " to test on, rounded up |")]
        /// | `seed` | from the context | | start of the random stream |
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            n_splits: usize,
            test_share: f64,
            seed: Option<u64>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { n_splits: 10, test_share: 0.1, seed: None }
            }
        }

        impl $name {
            #[doc = concat!("This many splits, each testing on `test_share` of the ", $unit, ".")]
            pub fn new(n_splits: usize, test_share: f64) -> Self {
                $name { n_splits, test_share, seed: None }
            }

            /// The start of the random stream.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }

            fn draw(
                &self,
                inputs: &SplitInputs<'_>,
                draw: impl Fn(Random) -> Result<Split>,
            ) -> Result<Vec<Split>> {
                N_SPLITS.check_count(self.n_splits)?;
                check_size(self.n_splits, inputs.n_rows, "splits")?;
                let random = Random::new(inputs.ctx.seed(self.seed));
                (0..self.n_splits).map(|split| draw(random.fork(split as u64))).collect()
            }
        }
    };
}

shuffled!(
    /// Random parts to test on, drawn anew for each split; a row may be tested several times or never.
    ShuffleSplit, "rows"
);

impl Splitter for ShuffleSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let n_tested = n_tested(inputs.n_rows, self.test_share, "rows")?;
        self.draw(inputs, |mut random| Ok(split_sample(inputs.n_rows, n_tested, &mut random)))
    }
}

shuffled!(
    /// Random parts to test on, drawn anew for each split, in which each class has the share that it has among all
    /// rows, as of [`stratified_train_test`].
    StratifiedShuffleSplit, "rows"
);

impl Splitter for StratifiedShuffleSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let classes = inputs.needed_classes()?;
        self.draw(inputs, |random| stratified_sample(classes, self.test_share, &random))
    }
}

shuffled!(
    /// Random groups to test on, drawn anew for each split; groups stay whole, as in [`grouped_train_test`].
    GroupShuffleSplit, "groups"
);

impl Splitter for GroupShuffleSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let groups = inputs.needed_groups()?;
        self.draw(inputs, |mut random| grouped_sample(groups, self.test_share, &mut random))
    }
}

/// Splits that are given: made elsewhere, or made once and used for many candidates.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedSplits {
    splits: Vec<Split>,
}

impl FixedSplits {
    /// These splits, as they are.
    pub fn new(splits: impl IntoIterator<Item = Split>) -> Self {
        FixedSplits { splits: splits.into_iter().collect() }
    }

    /// The splits, in order.
    pub fn as_slice(&self) -> &[Split] {
        &self.splits
    }
}

impl Splitter for FixedSplits {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        if self.splits.is_empty() {
            return Err(Error::empty("the list of splits is empty"));
        }
        for (number, split) in self.splits.iter().enumerate() {
            let place = |error: Error| error.context(format!("split {number}"));
            check_rows(&split.train, inputs.n_rows).map_err(place)?;
            check_rows(&split.test, inputs.n_rows).map_err(place)?;
            let mut learned = vec![false; inputs.n_rows];
            split.train.iter().for_each(|&row| learned[row] = true);
            if let Some(row) = split.test.iter().find(|&&row| learned[row]) {
                return Err(Error::leakage(format!(
                    "split {number} learns from row {row} and tests on it; a row must be on one side only"
                )));
            }
        }
        Ok(self.splits.clone())
    }
}
