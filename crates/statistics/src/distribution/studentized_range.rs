use perennial_core::{Param, Result};

use crate::special::{LN_SQRT_2PI, ln_gamma, normal_tails};

/// The range of `groups` standard normal numbers over an independent estimate of their spread.
///
/// What Tukey's honest significant difference is compared with. Values are good to about 1e-12
/// absolutely; a probability far below that is not resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentizedRange {
    groups: f64,
    df: f64,
}

impl StudentizedRange {
    /// Of this many groups, with `df` degrees of freedom for the spread.
    ///
    /// # Errors
    /// If there are fewer than two groups, or `df` is not finite and at least 1.
    pub fn new(groups: usize, df: f64) -> Result<Self> {
        Param::integer("groups", "groups").at_least(2.0).check_count(groups)?;
        Param::real("df", "degrees of freedom").at_least(1.0).check(df)?;
        Ok(StudentizedRange { groups: groups as f64, df })
    }

    /// `P(Q <= q)`.
    pub fn cdf(&self, q: f64) -> f64 {
        if !(q > 0.0) {
            return if q.is_nan() { f64::NAN } else { 0.0 };
        }
        if self.df > 1e6 {
            return self.range_cdf(q);
        }
        // Over u = ln s, where s is the estimated spread. The integrand is smooth and dies out on
        // both sides, so the trapezoid rule converges as fast as any.
        let df = self.df;
        let ln_scale = 2.0_f64.ln() + 0.5 * df * (0.5 * df).ln() - ln_gamma(0.5 * df);
        let width = 1.0 / df.sqrt();
        let step = width / 8.0;
        let from = (-40.0 / df).min(-8.0 * width);
        let to = (8.0 * width).min(4.0);
        let steps = ((to - from) / step).ceil() as usize;
        let sum: f64 = (0..=steps)
            .map(|i| {
                let u = from + i as f64 * step;
                let ln_density = ln_scale + df * u - 0.5 * df * (2.0 * u).exp();
                if ln_density < -45.0 { 0.0 } else { ln_density.exp() * self.range_cdf(q * u.exp()) }
            })
            .sum();
        (sum * step).clamp(0.0, 1.0)
    }

    /// `P(Q > q)`.
    pub fn sf(&self, q: f64) -> f64 {
        1.0 - self.cdf(q)
    }

    /// The point with `P(Q <= q) = p`, by bisection; NaN for `p` outside `[0, 1]`.
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p == 0.0 || p == 1.0 {
            return if p == 0.0 { 0.0 } else { f64::INFINITY };
        }
        let (mut low, mut high) = (0.0, 1.0);
        while self.cdf(high) < p && high < 1e12 {
            low = high;
            high *= 2.0;
        }
        while high - low > 1e-12 * high {
            let middle = 0.5 * (low + high);
            if self.cdf(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// The distribution of the range when the spread is known.
    fn range_cdf(&self, w: f64) -> f64 {
        if w > 40.0 {
            return 1.0;
        }
        // Over z, the largest of the numbers.
        const STEP: f64 = 0.125;
        let steps = ((w.min(8.0) + 17.0) / STEP) as usize;
        let sum: f64 = (0..=steps)
            .map(|i| {
                let z = -8.5 + i as f64 * STEP;
                let share = normal_tails(z).lower - normal_tails(z - w).lower;
                (-0.5 * z * z - LN_SQRT_2PI).exp() * share.powf(self.groups - 1.0)
            })
            .sum();
        (sum * STEP * self.groups).min(1.0)
    }
}
