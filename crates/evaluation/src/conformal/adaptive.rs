//! Intervals that adapt while truths come in.

use std::collections::VecDeque;

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::rank::{LEVEL, Scores, nine_of_ten};

/// Intervals around the predictions of any model for a series whose errors change with time: the level that is used
/// falls after each truth that was held, and rises after each that was not (ACI: Gibbs and Candès, 2021).
///
/// Over any series, even one made to mislead, the share of the truths that are held comes to `level`: after `t` rows it
/// is off by at most `(max(level, 1 - level) + gamma) / (gamma t)`.
///
/// After many misses an interval may be wanted that holds everything: its ends are infinite. After many hits it may be
/// wanted empty: it is then the prediction alone, and counts as not held whatever the truth is, as an empty set does in
/// the paper. Otherwise a model that is exactly right would be held for ever, and the share of all truths would not come to
/// `level`.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the truths that intervals hold |
/// | `gamma` | 0.01 | >= 0 | how fast the level moves; 0 leaves it |
/// | `window` | 500 | >= 1 | how many of the last errors are kept |
///
/// ```
/// use perennial_evaluation::conformal::AdaptiveConformal;
///
/// let mut adaptive = AdaptiveConformal::new().level(0.8).start(&[0.1, 0.3, 0.2, 0.5, 0.4])?;
/// assert_eq!(adaptive.interval(10.0)?, (9.5, 10.5));
/// adaptive.update(10.0, 10.9)?;
/// assert!(adaptive.interval(10.0)?.1 > 10.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveConformal {
    level: f64,
    gamma: f64,
    window: usize,
    miss: f64,
    errors: VecDeque<f64>,
    seen: u64,
    held: u64,
}

const GAMMA: Param = Param::real("gamma", "how fast the level moves").at_least(0.0).search_log(1e-3, 0.1);
const WINDOW: Param = Param::integer("window", "how many of the last errors are kept").at_least(1.0);

impl Default for AdaptiveConformal {
    fn default() -> Self {
        let level = nine_of_ten();
        let (miss, errors) = (1.0 - level, VecDeque::new());
        AdaptiveConformal { level, gamma: 0.01, window: 500, miss, errors, seen: 0, held: 0 }
    }
}

impl AdaptiveConformal {
    /// The settings of the table, with no errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the truths that intervals hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self.miss = 1.0 - level;
        self
    }

    /// Sets how fast the level moves.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets how many of the last errors are kept.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Begins with the errors of rows that the model did not learn from, the oldest first; their signs do not matter.
    ///
    /// # Errors
    /// When a setting is out of range, there are no errors, or one is not finite.
    pub fn start(mut self, errors: &[f64]) -> Result<Self> {
        LEVEL.check(self.level)?;
        GAMMA.check(self.gamma)?;
        WINDOW.check_count(self.window)?;
        if errors.is_empty() {
            return Err(Error::empty("there are no errors to begin with"));
        }
        errors.iter().try_for_each(|error| self.keep(*error))?;
        Ok(self)
    }

    fn keep(&mut self, error: f64) -> Result<()> {
        if !error.is_finite() {
            return Err(Error::overflow(format!(
                "an error is {error}; predictions and truths must be finite"
            )));
        }
        self.errors.push_back(error.abs());
        while self.errors.len() > self.window {
            self.errors.pop_front();
        }
        Ok(())
    }

    /// The interval of the next row, whose prediction is given.
    ///
    /// # Errors
    /// When the prediction is NaN or there are no errors yet.
    pub fn interval(&self, prediction: f64) -> Result<(f64, f64)> {
        if prediction.is_nan() {
            return Err(Error::malformed("the prediction is NaN"));
        }
        if self.errors.is_empty() {
            return Err(Error::empty("there are no errors yet; begin with `start`"));
        }
        if self.miss >= 1.0 {
            return Ok((prediction, prediction));
        }
        // Too few errors for the level are, like a level of 1, no reason to exclude anything.
        let scores = Scores::new(self.errors.iter().copied().collect())?;
        let reach = if self.miss > 0.0 { scores.quantile(1.0 - self.miss).ok() } else { None };
        Ok(reach.map_or((f64::NEG_INFINITY, f64::INFINITY), |reach| (prediction - reach, prediction + reach)))
    }

    /// Learns the truth of the row for which the last interval was asked.
    ///
    /// # Errors
    /// When a number is not finite or there are no errors yet.
    pub fn update(&mut self, prediction: f64, truth: f64) -> Result<()> {
        let (low, high) = self.interval(prediction)?;
        let held = self.miss < 1.0 && low <= truth && truth <= high;
        self.keep(truth - prediction)?;
        self.seen += 1;
        self.held += u64::from(held);
        self.miss += self.gamma * ((1.0 - self.level) - f64::from(u8::from(!held)));
        Ok(())
    }

    /// The level that the next interval has.
    pub fn current_level(&self) -> f64 {
        (1.0 - self.miss).clamp(0.0, 1.0)
    }

    /// The share of the truths that were held so far, by intervals that are not empty; NaN before the first.
    pub fn coverage(&self) -> f64 {
        self.held as f64 / self.seen as f64
    }
}
