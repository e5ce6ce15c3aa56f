//! The nearest rows, for maps.

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, Result};
use perennial_numeric::neighbors::{Index, Metric, Neighbors, Search};

/// The `k` nearest others of each row.
pub(super) fn nearest_others(
    x: &ArrayRef2<f64>,
    k: usize,
    metric: Metric,
    ctx: &Context,
) -> Result<Neighbors> {
    in_range(Index::new(x, metric, Search::Auto)?.nearest_others(ctx, x, k)?)
}

/// The `k` rows of `base` that are nearest to each row of `x`.
pub(super) fn nearest_of(
    base: &ArrayRef2<f64>,
    x: &ArrayRef2<f64>,
    k: usize,
    metric: Metric,
) -> Result<Neighbors> {
    in_range(Index::new(base, metric, Search::Auto)?.nearest(x, k)?)
}

/// Maps square distances.
fn in_range(found: Neighbors) -> Result<Neighbors> {
    if found.distances().iter().all(|distance| *distance < 1e150) {
        return Ok(found);
    }
    Err(Error::overflow(
        "the numbers are so large that squared distances leave the range of f64; scale the columns first",
    ))
}
