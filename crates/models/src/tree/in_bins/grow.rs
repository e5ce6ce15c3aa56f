//! Growing one tree.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use perennial_core::{Context, Error, Result};
use perennial_numeric::random::Random;

use super::super::grow::Grown;
use super::super::limits::Limits;
use super::super::structure::{Question, Rule, Summary};
use super::cut::{Cut, Scratch, Split, Terms, bar, best_cut};
use super::fine::{Fine, FineColumn};
use super::random::{ByRows, LANES, Lanes, Near, Spread};
use super::{Bounds, Learning, Row};
use crate::binned::{Binned, Bins, MISSING};

/// The most memory that the sets of categories of one tree may take, in words of 8 bytes.
const MOST_SET_WORDS: usize = 1 << 23;
/// Nodes of at most so many rows are cut between the parts of bins; places of 16 bits could tell 65536 apart.
const FINE: usize = 1 << 13;
/// So many values are read between two looks at whether to stop.
const PATIENCE: usize = 1 << 20;

/// What all trees have in common.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) binned: &'a Binned,
    /// The bins cut again, for small nodes.
    pub(crate) fine: Option<Fine<'a>>,
    pub(crate) limits: Limits,
    /// The bins row by row, where columns are cut at random instead of where it is best.
    pub(crate) random_cuts: Option<ByRows>,
    /// For each column 1 where the answers may not fall along it, -1 where they may not rise; or nothing.
    pub(crate) monotone: Vec<i8>,
}

/// A node that may be cut.
struct Open {
    node: usize,
    range: Range<usize>,
    /// How many of its rows go left; they lie before the others.
    n_left: usize,
    depth: usize,
    bounds: Bounds,
    cut: Cut,
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cut.gain.total_cmp(&other.cut.gain).then(other.node.cmp(&self.node))
    }
}

/// Nodes wait for their turn: the last one comes first, or that which gains most.
enum Waiting {
    Stack(Vec<Open>),
    Heap(BinaryHeap<Open>),
}

impl Waiting {
    fn push(&mut self, open: Option<Open>) {
        match self {
            Waiting::Stack(stack) => stack.extend(open),
            Waiting::Heap(heap) => heap.extend(open),
        }
    }

    fn pop(&mut self) -> Option<Open> {
        match self {
            Waiting::Stack(stack) => stack.pop(),
            Waiting::Heap(heap) => heap.pop(),
        }
    }
}

struct Grower<'a, L: Learning> {
    plan: &'a Plan<'a>,
    learning: &'a L,
    ctx: &'a Context,
    random: Random,
    scratch: Scratch<L::Table>,
    lanes: Lanes,
    /// The columns in the order in which they are drawn next.
    columns: Vec<u32>,
    spare: Vec<L::Row>,
    grown: Vec<Grown>,
    root_weight: f64,
    n_read: usize,
    n_set_words: usize,
}

/// Grows a tree on a sample; what a node's number means is that of the order in which nodes were made.
pub(crate) fn grow<L: Learning>(
    plan: &Plan<'_>,
    learning: &L,
    mut samples: Vec<L::Row>,
    random: Random,
    ctx: &Context,
) -> Result<Vec<Grown>> {
    let mut grower = Grower {
        plan,
        learning,
        ctx,
        random,
        scratch: Scratch::default(),
        lanes: plan.random_cuts.as_ref().map_or_else(Lanes::default, |_| Lanes::new(plan.binned)),
        columns: (0..plan.binned.n_cols() as u32).collect(),
        spare: vec![L::Row::default(); samples.len()],
        grown: Vec::new(),
        root_weight: 0.0,
        n_read: 0,
        n_set_words: 0,
    };
    let mut waiting = match plan.limits.max_leaf_nodes {
        Some(_) => Waiting::Heap(BinaryHeap::new()),
        None => Waiting::Stack(Vec::new()),
    };
    grower.grown.push(Grown { summary: Summary::default(), cut: None });
    let range = 0..samples.len();
    waiting.push(grower.open(plan.random_cuts.as_ref(), &mut samples, 0, range, 0, Bounds::NONE)?);
    let mut near = Near::default();
    let mut n_leaves = 1;
    while n_leaves < plan.limits.max_leaf_nodes.unwrap_or(usize::MAX) {
        let Some(open) = waiting.pop() else { break };
        let mut rows = plan.random_cuts.as_ref();
        if let (Some(all), Waiting::Stack(_)) = (rows, &waiting) {
            // All nodes below this one come before any other.
            near.follow(all, &open.range, &mut samples);
            rows = near.table(&open.range).or(rows);
        }
        let first = grower.split(&open)?;
        let direction = grower.direction(open.cut.column);
        let [left, right] = open.bounds.divide(direction, open.cut.means);
        let (middle, depth) = (open.range.start + open.n_left, open.depth + 1);
        let below = open.range;
        // The right one is pushed first, so that the left one is next.
        waiting.push(grower.open(rows, &mut samples, first + 1, middle..below.end, depth, right)?);
        waiting.push(grower.open(rows, &mut samples, first, below.start..middle, depth, left)?);
        n_leaves += 1;
    }
    Ok(grower.grown)
}

impl<'a, L: Learning> Grower<'a, L> {
    fn direction(&self, column: u32) -> i8 {
        self.plan.monotone.get(column as usize).copied().unwrap_or(0)
    }

    /// Writes down what is known of a node, and looks for its cut.
    fn open(
        &mut self,
        rows: Option<&ByRows>,
        samples: &mut [L::Row],
        node: usize,
        range: Range<usize>,
        depth: usize,
        bounds: Bounds,
    ) -> Result<Option<Open>> {
        let samples = &mut samples[range.clone()];
        if let Some(rows) = rows {
            rows.bring_first(samples);
        }
        let (learning, limits) = (self.learning, &self.plan.limits);
        let totals = learning.totals(samples);
        self.grown[node].summary = learning.summary(&totals, bounds);
        if node == 0 {
            self.root_weight = self.grown[0].summary.weight;
        }
        if learning.is_pure(&totals)
            || !limits.may_split(samples.len())
            || limits.max_depth.is_some_and(|max| depth >= max)
        {
            return Ok(None);
        }
        let cut = match rows {
            Some(rows) => self.random_cut(rows, samples, &totals, bounds)?,
            None => self.best_cut(samples, &totals, bounds)?,
        };
        let worth = |cut: &Cut| {
            learning.in_units(cut.gain / self.root_weight) + f64::EPSILON >= limits.min_impurity_decrease
        };
        Ok(cut.filter(worth).map(|cut| {
            let n_left = self.part(rows, samples, &cut);
            Open { node, range, n_left, depth, bounds, cut }
        }))
    }

    /// The best cut of the columns that are drawn; those without a choice do not count.
    fn best_cut(&mut self, samples: &[L::Row], totals: &L::Totals, bounds: Bounds) -> Result<Option<Cut>> {
        let n_cols = self.columns.len();
        let n_wanted = self.plan.limits.max_features.unwrap_or(n_cols);
        let mut best: Option<Cut> = None;
        let mut n_seen = 0;
        for place in 0..n_cols {
            if n_seen == n_wanted {
                break;
            }
            self.count(samples.len())?;
            if n_wanted < n_cols {
                self.draw_column(place);
            }
            let cut = self.cut_column(None, self.columns[place], samples, totals, bounds);
            n_seen += usize::from(cut.is_some());
            if let Some(cut) = cut.flatten()
                && best.is_none_or(|best| cut.beats(&best))
            {
                best = Some(cut);
            }
        }
        Ok(best)
    }

    /// The best of cuts drawn at random, one for each column that is drawn; those without a choice do not count.
    fn random_cut(
        &mut self,
        rows: &ByRows,
        samples: &[L::Row],
        totals: &L::Totals,
        bounds: Bounds,
    ) -> Result<Option<Cut>> {
        let n_cols = self.columns.len();
        let n_wanted = self.plan.limits.max_features.unwrap_or(n_cols);
        let mut best: Option<Cut> = None;
        let (mut n_seen, mut place) = (0, 0);
        while place < n_cols && n_seen < n_wanted {
            let first = place;
            // More than are wanted may be read, in case that some are without a choice.
            let end = n_cols.min(place + LANES);
            self.count(samples.len() * LANES)?;
            if n_wanted < n_cols {
                (place..end).for_each(|place| self.draw_column(place));
            }
            self.lanes.read(rows, &self.columns[place..end], samples);
            let mut drawn = [false; LANES];
            for lane in 0..end - place {
                if n_seen == n_wanted {
                    break;
                }
                let index = self.columns[place + lane];
                match (self.plan.binned.binning().column(index as usize), self.lanes.spread(lane)) {
                    (_, Spread::One) => {}
                    (Bins::Numeric { cuts }, Spread::Many) => {
                        self.lanes.draw(lane, cuts, &mut self.random);
                        drawn[lane] = true;
                        n_seen += 1;
                    }
                    _ => {
                        let cut = self.cut_column(Some(rows), index, samples, totals, bounds);
                        n_seen += usize::from(cut.is_some());
                        if let Some(cut) = cut.flatten()
                            && best.is_none_or(|best| cut.beats(&best))
                        {
                            best = Some(cut);
                        }
                    }
                }
            }
            place = end;
            if drawn == [false; LANES] {
                continue;
            }
            self.lanes.place(drawn);
            let sides = self.lanes.sides(self.learning, &mut self.scratch.table, totals, samples);
            for (lane, side) in sides.iter().enumerate().filter(|(lane, _)| drawn[*lane]) {
                let terms = self.terms(self.columns[first + lane], samples, bounds);
                let better = || best.as_ref().is_none_or(|best| side.gain.max(0.0) > bar(best.gain));
                if side.fits(samples.len(), &terms) && better() {
                    best = Some(self.lanes.cut(lane, *side));
                }
            }
        }
        Ok(best)
    }

    /// Looks now and then at whether to stop.
    fn count(&mut self, n_read: usize) -> Result<()> {
        self.n_read += n_read;
        if self.n_read >= PATIENCE {
            self.n_read = 0;
            self.ctx.check()?;
        }
        Ok(())
    }

    /// Draws which column comes at this place.
    fn draw_column(&mut self, place: usize) {
        let other = place + self.random.below(self.columns.len() - place);
        self.columns.swap(place, other);
    }

    /// What a cut of a column must respect.
    fn terms(&self, index: u32, samples: &[L::Row], bounds: Bounds) -> Terms<'a> {
        let plan = self.plan;
        let min_leaf = plan.limits.min_samples_leaf.min(u32::MAX as usize) as u32;
        let fine = plan.fine.as_ref().filter(|_| samples.len() <= FINE);
        let fine = fine.and_then(|fine| fine.column(index as usize));
        let bins = plan.binned.binning().column(index as usize);
        Terms { min_leaf, bins, fine, direction: self.direction(index), bounds }
    }

    /// The cut of one column; see [`best_cut`].
    #[allow(clippy::option_option, reason = "as for all columns")]
    fn cut_column(
        &mut self,
        rows: Option<&ByRows>,
        index: u32,
        samples: &[L::Row],
        totals: &L::Totals,
        bounds: Bounds,
    ) -> Option<Option<Cut>> {
        let terms = self.terms(index, samples, bounds);
        let (learning, scratch) = (self.learning, &mut self.scratch);
        if let Some(rows) = rows {
            let code = |row| rows.code(row, index);
            return best_cut(
                learning,
                scratch,
                totals,
                (index, code),
                samples,
                &terms,
                Some(&mut self.random),
            );
        }
        let column = self.plan.binned.column(index as usize);
        let code = |row: u32| column[row as usize];
        best_cut(learning, scratch, totals, (index, code), samples, &terms, None)
    }

    /// Puts the rows that go left before the others; gives their number.
    fn part(&mut self, rows: Option<&ByRows>, samples: &mut [L::Row], cut: &Cut) -> usize {
        let (spare, lanes) = (&mut self.spare, &self.lanes);
        if let (Some(_), Split::UpTo(last), None) = (rows, cut.split, cut.missing_left)
            && let Some((codes, lane)) = lanes.column(cut.column)
        {
            return partition(samples, spare, |place, _| codes[place][lane] <= last);
        }
        let mut goes_left = [false; 256];
        match &cut.split {
            Split::UpTo(last) => goes_left[..=*last as usize].fill(true),
            Split::UpToPart([last, _], _) => goes_left[..*last as usize].fill(true),
            Split::OneOf(set) => {
                for (bin, left) in (0..MISSING).zip(&mut goes_left) {
                    *left = set[bin as usize / 64] >> (bin % 64) & 1 == 1;
                }
            }
        }
        goes_left[MISSING as usize] = cut.missing_left == Some(true);
        if let Some(rows) = rows {
            return partition(samples, spare, |_, row| goes_left[rows.code(row, cut.column) as usize]);
        }
        let column = self.plan.binned.column(cut.column as usize);
        // Of one bin only some parts go left.
        let fine = self.plan.fine.as_ref().and_then(|fine| fine.column(cut.column as usize));
        match (cut.split, fine) {
            (Split::UpToPart([last, part], _), Some(fine)) => partition(samples, spare, |_, row| {
                let bin = column[row as usize];
                goes_left[bin as usize] | (bin == last && fine.part(row as usize) <= part)
            }),
            _ => partition(samples, spare, |_, row| goes_left[column[row as usize] as usize]),
        }
    }

    /// Makes a node ask; gives the number of its left child.
    fn split(&mut self, open: &Open) -> Result<usize> {
        let cut = &open.cut;
        // Where no value was missing, missing values will follow the larger side.
        let missing_left = cut.missing_left.unwrap_or(open.n_left >= open.range.len() - open.n_left);
        let question = self.question(cut)?;
        let first = self.grown.len();
        let rule = Rule { feature: cut.column, question, missing_left };
        self.grown[open.node].cut = Some((rule, cut.gain, first));
        for _ in 0..2 {
            self.grown.push(Grown { summary: Summary::default(), cut: None });
        }
        Ok(first)
    }

    fn question(&mut self, cut: &Cut) -> Result<Question> {
        let bins = self.plan.binned.binning().column(cut.column as usize);
        match (bins, &cut.split) {
            (Bins::Categorical { kept }, Split::OneOf(set)) => {
                let chosen = (0..).zip(kept).filter(|&(bin, _)| set[bin / 64] >> (bin % 64) & 1 == 1);
                let categories: Vec<u32> = chosen.map(|(_, &category)| category).collect();
                self.n_set_words += categories.iter().max().map_or(0, |&largest| largest as usize / 64 + 2);
                if self.n_set_words > MOST_SET_WORDS {
                    return Err(Error::too_large(format!(
                        "a tree cannot hold sets of the categories of column `{}`, whose codes go up to {}; \
                         number the categories from 0, frequent ones first",
                        self.plan.binned.features().name(cut.column as usize),
                        kept.iter().max().copied().unwrap_or(0)
                    )));
                }
                Ok(Question::OneOf(categories))
            }
            // Without a cut above the bin only missing values go right.
            (Bins::Numeric { cuts }, Split::UpTo(last)) => {
                Ok(Question::AtMost(cuts.get(*last as usize).copied().unwrap_or(f64::MAX)))
            }
            // The threshold is asked for here, of the best cut alone: it lies far away.
            (_, &Split::UpToPart(left, right)) => {
                let fine = self.plan.fine.as_ref().and_then(|fine| fine.column(cut.column as usize));
                let between = |(fine, right): (&FineColumn, _)| fine.between(left, right);
                Ok(Question::AtMost(fine.zip(right).map_or(f64::MAX, between)))
            }
            _ => Err(Error::other(
                "a column of numbers cannot be cut into sets, nor categories by a threshold",
            )),
        }
    }
}

/// Puts the rows that go left before the others, both in their order; gives their number.
#[inline]
fn partition<R: Row>(samples: &mut [R], spare: &mut [R], goes_left: impl Fn(usize, u32) -> bool) -> usize {
    let (mut n_left, mut n_right) = (0, 0);
    for place in 0..samples.len() {
        // Both are written and one counts: which one is too hard to foresee for a branch.
        let sample = samples[place];
        let left = goes_left(place, sample.row());
        samples[n_left] = sample;
        spare[n_right] = sample;
        n_left += usize::from(left);
        n_right += usize::from(!left);
    }
    samples[n_left..].copy_from_slice(&spare[..n_right]);
    n_left
}
