//! Random numbers that a seed fixes for good.

use std::collections::BTreeSet;
use std::fmt;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

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

/// The value that a standard normal number stays below with probability `p`, 0 < `p` < 1 (AS 241, PPND16).
///
/// Its logarithm is that of `libm`, which gives the same bits on every machine.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180625 - q * q, &CENTRE);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let value = if r <= 5.0 { ratio(r - 1.6, &SHOULDER) } else { ratio(r - 5.0, &TAIL) };
    if q < 0.0 { -value } else { value }
}

/// The ratio of two polynomials of degree 7; coefficients from the constant up.
fn ratio(x: f64, [top, bottom]: &[[f64; 8]; 2]) -> f64 {
    let polynomial = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(top) / polynomial(bottom)
}

#[allow(clippy::excessive_precision, reason = "the coefficients as they were published")]
mod coefficients {
    pub(super) const CENTRE: [[f64; 8]; 2] = [
        [
            3.387_132_872_796_366_608_0,
            1.331_416_678_917_843_774_5e2,
            1.971_590_950_306_551_442_7e3,
            1.373_169_376_550_946_112_5e4,
            4.592_195_393_154_987_145_7e4,
            6.726_577_092_700_870_085_3e4,
            3.343_057_558_358_812_810_5e4,
            2.509_080_928_730_122_672_7e3,
        ],
        [
            1.0,
            4.231_333_070_160_091_125_2e1,
            6.871_870_074_920_579_083_0e2,
            5.394_196_021_424_751_107_7e3,
            2.121_379_430_158_659_586_7e4,
            3.930_789_580_009_271_061_0e4,
            2.872_908_573_572_194_267_4e4,
            5.226_495_278_852_854_561_0e3,
        ],
    ];
    pub(super) const SHOULDER: [[f64; 8]; 2] = [
        [
            1.423_437_110_749_683_577_34,
            4.630_337_846_156_545_295_90,
            5.769_497_221_460_691_405_50,
            3.647_848_324_763_204_605_04,
            1.270_458_252_452_368_382_58,
            2.417_807_251_774_506_117_70e-1,
            2.272_384_498_926_918_458_33e-2,
            7.745_450_142_783_414_076_40e-4,
        ],
        [
            1.0,
            2.053_191_626_637_758_821_87,
            1.676_384_830_183_803_849_40,
            6.897_673_349_851_000_045_50e-1,
            1.481_039_764_274_800_745_90e-1,
            1.519_866_656_361_645_719_66e-2,
            5.475_938_084_995_344_946_00e-4,
            1.050_750_071_644_416_843_24e-9,
        ],
    ];
    pub(super) const TAIL: [[f64; 8]; 2] = [
        [
            6.657_904_643_501_103_777_20,
            5.463_784_911_164_114_369_90,
            1.784_826_539_917_291_335_80,
            2.965_605_718_285_048_912_30e-1,
            2.653_218_952_657_612_309_30e-2,
            1.242_660_947_388_078_438_60e-3,
            2.711_555_568_743_487_578_15e-5,
            2.010_334_399_292_288_132_65e-7,
        ],
        [
            1.0,
            5.998_322_065_558_879_376_90e-1,
            1.369_298_809_227_358_053_10e-1,
            1.487_536_129_085_061_485_25e-2,
            7.868_691_311_456_132_591_00e-4,
            1.846_318_317_510_054_681_80e-5,
            1.421_511_758_316_445_888_70e-7,
            2.044_263_103_389_939_785_64e-15,
        ],
    ];
}
use coefficients::{CENTRE, SHOULDER, TAIL};

#[cfg(test)]
mod tests {
    use super::normal_quantile;

    #[test]
    fn normal_quantile_agrees_with_published_values() {
        // Quantiles from tables computed with 30 digits.
        let truth = [
            (0.25, -0.674_489_750_196_081_7),
            (0.975, 1.959_963_984_540_054_2),
            (0.001, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (1e-15, -7.941_345_326_170_997),
        ];
        for (p, quantile) in truth {
            assert!((normal_quantile(p) - quantile).abs() < 2e-15 * f64::abs(quantile), "{p}");
        }
    }
}
