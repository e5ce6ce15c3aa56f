//! Questions on vectors of 512 bits.

use std::arch::x86_64::{
    __m128i, __m512i, _CMP_LT_OQ, _mm_and_si128, _mm_lzcnt_epi32, _mm_set1_epi32, _mm_setzero_si128,
    _mm_storeu_si128, _mm_sub_epi32, _mm256_and_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm512_and_si512, _mm512_castsi512_si256, _mm512_cmp_pd_mask, _mm512_cmpgt_epu8_mask,
    _mm512_extracti64x4_epi64, _mm512_loadu_pd, _mm512_loadu_si512, _mm512_mask_and_epi32,
    _mm512_mask_and_epi64, _mm512_mask_mov_epi32, _mm512_permutex2var_epi8, _mm512_reduce_and_epi64,
    _mm512_set1_epi32, _mm512_set1_pd, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::sync::LazyLock;

use super::{Four, Ladder, MOST_COLUMNS, One, STEP, TOGETHER, Trees};
use crate::simd::allows_broad;

/// Whether the machine has such vectors.
#[inline]
pub(super) fn fits() -> bool {
    static FITS: LazyLock<bool> = LazyLock::new(|| {
        allows_broad()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
    });
    *FITS
}

/// # Panics
/// Where it does not [fit](fits).
#[allow(unsafe_code)]
pub(super) fn ranks(ladders: &[Ladder], values: &[f64], ranks: &mut [u8]) {
    assert!(fits(), "the machine has no such vectors");
    // SAFETY: the processor has AVX-512, as was just asserted.
    unsafe { ranks_wide(ladders, values, ranks) }
}

#[target_feature(enable = "avx512f,popcnt")]
fn ranks_wide(ladders: &[Ladder], values: &[f64], ranks: &mut [u8]) {
    for ((rank, ladder), &value) in ranks.iter_mut().zip(ladders).zip(values) {
        // The last cut is infinite, so that there are at most 15 whole steps below a value.
        let step = below(&ladder.steps, value) as usize & (STEP - 1);
        let cuts = &ladder.cuts.as_chunks::<STEP>().0[step];
        *rank = (step * STEP) as u8 + below(cuts, value) as u8;
    }
}

/// How many of the cuts lie below a value.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
#[allow(unsafe_code)]
fn below(cuts: &[f64; STEP], value: f64) -> u32 {
    let value = _mm512_set1_pd(value);
    // SAFETY: the array is as long as two vectors.
    let (low, high) = unsafe { (_mm512_loadu_pd(cuts.as_ptr()), _mm512_loadu_pd(cuts.as_ptr().add(8))) };
    let low = u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(low, value));
    let high = u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(high, value));
    (low | high << 8).count_ones()
}

/// # Panics
/// Where it does not [fit](fits).
#[inline]
#[allow(unsafe_code)]
pub(super) fn leaves(trees: &Trees, codes: &[u8; MOST_COLUMNS], tell: impl FnMut(usize)) {
    assert!(fits(), "the machine has no such vectors");
    // SAFETY: the processor has what is needed, as was just asserted.
    unsafe { leaves_wide(trees, codes, tell) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512vbmi,popcnt,bmi1,bmi2,lzcnt")]
fn leaves_wide(trees: &Trees, codes: &[u8; MOST_COLUMNS], mut tell: impl FnMut(usize)) {
    let [low, high] = codes.as_chunks().0 else { return };
    let codes = [load(low), load(high)];
    for (place, one) in trees.ones.iter().enumerate() {
        tell(place * trees.width + leaf_of_one(one, codes));
    }
    let mut trees_left = trees.n_trees;
    for (place, four) in trees.fours.iter().enumerate() {
        let leaves = leaves_of_four(four, codes);
        for (tree, &leaf) in leaves.iter().take(trees_left).enumerate() {
            tell((place * TOGETHER + tree) * trees.width + leaf as usize);
        }
        trees_left = trees_left.saturating_sub(TOGETHER);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code)]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the array is as long as a vector.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Whether 64 questions send the row right.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn answers(columns: &[u8; 64], at: &[u8; 64], codes: [__m512i; 2]) -> u64 {
    let asked = _mm512_permutex2var_epi8(codes[0], load(columns), codes[1]);
    _mm512_cmpgt_epu8_mask(asked, load(at))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512vbmi")]
#[allow(unsafe_code)]
fn leaves_of_four(four: &Four, codes: [__m512i; 2]) -> [u32; TOGETHER] {
    let right = [0, 1].map(|half| answers(&four.columns[half], &four.at[half], codes));
    let all = _mm512_set1_epi32(-1);
    let mut left = [all; TOGETHER];
    for (place, (left, stay)) in left.iter_mut().zip(&four.stay).enumerate() {
        let right = (right[place / 2] >> (place % 2 * 32)) as u32;
        // SAFETY: the array is as long as two vectors.
        let (low, high) = unsafe {
            (_mm512_loadu_si512(stay.as_ptr().cast()), _mm512_loadu_si512(stay.as_ptr().add(16).cast()))
        };
        let low = _mm512_mask_mov_epi32(all, right as u16, low);
        *left = _mm512_mask_and_epi32(low, (right >> 16) as u16, low, high);
    }
    // What is left of each tree, in every fourth number; then all of them together.
    let pair =
        |a: __m512i, b: __m512i| _mm512_and_si512(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (ab, cd) = (pair(left[0], left[1]), pair(left[2], left[3]));
    let whole = _mm512_and_si512(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_and_si256(_mm512_castsi512_si256(whole), _mm512_extracti64x4_epi64::<1>(whole));
    let left = _mm_and_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let mut leaves = [0; TOGETHER];
    // SAFETY: the array is as long as a vector.
    unsafe { _mm_storeu_si128(leaves.as_mut_ptr().cast(), first_bits(left)) };
    leaves
}

/// The place of the lowest bit of each of four numbers.
#[inline]
#[target_feature(enable = "avx512vl,avx512cd")]
fn first_bits(numbers: __m128i) -> __m128i {
    let lowest = _mm_and_si128(numbers, _mm_sub_epi32(_mm_setzero_si128(), numbers));
    _mm_sub_epi32(_mm_set1_epi32(31), _mm_lzcnt_epi32(lowest))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[allow(unsafe_code)]
fn leaf_of_one(one: &One, codes: [__m512i; 2]) -> usize {
    let right = answers(&one.columns, &one.at, codes);
    let mut left = _mm512_set1_epi32(-1);
    for (place, stay) in one.stay.as_chunks::<8>().0.iter().enumerate() {
        // SAFETY: the array is as long as a vector.
        let stay = unsafe { _mm512_loadu_si512(stay.as_ptr().cast()) };
        left = _mm512_mask_and_epi64(left, (right >> (8 * place)) as u8, left, stay);
    }
    _mm512_reduce_and_epi64(left).trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;
    use crate::random::Random;

    /// What a machine takes is tested from outside; here the two are compared.
    #[test]
    fn vectors_find_the_leaves_that_questions_lead_to() {
        if !fits() {
            return eprintln!("skipped: the machine has no such vectors");
        }
        let mut random = Random::new(3);
        for most in [1, 2, 7, 31, 32, 33, 64] {
            // Trees cut at random places, as intervals of leaves.
            let tree = |random: &mut Random| {
                let n_leaves = 1 + random.below(most);
                let mut questions = Vec::new();
                let mut open = vec![(0, n_leaves)];
                while let Some((first, n)) = open.pop() {
                    if n > 1 {
                        let n_left = 1 + random.below(n - 1);
                        let (column, at) = (random.below(128) as u8, random.below(256) as u8);
                        questions.push(Question { column, at, first: first as u8, n_left: n_left as u8 });
                        open.extend([(first, n_left), (first + n_left, n - n_left)]);
                    }
                }
                questions
            };
            for n_trees in [1, 3, 4, 9, 21] {
                let trees: Vec<Vec<Question>> = (0..n_trees).map(|_| tree(&mut random)).collect();
                let trees = Trees::new(&trees).unwrap();
                for _ in 0..50 {
                    let codes: [u8; 128] = std::array::from_fn(|_| random.below(256) as u8);
                    let (mut wide, mut plain) = (Vec::new(), Vec::new());
                    leaves(&trees, &codes, |leaf| wide.push(leaf));
                    trees.leaves_one_by_one(&codes, &mut |leaf| plain.push(leaf));
                    assert_eq!(wide, plain, "{n_trees} trees of at most {most} leaves");
                }
            }
        }
    }

    #[test]
    fn vectors_count_the_cuts_below() {
        if !fits() {
            return eprintln!("skipped: the machine has no such vectors");
        }
        let mut random = Random::new(5);
        for n in [0, 1, 15, 16, 17, 100, 254, 255] {
            let mut cuts: Vec<f64> = (0..n).map(|_| (random.normal() * 20.0).round()).collect();
            cuts.sort_by(f64::total_cmp);
            let ladder = Ladder::new(&cuts).unwrap();
            let mut values: Vec<f64> = (0..200).map(|_| (random.normal() * 40.0).round() / 2.0).collect();
            values.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]);
            let mut found = vec![0; values.len()];
            ranks(&vec![ladder; values.len()], &values, &mut found);
            for (value, rank) in values.iter().zip(found) {
                assert_eq!(
                    usize::from(rank),
                    cuts.iter().filter(|&cut| cut < value).count(),
                    "{value} of {n}"
                );
            }
        }
    }
}
