//! Folds in which a number has the same distribution.

use perennial_core::{Param, Result, check_numbers};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::fold::{check_folds, deal, splits_of};
use super::{Split, SplitInputs, Splitter, check_size, needed};

/// Folds in which the target, a number, is spread alike: rows are put into bins of equal number by their target, and
/// each bin is spread over the folds.
///
/// Rows with the same target are in the same bin, and a bin has as many rows as there are folds at least.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of folds |
/// | `n_bins` | 10 | >= 1 | number of bins; fewer where there are ties or few rows |
/// | `shuffle` | true | | whether neighbouring rows go to different folds |
/// | `seed` | from the context | | start of the random stream |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BinnedStratifiedKFold {
    n_splits: usize,
    n_bins: usize,
    shuffle: bool,
    seed: Option<u64>,
}

const N_BINS: Param = Param::integer("n_bins", "number of bins").at_least(1.0);

impl Default for BinnedStratifiedKFold {
    fn default() -> Self {
        BinnedStratifiedKFold { n_splits: 5, n_bins: 10, shuffle: true, seed: None }
    }
}

impl BinnedStratifiedKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        BinnedStratifiedKFold { n_splits, ..Self::default() }
    }

    /// The number of bins.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = n_bins;
        self
    }

    /// Whether rows of a bin are shuffled first.
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

impl Splitter for BinnedStratifiedKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_BINS.check_count(self.n_bins)?;
        let how = "use it with a target of numbers, or give `SplitInputs::values`";
        let values = needed("the number of each row", how, inputs.n_rows, inputs.values)?;
        check_numbers("the target", values)?;
        check_folds(self.n_splits, values.len(), "rows")?;
        check_size(self.n_splits, values.len(), "folds")?;
        let bins = bins(values, self.n_bins, self.n_splits);
        let random = Random::new(inputs.ctx.seed(self.seed));
        let folds = deal(&bins, self.n_splits, self.shuffle.then_some(&random));
        Ok(splits_of(&folds, self.n_splits))
    }
}

/// The bin of each row; a bin ends only where the value changes, and has `least` rows at least.
fn bins(values: &[f64], n_bins: usize, least: usize) -> Vec<u32> {
    let n = values.len();
    let mut rows: Vec<usize> = (0..n).collect();
    rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let size = n.div_ceil(n_bins).max(least);
    let mut bins = vec![0; n];
    let (mut bin, mut filled) = (0, 0);
    for (place, &row) in rows.iter().enumerate() {
        // -0 and 0 are one value.
        let changes = place > 0 && values[rows[place - 1]] < values[row];
        if changes && filled >= size && n - place >= least {
            (bin, filled) = (bin + 1, 0);
        }
        bins[row] = bin;
        filled += 1;
    }
    bins
}
