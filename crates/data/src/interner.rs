//! Distinct texts and their numbers.

/// Gives equal texts equal numbers, counted from 0 in order of appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    /// The number after that of the text in each place, 0 where there is none; a power of two of places.
    places: Vec<u32>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
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
        if self.places.len() < 2 * (self.len() + 1) {
            self.grow();
        }
        let place = self.place(text);
        if self.places[place] == 0 {
            self.bytes.extend_from_slice(text);
            self.ends.push(self.bytes.len());
            self.places[place] = self.len() as u32;
        }
        self.places[place] - 1
    }

    /// The place that holds the text, or the free one where it belongs.
    fn place(&self, text: &[u8]) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash(text) as usize & mask;
        while self.places[place] != 0 && !equal(self.text(self.places[place] - 1), text) {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.places = vec![0; (4 * self.len()).max(64).next_power_of_two()];
        for number in 0..self.len() as u32 {
            let place = self.place(self.text(number));
            self.places[place] = number + 1;
        }
    }
}

/// Multiply and mix, eight bytes at a time.
#[inline]
fn hash(text: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    let mut hash = mix(0, text.len() as u64);
    let (words, _) = text.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    hash = mix(hash, tail(text));
    hash ^ (hash >> 32)
}

/// Whether texts are the same; most are short, and a call of the system's comparison would take longer than this.
#[inline]
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && tail(one) == tail(other) && one.as_chunks::<8>().0 == other.as_chunks::<8>().0
}

/// The last eight bytes; of fewer bytes a number that, with how many there are, tells them all.
#[inline]
fn tail(text: &[u8]) -> u64 {
    let four = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    match (text.last_chunk(), text.first_chunk(), text.last_chunk(), text) {
        (Some(eight), ..) => u64::from_le_bytes(*eight),
        (_, Some(first), Some(last), _) => four(first) | four(last) << 32,
        (.., [first, .., last]) => {
            u64::from(*first) | u64::from(text[text.len() / 2]) << 8 | u64::from(*last) << 16
        }
        (.., [only]) => u64::from(*only),
        _ => 0,
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
            }
        }
        assert_eq!(interner.len(), texts.len());
    }
}
