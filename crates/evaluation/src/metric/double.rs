//! Sums with twice the digits of f64.

use serde::{Deserialize, Serialize};

/// A number as the sum of two, the second less than a last bit of the first (Dekker, 1971); it stays at the largest number where a
/// sum would leave the range of f64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

/// A rounded sum and what it lost (Knuth, 1969).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let other = sum - a;
    (sum, (a - (sum - other)) + (b - other))
}

impl Double {
    pub(super) fn from(value: f64) -> Self {
        Double { high: value, low: 0.0 }.in_range()
    }

    /// The product without any rounding.
    pub(super) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Double { high, low: a.mul_add(b, -high) }.in_range()
    }

    fn in_range(self) -> Self {
        match self.high.is_finite() {
            true => self,
            false => Double { high: f64::MAX.copysign(self.high), low: 0.0 },
        }
    }

    /// Whether the range of f64 was left.
    pub(super) fn is_full(self) -> bool {
        self.high.abs() == f64::MAX
    }

    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    pub(super) fn plus(self, other: Double) -> Self {
        let (high, lost) = two_sum(self.high, other.high);
        if !high.is_finite() {
            return Double { high, low: 0.0 }.in_range();
        }
        let (low, least) = two_sum(self.low, other.low);
        let (high, lost) = two_sum(high, lost + low);
        let (high, low) = two_sum(high, lost + least);
        Double { high, low }
    }

    pub(super) fn times(self, other: Double) -> Self {
        let product = Double::product(self.high, other.high);
        match product.is_full() {
            true => product,
            false => product.plus(Double::from(self.high * other.low + self.low * other.high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Double;

    #[test]
    fn sums_keep_what_f64_loses() {
        let sum = |values: &[f64]| values.iter().fold(Double::default(), |sum, &v| sum.plus(Double::from(v)));
        assert_eq!(sum(&[1e16, 1.0, 1.0, -1e16]).value(), 2.0);
        assert_eq!(sum(&[1.0, 1e-20, -1.0]).value(), 1e-20);
        // (2^27 + 1)^2 has 55 digits.
        let square = Double::product(134_217_729.0, 134_217_729.0);
        assert_eq!(square.plus(Double::from(-18_014_398_509_481_984.0)).value(), 268_435_457.0);
        let third = Double::from(1.0).plus(Double::from(1e-20));
        assert_eq!(third.times(third).plus(Double::from(-1.0)).value(), 2e-20);
    }

    #[test]
    fn sums_that_leave_the_range_stay_at_its_end() {
        let full = Double::from(f64::MAX).plus(Double::from(f64::MAX));
        assert!(full.is_full() && Double::product(1e200, 1e200).is_full());
        assert!(full.plus(full).value() == f64::MAX && Double::product(1e200, 1.0).times(full).is_full());
    }
}
