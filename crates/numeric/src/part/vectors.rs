//! Sixteen rows at a time.

use std::arch::x86_64::{
    _mm_cmple_epu8_mask, _mm_loadu_si128, _mm_set1_epi8, _mm_sub_epi8, _mm512_loadu_si512,
    _mm512_maskz_compress_epi32, _mm512_storeu_si512,
};

use super::{Run, one_by_one};
use crate::simd::broad;

/// Rows of a vector.
const LANES: usize = 16;

/// Whether the machine has such vectors.
pub(super) fn fits() -> bool {
    broad() && is_x86_feature_detected!("popcnt")
}

/// # Panics
/// Where it does not [fit](fits), or as the function that calls this one.
#[allow(unsafe_code)]
pub(super) fn part(rows: &mut [u32], codes: &[u8], left: Run, spare: &mut [u32]) -> usize {
    assert!(fits() && spare.len() >= rows.len(), "there must be room, and vectors");
    // SAFETY: the processor has AVX-512, and there is room in `spare`, as was just asserted.
    unsafe { part_wide(rows, codes, left, spare) }
}

/// # Safety
/// `spare` must not be shorter than `rows`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
#[allow(unsafe_code)]
unsafe fn part_wide(rows: &mut [u32], codes: &[u8], left: Run, spare: &mut [u32]) -> usize {
    let (first, span) = (_mm_set1_epi8(left.first as i8), _mm_set1_epi8(left.span as i8));
    let (mut n_left, mut n_right) = (0, 0);
    let whole = rows.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let Some(&these) = rows[start..].first_chunk::<LANES>() else { break };
        let mut of_these = [0; LANES];
        for (code, &row) in of_these.iter_mut().zip(&these) {
            *code = codes[row as usize];
        }
        // SAFETY: both arrays are as long as their vectors.
        let (these, of_these) =
            unsafe { (_mm512_loadu_si512(these.as_ptr().cast()), _mm_loadu_si128(of_these.as_ptr().cast())) };
        let goes = _mm_cmple_epu8_mask(_mm_sub_epi8(of_these, first), span);
        // SAFETY: at most `start` rows went each way, and `start` and a vector are within `rows` and so within `spare`. The rows that
        // are written over were read.
        unsafe {
            let (left, right) = (rows.as_mut_ptr().add(n_left), spare.as_mut_ptr().add(n_right));
            _mm512_storeu_si512(left.cast(), _mm512_maskz_compress_epi32(goes, these));
            _mm512_storeu_si512(right.cast(), _mm512_maskz_compress_epi32(!goes, these));
        }
        let n = goes.count_ones() as usize;
        n_left += n;
        n_right += LANES - n;
    }
    one_by_one(rows, codes, |code| left.holds(code), spare, whole, (n_left, n_right))
}
