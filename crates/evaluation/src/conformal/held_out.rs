//! Rows that were held out, by the models that have not learned from them.

use std::collections::BTreeMap;

use perennial_core::{Error, Result};

use super::rank::{LEVEL, Scores, place, weighted_place};

/// Rows, and for each of them what models said of it.
type SaidOf<const K: usize> = (Vec<usize>, Vec<[f64; K]>);

/// Rows that the same models have not learned from.
pub(super) struct Pattern<const K: usize> {
    /// The numbers of the models.
    pub(super) models: Vec<u32>,
    pub(super) rows: Vec<usize>,
    /// For each row the means of the numbers that the models said of it.
    pub(super) said: Vec<[f64; K]>,
}

/// The rows that were held out, from those of each part and what its model said of each.
///
/// With folds there is a pattern for each fold; where rows are held out several times, as by a bootstrap, there are many.
pub(super) fn patterns<const K: usize>(n_rows: usize, parts: &[SaidOf<K>]) -> Vec<Pattern<K>> {
    let mut unseen: Vec<(Vec<u32>, [f64; K])> = vec![(Vec::new(), [0.0; K]); n_rows];
    for (model, (rows, said)) in parts.iter().enumerate() {
        for (&row, said) in rows.iter().zip(said) {
            let (models, sums) = &mut unseen[row];
            // A row that stands twice in a part is held out once.
            if models.last() != Some(&(model as u32)) {
                models.push(model as u32);
                sums.iter_mut().zip(said).for_each(|(sum, said)| *sum += said);
            }
        }
    }
    let mut of_pattern: BTreeMap<Vec<u32>, SaidOf<K>> = BTreeMap::new();
    for (row, (models, sums)) in unseen.into_iter().enumerate().filter(|(_, (models, _))| !models.is_empty())
    {
        let n = models.len() as f64;
        let (rows, said) = of_pattern.entry(models).or_default();
        rows.push(row);
        said.push(sums.map(|sum| sum / n));
    }
    of_pattern.into_iter().map(|(models, (rows, said))| Pattern { models, rows, said }).collect()
}

/// Refuses numbers of models that do not exist.
pub(super) fn check_models<'a>(
    mut patterns: impl Iterator<Item = &'a Vec<u32>>,
    n_models: usize,
) -> Result<()> {
    let there =
        |models: &Vec<u32>| !models.is_empty() && models.iter().all(|&model| (model as usize) < n_models);
    if patterns.all(there) {
        return Ok(());
    }
    Err(Error::corrupt("the conformal model has errors of models that it does not have"))
}

/// The mean of what some models say, in their order.
pub(super) fn mean_of(models: &[u32], said: impl Fn(usize) -> f64) -> f64 {
    models.iter().map(|&model| said(model as usize)).sum::<f64>() / models.len() as f64
}

/// The upper end of level `level` of answers plus errors, over all rows that were held out; each answer goes with the
/// errors of the rows that its models have not seen.
pub(super) fn upper_end<'a>(parts: impl Iterator<Item = (f64, &'a Scores)>, level: f64) -> Result<f64> {
    LEVEL.check(level)?;
    let mut plain = true;
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (answer, scores) in parts {
        plain &= scores.is_plain();
        all.extend(scores.pairs().map(|(error, weight)| (answer + error, weight)));
    }
    if plain {
        let place = place(all.len(), level)?;
        return Ok(all.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0)).1.0);
    }
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let total = all.iter().map(|pair| pair.1).sum();
    weighted_place(all.into_iter(), total, level)
}
