//! Rows down one deep tree at a time, in nodes of eight bytes.
//!
//! A node of a deep tree is seldom in the nearest cache. So nodes are half as large as those of [`Walk`](super::walk),
//! and rows walk side by side without branches: while one waits for its node, the processor goes on with others.

use perennial_numeric::reduce;

use crate::tree::Tree;
use crate::tree::structure::{LEAF, Node};

use super::walk::key;

/// Rows that walk down a tree side by side.
const MANY: usize = 16;
/// And where there are not as many.
const SOME: usize = 4;
/// Steps between two looks at which rows are at leaves.
const STRIDE: usize = 4;
/// Bits of a key that a code leaves out; one more says whether they were all 0.
const LEFT_OUT: u32 = 33;
/// The codes of a missing value: below those of all thresholds, and above those, but below those of leaves.
const MISSING_LEFT: i32 = i32::MIN;
const MISSING_RIGHT: i32 = LEAVES - 1;
/// The threshold of the first leaf. No code is larger than that of infinity, two below.
const LEAVES: i32 = 0x7ff0_0002;

/// Whole numbers of 32 bits in the order of the numbers.
///
/// Different codes are in the order of their numbers. Of equal codes, even ones are of equal numbers, and odd ones say
/// nothing.
#[inline]
fn code(value: f64) -> i32 {
    let key = key(value);
    (key >> LEFT_OUT << 1) as i32 | i32::from(key & ((1 << LEFT_OUT) - 1) != 0)
}

/// A feature with the side where its missing values go.
type Column = (u32, bool);

/// Its children lie side by side; a leaf leads to itself.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Codes above this go right. For a leaf, its number above [`LEAVES`].
    threshold: i32,
    /// The place of the left child, and in the lowest bits the column.
    link: u32,
}

#[derive(Clone, Debug, Default)]
struct Way {
    steps: Vec<Step>,
    /// The thresholds, for numbers whose codes say nothing.
    thresholds: Vec<f64>,
    /// What the leaves say.
    values: Vec<f64>,
}

/// Trees that ask for thresholds, and no categories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    columns: Vec<Column>,
    /// How many bits of a link are for the column.
    column_bits: u32,
    ways: Vec<Way>,
}

/// Some rows, and their codes: those of each row side by side, and a row more for lanes without one.
#[derive(Debug)]
struct Coded<'r> {
    rows: &'r [f64],
    n_features: usize,
    n_rows: usize,
    codes: Vec<i32>,
}

impl Narrow {
    /// Lays out trees; `None` where one asks for categories or is too large.
    pub(crate) fn new(trees: &[Tree]) -> Option<Self> {
        let mut columns: Vec<Column> = Vec::new();
        for tree in trees {
            let n_features = tree.n_features();
            let mut asked = vec![[false; 2]; n_features];
            for node in tree.nodes().iter().filter(|node| node.feature != LEAF) {
                if tree.words(node).is_some() {
                    return None;
                }
                asked[node.feature as usize][usize::from(node.missing_left)] = true;
            }
            for (feature, sides) in (0..).zip(asked) {
                columns.extend((0..2).filter(|&side| sides[side]).map(|side| (feature, side == 1)));
            }
            columns.sort_unstable();
            columns.dedup();
        }
        if columns.is_empty() {
            columns.push((0, true));
        }
        let column_bits = columns.len().next_power_of_two().ilog2();
        let most_nodes = (1_u64 << (32 - column_bits)).min((i32::MAX - LEAVES) as u64);
        if trees.iter().any(|tree| tree.n_nodes() as u64 >= most_nodes) {
            return None;
        }
        let mut narrow = Narrow { columns, column_bits, ways: Vec::new() };
        narrow.ways = reduce::map_each(trees.len(), |index| narrow.way(&trees[index]));
        Some(narrow)
    }

    fn way(&self, tree: &Tree) -> Way {
        let n_leaves = tree.n_leaves();
        let mut way = Way {
            steps: Vec::with_capacity(tree.n_nodes()),
            thresholds: vec![f64::INFINITY; tree.n_nodes()],
            values: Vec::with_capacity(n_leaves * tree.n_values()),
        };
        way.steps.push(Step::default());
        let (mut n_leaves, mut waiting) = (0, vec![(0, 0)]);
        while let Some((index, place)) = waiting.pop() {
            let Some((left, right)) = tree.children(index) else {
                way.steps[place] =
                    Step { threshold: LEAVES + n_leaves, link: (place as u32) << self.column_bits };
                n_leaves += 1;
                way.values.extend_from_slice(tree.value(index));
                continue;
            };
            let node = &tree.nodes()[index];
            let first = way.steps.len();
            let link = (first as u32) << self.column_bits | self.column_of(node);
            way.steps[place] = Step { threshold: code(node.threshold), link };
            way.thresholds[place] = node.threshold;
            way.steps.extend([Step::default(); 2]);
            // The way that most rows go lies next to where they come from.
            let mut children = [(left, first), (right, first + 1)];
            children.sort_by_key(|&(child, _)| tree.n_rows(child));
            waiting.extend(children);
        }
        way
    }

    fn column_of(&self, node: &Node) -> u32 {
        self.columns.binary_search(&(node.feature, node.missing_left)).unwrap_or(0) as u32
    }

    fn coded<'r>(&self, rows: &'r [f64], n_features: usize) -> Coded<'r> {
        let n_rows = rows.len().checked_div(n_features).unwrap_or(0);
        let mut codes = Vec::with_capacity((n_rows + 1) * self.columns.len());
        for row in rows.chunks_exact(n_features.max(1)) {
            codes.extend(self.columns.iter().map(|&(feature, missing_left)| {
                let value = row[feature as usize];
                match (value.is_nan(), missing_left) {
                    (false, _) => code(value),
                    (true, true) => MISSING_LEFT,
                    (true, false) => MISSING_RIGHT,
                }
            }));
        }
        codes.resize((n_rows + 1) * self.columns.len(), MISSING_LEFT);
        Coded { rows, n_features, n_rows, codes }
    }

    /// Tells what each tree, one after another, says of each of some rows of `n_features` numbers.
    pub(crate) fn tell(&self, rows: &[f64], n_features: usize, mut tell: impl FnMut(usize, &[f64])) {
        let coded = self.coded(rows, n_features);
        let mut leaves = Vec::new();
        for way in &self.ways {
            match coded.n_rows {
                ..SOME => self.down::<1>(way, &coded, &mut leaves),
                SOME..MANY => self.down::<SOME>(way, &coded, &mut leaves),
                MANY.. => self.down::<MANY>(way, &coded, &mut leaves),
            }
            let width = way.values.len() / way.steps.len().div_ceil(2);
            for (row, &leaf) in leaves[..coded.n_rows].iter().enumerate() {
                tell(row, &way.values[leaf as usize * width..][..width]);
            }
        }
    }

    /// The number of the leaf of each row.
    fn down<const LANES: usize>(&self, way: &Way, coded: &Coded<'_>, leaves: &mut Vec<u32>) {
        let n_rows = coded.n_rows;
        leaves.clear();
        leaves.resize(n_rows + 1, 0);
        let mut at = [0; LANES];
        let mut rows: [usize; LANES] = std::array::from_fn(|lane| lane.min(n_rows));
        let (mut n_begun, mut n_done) = (LANES, 0);
        while n_done < n_rows {
            for _ in 0..STRIDE {
                for (at, row) in at.iter_mut().zip(rows) {
                    *at = self.next(way, *at, coded, row);
                }
            }
            for (at, row) in at.iter_mut().zip(&mut rows) {
                // A number that is no leaf's is written over later. Which rows are at leaves cannot be foreseen, so
                // there are no branches here either.
                let threshold = way.steps[*at as usize].threshold;
                leaves[*row] = threshold.wrapping_sub(LEAVES) as u32;
                let arrived = threshold >= LEAVES;
                n_done += usize::from(arrived && *row < n_rows);
                *at = if arrived { 0 } else { *at };
                *row = if arrived { n_begun.min(n_rows) } else { *row };
                n_begun += usize::from(arrived);
            }
        }
    }

    #[inline]
    fn next(&self, way: &Way, at: u32, coded: &Coded<'_>, row: usize) -> u32 {
        let Step { threshold, link } = way.steps[at as usize];
        let column = (link & ((1 << self.column_bits) - 1)) as usize;
        let code = coded.codes[row * self.columns.len() + column];
        let left = link >> self.column_bits;
        if code == threshold {
            return left + u32::from(self.is_above(way, at, coded, row, column));
        }
        left + u32::from(code > threshold)
    }

    /// Whether a number with the code of its threshold is above it.
    #[cold]
    fn is_above(&self, way: &Way, at: u32, coded: &Coded<'_>, row: usize, column: usize) -> bool {
        let place = row * coded.n_features + self.columns[column].0 as usize;
        coded.rows.get(place).is_some_and(|&value| value > way.thresholds[at as usize])
    }
}
