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
        while self.places[place] != 0 && self.text(self.places[place] - 1) != text {
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
fn hash(text: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    let mut hash = mix(0, text.len() as u64);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = mix(hash, u64::from_le_bytes(last));
    hash ^ (hash >> 32)
}
