//! One row down several trees at a time.

use std::ops::Range;

use crate::tree::Tree;
use crate::tree::structure::has;

/// Trees that are walked at a time, so that the waits for their nodes overlap.
const LANES: usize = 8;
/// Steps between two looks at whether all trees have reached a leaf.
const STRIDE: usize = 4;
/// Rows without a value go left.
const MISSING_LEFT: u32 = 1 << 31;
/// The node asks for categories; the bits of its threshold say which words.
const CATEGORIES: u32 = 1 << 30;
const FEATURE: u32 = CATEGORIES - 1;
/// The most features that a step can name.
pub(super) const MOST_FEATURES: usize = FEATURE as usize;

/// A node in 16 bytes. Its children lie side by side, the left one at `left`; a leaf leads to itself.
#[derive(Clone, Copy, Debug)]
struct Step {
    threshold: f64,
    /// The feature, and what is to be done with it.
    question: u32,
    left: u32,
}

/// The nodes of all trees, level by level within each.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    steps: Vec<Step>,
    /// What each node adds, where it is a leaf.
    values: Vec<f64>,
    /// The root of each tree.
    roots: Vec<u32>,
    /// The number of questions on the longest way down each tree.
    depths: Vec<u32>,
    words: Vec<u64>,
}

impl Walk {
    pub(super) fn new(trees: &[Tree]) -> Self {
        let mut walk = Walk::default();
        trees.iter().for_each(|tree| walk.add(tree));
        walk
    }

    fn add(&mut self, tree: &Tree) {
        let root = self.steps.len();
        self.roots.push(root as u32);
        self.depths.push(tree.depth() as u32);
        let mut order = Vec::with_capacity(tree.n_nodes());
        order.push(0);
        for place in 0..tree.n_nodes() {
            let index: usize = order[place];
            let node = &tree.nodes()[index];
            let here = (root + place) as u32;
            let Some((left, right)) = tree.children(index) else {
                self.steps.push(Step { threshold: f64::INFINITY, question: MISSING_LEFT, left: here });
                self.values.push(tree.value(index)[0]);
                continue;
            };
            let mut question = node.feature | if node.missing_left { MISSING_LEFT } else { 0 };
            let threshold = match tree.words(node) {
                None => node.threshold,
                Some(words) => {
                    question |= CATEGORIES;
                    let start = self.words.len() as u64;
                    self.words.extend_from_slice(words);
                    f64::from_bits(start << 32 | words.len() as u64)
                }
            };
            self.steps.push(Step { threshold, question, left: (root + order.len()) as u32 });
            self.values.push(0.0);
            order.extend([left, right]);
        }
    }

    /// Adds what these trees say of a row to its scores, tree by tree.
    pub(super) fn add_trees(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        let (mut output, n_outputs) = (trees.start % scores.len(), scores.len());
        let mut add = |value: f64| {
            scores[output] += value;
            output = if output + 1 == n_outputs { 0 } else { output + 1 };
        };
        let (groups, rest) = self.roots[trees.clone()].as_chunks::<LANES>();
        for (group, depths) in groups.iter().zip(self.depths[trees].as_chunks::<LANES>().0) {
            let depth = depths.iter().copied().max().unwrap_or(0);
            for at in self.down(*group, depth, row) {
                add(self.values[at as usize]);
            }
        }
        for &root in rest {
            add(self.leaf_value(root, row));
        }
    }

    /// The leaves that a row reaches from some roots.
    #[inline]
    fn down(&self, mut at: [u32; LANES], depth: u32, row: &[f64]) -> [u32; LANES] {
        let mut taken = 0;
        while taken < depth {
            let before = at;
            for _ in 0..STRIDE {
                for at in &mut at {
                    *at = self.next(*at, row);
                }
            }
            if at == before {
                break;
            }
            taken += STRIDE as u32;
        }
        at
    }

    /// What one tree says of a row.
    pub(super) fn tree_value(&self, tree: usize, row: &[f64]) -> f64 {
        self.leaf_value(self.roots[tree], row)
    }

    fn leaf_value(&self, root: u32, row: &[f64]) -> f64 {
        let mut at = root;
        while self.steps[at as usize].left != at {
            at = self.next(at, row);
        }
        self.values[at as usize]
    }

    #[inline]
    fn next(&self, at: u32, row: &[f64]) -> u32 {
        let step = &self.steps[at as usize];
        let value = row[(step.question & FEATURE) as usize];
        let missing_left = step.question & MISSING_LEFT != 0;
        if step.question & CATEGORIES != 0 {
            return step.left + u32::from(!self.is_among(step.threshold, value, missing_left));
        }
        // NaN is neither at most the threshold nor above it.
        let right = if missing_left { value > step.threshold } else { !(value <= step.threshold) };
        step.left + u32::from(right)
    }

    #[cold]
    fn is_among(&self, place: f64, value: f64, missing_left: bool) -> bool {
        if value.is_nan() {
            return missing_left;
        }
        let (start, length) = ((place.to_bits() >> 32) as usize, place.to_bits() as u32 as usize);
        has(&self.words[start..start + length], value)
    }
}
