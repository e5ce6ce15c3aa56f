//! Many rows at a time: values become ranks among the thresholds, and every question of a tree is asked of all rows.
//!
//! With ranks in bytes, a question compares and moves 32 rows in a few instructions, and no row waits for memory. This
//! is the idea of QuickScorer (Lucchese and others, 2015), with leaf numbers in the place of its bit vectors.

use perennial_numeric::simd;

use super::coding::{Coding, codings_of};
use super::walk::Walk;
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
struct Question {
    column: u32,
    /// Which table says where the codes of categories go.
    table: u32,
    /// Codes above this go right.
    at: u8,
    /// The first leaf under the node.
    first: u8,
    /// From there to the first leaf of its right child.
    jump: u8,
}

/// A tree to ask.
#[derive(Clone, Debug, Default)]
struct Asked {
    questions: Vec<Question>,
    /// Where each code of a category goes: 1 is right.
    tables: Vec<[u8; 256]>,
    /// What the leaves add, from left to right. Their number is a power of two, for the sake of cheap bounds.
    values: Vec<f64>,
}

/// Some trees one after another that share their codes.
#[derive(Clone, Debug)]
struct Segment {
    first_tree: usize,
    codings: Vec<Coding>,
    n_columns: usize,
    /// The trees; `None` for one with too many leaves, thresholds or categories, that each row walks down.
    trees: Vec<Option<Asked>>,
}

/// All trees, in segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    segments: Vec<Segment>,
}

impl Blocks {
    pub(super) fn new(trees: &[Tree]) -> Self {
        let mut segments = Vec::new();
        let mut first_tree = 0;
        while first_tree < trees.len() {
            let (codings, n_columns, n_trees) =
                codings_of(&trees[first_tree..], |tree| tree.n_leaves() <= MOST_LEAVES);
            let trees = trees[first_tree..first_tree + n_trees].iter().map(|tree| Asked::new(tree, &codings));
            segments.push(Segment { first_tree, n_columns, trees: trees.collect(), codings });
            first_tree += n_trees;
        }
        Blocks { segments }
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
                walk.add_trees(0..n_trees, &rows[row * n_features..(row + 1) * n_features], scores);
            }
            return;
        }
        let most = self.segments.iter().map(|segment| segment.n_columns).max().unwrap_or(0);
        let mut codes = vec![[0; ROWS]; most];
        let blocks = rows.chunks(ROWS * n_features).zip(scores.chunks_mut(ROWS * n_outputs));
        simd::widest(|| {
            for (rows, scores) in blocks {
                for segment in self.segments.iter().take_while(|segment| segment.first_tree < n_trees) {
                    segment.add(n_trees, walk, rows, n_features, &mut codes, scores, n_outputs);
                }
            }
        });
    }
}

impl Segment {
    #[inline(always)]
    #[expect(clippy::too_many_arguments)]
    fn add(
        &self,
        n_trees: usize,
        walk: &Walk,
        rows: &[f64],
        n_features: usize,
        codes: &mut [Column],
        scores: &mut [f64],
        n_outputs: usize,
    ) {
        for coding in &self.codings {
            coding.fill(rows, n_features, codes);
        }
        for (tree, asked) in (self.first_tree..n_trees).zip(&self.trees) {
            let scores = scores[tree % n_outputs..].iter_mut().step_by(n_outputs);
            match asked {
                Some(asked) => asked.add(codes, scores),
                None => {
                    for (score, row) in scores.zip(rows.chunks_exact(n_features)) {
                        *score += walk.tree_value(tree, row);
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

    #[inline(always)]
    fn add<'s>(&self, codes: &[Column], scores: impl Iterator<Item = &'s mut f64>) {
        let mut leaves = [0_u8; ROWS];
        let mut sides = [0_u8; ROWS];
        for question in &self.questions {
            let mut column = &codes[question.column as usize];
            if question.table != NO_TABLE {
                let table = &self.tables[question.table as usize];
                for (side, &code) in sides.iter_mut().zip(column) {
                    *side = table[code as usize];
                }
                column = &sides;
            }
            for (leaf, &code) in leaves.iter_mut().zip(column) {
                let goes = (*leaf == question.first) & (code > question.at);
                *leaf += if goes { question.jump } else { 0 };
            }
        }
        let last = self.values.len() - 1;
        for (score, &leaf) in scores.zip(&leaves) {
            *score += self.values[leaf as usize & last];
        }
    }
}
