use perennial_core::{Param, Result};
use perennial_numeric::random::Random;

use super::{Distribution, open_uniform, shape_param};
use crate::special::{Tails, gamma_quantile, gamma_tails, poisson_mass};

/// The gamma distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    pub(super) shape: f64,
    pub(super) scale: f64,
}

impl Gamma {
    /// With this shape and scale; the mean is their product.
    ///
    /// # Errors
    /// If the shape is not from 1e-30 to 1e30, or the scale not finite and positive.
    pub fn new(shape: f64, scale: f64) -> Result<Self> {
        shape_param("shape", "the shape").check(shape)?;
        Param::real("scale", "the scale").above(0.0).check(scale)?;
        Ok(Gamma { shape, scale })
    }
}

impl Distribution for Gamma {
    fn ln_pdf(&self, x: f64) -> f64 {
        let z = x / self.scale;
        if z.is_nan() {
            return f64::NAN;
        }
        if z < 0.0 || z.is_infinite() {
            return f64::NEG_INFINITY;
        }
        if z == 0.0 {
            return match self.shape {
                a if a < 1.0 => f64::INFINITY,
                a if a > 1.0 => f64::NEG_INFINITY,
                _ => -self.scale.ln(),
            };
        }
        poisson_mass(self.shape, z).1 + (self.shape / z).ln() - self.scale.ln()
    }

    fn tails(&self, x: f64) -> Tails {
        gamma_tails(self.shape, x / self.scale)
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        self.scale * gamma_quantile(self.shape, p, q)
    }

    fn mean(&self) -> f64 {
        self.shape * self.scale
    }

    fn variance(&self) -> f64 {
        self.shape * self.scale * self.scale
    }

    /// Marsaglia and Tsang (2000).
    fn sample(&self, random: &mut Random) -> f64 {
        // A shape below 1 is one above 1, shrunk by a power of a uniform number.
        let (shape, shrink) = if self.shape < 1.0 {
            (self.shape + 1.0, open_uniform(random).powf(1.0 / self.shape))
        } else {
            (self.shape, 1.0)
        };
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let z = random.normal();
            let v = (1.0 + c * z).powi(3);
            if v > 0.0 && open_uniform(random).ln() < 0.5 * z * z + d - d * v + d * v.ln() {
                return self.scale * shrink * d * v;
            }
        }
    }
}
