//! Rows down trees, several at a time.

use std::ops::Range;

use perennial_numeric::descend::{Descent, Keys, Node, Walks};
use perennial_numeric::simd::{self, Kernel};

use crate::tree::Tree;
use crate::tree::structure::has;

/// Walks of one row that go on together.
const TOGETHER: usize = 256;
/// Nodes that lie in one line of a cache.
const NODES_OF_A_LINE: usize = 5;
/// Trees that are too few to be worth the keys of a row.
const FEW: usize = 16;
/// Numbers of a row that have a place ready for their keys: few take less time to prepare.
const NARROW: usize = 256;
const WIDE: usize = 4096;
/// The most features that a question can name.
pub(crate) const MOST_FEATURES: usize = (u32::MAX / 2) as usize;
/// The key of a missing value that goes left: below all others.
const LOWEST: i32 = i32::MIN + 1;
/// The key of a missing value that goes right: above all others.
const HIGHEST: i32 = i32::MAX - 1;

/// Whole numbers in the order of the numbers.
#[inline(always)]
fn order(value: f64) -> i64 {
    // Adding 0 makes -0 and 0 the same.
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (bits >> 63 & i64::MAX)
}

/// The first half of the order: where two numbers share it, the second half decides.
#[inline(always)]
fn key(value: f64) -> i32 {
    (order(value) >> 32) as i32
}

/// The keys of some rows, for many trees: one for each number, or where values are missing two, of which the first
/// takes a missing value left and the second right.
#[derive(Debug)]
pub(crate) struct RowKeys {
    keys: Vec<i32>,
    n_features: usize,
    missing: bool,
}

impl RowKeys {
    pub(crate) fn new(rows: &[f64], n_features: usize) -> Self {
        let missing = simd::widest(AnyMissing(rows));
        let mut keys = vec![0; rows.len() * (1 + usize::from(missing))];
        simd::widest(Fill { rows, missing, keys: &mut keys });
        RowKeys { keys, n_features, missing }
    }

    fn keys(&self) -> Keys<'_> {
        let width = self.n_features * (1 + usize::from(self.missing));
        Keys { keys: &self.keys, width, halved: !self.missing }
    }
}

struct AnyMissing<'a>(&'a [f64]);

impl Kernel for AnyMissing<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        self.0.chunks(1024).any(|values| values.iter().fold(false, |any, value| any | value.is_nan()))
    }
}

struct Fill<'a> {
    rows: &'a [f64],
    missing: bool,
    keys: &'a mut [i32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.missing {
            for (keys, &value) in self.keys.as_chunks_mut::<2>().0.iter_mut().zip(self.rows) {
                *keys = if value.is_nan() { [LOWEST, HIGHEST] } else { [key(value); 2] };
            }
        } else {
            for (place, &value) in self.keys.iter_mut().zip(self.rows) {
                *place = key(value);
            }
        }
    }
}

/// The nodes of all trees. In each, the way that most rows go lies next to where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    nodes: Descent,
    /// The second half of the order of each threshold; which of the sets a node asks for; which of all leaves a leaf is.
    rests: Vec<u32>,
    /// What the leaves say, `width` values each; where that is one, each node has a place, which saves a look-up.
    values: Vec<f64>,
    width: usize,
    /// The root of each tree.
    roots: Vec<u32>,
    /// Where in the words a set of categories lies.
    sets: Vec<Range<u32>>,
    words: Vec<u64>,
}

impl Walk {
    /// Lays out trees whose leaves hold `width` values.
    pub(crate) fn new(trees: &[Tree], width: usize) -> Self {
        let mut walk = Walk { width, ..Walk::default() };
        let n_nodes: usize = trees.iter().map(Tree::n_nodes).sum();
        let mut nodes = Vec::with_capacity(n_nodes);
        walk.rests.reserve_exact(n_nodes);
        walk.values.reserve_exact(if width == 1 { n_nodes } else { (n_nodes + trees.len()) / 2 * width });
        trees.iter().for_each(|tree| walk.add(tree, &mut nodes));
        // Children follow their parents.
        walk.nodes = Descent::new(nodes).unwrap_or_default();
        walk
    }

    fn add(&mut self, tree: &Tree, nodes: &mut Vec<Node>) {
        let root = nodes.len();
        self.roots.push(root as u32);
        nodes.push(Node::default());
        self.add_places(1);
        let mut waiting = vec![(0, root)];
        while let Some((index, place)) = waiting.pop() {
            let Some((left, right)) = tree.children(index) else {
                nodes[place] = Node::leaf(place as u32);
                if self.width == 1 {
                    self.values[place] = tree.value(index)[0];
                } else {
                    self.rests[place] = (self.values.len() / self.width) as u32;
                    self.values.extend_from_slice(tree.value(index));
                }
                continue;
            };
            let node = &tree.nodes()[index];
            let question = 2 * node.feature + u32::from(!node.missing_left);
            let first = nodes.len();
            (nodes[place], self.rests[place]) = match tree.words(node) {
                None => {
                    let split = Node::split(key(node.threshold), question, first as u32);
                    (split, order(node.threshold) as u32)
                }
                Some(words) => {
                    let start = self.words.len() as u32;
                    self.words.extend_from_slice(words);
                    self.sets.push(start..self.words.len() as u32);
                    (Node::odd(question, first as u32), self.sets.len() as u32 - 1)
                }
            };
            nodes.extend([Node::default(); 2]);
            self.add_places(2);
            let mut children = [(left, first), (right, first + 1)];
            children.sort_by_key(|&(child, _)| tree.n_rows(child));
            waiting.extend(children);
        }
    }

    /// Makes room for nodes.
    fn add_places(&mut self, n_nodes: usize) {
        self.rests.resize(self.rests.len() + n_nodes, 0);
        if self.width == 1 {
            self.values.resize(self.rests.len(), 0.0);
        }
    }

    /// Adds what these trees, of one value in a leaf, say of a row to its scores, tree by tree.
    pub(super) fn add_trees(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        if trees.len() < FEW || row.len() > WIDE {
            self.add_few(trees, row, scores);
        } else if row.len() <= NARROW {
            self.add_many::<NARROW, { 2 * NARROW }>(trees, row, scores);
        } else {
            self.add_many::<WIDE, { 2 * WIDE }>(trees, row, scores);
        }
    }

    /// As [`add_trees`](Walk::add_trees), through the keys of a row of at most `N` numbers.
    fn add_many<const N: usize, const TWICE: usize>(
        &self,
        trees: Range<usize>,
        row: &[f64],
        scores: &mut [f64],
    ) {
        if simd::widest(AnyMissing(row)) {
            let mut keys = [0; TWICE];
            let keys = &mut keys[..2 * row.len()];
            simd::widest(Fill { rows: row, missing: true, keys });
            self.add_from(trees, row, Keys { keys, width: 2 * row.len(), halved: false }, scores);
        } else {
            let mut keys = [0; N];
            let keys = &mut keys[..row.len()];
            simd::widest(Fill { rows: row, missing: false, keys });
            self.add_from(trees, row, Keys { keys, width: row.len(), halved: true }, scores);
        }
    }

    fn add_from(&self, trees: Range<usize>, row: &[f64], keys: Keys<'_>, scores: &mut [f64]) {
        let mut output = trees.start % scores.len();
        let mut leaves = [0; TOGETHER];
        for roots in self.roots[trees].chunks(TOGETHER) {
            let leaves = &mut leaves[..roots.len()];
            let goes_right = |_, at: usize| self.goes_right(at, row);
            self.nodes.leaves(Walks::Roots(roots), keys, goes_right, leaves);
            if let [score] = scores {
                // It stays in a register.
                *score = leaves.iter().fold(*score, |score, &leaf| score + self.value(leaf)[0]);
                continue;
            }
            for &leaf in &*leaves {
                scores[output] += self.value(leaf)[0];
                output = if output + 1 == scores.len() { 0 } else { output + 1 };
            }
        }
    }

    fn add_few(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        for tree in trees {
            scores[tree % scores.len()] += self.value_of(tree, row)[0];
        }
    }

    /// What one tree says of one row.
    pub(crate) fn value_of(&self, tree: usize, row: &[f64]) -> &[f64] {
        let nodes = self.nodes.nodes();
        let mut at = self.roots[tree] as usize;
        while !nodes[at].is_leaf() {
            at = nodes[at].left() as usize + usize::from(self.goes_right(at, row));
        }
        self.value(at as u32)
    }

    /// Tells what one tree says of each of some rows.
    #[inline]
    pub(crate) fn tell(
        &self,
        tree: usize,
        rows: &[f64],
        keys: &RowKeys,
        leaves: &mut Vec<u32>,
        mut tell: impl FnMut(usize, &[f64]),
    ) {
        let n_features = keys.n_features;
        let n_rows = rows.len().checked_div(n_features).unwrap_or(0);
        leaves.resize(n_rows, 0);
        let goes_right = |row: usize, at: usize| self.goes_right(at, &rows[row * n_features..]);
        let walks = Walks::Rows { root: self.roots[tree], n_rows };
        let end = self.roots.get(tree + 1).map_or(self.nodes.nodes().len(), |&root| root as usize);
        let nodes = self.roots[tree] as usize..end;
        if n_rows >= nodes.len() / 8 {
            // Most of the tree will be read, in any order; from one end to the other it comes faster.
            nodes.step_by(NODES_OF_A_LINE).for_each(|at| simd::prefetch(self.nodes.nodes(), at));
        }
        self.nodes.leaves(walks, keys.keys(), goes_right, leaves);
        // What leaves say may be far away: it is asked for early.
        for (row, &leaf) in leaves.iter().enumerate() {
            if let Some(&soon) = leaves.get(row + 16) {
                simd::prefetch(&self.rests, soon as usize);
            }
            if let Some(&soon) = leaves.get(row + 8) {
                simd::prefetch(&self.values, self.place(soon));
            }
            tell(row, self.value(leaf));
        }
    }

    #[inline]
    fn value(&self, leaf: u32) -> &[f64] {
        let first = self.place(leaf);
        &self.values[first..first + self.width]
    }

    /// Where the values of a leaf lie.
    #[inline]
    fn place(&self, leaf: u32) -> usize {
        if self.width == 1 { leaf as usize } else { self.rests[leaf as usize] as usize * self.width }
    }

    /// Where a node that is no leaf sends a row.
    #[inline]
    fn goes_right(&self, at: usize, row: &[f64]) -> bool {
        let (node, rest) = (&self.nodes.nodes()[at], self.rests[at]);
        let (value, missing_right) = (row[node.question() as usize / 2], node.question() & 1 == 1);
        if value.is_nan() {
            missing_right
        } else if node.is_odd() {
            let set = &self.sets[rest as usize];
            !has(&self.words[set.start as usize..set.end as usize], value)
        } else {
            order(value) > i64::from(node.threshold()) << 32 | i64::from(rest)
        }
    }
}
