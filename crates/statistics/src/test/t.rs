use perennial_core::{Error, Result};

use super::{Alternative, TestResult};
use crate::check::{at_least, finite, same_length};
use crate::describe::Moments;
use crate::distribution::{Distribution, StudentT};

fn moments(what: &str, x: &[f64]) -> Result<Moments> {
    at_least(what, x, 2)?;
    finite(what, x)?;
    Ok(Moments::of(x))
}

fn result(test: &str, difference: f64, error: f64, df: f64, alternative: Alternative) -> Result<TestResult> {
    if !(error > 0.0) {
        return Err(Error::singular("the values are all the same, so their spread cannot be estimated"));
    }
    let t = difference / error;
    let p = alternative.p_value(StudentT::new(df)?.tails(t));
    Ok(TestResult::new(test, t, p).df(&[df]))
}

/// Does the mean of a sample differ from `mean`? (Student, 1908.) The effect is Cohen's d.
///
/// # Errors
/// If there are fewer than two values, one is not finite, or all are the same.
pub fn one_sample_t(x: &[f64], mean: f64, alternative: Alternative) -> Result<TestResult> {
    finite("the mean", &[mean])?;
    let m = moments("the sample", x)?;
    let (n, sd) = (x.len() as f64, m.standard_deviation());
    let difference = m.mean() - mean;
    Ok(result("One-sample t-test", difference, sd / n.sqrt(), n - 1.0, alternative)?
        .effect("Cohen's d", difference / sd))
}

/// Does the mean of the differences of two paired samples differ from 0?
///
/// # Errors
/// As [`one_sample_t`] of the differences, or if the samples differ in length.
pub fn paired_t(a: &[f64], b: &[f64], alternative: Alternative) -> Result<TestResult> {
    same_length(a, b)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mut result = one_sample_t(&differences, 0.0, alternative)?;
    result.test = "Paired t-test".to_owned();
    Ok(result)
}

/// Do the means of two samples of equal variance differ? (Student, 1908.) Prefer [`welch_t`].
///
/// # Errors
/// If a sample has fewer than two values or one that is not finite, or neither varies.
pub fn two_sample_t(a: &[f64], b: &[f64], alternative: Alternative) -> Result<TestResult> {
    let (ma, mb) = (moments("the first sample", a)?, moments("the second sample", b)?);
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let df = na + nb - 2.0;
    let sd = pooled(&ma, &mb);
    let difference = ma.mean() - mb.mean();
    let error = sd * (1.0 / na + 1.0 / nb).sqrt();
    Ok(result("Two-sample t-test", difference, error, df, alternative)?.effect("Cohen's d", difference / sd))
}

/// Do the means of two samples differ, whatever their variances? (Welch, 1947.)
///
/// ```
/// use perennial_statistics::test::{Alternative, welch_t};
///
/// let result = welch_t(&[5.1, 4.9, 5.6, 5.8, 6.0], &[4.1, 5.0, 4.4, 4.0], Alternative::TwoSided)?;
/// assert!(result.p_value < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// As [`two_sample_t`].
pub fn welch_t(a: &[f64], b: &[f64], alternative: Alternative) -> Result<TestResult> {
    let (ma, mb) = (moments("the first sample", a)?, moments("the second sample", b)?);
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (va, vb) = (ma.variance() / na, mb.variance() / nb);
    let share = va / (va + vb);
    let df = 1.0 / (share * share / (na - 1.0) + (1.0 - share).powi(2) / (nb - 1.0));
    let difference = ma.mean() - mb.mean();
    let df = if df.is_nan() { na + nb - 2.0 } else { df };
    Ok(result("Welch's t-test", difference, (va + vb).sqrt(), df, alternative)?
        .effect("Cohen's d", difference / pooled(&ma, &mb)))
}

/// The pooled standard deviation.
fn pooled(a: &Moments, b: &Moments) -> f64 {
    let df = (a.count() + b.count()) as f64 - 2.0;
    ((a.sum_of_squares() + b.sum_of_squares()) / df).sqrt()
}
