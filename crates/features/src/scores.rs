//! What each column alone says about the target.

use perennial_core::{Classes, Matrix, Result, Values};
use perennial_numeric::reduce;

/// Deviations from the mean, shrunk by a power of two so that their squares stay in range.
fn centred(values: &[f64]) -> Vec<f64> {
    // The mean of equal numbers may be rounded, and what is left would look like a signal.
    if values.iter().all(|value| *value == values[0]) {
        return vec![0.0; values.len()];
    }
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let scale = if largest > 1e100 { 2.0_f64.powi(-900) } else { 1.0 };
    let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
    let mean = reduce::mean(&scaled);
    scaled.into_iter().map(|value| value - mean).collect()
}

/// F of a share of explained variance; the largest number where nothing is left unexplained.
fn f_statistic(explained: f64, total: f64, df_model: f64, df_rest: f64) -> f64 {
    let rest = total - explained;
    if !(total > 0.0 && df_rest > 0.0) {
        return 0.0;
    }
    let f = (explained / df_model) / (rest.max(0.0) / df_rest);
    if f.is_nan() { 0.0 } else { f.min(f64::MAX) }
}

/// F of the correlation of each column with numbers.
pub(crate) fn f_regression(x: &Matrix, y: &Values) -> Result<Vec<f64>> {
    let y = centred(y.as_slice());
    let yy = reduce::dot(&y, &y);
    let dense = x.dense()?;
    Ok(reduce::map_each(x.n_cols(), |column| {
        let x = centred(&dense.column(column).to_vec());
        let (xx, xy) = (reduce::dot(&x, &x), reduce::dot(&x, &y));
        let r = xy / (xx.sqrt() * yy.sqrt());
        if r.is_nan() { 0.0 } else { f_statistic(r * r, 1.0, 1.0, x.len() as f64 - 2.0) }
    }))
}

/// F of the one-way analysis of variance of each column between classes.
pub(crate) fn f_classification(x: &Matrix, y: &Classes) -> Result<Vec<f64>> {
    y.check_two_classes()?;
    let (codes, counts) = (y.codes(), y.counts());
    let groups = counts.iter().filter(|count| **count > 0).count() as f64;
    let dense = x.dense()?;
    Ok(reduce::map_each(x.n_cols(), |column| {
        let x = centred(&dense.column(column).to_vec());
        let mut sums = vec![0.0; counts.len()];
        for (value, &code) in x.iter().zip(codes) {
            sums[code as usize] += value;
        }
        let between: f64 =
            sums.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(sum, n)| sum * sum / *n as f64).sum();
        f_statistic(between, reduce::dot(&x, &x), groups - 1.0, x.len() as f64 - groups)
    }))
}
