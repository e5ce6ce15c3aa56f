//! What may be true where all rows say the same, so that drawing them anew says nothing.

use perennial_statistics::interval::Interval;

use super::IntervalOptions;
use crate::metric::ConfusionMatrix;

/// The largest share of all units that may be other than those that were seen, at this confidence: the end of the interval
/// of Clopper and Pearson (1934) for none among so many.
fn share(n_units: f64, level: f64) -> f64 {
    1.0 - (0.5 * (1.0 - level)).powf(1.0 / n_units.max(1.0))
}

impl IntervalOptions<'_> {
    /// The interval of a mean of scores between bounds: it stays within them, and where all rows have the same score it tells
    /// how far the mean would be from it if as many rows as may have gone unseen were at a bound.
    pub(crate) fn within(&self, found: Interval, scores: &[f64], (least, most): (f64, f64)) -> Interval {
        let Interval { estimate, mut low, mut high, level } = found;
        let counts = |row: usize| self.weights.is_none_or(|weights| weights[row] > 0.0);
        let mut counting = (0..scores.len()).filter(|&row| counts(row)).map(|row| scores[row]);
        let first = counting.next();
        if !self.forced && first.is_some_and(|first| counting.all(|score| score == first)) {
            let share = share(self.worth(scores.len()), level);
            let towards =
                |bound: f64| if bound.is_finite() { estimate + share * (bound - estimate) } else { estimate };
            (low, high) = (towards(least), towards(most));
        }
        Interval { estimate, low: low.max(least), high: high.min(most), level }
    }

    /// The interval of what a confusion matrix decides. Where every resample gave the same score, it tells how far it would
    /// be from it if, of one class, as many rows as may have gone unseen were given another.
    pub(crate) fn of_classes(
        &self,
        found: Interval,
        truth: &[u32],
        confusion: &ConfusionMatrix,
        score: impl Fn(&ConfusionMatrix) -> Option<f64>,
    ) -> Interval {
        if self.forced || found.low < found.high {
            return found;
        }
        let Interval { estimate, mut low, mut high, level } = found;
        let n_classes = confusion.names().len();
        let of_truth = confusion.true_weights();
        for (class, &weight) in of_truth.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let n_units = self.worth_of(truth.len(), |row| truth[row] as usize == class);
            let most = weight * share(n_units, level);
            let others = [class, (class + 1) % n_classes, (class + n_classes - 1) % n_classes];
            for from in 0..n_classes {
                let moved = confusion.counts()[[class, from]].min(most);
                for to in others.into_iter().filter(|&to| to != from && moved > 0.0) {
                    if let Some(score) = score(&confusion.with_moved(class, (from, to), moved)) {
                        (low, high) = (low.min(score), high.max(score));
                    }
                }
            }
        }
        Interval { estimate, low, high, level }
    }
}
