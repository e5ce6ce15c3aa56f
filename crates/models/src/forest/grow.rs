//! Growing the trees of a forest, each a task of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{Context, Error, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use super::sampling::Sampling;
use crate::tree::Tree;
use crate::tree::in_bins::{Learning, Plan, grow};
use crate::tree::prune::finish;

/// The most bytes that the trees of a forest may come to, if all of them grow as far as they may.
const MOST_BYTES: f64 = (1_u64 << 38) as f64;
/// What a node takes beside its value.
const NODE_BYTES: f64 = 64.0;

/// How a forest is grown.
#[derive(Debug)]
pub(super) struct Forest<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) n_trees: usize,
    pub(super) n_values: usize,
    pub(super) out_of_bag: bool,
}

/// The trees, and for each the rows that it did not draw, as bits, where that is asked for.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) trees: Vec<Tree>,
    pub(super) left_out: Vec<Vec<u64>>,
}

impl<'a> Forest<'a> {
    /// # Errors
    /// When the trees could take more memory than any machine has.
    pub(super) fn new(plan: Plan<'a>, n_trees: usize, n_values: usize, out_of_bag: bool) -> Result<Self> {
        let most = |limit: Option<usize>| limit.map_or(f64::INFINITY, |limit| limit as f64);
        let n_leaves = (plan.binned.n_rows() as f64)
            .min(most(plan.limits.max_leaf_nodes))
            .min(most(plan.limits.max_depth).min(64.0).exp2());
        let bytes = 2.0 * n_leaves * (NODE_BYTES + 8.0 * n_values as f64) * n_trees as f64;
        if bytes > MOST_BYTES {
            return Err(Error::too_large(format!(
                "{n_trees} trees on {} rows with {n_values} values in each node could take {:.0} GB; \
                 set `max_depth`, `max_leaf_nodes` or `n_trees` lower",
                plan.binned.n_rows(),
                bytes / 1e9
            )));
        }
        Ok(Forest { plan, n_trees, n_values, out_of_bag })
    }

    /// Grows all trees; `sample` tells what a tree sees of its rows, given how often each was drawn.
    pub(super) fn grow<L: Learning>(
        &self,
        learning: &L,
        sampling: &Sampling<'_>,
        random: &Random,
        ctx: &Context,
        sample: impl Fn(&[u32]) -> Vec<L::Row> + Sync,
    ) -> Result<Trees> {
        let n_done = AtomicUsize::new(0);
        let grown = reduce::try_map_each(self.n_trees, |index| {
            ctx.check()?;
            let mut own = random.fork(index as u64);
            let counts = sampling.draw(&mut own);
            let grown = grow(&self.plan, learning, sample(&counts), own, ctx)?;
            let tree =
                finish(&grown, self.plan.binned.n_cols(), self.n_values, None, self.plan.limits.ccp_alpha);
            ctx.step(n_done.fetch_add(1, Ordering::Relaxed) + 1, self.n_trees)?;
            Ok((tree, if self.out_of_bag { left_out(&counts) } else { Vec::new() }))
        })?;
        let (trees, left_out) = grown.into_iter().unzip();
        Ok(Trees { trees, left_out })
    }
}

fn left_out(counts: &[u32]) -> Vec<u64> {
    let bits =
        |counts: &[u32]| (0..).zip(counts).fold(0, |word, (bit, &count)| word | u64::from(count == 0) << bit);
    counts.chunks(64).map(bits).collect()
}
