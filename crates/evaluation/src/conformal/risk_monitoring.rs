//! Whether the mean loss of a deployed model has become too large.

use perennial_core::{Error, Param, Result};
use perennial_numeric::reduce;
use perennial_statistics::special::{gamma_tails, ln_gamma};
use serde::{Deserialize, Serialize};

/// Watches the mean loss of a model in use against that of its test rows, one loss after the other (Podkopaev and Ramdas,
/// 2022): an alarm means that the loss has become larger by more than is tolerated. Where it has not, there is an alarm with a
/// probability of at most `delta`, however long one watches and however often one looks.
///
/// The loss of the test rows is bounded from above once, by Hoeffding's inequality (1963); the mean loss in use is bounded from
/// below at every row by a mixture of the empirical Bernstein inequality (Howard, Ramdas, McAuliffe and Sekhon, 2021). Each has
/// half of `delta`. The bound says of rows in use what they lost on average so far; it does not fall again. For any change of
/// the scores, harmful or not, there is [`ExchangeabilityMartingale`](super::ExchangeabilityMartingale).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `delta` | 0.05 | in (0, 1) | the chance of a false alarm |
/// | `tolerance` | 0.05 | >= 0 | how much larger the mean loss may be |
/// | `relative` | false | | whether the tolerance is a share of the loss on the test rows |
/// | `bound` | 1 | > 0 | the largest loss that a row can have |
///
/// ```
/// use perennial_evaluation::conformal::RiskMonitoring;
///
/// // One of ten test rows was wrong; in use it is one of two.
/// let tested: Vec<f64> = (0..1000).map(|row| f64::from(u8::from(row % 10 == 0))).collect();
/// let mut monitoring = RiskMonitoring::new().against(&tested)?;
/// let seen = (0..400).map(|row| f64::from(u8::from(row % 2 == 0)));
/// monitoring.update(&seen.collect::<Vec<f64>>())?;
/// assert!(monitoring.alarm().is_some_and(|row| row < 150));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskMonitoring {
    delta: f64,
    tolerance: f64,
    relative: bool,
    bound: f64,
    /// What the mean loss is compared with, once it is known.
    limit: Option<f64>,
    /// The part of `delta` that is for the losses in use.
    share: f64,
    n_rows: u64,
    /// The sum of the losses in units of the bound, and of their squared distances from the mean before each.
    sum: f64,
    variation: f64,
    lower: f64,
    alarm: Option<u64>,
}

const DELTA: Param =
    Param::real("delta", "the chance of a false alarm").above(0.0).at_most(1.0 - f64::EPSILON);
const TOLERANCE: Param = Param::real("tolerance", "how much larger the mean loss may be").at_least(0.0);
const BOUND: Param = Param::real("bound", "the largest loss of a row").above(0.0);

impl Default for RiskMonitoring {
    fn default() -> Self {
        RiskMonitoring {
            delta: 0.05,
            tolerance: 0.05,
            relative: false,
            bound: 1.0,
            limit: None,
            share: 1.0,
            n_rows: 0,
            sum: 0.0,
            variation: 0.0,
            lower: 0.0,
            alarm: None,
        }
    }
}

impl RiskMonitoring {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[DELTA, TOLERANCE, BOUND];

    /// The settings of the table; nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the chance of a false alarm.
    #[must_use]
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }

    /// Sets how much larger the mean loss may be than it is on the test rows.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets whether the tolerance is a share of the loss on the test rows.
    #[must_use]
    pub fn relative(mut self, relative: bool) -> Self {
        self.relative = relative;
        self
    }

    /// Sets the largest loss that a row can have.
    #[must_use]
    pub fn bound(mut self, bound: f64) -> Self {
        self.bound = bound;
        self
    }

    /// Compares with the losses of test rows: with the most that their true mean can be, and the tolerance.
    ///
    /// # Errors
    /// When a setting is out of range, there are no losses, or one is not a number from 0 to the bound.
    pub fn against(self, tested: &[f64]) -> Result<Self> {
        self.check(tested)?;
        if tested.is_empty() {
            return Err(Error::empty("there are no losses of test rows to compare with"));
        }
        let reach = ((2.0 / self.delta).ln() / (2.0 * tested.len() as f64)).sqrt() * self.bound;
        let upper = reduce::mean(tested) + reach;
        let limit = if self.relative { upper * (1.0 + self.tolerance) } else { upper + self.tolerance };
        let mut limited = self.limit(limit)?;
        limited.share = 0.5;
        Ok(limited)
    }

    /// Compares with a limit that is known, such as one that was agreed on: all of `delta` is then for the losses in use.
    ///
    /// # Errors
    /// When a setting is out of range, or the limit is not a finite number.
    pub fn limit(mut self, limit: f64) -> Result<Self> {
        self.check(&[])?;
        if !limit.is_finite() {
            return Err(Error::invalid_param("limit", limit, "a finite number"));
        }
        self.limit = Some(limit);
        self.share = 1.0;
        Ok(self)
    }

    /// Takes the losses of further rows in, in the order in which they came.
    ///
    /// # Errors
    /// When a setting is out of range, nothing to compare with was given, or a loss is not a number from 0 to the bound; nothing
    /// has changed then.
    pub fn update(&mut self, losses: &[f64]) -> Result<()> {
        self.check(losses)?;
        let limit = self.limit.ok_or_else(|| {
            Error::unsupported(
                "there is nothing to compare with; give the losses of test rows by `against`, or a `limit`",
            )
        })?;
        let mixture = Mixture::new(self.delta * self.share);
        for loss in losses {
            let loss = loss / self.bound;
            let before = if self.n_rows == 0 { 0.5 } else { self.sum / self.n_rows as f64 };
            self.variation += (loss - before) * (loss - before);
            self.sum += loss;
            self.n_rows += 1;
            let n = self.n_rows as f64;
            // The bound rises only where the mixture excludes the one so far, so that most rows need no search.
            if mixture.excludes(self.sum - n * self.lower, self.variation) {
                let reach = mixture.reach(self.sum - n * self.lower, self.variation);
                self.lower = self.lower.max((self.sum - reach) / n);
            }
            if self.alarm.is_none() && self.lower * self.bound > limit {
                self.alarm = Some(self.n_rows - 1);
            }
        }
        Ok(())
    }

    fn check(&self, losses: &[f64]) -> Result<()> {
        DELTA.check(self.delta)?;
        TOLERANCE.check(self.tolerance)?;
        BOUND.check(self.bound)?;
        match losses.iter().position(|loss| !(*loss >= 0.0 && *loss <= self.bound)) {
            None => Ok(()),
            Some(row) => Err(Error::malformed(format!(
                "the loss of row {row} is {}; losses lie from 0 to {}",
                losses[row], self.bound
            ))),
        }
    }

    /// The row, counted from 0, at which it was certain that the loss is too large; nothing as long as it is not.
    pub fn alarm(&self) -> Option<u64> {
        self.alarm
    }

    /// The most that the mean loss may be.
    pub fn allowed(&self) -> Option<f64> {
        self.limit
    }

    /// The least that the mean loss in use can be, at all times so far.
    pub fn lower_bound(&self) -> f64 {
        self.lower * self.bound
    }

    /// The mean loss in use; nothing before the first row.
    pub fn mean_loss(&self) -> Option<f64> {
        (self.n_rows > 0).then(|| self.sum / self.n_rows as f64 * self.bound)
    }

    /// How many rows in use were seen.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }
}

/// The mixture over gamma-exponential supermartingales of Howard and others (2021), for losses from 0 to 1.
struct Mixture {
    rho: f64,
    leading: f64,
    log_threshold: f64,
}

impl Mixture {
    /// The variation at which the bound is tightest.
    const BEST_AT: f64 = 1.0;

    fn new(alpha: f64) -> Self {
        let log_term = -(2.0 * alpha).min(1.0 - f64::EPSILON).ln();
        let rho = Self::BEST_AT / (2.0 * log_term + (2.0 * log_term).ln_1p()).max(f64::EPSILON);
        let leading = rho * rho.ln() - ln_gamma(rho) - gamma_tails(rho, rho).ln_lower;
        Mixture { rho, leading, log_threshold: -alpha.ln() }
    }

    /// The logarithm of the supermartingale at a deviation of the sum, at this variation.
    fn log_wealth(&self, deviation: f64, variation: f64) -> f64 {
        let shape = variation + self.rho;
        self.most(deviation, variation) + gamma_tails(shape, deviation + shape).ln_lower
    }

    /// What it is at most, as a tail is at most 1.
    fn most(&self, deviation: f64, variation: f64) -> f64 {
        let shape = variation + self.rho;
        self.leading + ln_gamma(shape) - shape * (deviation + shape).ln() + deviation + variation
    }

    fn excludes(&self, deviation: f64, variation: f64) -> bool {
        // Most rows need no more than the bound, which takes no series.
        deviation > 0.0
            && self.most(deviation, variation) > self.log_threshold
            && self.log_wealth(deviation, variation) > self.log_threshold
    }

    /// The deviation that is just excluded, from below one that is.
    fn reach(&self, excluded: f64, variation: f64) -> f64 {
        let (mut low, mut high) = (0.0, excluded);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if self.excludes(middle, variation) { high = middle } else { low = middle }
        }
        high
    }
}
