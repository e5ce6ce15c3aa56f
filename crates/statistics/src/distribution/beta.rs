use perennial_core::Result;
use perennial_numeric::random::Random;

use super::{Distribution, Gamma, shape_param};
use crate::special::{Tails, beta_prefix, beta_quantile, beta_tails, ln_beta};

/// The beta distribution on `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    a: f64,
    b: f64,
}

impl Beta {
    /// With these shapes; the mean is `a / (a + b)`.
    ///
    /// # Errors
    /// If either is not from 1e-30 to 1e30.
    pub fn new(a: f64, b: f64) -> Result<Self> {
        shape_param("a", "the first shape").check(a)?;
        shape_param("b", "the second shape").check(b)?;
        Ok(Beta { a, b })
    }
}

impl Distribution for Beta {
    fn ln_pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        if !(0.0..=1.0).contains(&x) {
            return f64::NEG_INFINITY;
        }
        if x == 0.0 || x == 1.0 {
            let shape = if x == 0.0 { self.a } else { self.b };
            return match shape {
                a if a < 1.0 => f64::INFINITY,
                a if a > 1.0 => f64::NEG_INFINITY,
                _ => -ln_beta(self.a, self.b),
            };
        }
        beta_prefix(self.a, self.b, x, 1.0 - x).1 - x.ln() - (-x).ln_1p()
    }

    fn tails(&self, x: f64) -> Tails {
        beta_tails(self.a, self.b, x, 1.0 - x)
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        beta_quantile(self.a, self.b, p, q)
    }

    fn mean(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    fn variance(&self) -> f64 {
        let n = self.a + self.b;
        self.a / n * (self.b / n) / (n + 1.0)
    }

    fn sample(&self, random: &mut Random) -> f64 {
        let [first, second] = [self.a, self.b].map(|shape| Gamma { shape, scale: 1.0 }.sample(random));
        // Both underflow only for tiny shapes, where nearly all probability sits at the two ends.
        if first + second == 0.0 {
            f64::from(random.uniform() < self.mean())
        } else {
            first / (first + second)
        }
    }
}
