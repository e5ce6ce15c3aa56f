//! How far groups are from one another.

use std::fmt;

use perennial_core::Result;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::IntervalOptions;
use crate::metric::where_defined;

/// How far the best-off group is from the worst-off one.
///
/// A largest less a smallest number is never below 0 and tends up, so where groups are alike the lower end of its interval
/// does not quite reach 0; whether a group differs is told by the tests of [`MetricFrame`](super::MetricFrame).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The largest less the smallest; 0 where all groups are the same.
    pub difference: Interval,
    /// The smallest over the largest; 1 where all groups are the same. Nothing where a group has a number below 0, or has
    /// one in a resample of the rows: the ratio of such numbers says nothing.
    pub ratio: Option<Interval>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "difference {}", self.difference)?;
        match self.ratio {
            Some(ratio) => write!(f, ", ratio {ratio}"),
            None => f.write_str(", no ratio as numbers below 0 are possible"),
        }
    }
}

/// How far some numbers are apart.
#[derive(Clone, Copy)]
pub(super) struct Apart {
    pub(super) difference: f64,
    /// Nothing where one of them is below 0.
    pub(super) ratio: Option<f64>,
}

impl Apart {
    /// Those that are not defined are left out; nothing of fewer than two.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut least = f64::INFINITY;
        let mut most = f64::NEG_INFINITY;
        let mut n = 0;
        for value in values.filter(|value| value.is_finite()) {
            (least, most) = (least.min(value), most.max(value));
            n += 1;
        }
        if n < 2 {
            return None;
        }
        // Where all are 0 they are the same.
        let ratio = (least >= 0.0).then(|| if most == least { 1.0 } else { least / most });
        Some(Apart { difference: most - least, ratio })
    }

    /// Whichever of two is further apart.
    pub(super) fn wider(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        let (Some(a), Some(b)) = (first, second) else { return first.or(second) };
        let ratio = a.ratio.zip(b.ratio).map(|(a, b)| a.min(b));
        Some(Apart { difference: a.difference.max(b.difference), ratio })
    }
}

/// The gap with its intervals, where it is defined: rows are drawn anew, and the difference and the ratio of the groups are
/// taken of each draw. A draw that leaves a single group says nothing and counts as the rows themselves.
pub(super) fn gap(
    options: &IntervalOptions<'_>,
    n_rows: usize,
    of_rows: impl Fn(&[usize]) -> Option<Apart> + Sync,
) -> Result<Option<Gap>> {
    let all: Vec<usize> = (0..n_rows).collect();
    let Some(here) = of_rows(&all) else { return Ok(None) };
    let difference = options.of_rows(n_rows, |rows| of_rows(rows).unwrap_or(here).difference)?;
    let ratio = match here.ratio {
        None => None,
        // A draw with a number below 0 has no ratio, and then the rows have none of which one could be sure.
        Some(_) => where_defined(
            options.of_rows(n_rows, |rows| of_rows(rows).unwrap_or(here).ratio.unwrap_or(f64::NAN)),
        )?,
    };
    Ok(Some(Gap { difference, ratio }))
}
