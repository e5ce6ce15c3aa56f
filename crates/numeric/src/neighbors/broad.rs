//! The search of [`panels`](super::panels) on vectors of 512 bits, where the machine has them.
//!
//! Twice as wide and with twice as many registers, a tile holds four times the products. What it gives are bounds as
//! well, so the answers are the same on every machine.

use super::collect::Collect;
use super::panels::Scan;
#[cfg(target_arch = "x86_64")]
use crate::simd::allows_broad;

/// Rows of a panel: two vectors.
pub(super) const SIDE: usize = 32;
/// Queries of one tile: with two vectors of rows each 24 of the 32 registers.
pub(super) const GROUP: usize = 12;

/// Whether the machine has such vectors.
#[inline]
pub(super) fn fits() -> bool {
    #[cfg(target_arch = "x86_64")]
    return allows_broad() && is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Offers each query the rows that pass its bound.
///
/// # Panics
/// Where the machine has no such vectors.
#[allow(unsafe_code)]
pub(super) fn scan<C: Collect>(scan: Scan<'_, C>) {
    assert!(fits(), "the panels are those of another machine");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor has AVX-512, as was just asserted.
    unsafe {
        vectors::scan(scan);
    }
    #[cfg(not(target_arch = "x86_64"))]
    drop(scan);
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m512, _CMP_LT_OQ, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps,
        _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::super::panels::{Scan, measure};
    use super::{Collect, GROUP, SIDE};

    #[target_feature(enable = "avx512f")]
    pub(super) fn scan<C: Collect>(scan: Scan<'_, C>) {
        let Scan { panels, which, queries, packed, known, collects } = scan;
        let width = panels.width;
        for (index, panel) in
            panels.packed().chunks_exact(SIDE * (width + 1)).enumerate().take(which.end).skip(which.start)
        {
            for (group, factors) in packed.chunks_exact(GROUP * width).enumerate() {
                let sums = tile(panel, factors);
                for (place, sums) in sums.iter().enumerate() {
                    let at = group * GROUP + place;
                    let bound = _mm512_set1_ps(known[at].bound);
                    // Not `sum <= bound`: what cannot be compared must be measured.
                    let far = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(bound, sums[0])
                        & _mm512_cmp_ps_mask::<_CMP_LT_OQ>(bound, sums[1]);
                    if far == u16::MAX || at >= collects.len() {
                        continue;
                    }
                    let mut numbers = [0.0f32; SIDE];
                    store(sums, &mut numbers);
                    let query = &queries[at * width..][..width];
                    measure(panels, index * SIDE, &numbers, query, &mut known[at], &mut collects[at]);
                }
            }
        }
    }

    /// The bounds of the rows of a panel and a group of queries: the start of the panel plus the products.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn tile(panel: &[f32], factors: &[f32]) -> [[__m512; 2]; GROUP] {
        let (panel, _) = panel.as_chunks::<SIDE>();
        let Some((start, columns)) = panel.split_first() else { return [[_mm512_setzero_ps(); 2]; GROUP] };
        let mut sums = [load(start); GROUP];
        for (column, factors) in columns.iter().zip(factors.as_chunks::<GROUP>().0) {
            let column = load(column);
            for place in 0..GROUP {
                let factor = _mm512_set1_ps(factors[place]);
                sums[place][0] = _mm512_fmadd_ps(column[0], factor, sums[place][0]);
                sums[place][1] = _mm512_fmadd_ps(column[1], factor, sums[place][1]);
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    fn load(numbers: &[f32; SIDE]) -> [__m512; 2] {
        let start = numbers.as_ptr();
        // SAFETY: both halves of 16 numbers lie inside the array, and the load asks for no alignment.
        unsafe { [_mm512_loadu_ps(start), _mm512_loadu_ps(start.add(SIDE / 2))] }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    fn store(sums: &[__m512; 2], numbers: &mut [f32; SIDE]) {
        let start = numbers.as_mut_ptr();
        // SAFETY: both halves of 16 numbers lie inside the array, and the store asks for no alignment.
        unsafe {
            _mm512_storeu_ps(start, sums[0]);
            _mm512_storeu_ps(start.add(SIDE / 2), sums[1]);
        }
    }
}
