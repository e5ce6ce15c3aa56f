//! Trees that are walked by bins.

use perennial_core::{Error, Result, Rows};
use perennial_numeric::reduce;

use crate::binned::{Binned, Binning, Bins, MISSING};
use crate::tree::Tree;

/// Rows that one task walks: so few that the columns it reads stay in cache.
const BLOCK: usize = 4096;

/// A tree whose questions are about bins.
pub(crate) struct BinnedTree {
    nodes: Vec<Node>,
}

struct Node {
    /// The codes that go left, by their bits.
    goes_left: [u64; 4],
    column: u32,
    left: u32,
    right: u32,
    value: f64,
}

const LEAF: u32 = u32::MAX;

impl BinnedTree {
    /// The tree in terms of bins.
    ///
    /// # Errors
    /// When a threshold of the tree is no cut between bins.
    pub(crate) fn new(tree: &Tree, binning: &Binning) -> Result<Self> {
        let node = |node: usize| {
            let value = tree.value(node)[0];
            let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                return Ok(Node { goes_left: [0; 4], column: LEAF, left: 0, right: 0, value });
            };
            let mut goes_left = [0_u64; 4];
            let mut add = |code: usize| goes_left[code / 64] |= 1 << (code % 64);
            match binning.column(column) {
                Bins::Numeric { cuts } => {
                    let threshold = tree.threshold(node);
                    let bin = cuts.partition_point(|&cut| cut < threshold);
                    if threshold != f64::MAX && cuts.get(bin) != Some(&threshold) {
                        return Err(Error::unsupported(format!(
                            "the model cuts column `{}` at {threshold}, which is no border between bins; use the bins that \
                             it learned from, or a matrix",
                            binning.features().name(column)
                        )));
                    }
                    (0..=bin).for_each(&mut add);
                }
                Bins::Categorical { kept } => {
                    let left = |bin: &usize| tree.goes_left(node, f64::from(kept[*bin]));
                    (0..kept.len()).filter(left).for_each(&mut add);
                }
            }
            if tree.missing_left(node) {
                add(usize::from(MISSING));
            } else {
                goes_left[3] &= !(1 << 63);
            }
            Ok(Node { goes_left, column: column as u32, left: left as u32, right: right as u32, value })
        };
        Ok(BinnedTree { nodes: (0..tree.n_nodes()).map(node).collect::<Result<_>>()? })
    }

    /// Adds `factor` times the value of the leaf that each row reaches to its score.
    pub(crate) fn add(&self, binned: &Binned, factor: f64, scores: &mut [f64]) {
        debug_assert_eq!(binned.n_rows(), scores.len());
        let columns: Vec<&[u8]> = (0..binned.n_cols()).map(|column| binned.column(column)).collect();
        reduce::fill_chunks(scores, BLOCK, |first, scores| {
            for (row, score) in (first..).zip(scores) {
                *score += factor * self.nodes[self.leaf(&columns, row)].value;
            }
        });
    }

    fn leaf(&self, columns: &[&[u8]], row: usize) -> usize {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.column == LEAF {
                return at;
            }
            let code = columns[node.column as usize][row];
            let left = node.goes_left[usize::from(code / 64)] >> (code % 64) & 1 == 1;
            at = if left { node.left } else { node.right } as usize;
        }
    }
}
