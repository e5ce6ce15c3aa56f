//! What is possible where all that was seen is the same.

use perennial_statistics::interval::Interval;

use super::{Comparison, Verdict};

/// Up to this share of the range, differences are rounding.
const ROUNDING: f64 = 1e-12;

/// How far a gain can be from the one that was seen: the width of the bounds of the metric, or else of the scores seen with 0,
/// so that no gain that was seen is further.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    range: f64,
}

/// The share that may be otherwise where `n` of `n` are alike: the upper end of the exact interval of a proportion.
fn unseen(n: f64, level: f64) -> f64 {
    -((0.5 * (1.0 - level)).ln() / n).exp_m1()
}

impl Seen {
    pub(super) fn new(bounds: (f64, f64), scores: impl Iterator<Item = f64>) -> Self {
        let width = bounds.1 - bounds.0;
        let of_scores = || {
            let (least, most) = scores.fold((0.0_f64, 0.0_f64), |(l, m), score| (l.min(score), m.max(score)));
            most - least
        };
        Seen { range: if width.is_finite() { width } else { of_scores() } }
    }

    /// Whether numbers differ from each other by rounding alone.
    pub(super) fn all_alike(&self, gains: &[f64]) -> bool {
        let (least, most) =
            gains.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &g| (l.min(g), m.max(g)));
        let known = gains.iter().all(|gain| !gain.is_nan());
        known && most - least <= ROUNDING * self.range.max(most.abs())
    }

    /// Whether a gain is one by rounding alone.
    pub(super) fn is_nothing(&self, gain: f64) -> bool {
        gain.abs() <= ROUNDING * self.range
    }

    /// The probability that all of `n` gains have one sign where both are as likely: the two-sided sign test.
    pub(super) fn sign_test(&self, estimate: f64, n: f64) -> f64 {
        if self.is_nothing(estimate) { 1.0 } else { (1.0 - n).exp2().min(1.0) }
    }

    /// Whether all draws of units gave the same. That of the rows it says nothing: rows of a group may cancel each other, and
    /// rows without weight may differ.
    fn draws_are_alike(&self, gain: &Interval) -> bool {
        gain.width() <= ROUNDING * self.range.max(gain.estimate.abs())
    }

    /// The interval of the mean gain of units that are worth `n`, where all draws of them gave the same; else `gain`.
    pub(super) fn of_mean(&self, n: f64, gain: Interval) -> Interval {
        if self.draws_are_alike(&gain) { self.around(n, gain) } else { gain }
    }

    /// The interval where `n` units are alike: each of the others may gain or lose the whole range.
    pub(super) fn around(&self, n: f64, gain: Interval) -> Interval {
        let other = unseen(n, gain.level);
        let (kept, reach) = ((1.0 - other) * gain.estimate, other * self.range);
        // Rounding must not leave out the estimate.
        let (low, high) = ((kept - reach).min(gain.estimate), (kept + reach).max(gain.estimate));
        Interval { low, high, ..gain }
    }

    /// That of a statistic that is no mean of units that are worth `n`: the whole range where no draw shows a gain, as it is not
    /// known how far one unit moves it. A gain that is the same in all draws is as that of a mean.
    pub(super) fn of_statistic(&self, n: f64, gain: Interval) -> Interval {
        if self.draws_are_alike(&gain) && self.is_nothing(gain.estimate) {
            return Interval { low: -self.range, high: self.range, ..gain };
        }
        self.of_mean(n, gain)
    }

    /// A metric without bounds that has seen no loss at all says nothing of how large one can be.
    pub(super) fn judge(&self, comparison: Comparison) -> Comparison {
        let verdict = if self.range == 0.0 { Verdict::Unclear } else { comparison.verdict };
        Comparison { verdict, ..comparison }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a metric without bounds, with scores on both sides of 0.
    #[test]
    fn what_was_seen_is_within() {
        let seen = Seen::new((f64::NEG_INFINITY, 1.0), [1.0, -3.0].into_iter());
        for estimate in [-4.0, 0.0] {
            let gain = Interval { estimate, low: estimate, high: estimate, level: 0.95 };
            for found in [seen.of_mean(3.0, gain), seen.of_statistic(3.0, gain)] {
                assert!(found.contains(estimate) && found.width() > 4.0, "{found}");
            }
        }
    }
}
