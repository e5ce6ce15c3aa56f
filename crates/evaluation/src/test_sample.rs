//! Few rows to label that stand for many.

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// Rows that were drawn, and how many rows each stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestSample {
    /// The rows, in rising order, each once.
    pub rows: Vec<usize>,
    /// One by the chance of each to be drawn: weights for any metric, under which sums over the sample are right on average for
    /// all rows (Horvitz and Thompson, 1952).
    pub weights: Vec<f64>,
}

const N_ROWS: Param = Param::integer("n_rows", "rows to draw").at_least(1.0);

impl TestSample {
    /// Draws `n_rows` of many rows, each with a chance in proportion to its size: the scores of a model, the losses of an older
    /// one, or for each row of a stratum the rows that are wanted of it by the rows it has. Rare cases that matter are drawn
    /// often, and their weights make it good. Systematic in a random order (Madow, 1949).
    ///
    /// ```
    /// use perennial_evaluation::TestSample;
    ///
    /// // Ten rows of 1000 are rare; half of those drawn are to be rare ones.
    /// let sizes: Vec<f64> = (0..1000).map(|row| if row % 100 == 0 { 0.5 / 10.0 } else { 0.5 / 990.0 }).collect();
    /// let sample = TestSample::draw(&sizes, 20, 1)?;
    /// assert_eq!(sample.rows.iter().filter(|row| **row % 100 == 0).count(), 10);
    /// assert!((sample.weights.iter().sum::<f64>() - 1000.0).abs() < 1e-6);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a size is negative or not finite, or fewer rows have a size above 0 than are to be drawn. A row of size 0 is never
    /// drawn, and nothing is learned of it.
    pub fn draw(sizes: &[f64], n_rows: usize, seed: u64) -> Result<Self> {
        N_ROWS.check_count(n_rows)?;
        if let Some(row) = sizes.iter().position(|size| !(*size >= 0.0 && size.is_finite())) {
            return Err(Error::malformed(format!(
                "the size of row {row} is {}; sizes are finite and not negative",
                sizes[row]
            )));
        }
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let mut open: Vec<usize> = (0..sizes.len()).filter(|&row| sizes[row] / largest > 0.0).collect();
        if open.len() < n_rows {
            return Err(Error::insufficient_data(format!(
                "{n_rows} rows are to be drawn, and {} have a size above 0",
                open.len()
            )));
        }
        // Rows that are larger than their share are drawn for certain; the others share what is left.
        let mut certain: Vec<usize> = Vec::new();
        loop {
            let left = (n_rows - certain.len()) as f64;
            let total: f64 = open.iter().map(|&row| sizes[row] / largest).sum();
            // What rounding alone keeps below 1 is certain as well.
            let (sure, rest): (Vec<usize>, Vec<usize>) =
                open.iter().copied().partition(|&row| left * (sizes[row] / largest) >= total * (1.0 - 1e-12));
            if sure.is_empty() || certain.len() == n_rows {
                break;
            }
            certain.extend(sure.into_iter().take(n_rows - certain.len()));
            open = rest;
        }
        let mut drawn: Vec<(usize, f64)> = certain.iter().map(|&row| (row, 1.0)).collect();
        let left = n_rows - certain.len();
        if left > 0 {
            let mut random = Random::new(seed).stream("test sample");
            random.shuffle(&mut open);
            let total: f64 = open.iter().map(|&row| sizes[row] / largest).sum();
            let chance = |row: usize| left as f64 * (sizes[row] / largest) / total;
            let start = random.uniform();
            let (mut so_far, mut next) = (0.0, start);
            for &row in &open {
                so_far += chance(row);
                if so_far > next && drawn.len() < n_rows {
                    drawn.push((row, 1.0 / chance(row)));
                    next += 1.0;
                }
            }
            // The last may be missed by rounding alone.
            if let (true, Some(&row)) = (drawn.len() < n_rows, open.last()) {
                drawn.push((row, 1.0 / chance(row)));
            }
        }
        drawn.sort_by_key(|(row, _)| *row);
        drawn.dedup_by_key(|(row, _)| *row);
        let (rows, weights) = drawn.into_iter().unzip();
        Ok(TestSample { rows, weights })
    }
}
