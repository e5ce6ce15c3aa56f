//! Trees of which all leaves of a level are asked the same question, as CatBoost grows them.
//!
//! A leaf that the question of its level may not split, as a side would have too few rows or too little weight, or as the two
//! would be in the wrong order, gains nothing by it, stays as it is and waits for the question of the next level. So a
//! way down a tree asks some of the questions of its levels, in their order, and no leaf is without rows.

use perennial_core::Result;
use perennial_numeric::reduce;

use super::{Grower, Grown, Leaf, Made, SERIAL};
use crate::binned::Bins;
use crate::boosting::engine::derivatives::One;
use crate::boosting::engine::groups::{Coded, Group};
use crate::boosting::engine::histogram::{self, Histogram};
use crate::boosting::engine::level::{Cell, Level};
use crate::boosting::engine::split::Split;

/// A question for a level and the split of each of its leaves.
type Asked = (Split, Vec<Option<Split>>);

/// Leaves that are split at the same time.
type Work<'r> = (usize, Option<Leaf<'r>>, Option<Result<[Leaf<'r>; 2]>>);

impl Grower<'_> {
    /// Grows a tree on `rows`, ascending, level by level.
    pub(super) fn grow_symmetric<'r>(&self, rows: &'r mut [u32]) -> Result<Grown<'r>> {
        let all = rows.len() == self.derivatives.n_rows();
        let mut root = self.bare_root(rows);
        if self.may_split(&root) {
            let mut histograms = self.empty_histograms();
            self.build(root.rows, all, &mut histograms);
            root.histograms = Some(histograms);
        }
        let mut sets = root.sets.clone();
        let mut made = vec![Made { n_rows: root.rows.len(), leaf: root, next: None, children: None }];
        let mut open = vec![0];
        let n_levels = self.shared.settings.n_levels();
        for level in 0..n_levels {
            self.ctx.check()?;
            open.retain(|&node: &usize| made[node].leaf.histograms.is_some());
            let leaves: Vec<&Leaf<'_>> = open.iter().map(|&node| &made[node].leaf).collect();
            let Some((question, splits)) = self.question(&leaves, level, sets.as_deref())? else { break };
            if let Some(sets) = &mut sets {
                let known = &self.shared.constraints.sets;
                sets.retain(|&set| known[set].binary_search(&(question.feature as usize)).is_ok());
            }
            let mut next = Vec::new();
            let mut work: Vec<Work<'r>> = Vec::new();
            for (&node, split) in open.iter().zip(splits) {
                if split.is_none() {
                    next.push(node);
                    continue;
                }
                made[node].leaf.split = split;
                work.push((node, Some(made[node].leaf.take()), None));
            }
            self.split_level(&mut work, level + 1 < n_levels);
            for (node, _, children) in work {
                let Some(children) = children.transpose()? else { continue };
                made[node].children = Some((made.len(), made.len() + 1));
                for leaf in children {
                    next.push(made.len());
                    made.push(Made { n_rows: leaf.rows.len(), leaf, next: None, children: None });
                }
            }
            open = next;
        }
        self.finish(made, None)
    }

    fn split_level(&self, work: &mut [Work<'_>], goes_on: bool) {
        let n_rows: usize = work.iter().flat_map(|(_, leaf, _)| leaf).map(|leaf| leaf.rows.len()).sum();
        let n_tasks = if n_rows * self.columns.len() < SERIAL { 1 } else { work.len() };
        let chunk = work.len().div_ceil(n_tasks.max(1));
        reduce::fill_chunks(work, chunk, |_, work| {
            for (_, leaf, children) in work {
                *children = leaf.take().map(|leaf| self.split_cell(leaf, goes_on));
            }
        });
    }

    /// The two children of a leaf, with histograms where they may be split.
    fn split_cell<'r>(&self, leaf: Leaf<'r>, goes_on: bool) -> Result<[Leaf<'r>; 2]> {
        self.ctx.check()?;
        let (mut children, mut parent) = self.part(leaf);
        let may = [0, 1].map(|side| goes_on && self.may_split(&children[side]));
        if !may[0] && !may[1] {
            self.shared.spare.histograms.give(parent);
            return Ok(children);
        }
        let small = usize::from(children[0].rows.len() > children[1].rows.len());
        let mut histograms = self.empty_histograms();
        self.build(children[small].rows, false, &mut histograms);
        histogram::subtract(&mut parent, &histograms);
        for (side, histograms) in [(small, histograms), (1 - small, parent)] {
            if may[side] {
                children[side].histograms = Some(histograms);
            } else {
                self.shared.spare.histograms.give(histograms);
            }
        }
        Ok(children)
    }

    /// The best question for these leaves.
    ///
    /// As for one leaf, rows are counted only where the sums of second derivatives do not say that each side has enough of them.
    fn question(&self, leaves: &[&Leaf<'_>], level: usize, sets: Option<&[usize]>) -> Result<Option<Asked>> {
        let allowed = self.allowed_at(sets, level, 0);
        let allowed = allowed.as_ref().unwrap_or(&self.columns);
        let groups = self.shared.groups;
        let best = |counted: bool| {
            let found = reduce::map_each(groups.len(), |place| {
                let group = groups.get(place);
                if !group.has_one_of(allowed) {
                    return None;
                }
                let counts = counted.then(|| self.count(group, leaves));
                self.best_of_level(group, leaves, counts.as_deref(), allowed, level)
            });
            found.into_iter().flatten().reduce(|best, new| if new.0.beats(&best.0) { new } else { best })
        };
        let Some((question, splits)) = best(false) else { return Ok(None) };
        let enough = |(leaf, split): (&&Leaf<'_>, &Option<Split>)| {
            split.as_ref().is_none_or(|split| self.leaves_enough(leaf, split))
        };
        if leaves.iter().zip(&splits).all(enough) {
            return Ok(Some((question, splits)));
        }
        self.ctx.check()?;
        Ok(best(true))
    }

    /// The best question for a level by a column of a group.
    fn best_of_level(
        &self,
        group: &Group,
        leaves: &[&Leaf<'_>],
        counts: Option<&[Vec<Histogram>]>,
        allowed: &[bool],
        level: usize,
    ) -> Option<Asked> {
        let mut best: Option<Asked> = None;
        for (offset, coded) in group.columns.iter().enumerate() {
            let own = leaves.iter().flat_map(|leaf| &leaf.histograms);
            let own: Vec<&Histogram> = own.map(|histograms| &histograms[group.first + offset]).collect();
            let counts: Option<Vec<&Histogram>> =
                counts.map(|counts| counts.iter().map(|counts| &counts[offset]).collect());
            let mut look = |column: usize, own: &[&Histogram], counts: Option<&[&Histogram]>| {
                self.best_of_level_column(column, own, counts, leaves, level, &mut best);
            };
            match coded {
                Coded::Alone(column) if allowed[*column] => look(*column, &own, counts.as_deref()),
                Coded::Alone(_) => {}
                Coded::Bundle(members) => {
                    for member in members.iter().filter(|member| allowed[member.column]) {
                        if !own.iter().any(|histogram| member.is_seen(histogram)) {
                            continue;
                        }
                        let recover = |bundle: &&Histogram| {
                            let all = bundle.iter().copied().fold(0, u64::wrapping_add);
                            let mut histogram = [0; 256];
                            member.recover(bundle, all, &mut histogram);
                            histogram
                        };
                        let own: Vec<Histogram> = own.iter().map(recover).collect();
                        let counts: Option<Vec<Histogram>> =
                            counts.as_ref().map(|counts| counts.iter().map(recover).collect());
                        let counts: Option<Vec<&Histogram>> =
                            counts.as_ref().map(|counts| counts.iter().collect());
                        look(member.column, &own.iter().collect::<Vec<_>>(), counts.as_deref());
                    }
                }
            }
        }
        best
    }

    /// Takes the best question by a column where it is better than the best so far.
    fn best_of_level_column(
        &self,
        column: usize,
        histograms: &[&Histogram],
        counts: Option<&[&Histogram]>,
        leaves: &[&Leaf<'_>],
        level: usize,
        best: &mut Option<Asked>,
    ) {
        let bins = self.shared.binned.binning().column(column);
        let direction = self.shared.constraints.directions[column];
        let mut noise = 0.0;
        let cells = leaves.iter().zip(histograms).enumerate().map(|(place, (leaf, histogram))| {
            let rules = self.of_children(leaf, direction);
            noise += 4.0 * rules.rows_by_hessian;
            Cell {
                histogram,
                counts: counts.map(|counts| counts[place]),
                n_rows: leaf.rows.len() as u64,
                totals: leaf.totals,
                output: leaf.output,
                rules,
                before: rules.alone(leaf.totals, leaf.output) + self.split_cost(leaf),
            }
        });
        let cells: Vec<Cell<'_>> = cells.collect();
        let level_of = Level { cells, n_bins: bins.n_bins(), least: self.least(), full: self.full };
        let draw = self.draw(1 << level, column);
        let rules = self.categories(draw);
        let found = match (bins, draw) {
            (Bins::Numeric { .. }, Some(draw)) => level_of.numeric_at(column as u32, draw),
            (Bins::Numeric { .. }, None) => level_of.numeric(column as u32),
            (Bins::Categorical { .. }, _) => level_of.categorical(column as u32, bins, &rules),
        };
        let Some(mut found) = found else { return };
        let cost = self.column_cost(column);
        found.gain -= cost;
        if found.gain > self.least_gain(noise) && best.as_ref().is_none_or(|best| found.beats(&best.0)) {
            let mut splits = level_of.splits(&found, bins, &rules);
            // Each split pays by what it gains, so that what is left of them is what is left of the level.
            let gross: f64 = splits.iter().flatten().map(|split| split.gain).sum();
            if cost > 0.0 && gross > 0.0 {
                let left = found.gain / gross;
                splits.iter_mut().flatten().for_each(|split| split.gain *= left);
            }
            *best = Some((found, splits));
        }
    }

    /// The number of rows of each bin of each leaf.
    fn count(&self, group: &Group, leaves: &[&Leaf<'_>]) -> Vec<Vec<Histogram>> {
        let ones = vec![One; self.derivatives.n_rows()];
        let of_leaf = |leaf: &&Leaf<'_>| {
            let mut counts = vec![[0; 256]; group.width];
            histogram::add(group, leaf.rows, &ones, &mut counts);
            counts
        };
        leaves.iter().map(of_leaf).collect()
    }
}
