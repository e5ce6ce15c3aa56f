//! Values as bytes: the rank among the thresholds of some trees, or the place among their categories.

use std::collections::{BTreeMap, BTreeSet};

use perennial_numeric::at_once::Ladder;

use super::blocks::ROWS;
use crate::tree::Tree;
use crate::tree::structure::{LEAF, has};

/// The most thresholds, or categories, of a feature: with them, a rank and the code of missing values fit in a byte.
const MOST: usize = 254;
/// The code of a missing value: above all thresholds, and a category of its own.
pub(super) const MISSING: u8 = 255;

/// Thresholds, as bits in their order, or categories that some trees ask a feature for.
type Asked = BTreeMap<Key, BTreeSet<u64>>;

/// A feature, and whether it is asked for categories.
type Key = (u32, bool);

/// How the values of a feature become codes.
#[derive(Clone, Debug)]
pub(super) struct Coding {
    feature: u32,
    codes: Codes,
}

#[derive(Clone, Debug)]
enum Codes {
    /// The number of thresholds below the value. A missing value is below all of them in one column, where those go
    /// left, and above all of them in another.
    Ranks { cuts: Box<[f64; 256]>, n_cuts: usize, missing_left: Option<u32>, missing_right: Option<u32> },
    /// One more than the place among the categories; 0 for those that are in no set.
    Categories { known: Vec<u64>, column: u32 },
}

/// The codings that as many as possible of the first trees can share, the number of their columns, and that of the trees.
pub(super) fn codings_of(trees: &[Tree], fits: impl Fn(&Tree) -> bool) -> (Vec<Coding>, usize, usize) {
    let mut shared = Asked::new();
    // Whether some node sends missing values of a feature right, and some left.
    let mut sides: BTreeMap<u32, [bool; 2]> = BTreeMap::new();
    let mut n_trees = 0;
    for tree in trees {
        let alone = asked_by(tree);
        let together = |(key, asked): (&Key, &BTreeSet<u64>)| match shared.get(key) {
            None => asked.len() <= MOST,
            Some(shared) => asked.difference(shared).count() + shared.len() <= MOST,
        };
        if !fits(tree) || !alone.iter().all(together) {
            break;
        }
        for (key, asked) in alone {
            shared.entry(key).or_default().extend(asked);
        }
        for node in tree.nodes().iter().filter(|node| node.feature != LEAF) {
            sides.entry(node.feature).or_default()[usize::from(node.missing_left)] = true;
        }
        n_trees += 1;
    }
    let mut n_columns = 0;
    let mut column = || {
        n_columns += 1;
        n_columns - 1
    };
    let codings = shared.into_iter().map(|((feature, categorical), asked)| {
        if categorical {
            return Coding {
                feature,
                codes: Codes::Categories { known: asked.into_iter().collect(), column: column() },
            };
        }
        let mut cuts = Box::new([f64::INFINITY; 256]);
        for (cut, &bits) in cuts.iter_mut().zip(&asked) {
            *cut = from_ordered(bits);
        }
        let [right, left] = sides.get(&feature).copied().unwrap_or_default();
        let (missing_left, missing_right) = (left.then(&mut column), right.then(&mut column));
        Coding { feature, codes: Codes::Ranks { cuts, n_cuts: asked.len(), missing_left, missing_right } }
    });
    (codings.collect(), n_columns as usize, n_trees)
}

fn asked_by(tree: &Tree) -> Asked {
    let mut asked = Asked::new();
    for node in tree.nodes().iter().filter(|node| node.feature != LEAF) {
        let words = tree.words(node);
        let asked = asked.entry((node.feature, words.is_some())).or_default();
        match words {
            None => {
                asked.insert(to_ordered(node.threshold));
            }
            Some(words) => {
                asked.extend((0..words.len() as u64 * 64).filter(|&category| has(words, category as f64)));
            }
        }
    }
    asked
}

/// Bits that are in the order of the numbers; both zeros have the same.
fn to_ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn from_ordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

impl Coding {
    pub(super) fn is_for(&self, feature: u32, categorical: bool) -> bool {
        self.feature == feature && categorical == matches!(self.codes, Codes::Categories { .. })
    }

    /// The column for a node, and the largest code that goes left; `None` where this coding has none.
    pub(super) fn place(&self, threshold: f64, missing_left: bool) -> Option<(u32, u8)> {
        match &self.codes {
            Codes::Categories { column, .. } => Some((*column, 0)),
            Codes::Ranks { cuts, n_cuts, missing_left: left, missing_right: right } => {
                let rank = cuts[..*n_cuts].partition_point(|&cut| cut < threshold);
                let known = cuts[rank] == threshold && rank < *n_cuts;
                let column = if missing_left { *left } else { *right };
                column.filter(|_| known).map(|column| (column, rank as u8))
            }
        }
    }

    /// Where the code of each category goes: 1 is right. `None` where a category of the set has no code.
    pub(super) fn table(&self, words: &[u64], missing_left: bool) -> Option<[u8; 256]> {
        let Codes::Categories { known, .. } = &self.codes else { return None };
        let mut table = [1; 256];
        table[MISSING as usize] = u8::from(!missing_left);
        for (side, &category) in table[1..].iter_mut().zip(known) {
            *side = u8::from(!has(words, category as f64));
        }
        let n_known = table[1..=known.len()].iter().filter(|&&side| side == 0).count();
        let n_words: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        (n_known == n_words).then_some(table)
    }

    /// The cuts between the ranks of a feature, and its columns: where missing values go left, and where they go right. Nothing for
    /// categories.
    pub(super) fn ladder(&self) -> Option<(Ladder, [Option<u32>; 2])> {
        match &self.codes {
            Codes::Ranks { cuts, n_cuts, missing_left, missing_right } => {
                Some((Ladder::new(&cuts[..*n_cuts])?, [*missing_left, *missing_right]))
            }
            Codes::Categories { .. } => None,
        }
    }

    /// The column of the codes of categories.
    pub(super) fn column(&self) -> Option<u32> {
        match &self.codes {
            Codes::Categories { column, .. } => Some(*column),
            Codes::Ranks { .. } => None,
        }
    }

    /// The feature.
    pub(super) fn feature(&self) -> usize {
        self.feature as usize
    }

    /// The code of a category, or the rank of a value.
    pub(super) fn code(&self, value: f64) -> u8 {
        match &self.codes {
            Codes::Ranks { cuts, n_cuts, .. } => cuts[..*n_cuts].partition_point(|&cut| cut < value) as u8,
            Codes::Categories { .. } if value.is_nan() => MISSING,
            Codes::Categories { known, .. } if value > -1.0 => {
                known.binary_search(&(value as u64)).map_or(0, |place| place as u8 + 1)
            }
            Codes::Categories { .. } => 0,
        }
    }

    /// Fills the columns of this feature for a block of rows.
    pub(super) fn fill(&self, rows: &[f64], n_features: usize, codes: &mut [[u8; ROWS]]) {
        let mut values = [0.0; ROWS];
        for (value, row) in values.iter_mut().zip(rows.chunks_exact(n_features)) {
            *value = row[self.feature as usize];
        }
        match &self.codes {
            Codes::Ranks { cuts, n_cuts, missing_left, missing_right } => {
                let ranks = ranks(&values, cuts, *n_cuts);
                if let Some(column) = missing_left {
                    codes[*column as usize] = ranks;
                }
                if let Some(column) = missing_right {
                    for ((code, rank), value) in codes[*column as usize].iter_mut().zip(ranks).zip(values) {
                        *code = if value.is_nan() { MISSING } else { rank };
                    }
                }
            }
            Codes::Categories { column, .. } => {
                for (code, &value) in codes[*column as usize].iter_mut().zip(&values) {
                    *code = self.code(value);
                }
            }
        }
    }
}

/// How many of the thresholds are below each value; none are below NaN.
fn ranks(values: &[f64; ROWS], cuts: &[f64; 256], n_cuts: usize) -> [u8; ROWS] {
    const LANES: usize = 8;
    let mut ranks = [0; ROWS];
    let n_steps = (n_cuts + 1).next_power_of_two().ilog2();
    for (ranks, values) in ranks.as_chunks_mut::<LANES>().0.iter_mut().zip(values.as_chunks::<LANES>().0) {
        // Searches of several values go on side by side, as each step of one waits for the last. Each is without
        // branches, which would be guessed wrongly half of the time.
        let mut found = [0_u8; LANES];
        for step in (0..n_steps).rev() {
            for lane in 0..LANES {
                let middle = found[lane] | ((1 << step) - 1);
                found[lane] |= u8::from(cuts[usize::from(middle)] < values[lane]) << step;
            }
        }
        *ranks = found;
    }
    ranks
}
