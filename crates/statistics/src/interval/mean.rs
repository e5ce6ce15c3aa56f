use perennial_core::Result;

use super::{Interval, tail_share};
use crate::check::{at_least, finite};
use crate::describe::Moments;
use crate::distribution::{Distribution, StudentT};

/// Student's interval of a mean.
///
/// ```
/// use perennial_statistics::interval::mean_interval;
/// let interval = mean_interval(&[4.9, 5.1, 5.0, 5.2, 4.8], 0.95)?;
/// assert!(interval.contains(5.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than two values, one is not finite, or the level is not in `(0, 1)`.
pub fn mean_interval(x: &[f64], level: f64) -> Result<Interval> {
    let tail = tail_share(level)?;
    at_least("the sample", x, 2)?;
    finite("the sample", x)?;
    let moments = Moments::of(x);
    let n = x.len() as f64;
    let half = StudentT::new(n - 1.0)?.isf(tail) * moments.standard_deviation() / n.sqrt();
    let estimate = moments.mean();
    Ok(Interval { estimate, low: estimate - half, high: estimate + half, level })
}
