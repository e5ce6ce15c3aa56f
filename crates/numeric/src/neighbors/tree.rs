//! A k-d tree (Bentley, 1975) with leaves of points that lie together, coordinate by coordinate.
//!
//! Each node knows the box of its points, which bounds the distance better than the cuts alone where there are many
//! columns. All leaves but the last are full, so the tree needs no pointers: a node's left child is the next
//! node, and how many leaves it has says where its right child is.

use perennial_core::{Context, Result};

use super::collect::Collect;
use super::norm::Norm;

/// Points of a leaf: as many accumulators as fill half of the vector registers.
pub(super) const LEAF: usize = 32;
/// Nodes with fewer leaves than this are grown by one task.
const FORK_LEAVES: usize = 64;
/// What a bound is multiplied by, so that its rounding never hides a point.
pub(super) const SURE: f64 = 1.0 - 1e-13;
/// Columns after which a leaf is given up when all its points are too far already.
const STRIDE: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Tree {
    width: usize,
    n_leaves: usize,
    /// Points of the last leaf.
    n_last: usize,
    /// The rows in the order of the leaves; [`u32::MAX`] fills the last leaf.
    rows: Vec<u32>,
    /// For each leaf, the values of its points column by column.
    points: Vec<f64>,
    /// For each node the column and the value that part its children.
    cuts: Vec<(u32, f64)>,
    /// For each node the lowest, then the highest value of each column.
    boxes: Vec<f64>,
}

/// A node that is still to be visited, and how near its box is.
type Waiting = (f64, u32, u32, u32);

impl Tree {
    /// A tree over rows of `width` numbers; there must be fewer than `u32::MAX` rows, and at least one.
    pub(super) fn new(ctx: &Context, cells: &[f64], width: usize) -> Result<Self> {
        let n_rows = cells.len() / width;
        let n_leaves = n_rows.div_ceil(LEAF);
        let mut rows: Vec<u32> = (0..n_rows as u32).collect();
        let mut cuts = vec![(0, 0.0); 2 * n_leaves - 1];
        let mut boxes = vec![0.0; (2 * n_leaves - 1) * 2 * width];
        grow(ctx, cells, width, &mut rows, &mut cuts, &mut boxes);
        ctx.check()?;
        rows.resize(n_leaves * LEAF, u32::MAX);
        let mut points = vec![f64::INFINITY; n_leaves * LEAF * width];
        crate::reduce::fill_rows(&mut points, LEAF * width, 16, |first, points| {
            for (index, leaf) in points.chunks_exact_mut(LEAF * width).enumerate() {
                let rows = &rows[(first + index) * LEAF..][..LEAF];
                for (place, &row) in rows.iter().enumerate().filter(|(_, row)| **row != u32::MAX) {
                    let row = &cells[row as usize * width..][..width];
                    row.iter().enumerate().for_each(|(column, value)| leaf[column * LEAF + place] = *value);
                }
            }
        });
        let n_last = n_rows - (n_leaves - 1) * LEAF;
        Ok(Tree { width, n_leaves, n_last, rows, points, cuts, boxes })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn n_leaves(&self) -> usize {
        self.n_leaves
    }

    /// The rows in the order of the leaves; [`u32::MAX`] fills the last leaf.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The sums between a point and those of a leaf.
    #[inline(always)]
    pub(super) fn sums<N: Norm>(&self, norm: N, leaf: usize, point: &[f64]) -> [f64; LEAF] {
        let points = &self.points[leaf * LEAF * self.width..][..LEAF * self.width];
        let mut sums = [0.0; LEAF];
        for (value, column) in point.iter().zip(points.as_chunks::<LEAF>().0) {
            for lane in 0..LEAF {
                sums[lane] = norm.join(sums[lane], norm.term(value - column[lane]));
            }
        }
        sums
    }

    /// The leaf that a point falls into.
    pub(super) fn leaf(&self, point: &[f64]) -> u32 {
        let (mut node, mut leaves) = (0, 0..self.n_leaves);
        while leaves.len() > 1 {
            let (column, value) = self.cuts[node];
            let n_left = leaves.len() / 2;
            if point[column as usize] < value {
                node += 1;
                leaves.end = leaves.start + n_left;
            } else {
                node += 2 * n_left;
                leaves.start += n_left;
            }
        }
        leaves.start as u32
    }

    /// Offers all rows that may be within the limit; returns how many leaves were looked into.
    #[inline(always)]
    pub(super) fn search<N: Norm, C: Collect>(
        &self,
        norm: N,
        point: &[f64],
        collect: &mut C,
        waiting: &mut Vec<Waiting>,
    ) -> usize {
        let mut n_scanned = 0;
        waiting.clear();
        waiting.push((0.0, 0, 0, self.n_leaves as u32));
        while let Some((bound, mut node, mut first, mut n_leaves)) = waiting.pop() {
            if bound > collect.limit() {
                continue;
            }
            // Down to the nearest leaf; the farther children wait.
            while n_leaves > 1 {
                let n_left = n_leaves / 2;
                let left = (node + 1, first, n_left);
                let right = (node + 2 * n_left, first + n_left, n_leaves - n_left);
                let (to_left, to_right) = (self.bound(norm, left.0, point), self.bound(norm, right.0, point));
                let (column, value) = self.cuts[node as usize];
                let left_first =
                    to_left < to_right || (to_left == to_right && point[column as usize] < value);
                let (near, far, to_near, to_far) = if left_first {
                    (left, right, to_left, to_right)
                } else {
                    (right, left, to_right, to_left)
                };
                let limit = collect.limit();
                if to_far <= limit {
                    waiting.push((to_far, far.0, far.1, far.2));
                }
                if to_near > limit {
                    n_leaves = 0;
                } else {
                    (node, first, n_leaves) = near;
                }
            }
            if n_leaves == 1 {
                n_scanned += 1;
                self.scan(norm, first as usize, point, collect);
            }
        }
        n_scanned
    }

    /// At most how near a point of the node is.
    #[inline(always)]
    pub(super) fn bound<N: Norm>(&self, norm: N, node: u32, point: &[f64]) -> f64 {
        let width = self.width;
        let sides = &self.boxes[node as usize * 2 * width..][..2 * width];
        let (low, high) = sides.split_at(width);
        let mut lanes = [0.0; 4];
        let ((points, last), (lows, last_low), (highs, last_high)) =
            (point.as_chunks::<4>(), low.as_chunks::<4>(), high.as_chunks::<4>());
        let outside = |value: f64, low: f64, high: f64| {
            let (below, above) = (low - value, value - high);
            let outside = if below > above { below } else { above };
            if outside > 0.0 { outside } else { 0.0 }
        };
        for ((point, low), high) in points.iter().zip(lows).zip(highs) {
            for lane in 0..4 {
                lanes[lane] = norm.join(lanes[lane], norm.term(outside(point[lane], low[lane], high[lane])));
            }
        }
        for (lane, ((&value, &low), &high)) in last.iter().zip(last_low).zip(last_high).enumerate() {
            lanes[lane] = norm.join(lanes[lane], norm.term(outside(value, low, high)));
        }
        norm.join(norm.join(lanes[0], lanes[1]), norm.join(lanes[2], lanes[3])) * SURE
    }

    /// At least how far the farthest point of the node may be.
    #[inline(always)]
    pub(super) fn reach<N: Norm>(&self, norm: N, node: u32, point: &[f64]) -> f64 {
        let sides = &self.boxes[node as usize * 2 * self.width..][..2 * self.width];
        let (low, high) = sides.split_at(self.width);
        let farther = |(value, (low, high)): (&f64, (&f64, &f64))| {
            let (below, above) = (value - low, high - value);
            if below > above { below } else { above }
        };
        let sides = point.iter().zip(low.iter().zip(high)).map(farther);
        sides.fold(0.0, |sum, side| norm.join(sum, norm.term(side))) / SURE
    }

    /// Whether a point is on the left side of a node's cut.
    #[inline(always)]
    pub(super) fn is_left(&self, node: usize, point: &[f64]) -> bool {
        let (column, value) = self.cuts[node];
        point[column as usize] < value
    }

    #[inline(always)]
    fn scan<N: Norm, C: Collect>(&self, norm: N, leaf: usize, point: &[f64], collect: &mut C) {
        let (sums, hits) = self.near(norm, leaf, point, collect.limit());
        self.offer(leaf, &sums, hits, collect);
    }

    /// Offers the rows of a leaf that have a bit.
    #[inline(always)]
    pub(super) fn offer<C: Collect>(&self, leaf: usize, sums: &[f64; LEAF], mut hits: u32, collect: &mut C) {
        let rows = &self.rows[leaf * LEAF..][..LEAF];
        while hits != 0 {
            let lane = hits.trailing_zeros() as usize;
            hits &= hits - 1;
            collect.offer(sums[lane], rows[lane]);
        }
    }

    /// The sums between a point and those of a leaf, and a bit for each that is a row within the limit. Without such a
    /// row the sums are not complete.
    #[inline(always)]
    pub(super) fn near<N: Norm>(
        &self,
        norm: N,
        leaf: usize,
        point: &[f64],
        limit: f64,
    ) -> ([f64; LEAF], u32) {
        let points = &self.points[leaf * LEAF * self.width..][..LEAF * self.width];
        let mut sums = [0.0; LEAF];
        for (values, columns) in point.chunks(STRIDE).zip(points.chunks(STRIDE * LEAF)) {
            for (value, column) in values.iter().zip(columns.as_chunks::<LEAF>().0) {
                for lane in 0..LEAF {
                    sums[lane] = norm.join(sums[lane], norm.term(value - column[lane]));
                }
            }
            if !sums.iter().fold(false, |any, sum| any | (*sum <= limit)) {
                return (sums, 0);
            }
        }
        let mut hits = 0u32;
        for (lane, sum) in sums.iter().enumerate() {
            hits |= u32::from(*sum <= limit) << lane;
        }
        (sums, hits & self.filled(leaf))
    }

    /// As [`near`](Tree::near), for as few columns as are known when it is compiled.
    #[inline(always)]
    pub(super) fn near_of<N: Norm, const W: usize>(
        &self,
        norm: N,
        leaf: usize,
        point: &[f64; W],
        limit: f64,
    ) -> ([f64; LEAF], u32) {
        let points = &self.points[leaf * LEAF * W..][..LEAF * W];
        let mut sums = [0.0; LEAF];
        for (value, column) in point.iter().zip(points.as_chunks::<LEAF>().0) {
            for lane in 0..LEAF {
                sums[lane] = norm.join(sums[lane], norm.term(value - column[lane]));
            }
        }
        let mut hits = 0u32;
        for (lane, sum) in sums.iter().enumerate() {
            hits |= u32::from(*sum <= limit) << lane;
        }
        (sums, hits & self.filled(leaf))
    }

    /// A bit for each place of a leaf that has a row: all but in the last one.
    #[inline(always)]
    pub(super) fn filled(&self, leaf: usize) -> u32 {
        if leaf + 1 < self.n_leaves { u32::MAX } else { u32::MAX >> (LEAF - self.n_last) }
    }

    /// The coordinates of the point at a place of a leaf.
    #[inline(always)]
    pub(super) fn point(&self, leaf: usize, place: usize) -> impl Iterator<Item = f64> + '_ {
        let points = &self.points[leaf * LEAF * self.width..][..LEAF * self.width];
        points.iter().skip(place).step_by(LEAF).copied()
    }

    /// The lowest, then the highest values of the points of a node.
    #[inline(always)]
    pub(super) fn sides(&self, node: u32) -> (&[f64], &[f64]) {
        self.boxes[node as usize * 2 * self.width..][..2 * self.width].split_at(self.width)
    }

    /// The leaves that may have a point within the limit of the points in a box: at least how far they are, and the nodes
    /// that they are.
    #[inline(always)]
    pub(super) fn leaves_near<N: Norm>(
        &self,
        norm: N,
        (low, high): (&[f64], &[f64]),
        limit: f64,
        found: &mut Vec<(f64, u32, u32)>,
    ) {
        found.clear();
        let mut waiting = Vec::with_capacity(64);
        waiting.push((0u32, 0u32, self.n_leaves as u32));
        while let Some((node, first, n_leaves)) = waiting.pop() {
            let (other_low, other_high) = self.sides(node);
            let mut gap = 0.0;
            for column in 0..self.width {
                let (below, above) = (low[column] - other_high[column], other_low[column] - high[column]);
                let apart = if below > above { below } else { above };
                gap = norm.join(gap, norm.term(if apart > 0.0 { apart } else { 0.0 }));
            }
            let gap = gap * SURE;
            if gap > limit {
                continue;
            }
            if n_leaves == 1 {
                found.push((gap, first, node));
                continue;
            }
            let n_left = n_leaves / 2;
            waiting.push((node + 2 * n_left, first + n_left, n_leaves - n_left));
            waiting.push((node + 1, first, n_left));
        }
    }
}

/// Orders the rows of a node and those below it, and notes cuts and boxes; leaves off when the work is cancelled.
fn grow(
    ctx: &Context,
    cells: &[f64],
    width: usize,
    rows: &mut [u32],
    cuts: &mut [(u32, f64)],
    boxes: &mut [f64],
) {
    let (sides, boxes) = boxes.split_at_mut(2 * width);
    let (low, high) = sides.split_at_mut(width);
    low.fill(f64::INFINITY);
    high.fill(f64::NEG_INFINITY);
    for &row in rows.iter() {
        let values = &cells[row as usize * width..][..width];
        for ((&value, low), high) in values.iter().zip(low.iter_mut()).zip(high.iter_mut()) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    let n_leaves = rows.len().div_ceil(LEAF);
    if n_leaves < 2 {
        return;
    }
    let mut widest = 0;
    for column in 1..width {
        if high[column] - low[column] > high[widest] - low[widest] {
            widest = column;
        }
    }
    let n_left = n_leaves / 2;
    let mut keys: Vec<(f64, u32)> =
        rows.iter().map(|&row| (cells[row as usize * width + widest], row)).collect();
    keys.select_nth_unstable_by(n_left * LEAF, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    rows.iter_mut().zip(&keys).for_each(|(row, key)| *row = key.1);
    let ((cut, cuts), value) = (cuts.split_at_mut(1), keys[n_left * LEAF].0);
    cut[0] = (widest as u32, value);
    drop(keys);
    let (left_rows, right_rows) = rows.split_at_mut(n_left * LEAF);
    let (left_cuts, right_cuts) = cuts.split_at_mut(2 * n_left - 1);
    let (left_boxes, right_boxes) = boxes.split_at_mut((2 * n_left - 1) * 2 * width);
    let mut left = || grow(ctx, cells, width, left_rows, left_cuts, left_boxes);
    let mut right = || grow(ctx, cells, width, right_rows, right_cuts, right_boxes);
    if n_leaves < FORK_LEAVES {
        left();
        right();
    } else if ctx.check().is_ok() {
        rayon::join(left, right);
    }
}
