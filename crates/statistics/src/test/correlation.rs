use perennial_core::{Error, Result};

use super::{Alternative, TestResult};
use crate::check::at_least;
use crate::describe;
use crate::distribution::{Beta, Distribution, StudentT};

/// Are two normal samples correlated? The statistic is Pearson's r, with its exact distribution.
///
/// # Errors
/// As [`describe::pearson`], or if there are fewer than three values.
pub fn pearson(x: &[f64], y: &[f64], alternative: Alternative) -> Result<TestResult> {
    at_least("the sample", x, 3)?;
    let r = describe::pearson(x, y)?;
    let shape = 0.5 * x.len() as f64 - 1.0;
    let p = alternative.p_value(Beta::new(shape, shape)?.tails(0.5 * (1.0 + r)));
    Ok(TestResult::new("Pearson correlation test", r, p).df(&[x.len() as f64 - 2.0]))
}

/// Are two samples monotonically related? The statistic is Spearman's rho, compared with t.
///
/// # Errors
/// As [`describe::spearman`], or if there are fewer than three values.
pub fn spearman(x: &[f64], y: &[f64], alternative: Alternative) -> Result<TestResult> {
    at_least("the sample", x, 3)?;
    let rho = describe::spearman(x, y)?;
    let df = x.len() as f64 - 2.0;
    let t = rho * (df / ((1.0 - rho) * (1.0 + rho))).sqrt();
    if t.is_nan() {
        return Err(Error::insufficient_data("the rank correlation is not defined for these samples"));
    }
    let p = alternative.p_value(StudentT::new(df)?.tails(t));
    Ok(TestResult::new("Spearman correlation test", rho, p).df(&[df]))
}
