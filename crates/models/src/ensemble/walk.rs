//! One row down several trees at a time.

use std::ops::Range;

use crate::tree::Tree;
use crate::tree::structure::has;

/// Trees that are walked at a time, so that the waits for their nodes overlap.
const LANES: usize = 8;
/// Steps between two looks at whether all trees have reached a leaf.
const STRIDE: usize = 4;
/// Numbers of a row that have a place ready for their keys.
const NARROW: usize = 256;
/// The node asks for categories; the bits of its threshold say which words.
const CATEGORIES: u32 = 1 << 31;
/// The most features that a step can name.
pub(super) const MOST_FEATURES: usize = (CATEGORIES / 2) as usize;

/// A node in 16 bytes. Its children lie side by side, the left one at `left`; a leaf leads to itself.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The key of the threshold: larger keys go right.
    threshold: i64,
    /// Twice the feature, and one more where rows without a value go left; and whether it asks for categories.
    question: u32,
    left: u32,
}

/// Whole numbers in the order of the numbers. A missing value comes first or last.
#[inline]
fn key(value: f64, missing_left: bool) -> i64 {
    // Adding 0 makes -0 and 0 the same.
    let bits = (value + 0.0).to_bits() as i64;
    let key = bits ^ (bits >> 63 & i64::MAX);
    match (value.is_nan(), missing_left) {
        (false, _) => key,
        (true, false) => i64::MAX,
        (true, true) => i64::MIN,
    }
}

/// A row as steps ask for it.
trait Keys {
    /// The key of a value for a question.
    fn key(&self, question: u32) -> i64;
    /// The value itself.
    fn value(&self, feature: usize) -> f64;
}

impl Keys for &[f64] {
    #[inline]
    fn key(&self, question: u32) -> i64 {
        key(self[(question / 2) as usize], question & 1 == 1)
    }

    #[inline]
    fn value(&self, feature: usize) -> f64 {
        self[feature]
    }
}

/// A row whose keys are there already: for many trees.
struct Ready<'r> {
    keys: [i64; 2 * NARROW],
    row: &'r [f64],
}

impl<'r> Ready<'r> {
    #[inline]
    fn new(row: &'r [f64]) -> Self {
        let mut keys = [0; 2 * NARROW];
        for (keys, &value) in keys.as_chunks_mut::<2>().0.iter_mut().zip(row) {
            *keys = [key(value, false), key(value, true)];
        }
        Ready { keys, row }
    }
}

impl Keys for Ready<'_> {
    #[inline]
    fn key(&self, question: u32) -> i64 {
        self.keys[question as usize % (2 * NARROW)]
    }

    #[inline]
    fn value(&self, feature: usize) -> f64 {
        self.row[feature]
    }
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
                self.steps.push(Step { threshold: i64::MAX, question: 0, left: here });
                self.values.push(tree.value(index)[0]);
                continue;
            };
            let mut question = 2 * node.feature + u32::from(node.missing_left);
            let threshold = match tree.words(node) {
                None => key(node.threshold, false),
                Some(words) => {
                    question |= CATEGORIES;
                    let start = self.words.len() as u64;
                    self.words.extend_from_slice(words);
                    (start << 32 | words.len() as u64) as i64
                }
            };
            self.steps.push(Step { threshold, question, left: (root + order.len()) as u32 });
            self.values.push(0.0);
            order.extend([left, right]);
        }
    }

    /// Adds what these trees say of a row to its scores, tree by tree.
    pub(super) fn add_trees(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        if row.len() <= NARROW && trees.len() > 2 * LANES {
            self.add_from(trees, &Ready::new(row), scores);
        } else {
            self.add_from(trees, &row, scores);
        }
    }

    fn add_from(&self, trees: Range<usize>, row: &impl Keys, scores: &mut [f64]) {
        let (mut output, n_outputs) = (trees.start % scores.len(), scores.len());
        let (roots, depths) = (&self.roots[trees.clone()], &self.depths[trees]);
        for (group, depths) in roots.chunks(LANES).zip(depths.chunks(LANES)) {
            let mut at = [group[0]; LANES];
            at[..group.len()].copy_from_slice(group);
            let depth = depths.iter().copied().max().unwrap_or(0);
            for leaf in &self.down(at, depth, [row; LANES])[..group.len()] {
                scores[output] += self.values[*leaf as usize];
                output = if output + 1 == n_outputs { 0 } else { output + 1 };
            }
        }
    }

    /// Adds what one tree says of some rows to their scores.
    pub(super) fn add_tree<'s>(
        &self,
        tree: usize,
        rows: &[f64],
        n_features: usize,
        scores: impl Iterator<Item = &'s mut f64>,
    ) {
        let mut scores = scores;
        for rows in rows.chunks(LANES * n_features) {
            // Where rows are few, some lanes do the work of the first.
            let n_rows = rows.len() / n_features;
            let lanes: [&[f64]; LANES] = std::array::from_fn(|lane| {
                let lane = if lane < n_rows { lane } else { 0 };
                &rows[lane * n_features..(lane + 1) * n_features]
            });
            let leaves = self.down([self.roots[tree]; LANES], self.depths[tree], lanes.each_ref());
            for (leaf, score) in leaves[..n_rows].iter().zip(&mut scores) {
                *score += self.values[*leaf as usize];
            }
        }
    }

    /// The leaves that are reached from some nodes, by a row for each of them.
    #[inline]
    fn down<K: Keys>(&self, mut at: [u32; LANES], depth: u32, rows: [&K; LANES]) -> [u32; LANES] {
        let mut taken = 0;
        while taken < depth {
            let before = at;
            for _ in 0..STRIDE {
                for lane in 0..LANES {
                    at[lane] = self.next(at[lane], rows[lane]);
                }
            }
            if at == before {
                break;
            }
            taken += STRIDE as u32;
        }
        at
    }

    #[inline]
    fn next(&self, at: u32, row: &impl Keys) -> u32 {
        let step = &self.steps[at as usize];
        if step.question & CATEGORIES != 0 {
            let question = step.question & !CATEGORIES;
            let value = row.value((question / 2) as usize);
            return step.left + u32::from(!self.is_among(step.threshold, value, question & 1 == 1));
        }
        step.left + u32::from(row.key(step.question) > step.threshold)
    }

    fn is_among(&self, place: i64, value: f64, missing_left: bool) -> bool {
        if value.is_nan() {
            return missing_left;
        }
        let (start, length) = ((place as u64 >> 32) as usize, place as u32 as usize);
        has(&self.words[start..start + length], value)
    }
}
