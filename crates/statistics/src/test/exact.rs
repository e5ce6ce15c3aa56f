use perennial_core::{Error, Param, Result};

use super::{Alternative, TestResult};
use crate::distribution::{Binomial, Distribution};
use crate::special::ln_beta;

/// Rounding allowed when probabilities are compared for being at most as large.
const SLACK: f64 = 1.0 + 1e-7;

/// Is a share of successes compatible with the probability `p`? Exact.
///
/// The statistic is the share. Two-sided, all outcomes count that are at most as likely.
///
/// # Errors
/// If there are no trials, more successes than trials, or `p` is not in `[0, 1]`.
pub fn binomial(successes: u64, trials: u64, p: f64, alternative: Alternative) -> Result<TestResult> {
    if trials == 0 {
        return Err(Error::empty("there are no trials"));
    }
    if successes > trials {
        return Err(Error::invalid_param("successes", successes, format!("at most the {trials} trials")));
    }
    let distribution = Binomial::new(trials, p)?;
    let (k, n) = (successes as f64, trials as f64);
    let p_value = match alternative {
        Alternative::Less => distribution.cdf(k),
        Alternative::Greater => distribution.sf(k - 1.0),
        Alternative::TwoSided => {
            let ceiling = distribution.pdf(k) * SLACK;
            let mode = ((n + 1.0) * p).floor().min(n);
            // The mass falls away from the mode on both sides, so the other end is found by halving.
            if k < mode {
                let reached = |x: f64| distribution.pdf(x) <= ceiling;
                distribution.cdf(k) + distribution.sf(first(mode, n + 1.0, reached) - 1.0)
            } else if k > mode {
                let reached = |x: f64| distribution.pdf(mode - x) <= ceiling;
                distribution.sf(k - 1.0) + distribution.cdf(mode - first(0.0, mode + 1.0, reached))
            } else {
                1.0
            }
        }
    };
    Ok(TestResult::new("Binomial test", k / n, p_value))
}

/// The smallest whole number from `low` to `high` for which `reached` holds; `high` if none below.
fn first(mut low: f64, mut high: f64, reached: impl Fn(f64) -> bool) -> f64 {
    while low < high {
        let middle = ((low + high) / 2.0).floor();
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1.0;
        }
    }
    low
}

/// Most tables that [`fisher_exact`] goes through.
const MOST_TABLES: u64 = 10_000_000;

/// Are the rows and columns of a 2 x 2 table of counts independent? Exact (Fisher, 1922).
///
/// The statistic is the sample odds ratio. Two-sided, all tables of the same margins count that
/// are at most as likely.
///
/// # Errors
/// If a row or column sums to 0, or the counts are so large that there are over ten million tables.
pub fn fisher_exact(table: [[u64; 2]; 2], alternative: Alternative) -> Result<TestResult> {
    let [[a, b], [c, d]] = table;
    for count in [a, b, c, d] {
        Param::integer("count", "cell").at_most(1e15).check(count as f64)?;
    }
    let (row, col, n) = (a + b, a + c, a + b + c + d);
    if row == 0 || col == 0 || row == n || col == n {
        return Err(Error::insufficient_data(
            "a row or column of the table sums to 0; there is nothing to compare",
        ));
    }
    let (low, high) = ((row + col).saturating_sub(n), row.min(col));
    if high - low > MOST_TABLES {
        let what = format!("the exact test of {n} rows goes through too many tables; use `independence`");
        return Err(Error::too_large(what));
    }
    let ln_choose = |n: u64, k: u64| -ln_beta((n - k + 1) as f64, (k + 1) as f64) - (n as f64).ln_1p();
    let all = ln_choose(n, col);
    let mass = |x: u64| (ln_choose(row, x) + ln_choose(n - row, col - x) - all).exp();
    let ceiling = mass(a) * SLACK;
    let p: f64 = (low..=high)
        .filter(|&x| match alternative {
            Alternative::TwoSided => true,
            Alternative::Less => x <= a,
            Alternative::Greater => x >= a,
        })
        .map(mass)
        .filter(|&m| alternative != Alternative::TwoSided || m <= ceiling)
        .sum();
    let odds = (a as f64 * d as f64) / (b as f64 * c as f64);
    Ok(TestResult::new("Fisher's exact test", odds, p))
}
