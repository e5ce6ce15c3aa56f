//! Special functions to (nearly) the last digit, in the tails as in the centre.
//!
//! | function | how |
//! |---|---|
//! | `erf`, `erfc`, `gamma`, `ln_gamma` | the msun routines, through `libm` |
//! | `digamma` | Stirling series, rational approximation around the root |
//! | incomplete gamma and beta | Loader's saddle-point prefix times a series or continued fraction |
//! | far normal tails | Laplace's continued fraction for Mills' ratio |

mod beta;
mod error_function;
mod gamma;
mod incomplete_beta;
mod incomplete_gamma;
mod logistic;

pub use beta::{beta, ln_beta};
pub use error_function::{erf, erfc, mills_ratio, normal_quantile, normal_tails};
pub use gamma::{digamma, gamma, ln_gamma, ln_gamma_1p};
pub use incomplete_beta::{beta_quantile, beta_tails};
pub use incomplete_gamma::{gamma_quantile, gamma_tails};
pub use logistic::{expit, log_sum_exp, logit, softplus};

pub(crate) use incomplete_beta::{beta_prefix, ln_beta_quantile};
pub(crate) use incomplete_gamma::poisson_mass;

/// `ln sqrt(2 pi)`.
pub(crate) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// The probability on both sides of a point, with its logarithms.
///
/// The smaller side is computed directly, never as one minus the larger, so both sides and both
/// logarithms keep their digits however far out the point lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tails {
    /// `P(X <= x)`.
    pub lower: f64,
    /// `P(X > x)`.
    pub upper: f64,
    /// `ln P(X <= x)`.
    pub ln_lower: f64,
    /// `ln P(X > x)`.
    pub ln_upper: f64,
}

impl Tails {
    /// All probability above the point.
    pub const NONE: Tails = Tails { lower: 0.0, upper: 1.0, ln_lower: f64::NEG_INFINITY, ln_upper: 0.0 };

    /// What an undefined point gives.
    pub const NAN: Tails = Tails { lower: f64::NAN, upper: f64::NAN, ln_lower: f64::NAN, ln_upper: f64::NAN };

    /// From the lower side and its logarithm; the logarithm stays finite where the value underflows.
    pub(crate) fn from_lower(lower: f64, ln_lower: f64) -> Self {
        let lower = lower.clamp(0.0, 1.0);
        Tails { lower, upper: 1.0 - lower, ln_lower: ln_lower.min(0.0), ln_upper: (-lower).ln_1p() }
    }

    /// The point seen from the other side.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Tails { lower: self.upper, upper: self.lower, ln_lower: self.ln_upper, ln_upper: self.ln_lower }
    }
}

/// `ln p`, from `p` and `q = 1 - p`, whichever is exact.
pub(crate) fn ln_share(p: f64, q: f64) -> f64 {
    if p < 0.5 { p.ln() } else { (-q).ln_1p() }
}
