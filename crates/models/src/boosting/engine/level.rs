//! The best question for all leaves of a level together.

use perennial_numeric::simd::{self, Kernel};

use super::categories::Categories;
use super::histogram::{Histogram, Sums, unpack};
use super::split::{Cut, Full, Gain, Least, Plain, Split, place, running_sums};
use crate::binned::{Bins, MISSING};

/// What a leaf brings to the search along one column.
pub(crate) struct Cell<'a> {
    pub(crate) histogram: &'a Histogram,
    /// The number of rows of each bin, where they are counted.
    pub(crate) counts: Option<&'a Histogram>,
    pub(crate) n_rows: u64,
    pub(crate) totals: Sums,
    pub(crate) output: f64,
    pub(crate) rules: Full,
    /// What the leaf explains as it is, and what splitting it costs.
    pub(crate) before: f64,
}

/// The leaves of a level along one column.
pub(crate) struct Level<'a> {
    pub(crate) cells: Vec<Cell<'a>>,
    pub(crate) n_bins: usize,
    pub(crate) least: Least,
    /// Whether there is more to outputs than steps of Newton with an L2 penalty.
    pub(crate) full: bool,
}

/// What goes left of a leaf: packed sums and, where rows are counted, their number.
#[derive(Clone, Copy, Default)]
struct Left {
    sums: u64,
    n_rows: u64,
}

impl Cell<'_> {
    fn right(&self, left: Sums) -> Sums {
        Sums {
            gradient: self.totals.gradient.wrapping_sub(left.gradient),
            hessian: self.totals.hessian.wrapping_sub(left.hessian),
        }
    }

    /// What a split gains here; `None` where a side would have too little, or both the wrong order.
    fn gain(&self, left: Left, least: Least, extra_l2: f64) -> Option<f64> {
        let sums = unpack(left.sums);
        let right = self.right(sums);
        let counted = self.counts.is_none()
            || (left.n_rows >= least.n_rows && self.n_rows - left.n_rows >= least.n_rows);
        if !counted || sums.hessian < least.hessian || right.hessian < least.hessian {
            return None;
        }
        let both = Full { l2: self.rules.l2 + extra_l2, ..self.rules }.of(sums, right);
        (both > f64::NEG_INFINITY).then_some(both - self.before)
    }

    fn add(&self, left: &mut Left, bin: usize) {
        left.sums = left.sums.wrapping_add(self.histogram[bin]);
        left.n_rows += self.counts.map_or(0, |counts| counts[bin]);
    }
}

impl Level<'_> {
    /// What a question gains in all leaves; those that it may not split gain nothing.
    fn worth(&self, lefts: &[Left], extra_l2: f64) -> f64 {
        let gains = self.cells.iter().zip(lefts);
        gains
            .filter_map(|(cell, &left)| cell.gain(left, self.least, extra_l2))
            .fold(0.0, |sum, gain| sum + gain)
    }

    fn lefts(&self, goes_left: impl Fn(usize) -> bool) -> Vec<Left> {
        let of_cell = |cell: &Cell<'_>| {
            let mut left = Left::default();
            (0..256).filter(|&bin| goes_left(bin)).for_each(|bin| cell.add(&mut left, bin));
            left
        };
        self.cells.iter().map(of_cell).collect()
    }

    /// Whether the rows of a bin weigh anything in some leaf.
    fn weighs(&self, bin: usize) -> bool {
        self.cells.iter().any(|cell| cell.histogram[bin] != 0)
    }

    /// Whether a row of some leaf is in a bin, as far as is known: rows whose derivatives round to 0 are seen where rows are counted.
    fn is_used(&self, bin: usize) -> bool {
        let counted =
            |cell: &Cell<'_>| cell.histogram[bin] != 0 || cell.counts.is_some_and(|counts| counts[bin] != 0);
        self.cells.iter().any(counted)
    }

    /// A question of all leaves, with the sums over them.
    fn question(&self, gain: f64, feature: u32, cut: Cut, missing_left: bool) -> Split {
        let mut split =
            Split { gain, feature, cut, missing_left, left: Sums::default(), right: Sums::default() };
        let goes_left = split.goes_left();
        let left =
            self.lefts(|bin| goes_left[bin]).into_iter().fold(0_u64, |sum, left| sum.wrapping_add(left.sums));
        split.left = unpack(left);
        for cell in &self.cells {
            split.right.gradient = split.right.gradient.wrapping_add(cell.totals.gradient);
            split.right.hessian = split.right.hessian.wrapping_add(cell.totals.hessian);
        }
        split.right.gradient = split.right.gradient.wrapping_sub(split.left.gradient);
        split.right.hessian = split.right.hessian.wrapping_sub(split.left.hessian);
        split
    }

    /// A threshold as a question: where no value was missing, missing values will follow the heavier side.
    fn threshold(&self, gain: f64, feature: u32, bin: usize, missing_left: bool) -> Split {
        let mut split = self.question(gain, feature, Cut::UpTo(bin as u8), missing_left);
        if !self.is_used(usize::from(MISSING)) {
            split.missing_left = split.left.hessian >= split.right.hessian;
        }
        split
    }

    /// The best threshold of a column of numbers.
    pub(crate) fn numeric(&self, feature: u32) -> Option<Split> {
        let missing = self.is_used(usize::from(MISSING));
        // Missing values on the right, where all present values may be on the left; then on the left.
        let n_cuts = [self.n_bins - usize::from(!missing), if missing { self.n_bins - 1 } else { 0 }];
        let mut worths = [[0.0; 256]; 2];
        for cell in &self.cells {
            let (n_bins, least, worths) = (self.n_bins, self.least, &mut worths);
            if self.full {
                simd::widest(Gains { cell, gain: &cell.rules, n_bins, least, n_cuts, worths });
            } else {
                let gain = &Plain { l2: cell.rules.l2 };
                simd::widest(Gains { cell, gain, n_bins, least, n_cuts, worths });
            }
        }
        let mut best: Option<(f64, usize, bool)> = None;
        for (pass, missing_left) in [false, true].into_iter().enumerate() {
            for (bin, &worth) in worths[pass][..n_cuts[pass]].iter().enumerate() {
                if worth > best.map_or(f64::NEG_INFINITY, |best| best.0) {
                    best = Some((worth, bin, missing_left));
                }
            }
        }
        best.map(|(worth, bin, missing_left)| self.threshold(worth, feature, bin, missing_left))
    }

    /// The threshold drawn between the lowest and the highest bin of the level; `draw` is in [0, 1).
    pub(crate) fn numeric_at(&self, feature: u32, draw: f64) -> Option<Split> {
        let missing = usize::from(MISSING);
        let first = (0..self.n_bins).find(|&bin| self.weighs(bin))?;
        let last = (0..self.n_bins).rfind(|&bin| self.weighs(bin))?;
        let n_places = last - first + usize::from(self.weighs(missing));
        if n_places == 0 {
            return None;
        }
        let cut = first + place(draw, n_places);
        let worth = |missing_left: bool| {
            self.worth(&self.lefts(|bin| bin <= cut || (missing_left && bin == missing)), 0.0)
        };
        let left = if self.is_used(missing) { worth(true) } else { f64::NEG_INFINITY };
        let right = worth(false);
        Some(self.threshold(right.max(left), feature, cut, left > right))
    }

    /// The categories of the level that weigh anything, that of missing values among them.
    fn categories(&self) -> Vec<usize> {
        (0..self.n_bins).chain([usize::from(MISSING)]).filter(|&bin| self.weighs(bin)).collect()
    }

    /// What is added to the L2 penalty where categories are split.
    fn category_l2(&self, bins: &Bins, rules: &Categories) -> f64 {
        match bins {
            Bins::Categorical { .. } if self.categories().len() > rules.one_hot => rules.l2,
            _ => 0.0,
        }
    }

    /// The best set of categories for all leaves: those with the lowest, or the highest, ratio of what the outputs of the leaves
    /// leave of the first derivatives to the second, both summed over the leaves; with few categories one against the rest.
    pub(crate) fn categorical(&self, feature: u32, bins: &Bins, rules: &Categories) -> Option<Split> {
        let mut used = self.categories();
        if used.len() < 2 {
            return None;
        }
        let extra = self.category_l2(bins, rules);
        let mut best: Option<(f64, Vec<usize>)> = None;
        let mut consider = |chosen: &[usize], lefts: &[Left]| {
            let worth = self.worth(lefts, extra);
            if worth > best.as_ref().map_or(0.0, |best| best.0) {
                best = Some((worth, chosen.to_vec()));
            }
        };
        if used.len() <= rules.one_hot {
            let drawn = rules.draw.map(|draw| place(draw, used.len()));
            for (_, &one) in used.iter().enumerate().filter(|(at, _)| drawn.is_none_or(|drawn| *at == drawn))
            {
                consider(&[one], &self.lefts(|bin| bin == one));
            }
        } else {
            let ratios: Vec<f64> = (0..256).map(|bin| self.ratio(bin, rules.smoothing)).collect();
            used.sort_by(|&a, &b| ratios[a].total_cmp(&ratios[b]).then(a.cmp(&b)));
            let most = rules.most_left.min(used.len().div_ceil(2)).min(used.len() - 1);
            let drawn = rules.draw.map(|draw| 1 + place(draw, most));
            for reversed in [false, true] {
                if reversed {
                    used.reverse();
                }
                let mut lefts = vec![Left::default(); self.cells.len()];
                for n in 1..=most {
                    self.cells.iter().zip(&mut lefts).for_each(|(cell, left)| cell.add(left, used[n - 1]));
                    if drawn.is_none_or(|drawn| n == drawn) {
                        consider(&used[..n], &lefts);
                    }
                }
            }
        }
        let (worth, mut chosen) = best?;
        // As in one leaf: categories that were never seen go right with the rare ones, and missing values with them.
        let (last, missing) = (self.n_bins - 1, usize::from(MISSING));
        if chosen.contains(&last) || (chosen.contains(&missing) && !self.is_used(last)) {
            let others = |bin: &usize| self.is_used(*bin) && !chosen.contains(bin);
            chosen = (0..self.n_bins).chain([missing]).filter(others).collect();
        }
        let missing_left = chosen.contains(&missing);
        let mut bits = [0; 4];
        chosen.iter().filter(|&&bin| bin != missing).for_each(|&bin| bits[bin / 64] |= 1 << (bin % 64));
        Some(self.question(worth, feature, Cut::OneOf(bits), missing_left))
    }

    /// What the rows of a category still ask for.
    fn ratio(&self, bin: usize, smoothing: f64) -> f64 {
        let (mut gradient, mut hessian) = (0.0, smoothing);
        for cell in &self.cells {
            let sums = unpack(cell.histogram[bin]);
            gradient += f64::from(sums.gradient) + f64::from(sums.hessian) * cell.output;
            hessian += f64::from(sums.hessian);
        }
        gradient / hessian
    }

    /// The split of each leaf by a question; `None` for those that it may not split.
    pub(crate) fn splits(&self, question: &Split, bins: &Bins, rules: &Categories) -> Vec<Option<Split>> {
        let goes_left = question.goes_left();
        let extra = self.category_l2(bins, rules);
        let lefts = self.lefts(|bin| goes_left[bin]);
        let split = |(cell, left): (&Cell<'_>, Left)| {
            let gain = cell.gain(left, self.least, extra)?;
            let left = unpack(left.sums);
            Some(Split { gain, left, right: cell.right(left), ..question.clone() })
        };
        self.cells.iter().zip(lefts).map(split).collect()
    }
}

/// Adds what each cut gains in one leaf to what it gains in those before.
struct Gains<'a, 'w, G> {
    cell: &'a Cell<'a>,
    gain: &'a G,
    n_bins: usize,
    least: Least,
    /// With missing values on the right, and on the left.
    n_cuts: [usize; 2],
    worths: &'w mut [[f64; 256]; 2],
}

impl<G: Gain> Kernel for Gains<'_, '_, G> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Gains { cell, gain, n_bins, least, n_cuts, worths } = self;
        let missing = usize::from(MISSING);
        let prefix = running_sums(cell.histogram, n_bins);
        let counts = cell.counts.map(|counts| (running_sums(counts, n_bins), counts[missing]));
        for (pass, extra) in [0, cell.histogram[missing]].into_iter().enumerate() {
            let n = n_cuts[pass];
            let mut own = [0.0; 256];
            for (own, &sum) in own[..n].iter_mut().zip(&prefix[..n]) {
                let left = unpack(sum.wrapping_add(extra));
                let right = cell.right(left);
                let fits = (left.hessian >= least.hessian) & (right.hessian >= least.hessian);
                let both = gain.of(left, right);
                *own = if fits & (both > f64::NEG_INFINITY) { both - cell.before } else { 0.0 };
            }
            if let Some((counts, n_missing)) = &counts {
                for (own, &n_left) in own[..n].iter_mut().zip(&counts[..n]) {
                    let n_left = n_left + if pass == 1 { *n_missing } else { 0 };
                    if n_left < least.n_rows || cell.n_rows - n_left < least.n_rows {
                        *own = 0.0;
                    }
                }
            }
            worths[pass][..n].iter_mut().zip(&own[..n]).for_each(|(worth, own)| *worth += own);
        }
    }
}
