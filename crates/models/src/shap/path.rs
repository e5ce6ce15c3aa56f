//! Shapley values along the paths of one tree.
//!
//! A leaf with value `v` is a game: a coalition wins `v` times, for each feature on the path, 1 or 0 where it has the
//! feature (`on`: whether the row meets all conditions on it), and the share of rows that meet them (`z`) where not. The
//! Shapley value of feature `i` is the integral over `t` from 0 to 1 of
//!
//! ```text
//! v (on_i - z_i) prod over j != i of (t on_j + (1 - t) z_j)
//! ```
//!
//! a polynomial, which Gauss's rule integrates exactly. At each of its points, the products are carried down the tree,
//! and their sums over leaves up again; each edge then counts once for its feature. Where a feature comes again on a
//! path, the deeper edge replaces what the one above it (`outer`) said.

use super::Cover;
use super::quadrature::rule;
use crate::tree::Tree;

/// Points of the rule that are taken at a time.
const LANES: usize = 4;
/// Shares are at least this, so that products can be divided by them again.
const LEAST: f64 = 1e-30;
/// The same for products of several shares.
const LEAST_PRODUCT: f64 = 1e-200;

type Lanes = [f64; LANES];

/// The edge that leads to a node.
#[derive(Clone, Copy, Debug, Default)]
struct Edge {
    parent: u32,
    feature: u32,
    /// The node of the edge above with the same feature; 0 when there is none, as the root is always met.
    outer: u32,
    /// The share of the rows that meet all conditions on the feature from the root to here.
    share: f64,
}

/// What the points of the rule make of an edge. Of each the entry 0 is for rows that meet neither this condition nor
/// the outer ones, 1 for those that meet the outer ones only, 2 for both.
#[derive(Clone, Copy, Debug, Default)]
struct Factors {
    /// What the product on the way down is multiplied by.
    product: [Lanes; 3],
    /// What a sum of products adds to the value of the feature.
    value: [Lanes; 3],
    /// As `value`, without what the outer edge has said.
    alone: [Lanes; 3],
}

/// A tree being explained, and room for one row.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// By node; that of the root means nothing.
    edges: Vec<Edge>,
    points: Vec<(f64, f64)>,
    factors: Vec<Factors>,
    weights: Lanes,
    /// Whether the condition of the edge is met, then whether all on its feature are.
    on: Vec<u8>,
    cases: Vec<u8>,
    products: Vec<Lanes>,
    sums: Vec<Lanes>,
    /// The last edge of each feature on the path to a leaf.
    last: Vec<u32>,
}

/// What a tree says on average, for each of its values.
pub(super) fn expected(tree: &Tree, cover: Cover) -> Vec<f64> {
    let mut reach = vec![1.0; tree.n_nodes()];
    let mut mean = vec![0.0; tree.n_values()];
    for node in 0..tree.n_nodes() {
        match tree.children(node) {
            Some((left, right)) => {
                let (to_left, to_right) = shares(tree, cover, node, left, right);
                reach[left] = reach[node] * to_left;
                reach[right] = reach[node] * to_right;
            }
            None => {
                for (mean, value) in mean.iter_mut().zip(tree.value(node)) {
                    *mean += reach[node] * value;
                }
            }
        }
    }
    mean
}

fn shares(tree: &Tree, cover: Cover, node: usize, left: usize, right: usize) -> (f64, f64) {
    let whole = cover.of(tree, node);
    // Below a node without rows nothing counts.
    let share = |child: usize| if whole > 0.0 { (cover.of(tree, child) / whole).max(LEAST) } else { 0.5 };
    (share(left), share(right))
}

impl Paths {
    /// Takes a tree, and says how many passes its points need.
    pub(super) fn set(&mut self, tree: &Tree, cover: Cover) -> usize {
        let n_nodes = tree.n_nodes();
        self.edges.clear();
        self.edges.resize(n_nodes, Edge { share: 1.0, ..Edge::default() });
        let mut n_known = vec![0_usize; n_nodes];
        for node in 0..n_nodes {
            let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                continue;
            };
            let feature = feature as u32;
            let mut outer = node;
            while outer != 0 && self.edges[outer].feature != feature {
                outer = self.edges[outer].parent as usize;
            }
            let (to_left, to_right) = shares(tree, cover, node, left, right);
            for (child, share) in [(left, to_left), (right, to_right)] {
                let share = (self.edges[outer].share * share).max(LEAST_PRODUCT);
                self.edges[child] = Edge { parent: node as u32, feature, outer: outer as u32, share };
                n_known[child] = n_known[node] + usize::from(outer == 0);
            }
        }
        // A product of d factors, less one of them, has degree d - 1.
        let most = n_known.into_iter().max().unwrap_or(0);
        let n_passes = most.div_ceil(2 * LANES);
        if self.points.len() != n_passes * LANES {
            self.points = rule(n_passes * LANES);
        }
        self.factors.resize(n_nodes, Factors::default());
        self.on.resize(n_nodes, 1);
        self.on.fill(1);
        self.cases.resize(n_nodes, 0);
        self.products.resize(n_nodes, [0.0; LANES]);
        self.sums.resize(n_nodes, [0.0; LANES]);
        n_passes
    }

    /// Works out the factors at the points of a pass.
    pub(super) fn prepare(&mut self, pass: usize) {
        for lane in 0..LANES {
            let (t, weight) = self.points[pass * LANES + lane];
            self.weights[lane] = weight;
            let factor = |on: f64, share: f64| on * t + (1.0 - t) * share;
            let value = |on: bool, share: f64| {
                if on { (1.0 - share) / factor(1.0, share) } else { -1.0 / (1.0 - t) }
            };
            for (factors, edge) in self.factors.iter_mut().zip(&self.edges).skip(1) {
                let outer = (edge.outer != 0).then(|| self.edges[edge.outer as usize].share);
                for (case, (on, outer_on)) in
                    [(false, false), (false, true), (true, true)].into_iter().enumerate()
                {
                    let mine = factor(f64::from(u8::from(on)), edge.share);
                    let above = outer.map_or(1.0, |share| factor(f64::from(u8::from(outer_on)), share));
                    factors.product[case][lane] = mine / above;
                    factors.alone[case][lane] = value(on, edge.share);
                    factors.value[case][lane] =
                        value(on, edge.share) - outer.map_or(0.0, |share| value(outer_on, share));
                }
            }
        }
    }

    /// Carries the products of a row down the tree.
    #[inline(always)]
    fn descend(&mut self, tree: &Tree, row: &[f64]) {
        for node in 0..tree.n_nodes() {
            if let Some((left, right)) = tree.children(node) {
                let is_left = tree.goes_left(node, row[self.edges[left].feature as usize]);
                self.on[left] = u8::from(is_left);
                self.on[right] = u8::from(!is_left);
            }
        }
        self.products[0] = self.weights;
        let edges = self.edges.iter().zip(&self.factors).enumerate().skip(1);
        for (node, (edge, factors)) in edges {
            let outer = self.on[edge.outer as usize];
            let on = self.on[node] & outer;
            self.on[node] = on;
            let case = on + outer;
            self.cases[node] = case;
            let factor = &factors.product[usize::from(case) % 3];
            let above = self.products[edge.parent as usize];
            for lane in 0..LANES {
                self.products[node][lane] = above[lane] * factor[lane];
            }
        }
    }

    /// Adds the values of a row: for each value of the tree one number for each feature.
    #[inline(always)]
    pub(super) fn explain(&mut self, tree: &Tree, row: &[f64], scale: f64, values: &mut [f64]) {
        self.descend(tree, row);
        for (index, values) in values.chunks_exact_mut(row.len()).enumerate() {
            for node in 0..tree.n_nodes() {
                let says = if tree.children(node).is_none() { scale * tree.value(node)[index] } else { 0.0 };
                for lane in 0..LANES {
                    self.sums[node][lane] = self.products[node][lane] * says;
                }
            }
            for node in (1..tree.n_nodes()).rev() {
                let edge = &self.edges[node];
                let factor = &self.factors[node].value[usize::from(self.cases[node]) % 3];
                let sum = self.sums[node];
                let mut terms = [0.0; LANES];
                let above = &mut self.sums[edge.parent as usize];
                for lane in 0..LANES {
                    terms[lane] = sum[lane] * factor[lane];
                    above[lane] += sum[lane];
                }
                values[edge.feature as usize] += (terms[0] + terms[1]) + (terms[2] + terms[3]);
            }
        }
    }

    /// Adds half of what each pair of features adds to a row: for each value of the tree a square matrix.
    pub(super) fn interact(&mut self, tree: &Tree, row: &[f64], scale: f64, values: &mut [f64]) {
        self.descend(tree, row);
        let p = row.len();
        for leaf in (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none()) {
            self.last.clear();
            let mut node = leaf;
            while node != 0 {
                let edge = &self.edges[node];
                if !self.last.iter().any(|&last| self.edges[last as usize].feature == edge.feature) {
                    self.last.push(node as u32);
                }
                node = edge.parent as usize;
            }
            for (place, &one) in self.last.iter().enumerate() {
                for &other in &self.last[..place] {
                    let alone = |node: u32| {
                        let case = usize::from(self.cases[node as usize]);
                        self.factors[node as usize].alone[case]
                    };
                    let (first, second) = (alone(one), alone(other));
                    let terms: [f64; LANES] =
                        std::array::from_fn(|lane| self.products[leaf][lane] * first[lane] * second[lane]);
                    let pair = 0.5 * scale * ((terms[0] + terms[1]) + (terms[2] + terms[3]));
                    let (one, other) = (
                        self.edges[one as usize].feature as usize,
                        self.edges[other as usize].feature as usize,
                    );
                    for (value, values) in tree.value(leaf).iter().zip(values.chunks_exact_mut(p * p)) {
                        values[one * p + other] += pair * value;
                        values[other * p + one] += pair * value;
                    }
                }
            }
        }
    }
}
