//! Growing one tree by cuts between any two values.
//!
//! Each column is sorted once for all trees. A node owns the same range of entries in every column; splitting it puts the entries
//! of both children side by side without losing their order, so nothing is sorted again (Mehta, Agrawal and Rissanen, 1996). Sums
//! run over the rows of a node in the order of a column, so that they do not depend on the threads, which share the columns.

mod search;
mod sorted;

use std::collections::BinaryHeap;
use std::ops::Range;

use perennial_core::{Context, Result, memory};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use rayon::prelude::*;

use search::{Found, Side};
use sorted::Column;
pub(crate) use sorted::Sorted;

use super::bounds::{Bounds, apart, in_order};
use super::columns::{of_tree, sets_below};
use super::place::Place;
use super::{Grown, SERIAL};
use crate::boosting::engine::derivatives::{self, Scale};
use crate::boosting::engine::leaves::Slopes;
use crate::boosting::engine::split::Full;
use crate::tree::grow::partition;
use crate::tree::structure::{Measure, Question, Rule, Summary, Tree, Value};

/// Rows that one task puts into units.
const BLOCK: usize = 8192;

/// A node of a tree that grows.
struct Node {
    /// Its place in the rows and in each column.
    range: Range<usize>,
    depth: usize,
    total: Side,
    /// Between what outputs it must stay, in units.
    bounds: (f64, f64),
    /// Its output and that of its parent, in units.
    output: f64,
    parent_output: f64,
    /// The sets of columns that may still be asked; `None` where all may.
    sets: Option<Vec<usize>>,
    /// Names the node by its way from the root.
    path: u64,
    found: Option<Found>,
    /// The left child; the right one is the next.
    left: Option<usize>,
}

/// The rows of a tree, and which go left where a node is split.
struct Work<'r> {
    rows: &'r mut [u32],
    columns: Vec<Column>,
    goes_left: Vec<bool>,
    spare: Vec<u32>,
}

/// Grows one tree.
pub(crate) struct Exact<'a> {
    sorted: &'a Sorted<'a>,
    /// The first and the second derivative of each row, in units.
    slopes: Vec<[f64; 2]>,
    scale: Scale,
    columns: Vec<bool>,
    random: Random,
    ctx: &'a Context,
    full: bool,
}

impl<'a> Exact<'a> {
    pub(crate) fn new(
        sorted: &'a Sorted<'a>,
        slopes: Slopes<'_>,
        random: Random,
        ctx: &'a Context,
    ) -> Result<Self> {
        let Slopes { gradients, hessians, is_count } = slopes;
        let scale = derivatives::scale(gradients, hessians, is_count, 1.0)?;
        // Units are powers of two, which change no digit.
        let (by_gradient, by_hessian) = (1.0 / scale.gradient, 1.0 / scale.hessian);
        let mut pairs = Vec::new();
        memory::make_room(&mut pairs, gradients.len());
        pairs.resize(gradients.len(), [0.0, 1.0]);
        reduce::fill_chunks(&mut pairs, BLOCK, |first, pairs| {
            for (row, pair) in (first..).zip(pairs) {
                pair[0] = gradients[row] * by_gradient;
                if !is_count {
                    pair[1] = hessians[row] * by_hessian;
                }
            }
        });
        let &Sorted { settings, constraints, .. } = sorted;
        let columns = of_tree(settings, constraints, constraints.directions.len(), &random);
        let full = settings.is_full(constraints);
        Ok(Exact { sorted, slopes: pairs, scale, columns, random, ctx, full })
    }

    /// Grows a tree on `rows`, ascending.
    pub(crate) fn grow<'r>(&self, rows: &'r mut [u32]) -> Result<Grown<'r>> {
        let settings = self.sorted.settings;
        let columns = self.sorted.of_rows(rows, &self.columns, self.ctx)?;
        let goes_left = vec![false; self.slopes.len()];
        let mut work = Work { rows, columns, goes_left, spare: Vec::new() };
        let mut nodes = vec![self.root(work.rows)];
        let place = |nodes: &[Node], node: usize| {
            let Node { depth, found, .. } = &nodes[node];
            found.as_ref().map(|found| Place::new(settings.growth, *depth, found.gain, node))
        };
        self.look(&mut nodes, 0, &work.columns)?;
        let mut open: BinaryHeap<Place> = place(&nodes, 0).into_iter().collect();
        let looks_again = settings.looks_again(self.sorted.constraints);
        let mut bounds = looks_again.then(|| Bounds::new(nodes[0].output));
        let mut n_leaves = 1;
        while n_leaves < settings.max_leaves
            && let Some(Place { node, .. }) = open.pop()
        {
            let Some(found) = nodes[node].found.clone() else { break };
            let children = self.split(&nodes[node], &found.rule, &mut work)?;
            let left = nodes.len();
            let outputs = [children[0].output, children[1].output];
            nodes[node].left = Some(left);
            nodes.extend(children);
            n_leaves += 1;
            let direction = self.sorted.constraints.directions[found.rule.feature as usize];
            let touched = bounds.as_mut().map(|bounds| bounds.split(node, direction, outputs));
            if n_leaves == settings.max_leaves {
                break;
            }
            for child in [left, left + 1] {
                self.look(&mut nodes, child, &work.columns)?;
                open.extend(place(&nodes, child));
            }
            let touched = touched.unwrap_or_default();
            self.ctx.check()?;
            for &(leaf, bounds) in &touched {
                if nodes[leaf].bounds != bounds {
                    nodes[leaf].bounds = bounds;
                    self.look(&mut nodes, leaf, &work.columns)?;
                }
            }
            if !touched.is_empty() {
                let leaves = (0..nodes.len()).filter(|&node| nodes[node].left.is_none());
                open = leaves.filter_map(|node| place(&nodes, node)).collect();
            }
        }
        self.finish(&nodes, work.rows, bounds.as_ref())
    }

    fn root(&self, rows: &[u32]) -> Node {
        let mut root = Node {
            range: 0..rows.len(),
            depth: 0,
            total: self.sum(rows.iter().copied()),
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
            output: 0.0,
            parent_output: 0.0,
            sets: (!self.sorted.constraints.sets.is_empty())
                .then(|| (0..self.sorted.constraints.sets.len()).collect()),
            path: 1,
            found: None,
            left: None,
        };
        // The root has no parent to be pulled to.
        root.output = root.total.output(&Full { smoothing: 0.0, ..self.full(&root, 0) });
        root
    }

    /// Looks for the split of a node.
    fn look(&self, nodes: &mut [Node], node: usize, columns: &[Column]) -> Result<()> {
        let Node { range, depth, .. } = &nodes[node];
        if !self.sorted.settings.may_split(range.len(), *depth) {
            return Ok(());
        }
        nodes[node].found = self.search(&nodes[node], columns)?;
        Ok(())
    }

    /// Puts the rows of a node in order and gives its two children.
    fn split(&self, node: &Node, rule: &Rule, work: &mut Work<'_>) -> Result<[Node; 2]> {
        let column = rule.feature as usize;
        let Work { rows, columns, goes_left, spare } = work;
        let rows = &mut rows[node.range.clone()];
        for &row in &*rows {
            let value = self.sorted.x[[row as usize, column]];
            goes_left[row as usize] = match &rule.question {
                _ if value.is_nan() => rule.missing_left,
                Question::AtMost(threshold) => value <= *threshold,
                Question::OneOf(categories) => categories.binary_search(&(value as u32)).is_ok(),
            };
        }
        let goes_left = |row: u32| goes_left[row as usize];
        let n_left = partition(rows, goes_left, spare);
        let part = |spare: &mut Vec<_>, column: &mut Column| {
            if self.ctx.check().is_ok() {
                partition(&mut column.entries[node.range.clone()], |entry| goes_left(entry.row), spare);
            }
        };
        if rows.len() * columns.len() < SERIAL {
            let mut spare = Vec::new();
            columns.iter_mut().for_each(|column| part(&mut spare, column));
        } else {
            columns.par_iter_mut().for_each_init(Vec::new, part);
        }
        self.ctx.check()?;
        let constraints = self.sorted.constraints;
        let sets = sets_below(constraints, node.sets.as_deref(), column);
        let middle = node.range.start + n_left;
        let (left_rows, right_rows) = rows.split_at(n_left);
        let child = |range: Range<usize>, rows: &[u32], side| {
            let mut child = Node {
                range,
                depth: node.depth + 1,
                total: self.sum(rows.iter().copied()),
                bounds: node.bounds,
                output: 0.0,
                parent_output: node.output,
                sets: sets.clone(),
                path: node.path.wrapping_mul(2).wrapping_add(side),
                found: None,
                left: None,
            };
            child.output = child.total.output(&self.full(&child, 0));
            child
        };
        let mut children =
            [child(node.range.start..middle, left_rows, 0), child(middle..node.range.end, right_rows, 1)];
        let method = self.sorted.settings.monotone_method;
        let direction = constraints.directions[column];
        let outputs = in_order(method, [children[0].output, children[1].output], direction);
        let held = apart(method, node.bounds, outputs, direction);
        for (child, (output, bounds)) in children.iter_mut().zip(outputs.into_iter().zip(held)) {
            (child.output, child.bounds) = (output, bounds);
        }
        Ok(children)
    }

    /// The sums over rows, in their order.
    fn sum(&self, rows: impl Iterator<Item = u32>) -> Side {
        let mut side = Side::default();
        rows.for_each(|row| side.add(self.slopes[row as usize]));
        side
    }

    fn full(&self, node: &Node, direction: i8) -> Full {
        Full {
            parent_output: node.parent_output,
            bounds: node.bounds,
            direction,
            ..Full::of_settings(self.sorted.settings, self.scale)
        }
    }

    /// The tree in preorder, with the rows of its leaves.
    fn finish<'r>(&self, nodes: &[Node], rows: &'r [u32], kept: Option<&Bounds>) -> Result<Grown<'r>> {
        let (scale, by_output) = (self.scale, self.scale.output());
        let mut tree = Tree::empty(self.columns.len(), 1, Measure::Gain);
        let (mut parts, mut bounds, mut parent_outputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut numbers = vec![0; nodes.len()];
        let mut order = Vec::with_capacity(nodes.len());
        let mut waiting = vec![0];
        while let Some(at) = waiting.pop() {
            let node = &nodes[at];
            let gain = match (&node.found, node.left) {
                (Some(found), Some(_)) => found.gain * scale.gradient * by_output,
                _ => 0.0,
            };
            numbers[at] = tree.push(&Summary {
                n_rows: node.range.len() as u64,
                weight: node.total.hessian * scale.hessian,
                measure: gain.clamp(0.0, f64::MAX),
                value: Value::One([node.output * by_output]),
            });
            order.push(at);
            if self.sorted.constraints.bound() {
                let (low, high) = kept.map_or(node.bounds, |kept| kept.held(at));
                bounds.push((low * by_output, high * by_output));
            }
            parent_outputs.push(node.parent_output * by_output);
            match node.left {
                Some(left) => waiting.extend([left + 1, left]),
                None => parts.push((numbers[at] as u32, &rows[node.range.clone()])),
            }
        }
        for at in order {
            if let (Some(found), Some(left)) = (&nodes[at].found, nodes[at].left) {
                self.sorted.sets.add(&found.rule)?;
                tree.join(numbers[at], &found.rule, numbers[left], numbers[left + 1]);
            }
        }
        Ok(Grown { tree, parts, bounds, parent_outputs })
    }
}
