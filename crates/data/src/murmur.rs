//! The hash that tells columns of hashed categories and terms.

/// MurmurHash3 of 32 bits (Appleby, 2011), with which scikit-learn hashes terms as well. It is quick, and no protection against
/// somebody who wants two texts to have one hash.
///
/// ```
/// assert_eq!(perennial_data::murmur3(b"feature", 0), 396_742_752);
/// ```
pub fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let scramble = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for word in words {
        hash = (hash ^ scramble(u32::from_le_bytes(*word)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash ^= scramble(u32::from_le_bytes(last));
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    #[test]
    fn murmur3_gives_the_published_values() {
        for (text, seed, hash) in [("a", 0, 1_009_084_850), ("", 0, 0), ("feature", 0, 396_742_752)] {
            assert_eq!(murmur3(text.as_bytes(), seed), hash, "{text}");
        }
    }
}
