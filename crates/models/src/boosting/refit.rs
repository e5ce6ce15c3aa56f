//! New values for the leaves of a model.

use perennial_core::{Error, Matrix, Result};
use perennial_numeric::reduce;

use super::booster::{Booster, Made};
use super::engine::leaves::{self, Slopes};
use super::inputs::Given;
use super::latest;
use super::metric::BoostingMetric;
use super::objective::Objective;
use super::plan::Plan;
use super::settings::{Mode, Settings};
use super::stopping::StopReason;
use crate::ensemble::Ensemble;
use crate::tree::RowMajor;

impl<O: Objective, W: BoostingMetric> Plan<'_, O, W> {
    /// New values for the leaves of a model, from new rows: `keep` of the old value and the rest of what the new rows
    /// say. The questions stay.
    pub(crate) fn refit(&self, booster: &Booster, train: &Given<'_, Matrix>, keep: f64) -> Result<Booster> {
        self.settings.check()?;
        let bound = booster.made.directions.iter().any(|&direction| direction != 0);
        if bound || !self.settings.monotone.is_empty() {
            return Err(Error::unsupported("new leaves would not keep to `monotone`; learn anew instead"));
        }
        if self.settings.mode != Mode::Gradient || booster.made.mode != Mode::Gradient {
            return Err(Error::unsupported(
                "leaves can be learned anew by `Mode::Gradient` only, of a model that learned by it; learn anew instead",
            ));
        }
        latest::check_unasked(booster, self.settings)?;
        let latest = self.latest(train.x)?;
        let labels = latest::labels(train, latest.as_deref());
        self.objective.check(&labels)?;
        let n_scores = booster.ensemble.n_outputs();
        let n_rows = labels.n_rows();
        let x = booster.features.align(train.x)?;
        let (rows, scores) = (n_rows as u64, n_scores as u64);
        // Scores, before and after a round, and derivatives; the leaf that each row reaches, and the rows of each leaf.
        self.settings.check_memory(
            &[rows.saturating_mul(scores).saturating_mul(8 * 4), rows.saturating_mul(4 + 4)],
            || format!("moving leaves to {n_rows} rows"),
            "take fewer rows, or raise the limit",
        )?;
        let mut scores: Vec<f64> =
            booster.ensemble.base().iter().flat_map(|&base| vec![base; n_rows]).collect();
        let offset = booster.offset_of(&x)?;
        let offsets = offset.chunks_exact(n_rows.max(1)).cycle();
        for (scores, offset) in scores.chunks_exact_mut(n_rows.max(1)).zip(offsets) {
            scores.iter_mut().zip(offset).for_each(|(score, offset)| *score += offset);
        }
        let x = RowMajor::of(&x)?;
        let (mut gradients, mut hessians) = (vec![0.0; scores.len()], vec![0.0; scores.len()]);
        let mut trees = booster.trees().to_vec();
        for round in 0..booster.n_rounds() {
            self.ctx.step(round, booster.n_rounds())?;
            self.objective.derivatives(&labels, &scores, &mut gradients, &mut hessians);
            let before = scores.clone();
            for output in 0..n_scores {
                let index = round * n_scores + output;
                let tree = &mut trees[index];
                let leaf_of = tree.leaves_of(&x)?;
                let place = output * n_rows..(output + 1) * n_rows;
                let slopes = Slopes {
                    gradients: &gradients[place.clone()],
                    hessians: &hessians[place.clone()],
                    is_count: false,
                };
                let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); tree.n_nodes()];
                for row in 0..n_rows {
                    if labels.weight(row) > 0.0 {
                        rows_of[leaf_of[row] as usize].push(row as u32);
                    }
                }
                let found: Vec<leaves::LeafRows<'_>> = rows_of
                    .iter()
                    .enumerate()
                    .filter(|(_, rows)| !rows.is_empty())
                    .map(|(node, rows)| leaves::LeafRows {
                        node,
                        parts: vec![rows],
                        bounds: (f64::NEG_INFINITY, f64::INFINITY),
                        parent_output: 0.0,
                    })
                    .collect();
                let settings = Settings { path_smoothing: 0.0, ..self.settings.clone() };
                let outputs =
                    leaves::outputs(&found, &settings, slopes, self.objective, &labels, &before, output);
                for (leaf, value) in found.iter().zip(outputs) {
                    let old = tree.value(leaf.node)[0];
                    let new = keep * old + (1.0 - keep) * self.settings.learning_rate * value;
                    if !new.is_finite() {
                        return Err(Error::overflow(format!("a leaf of round {round} would be {new}")));
                    }
                    tree.set_value(leaf.node, &[new]);
                }
                let tree = &trees[index];
                reduce::fill_chunks(&mut scores[place], 8192, |first, scores| {
                    for (row, score) in (first..).zip(scores) {
                        *score += tree.value(leaf_of[row] as usize)[0];
                    }
                });
            }
        }
        let ensemble =
            Ensemble::new(booster.features.len(), n_scores, booster.ensemble.base().to_vec(), trees)?;
        let made = Made { n_before: 0, stop: StopReason::Rounds, ..booster.made.clone() };
        Ok(Booster { ensemble, history: Vec::new(), best_round: None, made, ..booster.clone() })
    }
}
