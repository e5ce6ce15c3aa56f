//! What all boosters learn.

use perennial_core::{Error, Features, Matrix, Result, Rows};
use serde::{Deserialize, Serialize};

use super::engine::walk::BinnedTree;
use super::inputs::Inputs;
use super::settings::Mode;
use super::stopping::StopReason;
use crate::binned::Binned;
use crate::ensemble::Ensemble;
use crate::tree::{RowMajor, Tree};

/// The trees of a boosting model, with what was seen while they were learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Booster {
    pub(super) features: Features,
    pub(super) ensemble: Ensemble,
    /// The columns that are added to the scores: one for all of them, one for each, or none.
    pub(super) offset: Vec<u32>,
    pub(super) history: Vec<History>,
    pub(super) best_round: Option<usize>,
    pub(super) made: Made,
}

/// How the rounds came about: what going on, moving leaves and cutting rounds off must know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) mode: Mode,
    /// For each column 1 where scores never fall along it, -1 where they never rise, else 0; empty where none is bound.
    pub(super) directions: Vec<i8>,
    /// The rounds of the model that was continued, which come before the first value of the history.
    pub(super) n_before: usize,
    pub(super) stop: StopReason,
}

/// The values of one metric on the validation set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The name of the metric.
    pub metric: String,
    /// Its value after each round; of a model that was continued, after each round that was added.
    pub values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    ensemble: Ensemble,
    offset: Vec<u32>,
    history: Vec<History>,
    best_round: Option<usize>,
    made: Made,
}

impl TryFrom<Parts> for Booster {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, ensemble, offset, history, best_round, made } = parts;
        if ensemble.n_features() != features.len()
            || offset.iter().any(|&column| column as usize >= features.len())
            || (offset.len() > 1 && offset.len() != ensemble.n_outputs())
        {
            return Err(Error::corrupt("the trees of the model do not fit its features"));
        }
        if !made.directions.is_empty() && made.directions.len() != features.len() {
            return Err(Error::corrupt("the directions of the model do not fit its features"));
        }
        Ok(Booster { features, ensemble, offset, history, best_round, made })
    }
}

impl Booster {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The trees and their sum.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// The trees, round by round; a round has one tree for each score.
    pub fn trees(&self) -> &[Tree] {
        self.ensemble.trees()
    }

    /// The number of rounds.
    pub fn n_rounds(&self) -> usize {
        self.ensemble.n_rounds()
    }

    /// The round, counted from 1, after which the first watched metric was best; `None` where there was no validation
    /// set, or the round was cut off. Where no round that was added to a model is better than that model, it is its last
    /// round.
    pub fn best_round(&self) -> Option<usize> {
        self.best_round
    }

    /// The values of the watched metrics on the validation set, round by round.
    pub fn history(&self) -> &[History] {
        &self.history
    }

    /// Why learning ended.
    pub fn stop_reason(&self) -> StopReason {
        self.made.stop
    }

    /// Drops the rounds after the first `n_rounds`, with what is known of them: their part of the
    /// [`history`](Booster::history), and the [`best_round`](Booster::best_round) where it is one of them. A forest becomes the
    /// mean of the trees that are left.
    #[must_use]
    pub fn truncated(mut self, n_rounds: usize) -> Self {
        let before = self.n_rounds();
        if n_rounds >= before {
            return self;
        }
        let factor = if self.is_forest() { self.growth_of_shares(n_rounds) } else { 1.0 };
        self.ensemble.cut(n_rounds, factor);
        let n_kept = n_rounds.saturating_sub(self.made.n_before);
        self.history.iter_mut().for_each(|history| history.values.truncate(n_kept));
        self.best_round = self.best_round.filter(|&best| best <= n_rounds);
        self.made.n_before = self.made.n_before.min(n_rounds);
        self
    }

    pub(super) fn is_forest(&self) -> bool {
        self.made.mode == Mode::Forest
    }

    /// By how much the share of each tree in the mean of all grows where the mean is that of the first `n_rounds`.
    pub(super) fn growth_of_shares(&self, n_rounds: usize) -> f64 {
        self.n_rounds() as f64 / n_rounds.max(1) as f64
    }

    /// The scores of each row before they become answers: `n_rows` x `n_scores`, row by row.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let mut scores = self.ensemble.scores_beside(&RowMajor::of(&x)?, None)?;
        self.add_offset(&self.offset_of(&x)?, &mut scores);
        Ok(scores)
    }

    /// The scores from which rows go on learning: those of the trees, added up in the order of learning, beside the offset.
    pub(super) fn scores_beside(&self, x: &Matrix, offset: Option<&[f64]>) -> Result<Vec<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        self.ensemble.scores_beside(&RowMajor::of(&x)?, offset)
    }

    /// The scores after 1, 2, ... rounds, each as [`scores`](Booster::scores) of a model of so many rounds gives them: where the
    /// answers are the mean of a forest, the mean of so many trees, up to rounding.
    ///
    /// # Errors
    /// As for [`scores`](Booster::scores).
    pub fn staged_scores<'a>(
        &'a self,
        x: &'a Matrix,
    ) -> Result<impl ExactSizeIterator<Item = Vec<f64>> + use<'a>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let offset = self.offset_of(&x)?;
        Ok(self.ensemble.staged(RowMajor::of_cow(x)?).enumerate().map(move |(round, mut scores)| {
            if self.is_forest() && round + 1 < self.n_rounds() {
                self.grow_shares(&mut scores, round + 1);
            }
            self.add_offset(&offset, &mut scores);
            scores
        }))
    }

    /// Makes the sum of the first `n_rounds` of a forest, whose trees are shares of all, their mean.
    fn grow_shares(&self, scores: &mut [f64], n_rounds: usize) {
        let (base, factor) = (self.ensemble.base(), self.growth_of_shares(n_rounds));
        for scores in scores.chunks_exact_mut(base.len()) {
            scores.iter_mut().zip(base).for_each(|(score, base)| *score = base + (*score - base) * factor);
        }
    }

    pub(super) fn has_offset(&self) -> bool {
        !self.offset.is_empty()
    }

    /// What is added to the scores of each row, column by column.
    pub(super) fn offset_of(&self, x: &Matrix) -> Result<Vec<f64>> {
        let columns = self.offset.iter().map(|&column| Inputs::column(x, column as usize));
        Ok(columns.collect::<Result<Vec<_>>>()?.concat())
    }

    fn add_offset(&self, offset: &[f64], scores: &mut [f64]) {
        let n_scores = self.ensemble.n_outputs();
        let n_rows = (scores.len() / n_scores).max(1);
        for (output, offset) in (0..n_scores).zip(offset.chunks_exact(n_rows).cycle()) {
            let own = scores.iter_mut().skip(output).step_by(n_scores);
            own.zip(offset).for_each(|(score, offset)| *score += offset);
        }
    }

    /// The scores of rows in bins, the same bits as those of the matrix they came from.
    pub(crate) fn scores_of_bins(&self, x: &Binned) -> Result<Vec<f64>> {
        if *x.features() != self.features {
            return Err(Error::unsupported(
                "the bins are of other columns than those the model learned from; predict from the matrix",
            ));
        }
        if let Some(&column) = self.offset.first() {
            Inputs::column(x, column as usize)?;
        }
        let n_scores = self.ensemble.n_outputs();
        let mut scores: Vec<Vec<f64>> =
            self.ensemble.base().iter().map(|&base| vec![base; x.n_rows()]).collect();
        for (index, tree) in self.trees().iter().enumerate() {
            BinnedTree::new(tree, x.binning())?.add(x, 1.0, &mut scores[index % n_scores]);
        }
        Ok(by_row(&scores.concat(), n_scores))
    }

    /// The share of each feature in what all splits gained.
    pub fn feature_importances(&self) -> Vec<f64> {
        self.ensemble.importances_by_gain()
    }

    /// The share of each feature in the number of splits.
    pub fn split_importances(&self) -> Vec<f64> {
        self.ensemble.importances_by_splits()
    }
}

/// Numbers that lie score by score, row by row.
pub(crate) fn by_row(scores: &[f64], n_scores: usize) -> Vec<f64> {
    let n_rows = scores.len() / n_scores.max(1);
    match n_scores {
        1 => scores.to_vec(),
        _ => (0..scores.len()).map(|at| scores[at % n_scores * n_rows + at / n_scores]).collect(),
    }
}
