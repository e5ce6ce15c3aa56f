//! Growing the trees of a forest, each a task of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perennial_core::{Checkpoint, Context, Error, Features, Fingerprint, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::OutOfBag;
use super::sampling::Sampling;
use crate::tree::Tree;
use crate::tree::in_bins::{Learning, Plan, grow};
use crate::tree::prune::finish;

/// The most bytes that the trees of a forest may come to, if all of them grow as far as they may.
const MOST_BYTES: f64 = (1_u64 << 38) as f64;
/// What a node takes beside its value.
const NODE_BYTES: f64 = 64.0;

/// Trees of each thread from one state on the disk to the next.
const PER_THREAD: usize = 4;

/// How a forest is grown.
#[derive(Debug)]
pub(super) struct Forest<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) n_trees: usize,
    pub(super) n_values: usize,
    pub(super) out_of_bag: bool,
    start: Start<'a>,
    /// The settings, as they are saved.
    settings: Vec<u8>,
}

/// Where growing begins, and when it ends.
#[derive(Debug)]
pub(super) struct Start<'a> {
    /// The trees of the forest that is continued: those that are added are numbered, and so draw, from there.
    pub(super) before: &'a [Tree],
    pub(super) out_of_bag: Option<&'a OutOfBag>,
    /// Once this has passed no more trees are begun.
    pub(super) deadline: Option<Instant>,
}

/// Refuses to go on with a forest of other columns.
pub(super) fn check_from(model: &Features, ours: &Features) -> Result<()> {
    if model == ours {
        return Ok(());
    }
    Err(Error::unsupported(
        "the forest to continue learned from other columns; give it the columns it knows, or learn a new one",
    ))
}

/// The trees, and for each the rows that it did not draw, as bits, where that is asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Trees {
    pub(super) trees: Vec<Tree>,
    pub(super) left_out: Vec<Vec<u64>>,
}

impl<'a> Forest<'a> {
    /// # Errors
    /// When the trees could take more memory than any machine has.
    pub(super) fn new(
        plan: Plan<'a>,
        n_trees: usize,
        n_values: usize,
        out_of_bag: bool,
        start: Start<'a>,
        settings: Vec<u8>,
    ) -> Result<Self> {
        let n_leaves = plan.limits.most_leaves(plan.binned.n_rows() as f64);
        let bytes =
            2.0 * n_leaves * (NODE_BYTES + 8.0 * n_values as f64) * (n_trees + start.before.len()) as f64;
        if bytes > MOST_BYTES {
            return Err(Error::too_large(format!(
                "{n_trees} trees on {} rows with {n_values} values in each node could take {:.0} GB; \
                 set `max_depth`, `max_leaf_nodes` or `n_trees` lower",
                plan.binned.n_rows(),
                bytes / 1e9
            )));
        }
        Ok(Forest { plan, n_trees, n_values, out_of_bag, start, settings })
    }

    /// The state of this work on the disk, where states are kept; `describe` takes in the target and the weights.
    pub(super) fn checkpoint(
        &self,
        ctx: &Context,
        describe: impl FnOnce(&mut Fingerprint) -> Result<()>,
    ) -> Result<Option<Checkpoint>> {
        ctx.checkpoint(|of| {
            of.bytes(&self.settings);
            of.value(self.start.before)?;
            self.plan.binned.take_into(of)?;
            self.plan.fine.iter().for_each(|fine| fine.take_into(of));
            describe(of)
        })
    }

    /// The trees that were grown before the process ended.
    fn resumed(&self, checkpoint: Option<&Checkpoint>) -> Result<Trees> {
        let Some(bytes) = checkpoint.map_or(Ok(None), Checkpoint::load)? else { return Ok(Trees::default()) };
        let place = || match checkpoint {
            Some(checkpoint) => format!("checkpoint `{}`", checkpoint.path().display()),
            None => "checkpoint".to_owned(),
        };
        let resumed: Trees = perennial_core::from_bytes(&bytes).map_err(|error| error.context(place()))?;
        let n_words = if self.out_of_bag { self.plan.binned.n_rows().div_ceil(64) } else { 0 };
        let (n_cols, n_values) = (self.plan.binned.n_cols(), self.n_values);
        let fits = |tree: &Tree| tree.n_features() == n_cols && tree.n_values() == n_values;
        let sound = resumed.trees.len() <= self.n_trees
            && resumed.left_out.len() == resumed.trees.len()
            && resumed.left_out.iter().all(|words| words.len() == n_words)
            && resumed.trees.iter().all(fits);
        if sound {
            Ok(resumed)
        } else {
            Err(Error::corrupt("it does not fit the forest; delete it to begin anew").context(place()))
        }
    }

    /// Grows all trees but those that `checkpoint` holds; `sample` tells what a tree sees of its rows, given how often each was
    /// drawn. The checkpoint is given back: the trees may be asked for much more before the fit has ended.
    pub(super) fn grow<L: Learning>(
        &self,
        learning: &L,
        sampling: &Sampling<'_>,
        random: &Random,
        ctx: &Context,
        mut checkpoint: Option<Checkpoint>,
        sample: impl Fn(&[u32]) -> Vec<L::Row> + Sync,
    ) -> Result<(Trees, Option<Checkpoint>)> {
        let first = self.start.before.len();
        let mut trees = self.start.before.to_vec();
        let mut left = self.left_out_before(sampling, random, ctx)?;
        let mut added = self.resumed(checkpoint.as_ref())?;
        let n_done = AtomicUsize::new(added.trees.len());
        let one = |index: usize| {
            ctx.check()?;
            let mut own = random.fork(index as u64);
            let counts = sampling.draw(&mut own);
            let grown = grow(&self.plan, learning, sample(&counts), own, ctx)?;
            let tree =
                finish(&grown, self.plan.binned.n_cols(), self.n_values, None, self.plan.limits.ccp_alpha);
            ctx.step(n_done.fetch_add(1, Ordering::Relaxed) + 1, self.n_trees)?;
            Ok((tree, if self.out_of_bag { left_out(&counts) } else { Vec::new() }))
        };
        let n_threads = rayon::current_num_threads().max(1);
        // Where time is short, a few at a time: all that were begun are kept. A few more between two states.
        let at_once = match (self.start.deadline, &checkpoint) {
            (Some(_), _) => n_threads,
            (None, Some(_)) => PER_THREAD * n_threads,
            (None, None) => self.n_trees,
        };
        while added.trees.len() < self.n_trees {
            let n_grown = added.trees.len();
            let n = at_once.min(self.n_trees - n_grown);
            for (tree, rows) in reduce::try_map_each(n, |place| one(first + n_grown + place))? {
                added.trees.push(tree);
                added.left_out.push(rows);
            }
            if let Some(checkpoint) = checkpoint.as_mut().filter(|checkpoint| checkpoint.is_due()) {
                checkpoint.save(&perennial_core::to_bytes(&added)?)?;
            }
            if self.start.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
        }
        trees.append(&mut added.trees);
        left.append(&mut added.left_out);
        Ok((Trees { trees, left_out: left }, checkpoint))
    }

    /// The rows that the trees of the forest that is continued did not draw: drawn again.
    fn left_out_before(
        &self,
        sampling: &Sampling<'_>,
        random: &Random,
        ctx: &Context,
    ) -> Result<Vec<Vec<u64>>> {
        let n_before = self.start.before.len();
        if !self.out_of_bag || n_before == 0 {
            return Ok(vec![Vec::new(); n_before]);
        }
        let Some(known) = self.start.out_of_bag else {
            return Err(Error::unsupported(
                "the forest to continue was learned without `out_of_bag`, so it is not known what its trees have seen; leave \
                 `out_of_bag` out, or learn a new forest",
            ));
        };
        let left = reduce::try_map_each(n_before, |index| {
            ctx.check()?;
            Ok(left_out(&sampling.draw(&mut random.fork(index as u64))))
        })?;
        let n_rows = self.plan.binned.n_rows();
        let times =
            |row: usize| left.iter().map(|bits| (bits[row / 64] >> (row % 64) & 1) as u32).sum::<u32>();
        if known.n_trees().len() != n_rows || (0..n_rows).any(|row| times(row) != known.n_trees()[row]) {
            return Err(Error::unsupported(
                "the forest to continue drew other rows, so its trees may have seen those that they would be asked for; give the \
                 rows and the seed it learned from, or leave `out_of_bag` out",
            ));
        }
        Ok(left)
    }
}

fn left_out(counts: &[u32]) -> Vec<u64> {
    let bits =
        |counts: &[u32]| (0..).zip(counts).fold(0, |word, (bit, &count)| word | u64::from(count == 0) << bit);
    counts.chunks(64).map(bits).collect()
}
