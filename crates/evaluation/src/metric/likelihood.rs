//! Metrics of a test: what it makes of the odds, and how its two sides balance.

use perennial_core::{Classes, Error, Param, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::classes::of_confusion;
use super::confusion::Aligned;
use super::{ConfusionMatrix, Metric, OfConfusion, confusion_matrix};
use crate::IntervalOptions;

/// The shares of the rows of a class, and of all others, that are told apart from the other side.
fn sensitivity_and_specificity(confusion: &ConfusionMatrix, class: &str) -> Result<(f64, f64)> {
    let known = confusion.names().iter().position(|name| name == class);
    let class = known.ok_or_else(|| {
        Error::unknown(format!("no class is named `{class}`; there are: {}", confusion.names().join(", ")))
    })?;
    let (truth, given) = (confusion.true_weights()[class], confusion.predicted_weights()[class]);
    let (right, total) = (confusion.counts()[[class, class]], confusion.total()?);
    let rest = total - truth;
    if truth == 0.0 || rest == 0.0 {
        return Err(Error::insufficient_data(format!(
            "it is not defined where {} rows are of class `{}`; check how the rows were split",
            if truth == 0.0 { "no" } else { "all" },
            confusion.names()[class]
        )));
    }
    Ok((right / truth, (rest - (given - right)) / rest))
}

/// By how much being given a class raises its odds: sensitivity by 1 - specificity. It is infinite where no other row is
/// given the class: an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositiveLikelihoodRatio {
    class: String,
}

impl PositiveLikelihoodRatio {
    /// Of this class.
    pub fn of(class: impl Into<String>) -> Self {
        PositiveLikelihoodRatio { class: class.into() }
    }
}

of_confusion!(
    PositiveLikelihoodRatio,
    0.0,
    f64::INFINITY,
    true,
    |metric| format!("positive_likelihood_ratio_{}", metric.class),
    |metric, confusion| {
        let (sensitivity, specificity) = sensitivity_and_specificity(confusion, &metric.class)?;
        if specificity == 1.0 {
            return Err(Error::insufficient_data(format!(
                "the likelihood ratio is not finite: no row of another class was given `{}`; use `Precision`",
                metric.class
            )));
        }
        Ok(sensitivity / (1.0 - specificity))
    }
);

/// What is left of the odds of a class when it was not given: 1 - sensitivity by specificity. Where every other row is
/// given the class it is not finite: an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NegativeLikelihoodRatio {
    class: String,
}

impl NegativeLikelihoodRatio {
    /// Of this class.
    pub fn of(class: impl Into<String>) -> Self {
        NegativeLikelihoodRatio { class: class.into() }
    }
}

of_confusion!(
    NegativeLikelihoodRatio,
    0.0,
    f64::INFINITY,
    false,
    |metric| format!("negative_likelihood_ratio_{}", metric.class),
    |metric, confusion| {
        let (sensitivity, specificity) = sensitivity_and_specificity(confusion, &metric.class)?;
        if specificity == 0.0 {
            return Err(Error::insufficient_data(format!(
                "the likelihood ratio is not finite: every row of another class was given `{}`; use `Recall`",
                metric.class
            )));
        }
        Ok((1.0 - sensitivity) / specificity)
    }
);

/// The product of sensitivity and specificity of a class, moved towards the side that matters (García, Mollineda and
/// Sánchez, 2009): `(1 + alpha (sensitivity - specificity)) sensitivity specificity`.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 0.1 | in [0, 1] | how much it counts which of the two is larger |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexBalancedAccuracy {
    class: String,
    alpha: f64,
}

const ALPHA: Param =
    Param::real("alpha", "how much it counts which side is larger").at_least(0.0).at_most(1.0);

impl IndexBalancedAccuracy {
    /// Of this class.
    pub fn of(class: impl Into<String>) -> Self {
        IndexBalancedAccuracy { class: class.into(), alpha: 0.1 }
    }

    /// How much it counts which of the two is larger.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

of_confusion!(
    IndexBalancedAccuracy,
    0.0,
    2.0,
    true,
    |metric| format!("index_balanced_accuracy_{}", metric.class),
    |metric, confusion| {
        ALPHA.check(metric.alpha)?;
        let (sensitivity, specificity) = sensitivity_and_specificity(confusion, &metric.class)?;
        Ok((1.0 + metric.alpha * (sensitivity - specificity)) * sensitivity * specificity)
    }
);
