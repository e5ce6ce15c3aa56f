//! Targets of which two sums say all: numbers, and two classes.

use std::marker::PhantomData;

use perennial_numeric::simd::{self, Kernel};

use super::super::structure::{Summary, Value};
use super::random::{Codes, LANES, Side};
use super::{Bounds, Counted, Learning, Row, Sample, Sides};

/// How the impurity of a target is measured of which two sums say all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SumCriterion {
    SquaredError,
    /// Half the Poisson deviance.
    Poisson,
    /// Two classes: the target is 0 or 1.
    Gini,
    /// Two classes: the target is 0 or 1.
    Entropy,
}

/// A target in units of `unit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums<R> {
    criterion: SumCriterion,
    unit: f64,
    rows: PhantomData<R>,
}

#[derive(Debug)]
pub(crate) struct SumTotals {
    n_rows: u32,
    weight: f64,
    mean: f64,
    impurity: f64,
    pure: bool,
    /// What is subtracted from each value before it is added up.
    centre: f64,
    /// The sum of what is left.
    sum: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    weight: f64,
    sum: f64,
    n_rows: u32,
}

/// The sums of each bin.
#[derive(Debug)]
pub(crate) struct SumTable {
    cells: Box<[Cell; 256]>,
}

impl Default for SumTable {
    fn default() -> Self {
        SumTable { cells: Box::new([Cell::default(); 256]) }
    }
}

/// So many sums are taken side by side.
const SUMS: usize = 4;

/// `x log(x)` in natural units; 0 where `x` is.
fn x_log_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

/// The entropy of two classes in bits, times the weight.
fn two_class_entropy(weight: f64, second: f64) -> f64 {
    let first = weight - second;
    (x_log_x(weight) - x_log_x(second) - x_log_x(first)) / std::f64::consts::LN_2
}

impl Sums<Sample> {
    pub(crate) fn new(criterion: SumCriterion, unit: f64) -> Self {
        Sums { criterion, unit, rows: PhantomData }
    }
}

impl Sums<Counted> {
    /// For two classes whose rows have weights of 1.
    pub(crate) fn counting(criterion: SumCriterion) -> Self {
        Sums { criterion, unit: 1.0, rows: PhantomData }
    }
}

impl<R: Row> Sums<R> {
    /// Of two classes one sum beside the weight says all.
    fn two_classes(&self, samples: &[R]) -> SumTotals {
        let (weight, sum, pure) = if R::COUNTS { count(samples) } else { weigh(samples) };
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let impurity = match self.criterion {
            SumCriterion::Entropy => (two_class_entropy(weight, sum) / weight).max(0.0),
            _ => (2.0 * mean * (1.0 - mean)).max(0.0),
        };
        SumTotals { n_rows: samples.len() as u32, weight, mean, impurity, pure, centre: 0.0, sum }
    }
}

/// The weight of rows of two classes, that of the second class, and whether all are of one.
fn weigh<R: Row>(samples: &[R]) -> (f64, f64, bool) {
    let (mut weights, mut sums, mut seen) = ([0.0; SUMS], [0.0; SUMS], 0_u32);
    let mut add = |place: usize, row: R| {
        weights[place] += row.weight();
        sums[place] += row.weight() * row.y();
        seen |= 1 << (row.class() & 1);
    };
    let (fours, rest) = samples.as_chunks::<SUMS>();
    fours.iter().for_each(|four| (0..SUMS).for_each(|place| add(place, four[place])));
    rest.iter().enumerate().for_each(|(place, &row)| add(place, row));
    let weight = (weights[0] + weights[1]) + (weights[2] + weights[3]);
    let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    (weight, sum, seen != 3)
}

/// As [`weigh`], where each row has a weight of 1.
fn count(samples: &[impl Row]) -> (f64, f64, bool) {
    let second: u32 = samples.iter().map(|row| row.class()).sum();
    let n_rows = samples.len() as u32;
    (f64::from(n_rows), f64::from(second), second == 0 || second == n_rows)
}

/// Adds up what goes left in several columns.
struct Left<'a, R> {
    samples: &'a [R],
    codes: &'a [Codes],
    up_to: Codes,
    centre: f64,
}

impl<R: Row> Kernel for Left<'_, R> {
    type Output = [Cell; LANES];

    /// Without branches, which would be guessed wrongly half of the time.
    #[inline(always)]
    fn run(self) -> [Cell; LANES] {
        let Left { samples, codes, up_to, centre } = self;
        let (mut weights, mut sums, mut counts) = ([0.0; LANES], [0.0; LANES], [0_u32; LANES]);
        for (sample, codes) in samples.iter().zip(codes) {
            let (weight, product) = (sample.weight(), sample.weight() * (sample.y() - centre));
            for lane in 0..LANES {
                let left = codes[lane] <= up_to[lane];
                weights[lane] += if left { weight } else { 0.0 };
                sums[lane] += if left { product } else { 0.0 };
                counts[lane] += u32::from(left);
            }
        }
        std::array::from_fn(|lane| Cell { weight: weights[lane], sum: sums[lane], n_rows: counts[lane] })
    }
}

/// As [`Left`], where all sums are counts: those of a few rows fit in bytes.
struct CountLeft<'a, R> {
    samples: &'a [R],
    codes: &'a [Codes],
    up_to: Codes,
}

impl<R: Row> Kernel for CountLeft<'_, R> {
    type Output = [Cell; LANES];

    #[inline(always)]
    fn run(self) -> [Cell; LANES] {
        const TOGETHER: usize = 4;
        const MOST: usize = u8::MAX as usize * TOGETHER;
        let (mut counts, mut seconds) = ([0_u32; LANES], [0_u32; LANES]);
        for (samples, codes) in self.samples.chunks(MOST).zip(self.codes.chunks(MOST)) {
            let (mut left, mut second) = ([[0_u8; LANES]; TOGETHER], [[0_u8; LANES]; TOGETHER]);
            let (sample_blocks, sample_rest) = samples.as_chunks::<TOGETHER>();
            let (code_blocks, code_rest) = codes.as_chunks::<TOGETHER>();
            // Several rows fill a vector. No closures: the compiler would leave them outside of the kernel.
            for (samples, codes) in sample_blocks.iter().zip(code_blocks) {
                let mut classes = [[0_u8; LANES]; TOGETHER];
                for place in 0..TOGETHER {
                    classes[place] = [samples[place].class() as u8; LANES];
                }
                for place in 0..TOGETHER {
                    for lane in 0..LANES {
                        let goes = u8::from(codes[place][lane] <= self.up_to[lane]);
                        left[place][lane] += goes;
                        second[place][lane] += goes & classes[place][lane];
                    }
                }
            }
            for place in 0..TOGETHER {
                for lane in 0..LANES {
                    counts[lane] += u32::from(left[place][lane]);
                    seconds[lane] += u32::from(second[place][lane]);
                }
            }
            for (sample, codes) in sample_rest.iter().zip(code_rest) {
                for lane in 0..LANES {
                    let goes = u32::from(codes[lane] <= self.up_to[lane]);
                    counts[lane] += goes;
                    seconds[lane] += goes & sample.class();
                }
            }
        }
        std::array::from_fn(|lane| Cell {
            weight: f64::from(counts[lane]),
            sum: f64::from(seconds[lane]),
            n_rows: counts[lane],
        })
    }
}

impl<R: Row> Learning for Sums<R> {
    type Row = R;
    type Totals = SumTotals;
    type Table = SumTable;
    type Sides<'a> = SumSides<'a>;

    fn totals(&self, samples: &[R]) -> SumTotals {
        if matches!(self.criterion, SumCriterion::Gini | SumCriterion::Entropy) {
            return self.two_classes(samples);
        }
        // Deviations from the first value: exact for equal values, and two sums are enough.
        let first = samples.first().map_or(0.0, |sample| sample.y());
        let (mut weight, mut sum, mut squares, mut pure) = (0.0, 0.0, 0.0, true);
        for sample in samples {
            let deviation = sample.y() - first;
            pure &= deviation == 0.0;
            weight += sample.weight();
            sum += sample.weight() * deviation;
            squares += sample.weight() * deviation * deviation;
        }
        let n_rows = samples.len() as u32;
        let shift = if weight > 0.0 { sum / weight } else { 0.0 };
        let (mean, variance) = (first + shift, (squares / weight - shift * shift).max(0.0));
        if self.criterion == SumCriterion::SquaredError {
            let impurity = variance;
            return SumTotals { n_rows, weight, mean, impurity, pure, centre: mean, sum: 0.0 };
        }
        let total: f64 = samples.iter().map(|sample| sample.weight() * sample.y()).sum();
        let mean = if weight > 0.0 { total / weight } else { 0.0 };
        let impurity = match self.criterion {
            SumCriterion::Poisson => {
                let terms: f64 = samples.iter().map(|sample| sample.weight() * x_log_x(sample.y())).sum();
                (terms / weight - x_log_x(mean)).max(0.0)
            }
            _ => variance,
        };
        SumTotals { n_rows, weight, mean, impurity, pure, centre: 0.0, sum: total }
    }

    fn is_pure(&self, totals: &SumTotals) -> bool {
        totals.pure
    }

    fn summary(&self, totals: &SumTotals, bounds: Bounds) -> Summary {
        let mean = bounds.clip(totals.mean);
        let value = match self.criterion {
            SumCriterion::SquaredError | SumCriterion::Poisson => Value::One([mean * self.unit]),
            SumCriterion::Gini | SumCriterion::Entropy => {
                let second = mean.clamp(0.0, 1.0);
                Value::Two([1.0 - second, second])
            }
        };
        let (n_rows, measure) = (u64::from(totals.n_rows), self.in_units(totals.impurity));
        Summary { n_rows, weight: totals.weight, measure, value }
    }

    fn fill(&self, table: &mut SumTable, totals: &SumTotals, samples: &[R], codes: &[u8], _: &[u8]) {
        let (cells, centre) = (&mut *table.cells, totals.centre);
        for (sample, &code) in samples.iter().zip(codes) {
            let cell = &mut cells[code as usize];
            cell.weight += sample.weight();
            cell.sum += sample.weight() * (sample.y() - centre);
            cell.n_rows += 1;
        }
    }

    /// By their means, which is best for all these criteria (Fisher, 1958; Breiman and others, 1984).
    fn arrange(&self, table: &mut SumTable, _: &SumTotals, categories: &mut [u8]) {
        let mean = |bin: u8| table.cells[bin as usize].sum / table.cells[bin as usize].weight;
        categories.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(a.cmp(&b)));
    }

    fn sides<'a>(&'a self, table: &'a mut SumTable, totals: &'a SumTotals) -> SumSides<'a> {
        SumSides { criterion: self.criterion, cells: &table.cells, totals, left: Cell::default() }
    }

    fn sides_of(
        &self,
        table: &mut SumTable,
        totals: &SumTotals,
        samples: &[R],
        codes: &[Codes],
        up_to: Codes,
    ) -> [Side; LANES] {
        let left = if R::COUNTS {
            simd::widest(CountLeft { samples, codes, up_to })
        } else {
            simd::widest(Left { samples, codes, up_to, centre: totals.centre })
        };
        left.map(|left| {
            let sides = SumSides { left, ..self.sides(table, totals) };
            Side { n_left: left.n_rows, gain: sides.gain(), means: sides.means() }
        })
    }

    fn clear(&self, table: &mut SumTable, bins: &[u8]) {
        bins.iter().for_each(|&bin| table.cells[bin as usize] = Cell::default());
    }

    fn in_units(&self, impurity: f64) -> f64 {
        match self.criterion {
            SumCriterion::SquaredError => (impurity * self.unit * self.unit).min(f64::MAX),
            SumCriterion::Poisson => (impurity * self.unit).min(f64::MAX),
            _ => impurity,
        }
    }
}

/// The sums on the left; the others follow from the whole.
#[derive(Debug)]
pub(crate) struct SumSides<'a> {
    criterion: SumCriterion,
    cells: &'a [Cell; 256],
    totals: &'a SumTotals,
    left: Cell,
}

impl Sides for SumSides<'_> {
    #[inline]
    fn move_left(&mut self, bin: u8) {
        let cell = &self.cells[bin as usize];
        self.left.weight += cell.weight;
        self.left.sum += cell.sum;
        self.left.n_rows += cell.n_rows;
    }

    #[inline]
    fn move_row(&mut self, row: impl Row) {
        self.left.weight += row.weight();
        self.left.sum += row.weight() * (row.y() - self.totals.centre);
        self.left.n_rows += 1;
    }

    #[inline]
    fn n_left(&self) -> u32 {
        self.left.n_rows
    }

    #[inline]
    fn gain(&self) -> f64 {
        let (weight, sum) = (self.totals.weight, self.totals.sum);
        let (left_weight, left_sum) = (self.left.weight, self.left.sum);
        let (right_weight, right_sum) = (weight - left_weight, sum - left_sum);
        // The squares between both means: in this form the sums need not be centred, one division is enough, and
        // counts stay exact.
        let between = || {
            let difference = left_sum * weight - sum * left_weight;
            difference * difference / (weight * left_weight * right_weight)
        };
        match self.criterion {
            SumCriterion::SquaredError => between(),
            SumCriterion::Gini => 2.0 * between(),
            SumCriterion::Entropy => {
                two_class_entropy(weight, sum)
                    - two_class_entropy(left_weight, left_sum)
                    - two_class_entropy(right_weight, right_sum)
            }
            SumCriterion::Poisson => {
                if left_sum <= 0.0 || right_sum <= 0.0 {
                    return f64::NAN;
                }
                let side = |weight: f64, sum: f64| sum * (sum / weight).ln();
                side(left_weight, left_sum) + side(right_weight, right_sum) - side(weight, sum)
            }
        }
    }

    fn means(&self) -> [f64; 2] {
        let (weight, sum) = (self.totals.weight - self.left.weight, self.totals.sum - self.left.sum);
        let centre = self.totals.centre;
        [centre + self.left.sum / self.left.weight, centre + sum / weight]
    }
}
