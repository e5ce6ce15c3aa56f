//! What would be success, judged from an interval.

use std::fmt;

use perennial_core::{Error, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::Predicate;

/// A bound that a metric must keep, on all rows or on a slice of them.
///
/// ```
/// use perennial_problem::{Criterion, Verdict};
/// use perennial_statistics::interval::Interval;
///
/// let criterion = Criterion::at_most("mae", 60.0);
/// let mae = |low, high| Interval { estimate: (low + high) / 2.0, low, high, level: 0.95 };
/// assert_eq!(criterion.judge(&mae(50.0, 58.0)), Verdict::Pass);
/// assert_eq!(criterion.judge(&mae(55.0, 63.0)), Verdict::Inconclusive);
/// assert_eq!(criterion.judge(&mae(61.0, 63.0)), Verdict::Fail);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<Predicate>,
}

/// How a criterion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval keeps the bound.
    Pass,
    /// The whole interval breaks the bound.
    Fail,
    /// The bound lies inside the interval, or nothing was measured: more data is needed.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}

/// A measured metric, on all rows or on the slice with this condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The name of the metric, as in the criterion.
    pub metric: String,
    /// The condition of the slice, as in the criterion; nothing for all rows.
    pub slice: Option<String>,
    /// What was measured.
    pub interval: Interval,
}

/// A criterion and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The criterion in words.
    pub criterion: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was measured; nothing when no measurement fits the criterion.
    pub measured: Option<Interval>,
}

impl Criterion {
    /// The metric must be this or more.
    pub fn at_least(metric: impl Into<String>, bound: f64) -> Self {
        Criterion { metric: metric.into(), at_least: Some(bound), at_most: None, slice: None }
    }

    /// The metric must be this or less.
    pub fn at_most(metric: impl Into<String>, bound: f64) -> Self {
        Criterion { metric: metric.into(), at_least: None, at_most: Some(bound), slice: None }
    }

    /// Asks it of the rows where a condition holds.
    #[must_use]
    pub fn on(mut self, slice: Predicate) -> Self {
        self.slice = Some(slice);
        self
    }

    /// The name of the metric.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The condition of the slice, where there is one.
    pub fn slice(&self) -> Option<&Predicate> {
        self.slice.as_ref()
    }

    /// How the criterion stands, given an interval of the metric; inconclusive when it has no bound that could be kept.
    pub fn judge(&self, interval: &Interval) -> Verdict {
        if self.check().is_err() {
            return Verdict::Inconclusive;
        }
        let (low, high) = (interval.low, interval.high);
        let keeps =
            self.at_most.is_none_or(|bound| high <= bound) && self.at_least.is_none_or(|bound| low >= bound);
        let breaks =
            self.at_most.is_some_and(|bound| low > bound) || self.at_least.is_some_and(|bound| high < bound);
        match (keeps, breaks) {
            (true, false) => Verdict::Pass,
            (false, true) => Verdict::Fail,
            _ => Verdict::Inconclusive,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let bounds: Vec<f64> = self.at_least.into_iter().chain(self.at_most).collect();
        if bounds.is_empty() {
            return Err(Error::malformed(format!(
                "the criterion on `{}` has no bound; give `at_least` or `at_most`",
                self.metric
            )));
        }
        if self.metric.is_empty() || bounds.iter().any(|bound| !bound.is_finite()) {
            return Err(Error::malformed("a criterion needs the name of a metric and finite bounds"));
        }
        if let (Some(low), Some(high)) = (self.at_least, self.at_most)
            && low > high
        {
            return Err(Error::malformed(format!(
                "the criterion on `{}` cannot be met: at least {low} and at most {high}",
                self.metric
            )));
        }
        Ok(())
    }

    pub(crate) fn judge_all(&self, measurements: &[Measurement]) -> Judgement {
        let slice = self.slice.as_ref().map(ToString::to_string);
        let fits = |measured: &&Measurement| measured.metric == self.metric && measured.slice == slice;
        let measured = measurements.iter().find(fits).map(|measured| measured.interval);
        let verdict = measured.as_ref().map_or(Verdict::Inconclusive, |interval| self.judge(interval));
        Judgement { criterion: self.to_string(), verdict, measured }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.metric)?;
        if let Some(bound) = self.at_least {
            write!(f, " ≥ {bound}")?;
        }
        if let Some(bound) = self.at_most {
            write!(f, " ≤ {bound}")?;
        }
        if let Some(slice) = &self.slice {
            write!(f, " where {slice}")?;
        }
        Ok(())
    }
}
