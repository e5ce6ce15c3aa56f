//! Cuts drawn at random, of several columns at a time, for extremely randomised trees.
//!
//! Nothing is sorted and no bin is added up: a node's lowest and highest bins say where a column may be cut, and only
//! what goes left is summed.

use std::ops::Range;

use perennial_core::Rows;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::simd::{self, Kernel};

use super::cut::{Cut, Split, Terms, nearer};
use super::{Learning, Row};
use crate::binned::{Binned, Bins, MISSING};

/// Columns that are cut at a time.
pub(crate) const LANES: usize = 8;
/// Rows that one task puts side by side.
const TASK: usize = 4096;
/// Of so many of them all columns are written in turn.
const FEW: usize = 64;
/// So many rows are asked for before they are read.
const AHEAD: usize = 16;
/// So many bytes of bins stay near the processor.
const NEAR: usize = 1 << 18;

/// The bins of several columns in one row.
pub(crate) type Codes = [u8; LANES];

/// What goes left of a cut, and what that is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(super) n_left: u32,
    pub(super) gain: f64,
    pub(super) means: [f64; 2],
}

/// The bins row by row: those of one row lie side by side, so that the columns of a node share the ways to memory.
#[derive(Debug, Default)]
pub(crate) struct ByRows {
    n_cols: usize,
    codes: Vec<u8>,
}

/// The rows of one node, by which it and all nodes below it are told: far fewer than those of the whole table.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// The places of these rows in the sample, whose rows are numbered anew.
    range: Range<usize>,
    rows: ByRows,
}

impl Side {
    /// Whether the cut may be.
    pub(super) fn fits(&self, n_rows: usize, terms: &Terms<'_>) -> bool {
        terms.allow(self.n_left, n_rows as u32) && self.gain.is_finite() && terms.rises(self.means)
    }
}

impl Near {
    /// Copies the rows of a node that is small enough and does not lie below the one that was copied last.
    pub(super) fn follow<R: Row>(&mut self, all: &ByRows, range: &Range<usize>, samples: &mut [R]) {
        if range.len() * all.n_cols > NEAR || self.table(range).is_some() {
            return;
        }
        let ByRows { n_cols, codes } = &mut self.rows;
        *n_cols = all.n_cols;
        codes.clear();
        for (number, sample) in (0..).zip(&mut samples[range.clone()]) {
            codes.extend_from_slice(all.row(sample.row()));
            *sample = sample.at(number);
        }
        self.range = range.clone();
    }

    /// What tells a node's bins, if it is this one or lies below it.
    pub(super) fn table(&self, range: &Range<usize>) -> Option<&ByRows> {
        (self.range.start <= range.start && range.end <= self.range.end).then_some(&self.rows)
    }
}

impl ByRows {
    pub(crate) fn new(binned: &Binned) -> Self {
        let n_cols = binned.n_cols();
        let mut codes = vec![0; binned.n_rows() * n_cols];
        if n_cols > 0 {
            reduce::fill_rows(&mut codes, n_cols, TASK, |first, codes| {
                // A few rows at a time, which stay near while all columns are written.
                for (block, codes) in codes.chunks_mut(FEW * n_cols).enumerate() {
                    let (first, n_rows) = (first + block * FEW, codes.len() / n_cols);
                    for index in 0..n_cols {
                        let column = &binned.column(index)[first..first + n_rows];
                        let to = codes.iter_mut().skip(index).step_by(n_cols);
                        to.zip(column).for_each(|(to, &code)| *to = code);
                    }
                }
            });
        }
        ByRows { n_cols, codes }
    }

    /// Asks for a row that will be read soon.
    #[inline]
    fn bring(&self, row: u32) {
        simd::prefetch(&self.codes, row as usize * self.n_cols);
    }

    /// Asks for the rows that will be read first.
    pub(super) fn bring_first<R: Row>(&self, samples: &[R]) {
        samples.iter().take(AHEAD).for_each(|sample| self.bring(sample.row()));
    }

    #[inline]
    fn row(&self, row: u32) -> &[u8] {
        &self.codes[row as usize * self.n_cols..][..self.n_cols]
    }

    #[inline]
    pub(super) fn code(&self, row: u32, column: u32) -> u8 {
        self.codes[row as usize * self.n_cols + column as usize]
    }
}

/// The cuts of a column, and behind them infinities.
type Padded = [f64; PADDED];
const PADDED: usize = 256;
static NO_CUTS: Padded = [f64::INFINITY; PADDED];

/// The rows of a node in some columns, and where those are cut.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// The cuts of all columns.
    cuts: Vec<Padded>,
    columns: [u32; LANES],
    codes: Vec<Codes>,
    low: Codes,
    high: Codes,
    values: [f64; LANES],
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
struct LowAndHigh<'a>(&'a [Codes]);

impl Kernel for LowAndHigh<'_> {
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
    pub(super) fn new(binned: &Binned) -> Self {
        let padded = |column| {
            let mut padded = NO_CUTS;
            if let Bins::Numeric { cuts } = binned.binning().column(column) {
                padded.iter_mut().zip(cuts).for_each(|(to, &cut)| *to = cut);
            }
            padded
        };
        Lanes { cuts: (0..binned.n_cols()).map(padded).collect(), ..Lanes::default() }
    }

    /// Reads up to [`LANES`] columns of a node.
    pub(super) fn read<R: Row>(&mut self, rows: &ByRows, columns: &[u32], samples: &[R]) {
        // Lanes without a column of their own repeat the first.
        self.columns = [columns.first().copied().unwrap_or(0); LANES];
        self.columns[..columns.len()].copy_from_slice(columns);
        let columns = self.columns.map(|column| column as usize);
        self.codes.resize(samples.len(), [0; LANES]);
        for (place, (codes, sample)) in self.codes.iter_mut().zip(samples).enumerate() {
            if let Some(later) = samples.get(place + AHEAD) {
                rows.bring(later.row());
            }
            let row = rows.row(sample.row());
            for lane in 0..LANES {
                codes[lane] = row[columns[lane]];
            }
        }
        (self.low, self.high) = simd::widest(LowAndHigh(&self.codes));
    }

    /// The bins that were read last, and which of them are those of a column.
    pub(super) fn column(&self, column: u32) -> Option<(&[Codes], usize)> {
        let lane = self.columns.iter().position(|&read| read == column)?;
        Some((&self.codes, lane))
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
        self.values[lane] = random.uniform_in(cuts[low as usize], cuts[high as usize - 1]);
    }

    /// Finds the cuts that are nearest to what was drawn: in step, as each search waits for memory, and without
    /// branches, which nothing could foresee.
    pub(super) fn place(&mut self, drawn: [bool; LANES]) {
        let cuts: [&Padded; LANES] =
            std::array::from_fn(
                |lane| {
                    if drawn[lane] { &self.cuts[self.columns[lane] as usize] } else { &NO_CUTS }
                },
            );
        let mut below = [0_usize; LANES];
        for step in (0..u8::BITS).rev().map(|bit| 1 << bit) {
            for lane in 0..LANES {
                let cut = cuts[lane][(below[lane] + step - 1) % PADDED];
                below[lane] += step * usize::from(cut < self.values[lane]);
            }
        }
        for lane in (0..LANES).filter(|lane| drawn[*lane]) {
            let (low, high) = (self.low[lane], self.high[lane]);
            self.up_to[lane] = nearer(cuts[lane], low, high, below[lane], self.values[lane]);
        }
    }

    /// What goes left of all these cuts.
    pub(super) fn sides<L: Learning>(
        &self,
        learning: &L,
        table: &mut L::Table,
        totals: &L::Totals,
        samples: &[L::Row],
    ) -> [Side; LANES] {
        learning.sides_of(table, totals, samples, &self.codes, self.up_to)
    }

    /// The cut of one column.
    pub(super) fn cut(&self, lane: usize, side: Side) -> Cut {
        let split = Split::UpTo(self.up_to[lane]);
        let Side { gain, means, .. } = side;
        Cut { gain: gain.max(0.0), column: self.columns[lane], split, missing_left: None, means }
    }
}
