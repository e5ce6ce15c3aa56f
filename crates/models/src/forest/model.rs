//! Averages over trees.

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};
use perennial_numeric::reduce;

use crate::rows::row_major;
use crate::tree::Tree;
use crate::tree::structure::to_shares;

/// Rows that one task of a prediction takes: enough to use a tree that was read from memory many times.
const BLOCK: usize = 512;

/// Sums are taken of values made so much smaller, so that those of a forest stay in range; a power of two rounds nothing.
pub(super) const SMALL: f64 = 1.0 / 131_072.0;

/// The mean of `n` values, from the sum of what was made small.
pub(super) fn mean(sum: f64, n: usize) -> f64 {
    (sum / n as f64 / SMALL).clamp(f64::MIN, f64::MAX)
}

/// The mean of what the trees say of each row, `width` numbers a row.
pub(super) fn average(trees: &[Tree], x: &ArrayRef2<f64>, width: usize) -> Vec<f64> {
    let (rows, n_cols) = (row_major(x), x.ncols().max(1));
    let mut means = vec![0.0; x.nrows() * width];
    reduce::fill_chunks(&mut means, BLOCK * width, |first, means| {
        let rows = &rows[first / width * n_cols..];
        for tree in trees {
            for (sums, row) in means.chunks_exact_mut(width).zip(rows.chunks_exact(n_cols)) {
                let value = tree.value(tree.leaf(row));
                sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value * SMALL);
            }
        }
        means.iter_mut().for_each(|sum| *sum = mean(*sum, trees.len()));
    });
    means
}

/// Refuses trees that do not fit their model.
pub(super) fn check(trees: &[Tree], n_features: usize, width: usize) -> Result<()> {
    let fits = |tree: &Tree| tree.n_features() == n_features && tree.n_values() == width;
    if trees.is_empty() || width == 0 || !trees.iter().all(fits) {
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
