//! Walks on vectors of 512 bits.

use std::arch::x86_64::{
    __cpuid, __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_cmpeq_epi32_mask, _mm512_cmpge_epi32_mask,
    _mm512_cmpgt_epi32_mask, _mm512_i32gather_epi32, _mm512_mask_add_epi32, _mm512_mask_expand_epi32,
    _mm512_mask_i32gather_epi32, _mm512_mask_i32scatter_epi32, _mm512_mask_mov_epi32, _mm512_mullo_epi32,
    _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srl_epi32,
    _mm512_storeu_si512,
};

use std::sync::LazyLock;

use super::{Going, ODD, Walks};
use crate::simd::allows_broad;

/// Walks of a vector.
const WIDE: usize = 16;
/// Vectors under way.
const VECTORS: usize = 3;
/// Numbers in a node.
const NODE: usize = 3;
/// Steps between two looks at which walks have ended.
const STRIDE: usize = 4;

/// Whether a vector of numbers from many places is read faster than the numbers one by one. On processors of AMD, and those
/// that descend from them, it is not.
pub(super) fn is_faster() -> bool {
    static FASTER: LazyLock<bool> = LazyLock::new(|| {
        let vendor = __cpuid(0);
        let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        ![b"AuthenticAMD", b"HygonGenuine"].iter().any(|slow| vendor.as_flattened() == *slow)
    });
    *FASTER
}

/// Whether the machine has such vectors, and places in nodes and keys fit their numbers.
pub(super) fn fits<F>(going: &Going<'_, F>) -> bool {
    let most = i32::MAX as usize;
    going.nodes.len() <= most / NODE
        && going.keys.keys.len() <= most
        && allows_broad()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("popcnt")
}

/// # Panics
/// Where it does not [fit](fits).
#[allow(unsafe_code)]
pub(super) fn walk<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, leaves: &mut [u32]) {
    assert!(fits(going), "the machine has no such vectors");
    // SAFETY: the processor has AVX-512, as was just asserted.
    unsafe { walk_wide(going, leaves) }
}

/// Walks as vectors hold them.
struct Vectors {
    walks: [__m512i; VECTORS],
    at: [__m512i; VECTORS],
    /// Where the keys of their rows begin.
    keys: [__m512i; VECTORS],
    live: [u16; VECTORS],
}

#[target_feature(enable = "avx512f,popcnt")]
#[allow(unsafe_code)]
fn walk_wide<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, leaves: &mut [u32]) {
    let n_walks = leaves.len();
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let n = _mm512_set1_epi32(n_walks as i32);
    let zero = _mm512_setzero_si512();
    let (root, width) = match going.walks {
        Walks::Rows { root, .. } => (root, going.keys.width),
        Walks::Roots(roots) => (roots[0], 0),
    };
    let width = _mm512_set1_epi32(width as i32);
    let mut vectors = Vectors {
        walks: [zero; VECTORS],
        at: [_mm512_set1_epi32(root as i32); VECTORS],
        keys: [zero; VECTORS],
        live: [u16::MAX; VECTORS],
    };
    let (mut n_begun, mut n_done) = (0, 0);
    for vector in 0..VECTORS {
        n_begun += begin(going, &mut vectors, vector, u16::MAX, n_begun, n, lanes, width);
    }
    while n_done < n_walks {
        let mut before = vectors.at;
        for _ in 0..STRIDE {
            before = vectors.at;
            for vector in 0..VECTORS {
                vectors.at[vector] = step(going, &vectors, vector);
            }
        }
        for vector in 0..VECTORS {
            // Only leaves lead to themselves.
            let at = vectors.at[vector];
            let ended = _mm512_cmpeq_epi32_mask(before[vector], at) & vectors.live[vector];
            if ended != 0 {
                let places = leaves.as_mut_ptr();
                // SAFETY: live walks are numbers below that of the leaves.
                unsafe {
                    _mm512_mask_i32scatter_epi32::<4>(places.cast(), ended, vectors.walks[vector], at);
                }
                n_done += ended.count_ones() as usize;
                n_begun += begin(going, &mut vectors, vector, ended, n_begun, n, lanes, width);
            }
        }
    }
}

/// Begins the next walks in some places, and gives their number. Places without one stay at their leaf, or root.
#[expect(clippy::too_many_arguments, reason = "constants of the caller")]
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
#[allow(unsafe_code)]
fn begin<F>(
    going: &Going<'_, F>,
    vectors: &mut Vectors,
    vector: usize,
    places: u16,
    n_begun: usize,
    n: __m512i,
    lanes: __m512i,
    width: __m512i,
) -> usize {
    let next = _mm512_add_epi32(lanes, _mm512_set1_epi32(n_begun as i32));
    let walks = _mm512_mask_expand_epi32(vectors.walks[vector], places, next);
    let none = _mm512_cmpge_epi32_mask(walks, n) & places;
    vectors.live[vector] &= !none;
    let walks = _mm512_mask_mov_epi32(walks, none, _mm512_setzero_si512());
    vectors.walks[vector] = walks;
    vectors.keys[vector] = _mm512_mullo_epi32(walks, width);
    let begun = places & !none;
    let at = vectors.at[vector];
    vectors.at[vector] = match going.walks {
        Walks::Rows { root, .. } => _mm512_mask_mov_epi32(at, begun, _mm512_set1_epi32(root as i32)),
        // SAFETY: the walks that begin are numbers below that of the roots.
        Walks::Roots(roots) => unsafe {
            _mm512_mask_i32gather_epi32::<4>(at, begun, walks, roots.as_ptr().cast())
        },
    };
    begun.count_ones() as usize
}

/// The nodes after those that the walks of a vector are at.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
#[allow(unsafe_code)]
fn step<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, vectors: &Vectors, vector: usize) -> __m512i {
    let at = vectors.at[vector];
    let nodes = going.nodes.as_ptr().cast::<i32>();
    let place = _mm512_add_epi32(at, _mm512_slli_epi32::<1>(at));
    // SAFETY: a node is three numbers of 32 bits, and all walks are at nodes: roots and children are, and leaves
    // lead to themselves, as no key is above their threshold.
    let (threshold, question, left) = unsafe {
        (
            _mm512_i32gather_epi32::<4>(place, nodes),
            _mm512_i32gather_epi32::<4>(place, nodes.add(1)),
            _mm512_i32gather_epi32::<4>(place, nodes.add(2)),
        )
    };
    let question = _mm512_srl_epi32(question, _mm_cvtsi32_si128(i32::from(going.keys.halved)));
    let place = _mm512_add_epi32(question, vectors.keys[vector]);
    // SAFETY: questions are about keys within the width of a row, and there are keys for all rows.
    let key = unsafe { _mm512_i32gather_epi32::<4>(place, going.keys.keys.as_ptr()) };
    let mut right = _mm512_cmpgt_epi32_mask(key, threshold);
    let odd =
        _mm512_cmpeq_epi32_mask(key, threshold) | _mm512_cmpeq_epi32_mask(threshold, _mm512_set1_epi32(ODD));
    if odd != 0 {
        right = ask(going, vectors.walks[vector], at, odd & vectors.live[vector], right);
    }
    _mm512_mask_add_epi32(left, right, left, _mm512_set1_epi32(1))
}

/// Asks the caller where some walks go.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,popcnt")]
#[allow(unsafe_code)]
fn ask<F: Fn(usize, usize) -> bool>(
    going: &Going<'_, F>,
    walks: __m512i,
    at: __m512i,
    odd: u16,
    mut right: u16,
) -> u16 {
    let mut numbers = [[0_i32; WIDE]; 2];
    // SAFETY: each array is as long as a vector.
    unsafe {
        _mm512_storeu_si512(numbers[0].as_mut_ptr().cast(), walks);
        _mm512_storeu_si512(numbers[1].as_mut_ptr().cast(), at);
    }
    for lane in (0..WIDE).filter(|lane| odd >> lane & 1 == 1) {
        let goes = !going.nodes[numbers[1][lane] as usize].is_leaf()
            && (going.goes_right)(numbers[0][lane] as usize, numbers[1][lane] as usize);
        right = right & !(1 << lane) | u16::from(goes) << lane;
    }
    right
}

#[cfg(test)]
mod tests {
    use super::super::{Descent, Keys, Node};
    use super::*;
    use crate::random::Random;

    /// What a machine takes is tested from outside; here the two are compared.
    #[test]
    fn walks_on_vectors_end_where_the_others_do() {
        let mut random = Random::new(8);
        for (n_splits, odd) in [(3, true), (60, false), (900, true), (900, false)] {
            let mut nodes = vec![Node::leaf(0)];
            let mut leaves = vec![0];
            for _ in 0..n_splits {
                let at = leaves.swap_remove(random.below(leaves.len()));
                let first = nodes.len() as u32;
                let question = random.below(5) as u32;
                nodes[at] = match random.below(8) {
                    0 if odd => Node::odd(question, first),
                    _ => Node::split(random.below(40) as i32 - 20, question, first),
                };
                nodes.extend([Node::leaf(first), Node::leaf(first + 1)]);
                leaves.extend([first as usize, first as usize + 1]);
            }
            let descent = Descent::new(nodes).unwrap();
            for n_rows in [17, 33, 48, 200, 1000] {
                let keys: Vec<i32> = (0..n_rows * 5).map(|_| random.below(40) as i32 - 20).collect();
                let going = Going {
                    nodes: &descent.nodes,
                    odds: descent.odds,
                    walks: Walks::Rows { root: 0, n_rows },
                    keys: Keys { keys: &keys, width: 5, halved: false },
                    goes_right: |row: usize, at: usize| (row * 7 + at * 13) % 5 < 2,
                };
                if !fits(&going) {
                    return eprintln!("skipped: the machine has no vectors of 512 bits");
                }
                let (mut wide, mut narrow) = (vec![0; n_rows], vec![0; n_rows]);
                walk(&going, &mut wide);
                going.walk_narrow(&mut narrow);
                assert_eq!(wide, narrow, "{n_rows} rows, {n_splits} splits");
            }
        }
    }
}
