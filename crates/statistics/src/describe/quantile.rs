use perennial_core::{Error, Param, Result};

use super::sorted;

/// Quantiles of a sample, by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).
///
/// ```
/// use perennial_statistics::describe::quantiles;
/// assert_eq!(quantiles(&[4.0, 1.0, 2.0, 3.0], &[0.0, 0.5, 1.0])?, [1.0, 2.5, 4.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the sample is empty or has a NaN, or a `q` is not in `[0, 1]`.
pub fn quantiles(x: &[f64], q: &[f64]) -> Result<Vec<f64>> {
    for &q in q {
        Param::real("q", "share below the quantile").at_least(0.0).at_most(1.0).check(q)?;
    }
    if x.is_empty() {
        return Err(Error::empty("the sample has no values"));
    }
    let sorted = sorted(x)?;
    Ok(q.iter().map(|&q| quantile_sorted(&sorted, q)).collect())
}

/// One quantile of a sample that is in rising order, as [`quantiles`]; NaN of nothing.
pub fn quantile_sorted(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q.clamp(0.0, 1.0) * last as f64;
    let (below, share) = (position as usize, position.fract());
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    // Equal neighbours may be infinite; otherwise interpolate from the nearer end.
    match share {
        _ if a == b || share == 0.0 => a,
        _ if share < 0.5 => a + (b - a) * share,
        _ => b - (b - a) * (1.0 - share),
    }
}

/// The median.
///
/// # Errors
/// If the sample is empty or has a NaN.
pub fn median(x: &[f64]) -> Result<f64> {
    Ok(quantiles(x, &[0.5])?[0])
}
