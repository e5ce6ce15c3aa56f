//! What may be true where all rows say the same, so that drawing them anew says nothing.

use perennial_statistics::interval::Interval;

use super::IntervalOptions;
use crate::metric::ConfusionMatrix;

/// Up to so many classes, the rows of each are thought to be each of the others.
const FEW: usize = 24;

/// Scores of resamples that differ by less, as a share of the score, differ by rounding alone.
const ROUNDING: f64 = 1e-14;

/// The largest share of all units that may be other than those that were seen, at this confidence: the end of the interval
/// of Clopper and Pearson (1934) for none among so many.
pub(crate) fn share(n_units: f64, level: f64) -> f64 {
    1.0 - (0.5 * (1.0 - level)).powf(1.0 / n_units.max(1.0))
}

impl IntervalOptions<'_> {
    /// The interval of a mean of scores between bounds: it stays within them, and where all rows have the best or the worst
    /// score there is, it tells where the mean would be if as many rows as may have gone unseen had the other one.
    pub(crate) fn within(&self, found: Interval, scores: &[f64], (least, most): (f64, f64)) -> Interval {
        let Interval { estimate, mut low, mut high, level } = found;
        let counts = |row: usize| self.weights.is_none_or(|weights| weights[row] > 0.0);
        let all = |bound: f64| (0..scores.len()).filter(|&row| counts(row)).all(|row| scores[row] == bound);
        if !self.forced && least.is_finite() && most.is_finite() {
            let width = share(self.worth(scores.len()), level) * (most - least);
            if all(most) {
                low = most - width;
            } else if all(least) {
                high = least + width;
            }
        }
        Interval { estimate, low: low.max(least), high: high.min(most), level }
    }

    /// The interval of what a confusion matrix decides. Where every resample gave the same score, it reaches as far as the score
    /// would if as many rows as may have gone unseen had been given another class: those of one class, or some of all.
    pub(crate) fn of_classes(
        &self,
        found: Interval,
        truth: &[u32],
        confusion: &ConfusionMatrix,
        score: impl Fn(&ConfusionMatrix) -> Option<f64>,
    ) -> Interval {
        if self.forced || found.width() > ROUNDING * found.estimate.abs().max(1.0) {
            return found;
        }
        let n_classes = confusion.names().len().max(2);
        let own = self.worths(truth.len(), n_classes, |row| truth[row] as usize);
        unseen_of_classes(found, self.worth(truth.len()), &own, confusion, score)
    }
}

/// The interval of what a confusion matrix decides, where every resample gave the same score; its rows are worth so many, and so are
/// those of each class.
pub(crate) fn unseen_of_classes(
    found: Interval,
    all: f64,
    own: &[f64],
    confusion: &ConfusionMatrix,
    score: impl Fn(&ConfusionMatrix) -> Option<f64>,
) -> Interval {
    let confusion = &confusion.with_another_class();
    let n_classes = confusion.names().len();
    let Interval { estimate, mut low, mut high, level } = found;
    let mut reach = |confusion: &ConfusionMatrix| {
        if let Some(score) = score(confusion) {
            (low, high) = (low.min(score), high.max(score));
        }
    };
    let weights = confusion.true_weights();
    // Where the rows of each class went, most of them.
    let went: Vec<usize> = (0..n_classes).map(|class| confusion.most_given(class)).collect();
    let of_all = share(all, level);
    let others = |class: usize| -> Vec<usize> {
        match n_classes {
            ..=FEW => (0..n_classes).collect(),
            _ => vec![class, (class + 1) % n_classes],
        }
    };
    for to in 0..n_classes {
        // Some rows of all classes are of this one.
        let mut moved = confusion.clone();
        for class in 0..n_classes {
            let to = if class == to { (to + 1) % n_classes } else { to };
            moved.give(class, (went[class], to), of_all * weights[class]);
        }
        reach(&moved);
    }
    let mut right = confusion.clone();
    for class in 0..n_classes {
        // Some rows of all classes are right after all.
        right.give(class, (went[class], class), of_all * weights[class]);
        let mut moved = confusion.clone();
        for to in others(class).into_iter().filter(|&to| to != went[class] && weights[class] > 0.0) {
            let most = weights[class] * share(own[class], level);
            let given = moved.give(class, (went[class], to), most);
            reach(&moved);
            moved.give(class, (to, went[class]), given);
        }
    }
    reach(&right);
    Interval { estimate, low, high, level }
}
