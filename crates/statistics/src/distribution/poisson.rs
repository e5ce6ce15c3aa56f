use perennial_core::Result;

use super::{Distribution, first_count, shape_param};
use crate::special::{Tails, gamma_tails, poisson_mass};

/// The number of independent events at a constant rate.
///
/// [`pdf`](Distribution::pdf) is the probability of exactly `k`; numbers that are not whole have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson {
    rate: f64,
}

impl Poisson {
    /// With this mean.
    ///
    /// # Errors
    /// If `rate` is not from 1e-30 to 1e30.
    pub fn new(rate: f64) -> Result<Self> {
        shape_param("rate", "the mean").check(rate)?;
        Ok(Poisson { rate })
    }
}

impl Distribution for Poisson {
    fn ln_pdf(&self, k: f64) -> f64 {
        if k.is_nan() {
            return f64::NAN;
        }
        if k < 0.0 || k != k.floor() || k.is_infinite() {
            return f64::NEG_INFINITY;
        }
        poisson_mass(k, self.rate).1
    }

    fn tails(&self, k: f64) -> Tails {
        if k < 0.0 {
            return Tails::NONE;
        }
        if k.is_infinite() {
            return Tails::NONE.mirrored();
        }
        gamma_tails(k.floor() + 1.0, self.rate).mirrored()
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        if p <= q { self.quantile(p) } else { self.isf(q) }
    }

    fn mean(&self) -> f64 {
        self.rate
    }

    fn variance(&self) -> f64 {
        self.rate
    }

    fn quantile(&self, p: f64) -> f64 {
        match p {
            1.0 => f64::INFINITY,
            _ if (0.0..1.0).contains(&p) => first_count(self.rate, |k| self.cdf(k) >= p),
            _ => f64::NAN,
        }
    }

    fn isf(&self, q: f64) -> f64 {
        match q {
            0.0 => f64::INFINITY,
            _ if q > 0.0 && q <= 1.0 => first_count(self.rate, |k| self.sf(k) <= q),
            _ => f64::NAN,
        }
    }
}
