//! What is done with a tile of rows and points, on vectors.

use crate::linalg::{HIGH, Tile, WIDE};
use crate::reduce;
use crate::simd::Kernel;
use crate::special::exp_falling;

/// Squared distances below this share of the squared lengths are computed from differences, where the scale of the
/// kernel makes the digits that cancellation costs count.
pub(super) const TRUSTED: f64 = 1e-3;

/// Products become kernels of squared distances; tells, where that is `CHECKED`, whether one of the distances may be poor.
pub(super) struct Rbf<'a, const CHECKED: bool> {
    pub(super) rows: &'a [f64; HIGH],
    pub(super) points: &'a [f64; WIDE],
    pub(super) gamma: f64,
    pub(super) out: &'a mut [[f64; WIDE]],
}

impl<const CHECKED: bool> Kernel for Rbf<'_, CHECKED> {
    type Output = bool;
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) -> bool {
        let gamma = self.gamma;
        let points = self.points.map(|length| gamma * length);
        let mut least = [0.0; WIDE];
        for (out, &length) in self.out.iter_mut().zip(self.rows) {
            let (products, mut kernels, length) = (*out, [0.0; WIDE], gamma * length);
            for place in 0..WIDE {
                let lengths = length + points[place];
                let fall = products[place].mul_add(2.0 * gamma, -lengths);
                if CHECKED {
                    let poor = lengths.mul_add(-TRUSTED, -fall);
                    least[place] = if poor < least[place] { poor } else { least[place] };
                }
                kernels[place] = exp_falling(if fall < 0.0 { fall } else { 0.0 });
            }
            *out = kernels;
        }
        CHECKED && least.iter().any(|least| *least < 0.0)
    }
}

/// Distances become kernels.
pub(super) struct Exponentials<'a> {
    pub(super) gamma: f64,
    pub(super) out: &'a mut [f64],
}

impl Kernel for Exponentials<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for out in self.out {
            *out = exp_falling(-self.gamma * out.max(0.0));
        }
    }
}

/// Sums over the columns of `|a - b|`, or of `(a - b)^2 / (a + b)`.
pub(super) struct Differences<'a, const RELATIVE: bool> {
    pub(super) rows: &'a [[f64; HIGH]],
    pub(super) points: &'a [[f64; WIDE]],
    pub(super) out: &'a mut [[f64; WIDE]],
}

impl<const RELATIVE: bool> Kernel for Differences<'_, RELATIVE> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (row, out) in self.out.iter_mut().enumerate() {
            let mut sums = [0.0; WIDE];
            for (values, others) in self.rows.iter().zip(self.points) {
                let value = values[row];
                for (sum, other) in sums.iter_mut().zip(others) {
                    *sum += if RELATIVE { relative(value, *other) } else { (value - other).abs() };
                }
            }
            *out = sums;
        }
    }
}

/// `(a - b)^2 / (a + b)`; 0 where both are.
#[inline(always)]
pub(super) fn relative(a: f64, b: f64) -> f64 {
    let (gap, sum) = (a - b, a + b);
    if sum > 0.0 { gap * (gap / sum) } else { 0.0 }
}

/// Adds kernels times factors, for each column of the factors.
pub(super) struct AddSums<'a> {
    pub(super) kernels: &'a Tile,
    pub(super) factors: &'a [[f64; WIDE]],
    pub(super) sums: &'a mut [[[f64; reduce::LANES]; HIGH]],
}

impl Kernel for AddSums<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        for (factors, sums) in self.factors.iter().zip(self.sums) {
            let factors = *factors;
            for (kernels, sums) in self.kernels.iter().zip(sums) {
                let mut own = *sums;
                let factors = factors.as_chunks::<{ reduce::LANES }>().0;
                let pairs = kernels.as_chunks::<{ reduce::LANES }>().0.iter().zip(factors);
                for (kernels, factors) in pairs {
                    for lane in 0..reduce::LANES {
                        own[lane] = f64::mul_add(kernels[lane], factors[lane], own[lane]);
                    }
                }
                *sums = own;
            }
        }
    }
}
