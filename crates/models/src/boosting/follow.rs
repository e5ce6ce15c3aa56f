//! What is watched from round to round, and kept for a process that goes on.

use perennial_core::{Checkpoint, Error, Fingerprint, Result};
use serde::{Deserialize, Serialize};

use super::booster::History;
use super::engine::rounds::{Input, Verdict};
use super::metric::BoostingMetric;
use super::objective::{Labels, Objective};
use super::plan::Plan;
use super::settings::Mode;
use super::stopping::Stopper;
use crate::tree::Tree;

/// Follows boosting round by round.
pub(crate) struct Follow<'a, O, W> {
    plan: &'a Plan<'a, O, W>,
    pub(super) history: Vec<History>,
    pub(super) stopper: Stopper,
    /// Whether learning ends where the watched metrics improve no more.
    pub(super) may_stop: bool,
    checkpoint: Option<Checkpoint>,
}

/// Where boosting stands after a round.
#[derive(Clone, Copy)]
pub(crate) struct State<'a> {
    /// Those that were added.
    pub(crate) trees: &'a [Tree],
    /// The scores of the rows to learn from, score by score.
    pub(crate) scores: &'a [f64],
    /// Those of the rows that are watched.
    pub(crate) watched: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct Kept<'a> {
    trees: &'a [Tree],
    scores: &'a [f64],
    watched: Option<&'a [f64]>,
    history: &'a [History],
}

/// Where boosting stood when its process ended.
#[derive(Deserialize)]
pub(crate) struct Resumed {
    pub(crate) trees: Vec<Tree>,
    pub(crate) scores: Vec<f64>,
    pub(crate) watched: Option<Vec<f64>>,
    history: Vec<History>,
}

impl<'a, O: Objective, W: BoostingMetric> Follow<'a, O, W> {
    pub(super) fn new(plan: &'a Plan<'a, O, W>, checkpoint: Option<Checkpoint>) -> Self {
        let names: Vec<String> = match plan.metrics {
            [] => vec!["loss".to_owned()],
            metrics => metrics.iter().map(BoostingMetric::name).collect(),
        };
        let higher: Vec<bool> = match plan.metrics {
            [] => vec![false],
            metrics => metrics.iter().map(BoostingMetric::higher_is_better).collect(),
        };
        let settings = plan.settings;
        Follow {
            plan,
            history: names.into_iter().map(|metric| History { metric, values: Vec::new() }).collect(),
            stopper: Stopper::new(settings.patience, settings.min_improvement, higher),
            may_stop: settings.patience.is_some() && !matches!(settings.mode, Mode::Dart { .. }),
            checkpoint,
        }
    }

    /// Takes the scores of the rows that are watched after a round.
    pub(crate) fn watch(&mut self, labels: &Labels<'_>, scores: &[f64]) -> Result<Verdict> {
        let values = self.plan.values(labels, scores)?;
        self.history.iter_mut().zip(&values).for_each(|(history, &value)| history.values.push(value));
        let done = self.stopper.round(&values);
        Ok(if done && self.may_stop { Verdict::Stop } else { Verdict::GoOn })
    }

    /// Where boosting stood when a process before this one ended; `before` is where it begins.
    pub(crate) fn resume(&mut self, n_cols: usize, before: State<'_>) -> Result<Option<Resumed>> {
        let Some(bytes) = self.checkpoint.as_ref().map_or(Ok(None), Checkpoint::load)? else {
            return Ok(None);
        };
        let place = || match &self.checkpoint {
            Some(checkpoint) => format!("checkpoint `{}`", checkpoint.path().display()),
            None => "checkpoint".to_owned(),
        };
        let resumed: Resumed = perennial_core::from_bytes(&bytes).map_err(|error| error.context(place()))?;
        let n_scores = self.plan.objective.n_scores().max(1);
        let n_rounds = resumed.trees.len() / n_scores;
        let n_judged = if before.watched.is_some() { n_rounds } else { 0 };
        let sound = resumed.trees.len() == n_rounds * n_scores
            && n_rounds < self.plan.settings.n_trees
            && resumed.trees.iter().all(|tree| tree.n_features() == n_cols && tree.n_values() == 1)
            && resumed.scores.len() == before.scores.len()
            && resumed.watched.as_ref().map(Vec::len) == before.watched.map(<[f64]>::len)
            && resumed.history.len() == self.history.len()
            && resumed.history.iter().all(|history| history.values.len() == n_judged);
        if !sound {
            return Err(
                Error::corrupt("it does not fit what is learned; delete it to begin anew").context(place())
            );
        }
        for round in 0..n_judged {
            let values: Vec<f64> = resumed.history.iter().map(|history| history.values[round]).collect();
            self.stopper.round(&values);
        }
        self.history.clone_from(&resumed.history);
        Ok(Some(resumed))
    }

    /// Keeps where boosting stands, where it is time to.
    pub(crate) fn keep(&mut self, state: State<'_>) -> Result<()> {
        let Some(checkpoint) = self.checkpoint.as_mut().filter(|checkpoint| checkpoint.is_due()) else {
            return Ok(());
        };
        let State { trees, scores, watched } = state;
        checkpoint.save(&perennial_core::to_bytes(&Kept { trees, scores, watched, history: &self.history })?)
    }

    /// Learning has come to its end.
    pub(super) fn done(&mut self) {
        self.checkpoint.take().into_iter().for_each(Checkpoint::done);
    }
}

impl<O: Objective, W: BoostingMetric> Plan<'_, O, W> {
    /// The state of this work on the disk, where states are kept: it is that of these settings and rows alone.
    pub(super) fn checkpoint(&self, input: &Input<'_>, base: &[f64]) -> Result<Option<Checkpoint>> {
        self.ctx.checkpoint(|of| {
            of.value(&("boosting", self.settings, format!("{:#?}", self.objective)))?;
            for metric in self.metrics {
                of.value(&(metric.name(), metric.higher_is_better(), format!("{metric:#?}")))?;
            }
            of.numbers(base);
            of.value(&input.n_before)?;
            self.from.map_or(Ok(()), |from| of.value(from.trees()))?;
            input.cells.take_into(of)?;
            rows(of, input.labels, [&input.offset, &input.start])?;
            let Some(watched) = &input.validation else { return Ok(()) };
            watched.cells.take_into(of)?;
            rows(of, watched.labels, [&watched.offset, &watched.start])
        })
    }
}

fn rows(of: &mut Fingerprint, labels: &Labels<'_>, scores: [&Option<Vec<f64>>; 2]) -> Result<()> {
    of.numbers(labels.y);
    of.value(&(labels.weights.is_some(), labels.latest().is_some(), labels.groups))?;
    labels
        .weights
        .into_iter()
        .chain(labels.latest())
        .chain(scores.into_iter().flatten().map(Vec::as_slice))
        .for_each(|numbers| {
            of.numbers(numbers);
        });
    of.value(&scores.map(Option::is_some))
}
