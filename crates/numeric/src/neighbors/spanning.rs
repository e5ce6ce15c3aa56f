//! The minimum spanning tree of mutual reachability, by Borůvka's rounds on the k-d tree.
//!
//! In each round every component looks for its shortest edge to another (March, Ram and Gray, 2010). A point
//! remembers the nearest point outside its component: as long as that one is outside, nothing need be searched, and
//! otherwise its distance is a bound for what may be found. Edges of one length are ordered by their
//! points, so the tree is the same however the work is cut.

use perennial_core::{Context, Result};

use super::norm::Norm;
use super::tree::{LEAF, Tree};
use crate::reduce;

/// An edge between two rows and the sum that its length is the root of.
pub(super) type Edge = (f64, u32, u32);

/// Points of one task.
const BLOCK: usize = 2048;
/// A place without a row, and a node whose points are of several components.
const NONE: u32 = u32::MAX;

/// What a point knows: the edge to the nearest point outside, or how long an edge there must be at least.
#[derive(Clone, Copy, Debug)]
struct Known {
    least: f64,
    other: u32,
}

struct Search<'a, N> {
    tree: &'a Tree,
    norm: N,
    /// By place in the tree: the numbers of the rows, what makes a point reachable, and the component.
    rows: &'a [u32],
    core: &'a [f64],
    component: &'a [u32],
    /// By node: the least core of its points, and the component if it is that of all of them.
    node_core: &'a [f64],
    node_component: &'a [u32],
    cells: &'a [f64],
    width: usize,
}

/// The edges of the spanning tree in the order of their lengths. `core` is by row, `cells` are the coordinates.
pub(super) fn spanning_tree<N: Norm>(
    ctx: &Context,
    tree: &Tree,
    norm: N,
    cells: &[f64],
    width: usize,
    core: &[f64],
) -> Result<Vec<Edge>> {
    let rows = tree.rows();
    let n_rows = core.len();
    let by_place: Vec<f64> =
        rows.iter().map(|&row| if row == NONE { f64::INFINITY } else { core[row as usize] }).collect();
    let mut node_core = vec![f64::INFINITY; 2 * tree.n_leaves() - 1];
    fold(
        0,
        0,
        tree.n_leaves(),
        &mut node_core,
        &|leaf| by_place[leaf * LEAF..][..LEAF].iter().copied().fold(f64::INFINITY, f64::min),
        &f64::min,
    );
    let mut parents: Vec<u32> = (0..n_rows as u32).collect();
    let mut known = vec![Known { least: 0.0, other: NONE }; rows.len()];
    let mut edges: Vec<Edge> = Vec::with_capacity(n_rows.saturating_sub(1));
    let mut node_component = vec![NONE; node_core.len()];
    while edges.len() + 1 < n_rows {
        ctx.step(edges.len(), n_rows)?;
        let component: Vec<u32> =
            rows.iter().map(|&row| if row == NONE { NONE } else { root(&mut parents, row) }).collect();
        fold(
            0,
            0,
            tree.n_leaves(),
            &mut node_component,
            &|leaf| {
                let own = component[leaf * LEAF];
                let same = |other: &u32| *other == own || *other == NONE;
                if component[leaf * LEAF..][..LEAF].iter().all(same) { own } else { NONE }
            },
            &|a: u32, b: u32| if a == b { a } else { NONE },
        );
        let search = Search {
            tree,
            norm,
            rows,
            core: &by_place,
            component: &component,
            node_core: &node_core,
            node_component: &node_component,
            cells,
            width,
        };
        // The shortest edges that are known already bound the search for the others.
        let mut best = vec![(f64::INFINITY, NONE, NONE); n_rows];
        for place in 0..rows.len() {
            let other = known[place].other;
            if other != NONE && component[other as usize] != component[place] {
                let edge = search.edge(known[place].least, place, other);
                let best = &mut best[component[place] as usize];
                *best = if before(edge, *best) { edge } else { *best };
            }
        }
        let found = reduce::map_chunks(rows.len(), BLOCK, |range| {
            crate::simd::widest(|| search.block(range, &known, &best))
        });
        for (place, now) in found.into_iter().flatten() {
            known[place] = now;
            if now.other != NONE {
                let edge = search.edge(now.least, place, now.other);
                let best = &mut best[component[place] as usize];
                *best = if before(edge, *best) { edge } else { *best };
            }
        }
        for edge in best.into_iter().filter(|edge| edge.1 != NONE) {
            let (a, b) = (root(&mut parents, edge.1), root(&mut parents, edge.2));
            if a != b {
                parents[a.max(b) as usize] = a.min(b);
                edges.push(edge);
            }
        }
    }
    edges.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    Ok(edges)
}

fn before(a: Edge, b: Edge) -> bool {
    a.0 < b.0 || (a.0 == b.0 && (a.1, a.2) < (b.1, b.2))
}

fn root(parents: &mut [u32], mut row: u32) -> u32 {
    while parents[row as usize] != row {
        let above = parents[parents[row as usize] as usize];
        parents[row as usize] = above;
        row = above;
    }
    row
}

/// Gives each node what its leaves give, put together.
pub(super) fn fold<T: Copy>(
    node: usize,
    first: usize,
    n_leaves: usize,
    out: &mut [T],
    leaf: &impl Fn(usize) -> T,
    join: &impl Fn(T, T) -> T,
) -> T {
    let value = if n_leaves == 1 {
        leaf(first)
    } else {
        let n_left = n_leaves / 2;
        let left = fold(node + 1, first, n_left, out, leaf, join);
        let right = fold(node + 2 * n_left, first + n_left, n_leaves - n_left, out, leaf, join);
        join(left, right)
    };
    out[node] = value;
    value
}

impl<N: Norm> Search<'_, N> {
    fn edge(&self, length: f64, place: usize, other: u32) -> Edge {
        let (a, b) = (self.rows[place], self.rows[other as usize]);
        (length, a.min(b), a.max(b))
    }

    #[inline(always)]
    fn block(&self, range: std::ops::Range<usize>, known: &[Known], best: &[Edge]) -> Vec<(usize, Known)> {
        let mut found = Vec::new();
        let mut waiting = Vec::with_capacity(64);
        let (mut own, mut bound) = (NONE, f64::INFINITY);
        for place in range {
            let component = self.component[place];
            if component == NONE {
                continue;
            }
            if component != own {
                (own, bound) = (component, best[component as usize].0);
            }
            let Known { least, other } = known[place];
            let holds = other != NONE && self.component[other as usize] != component;
            if holds || least > bound || self.core[place] > bound {
                continue;
            }
            let now = self.nearest_outside(place, bound, &mut waiting);
            if now.other != NONE {
                bound = bound.min(now.least);
            }
            found.push((place, now));
        }
        found
    }

    /// The shortest edge, no longer than `bound`, to a point of another component.
    #[inline(always)]
    fn nearest_outside(&self, place: usize, bound: f64, waiting: &mut Vec<(f64, u32, u32, u32)>) -> Known {
        let (row, own, core) = (self.rows[place], self.component[place], self.core[place]);
        let point = &self.cells[row as usize * self.width..][..self.width];
        let (mut best, mut which) = ((bound, NONE, NONE), NONE);
        waiting.clear();
        waiting.push((core, 0, 0, self.tree.n_leaves() as u32));
        while let Some((least, node, first, n_leaves)) = waiting.pop() {
            if least > best.0 || self.node_component[node as usize] == own {
                continue;
            }
            if n_leaves > 1 {
                let n_left = n_leaves / 2;
                let reach = |node: u32| {
                    self.tree.bound(self.norm, node, point).max(core).max(self.node_core[node as usize])
                };
                let (left, right) = (node + 1, node + 2 * n_left);
                let left = (reach(left), left, first, n_left);
                let right = (reach(right), right, first + n_left, n_leaves - n_left);
                let (near, far) = if left.0 <= right.0 { (left, right) } else { (right, left) };
                waiting.push(far);
                waiting.push(near);
                continue;
            }
            let sums = self.tree.sums(self.norm, first as usize, point);
            for (lane, sum) in sums.iter().enumerate() {
                let other = first as usize * LEAF + lane;
                let length = sum.max(core).max(self.core[other]);
                if length <= best.0 && self.component[other] != own && self.component[other] != NONE {
                    let edge = self.edge(length, place, other as u32);
                    if before(edge, best) {
                        (best, which) = (edge, other as u32);
                    }
                }
            }
        }
        Known { least: best.0, other: which }
    }
}

#[cfg(test)]
mod tests {
    use super::super::norm::{Squares, between};
    use super::*;

    #[test]
    fn the_tree_is_as_short_as_that_of_all_pairs() {
        for (n, width, seed, step) in [(1, 2, 1, 0.0), (2, 1, 2, 0.0), (700, 2, 3, 0.0), (600, 3, 4, 0.5)] {
            let mut random = crate::random::Random::new(seed);
            let value = |value: f64| if step > 0.0 { (value / step).round() * step } else { value };
            let cells: Vec<f64> = (0..n * width).map(|_| value(random.normal())).collect();
            let core: Vec<f64> = (0..n).map(|_| 0.02 * random.uniform()).collect();
            let tree = Tree::new(&Context::new(), &cells, width).unwrap();
            let edges = spanning_tree(&Context::new(), &tree, Squares, &cells, width, &core).unwrap();
            assert_eq!(edges.len(), n - 1);
            let (total, truth) =
                (edges.iter().map(|edge| edge.0).sum::<f64>(), plain(Squares, &cells, width, &core));
            assert!((total - truth).abs() <= 1e-9 * truth, "{total} for {truth}");
        }
    }

    /// The same tree by Prim's method on all pairs, for tests.
    fn plain<N: Norm>(norm: N, cells: &[f64], width: usize, core: &[f64]) -> f64 {
        let n = core.len();
        let (mut least, mut done) = (vec![f64::INFINITY; n], vec![false; n]);
        let (mut total, mut now) = (0.0, 0);
        for _ in 1..n {
            done[now] = true;
            for other in (0..n).filter(|&other| !done[other]) {
                let sum = between(norm, &cells[now * width..][..width], &cells[other * width..][..width]);
                least[other] = least[other].min(sum.max(core[now]).max(core[other]));
            }
            now =
                (0..n).filter(|&row| !done[row]).min_by(|&a, &b| least[a].total_cmp(&least[b])).unwrap_or(0);
            total += least[now];
        }
        total
    }
}
