//! Growing one tree.
//!
//! A leaf owns its rows, as a part of one list, and the histograms of its columns. Splitting it puts its rows in
//! order, adds up the histograms of the smaller child and takes them from those of the parent, which leaves those of
//! the larger. The split of a leaf does not depend on when it is made, so the few leaves that will be split next are
//! worked on at the same time; what turns out not to be wanted is dropped.
//!
//! Where bounds follow from what other leaves say (`MonotoneMethod::Intermediate`) it does depend on that: then leaves are split
//! one by one, and those whose bounds change look for their split again.

mod bounds;
mod build;
mod columns;
pub(crate) mod exact;
mod place;
mod search;
mod spare;
mod symmetric;

use std::collections::BinaryHeap;

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use bounds::{Bounds, apart, in_order};
use place::Place;
pub(crate) use spare::{Buffers, Spare};

use super::costs::Costs;
use super::derivatives::{Derivatives, OfRows, Whole};
use super::groups::Groups;
use super::histogram::{self, Histogram, Sums};
use super::partition::partition;
use super::sets::Sets;
use super::split::{Cut, Full, Split};
use crate::binned::{Binned, Bins};
use crate::boosting::constraints::Constraints;
use crate::boosting::settings::{Growth, Settings};
use crate::tree::structure::{Measure, Question, Rule, Summary, Tree, Value};

/// Leaves that are worked on at the same time. A constant, so that the result does not depend on the threads.
const AHEAD: usize = 4;
/// Additions below which one thread is enough.
const SERIAL: usize = 1 << 17;

/// What all trees of a fit share.
pub(crate) struct Shared<'a> {
    pub(crate) binned: &'a Binned,
    pub(crate) groups: &'a Groups,
    pub(crate) settings: &'a Settings,
    pub(crate) constraints: &'a Constraints,
    pub(crate) costs: Costs,
    pub(crate) sets: Sets,
    pub(crate) spare: Spare,
}

/// A tree and the training rows of its leaves.
pub(crate) struct Grown<'r> {
    pub(crate) tree: Tree,
    /// Rows, ascending, of a leaf; a leaf may have several such parts.
    pub(crate) parts: Vec<(u32, &'r [u32])>,
    /// The outputs between which each leaf must stay, by number of node; empty where there are no constraints.
    pub(crate) bounds: Vec<(f64, f64)>,
    /// The output of the parent of each node.
    pub(crate) parent_outputs: Vec<f64>,
}

/// A leaf that may be split.
struct Leaf<'r> {
    rows: &'r mut [u32],
    depth: usize,
    totals: Sums,
    /// Between what outputs it must stay, in units.
    bounds: (f64, f64),
    /// Its output and that of its parent, in units.
    output: f64,
    parent_output: f64,
    /// The sets of columns that may still be asked; `None` where all may.
    sets: Option<Vec<usize>>,
    /// Names the leaf by its way from the root.
    path: u64,
    histograms: Option<Vec<Histogram>>,
    split: Option<Split>,
}

impl<'r> Leaf<'r> {
    /// The leaf with its rows and histograms, which stay behind empty.
    fn take(&mut self) -> Self {
        Leaf {
            rows: std::mem::take(&mut self.rows),
            histograms: self.histograms.take(),
            split: self.split.clone(),
            sets: self.sets.clone(),
            ..*self
        }
    }
}

/// A node that was made.
struct Made<'r> {
    leaf: Leaf<'r>,
    n_rows: usize,
    /// The children that were worked out.
    next: Option<Box<[Leaf<'r>; 2]>>,
    /// The numbers of the children, once they belong to the tree.
    children: Option<(usize, usize)>,
}

/// Grows one tree.
pub(crate) struct Grower<'a> {
    shared: &'a Shared<'a>,
    derivatives: &'a Derivatives,
    columns: Vec<bool>,
    random: Random,
    ctx: &'a Context,
    full: bool,
}

impl<'a> Grower<'a> {
    pub(crate) fn new(
        shared: &'a Shared<'a>,
        derivatives: &'a Derivatives,
        random: Random,
        ctx: &'a Context,
    ) -> Self {
        let settings = shared.settings;
        let columns = columns::of_tree(settings, shared.constraints, shared.binned.n_cols(), &random);
        let full = settings.is_full(shared.constraints);
        Grower { shared, derivatives, columns, random, ctx, full }
    }

    /// Grows a tree on `rows`, ascending.
    pub(crate) fn grow<'r>(&self, rows: &'r mut [u32]) -> Result<Grown<'r>> {
        let settings = self.shared.settings;
        if settings.growth == Growth::Symmetric {
            return self.grow_symmetric(rows);
        }
        let root = self.root(rows)?;
        let mut made = vec![Made { n_rows: root.rows.len(), leaf: root, next: None, children: None }];
        let place = |made: &[Made<'_>], node: usize| {
            let leaf = &made[node].leaf;
            leaf.split.as_ref().map(|split| Place::new(settings.growth, leaf.depth, split.gain, node))
        };
        let mut open: BinaryHeap<Place> = place(&made, 0).into_iter().collect();
        let mut bounds = self.looks_again().then(|| Bounds::new(made[0].leaf.output));
        let most_ahead = if bounds.is_some() { 1 } else { AHEAD };
        let mut n_leaves = 1;
        while n_leaves < settings.max_leaves
            && let Some(Place { node, .. }) = open.pop()
        {
            if made[node].next.is_none() {
                self.ctx.check()?;
                // With the leaves that will be split next.
                let mut ahead = vec![node];
                let mut passed = Vec::new();
                while ahead.len() < most_ahead.min(settings.max_leaves - n_leaves)
                    && passed.len() < 2 * AHEAD
                    && let Some(next) = open.pop()
                {
                    if made[next.node].next.is_none() {
                        ahead.push(next.node);
                    }
                    passed.push(next);
                }
                open.extend(passed);
                self.work_ahead(&mut made, &ahead)?;
            }
            let Some(children) = made[node].next.take() else { break };
            let at = made.len();
            made[node].children = Some((at, at + 1));
            for leaf in *children {
                made.push(Made { n_rows: leaf.rows.len(), leaf, next: None, children: None });
                open.extend(place(&made, made.len() - 1));
            }
            n_leaves += 1;
            if let (Some(bounds), Some(split)) = (&mut bounds, &made[node].leaf.split) {
                let direction = self.shared.constraints.directions[split.feature as usize];
                let outputs = [made[at].leaf.output, made[at + 1].leaf.output];
                let touched = bounds.split(node, direction, outputs);
                if n_leaves == settings.max_leaves {
                    break;
                }
                self.ctx.check()?;
                for &(leaf, bounds) in &touched {
                    self.look_again(&mut made[leaf].leaf, bounds)?;
                }
                if !touched.is_empty() {
                    let leaves = (0..made.len()).filter(|&node| made[node].children.is_none());
                    open = leaves.filter_map(|node| place(&made, node)).collect();
                }
            }
        }
        self.finish(made, bounds.as_ref())
    }

    /// Splits leaves at the same time and keeps their children beside them.
    fn work_ahead(&self, made: &mut [Made<'_>], ahead: &[usize]) -> Result<()> {
        let mut leaves: Vec<(usize, Option<Leaf<'_>>)> = Vec::with_capacity(ahead.len());
        for &node in ahead {
            leaves.push((node, Some(made[node].leaf.take())));
        }
        let mut done: Vec<Option<Result<[Leaf<'_>; 2]>>> = leaves.iter().map(|_| None).collect();
        let n_rows: usize = ahead.iter().map(|&node| made[node].n_rows).sum();
        let mut work: Vec<_> = leaves.iter_mut().zip(&mut done).collect();
        let n_tasks = if n_rows * self.columns.len() < SERIAL { 1 } else { work.len() };
        reduce::fill_chunks(&mut work, ahead.len().div_ceil(n_tasks.max(1)), |_, work| {
            for ((_, leaf), done) in work {
                **done = leaf.take().map(|leaf| self.split(leaf));
            }
        });
        drop(work);
        for ((node, _), done) in leaves.into_iter().zip(done) {
            made[node].next = done.transpose()?.map(Box::new);
        }
        Ok(())
    }

    /// The root before its splits are looked for.
    fn bare_root<'r>(&self, rows: &'r mut [u32]) -> Leaf<'r> {
        let all = rows.len() == self.derivatives.n_rows();
        let totals = match &self.derivatives.of_rows {
            OfRows::Counted(of_rows) => total(of_rows, rows, all),
            OfRows::Both(of_rows) => total(of_rows, rows, all),
        };
        let mut leaf = Leaf {
            rows,
            depth: 0,
            totals,
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
            output: 0.0,
            parent_output: 0.0,
            sets: (!self.shared.constraints.sets.is_empty())
                .then(|| (0..self.shared.constraints.sets.len()).collect()),
            path: 1,
            histograms: None,
            split: None,
        };
        // The root has no parent to be pulled to.
        leaf.output = Full { smoothing: 0.0, ..self.full(&leaf, 0) }.output(totals);
        leaf
    }

    fn root<'r>(&self, rows: &'r mut [u32]) -> Result<Leaf<'r>> {
        let all = rows.len() == self.derivatives.n_rows();
        let mut leaf = self.bare_root(rows);
        if !self.may_split(&leaf) {
            return Ok(leaf);
        }
        let mut histograms = self.empty_histograms();
        self.build(leaf.rows, all, &mut histograms);
        let groups = self.per_group(leaf.rows.len(), &mut histograms, |group, histograms| {
            self.best_of_group(group, histograms, None, &leaf)
        });
        leaf.split = self.settle(&leaf, &histograms, groups.into_iter().flatten())?;
        self.keep(&mut leaf, histograms);
        Ok(leaf)
    }

    /// The two children of a leaf before their splits are looked for, and its histograms.
    fn part<'r>(&self, leaf: Leaf<'r>) -> ([Leaf<'r>; 2], Vec<Histogram>) {
        let Leaf { rows, depth, bounds, output, sets, path, histograms, split, .. } = leaf;
        let (Some(split), Some(parent)) = (split, histograms) else {
            unreachable!("only leaves with a split and histograms are opened");
        };
        let column = split.feature as usize;
        let mut spare = self.shared.spare.rows.take(rows.len());
        let n_left = partition(rows, self.shared.binned.column(column), &split.goes_left(), &mut spare);
        self.shared.spare.rows.give(spare);
        let (left_rows, right_rows) = rows.split_at_mut(n_left);
        let sets = columns::sets_below(self.shared.constraints, sets.as_deref(), column);
        let child = |rows, totals, side| Leaf {
            rows,
            depth: depth + 1,
            totals,
            bounds,
            output: 0.0,
            parent_output: output,
            sets: sets.clone(),
            path: path.wrapping_mul(2).wrapping_add(side),
            histograms: None,
            split: None,
        };
        let mut children = [child(left_rows, split.left, 0), child(right_rows, split.right, 1)];
        for leaf in &mut children {
            leaf.output = self.full(leaf, 0).output(leaf.totals);
        }
        let method = self.shared.settings.monotone_method;
        let direction = self.shared.constraints.directions[column];
        let outputs = in_order(method, [children[0].output, children[1].output], direction);
        let held = apart(method, bounds, outputs, direction);
        for (child, (output, bounds)) in children.iter_mut().zip(outputs.into_iter().zip(held)) {
            (child.output, child.bounds) = (output, bounds);
        }
        (children, parent)
    }

    /// The two children of a leaf.
    fn split<'r>(&self, leaf: Leaf<'r>) -> Result<[Leaf<'r>; 2]> {
        self.ctx.check()?;
        let (mut children, mut parent) = self.part(leaf);
        let small = usize::from(children[0].rows.len() > children[1].rows.len());
        let may = [self.may_split(&children[0]), self.may_split(&children[1])];
        if !may[0] && !may[1] {
            self.shared.spare.histograms.give(parent);
            return Ok(children);
        }
        let mut histograms = self.empty_histograms();
        self.build(children[small].rows, false, &mut histograms);
        let large = 1 - small;
        let n_rows = children[0].rows.len() + children[1].rows.len();
        let groups = self.per_group_pair(n_rows, &mut histograms, &mut parent, |group, few, many| {
            let best = |may: bool, histograms: &[Histogram], leaf: &Leaf<'_>| {
                may.then(|| self.best_of_group(group, histograms, None, leaf)).flatten()
            };
            let of_small = best(may[small], few, &children[small]);
            histogram::subtract(many, few);
            (of_small, best(may[large], many, &children[large]))
        });
        let (of_small, of_large): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        for (index, histograms, found) in [(small, histograms, of_small), (large, parent, of_large)] {
            let leaf = &children[index];
            let split = self.settle(leaf, &histograms, found.into_iter().flatten())?;
            children[index].split = split;
            self.keep(&mut children[index], histograms);
        }
        Ok(children)
    }

    /// Histograms are kept where they will be needed.
    fn keep(&self, leaf: &mut Leaf<'_>, histograms: Vec<Histogram>) {
        if leaf.split.is_some() || self.looks_again() {
            leaf.histograms = Some(histograms);
        } else {
            self.shared.spare.histograms.give(histograms);
        }
    }

    fn empty_histograms(&self) -> Vec<Histogram> {
        let mut histograms = self.shared.spare.histograms.take(self.shared.groups.n_columns());
        histograms.resize(self.shared.groups.n_columns(), [0; 256]);
        histograms
    }

    fn may_split(&self, leaf: &Leaf<'_>) -> bool {
        self.shared.settings.may_split(leaf.rows.len(), leaf.depth)
    }

    /// The tree in preorder, with the rows of its leaves.
    fn finish<'r>(&self, made: Vec<Made<'r>>, kept: Option<&Bounds>) -> Result<Grown<'r>> {
        let scale = self.derivatives.scale;
        let mut tree = Tree::empty(self.shared.binned.n_cols(), 1, Measure::Gain);
        let bounded = self.shared.constraints.directions.iter().any(|&direction| direction != 0);
        let (mut parts, mut bounds, mut parent_outputs) = (Vec::new(), Vec::new(), Vec::new());
        // Numbers of nodes in the order in which they were made, and in preorder.
        let mut number = vec![0; made.len()];
        let mut waiting = vec![0];
        let mut order = Vec::with_capacity(made.len());
        while let Some(node) = waiting.pop() {
            let Made { leaf, n_rows, children, .. } = &made[node];
            let gain = match (children, &leaf.split) {
                (Some(_), Some(split)) => split.gain * scale.gradient * scale.output(),
                _ => 0.0,
            };
            number[node] = tree.push(&Summary {
                n_rows: *n_rows as u64,
                weight: f64::from(leaf.totals.hessian) * scale.hessian,
                measure: gain.clamp(0.0, f64::MAX),
                value: Value::One([leaf.output * scale.output()]),
            });
            if bounded {
                let (low, high) = kept.map_or(leaf.bounds, |kept| kept.held(node));
                bounds.push((low * scale.output(), high * scale.output()));
            }
            parent_outputs.push(leaf.parent_output * scale.output());
            order.push(node);
            if let Some((left, right)) = children {
                waiting.extend([*right, *left]);
            }
        }
        for &node in &order {
            if let (Some((left, right)), Some(split)) = (made[node].children, &made[node].leaf.split) {
                let rule = self.rule(split);
                self.shared.sets.add(&rule)?;
                tree.join(number[node], &rule, number[left], number[right]);
            }
        }
        let mut leaves: Vec<Option<Made<'r>>> = made.into_iter().map(Some).collect();
        for node in order {
            let Some(Made { leaf, next, children: None, .. }) = leaves[node].take() else { continue };
            let number = number[node] as u32;
            let mut add = |leaf: Leaf<'r>| {
                parts.push((number, &*leaf.rows));
                leaf.histograms.into_iter().for_each(|unused| self.shared.spare.histograms.give(unused));
            };
            match next {
                Some(children) => children.into_iter().for_each(add),
                None => add(leaf),
            }
        }
        Ok(Grown { tree, parts, bounds, parent_outputs })
    }

    /// A split in terms of values.
    fn rule(&self, split: &Split) -> Rule {
        let question = match (self.shared.binned.binning().column(split.feature as usize), &split.cut) {
            (Bins::Numeric { cuts }, Cut::UpTo(bin)) => {
                Question::AtMost(cuts.get(usize::from(*bin)).copied().unwrap_or(f64::MAX))
            }
            (Bins::Categorical { kept }, Cut::OneOf(bits)) => {
                let left = (0..kept.len()).filter(|bin| bits[bin / 64] >> (bin % 64) & 1 == 1);
                Question::OneOf(left.map(|bin| kept[bin]).collect())
            }
            _ => unreachable!("numbers are cut, categories are chosen"),
        };
        Rule { feature: split.feature, question, missing_left: split.missing_left }
    }
}

/// The sums over some rows.
fn total<D: Whole>(of_rows: &[D], rows: &[u32], all: bool) -> Sums {
    let sum = |sum: u64, derivatives: D| sum.wrapping_add(derivatives.packed());
    let sums = reduce::map_chunks(rows.len(), 65_536, |part| match all {
        true => of_rows[part].iter().copied().fold(0, sum),
        false => rows[part].iter().map(|&row| of_rows[row as usize]).fold(0, sum),
    });
    histogram::unpack(sums.into_iter().fold(0, u64::wrapping_add))
}

/// A share of the columns that are allowed, drawn at random; at least one.
fn sample(columns: &[bool], share: f64, random: &mut Random) -> Vec<bool> {
    let allowed: Vec<usize> = (0..columns.len()).filter(|&column| columns[column]).collect();
    if share >= 1.0 || allowed.is_empty() {
        return columns.to_vec();
    }
    let n = ((allowed.len() as f64 * share).round() as usize).clamp(1, allowed.len());
    let mut drawn = vec![false; columns.len()];
    random.sample(allowed.len(), n).into_iter().for_each(|index| drawn[allowed[index]] = true);
    drawn
}
