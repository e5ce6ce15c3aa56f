//! Which rows lie dense, and which of those hang together.
//!
//! On the tree whole leaves are looked at together: the leaves near a leaf are found once for all its points; a leaf that
//! lies within the radius altogether is counted, not measured; and two leaves whose dense points are known to be
//! of one set need not be looked at again. Where rows lie close, hardly any distances are left to compute.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use ndarray::{ArrayRef2, Axis};
use perennial_core::{Context, Error, Result};

use super::collect::{Count, Visit};
use super::forest::Forest;
use super::norm::{Largest, Magnitudes, Norm, Powers, Squares};
use super::search::Index;
use super::space::Metric;
use super::tree::{LEAF, Tree};
use super::way::Way;
use crate::reduce;
use crate::simd::{self, Kernel};

/// Leaves, and rows, of one task.
const LEAVES: usize = 16;
const ROWS: usize = 4096;
/// With more columns than this a look at the box of a leaf is cheaper than one at its points.
const FEW_COLUMNS: usize = 4;

/// Which rows lie dense, and which of those hang together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Links {
    /// Whether the rows within the radius, the row itself included, weigh enough.
    pub dense: Vec<bool>,
    /// The lowest dense row that a row hangs together with, over dense rows each within the radius of the next;
    /// [`u32::MAX`] where there is none.
    pub lowest: Vec<u32>,
}

impl Index {
    /// Which rows have rows of a weight of `enough` within `radius`, and which of those hang together; each row weighs
    /// 1 without weights. `x` must be what the index was made of.
    ///
    /// # Errors
    /// When `radius` is no number >= 0, `x` has other columns than the index, or it is cancelled.
    ///
    /// # Panics
    /// When there are not as many weights, or rows of `x`, as rows.
    pub fn links(
        &self,
        ctx: &Context,
        x: &ArrayRef2<f64>,
        radius: f64,
        weights: Option<&[f64]>,
        enough: f64,
    ) -> Result<Links> {
        if !(radius >= 0.0) {
            return Err(Error::invalid_param("radius", radius, "a number >= 0"));
        }
        self.check_width(x)?;
        assert!(x.nrows() == self.n_rows, "the rows must be those of the index");
        assert!(weights.is_none_or(|w| w.len() == self.n_rows), "there must be one weight for each row");
        // The last bit of the square must not leave out a row at that very distance.
        let limit = self.space.sum(radius) * (1.0 + 1e-14);
        let Way::Tree(tree) = &self.way else { return self.links_by_rows(ctx, x, limit, weights, enough) };
        if self.space.metric == Metric::Cosine {
            // A row of zeros lies elsewhere where it is asked for.
            return self.links_by_rows(ctx, x, limit, weights, enough);
        }
        let (n_rows, metric) = (self.n_rows, self.space.metric);
        match metric {
            Metric::Manhattan => Leaves::new(tree, Magnitudes, limit).links(ctx, n_rows, weights, enough),
            Metric::Chebyshev => Leaves::new(tree, Largest, limit).links(ctx, n_rows, weights, enough),
            Metric::Minkowski(p) => Leaves::new(tree, Powers(p), limit).links(ctx, n_rows, weights, enough),
            _ => Leaves::new(tree, Squares, limit).links(ctx, n_rows, weights, enough),
        }
    }

    /// Row by row, where there is no tree.
    fn links_by_rows(
        &self,
        ctx: &Context,
        x: &ArrayRef2<f64>,
        radius: f64,
        weights: Option<&[f64]>,
        enough: f64,
    ) -> Result<Links> {
        let count = |_| Count { radius, weights, enough, found: 0.0 };
        let answers = self.run(ctx, x, count, |count, out: &mut Vec<bool>| {
            out.push(count.found >= count.enough);
        })?;
        let mut dense = vec![false; self.n_rows];
        for (places, found, _) in answers {
            places.iter().zip(found).for_each(|(&place, found)| dense[place as usize] = found);
        }
        let (dense_rows, others): (Vec<usize>, Vec<usize>) = (0..self.n_rows).partition(|&row| dense[row]);
        let forest = Forest::new(self.n_rows);
        let join = |query: usize| {
            let (forest, dense, row) = (&forest, &dense, dense_rows[query] as u32);
            // Each pair is needed once.
            let visit = move |other: u32| {
                if other < row && dense[other as usize] {
                    forest.join(row, other);
                }
            };
            Visit { radius, visit }
        };
        self.run(ctx, &x.select(Axis(0), &dense_rows), join, |_, _: &mut Vec<()>| {})?;
        let mut lowest = vec![u32::MAX; self.n_rows];
        dense_rows.iter().for_each(|&row| lowest[row] = forest.root(row as u32));
        // Into cells of their own: what is found of one row is written by nobody else.
        let found: Vec<_> = others.iter().map(|_| AtomicU32::new(u32::MAX)).collect();
        let least = |query: usize| {
            let (found, lowest) = (&found[query], &lowest);
            let visit = move |other: u32| {
                found.fetch_min(lowest[other as usize], Relaxed);
            };
            Visit { radius, visit }
        };
        self.run(ctx, &x.select(Axis(0), &others), least, |_, _: &mut Vec<()>| {})?;
        others.iter().zip(found).for_each(|(&row, found)| lowest[row] = found.into_inner());
        Ok(Links { dense, lowest })
    }
}

/// The leaves of a tree, and how near is near.
struct Leaves<'a, N> {
    tree: &'a Tree,
    norm: N,
    limit: f64,
    /// By leaf its node.
    nodes: Vec<u32>,
}

/// What is known of the dense points of a leaf.
struct Leaf {
    /// A bit for each place that is dense.
    dense: u32,
    /// Whether they are all of one set.
    is_one: AtomicBool,
}

impl<'a, N: Norm> Leaves<'a, N> {
    fn new(tree: &'a Tree, norm: N, limit: f64) -> Self {
        let mut nodes = vec![0; tree.n_leaves()];
        let mut waiting = vec![(0u32, 0u32, tree.n_leaves() as u32)];
        while let Some((node, first, n_leaves)) = waiting.pop() {
            if n_leaves == 1 {
                nodes[first as usize] = node;
                continue;
            }
            let n_left = n_leaves / 2;
            waiting.push((node + 1, first, n_left));
            waiting.push((node + 2 * n_left, first + n_left, n_leaves - n_left));
        }
        Leaves { tree, norm, limit, nodes }
    }

    fn links(&self, ctx: &Context, n_rows: usize, weights: Option<&[f64]>, enough: f64) -> Result<Links> {
        let rows = self.tree.rows();
        let by_place: Option<Vec<f64>> = weights.map(|weights| {
            rows.iter().map(|&row| if row == u32::MAX { 0.0 } else { weights[row as usize] }).collect()
        });
        let (weights, forest) = (by_place.as_deref(), Forest::new(n_rows));
        let leaves: Vec<Leaf> =
            self.each(ctx, 0, &|range| simd::widest(Counted { own: self, range, weights, enough }))?;
        let leaves = &leaves[..];
        // First within the leaves: then those that lie close are of one set before they meet others.
        for is_within in [true, false] {
            self.each(ctx, 1, &|range| {
                simd::widest(Joined { own: self, range, leaves, forest: &forest, is_within })
            })?;
        }
        let roots: Vec<u32> = reduce::map_chunks(rows.len(), ROWS, |range| {
            let root = |place: usize| {
                let is_dense = leaves[place / LEAF].dense >> (place % LEAF) & 1 == 1;
                if is_dense { forest.root(rows[place]) } else { u32::MAX }
            };
            range.map(root).collect::<Vec<u32>>()
        })
        .concat();
        let roots = &roots[..];
        let found = self.each(ctx, 2, &|range| simd::widest(Fringed { own: self, range, leaves, roots }))?;
        let (mut dense, mut lowest) = (vec![false; n_rows], vec![u32::MAX; n_rows]);
        for (place, (&row, found)) in rows.iter().zip(found).enumerate() {
            if row != u32::MAX {
                dense[row as usize] = leaves[place / LEAF].dense >> (place % LEAF) & 1 == 1;
                lowest[row as usize] = found;
            }
        }
        Ok(Links { dense, lowest })
    }

    /// What work on some leaves at a time gives, in their order.
    fn each<T: Send>(
        &self,
        ctx: &Context,
        part: usize,
        work: &(dyn Fn(Range<usize>) -> Vec<T> + Sync),
    ) -> Result<Vec<T>> {
        let n_leaves = self.tree.n_leaves();
        let parts = reduce::try_map_chunks(n_leaves, LEAVES, |range| {
            ctx.step(part * n_leaves + range.start, 3 * n_leaves)?;
            Ok(work(range))
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// The points of a leaf, row by row.
    #[inline(always)]
    fn points(&self, leaf: usize, points: &mut Vec<f64>) {
        points.clear();
        for place in 0..LEAF {
            points.extend(self.tree.point(leaf, place));
        }
    }

    #[inline(always)]
    fn leaves_near(&self, leaf: usize, found: &mut Vec<(f64, u32, u32)>) {
        self.tree.leaves_near(self.norm, self.tree.sides(self.nodes[leaf]), self.limit, found);
    }

    /// Whether all points of a node are surely within the limit of all in a box.
    #[inline(always)]
    fn is_within(&self, node: u32, (low, high): (&[f64], &[f64])) -> bool {
        let (other_low, other_high) = self.tree.sides(node);
        let mut reach = 0.0;
        for column in 0..low.len() {
            let (up, down) = (other_high[column] - low[column], high[column] - other_low[column]);
            reach = self.norm.join(reach, self.norm.term(if up > down { up } else { down }));
        }
        reach * (1.0 + 1e-12) <= self.limit
    }

    /// The points of a leaf that are near the point, as bits.
    #[inline(always)]
    fn near(&self, leaf: u32, node: u32, point: &[f64]) -> u32 {
        if point.len() > FEW_COLUMNS && self.tree.bound(self.norm, node, point) > self.limit {
            return 0;
        }
        self.tree.near(self.norm, leaf as usize, point, self.limit).1
    }

    /// The row at the first place of a leaf that has a bit.
    #[inline(always)]
    fn row(&self, leaf: usize, bits: u32) -> u32 {
        self.tree.rows()[leaf * LEAF + bits.trailing_zeros() as usize]
    }
}

/// Finds for each leaf the points whose neighbours weigh enough.
struct Counted<'a, N> {
    own: &'a Leaves<'a, N>,
    range: Range<usize>,
    weights: Option<&'a [f64]>,
    enough: f64,
}

impl<N: Norm> Counted<'_, N> {
    #[inline(always)]
    fn weigh(&self, leaf: u32, mut hits: u32) -> f64 {
        let Some(weights) = self.weights else { return f64::from(hits.count_ones()) };
        let mut weight = 0.0;
        while hits != 0 {
            weight += weights[leaf as usize * LEAF + hits.trailing_zeros() as usize];
            hits &= hits - 1;
        }
        weight
    }
}

impl<N: Norm> Kernel for Counted<'_, N> {
    type Output = Vec<Leaf>;

    #[inline(always)]
    fn run(self) -> Vec<Leaf> {
        let Leaves { tree, ref nodes, .. } = *self.own;
        let (mut points, mut near, width) = (Vec::new(), Vec::new(), tree.width());
        let mut leaves = Vec::with_capacity(self.range.len());
        for leaf in self.range.clone() {
            self.own.points(leaf, &mut points);
            let mut found = [0.0; LEAF];
            let mut open = tree.filled(leaf);
            for is_own in [true, false] {
                near.clear();
                if is_own {
                    // The leaf itself is often enough.
                    near.push((0.0, leaf as u32, nodes[leaf]));
                } else if open != 0 {
                    self.own.leaves_near(leaf, &mut near);
                    near.retain(|(_, other, _)| *other as usize != leaf);
                }
                for &(_, other, node) in &near {
                    if open == 0 {
                        break;
                    }
                    let is_within = self.own.is_within(node, tree.sides(nodes[leaf]));
                    let whole = if is_within { self.weigh(other, tree.filled(other as usize)) } else { 0.0 };
                    let mut rest = open;
                    while rest != 0 {
                        let place = rest.trailing_zeros() as usize;
                        rest &= rest - 1;
                        found[place] += if is_within {
                            whole
                        } else {
                            self.weigh(other, self.own.near(other, node, &points[place * width..][..width]))
                        };
                        if found[place] >= self.enough {
                            open &= !(1 << place);
                        }
                    }
                }
            }
            leaves.push(Leaf { dense: tree.filled(leaf) & !open, is_one: AtomicBool::new(false) });
        }
        leaves
    }
}

/// Joins the dense points of leaves with each other, or with those of the leaves behind them.
struct Joined<'a, N> {
    own: &'a Leaves<'a, N>,
    range: Range<usize>,
    leaves: &'a [Leaf],
    forest: &'a Forest,
    is_within: bool,
}

impl<N: Norm> Joined<'_, N> {
    /// Notes whether the dense points of a leaf are of one set. Sets only grow, so what is one stays one.
    fn settle(&self, leaf: usize) {
        let Leaf { dense, is_one } = &self.leaves[leaf];
        let root = self.forest.root(self.own.row(leaf, *dense));
        let mut rest = *dense;
        while rest != 0 && self.forest.root(self.own.row(leaf, rest)) == root {
            rest &= rest - 1;
        }
        is_one.store(rest == 0, Relaxed);
    }

    /// Whether the dense points of two leaves are known to be of one set.
    fn are_one(&self, leaf: usize, other: usize) -> bool {
        let (a, b) = (&self.leaves[leaf], &self.leaves[other]);
        a.is_one.load(Relaxed)
            && b.is_one.load(Relaxed)
            && self.forest.root(self.own.row(leaf, a.dense)) == self.forest.root(self.own.row(other, b.dense))
    }
}

impl<N: Norm> Kernel for Joined<'_, N> {
    type Output = Vec<()>;

    #[inline(always)]
    fn run(self) -> Vec<()> {
        let (mut points, mut near, width) = (Vec::new(), Vec::new(), self.own.tree.width());
        for leaf in self.range.clone() {
            let own = self.leaves[leaf].dense;
            if own == 0 {
                continue;
            }
            self.own.points(leaf, &mut points);
            if self.is_within {
                near.clear();
                near.push((0.0, leaf as u32, self.own.nodes[leaf]));
            } else {
                self.own.leaves_near(leaf, &mut near);
                near.retain(|(_, other, _)| *other as usize > leaf);
                if !self.leaves[leaf].is_one.load(Relaxed) {
                    self.settle(leaf);
                }
            }
            for &(_, other, node) in &near {
                let behind = &self.leaves[other as usize];
                let is_one = behind.is_one.load(Relaxed);
                let mut rest = if behind.dense == 0 { 0 } else { own };
                while rest != 0 && !self.are_one(leaf, other as usize) {
                    let place = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let mut hits =
                        self.own.near(other, node, &points[place * width..][..width]) & behind.dense;
                    while hits != 0 {
                        self.forest.join(self.own.row(leaf, 1 << place), self.own.row(other as usize, hits));
                        // Who is of one set with one of them is so with all.
                        hits = if is_one { 0 } else { hits & (hits - 1) };
                    }
                }
            }
            if self.is_within {
                self.settle(leaf);
            }
        }
        Vec::new()
    }
}

/// For each point of the leaves the lowest row that it hangs together with.
struct Fringed<'a, N> {
    own: &'a Leaves<'a, N>,
    range: Range<usize>,
    leaves: &'a [Leaf],
    roots: &'a [u32],
}

impl<N: Norm> Kernel for Fringed<'_, N> {
    type Output = Vec<u32>;

    #[inline(always)]
    fn run(self) -> Vec<u32> {
        let (mut points, mut near, width) = (Vec::new(), Vec::new(), self.own.tree.width());
        let mut found = Vec::with_capacity(self.range.len() * LEAF);
        for leaf in self.range.clone() {
            found.extend_from_slice(&self.roots[leaf * LEAF..][..LEAF]);
            let thin = self.own.tree.filled(leaf) & !self.leaves[leaf].dense;
            if thin == 0 {
                continue;
            }
            let start = found.len() - LEAF;
            let lowest = &mut found[start..];
            self.own.points(leaf, &mut points);
            self.own.leaves_near(leaf, &mut near);
            for &(_, other, node) in &near {
                let dense = self.leaves[other as usize].dense;
                let roots = &self.roots[other as usize * LEAF..][..LEAF];
                let mut rest = if dense == 0 { 0 } else { thin };
                while rest != 0 {
                    let place = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let mut hits = self.own.near(other, node, &points[place * width..][..width]) & dense;
                    while hits != 0 {
                        lowest[place] = lowest[place].min(roots[hits.trailing_zeros() as usize]);
                        hits &= hits - 1;
                    }
                }
            }
        }
        found
    }
}
