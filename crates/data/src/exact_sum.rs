//! Sums without rounding: the same bits in whatever order and parts the numbers come.
//!
//! A number of double precision is a whole number of 53 bits times a power of two. The sum is kept as one long whole number in
//! pieces of 32 bits, each in a word of 64 so that carries can wait (R. M. Neal, "Fast exact summation using small and large
//! superaccumulators", 2015).

/// Pieces of 32 bits: 2046 exponents, 53 bits, and room for 2^60 numbers.
const PIECES: usize = 68;
/// The weight of the lowest bit is 2 to this power.
const LOWEST: i32 = -1075;
/// A number changes a piece by less than 2^52, so that so many fit into 63 bits.
const UNTIL_CARRY: u32 = 1 << 10;

/// The exact sum of finite numbers.
#[derive(Clone, Debug)]
pub(crate) struct ExactSum {
    pieces: Box<[i64; PIECES]>,
    /// How many numbers were added since the carries were taken along.
    waiting: u32,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { pieces: Box::new([0; PIECES]), waiting: 0 }
    }
}

impl ExactSum {
    /// Adds a finite number; the caller counts those that are not.
    #[inline]
    pub(crate) fn add(&mut self, number: f64) {
        let bits = number.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        // Subnormal numbers have the exponent 1 without the bit that others do not write.
        let (exponent, whole) = if exponent == 0 { (1, fraction) } else { (exponent, fraction | 1 << 52) };
        let (piece, shift) = (exponent >> 5, exponent & 31);
        let low = (whole << shift) & 0xffff_ffff;
        let high = whole >> (32 - shift);
        if bits >> 63 == 0 {
            self.pieces[piece] += low;
            self.pieces[piece + 1] += high;
        } else {
            self.pieces[piece] -= low;
            self.pieces[piece + 1] -= high;
        }
        self.waiting += 1;
        if self.waiting == UNTIL_CARRY {
            self.carry();
        }
    }

    /// Adds a whole number exactly.
    pub(crate) fn add_whole(&mut self, number: i64) {
        // Both halves are exact in double precision.
        self.add((number >> 32) as f64 * 4_294_967_296.0);
        self.add((number & 0xffff_ffff) as f64);
    }

    /// Brings all pieces but the last into 0 to 2^32 - 1, so that equal sums have equal pieces.
    fn carry(&mut self) {
        for at in 0..PIECES - 1 {
            let over = self.pieces[at] >> 32;
            self.pieces[at] -= over << 32;
            self.pieces[at + 1] += over;
        }
        self.waiting = 0;
    }

    pub(crate) fn merge(&mut self, other: &ExactSum) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        self.pieces.iter_mut().zip(other.pieces.iter()).for_each(|(mine, theirs)| *mine += theirs);
        self.carry();
    }

    /// The sum, rounded to the nearest number, ties to even; infinite beyond the range.
    pub(crate) fn value(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.pieces[PIECES - 1] < 0;
        if negative {
            sum.pieces.iter_mut().for_each(|piece| *piece = -*piece);
            sum.carry();
        }
        let magnitude = rounded(&sum.pieces);
        if negative { -magnitude } else { magnitude }
    }

    /// The sum divided by a count, rounded twice.
    pub(crate) fn over(&self, count: u64) -> f64 {
        let (sum, rest) = self.two_values();
        if sum.is_finite() {
            let (n, mean) = (count as f64, sum / count as f64);
            return mean + ((-mean).mul_add(n, sum) + rest) / n;
        }
        // Beyond the range, where the mean need not be: a piece is dropped, which is far below the last bit.
        let mut less = self.clone();
        less.carry();
        less.pieces.rotate_left(1);
        less.pieces[PIECES - 1] = 0;
        if less.pieces[PIECES - 2] < 0 {
            less.pieces[PIECES - 1] = -1;
            less.pieces[PIECES - 2] += 1 << 32;
        }
        less.value() / count as f64 * 4_294_967_296.0
    }

    /// The pieces of the sum without its sign, each of 32 bits; nothing where it is beyond the range.
    fn magnitude(&self) -> Option<Vec<u32>> {
        let mut sum = self.clone();
        sum.carry();
        if sum.pieces[PIECES - 1] < 0 {
            sum.pieces.iter_mut().for_each(|piece| *piece = -*piece);
            sum.carry();
        }
        sum.pieces.iter().map(|piece| u32::try_from(*piece).ok()).collect()
    }

    /// The variance of `n` numbers over n - 1, of their sum and the sum of their squares: (n Σx² - (Σx)²) / (n (n - 1)) in
    /// whole numbers of some thousand bits, rounded once. Nothing where a sum is beyond the range.
    pub(crate) fn variance(sum: &ExactSum, squares: &ExactSum, n: u64) -> Option<f64> {
        let (sum, squares) = (sum.magnitude()?, squares.magnitude()?);
        // Both sides in units of the square of the lowest bit.
        let left = shifted(&times(&squares, &[n as u32, (n >> 32) as u32]), (-LOWEST) as usize);
        let difference = minus(&left, &times(&sum, &sum));
        // Six pieces more, so that what is left after the two divisions has all the bits that count.
        let mut ratio = shifted(&difference, 32 * 6);
        let mut sticky = divide(&mut ratio, n) | divide(&mut ratio, n - 1);
        let Some(top) = ratio.iter().rposition(|piece| *piece != 0) else { return Some(0.0) };
        let piece = |back: usize| if back <= top { u128::from(ratio[top - back]) } else { 0 };
        sticky |= top > 2 && ratio[..top - 2].iter().any(|piece| *piece != 0);
        let mut variance = (piece(0) << 64 | piece(1) << 32 | piece(2) | u128::from(sticky)) as f64;
        let mut exponent = 32 * (top as i32 - 2 - 6) + 2 * LOWEST;
        while exponent != 0 {
            let step = exponent.clamp(-1000, 1000);
            variance *= power(step);
            exponent -= step;
        }
        variance.is_finite().then_some(variance)
    }

    /// The sum as two numbers, the second one the rounded rest.
    pub(crate) fn two_values(&self) -> (f64, f64) {
        let first = self.value();
        if !first.is_finite() {
            return (first, 0.0);
        }
        let mut rest = self.clone();
        rest.add(-first);
        (first, rest.value())
    }
}

/// Two to a power from -1022 to 1023.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The product of whole numbers in pieces of 32 bits, the lowest first.
fn times(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0_u32; a.len() + b.len()];
    for (at, &a) in a.iter().enumerate().filter(|(_, a)| **a != 0) {
        let mut over = 0_u64;
        for (piece, b) in product[at..].iter_mut().zip(b.iter().chain([&0])) {
            let sum = u64::from(a) * u64::from(*b) + u64::from(*piece) + over;
            *piece = sum as u32;
            over = sum >> 32;
        }
    }
    product
}

fn shifted(number: &[u32], bits: usize) -> Vec<u32> {
    let (pieces, bits) = (bits / 32, bits % 32);
    let mut moved = vec![0; pieces];
    let mut low = 0_u64;
    for piece in number.iter().chain([&0]) {
        let wide = u64::from(*piece) << bits | low;
        moved.push(wide as u32);
        low = wide >> 32;
    }
    moved
}

/// Divides a whole number in place; whether there is a rest.
fn divide(number: &mut [u32], by: u64) -> bool {
    let mut rest = 0_u128;
    for piece in number.iter_mut().rev() {
        rest = rest << 32 | u128::from(*piece);
        *piece = (rest / u128::from(by)) as u32;
        rest %= u128::from(by);
    }
    rest != 0
}

/// The difference, or 0 where it would be negative.
fn minus(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut borrow = 0_i64;
    let length = a.len().max(b.len());
    let piece = |number: &[u32], at: usize| i64::from(number.get(at).copied().unwrap_or(0));
    let difference: Vec<u32> = (0..length)
        .map(|at| {
            let left = piece(a, at) - piece(b, at) + borrow;
            borrow = left >> 32;
            left as u32
        })
        .collect();
    if borrow < 0 { vec![0; length] } else { difference }
}

/// The nearest number to pieces that are not negative.
fn rounded(pieces: &[i64; PIECES]) -> f64 {
    let Some(top) = (0..PIECES).rev().find(|&at| pieces[at] != 0) else { return 0.0 };
    // The last piece holds more than 32 bits only beyond the range.
    if pieces[top] >> 32 != 0 {
        return f64::INFINITY;
    }
    let piece = |back: usize| if back <= top { pieces[top - back] as u128 } else { 0 };
    // At least 65 bits, of which 53 stay, and whether anything lies below.
    let window = piece(0) << 64 | piece(1) << 32 | piece(2);
    let sticky = top > 2 && pieces[..top - 2].iter().any(|piece| *piece != 0);
    let lowest = 32 * (top as i32 - 2) + LOWEST;
    let length = 128 - window.leading_zeros() as i32;
    // Subnormal numbers keep fewer bits.
    let shift = (length - 53).max(-1074 - lowest) as u32;
    let (kept, rest) = (window >> shift, window & ((1 << shift) - 1));
    let half = 1_u128 << (shift - 1);
    let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
    let whole = (kept as u64 + u64::from(up)) as f64;
    let exponent = lowest + shift as i32;
    // Both steps are exact where the result is a number at all; one step would need a power below the smallest.
    if exponent >= -1000 {
        whole * power(exponent.min(1023))
    } else {
        whole * power(-1000) * power(exponent + 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|number| sum.add(*number));
        sum.value()
    }

    /// Sums whose rounded value Python's `math.fsum` gives.
    #[test]
    fn sums_are_rounded_once() {
        for (numbers, expected) in [
            (vec![], 0.0),
            (vec![0.1; 10], 1.0),
            (vec![1e100, 1.0, -1e100], 1.0),
            (vec![1e308, 1e308, -1e308, -1e308, 5e-324], 5e-324),
            (vec![1.0, 1.110_223_024_625_156_5e-16], 1.0),
            (vec![1.0, 1.110_223_024_625_156_5e-16, 5e-324], 1.000_000_000_000_000_2),
            (vec![-1.0, 1e-300], -1.0),
            (vec![5e-324; 3], 1.5e-323),
            (vec![2.225_073_858_507_201_4e-308, -5e-324], 2.225_073_858_507_201e-308),
            (vec![f64::MAX, f64::MAX], f64::INFINITY),
            (vec![-f64::MAX, -f64::MAX], f64::NEG_INFINITY),
            (vec![f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
            (vec![1e16, 1.0, 1e-3, -1e16], 1.001),
        ] {
            assert_eq!(sum(&numbers).to_bits(), f64::to_bits(expected), "{numbers:?} {}", sum(&numbers));
        }
    }

    #[test]
    fn order_and_parts_do_not_matter() {
        let mut state = 3_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Any finite number: all bits but the highest exponent.
            let number = f64::from_bits(state ^ state >> 29);
            if number.is_finite() { number } else { 1.0 }
        };
        for n in [1_usize, 7, 1024, 5000] {
            let mut numbers: Vec<f64> = (0..n).map(|_| next()).collect();
            let forward = sum(&numbers);
            numbers.reverse();
            assert_eq!(sum(&numbers).to_bits(), forward.to_bits());
            let (mut left, mut right) = (ExactSum::default(), ExactSum::default());
            numbers.iter().step_by(2).for_each(|number| left.add(*number));
            numbers.iter().skip(1).step_by(2).for_each(|number| right.add(*number));
            left.merge(&right);
            assert_eq!(left.value().to_bits(), forward.to_bits());
            let (first, second) = left.two_values();
            assert_eq!(first.to_bits(), forward.to_bits());
            assert!(second == 0.0 || second.abs() < first.abs() || !first.is_finite());
        }
        let mut whole = ExactSum::default();
        for number in [i64::MAX, i64::MIN, -1, 1 << 53 | 1, 7] {
            whole.add_whole(number);
        }
        assert_eq!(whole.value(), ((1_i64 << 53) + 6) as f64);
    }
}
