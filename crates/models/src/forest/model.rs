//! Averages over trees.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use perennial_core::{Error, Features, Result, Rows};
use perennial_numeric::{descend, reduce};
use serde::Serialize;

use crate::binned::{Binned, Bins, MISSING};
use crate::ensemble::walk::{MOST_FEATURES, RowKeys, Walk};
use crate::shap::{Cover, Explained, TreeShap};
use crate::tree::structure::to_shares;
use crate::tree::{RowMajor, Tree, check_row};

/// Numbers in the rows that one task of a prediction takes: they and a tree stay in the second-level cache, and each
/// tree that is brought there is used many times.
const BLOCK_CELLS: usize = 1 << 18;
/// The same without vectors, where reading each tree once more costs more than what the rows displace.
const BLOCK_CELLS_NARROW: usize = 1 << 19;
const LEAST_ROWS: usize = 64;
const MOST_ROWS: usize = 1 << 14;
/// Tasks of each thread where there are few rows, so that none waits long for the last.
const TASKS: usize = 4;

/// Sums are taken of values made so much smaller, so that those of a forest stay in range; a power of two rounds nothing.
pub(super) const SMALL: f64 = 1.0 / 131_072.0;

/// The mean of `n` values, from the sum of what was made small.
pub(super) fn mean(sum: f64, n: usize) -> f64 {
    (sum / n as f64 / SMALL).clamp(f64::MIN, f64::MAX)
}

/// Trees, and the layout in which rows walk down them.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Averaged {
    pub(super) trees: Vec<Tree>,
    /// One for each tree.
    #[serde(skip)]
    walks: Vec<Walk>,
}

impl fmt::Debug for Averaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trees.fmt(f)
    }
}

impl PartialEq for Averaged {
    fn eq(&self, other: &Self) -> bool {
        // The layout follows from the trees.
        self.trees == other.trees
    }
}

impl Averaged {
    pub(super) fn new(trees: Vec<Tree>) -> Self {
        let walks = reduce::map_each(trees.len(), |index| {
            Walk::new(std::slice::from_ref(&trees[index]), trees[index].n_values())
        });
        Averaged { trees, walks }
    }

    /// The mean of the trees, to be explained.
    pub(super) fn explained<'m>(&'m self, features: &'m Features) -> Result<Explained<'m>> {
        let shap = TreeShap::of_trees(&self.trees, 1.0 / self.trees.len() as f64, Cover::Weight)?;
        Ok(Explained { features, shap })
    }

    /// The mean of what the trees say of each row, `width` numbers a row.
    pub(super) fn means(&self, x: &RowMajor<'_>, width: usize) -> Vec<f64> {
        self.means_of(x.n_rows(), x.n_cols(), width, |block| x.block(block))
    }

    /// As [`means`](Averaged::means), of rows in the bins that the trees were cut between.
    ///
    /// # Errors
    /// When they are in other bins.
    pub(super) fn means_in_bins(&self, features: &Features, x: &Binned, width: usize) -> Result<Vec<f64>> {
        if x.features() != features {
            return Err(Error::unsupported(
                "the bins are of other columns than those the model learned from; predict from the matrix",
            ));
        }
        self.trees.iter().try_for_each(|tree| check_cuts(tree, x))?;
        let rows = |block: Range<usize>| Cow::Owned(numbers_in(x, block));
        Ok(self.means_of(x.n_rows(), x.n_cols(), width, rows))
    }

    /// The mean of what the trees say of one row, the bits of [`means`](Averaged::means), without allocating.
    pub(super) fn mean_of_row(
        &self,
        features: &Features,
        row: &[f64],
        means: &mut [f64],
        width: usize,
    ) -> Result<()> {
        check_row(features, row, width, means.len())?;
        means.fill(0.0);
        for walk in &self.walks {
            let value = walk.value_of(0, row);
            means.iter_mut().zip(value).for_each(|(sum, value)| *sum += value * SMALL);
        }
        means.iter_mut().for_each(|sum| *sum = mean(*sum, self.trees.len()));
        Ok(())
    }

    fn means_of<'x>(
        &self,
        n_rows: usize,
        n_cols: usize,
        width: usize,
        rows: impl Fn(Range<usize>) -> Cow<'x, [f64]> + Sync,
    ) -> Vec<f64> {
        // Each row has its own sums, so the blocks may depend on the number of threads.
        let share = n_rows.div_ceil(TASKS * rayon::current_num_threads());
        let cells = if descend::by_vectors() { BLOCK_CELLS } else { BLOCK_CELLS_NARROW };
        let block = (cells / n_cols.max(1)).min(share).clamp(LEAST_ROWS, MOST_ROWS);
        let mut means = vec![0.0; n_rows * width];
        reduce::fill_rows(&mut means, width, block, |first, means| {
            let rows = rows(first..first + means.len() / width);
            let (keys, mut leaves) = (RowKeys::new(&rows, n_cols), Vec::new());
            for walk in &self.walks {
                walk.tell(0, &rows, &keys, &mut leaves, |row, value| {
                    let sums = &mut means[row * width..(row + 1) * width];
                    sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value * SMALL);
                });
            }
            means.iter_mut().for_each(|sum| *sum = mean(*sum, self.trees.len()));
        });
        means
    }
}

/// Refuses a tree that does not cut between these bins.
fn check_cuts(tree: &Tree, x: &Binned) -> Result<()> {
    for node in 0..tree.n_nodes() {
        let Some(column) = tree.feature(node) else { continue };
        let threshold = tree.threshold(node);
        if let Bins::Numeric { cuts } = x.binning().column(column)
            && threshold != f64::MAX
            && cuts.binary_search_by(|cut| cut.total_cmp(&threshold)).is_err()
        {
            return Err(Error::unsupported(format!(
                "the model cuts column `{}` at {threshold}, which is no border between bins; use the bins that it \
                 learned from, or a matrix",
                x.features().name(column)
            )));
        }
    }
    Ok(())
}

/// Numbers that lie in the bins of some rows, row by row: trees that cut between bins send them where they send the
/// rows.
pub(super) fn numbers_in(binned: &Binned, rows: Range<usize>) -> Vec<f64> {
    let n_cols = binned.n_cols();
    let mut numbers = vec![f64::NAN; rows.len() * n_cols];
    for column in 0..n_cols {
        let bins = binned.binning().column(column);
        for (place, &code) in binned.column(column)[rows.clone()].iter().enumerate() {
            if code != MISSING {
                numbers[place * n_cols + column] = match bins {
                    Bins::Numeric { cuts } => cuts.get(code as usize).copied().unwrap_or(f64::MAX),
                    // The rare ones go where those never seen go.
                    Bins::Categorical { kept } => {
                        f64::from(kept.get(code as usize).copied().unwrap_or(u32::MAX))
                    }
                };
            }
        }
    }
    numbers
}

/// Refuses trees that do not fit their model.
pub(super) fn check(trees: &[Tree], n_features: usize, width: usize) -> Result<()> {
    let fits = |tree: &Tree| tree.n_features() == n_features && tree.n_values() == width;
    if trees.is_empty() || width == 0 || n_features > MOST_FEATURES || !trees.iter().all(fits) {
        return Err(Error::corrupt("the trees do not fit the features and the target of the model"));
    }
    Ok(())
}

/// The mean over the trees of the share of each feature in the decrease of impurity.
pub(super) fn feature_importances(trees: &[Tree], n_features: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n_features];
    for tree in trees {
        sums.iter_mut().zip(tree.feature_importances()).for_each(|(sum, share)| *sum += share);
    }
    to_shares(sums)
}
