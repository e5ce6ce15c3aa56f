//! The best cut of one column of one node, or one drawn at random.

use perennial_numeric::random::Random;

use super::fine::FineColumn;
use super::{Bounds, Learning, Row, Sides};
use crate::binned::{Bins, MISSING};

/// Gains that differ by less than this share are equal, so that the order of columns and cuts decides between them
/// and not the rounding.
const TIE: f64 = 1e-12;

/// Which bins go left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Split {
    /// Those up to this one.
    UpTo(u8),
    /// Those up to the first bin, and of it the parts up to the second number; and the next bin and part with rows.
    UpToPart([u8; 2], Option<[u8; 2]>),
    /// Those whose bit is set.
    OneOf([u64; 4]),
}

/// A cut of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) gain: f64,
    pub(super) column: u32,
    pub(super) split: Split,
    /// Where missing values go; `None` when the node has none in this column.
    pub(super) missing_left: Option<bool>,
    /// What both sides say.
    pub(super) means: [f64; 2],
}

impl Cut {
    /// Whether this is better than `other`, which was found earlier.
    pub(super) fn beats(&self, other: &Cut) -> bool {
        self.gain > bar(other.gain)
    }
}

/// What a better gain lies above.
pub(super) fn bar(gain: f64) -> f64 {
    gain + TIE * gain.abs()
}

/// What a cut must respect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) min_leaf: u32,
    /// What the column was cut into.
    pub(super) bins: &'a Bins,
    /// 1 where the answers may not fall along the column, -1 where they may not rise.
    pub(super) direction: i8,
    pub(super) bounds: Bounds,
    /// The parts of the bins, where the node is so small that it is cut between them.
    pub(super) fine: Option<&'a FineColumn>,
}

impl Terms<'_> {
    /// Whether so many of the rows may go left.
    pub(super) fn allow(&self, n_left: u32, n_rows: u32) -> bool {
        n_left >= self.min_leaf && n_left <= n_rows.saturating_sub(self.min_leaf)
    }

    /// Whether answers follow the column as they must.
    pub(super) fn rises(&self, means: [f64; 2]) -> bool {
        self.bounds.admit(self.direction, means)
    }
}

/// A number from `low` on and below `high`, in the middle where there is one.
pub(super) fn midway(low: f64, high: f64) -> f64 {
    let middle = low.midpoint(high) + 0.0;
    if middle < high && middle >= low { middle } else { low }
}

/// Memory that all columns of a tree share.
#[derive(Debug, Default)]
pub(super) struct Scratch<T> {
    pub(super) table: T,
    codes: Vec<u8>,
    bins: Vec<u8>,
    /// Bin, part and place in the node of each row, from the highest bits down.
    keys: Vec<u32>,
    spare: Vec<u32>,
}

impl<T: Default> Scratch<T> {
    /// Reads a column of the node; `None` where all its rows are in one bin.
    fn read<R: Row>(&mut self, code: impl Fn(u32) -> u8, samples: &[R]) -> Option<bool> {
        let mut seen = [0_u8; 256];
        self.codes.clear();
        self.codes.extend(samples.iter().map(|sample| code(sample.row())));
        for &code in &self.codes {
            seen[code as usize] = 1;
        }
        self.bins.clear();
        for (part, flags) in seen.as_chunks::<8>().0.iter().enumerate() {
            let mut flags = u64::from_le_bytes(*flags);
            while flags != 0 {
                self.bins.push((part * 8) as u8 + (flags.trailing_zeros() / 8) as u8);
                flags &= flags - 1;
            }
        }
        (self.bins.len() > 1).then(|| self.bins.last() == Some(&MISSING))
    }
}

/// The best cut of a column, or a random one where `random` draws it; `None` where all rows are in one bin.
/// The outer option tells a column without a choice from one whose cuts are all forbidden.
#[allow(
    clippy::option_option,
    reason = "both answers matter: only a column with a choice counts as looked at"
)]
pub(super) fn best_cut<L: Learning>(
    learning: &L,
    scratch: &mut Scratch<L::Table>,
    totals: &L::Totals,
    (index, code): (u32, impl Fn(u32) -> u8),
    samples: &[L::Row],
    terms: &Terms<'_>,
    random: Option<&mut Random>,
) -> Option<Option<Cut>> {
    if let Some(fine) = terms.fine {
        return best_fine_cut(learning, scratch, totals, (index, code), samples, terms, fine);
    }
    let has_missing = scratch.read(code, samples)?;
    let Scratch { table, codes, bins, .. } = scratch;
    learning.fill(table, totals, samples, codes, bins);
    let n_present = bins.len() - usize::from(has_missing);
    let mut order = [0_u8; 256];
    let order = &mut order[..n_present];
    order.copy_from_slice(&bins[..n_present]);
    // Where the random cut lies: after so many bins, and up to this one.
    let mut drawn = None;
    match (terms.bins, random) {
        (Bins::Numeric { cuts }, Some(random)) if n_present > 1 => {
            let (low, high) = (order[0], order[n_present - 1]);
            let value = random.uniform_in(cuts[low as usize], cuts[high as usize - 1]);
            let up_to = nearest(cuts, low, high, value);
            drawn = Some((order.partition_point(|&bin| bin <= up_to), up_to));
        }
        (Bins::Categorical { .. }, Some(random)) if n_present > 1 => {
            random.shuffle(order);
            drawn = Some((1 + random.below(n_present - 1), 0));
        }
        (Bins::Categorical { .. }, None) => learning.arrange(table, totals, order),
        _ => {}
    }
    let mut sweep =
        Sweep { order, n_rows: samples.len() as u32, only: drawn.map(|drawn| drawn.0), terms, best: None };
    sweep.run(&mut learning.sides(table, totals), has_missing);
    let mut missing_left = None;
    if has_missing {
        let right = sweep.best.map_or(f64::NEG_INFINITY, |found| found.gain);
        let mut sides = learning.sides(table, totals);
        sides.move_left(MISSING);
        sweep.run(&mut sides, false);
        missing_left = Some(sweep.best.is_some_and(|found| found.gain > right));
    }
    let best = sweep.best;
    learning.clear(table, bins);
    let cut = best.map(|found| {
        let last = found.n_bins - 1;
        let (split, flip) = match terms.bins {
            Bins::Categorical { kept } => one_side(order, found.n_bins, kept.len() as u8),
            Bins::Numeric { cuts } => {
                let drawn = drawn.filter(|drawn| drawn.0 == found.n_bins).map(|drawn| drawn.1);
                let up_to = drawn.unwrap_or_else(|| match order.get(found.n_bins) {
                    Some(&next) => halfway(cuts, order[last], next),
                    // Only missing values go right.
                    None => MISSING - 1,
                });
                (Split::UpTo(up_to), false)
            }
        };
        let missing_left = missing_left.map(|left| left != flip);
        let [left, right] = found.means;
        let means = if flip { [right, left] } else { [left, right] };
        Cut { gain: found.gain.max(0.0), column: index, split, missing_left, means }
    });
    Some(cut)
}

/// Sorts keys whose lowest 16 bits rise already: many of them by their two upper bytes in two passes.
fn sort(keys: &mut Vec<u32>, spare: &mut Vec<u32>) {
    const FEW: usize = 512;
    if keys.len() <= FEW {
        keys.sort_unstable();
        return;
    }
    spare.resize(keys.len(), 0);
    for shift in [16, 24] {
        let byte = |key: u32| (key >> shift) as u8 as usize;
        let mut next = [0_u32; 256];
        keys.iter().for_each(|&key| next[byte(key)] += 1);
        let mut start = 0;
        for place in &mut next {
            start += std::mem::replace(place, start);
        }
        for &key in keys.iter() {
            let place = &mut next[byte(key)];
            spare[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, spare);
    }
}

/// The best cut of a node between parts of bins.
#[allow(clippy::option_option, reason = "as for all columns")]
fn best_fine_cut<L: Learning>(
    learning: &L,
    scratch: &mut Scratch<L::Table>,
    totals: &L::Totals,
    (index, code): (u32, impl Fn(u32) -> u8),
    samples: &[L::Row],
    terms: &Terms<'_>,
    fine: &FineColumn,
) -> Option<Option<Cut>> {
    let Scratch { table, keys, spare, .. } = scratch;
    let parts = fine.parts();
    keys.clear();
    keys.extend((0..).zip(samples).map(|(place, sample): (u32, &L::Row)| {
        let row = sample.row();
        u32::from(code(row)) << 24 | u32::from(parts[row as usize]) << 16 | place
    }));
    sort(keys, spare);
    let n_present = keys.partition_point(|key| key >> 24 != u32::from(MISSING));
    let (present, missing) = keys.split_at(n_present);
    if missing.is_empty() && present.first()? >> 16 == present.last()? >> 16 {
        return None;
    }
    let sample = |key: u32| samples[(key & 0xffff) as usize];
    let mut best: Option<Found> = None;
    let mut missing_left = None;
    for missing_first in [false, true] {
        if missing_first && (missing.is_empty() || present.is_empty()) {
            break;
        }
        let mut sides = learning.sides(table, totals);
        if missing_first {
            missing.iter().for_each(|&key| sides.move_row(sample(key)));
        }
        let last = !missing_first && !missing.is_empty();
        for (place, &key) in present.iter().enumerate() {
            sides.move_row(sample(key));
            let ends = present.get(place + 1).map_or(last, |next| next >> 16 != key >> 16);
            if !ends || !terms.allow(sides.n_left(), samples.len() as u32) {
                continue;
            }
            let gain = sides.gain();
            if gain > best.map_or(f64::NEG_INFINITY, |best| bar(best.gain)) && gain < f64::INFINITY {
                let means = sides.means();
                if terms.rises(means) {
                    best = Some(Found { gain, n_bins: place + 1, means });
                    missing_left = Some(missing_first);
                }
            }
        }
    }
    Some(best.map(|found| {
        let part = |key: u32| [(key >> 24) as u8, (key >> 16) as u8];
        let left = part(present[found.n_bins - 1]);
        let right = present.get(found.n_bins).map(|&right| part(right));
        let missing_left = missing_left.filter(|_| !missing.is_empty());
        let split = Split::UpToPart(left, right);
        Cut { gain: found.gain.max(0.0), column: index, split, missing_left, means: found.means }
    }))
}

/// The cut between two bins, between which no row of the node lies, that is nearest to the middle.
fn halfway(cuts: &[f64], left: u8, right: u8) -> u8 {
    let middle = cuts[left as usize].midpoint(cuts[right as usize - 1]);
    nearest(cuts, left, right, middle)
}

/// The cut above bin `left` and below bin `right` that is nearest to a value; the cut of a bin is its upper end.
fn nearest(cuts: &[f64], left: u8, right: u8, value: f64) -> u8 {
    let between = &cuts[left as usize..right as usize];
    nearer(cuts, left, right, left as usize + between.partition_point(|&cut| cut < value), value)
}

/// As [`nearest`], where it is known how many cuts lie below the value.
pub(super) fn nearer(cuts: &[f64], left: u8, right: u8, n_below: usize, value: f64) -> u8 {
    let above = n_below.clamp(left as usize, right as usize - 1);
    let below = above.saturating_sub(1).max(left as usize);
    if value - cuts[below] < cuts[above] - value { below as u8 } else { above as u8 }
}

/// The side of a cut between categories that the rare ones are not on, and whether that is the second one.
fn one_side(order: &[u8], n_first: usize, rare: u8) -> (Split, bool) {
    let (first, second) = order.split_at(n_first);
    let flip = first.contains(&rare);
    let mut set = [0; 4];
    for &bin in if flip { second } else { first } {
        set[bin as usize / 64] |= 1 << (bin % 64);
    }
    (Split::OneOf(set), flip)
}

#[derive(Clone, Copy, Debug)]
struct Found {
    gain: f64,
    /// How many of the bins in order go left.
    n_bins: usize,
    means: [f64; 2],
}

struct Sweep<'a> {
    order: &'a [u8],
    n_rows: u32,
    /// The one place to cut at, where it was drawn.
    only: Option<usize>,
    terms: &'a Terms<'a>,
    best: Option<Found>,
}

impl Sweep<'_> {
    /// Tries the cuts; the last one leaves only missing values on the right.
    fn run(&mut self, sides: &mut impl Sides, last: bool) {
        let mut bar = self.best.map_or(f64::NEG_INFINITY, |found| bar(found.gain));
        let n_cuts = if last { self.order.len() } else { self.order.len().saturating_sub(1) };
        for (index, &bin) in self.order[..n_cuts].iter().enumerate() {
            sides.move_left(bin);
            let n_bins = index + 1;
            let n_left = sides.n_left();
            if !self.terms.allow(n_left, self.n_rows) || self.only.is_some_and(|only| only != n_bins) {
                continue;
            }
            let gain = sides.gain();
            if gain > bar && gain < f64::INFINITY {
                let means = sides.means();
                if self.terms.rises(means) {
                    bar = self::bar(gain);
                    self.best = Some(Found { gain, n_bins, means });
                }
            }
        }
    }
}
