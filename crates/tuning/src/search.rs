//! Trying candidates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perennial_core::{Context, Error, ErrorKind, Estimator, Param, Predictor, Result};
use perennial_evaluation::{CrossValidation, Judges, Metric, Splitter, Strata, cross_validate};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::study::{Study, TrialRecord, TrialState};
use crate::{Setting, Space, Trial};

/// What a search may use beside rows and target.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `weights` | none | how much each row counts, in fits and in scores |
/// | `groups` | none | which rows belong together, for splitters and fits |
/// | `times` | none | when each row was, in any unit, for splitters |
/// | `context` | a new one | seed, progress and cancelling; trial 3 gets the child `trial3` |
/// | `on_trial` | none | what to do with each trial as it ends, such as writing it to a tracker |
#[derive(Clone, Default)]
pub struct Tuning<'a> {
    weights: Option<&'a [f64]>,
    groups: Option<&'a [u32]>,
    times: Option<&'a [i64]>,
    ctx: Context,
    on_trial: Option<&'a (dyn Fn(&TrialRecord) + Sync)>,
}

impl<'a> Tuning<'a> {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much each row counts.
    #[must_use]
    pub fn weights(mut self, weights: &'a [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Which rows belong together.
    #[must_use]
    pub fn groups(mut self, groups: &'a [u32]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// When each row was, in any unit.
    #[must_use]
    pub fn times(mut self, times: &'a [i64]) -> Self {
        self.times = Some(times);
        self
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// Called with each trial as it ends, from worker threads and in no particular order.
    #[must_use]
    pub fn on_trial(mut self, on_trial: &'a (dyn Fn(&TrialRecord) + Sync)) -> Self {
        self.on_trial = Some(on_trial);
        self
    }

    fn cross_validation(&self, ctx: Context) -> CrossValidation<'a> {
        let mut options = CrossValidation::new().context(ctx);
        if let Some(weights) = self.weights {
            options = options.weights(weights);
        }
        if let Some(groups) = self.groups {
            options = options.groups(groups);
        }
        if let Some(times) = self.times {
            options = options.times(times);
        }
        options
    }
}

impl fmt::Debug for Tuning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuning")
            .field("weighted", &self.weights.is_some())
            .field("grouped", &self.groups.is_some())
            .field("timed", &self.times.is_some())
            .field("ctx", &self.ctx)
            .field("watched", &self.on_trial.is_some())
            .finish()
    }
}

/// A way to choose the candidates of a study before the first of them is tried.
pub trait Search: Send + Sync {
    /// The space that is searched.
    fn space(&self) -> &Space;

    /// The candidates, numbered from 0.
    ///
    /// # Errors
    /// When the space cannot be searched or a setting is out of range.
    fn candidates(&self, ctx: &Context) -> Result<Vec<Trial>>;

    /// Builds an estimator for each candidate, cross-validates it, and gives all trials with the best of them.
    ///
    /// All candidates are scored on the same splits, in parallel. They are drawn before the first is tried, so the
    /// study is the same for any number of threads. A trial that fails is recorded with the reason.
    ///
    /// # Errors
    /// When the space cannot be searched, the splitter or the audit of its splits refuses, every trial fails, or the work was cancelled.
    fn run<E, S, M>(
        &self,
        x: &E::Input,
        y: &E::Target,
        build: impl Fn(&Trial) -> Result<E> + Sync,
        splitter: &S,
        metric: &M,
        options: &Tuning<'_>,
    ) -> Result<Study>
    where
        E: Estimator<Target: Strata>,
        E::Model: Predictor<Input = E::Input>,
        S: Splitter,
        M: Metric<Truth = E::Target> + Judges<E::Model>,
        Self: Sized,
    {
        let candidates = self.candidates(&options.ctx)?;
        let cross_validation = options.cross_validation(options.ctx.clone());
        let splits = cross_validation.splits(x, y, splitter)?;
        let done = AtomicUsize::new(0);
        let trials = reduce::try_map_each(candidates.len(), |number| {
            options.ctx.check()?;
            let trial = &candidates[number];
            let start = Instant::now();
            let ctx = options.ctx.child(&format!("trial{number}"));
            let scores = build(trial).and_then(|estimator| {
                let settings = options.cross_validation(ctx);
                Ok(cross_validate(&estimator, x, y, &splits, metric, &settings)?.scores())
            });
            let record = record(trial, scores, start.elapsed().as_secs_f64())?;
            if let Some(on_trial) = options.on_trial {
                on_trial(&record);
            }
            options.ctx.step(done.fetch_add(1, Ordering::Relaxed) + 1, candidates.len())?;
            Ok(record)
        })?;
        Study::new(metric.name(), M::HIGHER_IS_BETTER, self.space().clone(), trials)
    }
}

/// What became of a trial; only cancelling ends the study.
fn record(trial: &Trial, scores: Result<Vec<f64>>, seconds: f64) -> Result<TrialRecord> {
    let (fold_scores, state) = match scores {
        Ok(scores) if scores.iter().all(|score| score.is_finite()) => (scores, TrialState::Complete),
        Ok(scores) => {
            let reason = format!("the scores of the folds are {scores:?}; they must be finite");
            (Vec::new(), TrialState::Failed(reason))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Cancelled { .. }) => return Err(error),
        Err(error) => (Vec::new(), TrialState::Failed(error.to_string())),
    };
    let score = (state == TrialState::Complete).then(|| reduce::mean(&fold_scores));
    Ok(TrialRecord { trial: trial.clone(), score, fold_scores, seconds, state })
}

/// Candidates drawn at random: the method to beat for few trials (Bergstra and Bengio, 2012).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_trials` | 30 | >= 1 | number of candidates, those given by `try_first` included |
/// | `seed` | from the context | | start of the random stream |
/// | `try_first` | none | | candidates that are tried before those drawn, such as the defaults |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSearch {
    space: Space,
    #[serde(default = "default_trials")]
    n_trials: usize,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    try_first: Vec<BTreeMap<String, Setting>>,
}

fn default_trials() -> usize {
    30
}

const N_TRIALS: Param = Param::integer("n_trials", "number of candidates").at_least(1.0);

impl RandomSearch {
    /// A search of this space with the settings of the table.
    pub fn new(space: Space) -> Self {
        RandomSearch { space, n_trials: default_trials(), seed: None, try_first: Vec::new() }
    }

    /// The number of candidates.
    #[must_use]
    pub fn n_trials(mut self, n_trials: usize) -> Self {
        self.n_trials = n_trials;
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// A candidate to try before those drawn, such as the defaults; it may lie outside the ranges of the space.
    #[must_use]
    pub fn try_first<N: Into<String>>(mut self, values: impl IntoIterator<Item = (N, Setting)>) -> Self {
        self.try_first.push(values.into_iter().map(|(name, value)| (name.into(), value)).collect());
        self
    }
}

impl Search for RandomSearch {
    fn space(&self) -> &Space {
        &self.space
    }

    fn candidates(&self, ctx: &Context) -> Result<Vec<Trial>> {
        N_TRIALS.check_count(self.n_trials)?;
        self.space.check()?;
        let random = Random::new(ctx.seed(self.seed));
        let candidate = |number: usize| match self.try_first.get(number) {
            Some(values) => {
                let trial = Trial::new(number, values.clone());
                self.space.check_trial(&trial).map_err(|error| error.context("a candidate to try first"))?;
                Ok(trial)
            }
            None => Ok(self.space.draw(number, &mut random.fork(number as u64))),
        };
        (0..self.n_trials.max(self.try_first.len())).map(candidate).collect()
    }
}

/// All combinations of values at equal distances.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `points` | 5 | >= 1 | values per real or whole number; a choice takes all of its names |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridSearch {
    space: Space,
    #[serde(default = "default_points")]
    points: usize,
}

fn default_points() -> usize {
    5
}

const POINTS: Param = Param::integer("points", "values per number").at_least(1.0);
const MOST_CANDIDATES: usize = 1_000_000;

impl GridSearch {
    /// A search of this space with the settings of the table.
    pub fn new(space: Space) -> Self {
        GridSearch { space, points: default_points() }
    }

    /// The values per real or whole number.
    #[must_use]
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }
}

impl Search for GridSearch {
    fn space(&self) -> &Space {
        &self.space
    }

    fn candidates(&self, _: &Context) -> Result<Vec<Trial>> {
        POINTS.at_most(MOST_CANDIDATES as f64).check_count(self.points)?;
        self.space.check()?;
        let grid = self.space.grid(self.points);
        let n_candidates = grid.iter().fold(1_usize, |n, (_, values)| n.saturating_mul(values.len()));
        if n_candidates > MOST_CANDIDATES {
            return Err(Error::too_large(format!(
                "the grid has more than {MOST_CANDIDATES} candidates; use fewer points, or `RandomSearch`"
            )));
        }
        let candidate = |number: usize| {
            let mut rest = number;
            // The last setting changes fastest.
            let mut values: Vec<(String, Setting)> = Vec::new();
            for (name, choices) in grid.iter().rev() {
                values.push((name.clone(), choices[rest % choices.len()].clone()));
                rest /= choices.len();
            }
            Trial::new(number, values)
        };
        Ok((0..n_candidates).map(candidate).collect())
    }
}
