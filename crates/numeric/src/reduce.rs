//! Parallel work whose result does not depend on the number of threads.
//!
//! Work is cut into chunks whose bounds depend on the length alone. Inside a chunk the order is
//! fixed; chunks are combined by a binary tree of fixed shape. So the bits of a result are the same
//! for one thread and for sixteen, alone or inside other parallel work. It is the only module that may combine
//! results of parallel work.

use std::ops::Range;

use perennial_core::Result;
use rayon::prelude::*;

use crate::simd;

/// The number of elements that one task of a sum adds up.
const CHUNK: usize = 4096;
/// The number of partial sums inside a chunk: two AVX2 or one AVX-512 registers.
pub(crate) const LANES: usize = 8;

/// The sum of the values.
///
/// ```
/// assert_eq!(perennial_numeric::reduce::sum(&[1.0, 2.0, 3.5]), 6.5);
/// ```
pub fn sum(values: &[f64]) -> f64 {
    sum_chunks(values.len(), |rows| {
        let (blocks, rest) = values[rows].as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for block in blocks {
            for (lane, value) in lanes.iter_mut().zip(block) {
                *lane += value;
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane += value;
        }
        pair(lanes)
    })
}

/// The sum of `term(0)` to `term(n - 1)`.
///
/// ```
/// let harmonic = perennial_numeric::reduce::sum_by(4, |i| 1.0 / (i + 1) as f64);
/// assert!((harmonic - 25.0 / 12.0).abs() < 1e-15);
/// ```
pub fn sum_by(n: usize, term: impl Fn(usize) -> f64 + Sync) -> f64 {
    sum_chunks(n, |rows| {
        let mut lanes = [0.0; LANES];
        for first in rows.clone().step_by(LANES) {
            for (lane, row) in lanes.iter_mut().zip(first..rows.end) {
                *lane += term(row);
            }
        }
        pair(lanes)
    })
}

/// The inner product of two vectors.
///
/// # Panics
/// When the lengths differ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "the vectors of an inner product must be of one length");
    sum_chunks(a.len(), |rows| dot_chunk(&a[rows.clone()], &b[rows]))
}

/// The inner product on one thread, in the order of a chunk.
#[inline(always)]
pub(crate) fn dot_chunk(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    pair(lanes)
}

/// The place of the first value that is NaN or infinite. Where there is none, it takes a pass of vectors and no more.
///
/// ```
/// assert_eq!(perennial_numeric::reduce::first_not_finite(&[1.0, f64::NAN, f64::INFINITY]), Some(1));
/// ```
pub fn first_not_finite(values: &[f64]) -> Option<usize> {
    let (index, block) =
        values.chunks(CHUNK).enumerate().find(|(_, block)| !simd::widest(AllFinite(block)))?;
    Some(index * CHUNK + block.iter().position(|value| !value.is_finite())?)
}

pub(crate) struct AllFinite<'a>(pub(crate) &'a [f64]);

impl simd::Kernel for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        !self.0.iter().fold(false, |bad, value| bad | !value.is_finite())
    }
}

/// The mean of the values; NaN when there are none.
pub fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// The mean and the variance of the values, the sum of squares divided by `n - ddof`.
///
/// Two passes, the second of which corrects the rounding of the first (Chan, Golub and LeVeque,
/// 1983). Both are NaN when there are no values; the variance is NaN when there are `ddof` or fewer.
///
/// ```
/// let (mean, variance) = perennial_numeric::reduce::mean_variance(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0], 1);
/// assert_eq!((mean, variance), (1e9 + 2.0, 1.0));
/// ```
pub fn mean_variance(values: &[f64], ddof: usize) -> (f64, f64) {
    let n = values.len();
    let first = mean(values);
    let part = |rows: Range<usize>| deviations(&values[rows], first);
    let add = |left: [f64; 2], right: [f64; 2]| [left[0] + right[0], left[1] + right[1]];
    let [drift, squares] = map_reduce(n, CHUNK, part, add).unwrap_or([0.0; 2]);
    let mean = first + drift / n as f64;
    let variance =
        if n > ddof { (squares - drift * (drift / n as f64)).max(0.0) / (n - ddof) as f64 } else { f64::NAN };
    // `max` would turn a NaN among the values into 0.
    (mean, if squares.is_nan() { f64::NAN } else { variance })
}

/// `work` on every chunk of `chunk` numbers out of 0 to `n` - 1, in parallel; results in order.
///
/// A `chunk` of 0 counts as 1. Choose chunks of about a tenth of a millisecond or more.
pub fn map_chunks<T: Send>(n: usize, chunk: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let chunk = chunk.max(1);
    map_each(n.div_ceil(chunk), |index| work(bounds(index, chunk, n)))
}

/// As [`map_chunks`], for work that can fail.
///
/// # Errors
/// The error of the first chunk that failed, in the order of the chunks.
pub fn try_map_chunks<T: Send>(
    n: usize,
    chunk: usize,
    work: impl Fn(Range<usize>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    map_chunks(n, chunk, work).into_iter().collect()
}

/// `work(0)` to `work(n - 1)`, each a task of its own, in parallel; results in order.
///
/// ```
/// assert_eq!(perennial_numeric::reduce::map_each(4, |i| i * i), [0, 1, 4, 9]);
/// ```
pub fn map_each<T: Send>(n: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if n <= 1 { (0..n).map(work).collect() } else { (0..n).into_par_iter().map(&work).collect() }
}

/// As [`map_each`], for work that can fail.
///
/// # Errors
/// The error of the first task that failed, in the order of the tasks.
pub fn try_map_each<T: Send>(n: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    map_each(n, work).into_iter().collect()
}

/// `map` on every chunk of `chunk` numbers out of 0 to `n` - 1, and the results put together by
/// `combine(left, right)` along a binary tree of fixed shape; `None` when `n` is 0.
///
/// Results are combined as soon as both sides are there, so few of them are alive at a time.
/// A `chunk` of 0 counts as 1.
pub fn map_reduce<T: Send>(
    n: usize,
    chunk: usize,
    map: impl Fn(Range<usize>) -> T + Sync,
    combine: impl Fn(T, T) -> T + Sync,
) -> Option<T> {
    let chunk = chunk.max(1);
    let n_chunks = n.div_ceil(chunk);
    (n_chunks > 0).then(|| tree(0..n_chunks, &|index| map(bounds(index, chunk, n)), &combine))
}

/// As [`map_reduce`], for work that can fail.
///
/// # Errors
/// The error of the first chunk that failed, in the order of the chunks.
pub fn try_map_reduce<T: Send>(
    n: usize,
    chunk: usize,
    map: impl Fn(Range<usize>) -> Result<T> + Sync,
    combine: impl Fn(T, T) -> Result<T> + Sync,
) -> Result<Option<T>> {
    map_reduce(n, chunk, map, |left, right| combine(left?, right?)).transpose()
}

/// Fills `out` in parallel: `fill(first, part)` gets the parts of `chunk` elements and where each begins.
///
/// ```
/// let mut squares = vec![0; 10];
/// perennial_numeric::reduce::fill_chunks(&mut squares, 4, |first, part| {
///     for (i, square) in part.iter_mut().enumerate() {
///         *square = (first + i) * (first + i);
///     }
/// });
/// assert_eq!(squares[9], 81);
/// ```
pub fn fill_chunks<T: Send>(out: &mut [T], chunk: usize, fill: impl Fn(usize, &mut [T]) + Sync) {
    let chunk = chunk.max(1);
    if out.len() <= chunk {
        if !out.is_empty() {
            fill(0, out);
        }
        return;
    }
    out.par_chunks_mut(chunk).enumerate().for_each(|(index, part)| fill(index * chunk, part));
}

/// As [`fill_chunks`], for work that can fail. Parts after a failed one are filled all the same.
///
/// # Errors
/// The error of the first part that failed, in the order of the parts.
pub fn try_fill_chunks<T: Send>(
    out: &mut [T],
    chunk: usize,
    fill: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let chunk = chunk.max(1);
    let work = |(index, part)| fill(index * chunk, part);
    let done: Vec<Result<()>> = out.par_chunks_mut(chunk).enumerate().map(work).collect();
    done.into_iter().collect()
}

/// Fills the rows of a row-major block of `width` columns in parallel, `n_rows` rows at a time:
/// `fill(first_row, rows)`. Does nothing when there are no columns.
///
/// # Panics
/// When the length of `out` is not a multiple of `width`.
pub fn fill_rows<T: Send>(out: &mut [T], width: usize, n_rows: usize, fill: impl Fn(usize, &mut [T]) + Sync) {
    if width == 0 {
        return;
    }
    assert_eq!(out.len() % width, 0, "the output must be whole rows");
    fill_chunks(out, n_rows.max(1).saturating_mul(width), |first, part| fill(first / width, part));
}

fn sum_chunks(n: usize, chunk_sum: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    map_reduce(n, CHUNK, chunk_sum, |left, right| left + right).unwrap_or(0.0)
}

/// The sums of the deviations from `centre` and of their squares.
fn deviations(values: &[f64], centre: f64) -> [f64; 2] {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
    for block in blocks {
        for lane in 0..LANES {
            let deviation = block[lane] - centre;
            sums[lane] += deviation;
            squares[lane] += deviation * deviation;
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let deviation = value - centre;
        sums[lane] += deviation;
        squares[lane] += deviation * deviation;
    }
    [pair(sums), pair(squares)]
}

fn bounds(index: usize, chunk: usize, n: usize) -> Range<usize> {
    let start = index * chunk;
    start..start.saturating_add(chunk).min(n)
}

fn tree<T: Send>(
    chunks: Range<usize>,
    map: &(impl Fn(usize) -> T + Sync),
    combine: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if chunks.len() == 1 {
        return map(chunks.start);
    }
    let middle = chunks.start + chunks.len().div_ceil(2);
    let (left, right) =
        rayon::join(|| tree(chunks.start..middle, map, combine), || tree(middle..chunks.end, map, combine));
    combine(left, right)
}

pub(crate) fn pair(l: [f64; LANES]) -> f64 {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}
