use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{Error, Result};
use perennial_numeric::linalg::Cholesky;

use super::TestResult;
use crate::distribution::{ChiSquared, Distribution};

/// How often the expectation is maximised at most, and the change of a standardised moment at which that ends.
const ROUNDS: usize = 10_000;
const TOLERANCE: f64 = 1e-10;
/// How many multiplications a round may take.
const WORK: f64 = 1e9;
/// How many all rounds may take.
const MOST_WORK: f64 = 1e11;

/// Are cells missing completely at random? (Little, 1988.) NaN is missing; rows without any cell are left out.
///
/// The means of the rows with each pattern of missing cells are compared with those that are most likely for all rows, were they normal
/// (found by expectation and maximisation, with the covariance of greatest likelihood). A small p-value says that cells are missing more often
/// where others are large, or small. That none is small does not say that they are missing at random.
///
/// ```
/// use ndarray::array;
/// use perennial_statistics::test::little_mcar;
///
/// let nan = f64::NAN;
/// let x = array![[1.0, 2.1], [2.0, 3.9], [3.0, 6.2], [4.0, 8.1], [7.0, nan], [8.0, nan], [9.0, nan]];
/// let result = little_mcar(&x)?;
/// assert_eq!(result.df, [1.0]);
/// assert!(result.p_value < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If a cell is infinite, all rows lack the same cells, a column has fewer than two different values, columns depend on each other
/// linearly, no row has two columns that must be compared, or there are too many patterns of too many columns.
pub fn little_mcar(x: &ArrayRef2<f64>) -> Result<TestResult> {
    let x = standardised(x)?;
    let p = x.ncols();
    let patterns = patterns(&x)?;
    if patterns.len() < 2 {
        return Err(Error::insufficient_data(
            "all rows lack the same cells, so that there is nothing to compare",
        ));
    }
    let (mean, covariance) = most_likely(&patterns, p)?;
    let (mut statistic, mut df) = (0.0, -(p as f64));
    for pattern in &patterns {
        let there = &pattern.there;
        let gap: Array1<f64> = there.iter().zip(&pattern.mean).map(|(&at, own)| own - mean[at]).collect();
        let solved = Cholesky::new(&part(&covariance, there, there))?.solve(&gap);
        statistic += pattern.n * gap.dot(&solved);
        df += there.len() as f64;
    }
    if df < 1.0 {
        return Err(Error::insufficient_data("no two patterns of missing cells share a column to compare"));
    }
    let p_value = ChiSquared::new(df)?.tails(statistic).upper;
    Ok(TestResult::new("Little's test of cells missing completely at random", statistic, p_value).df(&[df]))
}

/// Columns with mean 0 and deviation 1, which the statistic does not depend on and sums like.
fn standardised(x: &ArrayRef2<f64>) -> Result<Array2<f64>> {
    let mut x = x.to_owned();
    for (at, mut column) in x.columns_mut().into_iter().enumerate() {
        if let Some(value) = column.iter().find(|value| value.is_infinite()) {
            return Err(Error::malformed(format!("column {at} has the value {value}; expected finite ones")));
        }
        let there: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
        let n = there.len() as f64;
        let largest = there.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        // Scaled first, so that squares stay in the range.
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let mean = there.iter().map(|value| value / unit).sum::<f64>() / n;
        let variance = there.iter().map(|value| (value / unit - mean).powi(2)).sum::<f64>() / n;
        if there.len() < 2 || !(variance.sqrt() > 1e-14 * mean.abs()) {
            return Err(Error::insufficient_data(format!(
                "column {at} has fewer than two different values; leave it out"
            )));
        }
        column.mapv_inplace(|value| (value / unit - mean) / variance.sqrt());
    }
    Ok(x)
}

/// The rows that have the same cells.
struct Pattern {
    n: f64,
    there: Vec<usize>,
    missing: Vec<usize>,
    mean: Vec<f64>,
    /// Sums of centred products.
    scatter: Array2<f64>,
}

/// How many multiplications a round takes.
fn work(n_patterns: usize, p: usize) -> f64 {
    n_patterns as f64 * (p as f64).powi(3)
}

fn patterns(x: &Array2<f64>) -> Result<Vec<Pattern>> {
    let mut rows: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (row, cells) in x.rows().into_iter().enumerate() {
        let there: Vec<usize> = (0..cells.len()).filter(|&at| !cells[at].is_nan()).collect();
        if !there.is_empty() {
            rows.entry(there).or_default().push(row);
        }
    }
    if work(rows.len(), x.ncols()) > WORK {
        return Err(Error::too_large(format!(
            "{} patterns of missing cells among {} columns are too many; test fewer columns at a time",
            rows.len(),
            x.ncols()
        )));
    }
    let of = |(there, rows): (Vec<usize>, Vec<usize>)| {
        let n = rows.len() as f64;
        let mean: Vec<f64> =
            there.iter().map(|&at| rows.iter().map(|&row| x[[row, at]]).sum::<f64>() / n).collect();
        let centred =
            Array2::from_shape_fn((rows.len(), there.len()), |(i, j)| x[[rows[i], there[j]]] - mean[j]);
        let scatter = centred.t().dot(&centred);
        let missing = (0..x.ncols()).filter(|at| there.binary_search(at).is_err()).collect();
        Pattern { n, there, missing, mean, scatter }
    };
    Ok(rows.into_iter().map(of).collect())
}

fn part(a: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| a[[rows[i], columns[j]]])
}

/// Mean and covariance of greatest likelihood (Dempster, Laird and Rubin, 1977).
fn most_likely(patterns: &[Pattern], p: usize) -> Result<(Array1<f64>, Array2<f64>)> {
    let total: f64 = patterns.iter().map(|pattern| pattern.n).sum();
    let (mut mean, mut covariance) = (Array1::<f64>::zeros(p), Array2::<f64>::eye(p));
    // At least a hundred rounds, and no more than a minute or two.
    let rounds = ROUNDS.min((MOST_WORK / work(patterns.len(), p)) as usize);
    for _ in 0..rounds {
        let mut expected = Vec::with_capacity(patterns.len());
        let mut next = Array2::<f64>::zeros((p, p));
        for pattern in patterns {
            let (there, missing) = (&pattern.there, &pattern.missing);
            // The regression of what is missing on what is there.
            let across = part(&covariance, there, missing);
            let slopes = Cholesky::new(&part(&covariance, there, there))
                .map_err(|error| {
                    Error::singular("columns depend on each other linearly; leave some out")
                        .with_source(error)
                })?
                .solve_columns(&across);
            // From the cells that are there to all of them.
            let mut fill = Array2::<f64>::zeros((p, there.len()));
            there.iter().enumerate().for_each(|(j, &at)| fill[[at, j]] = 1.0);
            missing.iter().enumerate().for_each(|(i, &at)| fill.row_mut(at).assign(&slopes.column(i)));
            let gap: Array1<f64> = there.iter().zip(&pattern.mean).map(|(&at, own)| own - mean[at]).collect();
            let mut centre = &mean + &fill.dot(&gap);
            there.iter().zip(&pattern.mean).for_each(|(&at, own)| centre[at] = *own);
            next = next + fill.dot(&pattern.scatter).dot(&fill.t());
            let rest = (part(&covariance, missing, missing) - across.t().dot(&slopes)) * pattern.n;
            for (i, &row) in missing.iter().enumerate() {
                missing.iter().enumerate().for_each(|(j, &column)| next[[row, column]] += rest[[i, j]]);
            }
            expected.push(centre);
        }
        let sum = patterns
            .iter()
            .zip(&expected)
            .fold(Array1::zeros(p), |sum, (pattern, centre)| sum + centre * pattern.n);
        let new_mean: Array1<f64> = sum / total;
        for (pattern, centre) in patterns.iter().zip(&expected) {
            let gap = centre - &new_mean;
            next = next + Array2::from_shape_fn((p, p), |(i, j)| pattern.n * gap[i] * gap[j]);
        }
        next /= total;
        let change = (&new_mean - &mean)
            .iter()
            .chain((&next - &covariance).iter())
            .fold(0.0_f64, |change, by| change.max(by.abs()));
        (mean, covariance) = (new_mean, next);
        if change < TOLERANCE {
            return Ok((mean, covariance));
        }
    }
    Err(Error::not_converged(format!(
        "the most likely means still change after {rounds} rounds; too many cells are missing, leave out the emptiest columns"
    )))
}
