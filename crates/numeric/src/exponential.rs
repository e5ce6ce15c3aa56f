//! Exponentials of many numbers at once.

use crate::simd::{Kernel, widest};

/// Replaces each number, which must be at most 700, by its exponential; below -708 by that of -708.
///
/// The relative error is below 1e-15. The bits depend on each number alone.
///
/// ```
/// let mut numbers = [0.0, 1.0, -2.5];
/// perennial_numeric::exponential::exp_in_place(&mut numbers);
/// assert!((numbers[1] - 1f64.exp()).abs() < 1e-14 && numbers[0] == 1.0);
/// ```
pub fn exp_in_place(numbers: &mut [f64]) {
    widest(Exponentials(numbers));
}

struct Exponentials<'a>(&'a mut [f64]);

impl Kernel for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for number in self.0.iter_mut() {
            *number = exp(*number);
        }
    }
}

/// `2^k` times the series of the rest, at most half of ln 2.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Added to a number it leaves the nearest whole number in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, of which the first has zeros for the product with a whole number.
    const HIGH: f64 = 6.931_471_803_691_238e-1;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    const SERIES: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let rest = k.mul_add(-LOW, k.mul_add(-HIGH, x));
    let mut sum = SERIES[0];
    for term in &SERIES[1..] {
        sum = sum.mul_add(rest, *term);
    }
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_the_standard_library() {
        let inputs: Vec<f64> = (0..200_000).map(|i| -708.0 + f64::from(i) * 0.007).collect();
        let mut numbers = inputs.clone();
        super::exp_in_place(&mut numbers);
        for (x, e) in inputs.iter().zip(&numbers) {
            assert!((e / x.exp() - 1.0).abs() < 1e-15, "exp({x})");
        }
        let mut odd = [f64::NAN, f64::NEG_INFINITY, -0.0];
        super::exp_in_place(&mut odd);
        assert!(odd[0].is_nan() && odd[1] < 1e-300 && odd[2] == 1.0);
    }
}
