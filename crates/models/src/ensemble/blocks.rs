//! Many rows at a time: values become ranks among the thresholds, and every question of a tree is asked of all rows.
//!
//! With ranks in bytes, a question compares and moves 32 rows in a few instructions, and no row waits for memory. This
//! is the idea of QuickScorer (Lucchese and others, 2015), with leaf numbers in the place of its bit vectors.

use perennial_numeric::simd::{self, Kernel};

use super::coding::{Coding, codings_of};
use super::single::Single;
use super::walk::{RowKeys, Walk};
use crate::tree::Tree;

/// Rows that questions are asked of at a time: their codes stay in the nearest cache.
pub(super) const ROWS: usize = 256;
/// Rows that are too few to be worth their codes.
const FEW: usize = 16;
/// The most leaves of a tree whose questions are all asked.
const MOST_LEAVES: usize = 256;
/// The table of a question for a threshold.
const NO_TABLE: u32 = u32::MAX;

/// The codes of one column of a block.
pub(super) type Column = [u8; ROWS];

/// A question in the order of the nodes.
///
/// Leaves are numbered from left to right. A row is at a node, of those asked so far, when its leaf so far is the
/// first one under that node; it goes right by taking the first leaf of the right child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) column: u32,
    /// Which table says where the codes of categories go.
    pub(super) table: u32,
    /// Codes above this go right.
    pub(super) at: u8,
    /// The first leaf under the node.
    pub(super) first: u8,
    /// From there to the first leaf of its right child.
    pub(super) jump: u8,
}

impl Question {
    /// Whether it is about categories.
    pub(super) fn has_table(&self) -> bool {
        self.table != NO_TABLE
    }
}

/// A tree to ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) questions: Vec<Question>,
    /// Where each code of a category goes: 1 is right.
    pub(super) tables: Vec<[u8; 256]>,
    /// What the leaves add, from left to right. Their number is a power of two, for the sake of cheap bounds.
    pub(super) values: Vec<f64>,
}

/// Some trees one after another.
#[derive(Clone, Debug)]
struct Segment {
    first_tree: usize,
    n_trees: usize,
    /// The codes that the trees share, and the trees; nothing where rows walk.
    codings: Vec<Coding>,
    n_columns: usize,
    asked: Vec<Asked>,
    /// How single rows are answered, where that is faster than a walk.
    single: Option<Single>,
}

/// All trees, in segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    segments: Vec<Segment>,
}

impl Blocks {
    pub(super) fn new(trees: &[Tree]) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        let mut first_tree = 0;
        while first_tree < trees.len() {
            let rest = &trees[first_tree..];
            let (codings, n_columns, n_coded) = codings_of(rest, |tree| tree.n_leaves() <= MOST_LEAVES);
            // A tree is asked in the time that two values take to become codes, and walked in that of several.
            let asked = if codings.len() > 2 * n_coded {
                None
            } else {
                rest[..n_coded].iter().map(|tree| Asked::new(tree, &codings)).collect::<Option<Vec<_>>>()
            };
            let n_trees = n_coded.max(1);
            match (asked, segments.last_mut()) {
                (Some(asked), _) if n_coded > 0 => {
                    let single = Single::new(&codings, &asked);
                    segments.push(Segment { first_tree, n_trees, codings, n_columns, asked, single });
                }
                (_, Some(last)) if last.asked.is_empty() => last.n_trees += n_trees,
                _ => segments.push(Segment {
                    first_tree,
                    n_trees,
                    codings: Vec::new(),
                    n_columns: 0,
                    asked: Vec::new(),
                    single: None,
                }),
            }
            first_tree += n_trees;
        }
        Blocks { segments }
    }

    /// Adds what the first `n_trees` trees say of one row to its scores, tree by tree.
    pub(super) fn add_trees_to_row(&self, n_trees: usize, walk: &Walk, row: &[f64], scores: &mut [f64]) {
        // Neighbouring segments are walked together: the keys of the row are made once.
        let mut walked = 0;
        for segment in self.segments.iter().take_while(|segment| segment.first_tree < n_trees) {
            let (first, end) = (segment.first_tree, segment.first_tree + segment.n_trees);
            let Some(single) = segment.single.as_ref().filter(|_| end <= n_trees) else { continue };
            if walked < first {
                walk.add_trees(walked..first, row, scores);
            }
            single.add(&segment.codings, first, row, scores);
            walked = end;
        }
        if walked < n_trees {
            walk.add_trees(walked..n_trees, row, scores);
        }
    }

    /// Adds what the first `n_trees` trees say of some rows to their scores, tree by tree.
    pub(super) fn add_trees(
        &self,
        n_trees: usize,
        walk: &Walk,
        rows: &[f64],
        n_features: usize,
        scores: &mut [f64],
        n_outputs: usize,
    ) {
        if n_features == 0 || scores.len() / n_outputs < FEW {
            for (row, scores) in scores.chunks_exact_mut(n_outputs).enumerate() {
                let row = &rows[row * n_features..(row + 1) * n_features];
                self.add_trees_to_row(n_trees, walk, row, scores);
            }
            return;
        }
        let most = self.segments.iter().map(|segment| segment.n_columns).max().unwrap_or(0);
        let mut codes = vec![[0; ROWS]; most];
        let walks = self.segments.iter().any(|segment| segment.asked.is_empty());
        let mut leaves = Vec::new();
        for (rows, scores) in rows.chunks(ROWS * n_features).zip(scores.chunks_mut(ROWS * n_outputs)) {
            let keys = walks.then(|| RowKeys::new(rows, n_features));
            for segment in self.segments.iter().take_while(|segment| segment.first_tree < n_trees) {
                for coding in &segment.codings {
                    coding.fill(rows, n_features, &mut codes);
                }
                for place in 0..segment.n_trees.min(n_trees - segment.first_tree) {
                    let tree = segment.first_tree + place;
                    let output = tree % n_outputs;
                    match (segment.asked.get(place), &keys) {
                        (Some(asked), _) => {
                            asked.add(&codes, scores[output..].iter_mut().step_by(n_outputs));
                        }
                        (None, Some(keys)) => walk.tell(tree, rows, keys, &mut leaves, |row, value| {
                            scores[row * n_outputs + output] += value[0];
                        }),
                        (None, None) => {}
                    }
                }
            }
        }
    }
}

impl Asked {
    /// The questions of a tree whose thresholds and categories have codes.
    fn new(tree: &Tree, codings: &[Coding]) -> Option<Self> {
        let mut asked = Asked::default();
        // From the root to the first leaf, and on to the next from the left.
        let mut first = vec![0_usize; tree.n_nodes()];
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            first[node] = asked.values.len();
            match tree.children(node) {
                Some((left, right)) => waiting.extend([right, left]),
                None => asked.values.push(tree.value(node)[0]),
            }
        }
        if asked.values.len() > MOST_LEAVES {
            return None;
        }
        asked.values.resize(asked.values.len().next_power_of_two(), 0.0);
        for (index, node) in tree.nodes().iter().enumerate() {
            let Some((_, right)) = tree.children(index) else { continue };
            let words = tree.words(node);
            let coding = codings.iter().find(|coding| coding.is_for(node.feature, words.is_some()))?;
            let (column, at) = coding.place(node.threshold, node.missing_left)?;
            let mut table = NO_TABLE;
            if let Some(words) = words {
                table = asked.tables.len() as u32;
                asked.tables.push(coding.table(words, node.missing_left)?);
            }
            let jump = (first[right] - first[index]) as u8;
            asked.questions.push(Question { column, table, at, first: first[index] as u8, jump });
        }
        Some(asked)
    }

    fn add<'s>(&self, codes: &[Column], scores: impl Iterator<Item = &'s mut f64>) {
        let leaves = simd::widest(Leaves { asked: self, codes });
        let last = self.values.len() - 1;
        for (score, &leaf) in scores.zip(&leaves) {
            *score += self.values[leaf as usize & last];
        }
    }
}

/// The leaves that the rows of a block reach, counted from the left.
struct Leaves<'a> {
    asked: &'a Asked,
    codes: &'a [Column],
}

impl Kernel for Leaves<'_> {
    type Output = [u8; ROWS];

    #[inline(always)]
    fn run(self) -> [u8; ROWS] {
        let mut leaves = [0_u8; ROWS];
        let mut sides = [0_u8; ROWS];
        for question in &self.asked.questions {
            let mut column = &self.codes[question.column as usize];
            if question.has_table() {
                let table = &self.asked.tables[question.table as usize];
                for (side, &code) in sides.iter_mut().zip(column) {
                    *side = table[code as usize];
                }
                column = &sides;
            }
            // Without a branch, and with nothing that could overflow, so that many rows go at once.
            for row in 0..ROWS {
                let goes = u8::from(leaves[row] == question.first) & u8::from(column[row] > question.at);
                leaves[row] = leaves[row].wrapping_add(question.jump & goes.wrapping_neg());
            }
        }
        leaves
    }
}
