//! Values as bytes: the rank among the thresholds of some trees, or the place among their categories.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::ROWS;
use crate::tree::Tree;
use crate::tree::structure::has;

/// The most thresholds, or categories, of a feature: with them, a rank and the code of missing values fit in a byte.
const MOST: usize = 254;
/// The code of a missing value: above all thresholds, and a category of its own.
const MISSING: u8 = 255;

/// Thresholds, as bits in their order, or categories that some trees ask a feature for.
type Asked = BTreeMap<(u32, bool), BTreeSet<u64>>;

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

/// The codings that as many as possible of the first trees can share, their number of columns, and that of the trees:
/// at least one. Trees that cannot be coded even alone are passed over.
pub(super) fn codings_of(trees: &[Tree], fits: impl Fn(&Tree) -> bool) -> (Vec<Coding>, usize, usize) {
    let mut shared = Asked::new();
    // Whether some tree sends missing values of a feature to the right, to the left.
    let mut sides: BTreeMap<u32, [bool; 2]> = BTreeMap::new();
    let mut n_trees = 0;
    for tree in trees {
        let alone = asked_by(tree);
        if fits(tree) && alone.values().all(|asked| asked.len() <= MOST) {
            let together = |(key, asked): (&(u32, bool), &BTreeSet<u64>)| {
                shared.get(key).is_none_or(|shared| shared.union(asked).count() <= MOST)
            };
            if !alone.iter().all(together) {
                break;
            }
            for (key, asked) in alone {
                shared.entry(key).or_default().extend(asked);
            }
            for node in tree.nodes().iter().filter(|node| tree_asks(tree, node).is_some()) {
                sides.entry(node.feature).or_default()[usize::from(node.missing_left)] = true;
            }
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

/// The words of the categories of a node, or none for a threshold; `None` for a leaf.
fn tree_asks<'t>(tree: &'t Tree, node: &crate::tree::structure::Node) -> Option<Option<&'t [u64]>> {
    (node.feature != crate::tree::structure::LEAF).then(|| tree.words(node))
}

fn asked_by(tree: &Tree) -> Asked {
    let mut asked = Asked::new();
    for node in tree.nodes() {
        match tree_asks(tree, node) {
            None => {}
            Some(None) => {
                asked.entry((node.feature, false)).or_default().insert(to_ordered(node.threshold));
            }
            Some(Some(words)) => {
                let categories = (0..words.len() as u64 * 64).filter(|&category| has(words, category as f64));
                asked.entry((node.feature, true)).or_default().extend(categories);
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

    /// Fills the columns of this feature for a block of rows.
    #[inline(always)]
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
            Codes::Categories { known, column } => {
                for (code, &value) in codes[*column as usize].iter_mut().zip(&values) {
                    *code = if value.is_nan() {
                        MISSING
                    } else if value > -1.0 {
                        known.binary_search(&(value as u64)).map_or(0, |place| place as u8 + 1)
                    } else {
                        0
                    };
                }
            }
        }
    }
}

/// How many of the thresholds are below each value; none are below NaN.
#[inline(always)]
fn ranks(values: &[f64; ROWS], cuts: &[f64; 256], n_cuts: usize) -> [u8; ROWS] {
    const LANES: usize = 16;
    let mut ranks = [0; ROWS];
    let top = (n_cuts + 1).next_power_of_two() / 2;
    for (ranks, values) in ranks.as_chunks_mut::<LANES>().0.iter_mut().zip(values.as_chunks::<LANES>().0) {
        // Searches of several values go on side by side, as each step of one waits for the last.
        let mut found = [0_usize; LANES];
        let mut step = top;
        while step > 0 {
            for lane in 0..LANES {
                let next = found[lane] + step;
                let below = cuts[(next - 1) & 255] < values[lane];
                found[lane] = if below { next } else { found[lane] };
            }
            step /= 2;
        }
        for lane in 0..LANES {
            ranks[lane] = found[lane] as u8;
        }
    }
    ranks
}
