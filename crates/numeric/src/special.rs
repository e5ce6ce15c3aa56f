//! Special functions.

pub use crate::logarithm::ln_1p;
pub use crate::normal::{normal_quantile, normal_quantiles};
use crate::simd;

/// Added to a number below 2^51, it leaves the nearest whole number in the low bits.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
/// The logarithm of 2 in two parts; products of the first with whole numbers below 2^11 are exact.
const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
/// `e^x` to within one unit in the last place, without branches, so that a loop over it inside
/// [`simd::widest`] becomes vector instructions.
///
/// It uses nothing but additions, multiplications and shifts, so it has the same bits on every machine, in a vector or
/// alone; that of the standard library depends on the system. It overflows to infinity and underflows through the
/// subnormal numbers to 0 where the truth does, and NaN stays NaN.
///
/// ```
/// use perennial_numeric::{simd, special};
///
/// let mut x = vec![0.0, 1.0, -1000.0, f64::INFINITY];
/// simd::widest(|| x.iter_mut().for_each(|x| *x = special::exp(*x)));
/// assert_eq!(x, [1.0, special::exp(1.0), 0.0, f64::INFINITY]);
/// assert!((x[1] - std::f64::consts::E).abs() < 1e-15);
/// ```
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Beyond these bounds the result is 0 or infinity, and comes out so.
    let x = x.clamp(-746.0, 710.0);
    let whole = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
    let rest = (x - whole * LN_2[0]) - whole * LN_2[1];
    let power = 1.0 + (rest + rest * rest * tail(rest));
    // One factor 2^whole would leave the range of exponents before the result does; only the second product rounds.
    let half = (whole * 0.5 + ROUND) - ROUND;
    let power_of_two = |k: f64| f64::from_bits((k + ROUND).to_bits().wrapping_add(1023) << 52);
    power * power_of_two(half) * power_of_two(whole - half)
}

/// `e^x` for `x <= 0` to within one unit in the last place, 0 below -708: half as many instructions as [`exp`] where the
/// machine fuses multiplications with additions, for kernels inside [`simd::widest`] that do little else.
#[inline(always)]
pub(crate) fn exp_falling(x: f64) -> f64 {
    /// `(e^x - 1 - x) / x^2` at the zeros of a Chebyshev polynomial; `e^x` is off by less than 2^-55 between them.
    const TAIL: [f64; 10] = [
        0.500_000_000_000_000_1,
        0.166_666_666_666_666_69,
        0.041_666_666_666_624_16,
        0.008_333_333_333_330_065,
        0.001_388_888_891_719_842,
        0.000_198_412_698_630_418_5,
        2.480_152_131_972_762e-5,
        2.755_726_847_827_9e-6,
        2.762_007_713_646_922e-7,
        2.510_037_679_881_25e-8,
    ];
    let inside = x.max(-708.0);
    let shifted = inside.mul_add(std::f64::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = whole.mul_add(-LN_2[1], whole.mul_add(-LN_2[0], inside));
    let (x2, pair) = (rest * rest, |k: usize| TAIL[k + 1].mul_add(rest, TAIL[k]));
    let quad = |k: usize| pair(k + 2).mul_add(x2, pair(k));
    let x4 = x2 * x2;
    let tail = pair(8).mul_add(x4, quad(4)).mul_add(x4, quad(0));
    let power = 1.0 + x2.mul_add(tail, rest);
    // Its exponent is moved by the whole number in the low bits.
    let value = f64::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x < -708.0 { 0.0 } else { value }
}

/// `ln(1 + x)` for `x` from 0 to 1, to within two units in the last place, without branches as [`exp`].
///
/// What it gives outside these bounds is not the logarithm; NaN stays NaN.
///
/// ```
/// use perennial_numeric::special::ln_1p_share;
///
/// assert_eq!(ln_1p_share(0.0), 0.0);
/// assert!((ln_1p_share(1e-10) / 1e-10f64.ln_1p() - 1.0).abs() < 1e-15);
/// ```
#[inline(always)]
pub fn ln_1p_share(x: f64) -> f64 {
    /// `1 / (2 k + 1)`; the first term left out is below 2^-57 of the result.
    const ODD: [f64; 12] = {
        let mut values = [1.0; 12];
        let mut k = 1;
        while k < values.len() {
            values[k] = 1.0 / (2 * k + 1) as f64;
            k += 1;
        }
        values
    };
    // Above the root of 2 it is the logarithm of half the number and that of 2; then 2 artanh(s) by its series.
    let halved = x > std::f64::consts::SQRT_2 - 1.0;
    let (over, under, rest) =
        if halved { (x - 1.0, x + 3.0, std::f64::consts::LN_2) } else { (x, x + 2.0, 0.0) };
    let s = over / under;
    let z = s * s;
    let (z2, pair) = (z * z, |k: usize| ODD[k] + ODD[k + 1] * z);
    let quad = |k: usize| pair(k) + pair(k + 2) * z2;
    let z4 = z2 * z2;
    let tail = pair(1) + pair(3) * z2 + (quad(5) + (pair(9) + ODD[11] * z2) * z4) * z4;
    rest + (2.0 * s + 2.0 * s * z * tail)
}

/// Replaces each number by its [`exp`], in vectors. The bits depend on each number alone.
///
/// ```
/// let mut numbers = [0.0, 1.0, f64::NEG_INFINITY];
/// perennial_numeric::special::exp_in_place(&mut numbers);
/// assert_eq!(numbers, [1.0, perennial_numeric::special::exp(1.0), 0.0]);
/// ```
pub fn exp_in_place(numbers: &mut [f64]) {
    simd::widest(Exponentials(numbers));
}

struct Exponentials<'a>(&'a mut [f64]);

impl simd::Kernel for Exponentials<'_> {
    type Output = ();
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) {
        self.0.iter_mut().for_each(|number| *number = exp(*number));
    }
}

/// `(e^x - 1 - x) / x^2` for `|x| <= ln(2) / 2`, by its series; the first term left out is below 2^-57 of the result.
#[inline(always)]
fn tail(x: f64) -> f64 {
    const INVERSE_FACTORIALS: [f64; 12] = {
        let mut values = [0.5; 12];
        let mut factorial = 2.0;
        let mut k = 1;
        while k < values.len() {
            factorial *= (k + 2) as f64;
            values[k] = 1.0 / factorial;
            k += 1;
        }
        values
    };
    // Pairs and then pairs of pairs (Estrin, 1960): shorter chains of dependent products than Horner's.
    let c = &INVERSE_FACTORIALS;
    let (x2, pair) = (x * x, |k: usize| c[k] + c[k + 1] * x);
    let quad = |k: usize| pair(k) + pair(k + 2) * x2;
    let x4 = x2 * x2;
    quad(0) + (quad(4) + quad(8) * x4) * x4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falling_exponentials_are_exact_to_the_last_digit() {
        let mut x = 0.0;
        while x > -708.0 {
            let (found, truth) = (exp_falling(x), libm::exp(x));
            assert!((found / truth - 1.0).abs() <= 4.5e-16, "{x}: {found} instead of {truth}");
            x -= 0.003_141_59;
        }
        assert_eq!([0.0, -0.0, -709.0, f64::NEG_INFINITY].map(exp_falling), [1.0, 1.0, 0.0, 0.0]);
    }
}
