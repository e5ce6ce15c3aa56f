//! Two models by their scores on the same folds.

use std::fmt;

use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Distribution, FisherF, StudentT};
use perennial_statistics::interval::Interval;
use perennial_statistics::test::TestResult;
use serde::{Deserialize, Serialize};

use super::alike::Seen;
use super::{Comparison, ComparisonOptions, EQUIVALENCE};
use crate::CrossValidated;
use crate::cross_validation::{corrected_error, corrected_half};

/// By how much the second is better in each fold; positive is better, whichever way the metric goes.
pub(super) fn gains<P, Q, A, B>(
    first: &CrossValidated<P, A>,
    second: &CrossValidated<Q, B>,
    options: &ComparisonOptions<'_>,
) -> Result<Vec<f64>> {
    EQUIVALENCE.check(options.equivalence)?;
    if first.metric != second.metric {
        return Err(Error::unsupported(format!(
            "`{}` cannot be compared with `{}`; score both models with the same metric",
            first.metric, second.metric
        )));
    }
    let tested = |a: &Vec<usize>, b: &Vec<usize>| a == b;
    let same = first.folds.len() == second.folds.len()
        && first.folds.iter().zip(&second.folds).all(|(a, b)| tested(&a.test, &b.test));
    if !same {
        return Err(Error::unsupported(
            "the two models were not tested on the same folds; give the splitter a seed, or use `FixedSplits`",
        ));
    }
    let sign = if first.higher_is_better { 1.0 } else { -1.0 };
    Ok(first.scores().iter().zip(second.scores()).map(|(first, second)| sign * (second - first)).collect())
}

/// The two-sided p-value of Student's t.
fn two_sided(estimate: f64, error: f64, df: f64) -> Result<f64> {
    Ok((2.0 * StudentT::new(df)?.sf((estimate / error).abs())).min(1.0))
}

/// Whether the second gains the same in each fold, and more than nothing: then no variance tells how sure that is.
///
/// # Errors
/// As [`compare_folds`].
pub(crate) fn gains_alike<P, Q, A, B>(
    first: &CrossValidated<P, A>,
    second: &CrossValidated<Q, B>,
) -> Result<bool> {
    let gains = gains(first, second, &ComparisonOptions::new())?;
    let seen = Seen::new(first.bounds, first.scores().into_iter().chain(second.scores()));
    // Above nothing by more than rounding, which the sign test tells.
    let mean = reduce::mean(&gains);
    Ok(mean > 0.0 && seen.all_alike(&gains) && seen.sign_test(mean, 2.0) < 1.0)
}

/// Compares two models by their scores on the same folds: Student's interval of the differences with the standard
/// error corrected for the rows that the fits share, and the p-value of the corrected resampled t-test (Nadeau and
/// Bengio, 2003).
///
/// Of `options`, the level and the region of equivalence count. Folds that all show the same gain are taken as so many
/// rows would be by [`compare`](crate::compare): a handful of them shows no equivalence.
///
/// # Errors
/// When the metrics or the tested rows differ, or there are fewer than two folds.
pub fn compare_folds<P, Q, A, B>(
    first: &CrossValidated<P, A>,
    second: &CrossValidated<Q, B>,
    options: &ComparisonOptions<'_>,
) -> Result<Comparison> {
    let gains = gains(first, second, options)?;
    let level = options.interval.confidence();
    let half = corrected_half(&gains, &first.folds, level)?;
    let estimate = reduce::mean(&gains);
    let gain = Interval { estimate, low: estimate - half, high: estimate + half, level };
    let error = corrected_error(&gains, &first.folds);
    let scores = [first.mean(), second.mean()];
    let seen = Seen::new(first.bounds, first.scores().into_iter().chain(second.scores()));
    let n_folds = gains.len() as f64;
    // Gains that differ by rounding alone have a variance that says nothing.
    let (gain, p_value) = if seen.all_alike(&gains) {
        (seen.around(n_folds, gain), seen.sign_test(estimate, n_folds))
    } else {
        (gain, two_sided(estimate, error, n_folds - 1.0)?)
    };
    let comparison = seen.judge(Comparison::new(first.metric.clone(), scores, gain, options.equivalence));
    Ok(Comparison { p_value: Some(p_value), ..comparison })
}

/// Five times twofold cross-validation of two models, and the two tests of their differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiveByTwo {
    /// The gain of the second over the first in both folds of each repeat.
    pub gains: [[f64; 2]; 5],
    /// The paired t-test (Dietterich, 1998).
    pub t: TestResult,
    /// The combined F-test, which does not depend on the order of the folds (Alpaydin, 1999).
    pub f: TestResult,
}

impl fmt::Display for FiveByTwo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.t, self.f)
    }
}

/// Tests whether two models differ, by five repeats of two folds, such as those of
/// `Repeated::new(KFold::new(2), 5)` with a seed.
///
/// ```
/// use perennial_evaluation::split::{KFold, Repeated, SplitInputs, Splitter};
///
/// let splits = Repeated::new(KFold::new(2), 5).seed(1).split(&SplitInputs::new(100))?;
/// assert_eq!(splits.len(), 10);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When metrics or tested rows differ, the folds are not five repeats of two that test each row once, or the gains are
/// the same in both folds of each repeat, which leaves nothing to judge them by.
pub fn five_by_two<P, Q, A, B>(
    first: &CrossValidated<P, A>,
    second: &CrossValidated<Q, B>,
) -> Result<FiveByTwo> {
    let gains = gains(first, second, &ComparisonOptions::new())?;
    let (pairs, rest) = gains.as_chunks::<2>();
    let halves = first.folds.as_chunks::<2>().0.iter().all(|[a, b]| {
        let apart = a.test.iter().all(|row| b.test.binary_search(row).is_err());
        apart && a.n_train == b.test.len() && b.n_train == a.test.len()
    });
    let gains: [[f64; 2]; 5] = match pairs.try_into() {
        Ok(gains) if rest.is_empty() && halves => gains,
        _ => {
            return Err(Error::unsupported(format!(
                "five repeats of two folds are needed, and there are {} folds; split by \
                 `Repeated::new(KFold::new(2), 5)`",
                first.folds.len()
            )));
        }
    };
    let variances: f64 = gains.iter().map(|[a, b]| 0.5 * (a - b).powi(2)).sum();
    let squares: f64 = gains.iter().flatten().map(|gain| gain * gain).sum();
    // But for rounding, whose variance says nothing.
    let seen = Seen::new(first.bounds, first.scores().into_iter().chain(second.scores()));
    if variances == 0.0 || gains.iter().all(|pair| seen.all_alike(pair)) {
        return Err(Error::insufficient_data(
            "the gains are the same in both folds of each repeat, which leaves nothing to judge them by; use \
             `compare_folds` with more folds",
        ));
    }
    let result = |test: &str, statistic, p_value, df: &[f64]| TestResult {
        test: test.to_owned(),
        statistic,
        p_value,
        df: df.to_vec(),
        effect: None,
    };
    let t = gains[0][0] / (variances / 5.0).sqrt();
    let f = squares / (2.0 * variances);
    let of_t = (2.0 * StudentT::new(5.0)?.sf(t.abs())).min(1.0);
    Ok(FiveByTwo {
        gains,
        t: result("5x2cv paired t", t, of_t, &[5.0]),
        f: result("5x2cv combined F", f, FisherF::new(10.0, 5.0)?.sf(f), &[10.0, 5.0]),
    })
}
