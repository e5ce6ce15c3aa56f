use ndarray::ArrayRef2;
use perennial_core::{Error, Param, Result};

use super::{Alternative, TestResult, binomial};
use crate::check::{at_least, finite, same_length};
use crate::distribution::{ChiSquared, Distribution};

fn result(test: &str, statistic: f64, df: f64) -> Result<TestResult> {
    Ok(TestResult::new(test, statistic, ChiSquared::new(df)?.sf(statistic)).df(&[df]))
}

fn check_counts(what: &str, counts: &[f64]) -> Result<()> {
    finite(what, counts)?;
    match counts.iter().position(|c| *c < 0.0) {
        None => Ok(()),
        Some(i) => Err(Error::malformed(format!("{what} has {} at {i}; expected numbers >= 0", counts[i]))),
    }
}

/// Are the rows and columns of a table of counts independent? (Pearson, 1900.)
///
/// `yates` moves each count of a 2 x 2 table half a step towards independence (Yates, 1934).
/// The effect is Cramér's V, of the statistic without that correction.
///
/// ```
/// use ndarray::array;
/// use perennial_statistics::test::independence;
///
/// let result = independence(&array![[10.0, 20.0], [20.0, 10.0]], false)?;
/// assert!((result.statistic - 20.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the table has fewer than two rows or columns, one of them sums to 0, or a count is
/// negative or not finite.
pub fn independence(table: &ArrayRef2<f64>, yates: bool) -> Result<TestResult> {
    let (n_rows, n_cols) = table.dim();
    if n_rows < 2 || n_cols < 2 {
        let what = format!("the table is {n_rows} x {n_cols}; a test of independence needs at least 2 x 2");
        return Err(Error::insufficient_data(what));
    }
    let counts: Vec<f64> = table.iter().copied().collect();
    check_counts("the table", &counts)?;
    let row_sums: Vec<f64> = counts.chunks(n_cols).map(|row| row.iter().sum()).collect();
    let col_sums: Vec<f64> = (0..n_cols).map(|j| counts.iter().skip(j).step_by(n_cols).sum()).collect();
    for (what, sums) in [("row", &row_sums), ("column", &col_sums)] {
        if let Some(i) = sums.iter().position(|sum| *sum == 0.0) {
            return Err(Error::insufficient_data(format!("{what} {i} of the table sums to 0; leave it out")));
        }
    }
    let n: f64 = row_sums.iter().sum();
    let (mut plain, mut corrected) = (0.0, 0.0);
    for (cell, count) in counts.iter().enumerate() {
        let expected = row_sums[cell / n_cols] * col_sums[cell % n_cols] / n;
        let gap = (count - expected).abs();
        plain += gap * gap / expected;
        corrected += (gap - gap.min(0.5)).powi(2) / expected;
    }
    let df = ((n_rows - 1) * (n_cols - 1)) as f64;
    let statistic = if yates && df == 1.0 { corrected } else { plain };
    let v = (plain / (n * (n_rows.min(n_cols) - 1) as f64)).sqrt();
    Ok(result("Chi-squared test of independence", statistic, df)?.effect("Cramér's V", v))
}

/// Do counts follow given shares, or equal ones? (Pearson, 1900.) The effect is Cohen's w.
///
/// # Errors
/// If there are fewer than two counts, one is negative or not finite, their sum is 0, or the
/// shares are not as many positive numbers that sum to 1.
pub fn goodness_of_fit(counts: &[f64], shares: Option<&[f64]>) -> Result<TestResult> {
    at_least("the list of counts", counts, 2)?;
    check_counts("the list of counts", counts)?;
    let equal = vec![1.0 / counts.len() as f64; counts.len()];
    let shares = shares.unwrap_or(&equal);
    same_length(counts, shares)?;
    let total: f64 = shares.iter().sum();
    if !(shares.iter().all(|s| *s > 0.0) && (total - 1.0).abs() < 1e-8) {
        return Err(Error::invalid_param("shares", total, "positive numbers that sum to 1"));
    }
    let n: f64 = counts.iter().sum();
    if n == 0.0 {
        return Err(Error::insufficient_data("the counts sum to 0"));
    }
    let statistic: f64 = counts.iter().zip(shares).map(|(c, s)| (c - n * s).powi(2) / (n * s)).sum();
    Ok(result("Chi-squared goodness of fit", statistic, (counts.len() - 1) as f64)?
        .effect("Cohen's w", (statistic / n).sqrt()))
}

/// Do two classifiers err equally often on the same rows? (McNemar, 1947.)
///
/// `only_first` and `only_second` count the rows that only one of them has right. Up to 25 such
/// rows the test is exact; above, chi-squared with Edwards' correction (1948).
///
/// # Errors
/// If they agree on every row.
pub fn mcnemar(only_first: u64, only_second: u64) -> Result<TestResult> {
    Param::integer("only_first", "rows").at_most(1e15).check(only_first as f64)?;
    Param::integer("only_second", "rows").at_most(1e15).check(only_second as f64)?;
    let n = only_first + only_second;
    if n == 0 {
        return Err(Error::insufficient_data("the two agree on every row, so there is nothing to compare"));
    }
    if n <= 25 {
        let mut exact = binomial(only_first, n, 0.5, Alternative::TwoSided)?;
        exact.test = "McNemar's exact test".to_owned();
        return Ok(exact);
    }
    let gap = only_first.abs_diff(only_second) as f64;
    result("McNemar's test", (gap - 1.0).max(0.0).powi(2) / n as f64, 1.0)
}
