//! Rows, less a mean, times a matrix that stays in the cache: sums in registers, and rows read once, from where they lie.
//!
//! Each sum runs over the inner index in order, one fused step at a time, so its bits depend on its own row and column
//! alone, whatever the vectors.

use ndarray::ArrayRef2;

use super::blocks::row_block;
use super::micro::{HIGH, Tile, WIDE};
use crate::reduce;
use crate::simd::{self, Kernel};

/// Numbers of a right matrix that stays in the second-level cache.
const CACHED: usize = 1 << 15;
/// Numbers of the rows of one task.
const TASK: usize = 1 << 17;

/// Whether a right matrix of this shape is one to take this way.
pub(super) fn suits(inner: usize, width: usize) -> bool {
    inner > 0 && width > 1 && inner.saturating_mul(width.next_multiple_of(WIDE / 3)) <= CACHED
}

/// The rows less `mean`, where there is one, times `b`.
pub(super) fn products(rows: &ArrayRef2<f64>, mean: Option<&[f64]>, b: &ArrayRef2<f64>) -> Vec<f64> {
    let (inner, width) = b.dim();
    assert_eq!(rows.ncols(), inner, "the columns of the left matrix must match the rows of the right one");
    let none = vec![0.0; if mean.is_some() { 0 } else { inner }];
    let mean = mean.unwrap_or(&none);
    let strips: Vec<Vec<[f64; WIDE]>> = (0..width)
        .step_by(WIDE)
        .map(|first| {
            let cell = |k: usize, j: usize| if first + j < width { b[[k, first + j]] } else { 0.0 };
            (0..inner).map(|k| std::array::from_fn(|j| cell(k, j))).collect()
        })
        .collect();
    let mut out = perennial_core::memory::zeros(rows.nrows() * width);
    let task = (TASK / (inner + width)).next_multiple_of(HIGH);
    reduce::fill_rows(&mut out, width, task, |first, out| {
        let n = out.len() / width;
        let block = row_block(rows, first..first + n);
        let mut tile = [[0.0; WIDE]; HIGH];
        let mut padded = Vec::new();
        for (index, out) in out.chunks_mut(HIGH * width).enumerate() {
            let (group, ahead) = block[index * HIGH * inner..].split_at((out.len() / width) * inner);
            // The last rows, and zeros behind them.
            let group = if group.len() == HIGH * inner {
                group
            } else {
                padded.extend_from_slice(group);
                padded.resize(HIGH * inner, 0.0);
                &padded
            };
            for (strip, right) in strips.iter().enumerate() {
                let columns = strip * WIDE..width.min((strip + 1) * WIDE);
                let left = Left { rows: group, mean, ahead };
                left.times(right, columns.len(), &mut tile);
                for (out, tile) in out.chunks_exact_mut(width).zip(&tile) {
                    out[columns.clone()].copy_from_slice(&tile[..columns.len()]);
                }
            }
        }
    });
    out
}

/// The rows of a tile, and those that come next.
#[derive(Clone, Copy)]
struct Left<'a> {
    rows: &'a [f64],
    mean: &'a [f64],
    ahead: &'a [f64],
}

impl Left<'_> {
    fn times(self, right: &[[f64; WIDE]], n_columns: usize, out: &mut Tile) {
        #[cfg(target_arch = "x86_64")]
        if simd::broad() {
            return match n_columns {
                ..=8 => broad::run::<1>(self, right, out),
                9..=16 => broad::run::<2>(self, right, out),
                _ => broad::run::<3>(self, right, out),
            };
        }
        simd::widest(Narrow { left: self, right, n_columns, out });
    }
}

/// A tile in parts of 4 x 12, for which 16 registers of four numbers are enough.
struct Narrow<'a> {
    left: Left<'a>,
    right: &'a [[f64; WIDE]],
    n_columns: usize,
    out: &'a mut Tile,
}

impl Kernel for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Narrow { left, right, n_columns, out } = self;
        let inner = right.len();
        for i in (0..HIGH).step_by(4) {
            let row = |row: usize| &left.rows[(i + row) * inner..(i + row + 1) * inner];
            let rows = row(0).iter().zip(row(1)).zip(row(2).iter().zip(row(3))).zip(left.mean);
            for j in (0..n_columns).step_by(12) {
                let mut sums = [[0.0; 12]; 4];
                for ((((a, b), (c, d)), mean), right) in rows.clone().zip(right) {
                    let Some(right) = right[j..].first_chunk::<12>() else { return };
                    for (sums, value) in sums.iter_mut().zip([a, b, c, d]) {
                        let value = value - mean;
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
        _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_set1_pd, _mm512_setzero_pd, _mm512_storeu_pd,
    };

    use super::{HIGH, Left, Tile, WIDE};
    use crate::simd;

    /// Numbers of a vector, and of a line of the cache.
    const LANES: usize = 8;

    /// # Panics
    /// Where the machine has no vectors of 512 bits, or the rows are not as long as the right side is high.
    #[allow(unsafe_code)]
    pub(super) fn run<const VECTORS: usize>(left: Left<'_>, right: &[[f64; WIDE]], out: &mut Tile) {
        assert!(simd::broad(), "the machine has no such vectors");
        assert!(VECTORS <= WIDE / LANES, "a tile has three vectors");
        assert!(left.rows.len() == HIGH * right.len(), "there must be eight rows");
        // SAFETY: the processor has AVX-512, there are eight rows, and no more vectors than columns, as was just asserted.
        unsafe { sums::<VECTORS>(left, right, out) }
    }

    /// # Safety
    /// There must be eight rows of as many numbers as there are elements of `right`, and at most three vectors.
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    unsafe fn sums<const VECTORS: usize>(left: Left<'_>, right: &[[f64; WIDE]], out: &mut Tile) {
        let inner = right.len();
        let mut sums = [[_mm512_setzero_pd(); VECTORS]; HIGH];
        for (k, (right, mean)) in right.iter().zip(left.mean).enumerate() {
            if k % LANES == 0 {
                (0..HIGH).for_each(|row| simd::prefetch(left.ahead, row * inner + k));
            }
            // SAFETY: at most three vectors of 8 numbers lie inside the array, and the loads ask for no alignment.
            let right: [_; VECTORS] =
                std::array::from_fn(|part| unsafe { _mm512_loadu_pd(right.as_ptr().add(part * LANES)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `k` is less than `inner`, and there are eight rows of as many numbers.
                let value = unsafe { left.rows.get_unchecked(row * inner + k) } - mean;
                let value = _mm512_set1_pd(value);
                for part in 0..VECTORS {
                    sums[part] = _mm512_fmadd_pd(value, right[part], sums[part]);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            for (part, sum) in sums.iter().enumerate() {
                // SAFETY: as for the loads.
                unsafe { _mm512_storeu_pd(out.as_mut_ptr().add(part * LANES), *sum) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn sums_are_fused_in_order_on_any_vectors() {
        let number = |i: usize, j: usize| ((i * 37 + j * 11) % 101) as f64 / 7.0 - 6.0;
        for (n, inner, width) in [(1, 1, 2), (8, 3, 24), (19, 50, 3), (20, 33, 31), (5, 8, 16), (0, 4, 4)] {
            assert!(suits(inner, width));
            let rows = Array2::from_shape_fn((n, inner), |(i, k)| number(i, k));
            let b = Array2::from_shape_fn((inner, width), |(k, j)| number(j, k + 5));
            let mean: Vec<f64> = (0..inner).map(|k| number(k, 77)).collect();
            let truth = |i: usize, j: usize, mean: Option<&[f64]>| {
                (0..inner).fold(0.0, |sum, k| {
                    f64::mul_add(rows[[i, k]] - mean.map_or(0.0, |mean| mean[k]), b[[k, j]], sum)
                })
            };
            for mean in [None, Some(&mean[..])] {
                let found = products(&rows, mean, &b);
                assert_eq!(found.len(), n * width);
                for (at, found) in found.iter().enumerate() {
                    assert_eq!(*found, truth(at / width, at % width, mean), "{at} of {n} {inner} {width}");
                }
            }
            if n < HIGH {
                continue;
            }
            let eight: Vec<f64> = rows.iter().take(HIGH * inner).copied().collect();
            let right: Vec<[f64; WIDE]> = (0..inner)
                .map(|k| std::array::from_fn(|j| if j < width { b[[k, j]] } else { 0.0 }))
                .collect();
            let mut tile = [[0.0; WIDE]; HIGH];
            let left = Left { rows: &eight, mean: &mean, ahead: &[] };
            Narrow { left, right: &right, n_columns: width.min(WIDE), out: &mut tile }.run();
            for (i, tile) in tile.iter().enumerate() {
                for (j, found) in tile.iter().enumerate().take(width) {
                    assert_eq!(*found, truth(i, j, Some(&mean)), "{i} {j}");
                }
            }
        }
    }
}
