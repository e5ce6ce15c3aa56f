//! A few columns of some rows of a table of bytes.

use crate::simd;

/// Columns that are read at a time.
pub const LANES: usize = 8;
/// The bytes of a row in these columns.
pub type Lanes = [u8; LANES];
/// So many rows are asked for before they are read.
const AHEAD: usize = 16;

/// A table of bytes, row by row.
#[derive(Clone, Copy, Debug)]
pub struct ByteRows<'a> {
    bytes: &'a [u8],
    width: usize,
}

/// The bytes of some rows in some columns.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    /// The bytes of each row.
    pub rows: Vec<Lanes>,
    /// The lowest byte of each column; 255 where there is no row.
    pub low: Lanes,
    /// The highest byte of each column; 0 where there is no row.
    pub high: Lanes,
}

impl<'a> ByteRows<'a> {
    /// A table of rows of `width` bytes.
    pub fn new(bytes: &'a [u8], width: usize) -> Self {
        ByteRows { bytes, width }
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row, as in all that follows.
    #[inline]
    pub fn row(&self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.width..][..self.width]
    }

    /// Asks for a row that will be read soon.
    #[inline]
    pub fn bring(&self, row: usize) {
        simd::prefetch(self.bytes, row * self.width);
    }

    /// Asks for the rows that [`pick`](ByteRows::pick) will read first.
    #[inline]
    pub fn bring_first<R: Copy>(&self, rows: &[R], number: impl Fn(R) -> usize) {
        rows.iter().take(AHEAD).for_each(|&row| self.bring(number(row)));
    }

    /// Reads some columns of the rows whose numbers `number` tells.
    ///
    /// ```
    /// use perennial_numeric::pick::{ByteRows, Picked};
    ///
    /// let table = ByteRows::new(&[1, 2, 3, 4, 5, 6], 3);
    /// let mut picked = Picked::default();
    /// table.pick([2, 0, 0, 0, 0, 0, 0, 0], &[1_u32, 0], |row| row as usize, &mut picked);
    /// assert_eq!(picked.rows[0][..2], [6, 4]);
    /// assert_eq!((picked.low[0], picked.high[0]), (3, 6));
    /// ```
    ///
    /// # Panics
    /// When a row or a column does not exist.
    pub fn pick<R: Copy>(
        &self,
        columns: [u32; LANES],
        rows: &[R],
        number: impl Fn(R) -> usize,
        to: &mut Picked,
    ) {
        assert!(columns.iter().all(|&column| (column as usize) < self.width), "there is no such column");
        to.rows.resize(rows.len(), [0; LANES]);
        (to.low, to.high) = match () {
            #[cfg(target_arch = "x86_64")]
            () if wide::fits(self) => wide::pick(self, columns, rows, number, &mut to.rows),
            () => plainly(self, columns, rows, number, &mut to.rows),
        };
    }
}

fn plainly<R: Copy>(
    table: &ByteRows<'_>,
    columns: [u32; LANES],
    rows: &[R],
    number: impl Fn(R) -> usize,
    to: &mut [Lanes],
) -> (Lanes, Lanes) {
    let columns = columns.map(|column| column as usize);
    for (place, (bytes, &row)) in to.iter_mut().zip(rows).enumerate() {
        if let Some(&later) = rows.get(place + AHEAD) {
            table.bring(number(later));
        }
        let row = table.row(number(row));
        for lane in 0..LANES {
            bytes[lane] = row[columns[lane]];
        }
    }
    simd::widest(|| low_and_high(to))
}

/// The lowest and the highest byte of each lane, several rows to a vector.
#[inline(always)]
fn low_and_high(rows: &[Lanes]) -> (Lanes, Lanes) {
    const TOGETHER: usize = 4;
    let (mut low, mut high) = ([[u8::MAX; LANES]; TOGETHER], [[0; LANES]; TOGETHER]);
    let mut see = |place: usize, bytes: &Lanes| {
        for lane in 0..LANES {
            low[place][lane] = low[place][lane].min(bytes[lane]);
            high[place][lane] = high[place][lane].max(bytes[lane]);
        }
    };
    let (blocks, rest) = rows.as_chunks::<TOGETHER>();
    blocks.iter().for_each(|block| (0..TOGETHER).for_each(|place| see(place, &block[place])));
    rest.iter().for_each(|bytes| see(0, bytes));
    let of_all = |pick: fn(u8, u8) -> u8, lanes: [Lanes; TOGETHER]| {
        std::array::from_fn(|lane| {
            pick(pick(lanes[0][lane], lanes[1][lane]), pick(lanes[2][lane], lanes[3][lane]))
        })
    };
    (of_all(u8::min, low), of_all(u8::max, high))
}

/// All columns of a row by one permutation of its bytes.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    use super::{AHEAD, ByteRows, LANES, Lanes};
    use crate::simd::allows_broad;

    const VECTOR: usize = 64;

    pub(super) fn fits(table: &ByteRows<'_>) -> bool {
        table.width <= 2 * VECTOR
            && allows_broad()
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512f")
    }

    /// # Panics
    /// Where it does not [fit](fits), or a row does not exist.
    #[allow(unsafe_code)]
    pub(super) fn pick<R: Copy>(
        table: &ByteRows<'_>,
        columns: [u32; LANES],
        rows: &[R],
        number: impl Fn(R) -> usize,
        to: &mut [Lanes],
    ) -> (Lanes, Lanes) {
        assert!(fits(table), "the machine has no such vectors");
        // SAFETY: the processor has what is needed, as was just asserted.
        unsafe { pick_wide(table, columns, rows, number, to) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    #[allow(unsafe_code)]
    fn pick_wide<R: Copy>(
        table: &ByteRows<'_>,
        columns: [u32; LANES],
        rows: &[R],
        number: impl Fn(R) -> usize,
        to: &mut [Lanes],
    ) -> (Lanes, Lanes) {
        // Bytes beyond a row are not touched.
        let mask = |n: usize| u64::MAX.checked_shr((VECTOR - n.min(VECTOR)) as u32).unwrap_or(0);
        let (first, second) = (mask(table.width), mask(table.width.saturating_sub(VECTOR)));
        let columns = _mm512_castsi128_si512(_mm_cvtsi64_si128(i64::from_le_bytes(columns.map(|c| c as u8))));
        let (mut low, mut high) = (_mm_set1_epi8(-1), _mm_setzero_si128());
        for (place, (bytes, &row)) in to.iter_mut().zip(rows).enumerate() {
            if let Some(&later) = rows.get(place + AHEAD) {
                table.bring(number(later));
            }
            let row = table.row(number(row)).as_ptr().cast::<i8>();
            // SAFETY: the masks are those of the bytes of the row.
            let picked = unsafe {
                let start = _mm512_maskz_loadu_epi8(first, row);
                if second == 0 {
                    _mm512_permutexvar_epi8(columns, start)
                } else {
                    let rest = _mm512_maskz_loadu_epi8(second, row.wrapping_add(VECTOR));
                    _mm512_permutex2var_epi8(start, columns, rest)
                }
            };
            let picked = _mm512_castsi512_si128(picked);
            low = _mm_min_epu8(low, picked);
            high = _mm_max_epu8(high, picked);
            *bytes = _mm_cvtsi128_si64(picked).to_le_bytes();
        }
        (_mm_cvtsi128_si64(low).to_le_bytes(), _mm_cvtsi128_si64(high).to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn vectors_pick_what_a_loop_picks() {
        let mut random = Random::new(0);
        for width in [1, 2, 7, 63, 64, 65, 127, 128, 129, 300] {
            for n_rows in [0, 1, 5, 40] {
                let bytes: Vec<u8> = (0..30 * width).map(|_| random.below(256) as u8).collect();
                let table = ByteRows::new(&bytes, width);
                let columns = std::array::from_fn(|_| random.below(width) as u32);
                let rows: Vec<usize> = (0..n_rows).map(|_| random.below(30)).collect();
                let (mut fast, mut plain) = (Picked::default(), vec![[0; LANES]; n_rows]);
                table.pick(columns, &rows, |row| row, &mut fast);
                let (low, high) = plainly(&table, columns, &rows, |row| row, &mut plain);
                let bytes_of = |&row: &usize| columns.map(|column| bytes[row * width + column as usize]);
                assert_eq!(plain, rows.iter().map(bytes_of).collect::<Vec<_>>());
                assert_eq!((fast.rows, fast.low, fast.high), (plain, low, high), "{width}");
            }
        }
    }
}
