//! Statistics of columns in one pass over the rows.

use ndarray::ArrayRef2;
use perennial_numeric::{reduce, simd};

use crate::cells::rows_of;

/// Rows per chunk: a chunk of a usual width stays in the cache while it is read twice.
pub(crate) const CHUNK: usize = 1024;

/// Weighted moments and extremes of each column; missing cells and rows of weight 0 do not count.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub(crate) weight: Vec<f64>,
    pub(crate) mean: Vec<f64>,
    /// The weighted sum of squared deviations from the mean.
    pub(crate) squares: Vec<f64>,
    pub(crate) min: Vec<f64>,
    pub(crate) max: Vec<f64>,
}

impl Moments {
    /// Moments of all columns. Chunks of rows are merged in a fixed order (Chan, Golub and LeVeque, 1979), so
    /// the bits do not depend on the number of threads.
    pub(crate) fn of(x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Self {
        let chunk = |range: std::ops::Range<usize>| Moments::of_chunk(x, weights, range);
        reduce::map_reduce(x.nrows(), CHUNK, chunk, Moments::merge)
            .unwrap_or_else(|| Moments::none(x.ncols()))
    }

    fn none(n_cols: usize) -> Self {
        Moments {
            weight: vec![0.0; n_cols],
            mean: vec![0.0; n_cols],
            squares: vec![0.0; n_cols],
            min: vec![f64::INFINITY; n_cols],
            max: vec![f64::NEG_INFINITY; n_cols],
        }
    }

    fn of_chunk(x: &ArrayRef2<f64>, weights: Option<&[f64]>, range: std::ops::Range<usize>) -> Self {
        let mut moments = Moments::none(x.ncols());
        let mut copy = Vec::new();
        let cells = rows_of(x, range.start, range.len(), &mut copy);
        simd::widest(Chunk { cells, weights: weights.map(|all| &all[range]), moments: &mut moments });
        moments
    }

    fn merge(mut self, other: Moments) -> Moments {
        for column in 0..self.mean.len() {
            let (left, right) = (self.weight[column], other.weight[column]);
            let total = left + right;
            if right > 0.0 {
                let gap = other.mean[column] - self.mean[column];
                let share = right / total;
                self.mean[column] += gap * share;
                self.squares[column] += other.squares[column] + gap * gap * left * share;
            }
            self.weight[column] = total;
            self.min[column] = self.min[column].min(other.min[column]);
            self.max[column] = self.max[column].max(other.max[column]);
        }
        self
    }

    /// The variance of a column, over n; 0 where nothing counts.
    pub(crate) fn variance(&self, column: usize) -> f64 {
        if self.weight[column] > 0.0 { self.squares[column] / self.weight[column] } else { 0.0 }
    }

    /// The standard deviation of a column; 1 where the column is constant but for what rounding alone may leave,
    /// as in scikit-learn.
    pub(crate) fn divisor(&self, column: usize) -> f64 {
        let (variance, mean, n) = (self.variance(column), self.mean[column], self.weight[column]);
        let noise = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
        if variance > noise { variance.sqrt() } else { 1.0 }
    }
}

/// The cells of a few rows, whose moments are wanted.
struct Chunk<'a> {
    cells: &'a [f64],
    weights: Option<&'a [f64]>,
    moments: &'a mut Moments,
}

impl simd::Kernel for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Chunk { cells, weights, moments } = self;
        let n_cols = moments.mean.len();
        let mut column = 0;
        // As many columns at a time as a vector holds; their sums stay in registers while the rows go by.
        while column < n_cols {
            column += match n_cols - column {
                8.. => moments.add::<8>(cells, weights, column),
                4.. => moments.add::<4>(cells, weights, column),
                _ => moments.add::<1>(cells, weights, column),
            };
        }
    }
}

impl Moments {
    /// Moments of `N` columns of some rows, which nothing has been added to; gives `N`.
    #[inline(always)]
    fn add<const N: usize>(&mut self, cells: &[f64], weights: Option<&[f64]>, first: usize) -> usize {
        let n_cols = self.mean.len();
        let (mut count, mut sum) = ([0.0; N], [0.0; N]);
        let (mut min, mut max) = ([f64::INFINITY; N], [f64::NEG_INFINITY; N]);
        rows::<N>(cells, n_cols, weights, first, |weight, cells| {
            for lane in 0..N {
                let cell = cells[lane];
                let counts = if cell.is_nan() { 0.0 } else { weight };
                count[lane] += counts;
                sum[lane] += counts * if cell.is_nan() { 0.0 } else { cell };
                // NaN loses every comparison.
                min[lane] = if cell < min[lane] { cell } else { min[lane] };
                max[lane] = if cell > max[lane] { cell } else { max[lane] };
            }
        });
        let mut mean = [0.0; N];
        for lane in 0..N {
            mean[lane] = if count[lane] > 0.0 { sum[lane] / count[lane] } else { 0.0 };
        }
        let mut squares = [0.0; N];
        rows::<N>(cells, n_cols, weights, first, |weight, cells| {
            for lane in 0..N {
                let gap = if cells[lane].is_nan() { 0.0 } else { cells[lane] - mean[lane] };
                squares[lane] += weight * gap * gap;
            }
        });
        self.weight[first..first + N].copy_from_slice(&count);
        self.mean[first..first + N].copy_from_slice(&mean);
        self.squares[first..first + N].copy_from_slice(&squares);
        self.min[first..first + N].copy_from_slice(&min);
        self.max[first..first + N].copy_from_slice(&max);
        N
    }
}

/// `add(weight, cells of N columns)` for each row whose weight is not 0.
#[inline(always)]
fn rows<const N: usize>(
    cells: &[f64],
    n_cols: usize,
    weights: Option<&[f64]>,
    first: usize,
    mut add: impl FnMut(f64, &[f64; N]),
) {
    let rows = cells.chunks_exact(n_cols).filter_map(|row| row[first..].first_chunk::<N>());
    match weights {
        None => rows.for_each(|cells| add(1.0, cells)),
        Some(weights) => rows.zip(weights).for_each(|(cells, &weight)| {
            if weight != 0.0 {
                add(weight, cells);
            }
        }),
    }
}

/// The values of a column that count, with their weights, in rising order.
pub(crate) fn sorted(cells: &[f64], weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let weight_of = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut values: Vec<(f64, f64)> = cells
        .iter()
        .enumerate()
        .map(|(row, &cell)| (cell, weight_of(row)))
        .filter(|(cell, weight)| !cell.is_nan() && *weight > 0.0)
        // Zero has two signs, and which row comes first must not decide which is learned.
        .map(|(cell, weight)| (cell + 0.0, weight))
        .collect();
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    values
}

/// Quantiles of a column, found by linear interpolation between the two nearest values (type 7 of Hyndman and Fan,
/// 1996); nothing where no value counts. `shares` are in rising order; the values may be reordered.
///
/// Weights count as copies of a row. Where they are below one on average, they are scaled to one.
pub(crate) fn quantiles(values: &mut Vec<f64>, weights: Option<&[f64]>, shares: &[f64]) -> Option<Vec<f64>> {
    let Some(weights) = weights else {
        values.retain(|value| !value.is_nan());
        return (!values.is_empty()).then(|| unweighted(values, shares));
    };
    let pairs = values.iter().zip(weights).filter(|(value, weight)| !value.is_nan() && **weight > 0.0);
    let mut pairs: Vec<(f64, f64)> = pairs.map(|(&value, &weight)| (value + 0.0, weight)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pairs.iter().map(|(_, weight)| weight).sum();
    let scale = (pairs.len() as f64 / total).max(1.0);
    let mut ends = pairs.iter().scan(0.0, |end, (_, weight)| {
        *end += weight * scale;
        Some(*end)
    });
    let ends: Vec<f64> = ends.by_ref().collect();
    let last = *ends.last()? - 1.0;
    let at = |place: f64| {
        // Sums of weights are rounded: an end that is reached but for rounding is reached.
        let slack = place.abs() * 1e-12;
        pairs[ends.partition_point(|end| *end <= place + slack).min(pairs.len() - 1)].0
    };
    let quantile = |share: &f64| {
        let place = (last * share).max(0.0);
        between(at(place.floor()), at(place.floor() + 1.0), place.fract())
    };
    Some(shares.iter().map(quantile).collect())
}

fn unweighted(values: &mut [f64], shares: &[f64]) -> Vec<f64> {
    let last = values.len() - 1;
    let mut found = Vec::with_capacity(shares.len());
    let mut start = 0;
    for share in shares {
        let place = last as f64 * share;
        let (low, part) = (place.floor() as usize, place.fract());
        // What lies before the last place that was found is smaller already.
        let (_, value, rest) = values[start..].select_nth_unstable_by(low - start, f64::total_cmp);
        let value = *value;
        let next = if part > 0.0 { rest.iter().copied().min_by(f64::total_cmp) } else { None };
        found.push(between(value, next.unwrap_or(value), part) + 0.0);
        start = low;
    }
    found
}

/// What lies a share of the way from one number to the next.
fn between(low: f64, high: f64, part: f64) -> f64 {
    // Each for itself where the gap between huge values leaves the range.
    let gap = high - low;
    if gap.is_finite() { low + gap * part } else { low * (1.0 - part) + high * part }
}

/// The median of sorted values, as if each were repeated as often as its weight says.
pub(crate) fn median(sorted: &[(f64, f64)]) -> Option<f64> {
    let half = sorted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    // Sums of weights such as 0.1 are rounded; a half that differs by rounding alone is the half.
    let rounding = half * sorted.len() as f64 * f64::EPSILON;
    let mut seen = 0.0;
    for (position, &(value, weight)) in sorted.iter().enumerate() {
        seen += weight;
        if seen > half + rounding {
            return Some(value);
        }
        if seen >= half - rounding {
            let next = sorted.get(position + 1).map_or(value, |next| next.0);
            // Half of each first, so that two huge values have a middle.
            return Some(value / 2.0 + next / 2.0);
        }
    }
    sorted.last().map(|last| last.0)
}

/// The most frequent of sorted values; the smallest of equally frequent ones.
pub(crate) fn mode(sorted: &[(f64, f64)]) -> Option<f64> {
    let mut best: Option<(f64, f64)> = None;
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        let weight: f64 = run.iter().map(|(_, weight)| weight).sum();
        if best.is_none_or(|(_, most)| weight > most) {
            best = Some((run[0].0, weight));
        }
    }
    best.map(|(value, _)| value)
}
