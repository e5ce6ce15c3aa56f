//! Looking at all cuts of a node.

use perennial_core::Result;
use perennial_numeric::reduce;

use super::sorted::Column;
use super::{Exact, Node, SERIAL};
use crate::boosting::engine::categories::{Categories, Summed, best_set};
use crate::boosting::engine::grow::columns::Asked;
use crate::boosting::engine::split::Full;
use crate::tree::Bounds;
use crate::tree::grow::midway;
use crate::tree::split::{Cut, Entry, MISSING, TIE, Tally, Terms, best_cut};
use crate::tree::structure::{Question, Rule};

/// Sums over some rows, in units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
    pub(super) n_rows: f64,
}

impl Side {
    pub(super) fn add(&mut self, [gradient, hessian]: [f64; 2]) {
        self.gradient += gradient;
        self.hessian += hessian;
        self.n_rows += 1.0;
    }

    fn without(self, other: Side) -> Side {
        Side {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            n_rows: self.n_rows - other.n_rows,
        }
    }

    /// What a node of these rows says.
    pub(super) fn output(self, full: &Full) -> f64 {
        full.bounded(self.gradient, self.hessian + full.l2, self.n_rows)
    }

    /// What that takes off the loss.
    fn explains(self, full: &Full, output: f64) -> f64 {
        full.score_at(self.gradient, self.hessian + full.l2, output)
    }
}

impl Summed for Side {
    fn plus(self, other: Self) -> Self {
        Side {
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
            n_rows: self.n_rows + other.n_rows,
        }
    }

    fn ratio(self, smoothing: f64) -> f64 {
        self.gradient / (self.hessian + smoothing)
    }
}

/// What two children explain together.
fn both(full: &Full, left: Side, right: Side) -> f64 {
    let (a, b) = (left.output(full), right.output(full));
    if full.forbids(a, b) { f64::NEG_INFINITY } else { left.explains(full, a) + right.explains(full, b) }
}

/// How a node is best split.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// In squared units of the first derivative by units of the second.
    pub(super) gain: f64,
    pub(super) rule: Rule,
}

/// The best split by one column.
struct Candidate {
    gain: f64,
    place: Place,
}

enum Place {
    At(Cut),
    /// The categories, ascending, that go left.
    OneOf(Vec<u32>),
}

/// Rows that move to the left side.
struct Sweep<'a, G> {
    slopes: &'a [[f64; 2]],
    left: Side,
    total: Side,
    /// The least second derivative of a side.
    least: f64,
    gain: G,
}

impl<G: Fn(Side, Side) -> f64> Tally for Sweep<'_, G> {
    #[inline]
    fn move_left(&mut self, row: u32) {
        self.left.add(self.slopes[row as usize]);
    }

    #[inline]
    fn gain(&self) -> f64 {
        let right = self.total.without(self.left);
        if self.left.hessian < self.least || right.hessian < self.least {
            return f64::NEG_INFINITY;
        }
        (self.gain)(self.left, right)
    }

    fn means(&self) -> [f64; 2] {
        [0.0; 2]
    }
}

impl Exact<'_> {
    /// The best split of a node, where there is one.
    pub(super) fn search(&self, node: &Node, columns: &[Column]) -> Result<Option<Found>> {
        let (settings, constraints) = (self.sorted.settings, self.sorted.constraints);
        let asked = Asked { settings, constraints, columns: &self.columns, random: &self.random };
        let asked = asked.by(node.depth, node.sets.as_deref(), node.path);
        let allowed = asked.as_ref().unwrap_or(&self.columns);
        let alone = self.alone(node);
        let look = |index: usize| -> Result<Option<Candidate>> {
            self.ctx.check()?;
            let Column { number, entries } = &columns[index];
            let best = || self.best_of(*number, &entries[node.range.clone()], node, alone);
            Ok(allowed[*number].then(best).flatten())
        };
        let candidates: Vec<Option<Candidate>> = match node.range.len() * columns.len() < SERIAL {
            true => (0..columns.len()).map(look).collect::<Result<_>>()?,
            false => reduce::try_map_each(columns.len(), look)?,
        };
        let mut best: Option<(usize, Candidate)> = None;
        // Sums of the same rows in the orders of two columns differ in their last bits, and so does what both sides explain, of which
        // a gain is what is left.
        let noise = TIE * alone.abs();
        for (index, candidate) in candidates.into_iter().enumerate() {
            let beats = |candidate: &Candidate| {
                best.as_ref().is_none_or(|(_, best)| candidate.gain > best.gain * (1.0 + TIE) + noise)
            };
            if let Some(candidate) = candidate.filter(beats) {
                best = Some((index, candidate));
            }
        }
        let rule = |(index, Candidate { gain, place }): (usize, Candidate)| {
            let Column { number, entries } = &columns[index];
            Found { gain, rule: self.rule(*number, &entries[node.range.clone()], &place, node) }
        };
        Ok(best.map(rule))
    }

    /// How the children of a node are made of their sums.
    fn of_children(&self, node: &Node, direction: i8) -> Full {
        Full { parent_output: node.output, ..self.full(node, direction) }
    }

    /// What a node takes off the loss where it is not split.
    fn alone(&self, node: &Node) -> f64 {
        let (full, total) = (self.of_children(node, 0), node.total);
        total.explains(&full, full.kept(node.output, total.output(&full)))
    }

    fn best_of(&self, column: usize, entries: &[Entry], node: &Node, alone: f64) -> Option<Candidate> {
        let settings = self.sorted.settings;
        let full = self.of_children(node, self.sorted.constraints.directions[column]);
        let total = node.total;
        // What is left when a sum is taken from another is not told from nothing below this.
        let least = (settings.min_child_weight / self.scale.hessian).max(TIE * total.hessian);
        let least = least.max(f64::MIN_POSITIVE);
        let candidate = if self.sorted.categorical[column] {
            let (gain, categories) = self.best_categories(column, entries, node, least, &full)?;
            Candidate { gain: gain - alone, place: Place::OneOf(categories) }
        } else {
            let terms = Terms { min_leaf: settings.min_samples_leaf, direction: 0, bounds: Bounds::NONE };
            let (slopes, left, l2) = (&self.slopes[..], Side::default(), full.l2);
            let plain = |left: Side, right: Side| {
                let (a, b) = (left.gradient, right.gradient);
                a * a / (left.hessian + l2) + b * b / (right.hessian + l2) - alone
            };
            let bound = |left: Side, right: Side| both(&full, left, right) - alone;
            let cut = match self.full {
                false => {
                    best_cut(entries, column, terms, || Sweep { slopes, left, total, least, gain: plain })
                }
                true => {
                    best_cut(entries, column, terms, || Sweep { slopes, left, total, least, gain: bound })
                }
            }?;
            Candidate { gain: cut.gain, place: Place::At(cut) }
        };
        // Rounding makes up gains of about the last bits of what the node explains alone.
        (candidate.gain > self.scale.gain(settings.min_gain).max(TIE * alone.abs())).then_some(candidate)
    }

    /// The best set of categories and what it and its rest explain. Missing values count as a category, and go right.
    fn best_categories(
        &self,
        column: usize,
        entries: &[Entry],
        node: &Node,
        least: f64,
        full: &Full,
    ) -> Option<(f64, Vec<u32>)> {
        let settings = self.sorted.settings;
        let groups: Vec<&[Entry]> = entries.chunk_by(|a, b| a.rank == b.rank).collect();
        if groups.len() < 2 {
            return None;
        }
        let mut used: Vec<(usize, Side)> =
            groups.iter().map(|group| self.sum(group.iter().map(|entry| entry.row))).enumerate().collect();
        let rules = Categories::of_settings(settings, self.scale, None);
        let fewest = settings.min_samples_leaf as f64;
        let (gain, chosen, _) = best_set(&mut used, &rules, TIE, |_, left: Side, l2| {
            let right = node.total.without(left);
            let fits = |side: Side| side.hessian >= least && side.n_rows >= fewest;
            if !(fits(left) && fits(right)) {
                return f64::NEG_INFINITY;
            }
            both(&Full { l2: full.l2 + l2, ..*full }, left, right)
        })?;
        let is_missing = |group: usize| groups[group][0].rank == MISSING;
        let flip = chosen.iter().any(|&group| is_missing(group));
        let mut is_chosen = vec![false; groups.len()];
        chosen.into_iter().for_each(|group| is_chosen[group] = true);
        // Ranks ascend, and so do the codes of the groups.
        let left = (0..groups.len()).filter(|&group| is_chosen[group] != flip && !is_missing(group));
        let code = |group: usize| self.sorted.x[[groups[group][0].row as usize, column]] as u32;
        Some((gain, left.map(code).collect()))
    }

    fn rule(&self, column: usize, entries: &[Entry], place: &Place, node: &Node) -> Rule {
        let feature = column as u32;
        let cut = match place {
            Place::OneOf(categories) => {
                let question = Question::OneOf(categories.clone());
                return Rule { feature, question, missing_left: false };
            }
            Place::At(cut) => cut,
        };
        let (left, right) = entries.split_at(cut.n_left as usize);
        let value = |entry: Option<&Entry>| {
            let entry = entry.filter(|entry| entry.rank != MISSING);
            entry.map(|entry| self.sorted.x[[entry.row as usize, column]])
        };
        let threshold = match (value(left.last()), value(right.first())) {
            (Some(low), Some(high)) => midway(low, high),
            // Only missing values go right.
            _ => f64::MAX,
        };
        // Where no value was missing, missing values will follow the heavier side, left where they differ by rounding alone.
        let missing_left = cut.missing_left.unwrap_or_else(|| {
            let left = self.sum(left.iter().map(|entry| entry.row));
            left.hessian >= node.total.without(left).hessian - TIE * node.total.hessian
        });
        Rule { feature, question: Question::AtMost(threshold), missing_left }
    }
}
