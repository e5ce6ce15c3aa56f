//! Rows and weights in the form that kernels want.

use std::borrow::Cow;

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};

/// The numbers in row-major order, without a copy where they lie so.
pub(crate) fn row_major(x: &ArrayRef2<f64>) -> Cow<'_, [f64]> {
    x.as_slice().map_or_else(|| Cow::Owned(x.iter().copied().collect()), Cow::Borrowed)
}

/// A power of two near `magnitude`: dividing by it rounds nothing and keeps squares in range.
pub(crate) fn power_of_two(magnitude: f64) -> f64 {
    if magnitude == 0.0 { 1.0 } else { 2f64.powi((magnitude.log2().floor() as i32).clamp(-1000, 1000)) }
}

/// Weights that can be added up and squared: the same, but for a power of two where they are extreme.
pub(crate) fn tame(weights: Option<&[f64]>) -> Option<Cow<'_, [f64]>> {
    tame_by(weights).0
}

/// [`tame`], and what the weights were divided by.
pub(crate) fn tame_by(weights: Option<&[f64]>) -> (Option<Cow<'_, [f64]>>, f64) {
    let Some(weights) = weights else { return (None, 1.0) };
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if (1e-60..=1e60).contains(&largest) {
        return (Some(Cow::Borrowed(weights)), 1.0);
    }
    let unit = power_of_two(largest);
    (Some(Cow::Owned(weights.iter().map(|weight| weight / unit).collect())), unit)
}

/// The rows that have weight.
pub(crate) fn rows_that_count(n_rows: usize, weights: Option<&[f64]>) -> Result<Vec<u32>> {
    let Ok(end) = u32::try_from(n_rows) else {
        return Err(Error::too_large(format!("{n_rows} rows; a model takes at most {}", u32::MAX)));
    };
    let counts = |row: &u32| weights.is_none_or(|weights| weights[*row as usize] > 0.0);
    Ok((0..end).filter(counts).collect())
}
