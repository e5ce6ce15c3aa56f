use perennial_core::Result;
use perennial_numeric::random::Random;

use super::{Distribution, Gamma, shape_param};
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
    /// If `df` is not from 1e-30 to 1e30.
    pub fn new(df: f64) -> Result<Self> {
        shape_param("df", "degrees of freedom").check(df)?;
        Ok(ChiSquared { gamma: Gamma { shape: 0.5 * df, scale: 2.0 } })
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
