//! The logarithm of one more than a number, in vectors.

use crate::special::ln_1p_share;

/// `ln(1 + x)` for `x` from 0 to the largest finite number, to within three units in the last place, without branches, so
/// that a loop over it inside [`simd::widest`](crate::simd::widest) becomes vector instructions.
///
/// As [`exp`](crate::special::exp), it has the same bits on every machine. NaN stays NaN; what it gives for infinity and
/// below 0 is not the logarithm.
///
/// ```
/// use perennial_numeric::special::ln_1p;
///
/// for x in [0.0, 1e-300, 1e-10, 0.3, 1.0, 20.0, 1e300] {
///     assert!((ln_1p(x) - x.ln_1p()).abs() <= 7e-16 * x.ln_1p());
/// }
/// ```
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    /// Below 2^52, a whole number in the low bits of this one is added to it.
    const WHOLE: u64 = 0x4330_0000_0000_0000;
    const MANTISSA: u64 = (1 << 52) - 1;

    let sum = 1.0 + x;
    let bits = sum.to_bits();
    // sum = mantissa * 2^power, with a mantissa from 1 to below 2.
    let power = f64::from_bits((bits >> 52) | WHOLE) - (f64::from_bits(WHOLE) + 1023.0);
    let mantissa = f64::from_bits((bits & MANTISSA) | (1023 << 52));
    // What the sum lost of x, or gained: one of the two is the larger one.
    let larger = if x > 1.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) };
    power * std::f64::consts::LN_2 + (ln_1p_share(mantissa - 1.0) + larger / sum)
}
