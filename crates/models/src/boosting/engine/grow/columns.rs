//! Which columns are asked.

use perennial_numeric::random::Random;

use super::sample;
use crate::boosting::constraints::Constraints;
use crate::boosting::settings::Settings;

/// The columns that a tree may ask.
pub(super) fn of_tree(
    settings: &Settings,
    constraints: &Constraints,
    n_cols: usize,
    random: &Random,
) -> Vec<bool> {
    let mut columns = vec![true; n_cols];
    for column in constraints.unasked() {
        columns[column] = false;
    }
    sample(&columns, settings.columns_by_tree, &mut random.stream("columns"))
}

/// What the columns that a node may ask follow from.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) constraints: &'a Constraints,
    /// Those of the tree.
    pub(super) columns: &'a [bool],
    pub(super) random: &'a Random,
}

impl Asked<'_> {
    /// The columns that a node may ask, where they are not those of the tree. `sets` are the sets that may still be asked; `path`
    /// names the node.
    pub(super) fn by(&self, depth: usize, sets: Option<&[usize]>, path: u64) -> Option<Vec<bool>> {
        let &Asked { settings, constraints, columns: of_tree, random } = self;
        let sampled = settings.columns_by_level < 1.0 || settings.columns_by_node < 1.0;
        if sets.is_none() && !sampled {
            return None;
        }
        let mut columns = of_tree.to_vec();
        if let Some(sets) = sets {
            let mut in_sets = vec![false; columns.len()];
            let sets = sets.iter().flat_map(|&set| &constraints.sets[set]);
            sets.for_each(|&column| in_sets[column] = true);
            columns.iter_mut().zip(in_sets).for_each(|(allowed, in_sets)| *allowed &= in_sets);
        }
        if settings.columns_by_level < 1.0 {
            let mut random = random.stream("levels").fork(depth as u64);
            let level = sample(of_tree, settings.columns_by_level, &mut random);
            columns.iter_mut().zip(level).for_each(|(allowed, level)| *allowed &= level);
        }
        if settings.columns_by_node < 1.0 {
            let mut random = random.stream("nodes").fork(path);
            columns = sample(&columns, settings.columns_by_node, &mut random);
        }
        Some(columns)
    }
}

/// The sets that may still be asked below a node that asks a column.
pub(super) fn sets_below(
    constraints: &Constraints,
    sets: Option<&[usize]>,
    column: usize,
) -> Option<Vec<usize>> {
    let keeps = |set: &usize| constraints.sets[*set].binary_search(&column).is_ok();
    sets.map(|sets| sets.iter().copied().filter(keeps).collect())
}
