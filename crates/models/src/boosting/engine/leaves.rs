//! What leaves add to scores.

use perennial_numeric::reduce;

use super::grow::Grown;
use super::split::Full;
use crate::boosting::objective::{Labels, Objective};
use crate::boosting::settings::Settings;
use crate::tree::Tree;

/// Rows that one task adds to.
const BLOCK: usize = 32_768;

/// The derivatives of the rows by one score.
#[derive(Clone, Copy)]
pub(crate) struct Slopes<'a> {
    pub(crate) gradients: &'a [f64],
    pub(crate) hessians: &'a [f64],
    /// All second derivatives are 1.
    pub(crate) is_count: bool,
}

impl Slopes<'_> {
    /// The sums over some rows.
    pub(crate) fn sums(&self, rows: &[u32]) -> (f64, f64) {
        let (mut gradient, mut hessian) = ([0.0; 4], [0.0; 4]);
        let (blocks, rest) = rows.as_chunks::<4>();
        for block in blocks {
            for lane in 0..4 {
                gradient[lane] += self.gradients[block[lane] as usize];
            }
        }
        for &row in rest {
            gradient[0] += self.gradients[row as usize];
        }
        if self.is_count {
            hessian[0] = rows.len() as f64;
        } else {
            for block in blocks {
                for lane in 0..4 {
                    hessian[lane] += self.hessians[block[lane] as usize];
                }
            }
            for &row in rest {
                hessian[0] += self.hessians[row as usize];
            }
        }
        let pair = |sums: [f64; 4]| (sums[0] + sums[1]) + (sums[2] + sums[3]);
        (pair(gradient), pair(hessian))
    }
}

/// The rows of a leaf and what is known of it.
pub(crate) struct LeafRows<'r> {
    pub(crate) node: usize,
    pub(crate) parts: Vec<&'r [u32]>,
    /// Between what outputs it must stay.
    pub(crate) bounds: (f64, f64),
    pub(crate) parent_output: f64,
}

impl<'r> Grown<'r> {
    /// The rows of each leaf.
    pub(crate) fn leaves(&self) -> Vec<LeafRows<'r>> {
        let mut leaves: Vec<LeafRows<'r>> = Vec::new();
        for &(node, rows) in &self.parts {
            let node = node as usize;
            match leaves.last_mut() {
                Some(last) if last.node == node => last.parts.push(rows),
                _ => leaves.push(LeafRows {
                    node,
                    parts: vec![rows],
                    bounds: self.bounds.get(node).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY)),
                    parent_output: self.parent_outputs[node],
                }),
            }
        }
        leaves
    }
}

/// What each leaf adds, before the learning rate: the step of Newton from the exact derivatives, or what the objective
/// says.
pub(crate) fn outputs<O: Objective>(
    leaves: &[LeafRows<'_>],
    settings: &Settings,
    slopes: Slopes<'_>,
    objective: &O,
    labels: &Labels<'_>,
    scores: &[f64],
    output: usize,
) -> Vec<f64> {
    reduce::map_each(leaves.len(), |index| {
        let leaf = &leaves[index];
        let joined;
        let rows = match leaf.parts[..] {
            [rows] => rows,
            _ => {
                joined = leaf.parts.concat();
                &joined[..]
            }
        };
        if let Some(value) = objective.leaf_score(labels, scores, rows, output) {
            return value.clamp(-settings.most_step(), settings.most_step());
        }
        let (gradient, hessian) = slopes.sums(rows);
        let root = leaf.node == 0;
        let rules = Full {
            l1: settings.l1,
            l2: 0.0,
            smoothing: if root { 0.0 } else { settings.path_smoothing },
            parent_output: leaf.parent_output,
            rows_by_hessian: 0.0,
            bounds: leaf.bounds,
            most_step: settings.most_step(),
            direction: 0,
        };
        rules.bounded(gradient, hessian + settings.l2, rows.len() as f64)
    })
}

/// Makes leaves keep to the monotone constraints where the objective chose them; steps of Newton keep to them already.
///
/// Where a leaf on one side of a cut is beyond one of the other, both sides are held apart by the middle of their means, or what
/// is nearest to it between the two leaves.
/// From the root down: what holds above a node stays true, since the middle is between leaves that keep to it.
pub(crate) fn put_in_order(tree: &Tree, directions: &[i8], leaves: &[LeafRows<'_>], outputs: &mut [f64]) {
    // Nodes and leaves are in preorder: those below a node lie side by side.
    let mut ends: Vec<usize> = (1..=tree.n_nodes()).collect();
    for node in (0..ends.len()).rev() {
        if let Some((_, right)) = tree.children(node) {
            ends[node] = ends[right];
        }
    }
    let place = |node: usize| leaves.partition_point(|leaf| leaf.node < node);
    for node in 0..ends.len() {
        let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else { continue };
        let (start, middle, end) = (place(left), place(right), place(ends[node]));
        let (low, high) = match directions[column] {
            1 => (start..middle, middle..end),
            -1 => (middle..end, start..middle),
            _ => continue,
        };
        let largest = outputs[low.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = outputs[high.clone()].iter().copied().fold(f64::INFINITY, f64::min);
        if largest <= least {
            continue;
        }
        // By the share of each leaf: sums of leaves may leave the range of numbers.
        let mean = |side: std::ops::Range<usize>| {
            let n_rows = |leaf: usize| tree.n_rows(leaves[leaf].node) as f64;
            let total: f64 = side.clone().map(n_rows).sum();
            let mean: f64 = side.map(|leaf| n_rows(leaf) / total * outputs[leaf]).sum();
            mean.clamp(f64::MIN, f64::MAX)
        };
        let between = mean(low.clone()).midpoint(mean(high.clone())).clamp(least, largest);
        outputs[low].iter_mut().for_each(|output| *output = output.min(between));
        outputs[high].iter_mut().for_each(|output| *output = output.max(between));
    }
}

/// Adds to the score of each row what its leaf says. The rows of each part ascend.
pub(crate) fn add(scores: &mut [f64], parts: &[(u32, &[u32])], value: impl Fn(u32) -> f64 + Sync) {
    reduce::fill_chunks(scores, BLOCK, |first, scores| {
        let (from, to) = (first as u32, (first + scores.len()) as u32);
        for &(node, rows) in parts {
            let value = value(node);
            let start = rows.partition_point(|&row| row < from);
            let end = start + rows[start..].partition_point(|&row| row < to);
            for &row in &rows[start..end] {
                scores[(row - from) as usize] += value;
            }
        }
    });
}
