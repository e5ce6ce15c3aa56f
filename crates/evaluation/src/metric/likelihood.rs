//! Metrics of a test: what it makes of the odds, and how its two sides balance.

use perennial_core::{Classes, Error, Param, Result};
use perennial_statistics::distribution::{Distribution, Normal};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::classes::of_confusion;
use super::confusion::Aligned;
use super::counted::counted_rows;
use super::{ConfusionMatrix, Metric, OfConfusion, confusion_matrix};
use crate::IntervalOptions;

/// The weights of the rows of a class, and of all others: those that are given the class, and all of them.
struct Sides {
    given: [f64; 2],
    total: [f64; 2],
}

/// The shares of the rows of a class, and of all others, that are told apart from the other side.
fn sensitivity_and_specificity(confusion: &ConfusionMatrix, class: &str) -> Result<(f64, f64)> {
    let Sides { given, total } = sides(confusion, class)?;
    Ok((given[0] / total[0], (total[1] - given[1]) / total[1]))
}

fn sides(confusion: &ConfusionMatrix, class: &str) -> Result<Sides> {
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
    Ok(Sides { given: [right, given - right], total: [truth, rest] })
}

/// A ratio of two shares with the interval of its logarithm (Katz and others, 1978; Simel, Samsa and Matchar, 1991), which
/// exists for every classifier that has a ratio; a bootstrap would now and then draw no row of those in the denominator.
///
/// Where the first share is 0 so is the lower end, and the upper end is that of half a row more in each count. Where both shares
/// are 1 nothing varies, and both ends are those of half a row more.
fn ratio_interval(hits: [f64; 2], totals: [f64; 2], level: f64) -> Result<Interval> {
    LEVEL.check(level)?;
    let reach = Normal::standard().isf(0.5 * (1.0 - level));
    let ends = |hits: [f64; 2], totals: [f64; 2]| {
        let ratio = (hits[0] / totals[0]) / (hits[1] / totals[1]);
        let variance = |place: usize| 1.0 / hits[place] - 1.0 / totals[place];
        let factor = (reach * (variance(0) + variance(1)).sqrt()).exp();
        (ratio, ratio / factor, ratio * factor)
    };
    let half_more = || ends(hits.map(|hit| hit + 0.5), totals.map(|total| total + 1.0));
    if hits[0] > 0.0 {
        let (estimate, mut low, mut high) = ends(hits, totals);
        if hits == totals {
            let (_, lower, upper) = half_more();
            (low, high) = (lower.min(estimate), upper.max(estimate));
        }
        return Ok(Interval { estimate, low, high, level });
    }
    let (_, _, high) = half_more();
    Ok(Interval { estimate: 0.0, low: 0.0, high, level })
}

const LEVEL: Param =
    Param::real("level", "confidence level of the interval").above(0.0).at_most(1.0 - f64::EPSILON);

/// By how much being given a class raises its odds: sensitivity by 1 - specificity. It is infinite where no other row is
/// given the class: an error.
///
/// The interval is that of the logarithm (Simel, Samsa and Matchar, 1991) where rows are independent and not weighted.
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
    },
    analytic: |metric: &Self, confusion, level| {
        let Sides { given, total } = sides(confusion, &metric.class)?;
        ratio_interval(given, total, level)
    }
);

/// What is left of the odds of a class when it was not given: 1 - sensitivity by specificity. Where every other row is
/// given the class it is not finite: an error.
///
/// The interval is that of the logarithm (Simel, Samsa and Matchar, 1991) where rows are independent and not weighted.
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
    },
    analytic: |metric: &Self, confusion, level| {
        let Sides { given, total } = sides(confusion, &metric.class)?;
        ratio_interval([total[0] - given[0], total[1] - given[1]], total, level)
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
