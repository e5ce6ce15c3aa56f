//! Whether rows that are there already come in any order as likely.

use perennial_core::{Error, Param, Result, check_numbers};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// What permutations say of the order of some scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeabilityTest {
    /// The largest difference between the mean of the first scores and the mean of the others, over all places to cut, in
    /// units of what such a difference is off by chance.
    pub statistic: f64,
    /// How likely one so large is, were any order as likely.
    pub p_value: f64,
    /// Where the scores change most: the first score of the second part.
    pub change: usize,
}

const N_PERMUTATIONS: Param =
    Param::integer("n_permutations", "number of orders that are tried").at_least(1.0);

/// Tests whether scores, such as the absolute errors of rows in the order of time, come in any order as likely, which is what
/// conformal intervals promise under: the largest change of the mean against that of random orders (Page, 1954; Phipson and
/// Smyth, 2010, for the p-value). For rows that come one by one there is
/// [`ExchangeabilityMartingale`](super::ExchangeabilityMartingale).
///
/// ```
/// use perennial_evaluation::conformal::test_exchangeability;
///
/// let scores: Vec<f64> = (0..100).map(|row| f64::from(row * 37 % 101) + if row < 60 { 0.0 } else { 60.0 }).collect();
/// let test = test_exchangeability(&scores, 999, 1)?;
/// assert!(test.p_value < 0.01 && test.change.abs_diff(60) < 5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are fewer than two scores, one is not finite, or there are no permutations.
pub fn test_exchangeability(scores: &[f64], n_permutations: usize, seed: u64) -> Result<ExchangeabilityTest> {
    N_PERMUTATIONS.check_count(n_permutations)?;
    check_numbers("the scores", scores)?;
    if scores.len() < 2 {
        return Err(Error::insufficient_data(format!(
            "{} scores have no order; at least 2 are needed",
            scores.len()
        )));
    }
    let most = scores.iter().fold(0.0_f64, |most, score| most.max(score.abs()));
    // In units of the largest one sums stay in range.
    let mut scaled: Vec<f64> =
        scores.iter().map(|score| if most > 0.0 { score / most } else { 0.0 }).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    scaled.iter_mut().for_each(|score| *score -= mean);
    let deviation = (scaled.iter().map(|score| score * score).sum::<f64>() / scaled.len() as f64).sqrt();
    let (seen, change) = largest_change(scaled.iter().copied(), scaled.len());
    let random = Random::new(seed).stream("exchangeability");
    let counts = perennial_numeric::reduce::map_each(n_permutations, |number| {
        let order = random.fork(number as u64).permutation(scaled.len());
        let (permuted, _) = largest_change(order.iter().map(|&row| scaled[row]), scaled.len());
        // What rounding alone makes smaller is as large.
        usize::from(permuted >= seen * (1.0 - 1e-12))
    });
    let as_large: usize = counts.into_iter().sum();
    let statistic = if deviation > 0.0 { seen / deviation } else { 0.0 };
    Ok(ExchangeabilityTest {
        statistic,
        p_value: (as_large + 1) as f64 / (n_permutations + 1) as f64,
        change,
    })
}

/// The largest standardised change of centred scores, and where it is.
fn largest_change(scores: impl Iterator<Item = f64>, n: usize) -> (f64, usize) {
    let (mut sum, mut best) = (0.0, (0.0, 1));
    for (place, score) in scores.enumerate().take(n - 1) {
        sum += score;
        let (first, other) = ((place + 1) as f64, (n - place - 1) as f64);
        let change = sum.abs() * (n as f64 / (first * other)).sqrt();
        if change > best.0 {
            best = (change, place + 1);
        }
    }
    best
}
