//! Cuts drawn at random, of several columns at a time, for extremely randomised trees.
//!
//! Nothing is sorted and no bin is added up: a node's lowest and highest bins say where a column may be cut, and only
//! what goes left is summed.

use std::ops::Range;

use perennial_core::Rows;
pub(crate) use perennial_numeric::pick::LANES;
use perennial_numeric::pick::{ByteRows, Picked};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::simd::{self, Kernel};

use super::cut::{Cut, Split, Terms, nearer};
use super::{Learning, Row};
use crate::binned::{Binned, Bins, MISSING};

/// Rows that one task puts side by side.
const TASK: usize = 4096;
/// Of so many of them all columns are written in turn.
const FEW: usize = 64;
/// So many bytes of bins stay near the processor.
const NEAR: usize = 1 << 18;

/// The bins of several columns in one row.
pub(crate) type Codes = perennial_numeric::pick::Lanes;

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

    fn table(&self) -> ByteRows<'_> {
        ByteRows::new(&self.codes, self.n_cols)
    }

    /// Asks for the rows that will be read first.
    pub(super) fn bring_first<R: Row>(&self, samples: &[R]) {
        self.table().bring_first(samples, |sample| sample.row() as usize);
    }

    #[inline]
    fn row(&self, row: u32) -> &[u8] {
        self.table().row(row as usize)
    }

    #[inline]
    pub(super) fn code(&self, row: u32, column: u32) -> u8 {
        self.codes[row as usize * self.n_cols + column as usize]
    }
}

/// The cuts of a column for a search in two steps, both of which compare [`STEP`] cuts at once.
#[derive(Clone, Copy, Debug)]
struct Padded {
    /// The last cut of each group of [`STEP`].
    ends: [f64; STEP],
    /// All cuts, and behind them infinities.
    all: [f64; STEP * STEP],
}
const STEP: usize = 16;

static NO_CUTS: Padded = Padded { ends: [f64::INFINITY; STEP], all: [f64::INFINITY; STEP * STEP] };

impl Padded {
    fn new(cuts: &[f64]) -> Self {
        let mut padded = NO_CUTS;
        padded.all.iter_mut().zip(cuts).for_each(|(to, &cut)| *to = cut);
        padded.ends = std::array::from_fn(|group| padded.all[group * STEP + STEP - 1]);
        padded
    }
}

/// How many cuts lie below finite numbers, one for each column; without branches, which nothing could foresee.
struct Below<'a> {
    cuts: [&'a Padded; LANES],
    values: [f64; LANES],
}

impl Kernel for Below<'_> {
    type Output = [usize; LANES];

    #[inline(always)]
    fn run(self) -> [usize; LANES] {
        let mut groups = [0; LANES];
        for lane in 0..LANES {
            groups[lane] = n_below(&self.cuts[lane].ends, self.values[lane]).min(STEP - 1);
        }
        let mut below = [0; LANES];
        for lane in 0..LANES {
            let (groups_of_cuts, _) = self.cuts[lane].all.as_chunks::<STEP>();
            below[lane] = groups[lane] * STEP + n_below(&groups_of_cuts[groups[lane]], self.values[lane]);
        }
        below
    }
}

#[inline(always)]
fn n_below(cuts: &[f64; STEP], value: f64) -> usize {
    let mut n = 0_u64;
    for cut in cuts {
        n += u64::from(*cut < value);
    }
    n as usize
}

/// The rows of a node in some columns, and where those are cut.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// The cuts of all columns.
    cuts: Vec<Padded>,
    columns: [u32; LANES],
    codes: Picked,
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

impl Lanes {
    pub(super) fn new(binned: &Binned) -> Self {
        let padded = |column| match binned.binning().column(column) {
            Bins::Numeric { cuts } => Padded::new(cuts),
            Bins::Categorical { .. } => NO_CUTS,
        };
        Lanes { cuts: (0..binned.n_cols()).map(padded).collect(), ..Lanes::default() }
    }

    /// Reads up to [`LANES`] columns of a node.
    pub(super) fn read<R: Row>(&mut self, rows: &ByRows, columns: &[u32], samples: &[R]) {
        // Lanes without a column of their own repeat the first.
        self.columns = [columns.first().copied().unwrap_or(0); LANES];
        self.columns[..columns.len()].copy_from_slice(columns);
        rows.table().pick(self.columns, samples, |sample| sample.row() as usize, &mut self.codes);
    }

    /// The bins that were read last, and which of them are those of a column.
    pub(super) fn column(&self, column: u32) -> Option<(&[Codes], usize)> {
        let lane = self.columns.iter().position(|&read| read == column)?;
        Some((&self.codes.rows, lane))
    }

    pub(super) fn spread(&self, lane: usize) -> Spread {
        match (self.codes.low[lane], self.codes.high[lane]) {
            (low, high) if low >= high => Spread::One,
            (_, MISSING) => Spread::Missing,
            _ => Spread::Many,
        }
    }

    /// Draws where a column is cut whose rows are in different bins and have values.
    pub(super) fn draw(&mut self, lane: usize, cuts: &[f64], random: &mut Random) {
        let (low, high) = (self.codes.low[lane], self.codes.high[lane]);
        self.values[lane] = random.uniform_in(cuts[low as usize], cuts[high as usize - 1]);
    }

    /// Finds the cuts that are nearest to what was drawn.
    pub(super) fn place(&mut self, drawn: [bool; LANES]) {
        let cuts: [&Padded; LANES] = std::array::from_fn(|lane| match drawn[lane] {
            true => &self.cuts[self.columns[lane] as usize],
            false => &NO_CUTS,
        });
        let below = simd::widest(Below { cuts, values: self.values });
        for lane in (0..LANES).filter(|lane| drawn[*lane]) {
            let (low, high) = (self.codes.low[lane], self.codes.high[lane]);
            self.up_to[lane] = nearer(&cuts[lane].all, low, high, below[lane], self.values[lane]);
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
        learning.sides_of(table, totals, samples, &self.codes.rows, self.up_to)
    }

    /// The cut of one column.
    pub(super) fn cut(&self, lane: usize, side: Side) -> Cut {
        let split = Split::UpTo(self.up_to[lane]);
        let Side { gain, means, .. } = side;
        Cut { gain: gain.max(0.0), column: self.columns[lane], split, missing_left: None, means }
    }
}
