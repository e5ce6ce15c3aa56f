//! What the trees say of rows that they have not seen.

use ndarray::{Array2, ArrayRef2, s};
use perennial_core::{Context, Error, Result, Rows};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::grow::Trees;
use super::model::{SMALL, mean, numbers_in};
use crate::tree::in_bins::Plan;

const BLOCK: usize = 256;

/// Each training row as predicted by the trees that did not draw it (Breiman, 2001), in the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct OutOfBag {
    values: Array2<f64>,
    n_trees: Vec<u32>,
    score: f64,
}

#[derive(Deserialize)]
struct Parts {
    values: Array2<f64>,
    n_trees: Vec<u32>,
    score: f64,
}

impl TryFrom<Parts> for OutOfBag {
    type Error = Error;

    fn try_from(Parts { values, n_trees, score }: Parts) -> Result<Self> {
        let fits = values.nrows() == n_trees.len();
        if !fits || !score.is_finite() || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::corrupt("the out-of-bag predictions are damaged"));
        }
        Ok(OutOfBag { values, n_trees, score })
    }
}

impl OutOfBag {
    /// The predictions, `n_rows` x 1 for numbers and `n_rows` x `n_classes` for classes; zeros in rows that all
    /// trees drew.
    pub fn values(&self) -> &ArrayRef2<f64> {
        &self.values
    }

    /// For each row the number of trees that did not draw it.
    pub fn n_trees(&self) -> &[u32] {
        &self.n_trees
    }

    /// The accuracy for classes, R2 for numbers, over the rows that some tree did not draw.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Asks each tree for the rows that it did not draw; `score` judges values and the numbers of trees.
    pub(super) fn of(
        forest: &Trees,
        plan: &Plan<'_>,
        width: usize,
        ctx: &Context,
        score: impl Fn(&Array2<f64>, &[u32]) -> f64,
    ) -> Result<Self> {
        let binned = plan.binned;
        let n_rows = binned.n_rows();
        let blocks = reduce::try_map_chunks(n_rows, BLOCK, |rows| {
            ctx.check()?;
            let mut values = vec![0.0; rows.len() * width];
            let mut n_trees = vec![0_u32; rows.len()];
            let cells = numbers_of(plan, rows.clone());
            for (tree, left_out) in forest.trees.iter().zip(&forest.left_out) {
                for (place, row) in rows.clone().enumerate() {
                    if left_out[row / 64] >> (row % 64) & 1 == 1 {
                        let leaf = tree.leaf(&cells[place * binned.n_cols()..]);
                        let own = &mut values[place * width..(place + 1) * width];
                        own.iter_mut().zip(tree.value(leaf)).for_each(|(sum, value)| *sum += value * SMALL);
                        n_trees[place] += 1;
                    }
                }
            }
            for (own, &n) in values.chunks_exact_mut(width).zip(&n_trees).filter(|(_, n)| **n > 0) {
                own.iter_mut().for_each(|sum| *sum = mean(*sum, n as usize));
            }
            Ok((values, n_trees))
        })?;
        let (values, n_trees): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        let values = Array2::from_shape_vec((n_rows, width), values.concat()).map_err(Error::other)?;
        let n_trees = n_trees.concat();
        let score = score(&values, &n_trees);
        Ok(OutOfBag { values, n_trees, score: if score.is_finite() { score } else { 0.0 } })
    }
}

/// Some rows before they were put into bins, row by row; or, where only the bins are left, numbers that lie in them.
fn numbers_of(plan: &Plan<'_>, rows: std::ops::Range<usize>) -> Vec<f64> {
    if let Some(fine) = &plan.fine {
        return fine.x().slice(s![rows, ..]).iter().copied().collect();
    }
    numbers_in(plan.binned, rows)
}
