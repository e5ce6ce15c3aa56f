//! Our scores beside the recorded ones.

use std::fmt;
use std::path::Path;

use perennial::core::{Error, Result};
use serde_json::Value;

use crate::learners::N_LEARNERS;

/// What is measured. The names are those of the recorded scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    RocAuc,
    LogLoss,
    Accuracy,
    Rmse,
    Mae,
}

impl Measure {
    pub(crate) const OF_TWO_CLASSES: &'static [Measure] =
        &[Measure::RocAuc, Measure::LogLoss, Measure::Accuracy];
    pub(crate) const OF_CLASSES: &'static [Measure] = &[Measure::Accuracy];
    pub(crate) const OF_NUMBERS: &'static [Measure] = &[Measure::Rmse, Measure::Mae];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::RocAuc => "roc_auc",
            Measure::LogLoss => "logloss",
            Measure::Accuracy => "accuracy",
            Measure::Rmse => "rmse",
            Measure::Mae => "mae",
        }
    }

    pub(crate) fn higher_is_better(self) -> bool {
        matches!(self, Measure::RocAuc | Measure::Accuracy)
    }
}

/// A recorded score: the mean over the folds and their standard deviation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    pub(crate) mean: f64,
    pub(crate) sd: f64,
}

/// The recorded scores of all sets.
pub(crate) struct References(Value);

impl References {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::io(format!("cannot read `{}`", path.display()), error))?;
        Ok(References(serde_json::from_str(&text).map_err(Error::other)?))
    }

    /// The score of a model over the folds of a set.
    pub(crate) fn of_folds(&self, set: &str, model: &str, measure: Measure) -> Option<Recorded> {
        let score = self.0.get(set)?.get("models")?.get(model)?.get(measure.name())?;
        Some(Recorded { mean: score.get("mean")?.as_f64()?, sd: score.get("std")?.as_f64()? })
    }

    /// The score of a model on a single test set, which has the standard deviation of the folds for a yardstick.
    pub(crate) fn of_test(&self, set: &str, model: &str, test: &str, measure: Measure) -> Option<Recorded> {
        let mean = self.0.get(set)?.get(test)?.get(model)?.get(measure.name())?.as_f64()?;
        Some(Recorded { mean, sd: self.of_folds(set, model, measure)?.sd })
    }
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) set: String,
    pub(crate) measure: String,
    pub(crate) recorded: Option<Recorded>,
    pub(crate) higher_is_better: bool,
    pub(crate) ours: [f64; N_LEARNERS],
}

impl Row {
    pub(crate) const HEAD: &'static str = "\
        | data | measure | recorded | boosting | boosting, set like scikit-learn's | random forest | extra trees | boosting within one sd | set like scikit-learn's |\n\
        |---|---|---|---|---|---|---|---|---|\n";

    pub(crate) fn new(set: String, measure: Measure, recorded: Recorded, ours: [f64; N_LEARNERS]) -> Self {
        let (higher_is_better, measure) = (measure.higher_is_better(), measure.name().to_owned());
        Row { set, measure, recorded: Some(recorded), higher_is_better, ours }
    }

    /// By how many standard deviations a score of ours is better than the recorded one.
    fn better_by(&self, ours: f64) -> Option<f64> {
        let recorded = self.recorded?;
        let better = if self.higher_is_better { ours - recorded.mean } else { recorded.mean - ours };
        Some(if better == 0.0 { 0.0 } else { better / recorded.sd })
    }

    /// Writes the numbers of the row with the digits that suit their size.
    fn number(&self, value: f64) -> String {
        let size = self.recorded.map_or(1.0, |recorded| recorded.mean.abs());
        match size {
            size if size >= 1000.0 => format!("{value:.0}"),
            size if size >= 10.0 => format!("{value:.2}"),
            size if size >= 0.01 => format!("{value:.4}"),
            _ => format!("{value:.2e}"),
        }
    }

    /// What is said of a score of ours.
    fn verdict(&self, ours: f64) -> Option<String> {
        Some(match self.better_by(ours)? {
            better if better >= 1.0 => "better".to_owned(),
            better if better >= -1.0 => "yes".to_owned(),
            better => format!("no ({better:.1} sd)"),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recorded = self.recorded.map_or_else(String::new, |Recorded { mean, sd }| {
            format!("{} ± {}", self.number(mean), self.number(sd))
        });
        let ours = self.ours.map(|ours| self.number(ours)).join(" | ");
        let [boosting, alike] =
            [self.ours[0], self.ours[1]].map(|ours| self.verdict(ours).unwrap_or_default());
        writeln!(f, "| {} | {} | {recorded} | {ours} | {boosting} | {alike} |", self.set, self.measure)
    }
}
