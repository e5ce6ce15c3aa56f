//! Rows as trees ask them while they are learned.

use std::borrow::Cow;

use ndarray::ArrayRef2;
use perennial_core::{Fingerprint, Matrix, Result, Rows};
use perennial_numeric::reduce;

use super::walk::BinnedTree;
use crate::binned::Binned;
use crate::tree::Tree;

/// Rows that one task walks.
const BLOCK: usize = 1024;

/// Rows by their bins or by their values.
pub(crate) enum Cells<'x> {
    Bins(Binned),
    /// A dense matrix, its columns in the order of the training rows.
    Values(Cow<'x, Matrix>),
}

impl Cells<'_> {
    pub(crate) fn n_rows(&self) -> usize {
        match self {
            Cells::Bins(binned) => binned.n_rows(),
            Cells::Values(x) => x.n_rows(),
        }
    }

    pub(crate) fn n_cols(&self) -> usize {
        match self {
            Cells::Bins(binned) => binned.n_cols(),
            Cells::Values(x) => x.n_cols(),
        }
    }

    pub(crate) fn binned(&self) -> Option<&Binned> {
        match self {
            Cells::Bins(binned) => Some(binned),
            Cells::Values(_) => None,
        }
    }

    /// Takes the rows into a fingerprint.
    pub(crate) fn take_into(&self, of: &mut Fingerprint) -> Result<()> {
        match self {
            Cells::Bins(binned) => binned.take_into(of),
            Cells::Values(x) => {
                of.value(x.features())?;
                of.numbers(x.dense()?);
                Ok(())
            }
        }
    }

    /// Adds `factor` times the value of the leaf that each row reaches to its score.
    ///
    /// # Errors
    /// When the rows are in bins and a threshold of the tree is no cut between them.
    pub(crate) fn add(&self, tree: &Tree, factor: f64, scores: &mut [f64]) -> Result<()> {
        match self {
            Cells::Bins(binned) => BinnedTree::new(tree, binned.binning())?.add(binned, factor, scores),
            Cells::Values(x) => {
                let x = x.dense()?;
                reduce::fill_chunks(scores, BLOCK, |first, scores| {
                    for (row, score) in (first..).zip(scores) {
                        *score += factor * tree.value(leaf(tree, x, row))[0];
                    }
                });
            }
        }
        Ok(())
    }
}

fn leaf(tree: &Tree, x: &ArrayRef2<f64>, row: usize) -> usize {
    let mut at = 0;
    while let (Some(column), Some((left, right))) = (tree.feature(at), tree.children(at)) {
        at = if tree.goes_left(at, x[[row, column]]) { left } else { right };
    }
    at
}
