use perennial_core::{Param, Result};
use perennial_numeric::random::Random;

use super::{Distribution, Gamma};
use crate::special::Tails;

/// The chi-squared distribution: the sum of `df` squared standard normal numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquared {
    gamma: Gamma,
}

impl ChiSquared {
    /// With `df` degrees of freedom, which need not be whole.
    ///
    /// # Errors
    /// If `df` is not finite and positive.
    pub fn new(df: f64) -> Result<Self> {
        Param::real("df", "degrees of freedom").above(0.0).check(df)?;
        // Halving the smallest number there is gives zero; the next one up serves as well.
        Ok(ChiSquared { gamma: Gamma::new((0.5 * df).max(f64::MIN_POSITIVE), 2.0)? })
    }
}

impl Distribution for ChiSquared {
    fn ln_pdf(&self, x: f64) -> f64 {
        self.gamma.ln_pdf(x)
    }

    fn tails(&self, x: f64) -> Tails {
        self.gamma.tails(x)
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        self.gamma.invert(p, q)
    }

    fn mean(&self) -> f64 {
        self.gamma.mean()
    }

    fn variance(&self) -> f64 {
        self.gamma.variance()
    }

    fn sample(&self, random: &mut Random) -> f64 {
        self.gamma.sample(random)
    }
}
