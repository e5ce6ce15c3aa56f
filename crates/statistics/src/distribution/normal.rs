use perennial_core::{Param, Result};
use perennial_numeric::random::Random;

use super::Distribution;
use crate::special::{LN_SQRT_2PI, Tails, normal_quantile, normal_tails};

/// The normal distribution.
///
/// ```
/// use perennial_statistics::distribution::{Distribution, Normal};
///
/// let height = Normal::new(175.0, 7.0)?;
/// assert!((height.cdf(175.0) - 0.5).abs() < 1e-16);
/// assert!(Normal::new(0.0, -1.0).is_err());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    standard_deviation: f64,
}

impl Normal {
    /// With this mean and standard deviation.
    ///
    /// # Errors
    /// If the mean is not finite, or the standard deviation not finite and positive.
    pub fn new(mean: f64, standard_deviation: f64) -> Result<Self> {
        Param::real("mean", "the centre").check(mean)?;
        Param::real("standard_deviation", "the spread").above(0.0).check(standard_deviation)?;
        Ok(Normal { mean, standard_deviation })
    }

    /// Mean 0 and standard deviation 1.
    pub const fn standard() -> Self {
        Normal { mean: 0.0, standard_deviation: 1.0 }
    }

    fn standardised(&self, x: f64) -> f64 {
        (x - self.mean) / self.standard_deviation
    }
}

impl Distribution for Normal {
    fn ln_pdf(&self, x: f64) -> f64 {
        let z = self.standardised(x);
        -0.5 * z * z - LN_SQRT_2PI - self.standard_deviation.ln()
    }

    fn tails(&self, x: f64) -> Tails {
        normal_tails(self.standardised(x))
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        self.mean + self.standard_deviation * normal_quantile(p, q)
    }

    fn mean(&self) -> f64 {
        self.mean
    }

    fn variance(&self) -> f64 {
        self.standard_deviation * self.standard_deviation
    }

    fn sample(&self, random: &mut Random) -> f64 {
        self.mean + self.standard_deviation * random.normal()
    }
}
