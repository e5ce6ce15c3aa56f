//! When to stop.

use serde::{Deserialize, Serialize};

/// Why boosting ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All rounds were made.
    #[default]
    Rounds,
    /// No tree could be grown any more.
    NothingLeft,
    /// No watched metric improved on the validation set for as many rounds as `patience` says.
    NoImprovement,
    /// `time_limit` had passed.
    TimeLimit,
}

/// Follows the watched metrics from round to round.
///
/// A metric improves when it beats its best value by more than `min_improvement`; NaN never improves. Boosting stops
/// when no metric has improved for `patience` rounds; the best round is that in which the first of them improved last.
///
/// ```
/// use perennial_models::boosting::Stopper;
///
/// let mut stopper = Stopper::new(Some(2), 0.0, [false]);
/// let stops: Vec<bool> = [0.9, 0.5, 0.6, 0.7].iter().map(|&loss| stopper.round(&[loss])).collect();
/// assert_eq!(stops, [false, false, false, true]);
/// assert_eq!(stopper.best_round(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Stopper {
    patience: Option<usize>,
    min_improvement: f64,
    metrics: Vec<Best>,
    n_rounds: usize,
}

/// The best value of a metric so far.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    higher_is_better: bool,
    value: f64,
    round: usize,
}

impl Stopper {
    /// Follows metrics, of each of which `higher_is_better` says whether boosting should make it larger. Without
    /// `patience` it never stops.
    pub fn new(
        patience: Option<usize>,
        min_improvement: f64,
        higher_is_better: impl IntoIterator<Item = bool>,
    ) -> Self {
        let metrics = higher_is_better.into_iter().map(|higher_is_better| Best {
            higher_is_better,
            value: f64::NAN,
            round: 0,
        });
        Stopper { patience, min_improvement, metrics: metrics.collect(), n_rounds: 0 }
    }

    /// Takes the values of the metrics after a round and says whether to stop.
    pub fn round(&mut self, values: &[f64]) -> bool {
        for (best, &value) in self.metrics.iter_mut().zip(values) {
            let gained = if best.higher_is_better { value - best.value } else { best.value - value };
            let first = best.value.is_nan() && !value.is_nan();
            if first || gained > self.min_improvement {
                best.value = value;
                best.round = self.n_rounds;
            }
        }
        self.n_rounds += 1;
        let improved = self.metrics.iter().map(|best| best.round).max();
        let waited = improved.map_or(0, |round| self.n_rounds - 1 - round);
        self.patience.is_some_and(|patience| waited >= patience.max(1))
    }

    /// The best round, counted from 0: that of the first metric; 0 before any.
    pub fn best_round(&self) -> usize {
        self.metrics.first().map_or(0, |best| best.round)
    }

    /// The value of the first metric in the best round; `None` while it has been NaN.
    pub fn best_value(&self) -> Option<f64> {
        self.metrics.first().map(|best| best.value).filter(|value| !value.is_nan())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The round after which it stops, and the best round.
    fn run(
        patience: usize,
        min_improvement: f64,
        higher: &[bool],
        rounds: &[&[f64]],
    ) -> (Option<usize>, usize) {
        let mut stopper = Stopper::new(Some(patience), min_improvement, higher.iter().copied());
        let stop = rounds.iter().position(|values| stopper.round(values));
        (stop, stopper.best_round())
    }

    #[test]
    fn it_stops_after_patience_without_improvement() {
        let losses: &[&[f64]] = &[&[5.0], &[4.0], &[4.5], &[4.0], &[4.2], &[1.0]];
        assert_eq!(run(3, 0.0, &[false], losses), (Some(4), 1));
        assert_eq!(run(4, 0.0, &[false], losses), (None, 5));
    }

    #[test]
    fn higher_may_be_better() {
        assert_eq!(run(1, 0.0, &[true], &[&[0.5], &[0.7], &[0.6]]), (Some(2), 1));
    }

    #[test]
    fn small_improvements_count_when_they_add_up() {
        let losses: &[&[f64]] = &[&[1.0], &[0.95], &[0.85], &[0.84], &[0.83], &[0.82]];
        assert_eq!(run(3, 0.1, &[false], losses), (Some(5), 2));
    }

    #[test]
    fn any_metric_keeps_it_going_and_the_first_names_the_best_round() {
        let rounds: &[&[f64]] = &[&[1.0, 0.5], &[2.0, 0.6], &[2.0, 0.7], &[2.0, 0.7], &[2.0, 0.7]];
        assert_eq!(run(2, 0.0, &[false, true], rounds), (Some(4), 0));
    }

    #[test]
    fn nan_never_improves() {
        assert_eq!(run(2, 0.0, &[false], &[&[f64::NAN], &[1.0], &[f64::NAN], &[f64::NAN]]), (Some(3), 1));
        assert_eq!(run(2, 0.0, &[false], &[&[f64::NAN], &[f64::NAN], &[f64::NAN]]), (Some(2), 0));
        assert_eq!(run(2, 0.0, &[false], &[&[f64::INFINITY], &[2.0]]), (None, 1));
    }

    #[test]
    fn nothing_watched_never_stops() {
        assert_eq!(run(1, 0.0, &[], &[&[], &[], &[]]), (None, 0));
    }
}
