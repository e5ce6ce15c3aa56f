//! How far groups are from one another.

use std::fmt;

use perennial_core::Result;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::IntervalOptions;

/// How far the best-off group is from the worst-off one.
///
/// A largest less a smallest number is never below 0 and tends up, so where groups are alike the lower end of its interval
/// does not quite reach 0; whether a group differs is told by the tests of [`MetricFrame`](super::MetricFrame).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The largest less the smallest; 0 where all groups are the same.
    pub difference: Interval,
    /// The smallest over the largest; 1 where all groups are the same. It says something of numbers >= 0 alone.
    pub ratio: Interval,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "difference {}, ratio {}", self.difference, self.ratio)
    }
}

/// The difference and the ratio of some numbers of groups; those that are not defined are left out, and of a single one
/// there is neither.
pub(super) fn difference_and_ratio(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut least = f64::INFINITY;
    let mut most = f64::NEG_INFINITY;
    let mut n = 0;
    for value in values.filter(|value| value.is_finite()) {
        (least, most) = (least.min(value), most.max(value));
        n += 1;
    }
    if n < 2 {
        return (f64::NAN, f64::NAN);
    }
    // Where all are 0 they are the same.
    (most - least, if most == least { 1.0 } else { least / most })
}

/// The gap with its intervals, where it is defined: rows are drawn anew, and the difference and the ratio of the groups are
/// taken of each draw. A draw that leaves a single group says nothing and counts as the rows themselves.
pub(super) fn gap(
    options: &IntervalOptions<'_>,
    n_rows: usize,
    of_rows: impl Fn(&[usize]) -> (f64, f64) + Sync,
) -> Result<Option<Gap>> {
    let all: Vec<usize> = (0..n_rows).collect();
    let here = of_rows(&all);
    if !here.0.is_finite() {
        return Ok(None);
    }
    let known = |value: f64, here: f64| if value.is_nan() { here } else { value };
    Ok(Some(Gap {
        difference: options.of_rows(n_rows, |rows| known(of_rows(rows).0, here.0))?,
        ratio: options.of_rows(n_rows, |rows| known(of_rows(rows).1, here.1))?,
    }))
}
