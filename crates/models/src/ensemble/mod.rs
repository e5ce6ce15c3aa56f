//! Sums of trees, and the layouts that score rows fast.

mod blocks;
pub(crate) mod build;
mod coding;
mod single;
mod sparse;
pub(crate) mod walk;

use std::fmt;
use std::ops::Range;

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::rows::row_major;
use crate::tree::structure::to_shares;
use crate::tree::{RowMajor, Tree, split_importances};
use blocks::Blocks;
use walk::Walk;

/// Rows that one task of a prediction takes.
const TASK: usize = 2048;

/// A sum of trees: what gradient boosting learns.
///
/// A row has `n_outputs` scores. Each starts from its base, and tree `i` adds the value of the leaf that the row
/// reaches to score `i % n_outputs`; so `n_outputs` trees in a row are a round. Sums are taken in this order, in `f64`,
/// and a row has the same scores, to the last bit, alone or among others.
///
/// Rows are scored from other layouts of the trees, made once when the ensemble is made or loaded: one to walk a
/// single row down several trees at a time, one that compares the small integers that values are replaced by,
/// many rows at a time, and, where the machine has the vectors for it, one that asks a single row all questions of a
/// tree at once.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Ensemble {
    n_features: usize,
    n_outputs: usize,
    base: Vec<f64>,
    trees: Vec<Tree>,
    #[serde(skip)]
    walk: Walk,
    #[serde(skip)]
    blocks: Blocks,
}

#[derive(Deserialize)]
struct Parts {
    n_features: usize,
    n_outputs: usize,
    base: Vec<f64>,
    trees: Vec<Tree>,
}

impl TryFrom<Parts> for Ensemble {
    type Error = Error;

    fn try_from(Parts { n_features, n_outputs, base, trees }: Parts) -> Result<Self> {
        Ensemble::new(n_features, n_outputs, base, trees)
    }
}

impl fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ensemble { n_features, n_outputs, base, trees, .. } = self;
        let mut shown = f.debug_struct("Ensemble");
        shown
            .field("n_features", n_features)
            .field("n_outputs", n_outputs)
            .field("base", base)
            .field("trees", trees);
        shown.finish_non_exhaustive()
    }
}

impl PartialEq for Ensemble {
    fn eq(&self, other: &Self) -> bool {
        // The layouts follow from the trees.
        (self.n_features, self.n_outputs) == (other.n_features, other.n_outputs)
            && self.base == other.base
            && self.trees == other.trees
    }
}

impl Ensemble {
    /// The sum of `trees`, each with one value in each leaf, onto the scores `base`, one for each output.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](perennial_core::ErrorKind::Corrupt) when the trees do not fit each other, the features
    /// or the outputs, or a base score is not finite.
    pub fn new(n_features: usize, n_outputs: usize, base: Vec<f64>, trees: Vec<Tree>) -> Result<Self> {
        let bad = |what: String| Err(Error::corrupt(format!("the trees do not make an ensemble: {what}")));
        if n_features > walk::MOST_FEATURES {
            return bad(format!("{n_features} features are more than {}", walk::MOST_FEATURES));
        }
        if n_outputs == 0 || base.len() != n_outputs || !base.iter().all(|score| score.is_finite()) {
            return bad(format!("{n_outputs} outputs need as many base scores, all finite: {base:?}"));
        }
        if !trees.len().is_multiple_of(n_outputs) {
            return bad(format!("{} trees are no whole rounds of {n_outputs}", trees.len()));
        }
        let odd =
            |tree: &Tree| tree.n_values() != 1 || tree.n_features() != n_features || tree.n_nodes() == 0;
        if let Some(position) = trees.iter().position(odd) {
            return bad(format!(
                "tree {position} takes {} features and holds {} values in a leaf; expected {n_features} and 1",
                trees[position].n_features(),
                trees[position].n_values()
            ));
        }
        if trees.iter().map(Tree::n_nodes).sum::<usize>() > u32::MAX as usize {
            return bad("they have more than 2^32 nodes".to_owned());
        }
        let walk = Walk::new(&trees, 1);
        let blocks = Blocks::new(&trees);
        Ok(Ensemble { n_features, n_outputs, base, trees, walk, blocks })
    }

    /// The number of numbers in a row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The number of scores of a row.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// The scores that the trees are added to.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The trees, round by round.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The number of rounds: trees per output.
    pub fn n_rounds(&self) -> usize {
        self.trees.len() / self.n_outputs
    }

    /// Drops the rounds after the first `n_rounds`.
    pub fn truncate(&mut self, n_rounds: usize) {
        if n_rounds < self.n_rounds() {
            self.cut(n_rounds, 1.0);
        }
    }

    /// As [`truncate`](Ensemble::truncate); multiplies what the trees that are left say.
    pub(crate) fn cut(&mut self, n_rounds: usize, factor: f64) {
        self.keep(0..n_rounds, factor);
    }

    /// Drops all rounds but these, which must exist; multiplies what their trees say.
    pub(crate) fn keep(&mut self, rounds: Range<usize>, factor: f64) {
        self.trees.truncate(rounds.end * self.n_outputs);
        self.trees.drain(..rounds.start * self.n_outputs);
        if factor != 1.0 {
            self.trees.iter_mut().for_each(|tree| tree.scale(factor));
        }
        self.walk = Walk::new(&self.trees, 1);
        self.blocks = Blocks::new(&self.trees);
    }

    /// Scores one row, without allocating. NaN is a missing value.
    ///
    /// # Panics
    /// When `row` does not have [`n_features`](Ensemble::n_features) or `scores` not
    /// [`n_outputs`](Ensemble::n_outputs) numbers.
    pub fn score_row(&self, row: &[f64], scores: &mut [f64]) {
        assert_eq!(row.len(), self.n_features, "the row must have one number for each feature");
        scores.copy_from_slice(&self.base);
        self.blocks.add_trees_to_row(self.trees.len(), &self.walk, row, scores);
    }

    /// The scores of each row of `x`, row by row: `n_rows` x `n_outputs` numbers.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Ensemble::n_features) columns.
    pub fn scores(&self, x: &ArrayRef2<f64>) -> Result<Vec<f64>> {
        self.scores_upto(x, self.n_rounds())
    }

    /// As [`scores`](Ensemble::scores), from the first `n_rounds` rounds only.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Ensemble::n_features) columns.
    pub fn scores_upto(&self, x: &ArrayRef2<f64>, n_rounds: usize) -> Result<Vec<f64>> {
        self.check_columns(x.ncols())?;
        Ok(self.sums(&row_major(x), x.nrows(), n_rounds, None))
    }

    fn sums(&self, rows: &[f64], n_rows: usize, n_rounds: usize, offset: Option<&[f64]>) -> Vec<f64> {
        let n_trees = n_rounds.saturating_mul(self.n_outputs).min(self.trees.len());
        let width = self.n_features;
        let mut scores = vec![0.0; n_rows * self.n_outputs];
        reduce::fill_rows(&mut scores, self.n_outputs, TASK, |first, scores| {
            scores.chunks_exact_mut(self.n_outputs).for_each(|scores| scores.copy_from_slice(&self.base));
            if let Some(offset) = offset {
                for (row, scores) in (first..).zip(scores.chunks_exact_mut(self.n_outputs)) {
                    let own = offset[row..].iter().step_by(n_rows).cycle();
                    scores.iter_mut().zip(own).for_each(|(score, offset)| *score += offset);
                }
            }
            let n_rows = scores.len() / self.n_outputs;
            let rows = &rows[first * width..(first + n_rows) * width];
            self.blocks.add_trees(n_trees, &self.walk, rows, width, scores, self.n_outputs);
        });
        scores
    }

    /// The scores of each row of `x` after 1, 2, ... rounds, each as [`scores`](Ensemble::scores) gives them.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Ensemble::n_features) columns.
    pub fn staged_scores<'a>(
        &'a self,
        x: &'a ArrayRef2<f64>,
    ) -> Result<impl ExactSizeIterator<Item = Vec<f64>> + use<'a>> {
        self.check_columns(x.ncols())?;
        Ok(self.staged(RowMajor::dense(x)))
    }

    /// As [`staged_scores`](Ensemble::staged_scores), of rows that have the columns and may be sparse.
    pub(crate) fn staged<'a>(
        &'a self,
        rows: RowMajor<'a>,
    ) -> impl ExactSizeIterator<Item = Vec<f64>> + use<'a> {
        let mut scores = self.base.repeat(rows.n_rows());
        (0..self.n_rounds()).map(move |round| {
            let trees = round * self.n_outputs..(round + 1) * self.n_outputs;
            reduce::fill_rows(&mut scores, self.n_outputs, TASK, |first, scores| {
                let mut reader = rows.reader();
                for (row, scores) in (first..).zip(scores.chunks_exact_mut(self.n_outputs)) {
                    self.walk.add_trees(trees.clone(), reader.row(row), scores);
                }
            });
            scores.clone()
        })
    }

    /// The leaf that each row of `x` reaches in each tree, as a number of a node: `n_rows` x `n_trees`, row by row.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Ensemble::n_features) columns.
    pub fn leaves(&self, x: &ArrayRef2<f64>) -> Result<Vec<u32>> {
        self.leaves_of(&RowMajor::dense(x))
    }

    /// As [`leaves`](Ensemble::leaves), of rows that may be sparse.
    pub(crate) fn leaves_of(&self, x: &RowMajor<'_>) -> Result<Vec<u32>> {
        self.check_columns(x.n_cols())?;
        let mut leaves = vec![0; x.n_rows() * self.trees.len()];
        reduce::fill_rows(&mut leaves, self.trees.len(), TASK, |first, leaves| {
            let mut reader = x.reader();
            for (row, leaves) in (first..).zip(leaves.chunks_exact_mut(self.trees.len())) {
                let row = reader.row(row);
                for (leaf, tree) in leaves.iter_mut().zip(&self.trees) {
                    *leaf = tree.leaf(row) as u32;
                }
            }
        });
        Ok(leaves)
    }

    /// The share of each feature in what all splits gained; all 0 where nothing was split.
    pub fn importances_by_gain(&self) -> Vec<f64> {
        let mut total = vec![0.0; self.n_features];
        for tree in &self.trees {
            for node in 0..tree.n_nodes() {
                if let Some(feature) = tree.feature(node) {
                    total[feature] += tree.gain(node);
                }
            }
        }
        to_shares(total)
    }

    /// The share of each feature in the number of splits; all 0 where nothing was split.
    pub fn importances_by_splits(&self) -> Vec<f64> {
        split_importances(&self.trees, self.n_features)
    }

    fn check_columns(&self, n_cols: usize) -> Result<()> {
        if n_cols == self.n_features {
            return Ok(());
        }
        Err(Error::malformed(format!(
            "the ensemble takes rows of {} numbers, but these have {n_cols}",
            self.n_features
        )))
    }
}
