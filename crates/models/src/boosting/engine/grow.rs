//! Growing one tree.
//!
//! A leaf owns its rows, as a part of one list, and the histograms of its columns. Splitting it puts its rows in
//! order, adds up the histograms of the smaller child and takes them from those of the parent, which leaves those of
//! the larger. The split of a leaf does not depend on when it is made, so the few leaves that will be split next are
//! worked on at the same time; what turns out not to be wanted is dropped.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Mutex;

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use rayon::prelude::*;

use super::derivatives::Derivatives;
use super::groups::{Group, Groups};
use super::histogram::{self, Histogram, Sums, pack};
use super::partition::partition;
use super::split::{Categories, Cut, Full, Least, Plain, Scan, Split};
use crate::binned::{Binned, Bins};
use crate::boosting::settings::{Constraints, Growth, Settings};
use crate::tree::structure::{Measure, Question, Rule, Summary, Tree};

/// Leaves that are worked on at the same time. A constant, so that the result does not depend on the threads.
const AHEAD: usize = 4;
/// Additions below which one thread is enough.
const SERIAL: usize = 1 << 17;
/// With up to so many categories in a node, each stands against the rest.
const ONE_HOT: usize = 4;
/// Rows in one part when rows are shared out.
const MIN_PART: usize = 16_384;

/// What all trees of a fit share.
pub(crate) struct Shared<'a> {
    pub(crate) binned: &'a Binned,
    pub(crate) groups: &'a Groups,
    pub(crate) settings: &'a Settings,
    pub(crate) constraints: &'a Constraints,
    pub(crate) spare: Spare,
}

/// Memory that was used and can be used again.
#[derive(Default)]
pub(crate) struct Spare {
    histograms: Mutex<Vec<Vec<Histogram>>>,
    packed: Mutex<Vec<Vec<u64>>>,
    rows: Mutex<Vec<Vec<u32>>>,
}

fn take<T>(pool: &Mutex<Vec<Vec<T>>>) -> Vec<T> {
    pool.lock().map_or_else(|_| Vec::new(), |mut pool| pool.pop().unwrap_or_default())
}

fn give<T>(pool: &Mutex<Vec<Vec<T>>>, buffer: Vec<T>) {
    if let Ok(mut pool) = pool.lock() {
        pool.push(buffer);
    }
}

impl Spare {
    pub(crate) fn packed(&self) -> Vec<u64> {
        take(&self.packed)
    }

    pub(crate) fn give_packed(&self, packed: Vec<u64>) {
        give(&self.packed, packed);
    }
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
        let mut columns = vec![true; shared.binned.n_cols()];
        if let Some(offset) = shared.constraints.offset {
            columns[offset] = false;
        }
        let columns = sample(&columns, settings.columns_by_tree, &mut random.stream("columns"));
        let full = settings.l1 > 0.0
            || settings.path_smoothing > 0.0
            || shared.constraints.directions.iter().any(|&direction| direction != 0);
        Grower { shared, derivatives, columns, random, ctx, full }
    }

    /// Grows a tree on `rows`, ascending.
    pub(crate) fn grow<'r>(&self, rows: &'r mut [u32]) -> Result<Grown<'r>> {
        let settings = self.shared.settings;
        let root = self.root(rows)?;
        let mut made = vec![Made { n_rows: root.rows.len(), leaf: root, next: None, children: None }];
        let place = |made: &[Made<'_>], node: usize| {
            let leaf = &made[node].leaf;
            leaf.split.as_ref().map(|split| Place::new(settings.growth, leaf.depth, split.gain, node))
        };
        let mut open: BinaryHeap<Place> = place(&made, 0).into_iter().collect();
        let mut n_leaves = 1;
        while n_leaves < settings.max_leaves
            && let Some(Place { node, .. }) = open.pop()
        {
            if made[node].next.is_none() {
                self.ctx.check()?;
                // With the leaves that will be split next.
                let mut ahead = vec![node];
                let mut passed = Vec::new();
                while ahead.len() < AHEAD.min(settings.max_leaves - n_leaves)
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
        }
        Ok(self.finish(made))
    }

    /// Splits leaves at the same time and keeps their children beside them.
    fn work_ahead(&self, made: &mut [Made<'_>], ahead: &[usize]) -> Result<()> {
        let mut leaves: Vec<(usize, Option<Leaf<'_>>)> = Vec::with_capacity(ahead.len());
        for &node in ahead {
            let leaf = &mut made[node].leaf;
            let taken = Leaf {
                rows: std::mem::take(&mut leaf.rows),
                histograms: leaf.histograms.take(),
                split: leaf.split.clone(),
                sets: leaf.sets.clone(),
                ..*leaf
            };
            leaves.push((node, Some(taken)));
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

    fn root<'r>(&self, rows: &'r mut [u32]) -> Result<Leaf<'r>> {
        let packed = &self.derivatives.packed;
        let all = rows.len() == packed.len();
        let sums = reduce::map_chunks(rows.len(), 65_536, |part| {
            rows[part].iter().fold(0, |sum: u64, &row| sum.wrapping_add(packed[row as usize]))
        });
        let totals = histogram::unpack(sums.into_iter().fold(0, u64::wrapping_add));
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

    /// The two children of a leaf.
    fn split<'r>(&self, leaf: Leaf<'r>) -> Result<[Leaf<'r>; 2]> {
        self.ctx.check()?;
        let Leaf { rows, depth, bounds, output, sets, path, histograms, split, .. } = leaf;
        let (Some(split), Some(mut parent)) = (split, histograms) else {
            unreachable!("only leaves with a split and histograms are opened");
        };
        let column = split.feature as usize;
        let mut spare = take(&self.shared.spare.rows);
        let n_left = partition(rows, self.shared.binned.column(column), &split.goes_left(), &mut spare);
        give(&self.shared.spare.rows, spare);
        let (left_rows, right_rows) = rows.split_at_mut(n_left);
        let sets = sets.map(|sets| {
            sets.into_iter().filter(|&set| self.shared.constraints.sets[set][column]).collect::<Vec<_>>()
        });
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
        let direction = self.shared.constraints.directions[column];
        if direction != 0 {
            let middle = children[0].output.midpoint(children[1].output);
            let [left, right] = &mut children;
            if direction > 0 {
                (left.bounds.1, right.bounds.0) = (middle, middle);
            } else {
                (left.bounds.0, right.bounds.1) = (middle, middle);
            }
        }
        let small = usize::from(children[0].rows.len() > children[1].rows.len());
        let may = [self.may_split(&children[0]), self.may_split(&children[1])];
        if !may[0] && !may[1] {
            give(&self.shared.spare.histograms, parent);
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
        if leaf.split.is_some() {
            leaf.histograms = Some(histograms);
        } else {
            give(&self.shared.spare.histograms, histograms);
        }
    }

    fn empty_histograms(&self) -> Vec<Histogram> {
        let mut histograms = take(&self.shared.spare.histograms);
        histograms.resize(self.shared.binned.n_cols(), [0; 256]);
        histograms
    }

    fn may_split(&self, leaf: &Leaf<'_>) -> bool {
        let settings = self.shared.settings;
        leaf.rows.len() / 2 >= settings.min_samples_leaf
            && settings.max_depth.is_none_or(|max| leaf.depth < max)
    }

    /// Adds up the histograms of rows.
    fn build(&self, rows: &[u32], all: bool, histograms: &mut [Histogram]) {
        let groups = self.shared.groups;
        let mut gathered = take(&self.shared.spare.packed);
        let packed: &[u64] = if all {
            &self.derivatives.packed
        } else {
            gathered.resize(rows.len(), 0);
            reduce::fill_chunks(&mut gathered, MIN_PART, |first, out| {
                for (out, &row) in out.iter_mut().zip(&rows[first..]) {
                    *out = self.derivatives.packed[row as usize];
                }
            });
            &gathered
        };
        let add = |group: &Group, part: std::ops::Range<usize>, histograms: &mut [Histogram]| {
            histograms.as_flattened_mut().fill(0);
            let packed = &packed[part.clone()];
            match all {
                true => histogram::add_all(group, part.start, packed, histograms),
                false => histogram::add(group, &rows[part], packed, histograms),
            }
        };
        // Few columns and many rows: rows are shared out too.
        let n_threads = rayon::current_num_threads();
        let n_parts = (2 * n_threads).div_ceil(groups.len()).min(rows.len() / MIN_PART).max(1);
        if n_threads == 1 || n_parts == 1 {
            self.per_group(rows.len(), histograms, |group, histograms| {
                if self.columns[group.first..group.first + group.width].contains(&true) {
                    add(group, 0..rows.len(), histograms);
                }
            });
        } else {
            let size = rows.len().div_ceil(n_parts);
            let parts = reduce::map_each(groups.len() * n_parts, |task| {
                let group = &groups.get(task / n_parts);
                let first = (task % n_parts) * size;
                let mut histograms = vec![[0; 256]; group.width];
                add(group, first.min(rows.len())..(first + size).min(rows.len()), &mut histograms);
                histograms
            });
            let mut parts = parts.into_iter();
            for group in groups.iter() {
                let into = &mut histograms[group.first..group.first + group.width];
                for (part, from) in parts.by_ref().take(n_parts).enumerate() {
                    match part {
                        0 => into.copy_from_slice(&from),
                        _ => histogram::merge(into, &from),
                    }
                }
            }
        }
        give(&self.shared.spare.packed, gathered);
    }

    /// Works on the histograms of each group, in parallel where that pays.
    fn per_group<T: Send>(
        &self,
        n_rows: usize,
        histograms: &mut [Histogram],
        work: impl Fn(&Group, &mut [Histogram]) -> T + Sync,
    ) -> Vec<T> {
        self.per_group_pair(n_rows, histograms, &mut [], |group, histograms, _| work(group, histograms))
    }

    /// Works on two histograms of each group, in parallel where that pays.
    fn per_group_pair<T: Send>(
        &self,
        n_rows: usize,
        few: &mut [Histogram],
        many: &mut [Histogram],
        work: impl Fn(&Group, &mut [Histogram], &mut [Histogram]) -> T + Sync,
    ) -> Vec<T> {
        let (mut few, mut many) = (few, many);
        let mut tasks = Vec::with_capacity(self.shared.groups.len());
        for group in self.shared.groups.iter() {
            let few = few.split_off_mut(..group.width).unwrap_or_default();
            let many = many.split_off_mut(..group.width).unwrap_or_default();
            tasks.push((group, few, many));
        }
        if n_rows * self.columns.len() < SERIAL {
            return tasks.into_iter().map(|(group, few, many)| work(group, few, many)).collect();
        }
        tasks.into_par_iter().map(|(group, few, many)| work(group, few, many)).collect()
    }

    /// The best split of a leaf by a column of a group.
    fn best_of_group(
        &self,
        group: &Group,
        histograms: &[Histogram],
        counts: Option<&[Histogram]>,
        leaf: &Leaf<'_>,
    ) -> Option<Split> {
        let mut best: Option<Split> = None;
        let allowed = self.allowed(leaf);
        for (offset, histogram) in histograms.iter().enumerate() {
            let column = group.first + offset;
            if !allowed.as_ref().unwrap_or(&self.columns)[column] {
                continue;
            }
            let counts = counts.map(|counts| &counts[offset]);
            let found = self.best_of_column(column, histogram, counts, leaf);
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| found.gain > best.gain)
            {
                best = Some(found);
            }
        }
        best
    }

    fn best_of_column(
        &self,
        column: usize,
        histogram: &Histogram,
        counts: Option<&Histogram>,
        leaf: &Leaf<'_>,
    ) -> Option<Split> {
        let binning = self.shared.binned.binning();
        let bins = binning.column(column);
        let scan =
            Scan { histogram, counts, n_bins: bins.n_bins(), totals: leaf.totals, least: self.least() };
        let (settings, scale) = (self.shared.settings, self.derivatives.scale);
        let direction = self.shared.constraints.directions[column];
        let full = self.full(leaf, direction);
        let feature = column as u32;
        let mut found = match bins {
            Bins::Numeric { .. } if self.full => scan.numeric(feature, &full),
            Bins::Numeric { .. } => scan.numeric(feature, &Plain { l2: full.l2 }),
            Bins::Categorical { .. } => {
                let rules = Categories {
                    one_hot: ONE_HOT,
                    smoothing: settings.category_smoothing / scale.hessian,
                    l2: settings.category_l2 / scale.hessian,
                    most_left: settings.max_categories,
                };
                scan.categorical(feature, bins, &rules, |extra| Full { l2: full.l2 + extra, ..full })
            }
        }?;
        found.gain -= full.alone(leaf.totals);
        // Rounding to whole numbers makes up gains of about the square of half a unit.
        let noise = 4.0 * full.rows_by_hessian;
        let least = (settings.min_gain / scale.gradient / scale.output()).max(noise);
        (found.gain > least).then_some(found)
    }

    /// The columns that a leaf may ask, where they are not those of the tree.
    fn allowed(&self, leaf: &Leaf<'_>) -> Option<Vec<bool>> {
        let settings = self.shared.settings;
        let sampled = settings.columns_by_level < 1.0 || settings.columns_by_node < 1.0;
        if leaf.sets.is_none() && !sampled {
            return None;
        }
        let mut columns = self.columns.clone();
        if let Some(sets) = &leaf.sets {
            let sets: Vec<&Vec<bool>> = sets.iter().map(|&set| &self.shared.constraints.sets[set]).collect();
            for (column, allowed) in columns.iter_mut().enumerate() {
                *allowed &= sets.iter().any(|set| set[column]);
            }
        }
        if settings.columns_by_level < 1.0 {
            let mut random = self.random.stream("levels").fork(leaf.depth as u64);
            let level = sample(&self.columns, settings.columns_by_level, &mut random);
            columns.iter_mut().zip(level).for_each(|(allowed, level)| *allowed &= level);
        }
        if settings.columns_by_node < 1.0 {
            let mut random = self.random.stream("nodes").fork(leaf.path);
            columns = sample(&columns, settings.columns_by_node, &mut random);
        }
        Some(columns)
    }

    fn least(&self) -> Least {
        let settings = self.shared.settings;
        let units = (settings.min_child_weight / self.derivatives.scale.hessian).ceil();
        let mut hessian = (units.min(f64::from(i32::MAX)) as i32).max(1);
        if self.counts_rows() {
            hessian = hessian.max(settings.min_samples_leaf.min(i32::MAX as usize) as i32);
        }
        Least { hessian, n_rows: settings.min_samples_leaf as u64 }
    }

    /// Whether sums of second derivatives are numbers of rows.
    fn counts_rows(&self) -> bool {
        self.derivatives.is_count
    }

    fn full(&self, leaf: &Leaf<'_>, direction: i8) -> Full {
        let settings = self.shared.settings;
        let scale = self.derivatives.scale;
        let rows_by_hessian = leaf.rows.len() as f64 / f64::from(leaf.totals.hessian.max(1));
        Full {
            l1: settings.l1 / scale.gradient,
            l2: settings.l2 / scale.hessian,
            smoothing: settings.path_smoothing,
            parent_output: leaf.parent_output,
            rows_by_hessian,
            bounds: leaf.bounds,
            direction,
        }
    }

    /// The best of the splits found, where it leaves enough rows on both sides.
    ///
    /// Histograms do not count rows. The largest second derivative of a row gives a number of rows below which
    /// there cannot be; where that does not decide, the rows are counted, and where they are too few, the search is made
    /// again with the rows of each bin.
    fn settle(
        &self,
        leaf: &Leaf<'_>,
        histograms: &[Histogram],
        found: impl Iterator<Item = Split>,
    ) -> Result<Option<Split>> {
        let best = |found: &mut dyn Iterator<Item = Split>| {
            found.fold(None, |best: Option<Split>, split| match best {
                Some(best) if best.gain >= split.gain => Some(best),
                _ => Some(split),
            })
        };
        let mut found = found;
        let Some(split) = best(&mut found) else { return Ok(None) };
        let least = self.shared.settings.min_samples_leaf;
        if self.counts_rows() || least <= 1 {
            return Ok(Some(split));
        }
        let largest = i64::from(self.derivatives.largest_hessian.max(1));
        let surely = |sums: Sums| i64::from(sums.hessian) / largest >= least as i64;
        if surely(split.left) && surely(split.right) {
            return Ok(Some(split));
        }
        let codes = self.shared.binned.column(split.feature as usize);
        let goes_left = split.goes_left();
        let n_left = leaf.rows.iter().filter(|&&row| goes_left[usize::from(codes[row as usize])]).count();
        if n_left >= least && leaf.rows.len() - n_left >= least {
            return Ok(Some(split));
        }
        self.ctx.check()?;
        let ones = vec![pack(Sums { gradient: 0, hessian: 1 }); leaf.rows.len()];
        let groups = self.shared.groups;
        let splits = groups.iter().map(|group| {
            let mut counts = vec![[0; 256]; group.width];
            histogram::add(group, leaf.rows, &ones, &mut counts);
            let histograms = &histograms[group.first..group.first + group.width];
            self.best_of_group(group, histograms, Some(&counts), leaf)
        });
        Ok(best(&mut splits.into_iter().flatten()))
    }

    /// The tree in preorder, with the rows of its leaves.
    fn finish<'r>(&self, made: Vec<Made<'r>>) -> Grown<'r> {
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
                value: vec![leaf.output * scale.output()],
            });
            if bounded {
                bounds.push((leaf.bounds.0 * scale.output(), leaf.bounds.1 * scale.output()));
            }
            parent_outputs.push(leaf.parent_output * scale.output());
            order.push(node);
            if let Some((left, right)) = children {
                waiting.extend([*right, *left]);
            }
        }
        for &node in &order {
            if let (Some((left, right)), Some(split)) = (made[node].children, &made[node].leaf.split) {
                tree.join(number[node], &self.rule(split), number[left], number[right]);
            }
        }
        let mut leaves: Vec<Option<Made<'r>>> = made.into_iter().map(Some).collect();
        for node in order {
            let Some(Made { leaf, next, children: None, .. }) = leaves[node].take() else { continue };
            let number = number[node] as u32;
            let mut add = |leaf: Leaf<'r>| {
                parts.push((number, &*leaf.rows));
                leaf.histograms.into_iter().for_each(|unused| give(&self.shared.spare.histograms, unused));
            };
            match next {
                Some(children) => children.into_iter().for_each(add),
                None => add(leaf),
            }
        }
        Grown { tree, parts, bounds, parent_outputs }
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

/// Where a leaf stands among those that may be split; the largest is split first.
#[derive(PartialEq)]
struct Place {
    /// 0 where depth does not matter.
    depth: Reverse<usize>,
    gain: f64,
    node: usize,
}

impl Place {
    fn new(growth: Growth, depth: usize, gain: f64, node: usize) -> Self {
        let depth = match growth {
            Growth::LeafWise => 0,
            Growth::DepthWise => depth,
        };
        Place { depth: Reverse(depth), gain, node }
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_gain = || self.gain.total_cmp(&other.gain);
        self.depth.cmp(&other.depth).then_with(by_gain).then_with(|| other.node.cmp(&self.node))
    }
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
