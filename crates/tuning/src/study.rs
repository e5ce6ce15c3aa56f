//! What a search found.

use std::fmt;

use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::{Space, Trial};

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// It was scored.
    Complete,
    /// It failed for this reason.
    Failed(String),
}

/// One trial and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The candidate.
    pub trial: Trial,
    /// The mean score of the folds, where it was scored.
    pub score: Option<f64>,
    /// The score of each fold.
    pub fold_scores: Vec<f64>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How it ended.
    pub state: TrialState,
}

/// All trials of a search, and which of them was the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StudyParts")]
pub struct Study {
    metric: String,
    higher_is_better: bool,
    space: Space,
    trials: Vec<TrialRecord>,
    best: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StudyParts {
    metric: String,
    higher_is_better: bool,
    space: Space,
    trials: Vec<TrialRecord>,
    best: usize,
}

impl TryFrom<StudyParts> for Study {
    type Error = Error;

    fn try_from(parts: StudyParts) -> Result<Self> {
        let best = parts.best;
        let study = Study::new(parts.metric, parts.higher_is_better, parts.space, parts.trials)?;
        if study.best == best {
            return Ok(study);
        }
        Err(Error::malformed(format!(
            "the study says that trial {best} is the best, but the scores say trial {}",
            study.best
        )))
    }
}

/// A best value this near to an end of its range, as a share of the range, is worth a warning.
const EDGE: f64 = 0.02;

impl Study {
    pub(crate) fn new(
        metric: String,
        higher_is_better: bool,
        space: Space,
        trials: Vec<TrialRecord>,
    ) -> Result<Self> {
        let mut best: Option<(usize, f64)> = None;
        for (place, record) in trials.iter().enumerate() {
            let Some(score) = record.score.filter(|score| score.is_finite()) else { continue };
            // The first of equals.
            let better = |best: f64| if higher_is_better { score > best } else { score < best };
            if best.is_none_or(|(_, best)| better(best)) {
                best = Some((place, score));
            }
        }
        match (best, trials.first()) {
            (Some((best, _)), _) => Ok(Study { metric, higher_is_better, space, trials, best }),
            (None, Some(TrialRecord { state: TrialState::Failed(reason), trial, .. })) => {
                Err(Error::unsupported(format!("all {} trials failed; {trial}: {reason}", trials.len())))
            }
            (None, _) => Err(Error::empty("the study has no scored trial")),
        }
    }

    /// The name of the metric.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Whether a larger score is better.
    pub fn higher_is_better(&self) -> bool {
        self.higher_is_better
    }

    /// The space that was searched.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// All trials in the order of their numbers.
    pub fn trials(&self) -> &[TrialRecord] {
        &self.trials
    }

    /// The trial with the best mean score; the first of equals.
    pub fn best(&self) -> &TrialRecord {
        &self.trials[self.best]
    }

    /// The least complex trial whose mean score is within one standard error of the best one (Breiman, Friedman,
    /// Olshen and Stone, 1984). `complexity` is any number that grows with the complexity, such as `-alpha`.
    ///
    /// # Errors
    /// When `complexity` fails.
    pub fn simplest_within_one_se(&self, complexity: impl Fn(&Trial) -> Result<f64>) -> Result<&TrialRecord> {
        let best = self.best();
        let (mean, variance) = reduce::mean_variance(&best.fold_scores, 1);
        let error = (variance / best.fold_scores.len() as f64).sqrt();
        let error = if error.is_finite() { error } else { 0.0 };
        let mut simplest = (complexity(&best.trial)?, best);
        for record in &self.trials {
            let near = record.score.is_some_and(|score| {
                if self.higher_is_better { score >= mean - error } else { score <= mean + error }
            });
            if near {
                let complexity = complexity(&record.trial)?;
                if complexity < simplest.0 {
                    simplest = (complexity, record);
                }
            }
        }
        Ok(simplest.1)
    }

    /// What to look at before trusting the result: a best value at an end of its range, and trials that failed.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for name in self.space.names() {
            let value = &self.best().trial.values().get(name);
            let position =
                value.and_then(|value| self.space.dimension(name).and_then(|range| range.position(value)));
            let (Some(value), Some(position)) = (value, position) else { continue };
            let end = if position <= EDGE {
                "low"
            } else if position >= 1.0 - EDGE {
                "high"
            } else {
                continue;
            };
            warnings.push(format!(
                "the best `{name}`, {value}, lies at the {end} end of its range; better values may lie beyond it"
            ));
        }
        let failed = |record: &&TrialRecord| matches!(record.state, TrialState::Failed(_));
        let n_failed = self.trials.iter().filter(failed).count();
        if let Some(TrialRecord { trial, state: TrialState::Failed(reason), .. }) =
            self.trials.iter().find(failed)
        {
            warnings.push(format!("{n_failed} of {} trials failed; {trial}: {reason}", self.trials.len()));
        }
        warnings
    }

    /// The study as JSON text.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(Error::other)
    }
}

impl fmt::Display for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let best = self.best();
        let score = best.score.unwrap_or(f64::NAN);
        write!(f, "{} = {score:.4} by {}; {} trials", self.metric, best.trial, self.trials.len())
    }
}
