//! Random numbers that a seed fixes for good.

use std::collections::BTreeSet;
use std::fmt;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::special::normal_quantile;

/// The block counter where the keys of [`Random::fork`] are read; draws never come this far.
const FORK_WORDS: u128 = 1 << 66;
/// The block counter where the keys of [`Random::stream`] are read.
const STREAM_WORDS: u128 = 1 << 67;

/// A stream of random numbers, the same for ever for the same seed.
///
/// The generator is ChaCha with 8 rounds (Bernstein, 2008), and the draws are our own, so neither
/// changes with a version of a dependency. Streams made by [`fork`](Random::fork) and
/// [`stream`](Random::stream) have keys of their own, of 256 bits, that depend on the key of the parent alone and
/// not on how much was drawn: parallel tasks draw the same numbers in any order.
///
/// `Random` is also a [`rand::RngCore`], so `rand_distr` and `ndarray-rand` work with it; what they
/// draw is stable only as far as those crates are.
///
/// ```
/// use perennial_numeric::random::Random;
///
/// let mut random = Random::new(42);
/// let fork = random.fork(3);
/// let u = random.uniform();
/// assert!((0.0..1.0).contains(&u));
/// assert_eq!(fork.clone().normal(), Random::new(42).fork(3).normal());
/// ```
#[derive(Clone)]
pub struct Random {
    generator: ChaCha8Rng,
}

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        let mut state = seed;
        for word in key.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&mix(state).to_le_bytes());
        }
        Random { generator: ChaCha8Rng::from_seed(key) }
    }

    /// The independent stream number `index` of this one: tree 17, fold 3, row block 5.
    #[must_use]
    pub fn fork(&self, index: u64) -> Random {
        self.derive(index, FORK_WORDS)
    }

    /// The independent stream of this one that belongs to `name`.
    #[must_use]
    pub fn stream(&self, name: &str) -> Random {
        let mut hash = mix(name.len() as u64);
        for chunk in name.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = mix(hash ^ u64::from_le_bytes(word)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        }
        self.derive(hash, STREAM_WORDS)
    }

    fn derive(&self, index: u64, words: u128) -> Random {
        let mut keys = self.generator.clone();
        keys.set_stream(index);
        keys.set_word_pos(words);
        let mut key = [0; 32];
        keys.fill_bytes(&mut key);
        Random { generator: ChaCha8Rng::from_seed(key) }
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform number in [`lo`, `hi`); `lo` when the range is empty.
    pub fn uniform_in(&mut self, lo: f64, hi: f64) -> f64 {
        let u = self.uniform();
        let width = hi - lo;
        let value = if width.is_finite() { lo + width * u } else { lo * (1.0 - u) + hi * u };
        if value < hi { value } else { hi.next_down().max(lo) }
    }

    /// A standard normal number, by the inverse of the distribution function (Wichura, 1988, AS 241).
    pub fn normal(&mut self) -> f64 {
        let centred = (self.next_u64() >> 12) as f64 + 0.5;
        normal_quantile(centred * (1.0 / (1u64 << 52) as f64))
    }

    /// A uniform whole number below `n`, without bias (Lemire, 2019); 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as usize
    }

    /// Puts the items into a uniform random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// The numbers 0 to `n` - 1 in a uniform random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..n).collect();
        self.shuffle(&mut rows);
        rows
    }

    /// `k` different numbers below `n`, in rising order; all of them when `k` is at least `n`.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        if k >= n {
            return (0..n).collect();
        }
        if k > n / 8 {
            let mut rows: Vec<usize> = (0..n).collect();
            for place in 0..k {
                rows.swap(place, place + self.below(n - place));
            }
            rows.truncate(k);
            rows.sort_unstable();
            return rows;
        }
        // Floyd's method: time and memory grow with k, not with n (Bentley and Floyd, 1987).
        let mut chosen = BTreeSet::new();
        for last in n - k..n {
            let row = self.below(last + 1);
            if !chosen.insert(row) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }

    /// `n` numbers below `n`, drawn with replacement.
    pub fn bootstrap_rows(&mut self, n: usize) -> Vec<usize> {
        (0..n).map(|_| self.below(n)).collect()
    }

    /// An index drawn in proportion to its weight; `None` when no weight is positive and finite.
    ///
    /// Weights that are negative, infinite or NaN count as 0.
    pub fn weighted_index(&mut self, weights: &[f64]) -> Option<usize> {
        // Weights near the limit of f64 must not add up to infinity.
        let largest = weights.iter().copied().filter(|w| w.is_finite()).fold(0.0, f64::max);
        if largest == 0.0 {
            return None;
        }
        let share = |weight: f64| if weight > 0.0 && weight.is_finite() { weight / largest } else { 0.0 };
        let total: f64 = weights.iter().map(|&weight| share(weight)).sum();
        let target = self.uniform() * total;
        let (mut reached, mut chosen) = (0.0, None);
        for (index, &weight) in weights.iter().enumerate() {
            let share = share(weight);
            if share > 0.0 {
                chosen = Some(index);
                reached += share;
                if target < reached {
                    break;
                }
            }
        }
        chosen
    }
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.generator.fill_bytes(bytes);
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.generator.get_seed();
        let start = key.iter().take(4).fold(0, |start, &byte| start << 8 | u32::from(byte));
        let drawn = self.generator.get_word_pos();
        f.debug_struct("Random").field("key", &format_args!("{start:08x}…")).field("drawn", &drawn).finish()
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
