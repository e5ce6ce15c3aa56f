//! How many different cells there are and how numbers lie, in little memory, whatever order and parts they come in.

use std::collections::{BTreeMap, BTreeSet};

/// So many different cells are counted exactly.
const EXACT: usize = 1024;
/// Registers are numbered by so many bits: 4096 of them, for a standard error of 1.04 / 64.
const BITS: u32 = 12;

/// The number of different hashes (P. Flajolet et al., "HyperLogLog", 2007, with the estimate of O. Ertl, "New cardinality
/// estimation algorithms for HyperLogLog sketches", 2017).
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    /// The hashes themselves.
    Few(BTreeSet<u64>),
    /// The largest number of leading zeros plus one of the hashes of each register.
    Many(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct::Few(BTreeSet::new())
    }
}

impl Distinct {
    pub(crate) fn add(&mut self, hash: u64) {
        match self {
            Distinct::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT {
                    let mut registers = vec![0; 1 << BITS];
                    hashes.iter().for_each(|hash| register(&mut registers, *hash));
                    *self = Distinct::Many(registers);
                }
            }
            Distinct::Many(registers) => register(registers, hash),
        }
    }

    pub(crate) fn merge(&mut self, other: &Distinct) {
        match (&mut *self, other) {
            (_, Distinct::Few(hashes)) => hashes.iter().for_each(|hash| self.add(*hash)),
            (Distinct::Few(hashes), Distinct::Many(registers)) => {
                let mut registers = registers.clone();
                hashes.iter().for_each(|hash| register(&mut registers, *hash));
                *self = Distinct::Many(registers);
            }
            (Distinct::Many(mine), Distinct::Many(theirs)) => {
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
            }
        }
    }

    /// The number of different cells: exact up to 1024, then within about 1.6 %.
    pub(crate) fn count(&self) -> f64 {
        let registers = match self {
            Distinct::Few(hashes) => return hashes.len() as f64,
            Distinct::Many(registers) => registers,
        };
        let longest = (64 - BITS) as usize;
        let mut counts = vec![0.0; longest + 2];
        registers.iter().for_each(|&value| counts[value as usize] += 1.0);
        let m = registers.len() as f64;
        let mut z = m * tau(1.0 - counts[longest + 1] / m);
        for value in (1..=longest).rev() {
            z = 0.5 * (z + counts[value]);
        }
        z += m * sigma(counts[0] / m);
        // m² / (2 ln 2 z)
        m / (2.0 * std::f64::consts::LN_2) * m / z
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let place = (hash >> (64 - BITS)) as usize;
    let zeros = ((hash << BITS) | 1 << (BITS - 1)).leading_zeros() as u8 + 1;
    registers[place] = registers[place].max(zeros);
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// Eight bytes at a time through a product of 128 bits, and a last mixing.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = hash_word(bytes.len() as u64);
    for word in words {
        hash = hash_word(hash ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash_word(hash ^ u64::from_le_bytes(last))
}

/// The mixing of splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) fn hash_word(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Numbers in bins that do not depend on them: each power of two has 128, so that a bin is at most 1/128 of its numbers wide.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bins {
    /// The counts of the bins of a sign and an exponent.
    pages: BTreeMap<u16, Box<[u64; PAGE]>>,
}

const PAGE: usize = 128;

/// The bits of a number in the order of numbers.
fn ordered(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn unordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

impl Bins {
    pub(crate) fn add(&mut self, number: f64) {
        let key = ordered(number) >> 45;
        let page = self.pages.entry((key / PAGE as u64) as u16).or_insert_with(|| Box::new([0; PAGE]));
        page[(key % PAGE as u64) as usize] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Bins) {
        for (place, theirs) in &other.pages {
            let mine = self.pages.entry(*place).or_insert_with(|| Box::new([0; PAGE]));
            mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// The middle of the bin of the number of this rank, counted from 0.
    pub(crate) fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut below = 0;
        for (page, counts) in &self.pages {
            for (place, count) in counts.iter().enumerate() {
                below += count;
                if below > rank {
                    let key = u64::from(*page) * PAGE as u64 + place as u64;
                    let (low, high) = (unordered(key << 45), unordered((key << 45) | ((1 << 45) - 1)));
                    // An infinite number shares its bin with what is no number.
                    return Some(match (low.is_finite(), high.is_finite()) {
                        (true, true) => low / 2.0 + high / 2.0,
                        _ if low.is_nan() => high,
                        _ => low,
                    });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_distinct_hashes_are_near() {
        for n in [0_u64, 1, 1000, 1024, 1025, 5000, 100_000, 1_000_000] {
            let mut all = Distinct::default();
            let mut parts = [Distinct::default(), Distinct::default(), Distinct::default()];
            for k in 0..n {
                let hash = hash_word(k);
                all.add(hash);
                parts[k as usize % 3].add(hash);
                parts[2].add(hash);
            }
            let [mut first, second, third] = parts;
            first.merge(&second);
            first.merge(&third);
            assert_eq!(first.count().to_bits(), all.count().to_bits(), "{n}");
            // Three standard errors.
            let error = (all.count() - n as f64).abs() / (n as f64).max(1.0);
            assert!(error <= if n <= 1024 { 0.0 } else { 0.05 }, "{n} {}", all.count());
        }
        let texts: BTreeSet<u64> = (0..100_000).map(|k: u32| hash_bytes(k.to_string().as_bytes())).collect();
        assert_eq!(texts.len(), 100_000);
    }

    #[test]
    fn bins_hold_the_order_of_numbers() {
        let numbers = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -1e-320,
            -0.0,
            0.0,
            5e-324,
            0.3,
            1.0,
            1.5,
            7e200,
            f64::INFINITY,
        ];
        let mut bins = Bins::default();
        numbers.iter().rev().for_each(|number| bins.add(*number));
        for (rank, number) in numbers.iter().enumerate() {
            let found = bins.at_rank(rank as u64).unwrap();
            let near = if number.is_finite() {
                (found - number).abs() <= number.abs() / 128.0 + 1e-307
            } else {
                found == *number
            };
            assert!(near, "{number} {found}");
        }
        assert_eq!(bins.at_rank(12), None);
    }
}
