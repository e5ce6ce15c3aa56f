//! Looking for the best split of a leaf.

use perennial_core::Result;

use super::columns::Asked;
use super::{Grower, Leaf, Shared};
use crate::binned::Bins;
use crate::boosting::engine::categories::Categories;
use crate::boosting::engine::derivatives::One;
use crate::boosting::engine::groups::{Coded, Group};
use crate::boosting::engine::histogram::{self, Histogram, Sums};
use crate::boosting::engine::split::{Full, Least, Plain, Scan, Split};

impl Grower<'_> {
    /// The best split of a leaf by a column of a group.
    pub(super) fn best_of_group(
        &self,
        group: &Group,
        histograms: &[Histogram],
        counts: Option<&[Histogram]>,
        leaf: &Leaf<'_>,
    ) -> Option<Split> {
        let mut best: Option<Split> = None;
        let allowed = self.allowed(leaf);
        let allowed = allowed.as_ref().unwrap_or(&self.columns);
        let mut look = |column: usize, histogram: &Histogram, counts: Option<&Histogram>| {
            let found = self.best_of_column(column, histogram, counts, leaf);
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| found.beats(best))
            {
                best = Some(found);
            }
        };
        for (offset, (histogram, coded)) in histograms.iter().zip(&group.columns).enumerate() {
            let counts = counts.map(|counts| &counts[offset]);
            match coded {
                Coded::Alone(column) if allowed[*column] => look(*column, histogram, counts),
                Coded::Alone(_) => {}
                Coded::Bundle(members) => {
                    let all = histogram.iter().copied().fold(0, u64::wrapping_add);
                    let counts = counts.map(|counts| (counts, counts.iter().sum::<u64>()));
                    let (mut own, mut own_counts) = ([0; 256], [0; 256]);
                    for member in members.iter().filter(|member| allowed[member.column]) {
                        if !member.is_seen(histogram) {
                            continue;
                        }
                        member.recover(histogram, all, &mut own);
                        if let Some((counts, n_all)) = counts {
                            member.recover(counts, n_all, &mut own_counts);
                        }
                        look(member.column, &own, counts.map(|_| &own_counts));
                        member.clear(&mut own);
                        member.clear(&mut own_counts);
                    }
                }
            }
        }
        best
    }

    fn best_of_column(
        &self,
        column: usize,
        histogram: &Histogram,
        counts: Option<&Histogram>,
        leaf: &Leaf<'_>,
    ) -> Option<Split> {
        let binning = self.shared.binned.binning();
        let bins = binning.column(column);
        let scan =
            Scan { histogram, counts, n_bins: bins.n_bins(), totals: leaf.totals, least: self.least() };
        let direction = self.shared.constraints.directions[column];
        let full = self.of_children(leaf, direction);
        let feature = column as u32;
        let draw = self.draw(leaf.path, column);
        let mut found = match (bins, draw) {
            (Bins::Numeric { .. }, Some(draw)) => scan.numeric_at(feature, draw, &full),
            (Bins::Numeric { .. }, None) if self.full => scan.numeric(feature, &full),
            (Bins::Numeric { .. }, None) => scan.numeric(feature, &Plain { l2: full.l2 }),
            (Bins::Categorical { .. }, draw) => {
                let rules = self.categories(draw);
                scan.categorical(feature, bins, &rules, |extra| Full { l2: full.l2 + extra, ..full })
            }
        }?;
        found.gain -= full.alone(leaf.totals, leaf.output) + self.split_cost(leaf) + self.column_cost(column);
        // Rounding to whole numbers makes up gains of about the square of half a unit.
        (found.gain > self.least_gain(4.0 * full.rows_by_hessian)).then_some(found)
    }

    /// Where cuts are drawn, that of a node and column, in [0, 1).
    pub(super) fn draw(&self, path: u64, column: usize) -> Option<f64> {
        let settings = self.shared.settings;
        settings.extra_trees.then(|| self.random.stream("cuts").fork(path).fork(column as u64).uniform())
    }

    pub(super) fn categories(&self, draw: Option<f64>) -> Categories {
        Categories::of_settings(self.shared.settings, self.derivatives.scale, draw)
    }

    /// What a split must gain at least, where so much may be due to rounding.
    pub(super) fn least_gain(&self, noise: f64) -> f64 {
        self.derivatives.scale.gain(self.shared.settings.min_gain).max(noise)
    }

    /// What splitting a leaf costs, by any column.
    pub(super) fn split_cost(&self, leaf: &Leaf<'_>) -> f64 {
        self.derivatives.scale.gain(self.shared.settings.split_cost * leaf.rows.len() as f64)
    }

    /// What asking a column still costs.
    pub(super) fn column_cost(&self, column: usize) -> f64 {
        self.derivatives.scale.gain(self.shared.costs.of(column))
    }

    /// The columns that a leaf may ask, where they are not those of the tree.
    pub(super) fn allowed(&self, leaf: &Leaf<'_>) -> Option<Vec<bool>> {
        self.allowed_at(leaf.sets.as_deref(), leaf.depth, leaf.path)
    }

    /// The columns that may be asked at a depth by a node of this path, of which these sets may still be asked.
    pub(super) fn allowed_at(&self, sets: Option<&[usize]>, depth: usize, path: u64) -> Option<Vec<bool>> {
        let Shared { settings, constraints, .. } = *self.shared;
        let asked = Asked { settings, constraints, columns: &self.columns, random: &self.random };
        asked.by(depth, sets, path)
    }

    pub(super) fn least(&self) -> Least {
        let settings = self.shared.settings;
        let units = (settings.min_child_weight / self.derivatives.scale.hessian).ceil();
        let mut hessian = (units.min(f64::from(i32::MAX)) as i32).max(1);
        if self.counts_rows() {
            hessian = hessian.max(settings.min_samples_leaf.min(i32::MAX as usize) as i32);
        }
        Least { hessian, n_rows: settings.min_samples_leaf as u64 }
    }

    /// Whether sums of second derivatives are numbers of rows.
    pub(super) fn counts_rows(&self) -> bool {
        self.derivatives.is_count()
    }

    /// How the children of a leaf are made of their sums.
    pub(super) fn of_children(&self, leaf: &Leaf<'_>, direction: i8) -> Full {
        Full { parent_output: leaf.output, ..self.full(leaf, direction) }
    }

    pub(super) fn full(&self, leaf: &Leaf<'_>, direction: i8) -> Full {
        Full {
            parent_output: leaf.parent_output,
            rows_by_hessian: leaf.rows.len() as f64 / f64::from(leaf.totals.hessian.max(1)),
            bounds: leaf.bounds,
            direction,
            ..Full::of_settings(self.shared.settings, self.derivatives.scale)
        }
    }

    /// The best of the splits found, where it leaves enough rows on both sides.
    ///
    /// Histograms do not count rows. The largest second derivative of a row gives a number of rows below which
    /// there cannot be; where that does not decide, the rows are counted, and where they are too few, the search is made
    /// again with the rows of each bin.
    pub(super) fn settle(
        &self,
        leaf: &Leaf<'_>,
        histograms: &[Histogram],
        found: impl Iterator<Item = Split>,
    ) -> Result<Option<Split>> {
        let best = |found: &mut dyn Iterator<Item = Split>| {
            found.fold(None, |best: Option<Split>, split| match best {
                Some(best) if !split.beats(&best) => Some(best),
                _ => Some(split),
            })
        };
        let mut found = found;
        let Some(split) = best(&mut found) else { return Ok(None) };
        if self.leaves_enough(leaf, &split) {
            return Ok(Some(split));
        }
        self.ctx.check()?;
        let ones = vec![One; self.derivatives.n_rows()];
        let groups = self.shared.groups;
        let splits = groups.iter().map(|group| {
            let mut counts = vec![[0; 256]; group.width];
            histogram::add(group, leaf.rows, &ones, &mut counts);
            let histograms = &histograms[group.first..group.first + group.width];
            self.best_of_group(group, histograms, Some(&counts), leaf)
        });
        Ok(best(&mut splits.into_iter().flatten()))
    }
    /// Whether a split leaves enough rows on both sides.
    pub(super) fn leaves_enough(&self, leaf: &Leaf<'_>, split: &Split) -> bool {
        let least = self.shared.settings.min_samples_leaf;
        if self.counts_rows() || least <= 1 {
            return true;
        }
        let largest = i64::from(self.derivatives.largest_hessian.max(1));
        let surely = |sums: Sums| i64::from(sums.hessian) / largest >= least as i64;
        if surely(split.left) && surely(split.right) {
            return true;
        }
        let codes = self.shared.binned.column(split.feature as usize);
        let goes_left = split.goes_left();
        let n_left = leaf.rows.iter().filter(|&&row| goes_left[usize::from(codes[row as usize])]).count();
        n_left >= least && leaf.rows.len() - n_left >= least
    }
}
