//! Targets of which two sums say all: numbers, and two classes.

use perennial_numeric::simd::{self, Kernel};

use super::super::structure::Summary;
use super::random::{Codes, LANES, Side};
use super::{Bounds, Learning, Sample, Sides};

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
pub(crate) struct Sums {
    pub(crate) criterion: SumCriterion,
    pub(crate) unit: f64,
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
    /// Whether all sums count rows: of two classes, with weights of 1.
    counts: bool,
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

impl Sums {
    /// Of two classes one sum beside the weight says all.
    fn two_classes(&self, samples: &[Sample]) -> SumTotals {
        let (mut weights, mut sums, mut seen, mut counts) = ([0.0; SUMS], [0.0; SUMS], 0_u32, true);
        let mut add = |place: usize, sample: &Sample| {
            counts &= sample.weight == 1.0;
            weights[place] += sample.weight;
            sums[place] += sample.weight * sample.y;
            seen |= 1 << (sample.class & 1);
        };
        let (fours, rest) = samples.as_chunks::<SUMS>();
        fours.iter().for_each(|four| (0..SUMS).for_each(|place| add(place, &four[place])));
        rest.iter().enumerate().for_each(|(place, sample)| add(place, sample));
        let weight = (weights[0] + weights[1]) + (weights[2] + weights[3]);
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let impurity = match self.criterion {
            SumCriterion::Entropy => (two_class_entropy(weight, sum) / weight).max(0.0),
            _ => (2.0 * mean * (1.0 - mean)).max(0.0),
        };
        let (n_rows, pure) = (samples.len() as u32, seen != 3);
        SumTotals { n_rows, weight, mean, impurity, pure, centre: 0.0, sum, counts }
    }
}

/// Adds up what goes left in several columns.
struct Left<'a> {
    samples: &'a [Sample],
    codes: &'a [Codes],
    up_to: Codes,
    centre: f64,
}

impl Kernel for Left<'_> {
    type Output = [Cell; LANES];

    /// Without branches, which would be guessed wrongly half of the time.
    #[inline(always)]
    fn run(self) -> [Cell; LANES] {
        let Left { samples, codes, up_to, centre } = self;
        let (mut weights, mut sums, mut counts) = ([0.0; LANES], [0.0; LANES], [0_u32; LANES]);
        for (sample, codes) in samples.iter().zip(codes) {
            let (weight, product) = (sample.weight, sample.weight * (sample.y - centre));
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
struct CountLeft<'a> {
    samples: &'a [Sample],
    codes: &'a [Codes],
    up_to: Codes,
}

impl Kernel for CountLeft<'_> {
    type Output = [Cell; LANES];

    #[inline(always)]
    fn run(self) -> [Cell; LANES] {
        const MOST: usize = u8::MAX as usize;
        let (mut counts, mut seconds) = ([0_u32; LANES], [0_u32; LANES]);
        for (samples, codes) in self.samples.chunks(MOST).zip(self.codes.chunks(MOST)) {
            let (mut left, mut second) = ([0_u8; LANES], [0_u8; LANES]);
            for (sample, codes) in samples.iter().zip(codes) {
                let class = sample.class as u8 & 1;
                for lane in 0..LANES {
                    let goes = u8::from(codes[lane] <= self.up_to[lane]);
                    left[lane] += goes;
                    second[lane] += goes & class;
                }
            }
            for lane in 0..LANES {
                counts[lane] += u32::from(left[lane]);
                seconds[lane] += u32::from(second[lane]);
            }
        }
        std::array::from_fn(|lane| Cell {
            weight: f64::from(counts[lane]),
            sum: f64::from(seconds[lane]),
            n_rows: counts[lane],
        })
    }
}

impl Learning for Sums {
    type Totals = SumTotals;
    type Table = SumTable;
    type Sides<'a> = SumSides<'a>;

    fn totals(&self, samples: &[Sample]) -> SumTotals {
        if matches!(self.criterion, SumCriterion::Gini | SumCriterion::Entropy) {
            return self.two_classes(samples);
        }
        // Deviations from the first value: exact for equal values, and two sums are enough.
        let first = samples.first().map_or(0.0, |sample| sample.y);
        let (mut weight, mut sum, mut squares, mut pure) = (0.0, 0.0, 0.0, true);
        for sample in samples {
            let deviation = sample.y - first;
            pure &= deviation == 0.0;
            weight += sample.weight;
            sum += sample.weight * deviation;
            squares += sample.weight * deviation * deviation;
        }
        let n_rows = samples.len() as u32;
        let shift = if weight > 0.0 { sum / weight } else { 0.0 };
        let (mean, variance) = (first + shift, (squares / weight - shift * shift).max(0.0));
        if self.criterion == SumCriterion::SquaredError {
            let impurity = variance;
            return SumTotals { n_rows, weight, mean, impurity, pure, centre: mean, sum: 0.0, counts: false };
        }
        let total: f64 = samples.iter().map(|sample| sample.weight * sample.y).sum();
        let mean = if weight > 0.0 { total / weight } else { 0.0 };
        let impurity = match self.criterion {
            SumCriterion::Poisson => {
                let terms: f64 = samples.iter().map(|sample| sample.weight * x_log_x(sample.y)).sum();
                (terms / weight - x_log_x(mean)).max(0.0)
            }
            _ => variance,
        };
        SumTotals { n_rows, weight, mean, impurity, pure, centre: 0.0, sum: total, counts: false }
    }

    fn is_pure(&self, totals: &SumTotals) -> bool {
        totals.pure
    }

    fn summary(&self, totals: &SumTotals, bounds: Bounds) -> Summary {
        let mean = bounds.clip(totals.mean);
        let value = match self.criterion {
            SumCriterion::SquaredError | SumCriterion::Poisson => vec![mean * self.unit],
            SumCriterion::Gini | SumCriterion::Entropy => {
                let second = mean.clamp(0.0, 1.0);
                vec![1.0 - second, second]
            }
        };
        let (n_rows, measure) = (u64::from(totals.n_rows), self.in_units(totals.impurity));
        Summary { n_rows, weight: totals.weight, measure, value }
    }

    fn fill(&self, table: &mut SumTable, totals: &SumTotals, samples: &[Sample], codes: &[u8], _: &[u8]) {
        let (cells, centre) = (&mut *table.cells, totals.centre);
        for (sample, &code) in samples.iter().zip(codes) {
            let cell = &mut cells[code as usize];
            cell.weight += sample.weight;
            cell.sum += sample.weight * (sample.y - centre);
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
        samples: &[Sample],
        codes: &[Codes],
        up_to: Codes,
    ) -> [Side; LANES] {
        let left = if totals.counts {
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
    fn move_row(&mut self, sample: &Sample) {
        self.left.weight += sample.weight;
        self.left.sum += sample.weight * (sample.y - self.totals.centre);
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
