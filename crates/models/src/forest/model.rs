//! Averages over trees.

use std::fmt;

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use serde::Serialize;

use crate::ensemble::walk::{MOST_FEATURES, Walk, keys_of};
use crate::rows::row_major;
use crate::tree::Tree;
use crate::tree::structure::to_shares;

/// Numbers in the rows that one task of a prediction takes: they and a tree stay in the second-level cache, and each
/// tree that is brought there is used many times.
const BLOCK_CELLS: usize = 1 << 17;
const LEAST_ROWS: usize = 64;
const MOST_ROWS: usize = 4096;

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

    /// The mean of what the trees say of each row, `width` numbers a row.
    pub(super) fn means(&self, x: &ArrayRef2<f64>, width: usize) -> Vec<f64> {
        let (rows, n_cols) = (row_major(x), x.ncols());
        let block = (BLOCK_CELLS / n_cols.max(1)).clamp(LEAST_ROWS, MOST_ROWS);
        let mut means = vec![0.0; x.nrows() * width];
        reduce::fill_rows(&mut means, width, block, |first, means| {
            let n_rows = means.len() / width;
            let keys = keys_of(&rows[first * n_cols..(first + n_rows) * n_cols]);
            for walk in &self.walks {
                walk.tell(0, &keys, n_cols, |row, value| {
                    let sums = &mut means[row * width..(row + 1) * width];
                    sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value * SMALL);
                });
            }
            means.iter_mut().for_each(|sum| *sum = mean(*sum, self.trees.len()));
        });
        means
    }
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
