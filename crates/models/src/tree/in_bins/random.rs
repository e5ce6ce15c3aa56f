//! Cuts drawn at random, of several columns at a time, for extremely randomised trees.
//!
//! Nothing is sorted and no bin is added up: a node's lowest and highest bins say where a column may be cut, and only
//! what goes left is summed.

use perennial_core::Rows;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::simd::{self, Kernel};

use super::cut::{Cut, Split, Terms, nearest};
use super::{Learning, Sample};
use crate::binned::{Binned, MISSING};

/// Columns that are cut at a time.
pub(crate) const LANES: usize = 8;
/// Rows that one task puts side by side.
const TASK: usize = 4096;

/// The bins of several columns in one row.
pub(crate) type Codes = [u8; LANES];

/// What goes left of a cut, and what that is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) n_left: u32,
    pub(crate) gain: f64,
    pub(crate) means: [f64; 2],
}

/// The bins row by row: those of one row lie side by side, so that the columns of a node share the ways to memory.
#[derive(Debug)]
pub(crate) struct ByRows {
    n_cols: usize,
    codes: Vec<u8>,
}

impl ByRows {
    pub(crate) fn new(binned: &Binned) -> Self {
        let n_cols = binned.n_cols();
        let mut codes = vec![0; binned.n_rows() * n_cols];
        if n_cols > 0 {
            reduce::fill_rows(&mut codes, n_cols, TASK, |first, codes| {
                let n_rows = codes.len() / n_cols;
                for index in 0..n_cols {
                    let column = &binned.column(index)[first..first + n_rows];
                    codes
                        .iter_mut()
                        .skip(index)
                        .step_by(n_cols)
                        .zip(column)
                        .for_each(|(to, &code)| *to = code);
                }
            });
        }
        ByRows { n_cols, codes }
    }

    #[inline]
    pub(super) fn code(&self, row: u32, column: u32) -> u8 {
        self.codes[row as usize * self.n_cols + column as usize]
    }
}

/// The rows of a node in some columns, and where those are cut.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    codes: Vec<Codes>,
    low: Codes,
    high: Codes,
    up_to: Codes,
}

/// What the rows of a node have in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// All the same.
    One,
    /// Different bins.
    Many,
    /// Some have a value, and some have none.
    Missing,
}

/// The lowest and the highest code of each lane; a pass of its own, several rows to a vector.
struct Range<'a>(&'a [Codes]);

impl Kernel for Range<'_> {
    type Output = (Codes, Codes);

    #[inline(always)]
    fn run(self) -> (Codes, Codes) {
        const TOGETHER: usize = 4;
        let (mut low, mut high) = ([[u8::MAX; LANES]; TOGETHER], [[0; LANES]; TOGETHER]);
        let mut see = |place: usize, codes: &Codes| {
            for lane in 0..LANES {
                low[place][lane] = low[place][lane].min(codes[lane]);
                high[place][lane] = high[place][lane].max(codes[lane]);
            }
        };
        let (blocks, rest) = self.0.as_chunks::<TOGETHER>();
        blocks.iter().for_each(|block| (0..TOGETHER).for_each(|place| see(place, &block[place])));
        rest.iter().for_each(|codes| see(0, codes));
        let of_all = |pick: fn(u8, u8) -> u8, lanes: [Codes; TOGETHER]| {
            std::array::from_fn(|lane| {
                pick(pick(lanes[0][lane], lanes[1][lane]), pick(lanes[2][lane], lanes[3][lane]))
            })
        };
        (of_all(u8::min, low), of_all(u8::max, high))
    }
}

impl Lanes {
    /// Reads up to [`LANES`] columns of a node.
    pub(super) fn read(&mut self, rows: &ByRows, columns: &[u32], samples: &[Sample]) {
        let first = columns.first().copied().unwrap_or(0);
        let columns: [usize; LANES] =
            std::array::from_fn(|lane| columns.get(lane).copied().unwrap_or(first) as usize);
        self.codes.resize(samples.len(), [0; LANES]);
        for (codes, sample) in self.codes.iter_mut().zip(samples) {
            let row = &rows.codes[sample.row as usize * rows.n_cols..][..rows.n_cols];
            for lane in 0..LANES {
                codes[lane] = row[columns[lane]];
            }
        }
        (self.low, self.high) = simd::widest(Range(&self.codes));
    }

    pub(super) fn spread(&self, lane: usize) -> Spread {
        match (self.low[lane], self.high[lane]) {
            (low, high) if low >= high => Spread::One,
            (_, MISSING) => Spread::Missing,
            _ => Spread::Many,
        }
    }

    /// Draws where a column is cut whose rows are in different bins and have values.
    pub(super) fn draw(&mut self, lane: usize, cuts: &[f64], random: &mut Random) {
        let (low, high) = (self.low[lane], self.high[lane]);
        let value = random.uniform_in(cuts[low as usize], cuts[high as usize - 1]);
        self.up_to[lane] = nearest(cuts, low, high, value);
    }

    /// What goes left of all these cuts.
    pub(super) fn sides<L: Learning>(
        &self,
        learning: &L,
        table: &mut L::Table,
        totals: &L::Totals,
        samples: &[Sample],
    ) -> [Side; LANES] {
        learning.sides_of(table, totals, samples, &self.codes, self.up_to)
    }

    /// The cut of one column, unless it is forbidden.
    pub(super) fn cut(
        &self,
        lane: usize,
        column: u32,
        side: Side,
        n_rows: usize,
        terms: &Terms<'_>,
    ) -> Option<Cut> {
        let Side { n_left, gain, means } = side;
        let fits = terms.allow(n_left, n_rows as u32) && gain.is_finite() && terms.rises(means);
        let split = Split::UpTo(self.up_to[lane]);
        fits.then(|| Cut { gain: gain.max(0.0), column, split, missing_left: None, means })
    }
}
