use perennial_core::{Param, Result};

use super::{Distribution, first_count};
use crate::special::{Tails, beta_prefix, beta_tails};

/// The number of successes among `n` independent trials.
///
/// [`pdf`](Distribution::pdf) is the probability of exactly `k`; numbers that are not whole have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binomial {
    n: f64,
    p: f64,
}

impl Binomial {
    /// `n` trials that succeed with probability `p` each.
    ///
    /// # Errors
    /// If `p` is not in `[0, 1]`, or `n` above 2^53.
    pub fn new(n: u64, p: f64) -> Result<Self> {
        Param::integer("n", "trials").at_most(9_007_199_254_740_992.0).check(n as f64)?;
        Param::real("p", "the probability of success").at_least(0.0).at_most(1.0).check(p)?;
        Ok(Binomial { n: n as f64, p })
    }
}

impl Distribution for Binomial {
    fn ln_pdf(&self, k: f64) -> f64 {
        let Binomial { n, p } = *self;
        if k.is_nan() {
            return f64::NAN;
        }
        if k < 0.0 || k > n || k != k.floor() {
            return f64::NEG_INFINITY;
        }
        if k == 0.0 {
            return if n == 0.0 { 0.0 } else { n * (-p).ln_1p() };
        }
        if k == n {
            return n * p.ln();
        }
        if p == 0.0 || p == 1.0 {
            return f64::NEG_INFINITY;
        }
        beta_prefix(k, n - k, p, 1.0 - p).1 + (n / k / (n - k)).ln()
    }

    fn tails(&self, k: f64) -> Tails {
        let (n, k) = (self.n, k.floor());
        if k.is_nan() {
            return Tails::NAN;
        }
        if k < 0.0 {
            return Tails::NONE;
        }
        if k >= n {
            return Tails::NONE.mirrored();
        }
        beta_tails(k + 1.0, n - k, self.p, 1.0 - self.p).mirrored()
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        if p <= q { self.quantile(p) } else { self.isf(q) }
    }

    fn mean(&self) -> f64 {
        self.n * self.p
    }

    fn variance(&self) -> f64 {
        self.n * self.p * (1.0 - self.p)
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        first_count(self.mean(), |k| k >= self.n || self.cdf(k) >= p)
    }

    fn isf(&self, q: f64) -> f64 {
        if !(0.0..=1.0).contains(&q) {
            return f64::NAN;
        }
        first_count(self.mean(), |k| k >= self.n || self.sf(k) <= q)
    }
}
