//! The product of a strip of rows with a strip of columns, whose sums stay in registers: what large products are made of.
//!
//! Each sum runs over the inner index in order, one fused step at a time, so its bits depend on its own row and column
//! alone.

use crate::simd::{self, Kernel};

/// Rows of a tile.
pub(crate) const HIGH: usize = 8;
/// Columns of a tile: three vectors of 512 bits, so that 24 of 32 registers are sums.
pub(crate) const WIDE: usize = 24;

/// The sums of a tile, row after row.
pub(crate) type Tile = [[f64; WIDE]; HIGH];

/// The products of a strip of rows, of which each element of `left` holds one number each, with a strip of columns.
pub(crate) fn tile(left: &[[f64; HIGH]], right: &[[f64; WIDE]], out: &mut Tile) {
    #[cfg(target_arch = "x86_64")]
    if simd::broad() {
        return broad::run(left, right, out);
    }
    simd::widest(Narrow { left, right, out });
}

/// A tile in parts of 4 x 12, for which 16 registers of four numbers are enough.
struct Narrow<'a> {
    left: &'a [[f64; HIGH]],
    right: &'a [[f64; WIDE]],
    out: &'a mut Tile,
}

impl Kernel for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Narrow { left, right, out } = self;
        for i in (0..HIGH).step_by(4) {
            for j in (0..WIDE).step_by(12) {
                let mut sums = [[0.0; 12]; 4];
                for (left, right) in left.iter().zip(right) {
                    let (Some(left), Some(right)) =
                        (left[i..].first_chunk::<4>(), right[j..].first_chunk::<12>())
                    else {
                        return;
                    };
                    for (sums, value) in sums.iter_mut().zip(left) {
                        for (sum, other) in sums.iter_mut().zip(right) {
                            *sum = value.mul_add(*other, *sum);
                        }
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    out[i + row][j..j + 12].copy_from_slice(sums);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod broad {
    use std::arch::x86_64::{
        __m512d, _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_set1_pd, _mm512_setzero_pd, _mm512_storeu_pd,
    };

    use super::{HIGH, Tile, WIDE};
    use crate::simd;

    const LANES: usize = WIDE / 3;

    /// # Panics
    /// Where the machine has no vectors of 512 bits.
    #[allow(unsafe_code)]
    pub(super) fn run(left: &[[f64; HIGH]], right: &[[f64; WIDE]], out: &mut Tile) {
        assert!(simd::broad(), "the machine has no such vectors");
        // SAFETY: the processor has AVX-512, as was just asserted.
        unsafe { sums(left, right, out) }
    }

    #[target_feature(enable = "avx512f")]
    fn sums(left: &[[f64; HIGH]], right: &[[f64; WIDE]], out: &mut Tile) {
        let mut sums = [[_mm512_setzero_pd(); 3]; HIGH];
        for (left, right) in left.iter().zip(right) {
            let right = load(right);
            for row in 0..HIGH {
                let value = _mm512_set1_pd(left[row]);
                for part in 0..3 {
                    sums[row][part] = _mm512_fmadd_pd(value, right[part], sums[row][part]);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            store(sums, out);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    fn load(numbers: &[f64; WIDE]) -> [__m512d; 3] {
        let start = numbers.as_ptr();
        // SAFETY: three vectors of 8 numbers lie inside the array, and the loads ask for no alignment.
        unsafe {
            [_mm512_loadu_pd(start), _mm512_loadu_pd(start.add(LANES)), _mm512_loadu_pd(start.add(2 * LANES))]
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    fn store(sums: &[__m512d; 3], numbers: &mut [f64; WIDE]) {
        for (sum, numbers) in sums.iter().zip(numbers.as_chunks_mut::<LANES>().0) {
            // SAFETY: the array is as long as the vector, and the store asks for no alignment.
            unsafe { _mm512_storeu_pd(numbers.as_mut_ptr(), *sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_products_on_any_vectors() {
        let number = |i: usize, j: usize| ((i * 37 + j * 11) % 101) as f64 / 7.0 - 6.0;
        for inner in [0, 1, 2, 57] {
            let left: Vec<[f64; HIGH]> = (0..inner).map(|k| std::array::from_fn(|i| number(k, i))).collect();
            let right: Vec<[f64; WIDE]> =
                (0..inner).map(|k| std::array::from_fn(|j| number(j, k + 5))).collect();
            let (mut found, mut narrow) = ([[f64::NAN; WIDE]; HIGH], [[f64::NAN; WIDE]; HIGH]);
            tile(&left, &right, &mut found);
            Narrow { left: &left, right: &right, out: &mut narrow }.run();
            for i in 0..HIGH {
                for j in 0..WIDE {
                    let truth = (0..inner).fold(0.0, |sum, k| f64::mul_add(left[k][i], right[k][j], sum));
                    assert_eq!([found[i][j], narrow[i][j]], [truth; 2], "{i} {j} of {inner}");
                }
            }
        }
    }
}
