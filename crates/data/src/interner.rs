//! Distinct texts and their numbers.

/// Gives equal texts equal numbers, counted from 0 in order of appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    /// The number after that of the text in each place, 0 where there is none; a power of two of places.
    places: Vec<u32>,
    keys: Vec<Key>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

/// Bytes that a key holds.
const SHORT: usize = 16;

/// What tells a text of up to 16 bytes from all others, and most longer ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    length: usize,
    /// The bytes of a short text, of a longer one its hash and its last bytes.
    word: u128,
}

impl Key {
    #[inline]
    fn of(text: &[u8]) -> Key {
        if text.len() > SHORT {
            return Key::long(text);
        }
        let mut bytes = [0; SHORT];
        bytes[..text.len()].copy_from_slice(text);
        Key { length: text.len(), word: u128::from_le_bytes(bytes) }
    }

    fn long(text: &[u8]) -> Key {
        let (words, _) = text.as_chunks::<8>();
        let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let last = text.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        Key { length: text.len(), word: u128::from(hash) | u128::from(last) << 64 }
    }

    #[inline]
    fn hash(self) -> u64 {
        let hash = mix(mix(self.length as u64, self.word as u64), (self.word >> 64) as u64);
        // The last bytes of a text reach the low bits, which tell the place, only by another product.
        let hash = hash.wrapping_mul(MULTIPLIER);
        hash ^ (hash >> 32)
    }
}

/// 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Multiply and mix.
#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(MULTIPLIER).rotate_left(29)
}

impl Interner {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    pub(crate) fn intern(&mut self, text: &[u8]) -> u32 {
        self.number(Key::of(text), text)
    }

    /// As [`intern`](Interner::intern), of the first `length` bytes: of a short text with more bytes after it no branch hangs
    /// on how long it is.
    #[inline]
    pub(crate) fn intern_start(&mut self, bytes: &[u8], length: usize) -> u32 {
        match bytes.first_chunk::<SHORT>() {
            Some(first) if length <= SHORT => {
                let kept = u128::MAX.checked_shr((8 * (SHORT - length)) as u32).unwrap_or(0);
                let word = u128::from_le_bytes(*first) & kept;
                self.number(Key { length, word }, &bytes[..length])
            }
            _ => self.intern(&bytes[..length]),
        }
    }

    #[inline]
    fn number(&mut self, key: Key, text: &[u8]) -> u32 {
        if self.places.len() < 2 * (self.len() + 1) {
            self.grow();
        }
        let mask = self.places.len() - 1;
        let mut place = key.hash() as usize & mask;
        while let Some(number) = self.places[place].checked_sub(1) {
            if self.keys[number as usize] == key && (key.length <= SHORT || self.text(number) == text) {
                return number;
            }
            place = (place + 1) & mask;
        }
        self.add(key, text, place)
    }

    #[cold]
    fn add(&mut self, key: Key, text: &[u8], place: usize) -> u32 {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.keys.push(key);
        self.places[place] = self.len() as u32;
        self.places[place] - 1
    }

    #[cold]
    fn grow(&mut self) {
        self.places = vec![0; (4 * self.len()).max(64).next_power_of_two()];
        let mask = self.places.len() - 1;
        for (number, key) in self.keys.iter().enumerate() {
            let mut place = key.hash() as usize & mask;
            while self.places[place] != 0 {
                place = (place + 1) & mask;
            }
            self.places[place] = number as u32 + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart() {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 1..=20 {
            for place in 0..length {
                for byte in [0, 1, b'a', 255] {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    texts.push(text);
                }
            }
        }
        texts.sort();
        texts.dedup();
        let mut interner = Interner::default();
        for round in 0..2 {
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(interner.intern(text), number as u32, "{round} {text:?}");
                assert_eq!(interner.text(number as u32), text);
                let followed = [&text[..], &b"and more after it"[..]].concat();
                assert_eq!(interner.intern_start(&followed, text.len()), number as u32);
            }
        }
        assert_eq!(interner.len(), texts.len());
    }

    /// Of 32,768 places ten thousand texts at random take 8,600.
    #[test]
    fn texts_that_differ_at_the_end_lie_apart() {
        let place = |number: u32| Key::of(format!("department {number:05}").as_bytes()).hash() % 32_768;
        let places: std::collections::BTreeSet<u64> = (0..10_000).map(place).collect();
        assert!(places.len() > 8000, "{}", places.len());
    }
}
