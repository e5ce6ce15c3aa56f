//! Rows down trees, several at a time.

use std::ops::Range;

use perennial_numeric::simd;

use crate::tree::Tree;
use crate::tree::structure::has;

/// Trees that one row walks down at a time, so that the waits for their nodes overlap.
const LANES: usize = 8;
/// Rows that walk down one tree at a time, for the same reason.
const ROWS: usize = 32;
/// Steps between two looks at whether the walk is over.
const STRIDE: usize = 4;
/// Numbers of a row that have a place ready for their keys.
const NARROW: usize = 256;
/// The node asks for categories; the bits of its threshold say which words.
const CATEGORIES: u32 = 1 << 31;
/// The most features that a step can name.
pub(crate) const MOST_FEATURES: usize = (CATEGORIES / 2) as usize;
/// What a step leads to is a leaf, whose number the other bits are.
const LEAF: u32 = 1 << 31;
/// Leaves looked back at for one that says the same.
const KNOWN: usize = 256;
/// The key of a missing value: below all others.
const MISSING: i64 = i64::MIN;

/// A question, and what it leads to.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The key of the threshold: larger keys go right. One less where missing values go right: one is taken from the
    /// key too, which takes that of a missing value round to the largest.
    threshold: i64,
    /// Twice the feature, and one more where rows without a value go right; and whether it asks for categories.
    question: u32,
    /// On the left and on the right the number of a step, or that of a leaf, marked.
    next: [u32; 2],
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

/// What leaves say.
#[derive(Clone, Debug, Default)]
struct Leaves {
    values: Vec<f64>,
    /// The numbers in each.
    width: usize,
    /// Some that were seen lately.
    known: Vec<u32>,
}

impl Leaves {
    fn new(width: usize) -> Self {
        Leaves { values: Vec::new(), width, known: vec![LEAF; KNOWN] }
    }

    /// The number of a leaf, marked. Leaves that say the same share one where that is seen: in trees of full depth
    /// most do, and what they say stays in the nearest cache.
    fn number(&mut self, value: &[f64]) -> u32 {
        let mixed = value.iter().fold(0, |mixed: u64, part| {
            (mixed.rotate_left(29) ^ part.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let place = (mixed >> 56) as usize % KNOWN;
        let same = |a: &[f64]| a.iter().zip(value).all(|(a, b)| a.to_bits() == b.to_bits());
        if self.known[place] == LEAF || !same(self.values(self.known[place])) {
            self.known[place] = (self.values.len() / self.width) as u32;
            self.values.extend_from_slice(value);
        }
        self.known[place] | LEAF
    }

    /// Gives back the memory that only those to come would need.
    fn close(&mut self) {
        self.known = Vec::new();
        self.values.shrink_to_fit();
    }

    /// What a leaf says.
    #[inline]
    fn values(&self, leaf: u32) -> &[f64] {
        let first = (leaf & !LEAF) as usize * self.width;
        &self.values[first..first + self.width]
    }
}

/// Adds the questions of a tree to `steps`, one at least. `step` makes one of a node and of where it leads to: on the left
/// and on the right the number of a step, or that of a leaf, marked. The way that most rows go lies next to where they
/// come from.
fn lay_out(
    tree: &Tree,
    leaves: &mut Leaves,
    steps: &mut Vec<Step>,
    mut step: impl FnMut(usize, [u32; 2]) -> Step,
) {
    let mut waiting = vec![(0, steps.len())];
    steps.push(Step::default());
    while let Some((index, place)) = waiting.pop() {
        let Some((left, right)) = tree.children(index) else {
            // The root is a leaf: whatever is asked leads there.
            steps[place] = step(index, [leaves.number(tree.value(index)); 2]);
            continue;
        };
        let mut children = [(0, left), (1, right)];
        children.sort_by_key(|&(_, child)| tree.n_rows(child));
        let mut next = [0; 2];
        for (side, child) in children {
            if tree.children(child).is_none() {
                next[side] = leaves.number(tree.value(child));
            } else {
                next[side] = steps.len() as u32;
                waiting.push((child, steps.len()));
                steps.push(Step::default());
            }
        }
        steps[place] = step(index, next);
    }
}

/// Tells the leaf of each of some rows; `next` says where a row goes from a step.
///
/// Several rows walk at a time, and each lane takes its next row as soon as it is through with one: nothing in this has
/// a branch that could be guessed wrongly.
#[inline]
fn leaves_of(
    n_rows: usize,
    root: u32,
    steps: &[Step],
    next: impl Fn(u32, usize) -> u32,
    mut tell: impl FnMut(usize, u32),
) {
    // What is left over is at least one row, so that there is one to look at for a lane that is through with its own.
    let share = n_rows.saturating_sub(1) / ROWS;
    // After the rows of each lane is a place of no meaning.
    let mut leaves = vec![0; ROWS * (share + 1)];
    let mut at = [root; ROWS];
    let mut done = [0_usize; ROWS];
    while done.iter().any(|&done| done < share) {
        for _ in 0..STRIDE {
            for lane in 0..ROWS {
                let row = lane * share + done[lane];
                let next = next(at[lane], row);
                leaves[row + lane] = next;
                let is_leaf = next / LEAF;
                let goes_on = is_leaf.wrapping_sub(1);
                at[lane] = (next & goes_on) | (root & !goes_on);
                // It is asked for when the other lanes have gone on.
                simd::prefetch(steps, at[lane] as usize);
                done[lane] = (done[lane] + is_leaf as usize).min(share);
            }
        }
    }
    for (lane, leaves) in leaves.chunks_exact(share + 1).enumerate() {
        for (place, &leaf) in leaves[..share].iter().enumerate() {
            tell(lane * share + place, leaf);
        }
    }
    for row in ROWS * share..n_rows {
        let mut at = root;
        while at & LEAF == 0 {
            at = next(at, row);
        }
        tell(row, at);
    }
}

/// The questions of all trees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk {
    steps: Vec<Step>,
    leaves: Leaves,
    roots: Vec<Root>,
    words: Vec<u64>,
}

/// Where a tree begins among the steps.
#[derive(Clone, Copy, Debug, Default)]
struct Root {
    step: u32,
    /// The number of questions on the longest way down.
    depth: u32,
    asks_categories: bool,
}

impl Walk {
    /// Lays out trees whose leaves hold `width` values.
    pub(crate) fn new(trees: &[Tree], width: usize) -> Self {
        let mut walk = Walk { leaves: Leaves::new(width), ..Walk::default() };
        walk.steps.reserve_exact(trees.iter().map(|tree| (tree.n_nodes() / 2).max(1)).sum());
        trees.iter().for_each(|tree| walk.add(tree));
        walk.leaves.close();
        walk
    }

    fn add(&mut self, tree: &Tree) {
        let Walk { steps, leaves, roots, words: all_words } = self;
        let step = steps.len() as u32;
        let mut asks_categories = false;
        lay_out(tree, leaves, steps, |index, next| {
            if tree.children(index).is_none() {
                return Step { next, ..Step::default() };
            }
            let node = &tree.nodes()[index];
            let missing_right = !node.missing_left;
            let mut question = 2 * node.feature + u32::from(missing_right);
            let threshold = match tree.words(node) {
                None => key(node.threshold) - i64::from(missing_right),
                Some(words) => {
                    asks_categories = true;
                    question |= CATEGORIES;
                    let start = all_words.len() as u64;
                    all_words.extend_from_slice(words);
                    (start << 32 | words.len() as u64) as i64
                }
            };
            Step { threshold, question, next }
        });
        roots.push(Root { step, depth: (tree.depth() as u32).max(1), asks_categories });
    }

    /// Adds what these trees, of one value in a leaf, say of a row to its scores, tree by tree.
    pub(super) fn add_trees(&self, trees: Range<usize>, row: &[f64], scores: &mut [f64]) {
        if row.is_empty() {
            // Without features there are no questions.
            self.add_from(trees, &[0.0][..], scores);
        } else if row.len() <= NARROW && trees.len() > 2 * LANES {
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
        for roots in self.roots[trees].chunks(LANES) {
            for &leaf in &self.down(roots, row)[..roots.len()] {
                scores[output] += self.leaves.values(leaf)[0];
                output = if output + 1 == n_outputs { 0 } else { output + 1 };
            }
        }
    }

    /// The leaves that a row reaches in some trees.
    #[inline]
    fn down(&self, roots: &[Root], row: impl Keys) -> [u32; LANES] {
        let mut at: [u32; LANES] = std::array::from_fn(|lane| roots[lane % roots.len()].step);
        let mut leaves = [0; LANES];
        let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
        for _ in 0..depth.div_ceil(STRIDE as u32) {
            for _ in 0..STRIDE {
                for lane in 0..LANES {
                    let next = self.next::<true>(at[lane], row);
                    // At a leaf the last question is asked again, with the same answer.
                    leaves[lane] = next;
                    at[lane] = if next & LEAF == 0 { next } else { at[lane] };
                }
            }
            if leaves.iter().all(|next| next & LEAF != 0) {
                break;
            }
        }
        leaves
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
        let row = |row: usize| KeysAt { keys, first: row * n_features };
        let tell = |row, leaf| tell(row, self.leaves.values(leaf));
        if root.asks_categories {
            leaves_of(n_rows, root.step, &self.steps, |at, index| self.next::<true>(at, row(index)), tell);
        } else {
            leaves_of(n_rows, root.step, &self.steps, |at, index| self.next::<false>(at, row(index)), tell);
        }
    }

    #[inline(always)]
    fn next<const CATEGORICAL: bool>(&self, at: u32, row: impl Keys) -> u32 {
        let step = &self.steps[at as usize];
        if CATEGORICAL && step.question & CATEGORIES != 0 {
            let key = row.key((step.question & !CATEGORIES) / 2);
            return step.next[usize::from(!self.is_among(step.threshold, key, step.question & 1 == 0))];
        }
        step.next[usize::from(row.asked(step.question) > step.threshold)]
    }

    fn is_among(&self, place: i64, key: i64, missing_left: bool) -> bool {
        if key == MISSING {
            return missing_left;
        }
        let (start, length) = ((place as u64 >> 32) as usize, place as u32 as usize);
        has(&self.words[start..start + length], unkey(key))
    }
}
