//! Events of which only two times are known that they lie between.

use super::TimeDistribution;
use super::failure_time::LARGEST;

/// An upper end that so small a share of what lasts to the lower end outlasts says nothing.
const NOTHING: f64 = 1e-17;
/// Where the density changes by less, intervals are events at their middle.
const NARROW: f64 = 1e-4;
/// Where the share of Weibull's times that have passed is 2e-9.
const EARLY: f64 = -20.0;

impl TimeDistribution {
    /// The negative logarithm of the share between `low` and `high`, its first derivative by a step that moves both, and its
    /// second or a bound of it. `low` may be so small that nothing is below it.
    pub(super) fn between(self, low: f64, high: f64) -> [f64; 3] {
        let width = high - low;
        let [loss, slope, curve] = self.event(low.midpoint(high));
        if width * slope.abs().max(1.0) < NARROW {
            return [loss - width.max(f64::MIN_POSITIVE).ln(), slope, curve];
        }
        match self {
            Self::LogNormal if low + high < 0.0 => {
                let [loss, slope, curve] = self.above(-high, -low);
                [loss, -slope, curve]
            }
            Self::LogNormal => self.above(low, high),
            Self::LogLogistic => {
                // The share between is a product of what lasts longer than `low`, what does not last longer than `high`, and the width.
                let (above, below) = (self.lasting(low), self.lasting(-high));
                let outside = -(-(-width).exp_m1()).ln();
                [above[0] + below[0] + outside, above[1] - below[1], above[2] + below[2]]
            }
            // What lasts longer than `high` is all but a share too small to be taken from 1.
            Self::Weibull if high < EARLY => [-(-(-width).exp_m1()).ln() - high, -1.0, 1.0],
            Self::Weibull => {
                let [loss, slope, curve] = self.above(low, high);
                // As of events far earlier than expected, steps are not to be as long as they please.
                [loss, slope, if slope < 0.0 { curve.max(1.0) } else { curve }]
            }
        }
    }

    /// [`between`](TimeDistribution::between), from what lasts longer than each end.
    fn above(self, low: f64, high: f64) -> [f64; 3] {
        let (lower, upper) = (self.lasting(low), self.lasting(high));
        let gone = lower[0] - upper[0];
        let share = gone.exp();
        if share < NOTHING || low >= LARGEST {
            return lower;
        }
        let between = -gone.exp_m1();
        let slope = (lower[1] - share * upper[1]) / between;
        // How fast the logarithm of the density falls at each end.
        let falls = |z: f64, hazard: f64| match self {
            Self::LogNormal => z,
            _ => hazard - 1.0,
        };
        let bend = lower[1] * falls(low, lower[1]) - share * upper[1] * falls(high, upper[1]);
        let curve = slope * slope - bend / between;
        let curve = match self {
            Self::LogNormal => curve.clamp(0.0, 1.0),
            _ => curve.max(0.0),
        };
        [lower[0] - between.ln(), slope, curve]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TimeDistribution; 3] =
        [TimeDistribution::LogNormal, TimeDistribution::LogLogistic, TimeDistribution::Weibull];

    #[test]
    fn slopes_are_those_of_the_loss() {
        for times in ALL {
            for (low, high) in
                [(-0.5, 0.7), (-3.0, -1.0), (-30.0, 0.4), (0.2, 5.0), (1.0, 1.01), (2.5, 2.8), (-1e100, 0.3)]
            {
                let at = |step: f64| times.between(low + step, high + step);
                let [_, slope, curve] = at(0.0);
                let step = 1e-5;
                let found = (at(step)[0] - at(-step)[0]) / (2.0 * step);
                assert!(
                    (slope - found).abs() < 1e-6 * (1.0 + slope.abs()),
                    "{times:?} {low} {high}: {slope} {found}"
                );
                let found = (at(step)[1] - at(-step)[1]) / (2.0 * step);
                // Bounds are above; exact where nothing is bounded.
                let bounded = times == TimeDistribution::Weibull && slope < 0.0
                    || times == TimeDistribution::LogLogistic && (low > 3.0 || high < -3.0);
                let near = (curve - found).abs() < 1e-5 * (1.0 + curve.abs());
                assert!(near || (bounded && curve >= found), "{times:?} {low} {high}: {curve} {found}");
            }
        }
    }

    #[test]
    fn wide_and_narrow_intervals_are_what_they_stand_for() {
        for times in ALL {
            for z in [-2.0, 0.3, 4.0] {
                let (lasting, wide) = (times.lasting(z), times.between(z, 1e100));
                (0..2).for_each(|at| assert!((lasting[at] - wide[at]).abs() < 1e-12, "{times:?} {z}"));
                for width in [0.99e-4, 1.01e-4] {
                    let (event, narrow) = (times.event(z), times.between(z - 0.5 * width, z + 0.5 * width));
                    assert!((event[0] - width.ln() - narrow[0]).abs() < 1e-5, "{times:?} {z}");
                    assert!((event[1] - narrow[1]).abs() < 1e-5, "{times:?} {z} {event:?} {narrow:?}");
                }
            }
        }
    }

    #[test]
    fn far_from_the_score_numbers_stay_finite() {
        for times in ALL {
            for middle in [-1e100, -1e6, -300.0, -40.0, 40.0, 300.0, 1e6, 1e100] {
                for width in [0.0, 1e-9, 1e-3, 1.0, 50.0, 1e99] {
                    let [_, slope, curve] = times.between(middle - width, middle + width);
                    assert!(
                        slope.is_finite() && curve.is_finite() && curve >= 0.0,
                        "{times:?} {middle} {width}: {slope} {curve}"
                    );
                }
            }
            // From here on all that lasts longer is the same for Weibull's times.
            for high in [LARGEST + 1e-6, LARGEST + 1.0, 1e100] {
                let found = times.between(LARGEST, high);
                assert!(found.iter().all(|value| value.is_finite()), "{times:?} {high}: {found:?}");
            }
        }
    }
}
