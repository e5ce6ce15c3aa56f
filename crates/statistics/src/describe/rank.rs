use perennial_core::Result;

use crate::check::no_nan;

/// Ranks from 1; equal values share the mean of their ranks.
///
/// ```
/// use perennial_statistics::describe::ranks;
/// assert_eq!(ranks(&[20.0, 10.0, 20.0])?, [2.5, 1.0, 2.5]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the sample has a NaN.
pub fn ranks(x: &[f64]) -> Result<Vec<f64>> {
    no_nan("the sample", x)?;
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    let mut ranks = vec![0.0; x.len()];
    let mut done = 0;
    for run in order.chunk_by(|&i, &j| x[i] == x[j]) {
        let rank = done as f64 + 0.5 * (run.len() + 1) as f64;
        for &i in run {
            ranks[i] = rank;
        }
        done += run.len();
    }
    Ok(ranks)
}

/// A sorted copy.
pub(crate) fn sorted(x: &[f64]) -> Result<Vec<f64>> {
    no_nan("the sample", x)?;
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

/// The sizes of the runs of equal values.
pub(crate) fn tie_sizes(sorted: &[f64]) -> impl Iterator<Item = f64> {
    sorted.chunk_by(|a, b| a == b).map(|run| run.len() as f64)
}
