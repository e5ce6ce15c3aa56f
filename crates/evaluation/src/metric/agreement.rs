//! Further metrics of classes.

use perennial_core::{Classes, Error, Param, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::classes::{of_confusion, ratio};
use super::confusion::Aligned;
use super::{Average, ConfusionMatrix, Metric, OfConfusion, confusion_matrix};
use crate::IntervalOptions;

/// The weighted harmonic mean of precision and recall, recall counting `beta` times as much (van Rijsbergen, 1979).
///
/// A class for which it is not defined counts as 0.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `beta` | 1 | > 0 | how much more recall counts |
/// | `average` | macro | | how the classes become one score |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FBeta {
    beta: f64,
    average: Average,
}

impl Default for FBeta {
    fn default() -> Self {
        FBeta { beta: 1.0, average: Average::Macro }
    }
}

const BETA: Param = Param::real("beta", "how much more recall counts than precision").above(0.0).at_most(1e6);

impl FBeta {
    /// With recall counting `beta` times as much, and this average over classes.
    pub fn new(beta: f64, average: Average) -> Self {
        FBeta { beta, average }
    }
}

of_confusion!(FBeta, 0.0, |metric| metric.average.name(&format!("f{}", metric.beta)), |metric, confusion| {
    BETA.check(metric.beta)?;
    let squared = metric.beta * metric.beta;
    metric
        .average
        .of(confusion, |right, truth, given| ratio((1.0 + squared) * right, squared * truth + given))
});

/// The share of the rows of other classes that were not given a class: the recall of all that it is not.
///
/// It is that of one class, or the mean over all classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Specificity {
    class: Option<String>,
}

impl Specificity {
    /// The mean over all classes.
    pub fn new() -> Self {
        Specificity::default()
    }

    /// Of one class alone: of two classes, name the positive one.
    pub fn of(class: impl Into<String>) -> Self {
        Specificity { class: Some(class.into()) }
    }

    fn average(&self) -> Average {
        self.class.clone().map_or(Average::Macro, Average::Class)
    }
}

of_confusion!(Specificity, 0.0, |metric| metric.average().name("specificity"), |metric, confusion| {
    let total: f64 = confusion.true_weights().iter().sum();
    metric.average().of(confusion, |right, truth, given| ratio(total - truth - given + right, total - truth))
});

/// The geometric mean of the recalls of the classes that have rows (Kubat and Matwin, 1997): 0 where one of them is
/// never found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeometricMean;

of_confusion!(GeometricMean, 0.0, |metric| "geometric_mean".to_owned(), |metric, confusion| {
    let recalls = confusion.true_weights().into_iter().enumerate().filter(|(_, weight)| *weight > 0.0);
    let (mut n, mut logs) = (0.0, 0.0);
    for (class, weight) in recalls {
        n += 1.0;
        logs += (confusion.counts()[[class, class]] / weight).ln();
    }
    Ok((logs / n).exp())
});

/// How much a disagreement counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// All as much.
    #[default]
    Equal,
    /// By the distance of the classes in the order of their names.
    Linear,
    /// By the square of that distance.
    Quadratic,
}

/// The agreement of true and given classes beyond that of chance (Cohen, 1960; weighted: Cohen, 1968).
///
/// It is 1 where all agree and 0 where they agree as often as chance would have it. Where truth and answer are one and
/// the same class throughout, chance agrees always and the score is not defined: an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CohenKappa {
    disagreement: Disagreement,
}

impl CohenKappa {
    /// All disagreements count as much.
    pub fn new() -> Self {
        CohenKappa::default()
    }

    /// How much a disagreement counts.
    #[must_use]
    pub fn disagreement(mut self, disagreement: Disagreement) -> Self {
        self.disagreement = disagreement;
        self
    }

    fn agreement(self, confusion: &ConfusionMatrix) -> Result<f64> {
        let (truth, given) = (confusion.true_weights(), confusion.predicted_weights());
        let total: f64 = truth.iter().sum();
        let cost = |a: usize, b: usize| {
            let distance = a.abs_diff(b) as f64;
            match self.disagreement {
                Disagreement::Equal => f64::from(u8::from(a != b)),
                Disagreement::Linear => distance,
                Disagreement::Quadratic => distance * distance,
            }
        };
        let (mut seen, mut by_chance) = (0.0, 0.0);
        for ((a, b), count) in confusion.counts().indexed_iter() {
            seen += cost(a, b) * count;
            by_chance += cost(a, b) * truth[a] * (given[b] / total);
        }
        if by_chance > 0.0 {
            return Ok(1.0 - seen / by_chance);
        }
        Err(Error::insufficient_data(
            "`cohen_kappa` is not defined where truth and answer are one and the same class throughout: chance would agree always; use `Accuracy`",
        ))
    }
}

of_confusion!(CohenKappa, -1.0, |metric| "cohen_kappa".to_owned(), |metric, confusion| metric
    .agreement(confusion));
