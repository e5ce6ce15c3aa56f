//! When to stop.

use perennial_core::{Param, Result};
use serde::{Deserialize, Serialize};

/// Stops boosting when the rows that are watched have nothing more to gain.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `patience` | 50 | >= 1 | rounds in which no watched metric improves before boosting stops |
/// | `min_improvement` | 0 | >= 0 | a metric improves when it beats its best value by more than this |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    patience: usize,
    min_improvement: f64,
}

const PATIENCE: Param = Param::integer("patience", "rounds without improvement before boosting stops")
    .at_least(1.0)
    .search(5.0, 200.0);
const MIN_IMPROVEMENT: Param =
    Param::real("min_improvement", "a metric improves when it beats its best value by more than this")
        .at_least(0.0);

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { patience: 50, min_improvement: 0.0 }
    }
}

impl EarlyStopping {
    /// The settings that are numbers.
    pub const PARAMS: &'static [Param] = &[PATIENCE, MIN_IMPROVEMENT];

    /// With the settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rounds in which no watched metric improves before boosting stops.
    #[must_use]
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// A metric improves when it beats its best value by more than this.
    #[must_use]
    pub fn min_improvement(mut self, min_improvement: f64) -> Self {
        self.min_improvement = min_improvement;
        self
    }

    /// Refuses settings out of range.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        PATIENCE.check_count(self.patience)?;
        MIN_IMPROVEMENT.check(self.min_improvement)
    }
}

/// Follows the watched metrics from round to round.
///
/// Boosting stops when none of them has improved for `patience` rounds; the best round is that in which the first of
/// them improved last. A value that is NaN never improves.
///
/// ```
/// use perennial_models::boosting::{EarlyStopping, Stopper};
///
/// let mut stopper = Stopper::new(EarlyStopping::new().patience(2), [false]);
/// let stops: Vec<bool> = [0.9, 0.5, 0.6, 0.7].iter().map(|&loss| stopper.round(&[loss])).collect();
/// assert_eq!(stops, [false, false, false, true]);
/// assert_eq!(stopper.best_round(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Stopper {
    settings: EarlyStopping,
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
    /// Follows metrics, of each of which `higher_is_better` says whether boosting should make it larger.
    pub fn new(settings: EarlyStopping, higher_is_better: impl IntoIterator<Item = bool>) -> Self {
        let metrics = higher_is_better.into_iter().map(|higher_is_better| Best {
            higher_is_better,
            value: f64::NAN,
            round: 0,
        });
        Stopper { settings, metrics: metrics.collect(), n_rounds: 0 }
    }

    /// Takes the values of the metrics after a round and says whether to stop.
    pub fn round(&mut self, values: &[f64]) -> bool {
        for (best, &value) in self.metrics.iter_mut().zip(values) {
            let gained = if best.higher_is_better { value - best.value } else { best.value - value };
            let first = best.value.is_nan() && !value.is_nan();
            if first || gained > self.settings.min_improvement {
                best.value = value;
                best.round = self.n_rounds;
            }
        }
        self.n_rounds += 1;
        let improved = self.metrics.iter().map(|best| best.round).max();
        improved.is_some_and(|round| self.n_rounds - 1 - round >= self.settings.patience)
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
    fn run(settings: EarlyStopping, higher: &[bool], rounds: &[&[f64]]) -> (Option<usize>, usize) {
        let mut stopper = Stopper::new(settings, higher.iter().copied());
        let stop = rounds.iter().position(|values| stopper.round(values));
        (stop, stopper.best_round())
    }

    #[test]
    fn it_stops_after_patience_without_improvement() {
        let settings = EarlyStopping::new().patience(3);
        let losses: &[&[f64]] = &[&[5.0], &[4.0], &[4.5], &[4.0], &[4.2], &[1.0]];
        assert_eq!(run(settings, &[false], losses), (Some(4), 1));
        assert_eq!(run(settings.patience(4), &[false], losses), (None, 5));
    }

    #[test]
    fn higher_may_be_better() {
        let settings = EarlyStopping::new().patience(1);
        assert_eq!(run(settings, &[true], &[&[0.5], &[0.7], &[0.6]]), (Some(2), 1));
    }

    #[test]
    fn small_improvements_count_when_they_add_up() {
        let settings = EarlyStopping::new().patience(3).min_improvement(0.1);
        let losses: &[&[f64]] = &[&[1.0], &[0.95], &[0.85], &[0.84], &[0.83], &[0.82]];
        assert_eq!(run(settings, &[false], losses), (Some(5), 2));
    }

    #[test]
    fn any_metric_keeps_it_going_and_the_first_names_the_best_round() {
        let settings = EarlyStopping::new().patience(2);
        let rounds: &[&[f64]] = &[&[1.0, 0.5], &[2.0, 0.6], &[2.0, 0.7], &[2.0, 0.7], &[2.0, 0.7]];
        assert_eq!(run(settings, &[false, true], rounds), (Some(4), 0));
    }

    #[test]
    fn nan_never_improves() {
        let settings = EarlyStopping::new().patience(2);
        assert_eq!(run(settings, &[false], &[&[f64::NAN], &[1.0], &[f64::NAN], &[f64::NAN]]), (Some(3), 1));
        assert_eq!(run(settings, &[false], &[&[f64::NAN], &[f64::NAN], &[f64::NAN]]), (Some(2), 0));
        assert_eq!(run(settings, &[false], &[&[f64::INFINITY], &[2.0]]), (None, 1));
    }

    #[test]
    fn nothing_watched_never_stops() {
        assert_eq!(run(EarlyStopping::new().patience(1), &[], &[&[], &[], &[]]), (None, 0));
    }

    #[test]
    fn settings_are_checked() {
        assert!(EarlyStopping::new().check().is_ok());
        assert!(
            EarlyStopping::new().patience(0).check().unwrap_err().to_string().contains("`patience` is 0")
        );
        let error = EarlyStopping::new().min_improvement(f64::NAN).check().unwrap_err();
        assert!(error.to_string().contains("`min_improvement` is NaN"));
    }
}
