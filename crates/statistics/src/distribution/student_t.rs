use perennial_core::Result;
use perennial_numeric::random::Random;

use super::{Distribution, Gamma, shape_param};
use crate::special::{Tails, beta_tails, ln_beta, ln_beta_quantile};

/// Student's t distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT {
    df: f64,
}

impl StudentT {
    /// With `df` degrees of freedom, which need not be whole.
    ///
    /// # Errors
    /// If `df` is not from 1e-30 to 1e30.
    pub fn new(df: f64) -> Result<Self> {
        shape_param("df", "degrees of freedom").check(df)?;
        Ok(StudentT { df })
    }
}

impl Distribution for StudentT {
    fn ln_pdf(&self, t: f64) -> f64 {
        let ratio = t / self.df.sqrt();
        let ln_power = if ratio.abs() > 1e100 { 2.0 * ratio.abs().ln() } else { (ratio * ratio).ln_1p() };
        -0.5 * self.df.ln() - ln_beta(0.5 * self.df, 0.5) - 0.5 * (self.df + 1.0) * ln_power
    }

    fn tails(&self, t: f64) -> Tails {
        if t.is_nan() {
            return Tails::NAN;
        }
        let ratio = (t / self.df.sqrt()).abs();
        let far = if ratio > 1e100 {
            // Here the tail is a power of t, and 1 / t^2 may underflow.
            let a = 0.5 * self.df;
            let ln = -self.df * ratio.ln() - a.ln() - ln_beta(a, 0.5) - 2.0_f64.ln();
            Tails::from_lower(ln.exp(), ln)
        } else {
            let square = ratio * ratio;
            let both = beta_tails(0.5 * self.df, 0.5, 1.0 / (1.0 + square), square / (1.0 + square));
            Tails {
                lower: 0.5 * both.lower,
                upper: 0.5 + 0.5 * both.upper,
                ln_lower: both.ln_lower - 2.0_f64.ln(),
                ln_upper: (-0.5 * both.lower).ln_1p(),
            }
        };
        if t < 0.0 { far } else { far.mirrored() }
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        if p == q {
            return 0.0;
        }
        let (ln_x, ln_y) = ln_beta_quantile(0.5 * self.df, 0.5, 2.0 * p.min(q), (q - p).abs());
        let t = (0.5 * (self.df.ln() + ln_y - ln_x)).exp();
        if p < q { -t } else { t }
    }

    fn mean(&self) -> f64 {
        if self.df > 1.0 { 0.0 } else { f64::NAN }
    }

    fn variance(&self) -> f64 {
        match self.df {
            df if df > 2.0 => df / (df - 2.0),
            df if df > 1.0 => f64::INFINITY,
            _ => f64::NAN,
        }
    }

    fn sample(&self, random: &mut Random) -> f64 {
        let chi_squared = Gamma { shape: 0.5 * self.df, scale: 2.0 }.sample(random);
        random.normal() * (self.df / chi_squared.max(f64::MIN_POSITIVE)).sqrt()
    }
}
