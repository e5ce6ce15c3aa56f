//! What is possible where all that was seen is the same.

use perennial_statistics::interval::Interval;

use super::{Comparison, Verdict};

/// Up to this share of the range, differences are rounding.
const ROUNDING: f64 = 1e-12;

/// How far a gain can be from the one that was seen: the width of the bounds of the metric, or else the largest score seen.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    range: f64,
}

/// The share that may be otherwise where `n` of `n` are alike: the upper end of the exact interval of a proportion.
fn unseen(n: f64, level: f64) -> f64 {
    -((0.5 * (1.0 - level)).ln() / n).exp_m1()
}

/// The probability that all of `n` gains have one sign where both are as likely: the two-sided sign test.
pub(super) fn sign_test(estimate: f64, n: f64) -> f64 {
    if estimate == 0.0 { 1.0 } else { (1.0 - n).exp2().min(1.0) }
}

impl Seen {
    pub(super) fn new(bounds: (f64, f64), scores: impl Iterator<Item = f64>) -> Self {
        let width = bounds.1 - bounds.0;
        let largest = || scores.fold(0.0_f64, |largest, score| largest.max(score.abs()));
        Seen { range: if width.is_finite() { width } else { largest() } }
    }

    /// The interval of the mean gain of units that are worth `n`, where all gains are the same; else `gain`.
    pub(super) fn where_alike(&self, gains: &[f64], n: f64, gain: Interval) -> Interval {
        let (least, most) =
            gains.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &g| (l.min(g), m.max(g)));
        if most - least > ROUNDING * self.range.max(most.abs()) {
            return gain;
        }
        self.around(n, gain)
    }

    /// The interval where `n` units are alike: each of the others may gain or lose the whole range.
    pub(super) fn around(&self, n: f64, gain: Interval) -> Interval {
        let other = unseen(n, gain.level);
        let (kept, reach) = ((1.0 - other) * gain.estimate, other * self.range);
        Interval { low: kept - reach, high: kept + reach, ..gain }
    }

    /// The whole range, where all draws of a statistic that is no mean gave the same; else `gain`.
    pub(super) fn where_draws_are_alike(&self, gain: Interval) -> Interval {
        if gain.width() > ROUNDING * self.range.max(gain.estimate.abs()) {
            return gain;
        }
        Interval { low: -self.range, high: self.range, ..gain }
    }

    /// A metric without bounds that has seen no loss at all says nothing of how large one can be.
    pub(super) fn judge(&self, comparison: Comparison) -> Comparison {
        let verdict = if self.range == 0.0 { Verdict::Unclear } else { comparison.verdict };
        Comparison { verdict, ..comparison }
    }
}
