use perennial_core::{Error, Param, Result};
use perennial_statistics::describe::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::Score;
use crate::tabular::{ColumnChange, Tabular, position, that_fit};

/// How a score moves with a feature, from the rows that have about such a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccumulatedEffects {
    /// The feature.
    pub feature: String,
    /// The edges of the bins, rising.
    pub grid: Vec<f64>,
    /// The effect at each edge; their mean over the rows is 0.
    pub effects: Vec<f64>,
    /// The rows between each edge and the next.
    pub counts: Vec<usize>,
}

const BINS: Param = Param::integer("n_bins", "bins of the feature").at_least(1.0).at_most(10_000.0);

/// Accumulated local effects (Apley and Zhu, 2020): in each bin of the feature, how much the score of its rows changes from
/// one edge to the other, added up from bin to bin. No row leaves its bin, so features that go together do no harm.
///
/// Bins are quantiles of the feature; of a table it is a column of numbers, and of whole ones edges are whole.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::Matrix;
/// use perennial_evaluation::explain::{Score, accumulated_effects};
///
/// // Two features that are almost the same: only the first is used.
/// let x = Matrix::from(Array2::from_shape_fn((100, 2), |(row, column)| (row + column) as f64)).with_names(["a", "b"])?;
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.column(0).mapv(|a| 3.0 * a).to_vec()));
/// let effect = accumulated_effects(&score, &x, "a", 10)?;
/// let slope = (effect.effects[10] - effect.effects[0]) / (effect.grid[10] - effect.grid[0]);
/// assert!((slope - 3.0).abs() < 1e-12);
/// assert!(accumulated_effects(&score, &x, "b", 10)?.effects.iter().all(|effect| effect.abs() < 1e-12));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there is no such feature or it has fewer than two values, values are missing, the matrix is sparse, or the model
/// refuses a row.
pub fn accumulated_effects<X: Tabular>(
    score: &Score<'_, X>,
    x: &X,
    feature: &str,
    n_bins: usize,
) -> Result<AccumulatedEffects> {
    BINS.check_count(n_bins)?;
    let column = position(x, feature)?;
    let of_column = x.cells(column)?.values().to_vec();
    if let Some(row) = of_column.iter().position(|value| !value.is_finite()) {
        return Err(Error::malformed(format!(
            "`{feature}` is {} in row {row}, which lies in no bin; take rows with finite values",
            of_column[row]
        )));
    }
    let mut sorted = of_column.clone();
    sorted.sort_by(f64::total_cmp);
    let edge = |bin: usize| quantile_sorted(&sorted, bin as f64 / n_bins as f64);
    let mut grid: Vec<f64> = if sorted.is_empty() { Vec::new() } else { (0..=n_bins).map(edge).collect() };
    grid.dedup();
    let grid = that_fit(x, column, grid)?;
    if grid.len() < 2 {
        return Err(Error::insufficient_data(format!(
            "`{feature}` has fewer than 2 different values in {} rows, so it cannot move",
            x.n_rows()
        )));
    }
    // A bin holds its upper edge, and the first its lower edge too.
    let bin_of = |value: f64| grid.partition_point(|edge| *edge < value).clamp(1, grid.len() - 1) - 1;
    let bins: Vec<usize> = of_column.iter().map(|value| bin_of(*value)).collect();
    let at_edges = |upper: usize| {
        let to = bins.iter().map(|bin| grid[bin + upper]).collect();
        score.of(&x.changed(&[(column, ColumnChange::Set(to))])?)
    };
    let (low, high) = (at_edges(0)?, at_edges(1)?);
    let (mut counts, mut sums) = (vec![0; grid.len() - 1], vec![0.0; grid.len() - 1]);
    for (row, &bin) in bins.iter().enumerate() {
        counts[bin] += 1;
        sums[bin] += high[row] - low[row];
    }
    let mut effects = vec![0.0];
    for (sum, count) in sums.iter().zip(&counts) {
        let change = if *count > 0 { sum / *count as f64 } else { 0.0 };
        effects.push(effects[effects.len() - 1] + change);
    }
    // The mean over rows, each at the middle of its bin.
    let middle = |bin: usize| 0.5 * (effects[bin] + effects[bin + 1]);
    let mean =
        counts.iter().enumerate().map(|(bin, n)| *n as f64 * middle(bin)).sum::<f64>() / bins.len() as f64;
    effects.iter_mut().for_each(|effect| *effect -= mean);
    Ok(AccumulatedEffects { feature: feature.to_owned(), grid, effects, counts })
}
