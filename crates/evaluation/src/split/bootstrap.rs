//! Bootstrap samples to learn from, and the rows that they miss to test on.

use std::collections::BTreeMap;

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, check_size, needed};

/// As many rows as there are, drawn with replacement, to learn from; those that were not drawn (about 37 of 100) to test
/// on (Efron, 1983). Groups, where there are any, are drawn whole.
///
/// With [`CrossConformalRegressor`](crate::conformal::CrossConformalRegressor) it makes the jackknife+ after bootstrap.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 30 | 1 to 10,000 | number of samples |
/// | `seed` | from the context | | start of the random stream |
///
/// ```
/// use perennial_evaluation::split::{Bootstrap, SplitInputs, Splitter};
///
/// let splits = Bootstrap::new(3).seed(1).split(&SplitInputs::new(100))?;
/// assert!(splits.iter().all(|split| split.train.len() == 100 && (25..50).contains(&split.test.len())));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    n_splits: usize,
    seed: Option<u64>,
}

const N_SPLITS: Param =
    Param::integer("n_splits", "number of samples").at_least(1.0).at_most(10_000.0).search(10.0, 100.0);
/// Two units are both drawn by every second sample, so a sample that misses one is found before.
const MOST_DRAWS: usize = 1000;

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { n_splits: 30, seed: None }
    }
}

impl Bootstrap {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_SPLITS];

    /// This many samples.
    pub fn new(n_splits: usize) -> Self {
        Bootstrap { n_splits, ..Self::default() }
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Splitter for Bootstrap {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_SPLITS.check_count(self.n_splits)?;
        check_size(self.n_splits, inputs.n_rows.saturating_mul(2), "samples")?;
        let mut units: Vec<Vec<usize>> = Vec::new();
        let what = match inputs.groups {
            Some(_) => {
                let groups = needed("the group of each row", "give groups", inputs.n_rows, inputs.groups)?;
                let mut places = BTreeMap::new();
                for (row, group) in groups.iter().enumerate() {
                    let place = *places.entry(group).or_insert(units.len());
                    if place == units.len() {
                        units.push(Vec::new());
                    }
                    units[place].push(row);
                }
                "groups"
            }
            None => {
                units.extend((0..inputs.n_rows).map(|row| vec![row]));
                "rows"
            }
        };
        if units.len() < 2 {
            return Err(Error::insufficient_data(format!(
                "a bootstrap needs at least 2 {what} so that some are missed, and there are {}",
                units.len()
            )));
        }
        let random = Random::new(inputs.ctx.seed(self.seed));
        (0..self.n_splits).map(|number| sample(&units, &mut random.fork(number as u64))).collect()
    }
}

fn sample(units: &[Vec<usize>], random: &mut Random) -> Result<Split> {
    for _ in 0..MOST_DRAWS {
        let mut times = vec![0_usize; units.len()];
        (0..units.len()).for_each(|_| times[random.below(units.len())] += 1);
        if !times.contains(&0) {
            continue;
        }
        let drawn = units.iter().zip(&times);
        let mut train: Vec<usize> =
            drawn.flat_map(|(unit, &times)| unit.iter().flat_map(move |&row| vec![row; times])).collect();
        let missed = units.iter().zip(&times).filter(|(_, times)| **times == 0);
        let mut test: Vec<usize> = missed.flat_map(|(unit, _)| unit).copied().collect();
        train.sort_unstable();
        test.sort_unstable();
        return Ok(Split { train, test });
    }
    Err(Error::insufficient_data("every sample holds all rows; give more rows"))
}
