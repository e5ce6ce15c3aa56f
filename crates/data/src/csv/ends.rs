//! Delimiters and line ends, as bits of 64 bytes at a time.

use super::scan::{Dialect, Flaw, QUOTED, after_end, after_quoted, is_end};

/// Start and end of each cell; the top bit of the end says that the cell is quoted.
type Ranges = Vec<(u32, u32)>;

/// The cells of whole records, each of so many columns, with the widest vectors that the machine has.
///
/// # Errors
/// The first flaw and its byte.
pub(super) fn records(
    bytes: &[u8],
    n_cols: usize,
    dialect: Dialect,
    max_record: usize,
) -> Result<Ranges, (usize, Flaw)> {
    #[cfg(target_arch = "x86_64")]
    if let Some(look) = pulp::x86::V3::try_new() {
        return look.vectorize(
            #[inline(always)]
            || records_with(look, bytes, n_cols, dialect, max_record),
        );
    }
    records_with(Portable, bytes, n_cols, dialect, max_record)
}

#[inline(always)]
fn records_with(
    look: impl Look,
    bytes: &[u8],
    n_cols: usize,
    dialect: Dialect,
    max_record: usize,
) -> Result<Ranges, (usize, Flaw)> {
    let mut ranges = Vec::with_capacity(bytes.len() / 8 + n_cols);
    let mut ends = Ends::new(look, bytes, dialect);
    let mut at = 0;
    while at < bytes.len() {
        let (start, before) = (at, ranges.len());
        if !is_end(bytes[at]) || n_cols == 1 {
            at = ends.record(at, &mut ranges)?;
            let got = ranges.len() - before;
            if got != n_cols {
                return Err((start, Flaw::Ragged { got }));
            }
            if at - start > max_record {
                return Err((start, Flaw::TooLong));
            }
        }
        at = after_end(bytes, at);
    }
    Ok(ranges)
}

/// A way to look at 64 bytes.
pub(super) trait Look: Copy {
    /// A bit for each byte that is a delimiter or ends a line, the first one lowest.
    fn ends(self, bytes: &[u8; 64], dialect: Dialect) -> u64;
}

/// With what every machine has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Look for Portable {
    #[inline(always)]
    fn ends(self, bytes: &[u8; 64], dialect: Dialect) -> u64 {
        let mut flags = [0_u8; 64];
        for (flag, &byte) in flags.iter_mut().zip(bytes) {
            *flag = u8::from(byte == dialect.delimiter) | u8::from(is_end(byte));
        }
        let (words, _) = flags.as_chunks::<8>();
        // The product brings the lowest bit of each byte of a word into its highest byte.
        let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        words.iter().rev().fold(0, |all, word| all << 8 | bits(word))
    }
}

#[cfg(target_arch = "x86_64")]
impl Look for pulp::x86::V3 {
    #[inline(always)]
    fn ends(self, bytes: &[u8; 64], dialect: Dialect) -> u64 {
        let (halves, _) = bytes.as_chunks::<32>();
        let bits = |half: &[u8; 32]| {
            let (avx, avx2) = (self.avx, self.avx2);
            let half = pulp::cast(*half);
            let are = |byte: u8| avx2._mm256_cmpeq_epi8(half, avx._mm256_set1_epi8(byte as i8));
            let line_ends = avx2._mm256_or_si256(are(b'\n'), are(b'\r'));
            avx2._mm256_movemask_epi8(avx2._mm256_or_si256(are(dialect.delimiter), line_ends)) as u32
        };
        u64::from(bits(&halves[0])) | u64::from(bits(&halves[1])) << 32
    }
}

/// Delimiters and line ends, found 64 bytes at a time.
pub(super) struct Ends<'a, L> {
    look: L,
    bytes: &'a [u8],
    dialect: Dialect,
    /// Where the 64 bytes start, and a bit for each of them that is an end and was not asked for yet.
    base: usize,
    bits: u64,
}

impl<'a, L: Look> Ends<'a, L> {
    #[inline(always)]
    pub(super) fn new(look: L, bytes: &'a [u8], dialect: Dialect) -> Self {
        let mut ends = Ends { look, bytes, dialect, base: 0, bits: 0 };
        ends.look();
        ends
    }

    /// Finds the ends among the 64 bytes from `base` on.
    #[inline(always)]
    fn look(&mut self) {
        let rest = self.bytes.get(self.base..).unwrap_or_default();
        self.bits = match rest.first_chunk() {
            Some(bytes) => self.look.ends(bytes, self.dialect),
            None => {
                let mut bytes = [0; 64];
                bytes[..rest.len()].copy_from_slice(rest);
                self.look.ends(&bytes, self.dialect) & ((1 << rest.len()) - 1)
            }
        };
    }

    /// The next end, or the end of all bytes.
    #[inline(always)]
    fn next(&mut self) -> usize {
        while self.bits == 0 {
            self.base += 64;
            if self.base >= self.bytes.len() {
                return self.bytes.len();
            }
            self.look();
        }
        let at = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        at
    }

    /// Leaves out all ends before a byte.
    #[inline(always)]
    fn pass(&mut self, at: usize) {
        if at >= self.base + 64 {
            self.base = at / 64 * 64;
            self.look();
        }
        self.bits &= u64::MAX << at.saturating_sub(self.base);
    }

    /// The byte after the cells of the record at `at`, which are added to `ranges`.
    #[inline(always)]
    pub(super) fn record(&mut self, at: usize, ranges: &mut Vec<(u32, u32)>) -> Result<usize, (usize, Flaw)> {
        self.pass(at);
        let mut start = at;
        loop {
            let mut flag = 0;
            if self.bytes.get(start) == Some(&self.dialect.quote) {
                flag = QUOTED;
                let after = after_quoted(self.bytes, start, self.dialect.quote);
                self.pass(after.ok_or((start, Flaw::UnterminatedQuote))?);
            }
            let end = self.next();
            ranges.push((start as u32, end as u32 | flag));
            if self.bytes.get(end) != Some(&self.dialect.delimiter) {
                return Ok(end);
            }
            start = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_see_the_same_ends() {
        let mut state = 7_u64;
        for round in 0..2_000 {
            let bytes: [u8; 64] = std::array::from_fn(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let byte = (state >> 56) as u8;
                if round % 2 == 0 { byte } else { b",;\n\r\x8d\x8a\xac "[usize::from(byte) % 8] }
            });
            let dialect = Dialect { delimiter: b',', quote: b'"' };
            let slow = (0..64).filter(|&at| b",\n\r".contains(&bytes[at])).fold(0, |all, at| all | 1 << at);
            assert_eq!(Portable.ends(&bytes, dialect), slow);
            #[cfg(target_arch = "x86_64")]
            if let Some(look) = pulp::x86::V3::try_new() {
                assert_eq!(look.ends(&bytes, dialect), slow);
            }
        }
    }
}
