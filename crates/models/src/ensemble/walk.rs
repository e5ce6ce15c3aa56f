//! Rows down trees, several at a time.

use std::ops::Range;

use perennial_numeric::simd;

use crate::tree::Tree;
use crate::tree::structure::has;

/// Trees that one row walks down at a time, so that the waits for their nodes overlap.
const LANES: usize = 8;
/// Rows that walk down one tree at a time, for the same reason.
const ROWS: usize = 16;
/// Steps between two looks at whether a row is at a leaf in all of them.
const STRIDE: usize = 4;
/// Numbers of a row that have a place ready for their keys.
const NARROW: usize = 256;
/// The node asks for categories; the bits of its threshold say which words.
const CATEGORIES: u32 = 1 << 31;
/// The most features that a step can name.
pub(crate) const MOST_FEATURES: usize = (CATEGORIES / 2) as usize;
/// The key of infinity. None is larger, so the threshold of a leaf has room for the number of the leaf above it.
const LEAVES: i64 = 0x7ff0 << 48;
/// The key of a missing value: below all others.
const MISSING: i64 = i64::MIN;

/// A node in 16 bytes. Its children lie side by side, the left one at `left`; a leaf leads to itself.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The key of the threshold: larger keys go right. One less where missing values go right: one is taken from the
    /// key too, which takes that of a missing value round to the largest.
    threshold: i64,
    /// Twice the feature, and one more where rows without a value go right; and whether it asks for categories.
    question: u32,
    left: u32,
}

/// Whole numbers in the order of the numbers.
#[inline]
fn key(value: f64) -> i64 {
    // Adding 0 makes -0 and 0 the same.
    let bits = (value + 0.0).to_bits() as i64;
    if value.is_nan() { MISSING } else { bits ^ (bits >> 63 & i64::MAX) }
}

/// The number that has a key.
fn unkey(key: i64) -> f64 {
    if key == MISSING { f64::NAN } else { f64::from_bits((key ^ (key >> 63 & i64::MAX)) as u64) }
}

/// The keys of some rows, for many trees.
pub(crate) fn keys_of(rows: &[f64]) -> Vec<i64> {
    rows.iter().map(|&value| key(value)).collect()
}

/// A row among others.
#[derive(Clone, Copy)]
struct KeysAt<'k> {
    keys: &'k [i64],
    first: usize,
}

/// A row as steps ask for it.
trait Keys: Copy {
    fn key(self, feature: u32) -> i64;

    /// The key that a question compares: one less where missing values go right.
    #[inline]
    fn asked(self, question: u32) -> i64 {
        self.key(question / 2).wrapping_sub(i64::from(question & 1))
    }
}

impl Keys for &[f64] {
    #[inline]
    fn key(self, feature: u32) -> i64 {
        key(self[feature as usize])
    }
}

impl Keys for KeysAt<'_> {
    #[inline]
    fn key(self, feature: u32) -> i64 {
        self.keys[self.first + feature as usize]
    }
}

/// The keys that the two questions about each number compare.
impl Keys for &[[i64; 2]; NARROW] {
    #[inline]
    fn key(self, feature: u32) -> i64 {
        self[feature as usize % NARROW][0]
    }

    #[inline]
    fn asked(self, question: u32) -> i64 {
        self.as_flattened()[question as usize % (2 * NARROW)]
    }
}

/// The nodes of all trees. In each, the way that most rows go lies next to where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    steps: Vec<Step>,
    /// What the leaves say, `width` values each.
    values: Vec<f64>,
    width: usize,
    /// The root of each tree.
    roots: Vec<u32>,
    /// The number of questions on the longest way down each tree.
    depths: Vec<u32>,
    words: Vec<u64>,
}

impl Walk {
    /// Lays out trees whose leaves hold `width` values.
    pub(crate) fn new(trees: &[Tree], width: usize) -> Self {
        let mut walk = Walk { width, ..Walk::default() };
        let n_nodes: usize = trees.iter().map(Tree::n_nodes).sum();
        walk.steps.reserve_exact(n_nodes);
        walk.values.reserve_exact((n_nodes + trees.len()) / 2 * width);
        trees.iter().for_each(|tree| walk.add(tree));
        walk
    }

    fn add(&mut self, tree: &Tree) {
        let root = self.steps.len();
        self.roots.push(root as u32);
        self.depths.push(tree.depth() as u32);
        self.steps.push(Step::default());
        let mut waiting = vec![(0, root)];
        while let Some((index, place)) = waiting.pop() {
            let Some((left, right)) = tree.children(index) else {
                let threshold = LEAVES + (self.values.len() / self.width) as i64;
                self.steps[place] = Step { threshold, question: 0, left: place as u32 };
                self.values.extend_from_slice(tree.value(index));
                continue;
            };
            let node = &tree.nodes()[index];
            let missing_right = !node.missing_left;
            let mut question = 2 * node.feature + u32::from(missing_right);
            let threshold = match tree.words(node) {
                None => key(node.threshold) - i64::from(missing_right),
                Some(words) => {
                    question |= CATEGORIES;
                    let start = self.words.len() as u64;
                    self.words.extend_from_slice(words);
                    (start << 32 | words.len() as u64) as i64
                }
            };
            let first = self.steps.len();
            self.steps.extend([Step::default(); 2]);
            self.steps[place] = Step { threshold, question, left: first as u32 };
            let mut children = [(left, first), (right, first + 1)];
            children.sort_by_key(|&(child, _)| tree.n_rows(child));
            waiting.extend(children);
        }
    }

    /// Adds what these trees, of one value in a leaf, say of a row to its scores, tree by tree.
    pub(super) fn add_trees(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        if row.len() <= NARROW && trees.len() > 2 * LANES {
            let mut keys = [[0; 2]; NARROW];
            for (place, &value) in keys.iter_mut().zip(row) {
                let key = key(value);
                *place = [key, key.wrapping_sub(1)];
            }
            self.add_from(trees, &keys, scores);
        } else {
            self.add_from(trees, row, scores);
        }
    }

    fn add_from(&self, trees: Range<usize>, row: impl Keys, scores: &mut [f64]) {
        let (mut output, n_outputs) = (trees.start % scores.len(), scores.len());
        let (roots, depths) = (&self.roots[trees.clone()], &self.depths[trees]);
        for (group, depths) in roots.chunks(LANES).zip(depths.chunks(LANES)) {
            let mut at = [group[0]; LANES];
            at[..group.len()].copy_from_slice(group);
            let depth = depths.iter().copied().max().unwrap_or(0);
            for &leaf in &self.down(at, depth, row)[..group.len()] {
                scores[output] += self.value(self.number(leaf))[0];
                output = if output + 1 == n_outputs { 0 } else { output + 1 };
            }
        }
    }

    /// Tells what one tree says of each of some rows, whose keys are `keys`, `n_features` a row.
    #[inline]
    pub(crate) fn tell(
        &self,
        tree: usize,
        keys: &[i64],
        n_features: usize,
        mut tell: impl FnMut(usize, &[f64]),
    ) {
        let n_rows = keys.len().checked_div(n_features).unwrap_or(0);
        let root = self.roots[tree];
        let mut at = [root; ROWS];
        let mut rows: [usize; ROWS] = std::array::from_fn(|row| row);
        let mut leaves = vec![0; n_rows];
        let (mut n_walking, mut n_begun) = (n_rows.min(ROWS), n_rows.min(ROWS));
        while n_walking > 0 {
            let mut place = 0;
            while place < n_walking {
                let (here, row) = (at[place % ROWS], rows[place % ROWS]);
                let next = self.next(here, KeysAt { keys, first: row * n_features });
                if next != here {
                    at[place % ROWS] = next;
                    simd::prefetch(&self.steps, next as usize);
                    place += 1;
                    continue;
                }
                // It has reached a leaf, and another row takes its place. What the leaf says may be far away.
                leaves[row] = self.number(here);
                simd::prefetch(&self.values, leaves[row] as usize * self.width);
                if n_begun < n_rows {
                    (at[place % ROWS], rows[place % ROWS]) = (root, n_begun);
                    n_begun += 1;
                } else {
                    n_walking -= 1;
                    (at[place % ROWS], rows[place % ROWS]) = (at[n_walking % ROWS], rows[n_walking % ROWS]);
                }
            }
        }
        leaves.iter().enumerate().for_each(|(row, &leaf)| tell(row, self.value(leaf)));
    }

    /// Which of all leaves a place is.
    #[inline]
    fn number(&self, place: u32) -> u32 {
        (self.steps[place as usize].threshold - LEAVES) as u32
    }

    #[inline]
    fn value(&self, number: u32) -> &[f64] {
        let first = number as usize * self.width;
        &self.values[first..first + self.width]
    }

    /// The leaves that a row reaches from some nodes.
    #[inline]
    fn down(&self, mut at: [u32; LANES], depth: u32, row: impl Keys) -> [u32; LANES] {
        for _ in 0..depth.div_ceil(STRIDE as u32) {
            let before = at;
            for _ in 0..STRIDE {
                for lane in 0..LANES {
                    at[lane] = self.next(at[lane], row);
                }
            }
            // Only leaves lead to themselves.
            if at == before {
                break;
            }
        }
        at
    }

    #[inline]
    fn next(&self, at: u32, row: impl Keys) -> u32 {
        let step = &self.steps[at as usize];
        if step.question & CATEGORIES != 0 {
            let key = row.key((step.question & !CATEGORIES) / 2);
            return step.left + u32::from(!self.is_among(step.threshold, key, step.question & 1 == 0));
        }
        step.left + u32::from(row.asked(step.question) > step.threshold)
    }

    fn is_among(&self, place: i64, key: i64, missing_left: bool) -> bool {
        if key == MISSING {
            return missing_left;
        }
        let (start, length) = ((place as u64 >> 32) as usize, place as u32 as usize);
        has(&self.words[start..start + length], unkey(key))
    }
}
