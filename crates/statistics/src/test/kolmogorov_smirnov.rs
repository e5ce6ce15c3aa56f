use perennial_core::{Error, Result};
use perennial_numeric::random::Random;

use super::{Alternative, Method, TestResult};
use crate::check::{at_least, no_nan};
use crate::describe::sorted;
use crate::distribution::{KolmogorovSmirnov, one_sided_ks};

/// The most numbers that a resampled test draws.
const MOST_DRAWS: usize = 1 << 32;

/// Up to this product of the two sizes [`ks_two_sample`] counts paths.
const MOST_EXACT: usize = 25_000_000;

/// Does a sample follow the distribution function `cdf`? (Kolmogorov, 1933; Smirnov, 1948.)
///
/// `Less` and `Greater` look for a distribution function below and above `cdf`.
///
/// # Errors
/// If the sample is empty or has a NaN, or `cdf` leaves `[0, 1]`.
pub fn ks_one_sample(x: &[f64], cdf: impl Fn(f64) -> f64, alternative: Alternative) -> Result<TestResult> {
    at_least("the sample", x, 1)?;
    let n = x.len() as f64;
    let (mut above, mut below) = (0.0_f64, 0.0_f64);
    for (i, value) in sorted(x)?.into_iter().enumerate() {
        let share = cdf(value);
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::malformed(format!(
                "the distribution function is {share} at {value}; expected 0 to 1"
            )));
        }
        above = above.max((i + 1) as f64 / n - share);
        below = below.max(share - i as f64 / n);
    }
    let (d, p) = match alternative {
        Alternative::TwoSided => {
            let d = above.max(below);
            (d, KolmogorovSmirnov::new(x.len())?.tails(d).upper)
        }
        Alternative::Less => (below, one_sided_ks(n, below)),
        Alternative::Greater => (above, one_sided_ks(n, above)),
    };
    Ok(TestResult::new("One-sample Kolmogorov-Smirnov test", d, p))
}

/// How often a resampled part of a sample looks as if it followed `cdf`: `(1 + k) / (1 + replicates)`, where `k` of the replicates, each of `size`
/// values drawn with replacement, have a p-value of [`ks_one_sample`] of at least `level`. As the check of Great Expectations: with large samples the
/// plain test finds any difference, however small; parts of a fixed size find those that matter.
///
/// # Errors
/// As [`ks_one_sample`], or if there are no replicates, parts without values, or `level` is not between 0 and 1.
pub fn ks_bootstrapped(
    x: &[f64],
    cdf: impl Fn(f64) -> f64,
    level: f64,
    replicates: usize,
    size: usize,
    seed: u64,
) -> Result<f64> {
    at_least("the sample", x, 1)?;
    no_nan("the sample", x)?;
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::invalid_param("level", level, "a number between 0 and 1"));
    }
    if replicates == 0 || size == 0 || replicates.checked_mul(size).is_none_or(|draws| draws > MOST_DRAWS) {
        let expected = "both at least 1, and together at most 2^32 draws";
        return Err(Error::invalid_param("replicates and size", (replicates, size), expected));
    }
    let mut random = Random::new(seed);
    let mut fitting = 0;
    for _ in 0..replicates {
        let part: Vec<f64> = (0..size).map(|_| x[random.below(x.len())]).collect();
        let result = ks_one_sample(&part, &cdf, Alternative::TwoSided)?;
        fitting += usize::from(result.p_value >= level);
    }
    Ok((1 + fitting) as f64 / (1 + replicates) as f64)
}

/// Do two samples come from the same distribution? (Smirnov, 1939.)
///
/// `Less` and `Greater` look for a distribution function of the first sample that is below or
/// above that of the second. [`Method::Auto`] counts paths (Hodges, 1958) where the sizes
/// multiply to at most 25 million.
///
/// ```
/// use perennial_statistics::test::{Alternative, Method, ks_two_sample};
///
/// let result = ks_two_sample(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], Alternative::TwoSided, Method::Auto)?;
/// assert_eq!(result.statistic, 1.0);
/// assert!((result.p_value - 0.1).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If a sample is empty or has a NaN, or [`Method::Exact`] is asked for of larger samples.
pub fn ks_two_sample(a: &[f64], b: &[f64], alternative: Alternative, method: Method) -> Result<TestResult> {
    at_least("the first sample", a, 1)?;
    at_least("the second sample", b, 1)?;
    no_nan("the first sample", a)?;
    no_nan("the second sample", b)?;
    let (na, nb) = (a.len() as i128, b.len() as i128);
    let (above, below) = largest_gaps(&sorted(a)?, &sorted(b)?);
    // Gaps are whole multiples of 1 / (na nb), so they compare exactly.
    let gap = match alternative {
        Alternative::TwoSided => above.max(below),
        Alternative::Less => below,
        Alternative::Greater => above,
    };
    let d = gap as f64 / (na * nb) as f64;
    let affordable = a.len().saturating_mul(b.len()) <= MOST_EXACT;
    if method == Method::Exact && !affordable {
        return Err(Error::too_large(format!(
            "the exact test of {na} and {nb} values counts too many paths; use Method::Auto"
        )));
    }
    let two_sided = alternative == Alternative::TwoSided;
    let p = if affordable && method != Method::Asymptotic {
        share_of_paths_outside(na, nb, gap, two_sided)
    } else {
        let (m, n) = (na.max(nb) as f64, na.min(nb) as f64);
        let effective = m * n / (m + n);
        if two_sided {
            KolmogorovSmirnov::new(effective.round_ties_even().max(1.0) as usize)?.tails(d).upper
        } else {
            // Hodges (1958), 5.3.
            let z = effective.sqrt() * d;
            (-2.0 * z * z - 2.0 * z * (m + 2.0 * n) / (m * n * (m + n)).sqrt() / 3.0).exp()
        }
    };
    Ok(TestResult::new("Two-sample Kolmogorov-Smirnov test", d, p))
}

/// How far the first distribution function rises above and falls below the second, times `na nb`.
fn largest_gaps(a: &[f64], b: &[f64]) -> (i128, i128) {
    let (mut i, mut j, mut above, mut below) = (0, 0, 0, 0);
    while i < a.len() && j < b.len() {
        let at = a[i].min(b[j]);
        i += a[i..].iter().take_while(|v| **v == at).count();
        j += b[j..].iter().take_while(|v| **v == at).count();
        let gap = i as i128 * b.len() as i128 - j as i128 * a.len() as i128;
        above = above.max(gap);
        below = below.max(-gap);
    }
    (above, below)
}

/// The share of lattice paths from (0, 0) to (na, nb) that come to a gap of at least `gap`.
fn share_of_paths_outside(na: i128, nb: i128, gap: i128, two_sided: bool) -> f64 {
    let outside = |i: i128, j: i128| {
        let here = i * nb - j * na;
        here >= gap || (two_sided && -here >= gap)
    };
    // share[j] is that of the paths to (i, j); a path comes from the left with chance i / (i + j).
    let mut share = vec![0.0; nb as usize + 1];
    for i in 0..=na {
        for j in 0..=nb {
            let at = j as usize;
            share[at] = if outside(i, j) {
                1.0
            } else if i == 0 || j == 0 {
                match (i, j) {
                    (0, 0) => 0.0,
                    (0, _) => share[at - 1],
                    _ => share[at],
                }
            } else {
                let left = i as f64 / (i + j) as f64;
                left * share[at] + (1.0 - left) * share[at - 1]
            };
        }
    }
    share[nb as usize]
}
