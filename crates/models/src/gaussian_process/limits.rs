//! Where the search for the numbers of a covariance may go.

use perennial_core::{Error, Result};

use super::Covariance;

/// How far numbers without bounds may move from where they start, as a factor.
const REACH: f64 = 1e5;
/// No search begins nearer to a bound than this share of the way between both, as it would hardly move from there.
const MARGIN: f64 = 0.01;

/// Where one number may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit {
    /// Anywhere near its start.
    Free,
    /// Nowhere.
    Fixed,
    /// Between two numbers.
    Between(f64, f64),
}

impl Limit {
    /// The logarithms between which the number lies.
    pub(super) fn logs(self, start: f64) -> (f64, f64) {
        match self {
            Limit::Free => ((start / REACH).ln(), (start * REACH).ln()),
            Limit::Fixed => (start.ln(), start.ln()),
            Limit::Between(low, high) => (low.ln(), high.ln()),
        }
    }

    /// The number without bounds that belongs to the start.
    pub(super) fn start(self, start: f64) -> f64 {
        match self {
            Limit::Free | Limit::Fixed => 0.0,
            Limit::Between(low, high) => logit((start.ln() - low.ln()) / (high.ln() - low.ln())),
        }
    }

    /// A further start; `uniform` is drawn from -1 to 1.
    pub(super) fn drawn(self, uniform: f64) -> f64 {
        match self {
            // Within a factor of 100 both ways, where most of what is probable lies.
            Limit::Free => 0.8 * uniform,
            Limit::Fixed => 0.0,
            Limit::Between(..) => logit(0.5 + 0.5 * uniform),
        }
    }
}

/// The number whose logistic share this is.
fn logit(share: f64) -> f64 {
    let share = share.clamp(MARGIN, 1.0 - MARGIN);
    (share / (1.0 - share)).ln()
}

impl Covariance {
    /// The same, its numbers left as they are when others are searched.
    ///
    /// ```
    /// use perennial_models::gaussian_process::Covariance;
    ///
    /// // The noise is known, the length is not.
    /// let covariance = Covariance::rbf([1.0]) + Covariance::white(0.25).fixed();
    /// assert_eq!(covariance.parameters(), [1.0, 0.25]);
    /// ```
    #[must_use]
    pub fn fixed(self) -> Self {
        Covariance::Fixed(Box::new(self))
    }

    /// The same, each of its numbers searched from `low` to `high` only. Numbers without bounds may become 10^5 times
    /// smaller or larger than they are at the start.
    ///
    /// ```
    /// use perennial_models::gaussian_process::Covariance;
    ///
    /// let covariance = Covariance::constant(1.0) * Covariance::rbf([1.0]).between(0.1, 10.0);
    /// assert_eq!(covariance.parameters(), [1.0, 1.0]);
    /// ```
    #[must_use]
    pub fn between(self, low: f64, high: f64) -> Self {
        Covariance::Between { covariance: Box::new(self), low, high }
    }

    /// Where each of its numbers may go; what is said further outside counts where it is stricter.
    pub(super) fn limits(&self) -> Vec<Limit> {
        match self {
            Covariance::Fixed(inner) => vec![Limit::Fixed; inner.parameters().len()],
            Covariance::Between { covariance, low, high } => {
                let narrowed = |limit| match limit {
                    Limit::Fixed => Limit::Fixed,
                    Limit::Free => Limit::Between(*low, *high),
                    Limit::Between(a, b) => Limit::Between(a.max(*low), b.min(*high)),
                };
                covariance.limits().into_iter().map(narrowed).collect()
            }
            Covariance::Sum(a, b) | Covariance::Product(a, b) => {
                let mut limits = a.limits();
                limits.extend(b.limits());
                limits
            }
            other => vec![Limit::Free; other.parameters().len()],
        }
    }

    /// Refuses bounds that are none, and numbers beyond them.
    pub(super) fn check_limits(&self) -> Result<()> {
        for (number, limit) in self.parameters().into_iter().zip(self.limits()) {
            let Limit::Between(low, high) = limit else { continue };
            if !(low > 0.0 && low.is_finite()) {
                return Err(Error::invalid_param("low", low, "a number above 0"));
            }
            if !(high > low && high <= 1e100) {
                return Err(Error::invalid_param(
                    "high",
                    high,
                    format!("a number above {low}, the lower bound"),
                ));
            }
            if !(low..=high).contains(&number) {
                return Err(Error::malformed(format!(
                    "a number of the covariance is {number}, outside of its bounds {low} to {high}; start between them"
                )));
            }
        }
        Ok(())
    }
}
