//! What fitted steps say that they decided.

use std::sync::Arc;

use perennial_core::{Decided, Features};
use perennial_data::Change;

use crate::categories::Levels;

/// `what(column)` of each column.
pub(crate) fn of_columns<M: ?Sized>(
    model: &M,
    features: &Features,
    why: &str,
    what: impl Fn(usize) -> String,
) -> Vec<Decided> {
    let decided = |(column, name): (usize, &str)| Decided::by(model, what(column), why).column(name);
    features.names().enumerate().map(decided).collect()
}

/// As [`of_columns`], with how many cells of each changed.
pub(crate) fn with_cells(decided: Vec<Decided>, counts: &[usize]) -> Vec<Decided> {
    decided.into_iter().zip(counts).map(|(decided, &count)| decided.cells(count)).collect()
}

/// What was done to cells, where that is all there is to say.
pub(crate) fn of_changes<M: ?Sized>(model: &M, changes: &[Change], what: &str, why: &str) -> Vec<Decided> {
    let decided = |change: &Change| {
        let decided = Decided::by(model, what, why).cells(change.count);
        match &change.column {
            Some(column) => decided.column(column.clone()),
            None => decided,
        }
    };
    changes.iter().map(decided).collect()
}

/// The categories of each column: `what(column, its categories in words)`.
pub(crate) fn of_levels<'a, M: ?Sized>(
    model: &M,
    columns: impl Iterator<Item = (&'a Arc<str>, &'a Levels)>,
    what: impl Fn(usize, String) -> String,
) -> Vec<Decided> {
    let decided = |(at, (name, levels)): (usize, (&Arc<str>, &Levels))| {
        let words = list(levels.names().iter().map(|level| format!("`{level}`")));
        Decided::by(model, what(at, words), "the categories of the training rows").column(&**name)
    };
    columns.enumerate().map(decided).collect()
}

/// How many there are, and the first of them.
pub(crate) fn list(all: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 20;
    let n = all.len();
    let shown: Vec<String> = all.take(SHOWN).collect();
    match n {
        0 => "none".to_owned(),
        n if n > SHOWN => format!("{n}: {}, ...", shown.join(", ")),
        _ => shown.join(", "),
    }
}
