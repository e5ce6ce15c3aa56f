use perennial_core::{Error, Result};

use super::{Interval, tail_share};
use crate::check::{at_least, finite, same_length};
use crate::describe::Moments;
use crate::distribution::{Distribution, StudentT};

/// The interval of a number that was estimated on several imputations of the same incomplete data (Rubin, 1987; degrees of freedom of
/// Barnard and Rubin, 1999): wider by what the imputations differ.
///
/// `estimates` and `variances` are those of each imputed table, the variance being the square of the standard error; `complete_df` the degrees of freedom
/// that the estimate would have without missing cells, such as rows less coefficients; infinite for large samples.
///
/// ```
/// use perennial_statistics::interval::pooled_interval;
///
/// let interval = pooled_interval(&[1.0, 1.2, 1.1], &[0.04, 0.05, 0.04], f64::INFINITY, 0.95)?;
/// assert!((interval.estimate - 1.1).abs() < 1e-15 && interval.width() > 2.0 * 1.96 * 0.2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than two estimates, or not as many variances; one is not finite, or a variance is negative; `complete_df` is not above 0; or the
/// level is not in `(0, 1)`.
pub fn pooled_interval(
    estimates: &[f64],
    variances: &[f64],
    complete_df: f64,
    level: f64,
) -> Result<Interval> {
    let tail = tail_share(level)?;
    same_length(estimates, variances)?;
    at_least("the estimates", estimates, 2)?;
    finite("the estimates", estimates)?;
    finite("the variances", variances)?;
    if let Some(variance) = variances.iter().find(|variance| **variance < 0.0) {
        return Err(Error::malformed(format!(
            "a variance is {variance}; expected squares of standard errors"
        )));
    }
    if !(complete_df > 0.0) {
        return Err(Error::invalid_param("complete_df", complete_df, "a number above 0"));
    }
    let m = estimates.len() as f64;
    let own = Moments::of(estimates);
    let (within, between) = (Moments::of(variances).mean(), own.variance());
    let added = (1.0 + 1.0 / m) * between;
    let total = within + added;
    let estimate = own.mean();
    if !(total > 0.0) {
        return Ok(Interval { estimate, low: estimate, high: estimate, level });
    }
    // What share of the variance comes from the cells that are missing.
    let share = added / total;
    let large = (m - 1.0) / (share * share);
    let observed = if complete_df.is_finite() {
        (complete_df + 1.0) / (complete_df + 3.0) * complete_df * (1.0 - share)
    } else {
        f64::INFINITY
    };
    let df = 1.0 / (1.0 / large + 1.0 / observed);
    // Beyond so many Student's distribution is the normal one.
    let half = StudentT::new(df.clamp(1e-3, 1e10))?.isf(tail) * total.sqrt();
    Ok(Interval { estimate, low: estimate - half, high: estimate + half, level })
}
