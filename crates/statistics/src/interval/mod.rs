//! Intervals: what is known about a number, and how sure it is.

mod blocks;
mod bootstrap;
mod counts;
mod mean;
mod pooled;
mod proportion;

pub use bootstrap::{Bootstrap, BootstrapMethod};
pub use mean::mean_interval;
pub use pooled::pooled_interval;
pub use proportion::{clopper_pearson, wilson};

use std::fmt;

use perennial_core::{Param, Result};
use serde::{Deserialize, Serialize};

/// An estimate with its confidence interval.
///
/// `Display` shows as many decimals as the width justifies; `{:.3}` asks for three.
///
/// ```
/// use perennial_statistics::interval::Interval;
///
/// let accuracy = Interval { estimate: 0.8123, low: 0.7811, high: 0.8435, level: 0.95 };
/// assert_eq!(accuracy.to_string(), "0.81 [0.78, 0.84]");
/// assert_eq!(format!("{accuracy:.3}"), "0.812 [0.781, 0.844]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The best single value.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The confidence level, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The distance between the ends.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Down to the first digit of the half width, but no more decimals than an f64 is worth.
        let justified = (-(0.5 * self.width()).log10()).ceil();
        let justified = if justified.is_finite() { justified.clamp(0.0, 15.0) as usize } else { 2 };
        let decimals = f.precision().unwrap_or(justified);
        write!(f, "{}", shown(self.estimate, decimals))?;
        write!(f, " [{}, {}]", shown(self.low, decimals), shown(self.high, decimals))
    }
}

/// A number to so many decimals; what is rounded to 0 has no sign.
fn shown(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if size.bytes().all(|digit| matches!(digit, b'0' | b'.')) => size.to_owned(),
        _ => text,
    }
}

const LEVEL: Param =
    Param::real("level", "confidence level of the interval").above(0.0).at_most(1.0 - f64::EPSILON);

/// The share outside a two-sided interval on each side.
fn tail_share(level: f64) -> Result<f64> {
    LEVEL.check(level)?;
    Ok(0.5 * (1.0 - level))
}
