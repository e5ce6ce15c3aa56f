use perennial_core::{Error, Result};

use super::{Interval, tail_share};
use crate::special::{beta_quantile, normal_quantile};

fn check(successes: u64, trials: u64, level: f64) -> Result<f64> {
    if trials == 0 {
        return Err(Error::empty("there are no trials"));
    }
    if successes > trials {
        return Err(Error::invalid_param("successes", successes, format!("at most the {trials} trials")));
    }
    tail_share(level)
}

/// The exact interval of a proportion, never below its level (Clopper and Pearson, 1934).
///
/// ```
/// use perennial_statistics::interval::clopper_pearson;
/// assert_eq!(clopper_pearson(7, 40, 0.95)?.to_string(), "0.2 [0.1, 0.3]");
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If there are no trials, more successes than trials, or the level is not in `(0, 1)`.
pub fn clopper_pearson(successes: u64, trials: u64, level: f64) -> Result<Interval> {
    let tail = check(successes, trials, level)?;
    let (k, n) = (successes as f64, trials as f64);
    let low = if successes == 0 { 0.0 } else { beta_quantile(k, n - k + 1.0, tail, 1.0 - tail) };
    let high = if successes == trials { 1.0 } else { beta_quantile(k + 1.0, n - k, 1.0 - tail, tail) };
    Ok(Interval { estimate: k / n, low, high, level })
}

/// The score interval of a proportion, close to its level on average (Wilson, 1927).
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(successes: u64, trials: u64, level: f64) -> Result<Interval> {
    let tail = check(successes, trials, level)?;
    let (k, n) = (successes as f64, trials as f64);
    let z = normal_quantile(1.0 - tail, tail);
    let share = k / n;
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let half = z / scale * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let low = if successes == 0 { 0.0 } else { centre - half };
    let high = if successes == trials { 1.0 } else { centre + half };
    Ok(Interval { estimate: share, low, high, level })
}
