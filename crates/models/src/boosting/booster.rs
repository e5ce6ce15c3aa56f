//! What all boosters learn, and learning it.

use perennial_core::{Context, Error, Features, Matrix, Result, Rows};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::engine::leaves::{self, Slopes};
use super::engine::rounds::{self, Validation, Verdict, boost};
use super::engine::walk::BinnedTree;
use super::inputs::{Given, Inputs};
use super::metric::{BoostingMetric, Watched};
use super::objective::{Labels, Objective};
use super::settings::{Constraints, Mode, Settings};
use super::stopping::Stopper;
use crate::binned::Binned;
use crate::ensemble::Ensemble;
use crate::tree::Tree;

/// The trees of a boosting model, with what was seen while they were learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Booster {
    features: Features,
    ensemble: Ensemble,
    offset: Option<u32>,
    history: Vec<History>,
    best_round: Option<usize>,
}

/// The values of one metric on the validation set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The name of the metric.
    pub metric: String,
    /// Its value after each round.
    pub values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    ensemble: Ensemble,
    offset: Option<u32>,
    history: Vec<History>,
    best_round: Option<usize>,
}

impl TryFrom<Parts> for Booster {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, ensemble, offset, history, best_round } = parts;
        if ensemble.n_features() != features.len()
            || offset.is_some_and(|column| column as usize >= features.len())
        {
            return Err(Error::corrupt("the trees of the model do not fit its features"));
        }
        Ok(Booster { features, ensemble, offset, history, best_round })
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
    /// set.
    pub fn best_round(&self) -> Option<usize> {
        self.best_round
    }

    /// The values of the watched metrics on the validation set, round by round.
    pub fn history(&self) -> &[History] {
        &self.history
    }

    /// Drops the rounds after the first `n_rounds`. The trees of a forest keep their share of the mean of all; learn one of
    /// fewer trees instead.
    #[must_use]
    pub fn truncated(mut self, n_rounds: usize) -> Self {
        self.ensemble.truncate(n_rounds);
        self
    }

    /// The scores of each row before they become answers: `n_rows` x `n_scores`, row by row.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let mut scores = self.ensemble.scores(x.dense()?)?;
        if let Some(column) = self.offset {
            let offset = Inputs::column(&*x, column as usize)?;
            self.add_offset(&offset, &mut scores);
        }
        Ok(scores)
    }

    /// The scores after 1, 2, ... rounds, each as [`scores`](Booster::scores) gives them.
    ///
    /// # Errors
    /// As for [`scores`](Booster::scores).
    pub fn staged_scores(&self, x: &Matrix) -> Result<Vec<Vec<f64>>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let offset = self.offset.map(|column| Inputs::column(&*x, column as usize)).transpose()?;
        let mut staged: Vec<Vec<f64>> = self.ensemble.staged_scores(x.dense()?)?.collect();
        if let Some(offset) = offset {
            staged.iter_mut().for_each(|scores| self.add_offset(&offset, scores));
        }
        Ok(staged)
    }

    pub(super) fn has_offset(&self) -> bool {
        self.offset.is_some()
    }

    fn add_offset(&self, offset: &[f64], scores: &mut [f64]) {
        for (scores, offset) in scores.chunks_exact_mut(self.ensemble.n_outputs()).zip(offset) {
            scores.iter_mut().for_each(|score| *score += offset);
        }
    }

    /// The scores of rows in bins, the same bits as those of the matrix they came from.
    pub(crate) fn scores_of_bins(&self, x: &Binned) -> Result<Vec<f64>> {
        if *x.features() != self.features {
            return Err(Error::unsupported(
                "the bins are of other columns than those the model learned from; predict from the matrix",
            ));
        }
        if let Some(column) = self.offset {
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

/// Numbers that lie row by row, score by score.
fn by_score(scores: &[f64], n_scores: usize) -> Vec<f64> {
    let n_rows = scores.len() / n_scores.max(1);
    match n_scores {
        1 => scores.to_vec(),
        _ => (0..scores.len()).map(|at| scores[at % n_rows * n_scores + at / n_rows]).collect(),
    }
}

/// What an estimator brings to learning.
pub(crate) struct Plan<'a, O, W> {
    pub(crate) settings: &'a Settings,
    pub(crate) objective: &'a O,
    /// What is watched on the validation set; the loss where this is empty.
    pub(crate) metrics: &'a [W],
    pub(crate) ctx: &'a Context,
    /// The model that is continued.
    pub(crate) from: Option<&'a Booster>,
}

impl<O: Objective, W: BoostingMetric> Plan<'_, O, W> {
    /// Learns from rows in bins or puts them there.
    pub(crate) fn learn<X: Inputs + ?Sized>(
        &self,
        train: &Given<'_, X>,
        validation: Option<&Given<'_, X>>,
    ) -> Result<Booster> {
        // On a thread of the pool all along: to enter it anew for each small task costs more than the task.
        rayon::scope(|_| self.learn_here(train, validation))
    }

    fn learn_here<X: Inputs + ?Sized>(
        &self,
        train: &Given<'_, X>,
        validation: Option<&Given<'_, X>>,
    ) -> Result<Booster> {
        let (settings, objective) = (self.settings, self.objective);
        settings.check()?;
        let features = train.x.features();
        let constraints = settings.constraints(features)?;
        rounds::check_size(train.x.n_rows())?;
        let labels = Labels::new(train.y, train.weights, train.groups);
        objective.check(&labels)?;
        self.check_memory(train.x.n_rows(), features.len())?;
        let offset = self.offset(train.x, &constraints)?;
        let base = match (self.from, &offset) {
            (Some(from), _) => self.check_from(from, features, &constraints)?,
            (None, None) => objective.base_scores(&labels)?,
            (None, Some(offset)) => rounds::base_beside(objective, &labels, offset)?,
        };
        let binned = train.x.bin(settings, train.weights, self.ctx)?;
        let watched = validation.map(|given| {
            let labels = Labels::new(given.y, given.weights, given.groups);
            objective.check(&labels).map_err(|error| error.context("validation set"))?;
            Ok((
                given.x.bin_like(&binned)?,
                labels,
                self.offset(given.x, &constraints)?,
                self.start(given.x)?,
            ))
        });
        let watched = watched.transpose()?;
        let input = rounds::Input {
            binned: &binned,
            labels: &labels,
            offset,
            start: self.start(train.x)?,
            validation: watched.as_ref().map(|(binned, labels, offset, start)| Validation {
                binned,
                labels,
                offset: offset.clone(),
                start: start.clone(),
            }),
        };
        let mut history = self.empty_history();
        let higher = |metric: &dyn BoostingMetric| metric.higher_is_better();
        let directions: Vec<bool> = match self.metrics {
            [] => vec![false],
            metrics => metrics.iter().map(|metric| higher(metric)).collect(),
        };
        let mut stopper = Stopper::new(settings.patience, settings.min_improvement, directions);
        let may_stop = settings.patience.is_some() && !matches!(settings.mode, Mode::Dart { .. });
        let watch = |labels: &Labels<'_>, scores: &[f64]| {
            let values = self.values(labels, scores)?;
            history.iter_mut().zip(&values).for_each(|(history, &value)| history.values.push(value));
            let done = stopper.round(&values);
            Ok(if done && may_stop { Verdict::Stop } else { Verdict::GoOn })
        };
        let learned = boost(objective, settings, &constraints, &input, base, watch, self.ctx)?;
        let watched = history.first().is_some_and(|first| !first.values.is_empty());
        let best = watched.then(|| stopper.best_round() + 1);
        let mut new_trees = learned.trees;
        if let (Some(best), true) = (best, may_stop) {
            new_trees.truncate(best * learned.base.len());
        }
        if settings.mode == Mode::Forest {
            let share = 1.0 / (new_trees.len() / learned.base.len()).max(1) as f64;
            new_trees.iter_mut().for_each(|tree| tree.scale(share));
        }
        let best_round = best.map(|best| best + self.from.map_or(0, Booster::n_rounds));
        let mut trees = self.from.map_or_else(Vec::new, |from| from.trees().to_vec());
        trees.extend(new_trees);
        let ensemble = Ensemble::new(features.len(), learned.base.len(), learned.base, trees)?;
        let offset = constraints.offset.map(|column| column as u32);
        let history = if watched { history } else { Vec::new() };
        let booster = Booster { features: features.clone(), ensemble, offset, history, best_round };
        check_monotone(&booster, &constraints)?;
        Ok(booster)
    }

    fn empty_history(&self) -> Vec<History> {
        let names: Vec<String> = match self.metrics {
            [] => vec!["loss".to_owned()],
            metrics => metrics.iter().map(BoostingMetric::name).collect(),
        };
        names.into_iter().map(|metric| History { metric, values: Vec::new() }).collect()
    }

    /// The watched metrics after a round.
    fn values(&self, labels: &Labels<'_>, scores: &[f64]) -> Result<Vec<f64>> {
        if self.metrics.is_empty() {
            return Ok(vec![self.objective.loss(labels, scores)]);
        }
        let now = Watched::new(self.objective, labels, scores);
        self.metrics.iter().map(|metric| metric.value(&now)).collect()
    }

    fn offset<X: Inputs + ?Sized>(&self, x: &X, constraints: &Constraints) -> Result<Option<Vec<f64>>> {
        constraints.offset.map(|column| x.column(column)).transpose()
    }

    /// The scores, score by score, of the model that is continued.
    fn start<X: Inputs + ?Sized>(&self, x: &X) -> Result<Option<Vec<f64>>> {
        let scores = |from: &Booster| Ok(by_score(&x.scores(from)?, from.ensemble.n_outputs()));
        self.from.map(scores).transpose()
    }

    fn check_from(&self, from: &Booster, features: &Features, constraints: &Constraints) -> Result<Vec<f64>> {
        if from.features != *features || from.offset != constraints.offset.map(|column| column as u32) {
            return Err(Error::unsupported(
                "the model to continue learned from other columns, or has another offset",
            ));
        }
        if from.ensemble.n_outputs() != self.objective.n_scores() {
            return Err(Error::unsupported(format!(
                "the model to continue has {} scores for a row; the loss needs {}",
                from.ensemble.n_outputs(),
                self.objective.n_scores()
            )));
        }
        if self.settings.mode != Mode::Gradient {
            return Err(Error::unsupported("a model can be continued by `Mode::Gradient` only"));
        }
        check_monotone(from, constraints).map_err(|_| {
            Error::unsupported("the model to continue does not keep to `monotone`; learn a new one instead")
        })?;
        Ok(from.ensemble.base().to_vec())
    }

    /// Refuses what would need more memory than is allowed.
    fn check_memory(&self, n_rows: usize, n_cols: usize) -> Result<()> {
        let Some(limit) = self.settings.memory_limit else { return Ok(()) };
        let (rows, columns) = (n_rows as u64, n_cols as u64);
        let scores = self.objective.n_scores() as u64;
        let at_once = scores.min(rayon::current_num_threads() as u64);
        // Bins twice; scores and derivatives; of each tree that grows its rows, its derivatives and histograms.
        let needed = [
            rows.saturating_mul(columns).saturating_mul(2),
            rows.saturating_mul(scores).saturating_mul(8 * 3),
            rows.saturating_mul(scores).saturating_mul(4),
            rows.saturating_mul(at_once).saturating_mul(8 + 8 + 4),
            (self.settings.max_leaves as u64 + 4)
                .saturating_mul(columns)
                .saturating_mul(2048)
                .saturating_mul(at_once),
        ];
        let needed = needed.into_iter().fold(0, u64::saturating_add);
        if needed > limit {
            return Err(Error::too_large(format!(
                "learning from {n_rows} rows and {n_cols} columns may take {needed} bytes, more than `memory_limit` = {limit}; \
                 take fewer columns or leaves, or raise the limit"
            )));
        }
        Ok(())
    }

    /// New values for the leaves of a model, from new rows: `keep` of the old value and the rest of what the new rows
    /// say. The questions stay.
    pub(crate) fn refit(&self, booster: &Booster, train: &Given<'_, Matrix>, keep: f64) -> Result<Booster> {
        self.settings.check()?;
        if !self.settings.monotone.is_empty() {
            return Err(Error::unsupported("new leaves would not keep to `monotone`; learn anew instead"));
        }
        if self.settings.mode != Mode::Gradient {
            return Err(Error::unsupported("leaves can be learned anew by `Mode::Gradient` only"));
        }
        let labels = Labels::new(train.y, train.weights, train.groups);
        self.objective.check(&labels)?;
        let n_scores = booster.ensemble.n_outputs();
        let n_rows = labels.n_rows();
        let x = booster.features.align(train.x)?;
        let leaves_of = booster.ensemble.leaves(x.dense()?)?;
        let n_trees = booster.trees().len();
        let mut scores: Vec<f64> =
            booster.ensemble.base().iter().flat_map(|&base| vec![base; n_rows]).collect();
        if let Some(column) = booster.offset {
            let offset = Inputs::column(&*x, column as usize)?;
            for scores in scores.chunks_exact_mut(n_rows.max(1)) {
                scores.iter_mut().zip(&offset).for_each(|(score, offset)| *score += offset);
            }
        }
        let (mut gradients, mut hessians) = (vec![0.0; scores.len()], vec![0.0; scores.len()]);
        let mut trees = booster.trees().to_vec();
        for round in 0..booster.n_rounds() {
            self.ctx.step(round, booster.n_rounds())?;
            self.objective.derivatives(&labels, &scores, &mut gradients, &mut hessians);
            let before = scores.clone();
            for output in 0..n_scores {
                let index = round * n_scores + output;
                let tree = &mut trees[index];
                let place = output * n_rows..(output + 1) * n_rows;
                let slopes = Slopes {
                    gradients: &gradients[place.clone()],
                    hessians: &hessians[place.clone()],
                    is_count: false,
                };
                let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); tree.n_nodes()];
                for row in 0..n_rows {
                    if labels.weight(row) > 0.0 {
                        rows_of[leaves_of[row * n_trees + index] as usize].push(row as u32);
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
                        *score += tree.value(leaves_of[row * n_trees + index] as usize)[0];
                    }
                });
            }
        }
        let ensemble =
            Ensemble::new(booster.features.len(), n_scores, booster.ensemble.base().to_vec(), trees)?;
        Ok(Booster { ensemble, history: Vec::new(), best_round: None, ..booster.clone() })
    }
}

/// Makes sure that no tree breaks a monotone constraint: on the two sides of a cut of a constrained column no leaf of
/// one side may be beyond a leaf of the other.
fn check_monotone(booster: &Booster, constraints: &Constraints) -> Result<()> {
    if constraints.directions.iter().all(|&direction| direction == 0) {
        return Ok(());
    }
    for tree in booster.trees() {
        // The least and the largest leaf below each node; children come after their parents.
        let mut ranges: Vec<(f64, f64)> =
            (0..tree.n_nodes()).map(|node| (tree.value(node)[0], tree.value(node)[0])).collect();
        for node in (0..tree.n_nodes()).rev() {
            let (Some((left, right)), Some(column)) = (tree.children(node), tree.feature(node)) else {
                continue;
            };
            let (a, b) = (ranges[left], ranges[right]);
            let broken = match constraints.directions[column] {
                1 => a.1 > b.0,
                -1 => a.0 < b.1,
                _ => false,
            };
            if broken {
                return Err(Error::unsupported(format!(
                    "the fitted trees do not keep to the monotone constraint on column `{}`; please report this",
                    booster.features.name(column)
                )));
            }
            ranges[node] = (a.0.min(b.0), a.1.max(b.1));
        }
    }
    Ok(())
}
