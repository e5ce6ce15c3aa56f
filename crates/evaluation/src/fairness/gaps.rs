//! How far groups are from one another.

use std::fmt;

use perennial_core::Result;
use perennial_statistics::distribution::StudentizedRange;
use perennial_statistics::interval::Interval;
use perennial_statistics::special::{normal_quantile, normal_tails};
use serde::{Deserialize, Serialize};

use crate::IntervalOptions;
use crate::metric::where_defined;

/// How far the best-off group is from the worst-off one.
///
/// The interval of the difference is made of those of the groups (Newcombe, 1998; Zou and Donner, 2008), so its lower end is 0 where
/// groups may be alike. Of several groups that are tied, the one that is furthest apart is so by chance, and the lower end is that
/// of the studentized range (Tukey); which are tied is told as Andrews and Soares (2010) do.
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

/// The gap with its intervals, where it is defined, from how often each row is there. The difference is told by the interval of each group
/// at a level; of the ratio rows are drawn anew, and a draw that leaves a single group says nothing and counts as the rows themselves.
pub(super) fn gap(
    options: &IntervalOptions<'_>,
    n_rows: usize,
    of_groups: impl Fn(f64) -> Result<Vec<Interval>>,
    of_counts: impl Fn(&[u32]) -> Option<Apart> + Sync,
) -> Result<Option<Gap>> {
    let Some(here) = of_counts(&vec![1; n_rows]) else { return Ok(None) };
    let difference = difference(options.confidence(), n_rows, |level| Ok(vec![of_groups(level)?]))?
        .unwrap_or(Interval {
            estimate: here.difference,
            low: here.difference,
            high: here.difference,
            level: options.confidence(),
        });
    with_ratio(options, n_rows, here, difference, of_counts).map(Some)
}

/// A gap of this difference.
pub(super) fn with_ratio(
    options: &IntervalOptions<'_>,
    n_rows: usize,
    here: Apart,
    difference: Interval,
    of_counts: impl Fn(&[u32]) -> Option<Apart> + Sync,
) -> Result<Gap> {
    let ratio = match here.ratio {
        None => None,
        // A draw with a number below 0 has no ratio, and then the rows have none of which one could be sure.
        Some(_) => where_defined(
            options.of_counts(n_rows, |counts| of_counts(counts).unwrap_or(here).ratio.unwrap_or(f64::NAN)),
        )?,
    };
    // Numbers that may be the same may have the ratio 1.
    let alike = difference.low == 0.0;
    let ratio = ratio.map(|ratio| Interval { high: if alike { 1.0 } else { ratio.high }, ..ratio });
    Ok(Gap { difference, ratio })
}

/// The interval of the largest difference within any of some families of numbers, from an interval of each number at any level;
/// nothing where no family has two.
///
/// The upper end is the largest of those of all pairs: the pair that is truly the furthest apart is among them. The lower end
/// is that of the pair that looks furthest apart, at a level that holds for all pairs that might.
pub(super) fn difference(
    level: f64,
    n_rows: usize,
    of_groups: impl Fn(f64) -> Result<Vec<Vec<Interval>>>,
) -> Result<Option<Interval>> {
    let families = of_groups(level)?;
    let found: Vec<Reach> = families.iter().filter_map(|family| Reach::of(family)).collect();
    let Some(most) = found.iter().copied().reduce(|a, b| if b.estimate > a.estimate { b } else { a }) else {
        return Ok(None);
    };
    let tied_families = found.iter().filter(|other| other.high >= most.low).count();
    let own = families.iter().map(|family| tied(family, n_rows, level)).max().unwrap_or(2);
    let together = 1.0 - (1.0 - level) / tied_families.max(1) as f64;
    let held = if own > 2 {
        let reach = StudentizedRange::new(own, 1e9)?.quantile(together) / std::f64::consts::SQRT_2;
        1.0 - 2.0 * normal_tails(reach).upper
    } else {
        together
    };
    let low = if held == level {
        found.iter().map(|reach| reach.low).fold(0.0, f64::max)
    } else {
        let wider = of_groups(held)?;
        wider.iter().filter_map(|family| Reach::of(family)).map(|reach| reach.low).fold(0.0, f64::max)
    };
    let high = found.iter().map(|reach| reach.high).fold(0.0, f64::max);
    Ok(Some(Interval { estimate: most.estimate, low: low.min(most.estimate), high, level }))
}

/// How far the numbers of one family are apart.
#[derive(Clone, Copy)]
struct Reach {
    estimate: f64,
    low: f64,
    high: f64,
}

impl Reach {
    fn of(family: &[Interval]) -> Option<Self> {
        let mut found: Option<Reach> = None;
        for (place, above) in family.iter().enumerate() {
            for (_, below) in family.iter().enumerate().filter(|(other, _)| *other != place) {
                let apart = above.estimate - below.estimate;
                let less = (above.estimate - above.low).hypot(below.high - below.estimate);
                let more = (above.high - above.estimate).hypot(below.estimate - below.low);
                let before = found.unwrap_or(Reach { estimate: 0.0, low: 0.0, high: 0.0 });
                found = Some(Reach {
                    estimate: before.estimate.max(apart),
                    low: before.low.max(apart - less),
                    high: before.high.max(apart + more),
                });
            }
        }
        found
    }
}

/// How many numbers may be the largest or the smallest: those nearer to it than the root of the logarithm of the rows, in standard
/// errors.
fn tied(family: &[Interval], n_rows: usize, level: f64) -> usize {
    let reach = normal_quantile(0.5 * (1.0 + level), 0.5 * (1.0 - level));
    let error = |interval: &Interval| 0.5 * interval.width() / reach;
    let far = (n_rows.max(2) as f64).ln().sqrt();
    let by = |a: &&Interval, b: &&Interval| a.estimate.total_cmp(&b.estimate);
    let (Some(most), Some(least)) = (family.iter().max_by(by), family.iter().min_by(by)) else { return 0 };
    let near = |one: &Interval, end: &Interval| {
        (one.estimate - end.estimate).abs() <= far * error(one).hypot(error(end))
    };
    family.iter().filter(|one| near(one, most) || near(one, least)).count()
}

/// The score interval of a weighted share (Wilson, 1927), of as many rows as the weights are worth.
pub(super) fn score_share(hit: f64, weight: f64, squares: f64, level: f64) -> Interval {
    let (share, n) = ((hit / weight).clamp(0.0, 1.0), weight * (weight / squares));
    let z = normal_quantile(0.5 * (1.0 + level), 0.5 * (1.0 - level));
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let half = z / scale * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let low = if share == 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if share == 1.0 { 1.0 } else { (centre + half).min(1.0) };
    Interval { estimate: share, low, high, level }
}
