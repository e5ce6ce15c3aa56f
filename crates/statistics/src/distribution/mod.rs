//! Probability distributions: density, both tails and their logarithms, quantiles, samples.

mod beta;
mod binomial;
mod chi_squared;
mod fisher_f;
mod gamma;
mod kolmogorov;
mod normal;
mod poisson;
mod student_t;
mod studentized_range;

pub use beta::Beta;
pub use binomial::Binomial;
pub use chi_squared::ChiSquared;
pub use fisher_f::FisherF;
pub use gamma::Gamma;
pub(crate) use kolmogorov::one_sided as one_sided_ks;
pub use kolmogorov::{Kolmogorov, KolmogorovSmirnov};
pub use normal::Normal;
pub use poisson::Poisson;
pub use student_t::StudentT;
pub use studentized_range::StudentizedRange;

use perennial_core::Param;
use perennial_numeric::random::Random;

use crate::special::Tails;

/// A distribution of one number.
///
/// Nothing here fails or panics: an undefined point or share gives NaN. For the discrete
/// distributions [`pdf`](Distribution::pdf) is the probability of the point itself.
///
/// ```
/// use perennial_statistics::distribution::{Distribution, StudentT};
///
/// let t = StudentT::new(10.0)?;
/// assert!((t.quantile(0.975) - 2.228_138_851_986_275).abs() < 1e-12);
/// assert!((2.0 * t.sf(2.228_138_851_986_275) - 0.05).abs() < 1e-14);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait Distribution {
    /// The logarithm of the density at `x`, or of the probability of `x`.
    fn ln_pdf(&self, x: f64) -> f64;

    /// The probability on both sides of `x`, with logarithms.
    fn tails(&self, x: f64) -> Tails;

    /// The point with `p` below and `q = 1 - p` above it; whichever share is small keeps its digits.
    fn invert(&self, p: f64, q: f64) -> f64;

    /// The mean; NaN or infinite where it does not exist.
    fn mean(&self) -> f64;

    /// The variance; NaN or infinite where it does not exist.
    fn variance(&self) -> f64;

    /// The density at `x`, or the probability of `x`.
    fn pdf(&self, x: f64) -> f64 {
        self.ln_pdf(x).exp()
    }

    /// `P(X <= x)`.
    fn cdf(&self, x: f64) -> f64 {
        self.tails(x).lower
    }

    /// `P(X > x)`, the survival function.
    fn sf(&self, x: f64) -> f64 {
        self.tails(x).upper
    }

    /// `ln P(X <= x)`, finite where the probability itself underflows.
    fn ln_cdf(&self, x: f64) -> f64 {
        self.tails(x).ln_lower
    }

    /// `ln P(X > x)`, finite where the probability itself underflows.
    fn ln_sf(&self, x: f64) -> f64 {
        self.tails(x).ln_upper
    }

    /// The smallest point with `P(X <= x) >= p`; NaN for `p` outside `[0, 1]`.
    fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) { self.invert(p, 1.0 - p) } else { f64::NAN }
    }

    /// The smallest point with `P(X > x) <= q`; NaN for `q` outside `[0, 1]`.
    fn isf(&self, q: f64) -> f64 {
        if (0.0..=1.0).contains(&q) { self.invert(1.0 - q, q) } else { f64::NAN }
    }

    /// One draw.
    fn sample(&self, random: &mut Random) -> f64 {
        self.quantile(open_uniform(random))
    }
}

/// A shape or a count of degrees of freedom, within the range where the special functions are proven.
const fn shape_param(name: &'static str, meaning: &'static str) -> Param {
    Param::real(name, meaning).at_least(1e-30).at_most(1e30)
}

/// A uniform number in `(0, 1)`, so that no draw is infinite.
fn open_uniform(random: &mut Random) -> f64 {
    random.uniform() + 2.0_f64.powi(-54)
}

/// The smallest whole number from 0 on for which `reached` holds, where it keeps holding.
fn first_count(start: f64, reached: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high, mut width) = (-1.0, start.max(0.0).floor(), 1.0);
    while !reached(high) {
        low = high;
        high += width;
        width *= 2.0;
        if high > 9e15 {
            return f64::INFINITY;
        }
    }
    while high - low > 1.0 {
        let middle = (low + (high - low) / 2.0).floor();
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}
