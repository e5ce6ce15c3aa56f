use perennial_core::Result;
use perennial_numeric::random::Random;

use super::{Distribution, Gamma, shape_param};
use crate::special::{Tails, beta_prefix, beta_tails, ln_beta, ln_beta_quantile};

/// Fisher's F distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FisherF {
    df1: f64,
    df2: f64,
}

impl FisherF {
    /// With these degrees of freedom of numerator and denominator, which need not be whole.
    ///
    /// # Errors
    /// If either is not from 1e-30 to 1e30.
    pub fn new(df1: f64, df2: f64) -> Result<Self> {
        shape_param("df1", "degrees of freedom of the numerator").check(df1)?;
        shape_param("df2", "degrees of freedom of the denominator").check(df2)?;
        Ok(FisherF { df1, df2 })
    }

    /// The point on the scale of the beta distribution, and its complement.
    fn share(&self, f: f64) -> (f64, f64) {
        let ratio = self.df1 / self.df2 * f;
        if ratio > 1e300 {
            (1.0, self.df2 / self.df1 / f)
        } else {
            (ratio / (1.0 + ratio), 1.0 / (1.0 + ratio))
        }
    }
}

impl Distribution for FisherF {
    fn ln_pdf(&self, f: f64) -> f64 {
        let (a, b) = (0.5 * self.df1, 0.5 * self.df2);
        if f.is_nan() {
            return f64::NAN;
        }
        if f < 0.0 || f.is_infinite() {
            return f64::NEG_INFINITY;
        }
        if f == 0.0 {
            return match a {
                a if a < 1.0 => f64::INFINITY,
                a if a > 1.0 => f64::NEG_INFINITY,
                _ => (self.df1 / self.df2).ln() - ln_beta(a, b),
            };
        }
        let (x, y) = self.share(f);
        beta_prefix(a, b, x, y).1 - f.ln()
    }

    fn tails(&self, f: f64) -> Tails {
        let (x, y) = self.share(f.max(0.0));
        if f.is_nan() { Tails::NAN } else { beta_tails(0.5 * self.df1, 0.5 * self.df2, x, y) }
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        let (ln_x, ln_y) = ln_beta_quantile(0.5 * self.df1, 0.5 * self.df2, p, q);
        (ln_x - ln_y + (self.df2 / self.df1).ln()).exp()
    }

    fn mean(&self) -> f64 {
        if self.df2 > 2.0 { self.df2 / (self.df2 - 2.0) } else { f64::INFINITY }
    }

    fn variance(&self) -> f64 {
        let (d1, d2) = (self.df1, self.df2);
        match d2 {
            _ if d2 > 4.0 => 2.0 * (d2 / (d2 - 2.0)).powi(2) * (1.0 + (d2 - 2.0) / d1) / (d2 - 4.0),
            _ if d2 > 2.0 => f64::INFINITY,
            _ => f64::NAN,
        }
    }

    fn sample(&self, random: &mut Random) -> f64 {
        let [first, second] =
            [self.df1, self.df2].map(|df| Gamma { shape: 0.5 * df, scale: 2.0 / df }.sample(random));
        first / second.max(f64::MIN_POSITIVE)
    }
}
