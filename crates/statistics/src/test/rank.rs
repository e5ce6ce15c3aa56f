use perennial_core::{Error, Result};

use super::{Alternative, Method, TestResult};
use crate::check::{at_least, finite, no_nan, same_length};
use crate::describe::{ranks, sorted, tie_sizes};
use crate::special::{Tails, normal_tails};

/// Up to this product of the two sizes [`mann_whitney`] counts arrangements.
const MOST_EXACT: usize = 10_000;

/// Does one of two samples tend to larger values? (Mann and Whitney, 1947.)
///
/// The statistic is U of the first sample, and the effect the rank-biserial correlation.
/// [`Method::Auto`] is exact where the smaller sample has at most 8 values and none are tied;
/// otherwise the normal limit serves, with corrections for ties and continuity.
///
/// ```
/// use perennial_statistics::test::{Alternative, Method, mann_whitney};
///
/// let result = mann_whitney(&[1.1, 2.2, 3.3], &[4.4, 5.5, 6.6], Alternative::TwoSided, Method::Auto)?;
/// assert!((result.p_value - 0.1).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If a sample is empty or has a NaN, all values are the same, or an exact p-value is asked for
/// of tied values or of samples whose sizes multiply to more than 10 000.
pub fn mann_whitney(a: &[f64], b: &[f64], alternative: Alternative, method: Method) -> Result<TestResult> {
    at_least("the first sample", a, 1)?;
    at_least("the second sample", b, 1)?;
    no_nan("the first sample", a)?;
    no_nan("the second sample", b)?;
    let all = [a, b].concat();
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let n = na + nb;
    let u = ranks(&all)?[..a.len()].iter().sum::<f64>() - na * (na + 1.0) / 2.0;
    let ties: f64 = tie_sizes(&sorted(&all)?).map(|t| t * t * t - t).sum();
    let affordable = a.len().saturating_mul(b.len()) <= MOST_EXACT;
    let exact = match method {
        Method::Auto => ties == 0.0 && a.len().min(b.len()) <= 8 && affordable,
        Method::Exact if ties > 0.0 => {
            return Err(Error::unsupported("the exact test needs values without ties; use Method::Auto"));
        }
        Method::Exact if !affordable => {
            return Err(Error::too_large(format!(
                "the exact test of {na} and {nb} values counts too many arrangements; use Method::Auto"
            )));
        }
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let p = if exact {
        let at_most = u_distribution(a.len(), b.len());
        let (lower, upper) = (at_most[u as usize], at_most[(na * nb - u) as usize]);
        alternative.p_value(Tails { lower, upper, ln_lower: lower.ln(), ln_upper: upper.ln() })
    } else {
        let variance = na * nb / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
        if !(variance > 0.0) {
            return Err(Error::singular("the values are all the same, so there is nothing to rank"));
        }
        let away = u - na * nb / 2.0;
        let continuity = match alternative {
            Alternative::TwoSided => 0.5 * if away > 0.0 { 1.0 } else { -1.0 },
            Alternative::Less => -0.5,
            Alternative::Greater => 0.5,
        };
        // The correction may cross the centre; the p-value is then 1.
        let z = (away - continuity) / variance.sqrt();
        match alternative {
            Alternative::TwoSided if away == 0.0 || z * away < 0.0 => 1.0,
            _ => alternative.p_value(normal_tails(z)),
        }
    };
    Ok(TestResult::new("Mann-Whitney U test", u, p)
        .effect("rank-biserial correlation", 2.0 * u / (na * nb) - 1.0))
}

/// `P(U <= u)` for all `u`, by adding up shares of arrangements: all terms positive.
fn u_distribution(m: usize, n: usize) -> Vec<f64> {
    // shares[j][u]: of i values from the one sample and j from the other. The largest of them all
    // comes from the first with chance i / (i + j), and then stands above all j of the second.
    let mut shares: Vec<Vec<f64>> = (0..=n).map(|_| vec![1.0]).collect();
    for i in 1..=m {
        for j in 1..=n {
            let from_first = i as f64 / (i + j) as f64;
            let mut next = vec![0.0; i * j + 1];
            for (u, share) in shares[j].iter().enumerate() {
                next[u + j] += from_first * share;
            }
            for (u, share) in shares[j - 1].iter().enumerate() {
                next[u] += (1.0 - from_first) * share;
            }
            shares[j] = next;
        }
    }
    let mut sum = 0.0;
    shares[n]
        .iter()
        .map(|share| {
            sum += share;
            sum
        })
        .collect()
}

/// Up to so many differences [`Method::Auto`] counts the signs of [`wilcoxon`], as scipy does.
const MOST_SIGNED: usize = 50;
/// [`Method::Exact`] counts up to so many.
const MOST_COUNTED: usize = 500;

/// Are the differences of two paired samples centred on 0? (Wilcoxon, 1945.)
///
/// Differences of 0 are dropped. The statistic is the sum of the ranks of the positive differences, and the effect the
/// rank-biserial correlation. [`Method::Auto`] is exact where at most 50 differences remain; equal sizes share a rank, and
/// the signs are counted given these ranks. Otherwise the normal limit serves, corrected for ties.
///
/// ```
/// use perennial_statistics::test::{Alternative, Method, wilcoxon};
///
/// let result = wilcoxon(&[5.1, 6.2, 7.3, 8.4, 9.5], &[5.0; 5], Alternative::TwoSided, Method::Auto)?;
/// assert_eq!(result.p_value, 0.0625);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If the samples differ in length, have a value that is not finite, no pair differs, or an exact p-value is asked for of
/// more than 500 differences.
pub fn wilcoxon(a: &[f64], b: &[f64], alternative: Alternative, method: Method) -> Result<TestResult> {
    same_length(a, b)?;
    finite("the first sample", a)?;
    finite("the second sample", b)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).filter(|d| *d != 0.0).collect();
    if differences.is_empty() {
        return Err(Error::insufficient_data("no pair differs, so there is nothing to rank"));
    }
    let exact = match method {
        Method::Auto => differences.len() <= MOST_SIGNED,
        Method::Exact if differences.len() > MOST_COUNTED => {
            return Err(Error::too_large(format!(
                "the exact test of {} differences counts too many signs; use Method::Auto",
                differences.len()
            )));
        }
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let n = sizes.len() as f64;
    let ranks = ranks(&sizes)?;
    let positive: f64 = ranks.iter().zip(&differences).filter(|(_, d)| **d > 0.0).map(|(r, _)| r).sum();
    let total = n * (n + 1.0) / 2.0;
    let p = if exact {
        let at_most = signed_distribution(&ranks);
        // What is at least `positive` is, with all signs turned round, at most the rest.
        let share = |sum: f64| at_most[(2.0 * sum) as usize];
        let (lower, upper) = (share(positive), share(total - positive));
        alternative.p_value(Tails { lower, upper, ln_lower: lower.ln(), ln_upper: upper.ln() })
    } else {
        let ties: f64 = tie_sizes(&sorted(&sizes)?).map(|t| t * t * t - t).sum();
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        alternative.p_value(normal_tails((positive - total / 2.0) / variance.sqrt()))
    };
    Ok(TestResult::new("Wilcoxon signed-rank test", positive, p)
        .effect("rank-biserial correlation", 2.0 * positive / total - 1.0))
}

/// `P(T <= t)` of the sum of the ranks with a positive sign, for all `2 t`: shared ranks are halves.
fn signed_distribution(ranks: &[f64]) -> Vec<f64> {
    let mut shares = vec![1.0];
    for rank in ranks {
        let step = (2.0 * rank) as usize;
        let mut next = vec![0.0; shares.len() + step];
        for (sum, share) in shares.iter().enumerate() {
            next[sum] += 0.5 * share;
            next[sum + step] += 0.5 * share;
        }
        shares = next;
    }
    let mut sum = 0.0;
    shares.iter_mut().for_each(|share| {
        sum += *share;
        *share = sum;
    });
    shares
}
