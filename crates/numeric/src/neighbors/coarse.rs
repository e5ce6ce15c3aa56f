//! The search of [`panels`](super::panels) on bytes, where the machine multiplies four of them at once with four others.
//!
//! Rows and queries are rounded to 8 bits. How far rounding moved each of them is known, so the distance of the rounded
//! ones, which is exact in integers, bounds the true one: a row that could be among the answers is measured in `f64`, and the
//! answers are the same on every machine. With many columns the bound is close, and one instruction does what takes
//! four on `f32`. Where too many rows must be measured, the rest of them is left to `f32`.

use super::collect::Collect;
use super::norm::{Squares, between};
use super::panels::Panels;
use super::rounded::{LARGEST, Rounded, STEP};
use crate::{reduce, simd};

/// Rows of a panel: two vectors.
const SIDE: usize = 32;
/// Queries of one tile: with two vectors of rows each 24 of the 32 registers.
const GROUP: usize = 12;
/// With fewer columns the comparisons cost as much as the products.
const FEW_COLUMNS: usize = 24;
/// With more columns the sums might not fit.
const MANY_COLUMNS: usize = 4096;
/// A row has `code + 128`, so that it is no negative number.
const ZERO: u8 = 128;
/// Rounding that moves rows by more than this part of their usual length bounds nothing well.
const COARSEST: f64 = 0.03;
/// So many rows are measured for each query before the share of those that are measured counts.
const TRIAL: usize = 256;
/// So many rows are asked for before they are measured.
const AHEAD: usize = 4;
/// Measuring more than one row of so many takes longer than `f32` would.
const RARE: usize = 128;

/// Rows in bytes.
#[derive(Clone, Debug)]
pub(super) struct Coarse {
    /// What one step of a code is, in the scale of the panels.
    unit: f64,
    /// How far rounding moved a row at most, in the scale of the panels.
    moved: f64,
    /// Half the squared length of the codes of each row, rounded down.
    starts: Vec<i32>,
    /// Panel by panel, for each step of columns those of the rows.
    codes: Vec<u8>,
}

/// Whether the machine has products of bytes.
#[inline]
fn fits() -> bool {
    #[cfg(target_arch = "x86_64")]
    return simd::allows_broad()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Coarse {
    /// The rows in bytes, where the machine and the numbers of the rows are such that this pays.
    pub(super) fn new(panels: &Panels) -> Option<Self> {
        let width = panels.width;
        let n_rows = panels.cells.len() / width;
        if !fits() || !(FEW_COLUMNS..=MANY_COLUMNS).contains(&width) || n_rows < SIDE {
            return None;
        }
        let unit = panels.largest * panels.scale / LARGEST;
        if !unit.is_normal() {
            return None;
        }
        let stride = SIDE * width.next_multiple_of(STEP);
        let n_places = n_rows.next_multiple_of(SIDE);
        let row = |row: usize| &panels.cells[row * width..][..width];
        let parts = reduce::map_chunks(n_places, 64 * SIDE, |rows| {
            let mut codes = vec![ZERO; rows.len() / SIDE * stride];
            let mut measures = Vec::with_capacity(rows.len());
            let mut rounded = Rounded::new(width);
            for number in rows.start..rows.end.min(n_rows) {
                let (panel, place) = ((number - rows.start) / SIDE, number % SIDE);
                rounded.round(panels, unit, row(number));
                let codes = &mut codes[panel * stride..][..stride];
                rounded.spread(place, SIDE, |code| (code + f64::from(ZERO)) as u8, codes);
                measures.push([rounded.length(), rounded.moved(panels), rounded.own()]);
            }
            (codes, measures)
        });
        let mut coarse = Coarse {
            unit,
            moved: 0.0,
            starts: vec![i32::MAX / 2; n_places],
            codes: Vec::with_capacity(n_places / SIDE * stride),
        };
        let mut squares = 0.0;
        let mut starts = coarse.starts.iter_mut();
        for (codes, measures) in parts {
            coarse.codes.extend(codes);
            for ([length, moved, own], start) in measures.into_iter().zip(&mut starts) {
                *start = (length / 2.0) as i32;
                coarse.moved = coarse.moved.max(moved);
                squares += own;
            }
        }
        let usual = (squares / n_rows as f64).sqrt();
        (coarse.moved <= COARSEST * usual).then_some(coarse)
    }

    /// Offers each query the rows that may be within its limit. Gives how many rows it has been through, which is not all where
    /// too many had to be measured; and the few queries that lie so far from the rows that they were offered none.
    pub(super) fn search<C: Collect>(
        &self,
        panels: &Panels,
        queries: &[f64],
        collects: &mut [C],
    ) -> (usize, Vec<usize>) {
        let (width, n_rows) = (panels.width, panels.n_rows);
        let stride = GROUP * width.next_multiple_of(STEP);
        let mut packed = vec![0i8; collects.len().div_ceil(GROUP) * stride];
        let mut known = Vec::with_capacity(collects.len());
        let mut rounded = Rounded::new(width);
        let mut far = Vec::new();
        for (place, query) in queries.chunks_exact(width).enumerate() {
            rounded.round(panels, self.unit, query);
            let group = &mut packed[place / GROUP * stride..][..stride];
            rounded.spread(place % GROUP, GROUP, |code| -code as i8, group);
            let moved = rounded.moved(panels);
            // Not `moved > 2 * self.moved`: what cannot be compared is too far.
            if !(moved <= 2.0 * self.moved) {
                far.push(place);
                known.push(Query {
                    moved,
                    start: 0.0,
                    bound: i32::MIN,
                    wanted: 0,
                    best: Vec::new(),
                    kept: Vec::new(),
                });
                continue;
            }
            let sum: f64 = rounded.codes.iter().sum();
            let start = -rounded.length() / 2.0 - f64::from(ZERO) * sum;
            let moved = (moved + self.moved) / self.unit;
            let bound = bound(self.reach(panels, collects[place].limit()) + moved, start);
            let wanted = collects[place].wanted();
            known.push(Query { moved, start, bound, wanted, best: Vec::new(), kept: Vec::new() });
        }
        // Those are searched one by one, which is slow.
        if far.len() > collects.len() / 8 {
            return (0, Vec::new());
        }
        #[cfg(target_arch = "x86_64")]
        let n_done = vectors::run(self, n_rows, &packed, &mut known);
        #[cfg(not(target_arch = "x86_64"))]
        let n_done = 0;
        for ((mut known, collect), query) in known.into_iter().zip(collects).zip(queries.chunks_exact(width))
        {
            // Those that seem nearest first: what they leave of the bound most others do not pass. Where all within a limit are
            // wanted, in their order, in which their weights are added.
            if known.wanted > 0 {
                known.kept.sort_unstable();
            }
            for (place, &(sum, row)) in known.kept.iter().enumerate() {
                if sum > known.bound {
                    continue;
                }
                if let Some(&(_, later)) = known.kept.get(place + AHEAD) {
                    let start = later as usize * width;
                    (0..width).step_by(8).for_each(|column| simd::prefetch(&panels.cells, start + column));
                }
                let cells = &panels.cells[row as usize * width..][..width];
                // Added up in another order, which is faster and no farther off than this.
                if simd::widest(Roughly(query, cells)) * (1.0 - 1e-9) > collect.limit() {
                    continue;
                }
                let distance = between(Squares, query, cells);
                if distance <= collect.limit() {
                    collect.offer(distance, row);
                    known.bound = bound(self.reach(panels, collect.limit()) + known.moved, known.start);
                }
            }
        }
        (n_done, far)
    }

    /// A limit of squared distances as a distance in steps; no number where no distance is below it.
    fn reach(&self, panels: &Panels, limit: f64) -> f64 {
        limit.sqrt() * panels.scale / self.unit
    }
}

/// The squared distance of two rows, in the order that is fastest.
struct Roughly<'a>(&'a [f64], &'a [f64]);

impl simd::Kernel for Roughly<'_> {
    type Output = f64;
    const BROAD: bool = true;

    #[inline(always)]
    fn run(self) -> f64 {
        let (a, a_rest) = self.0.as_chunks::<16>();
        let (b, b_rest) = self.1.as_chunks::<16>();
        let mut lanes = [0.0; 16];
        for (a, b) in a.iter().zip(b) {
            for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane += (a - b) * (a - b);
            }
        }
        lanes.iter().sum::<f64>() + between(Squares, a_rest, b_rest)
    }
}

/// The largest sum of products of a row that is no farther than `reach` steps.
fn bound(reach: f64, start: f64) -> i32 {
    // Distances are measured with an error of less than one part in 10^10. Nothing passes where there is no reach.
    let reach = reach * (1.0 + 1e-9);
    if reach.is_nan() { i32::MIN } else { (reach * reach / 2.0 + start).floor() as i32 }
}

/// What is known of a query, in steps.
#[derive(Clone, Debug)]
struct Query {
    /// How far rounding moved it and a row at most together.
    moved: f64,
    /// What is added to the sum of its products to be half a squared distance, with the sign turned.
    start: f64,
    /// The sums of rows that may be answers are no larger.
    bound: i32,
    /// How many of the nearest rows are wanted, or 0, and the least sums so far.
    wanted: usize,
    best: Vec<i32>,
    /// The sums and numbers of rows that passed.
    kept: Vec<(i32, u32)>,
}

impl Query {
    /// Keeps a row that passed, and lowers the bound.
    fn keep(&mut self, sum: i32, row: u32) {
        self.kept.push((sum, row));
        if self.wanted == 0 {
            return;
        }
        if self.best.len() == self.wanted {
            if self.best.last().is_none_or(|last| *last <= sum) {
                return;
            }
            self.best.pop();
        }
        let place = self.best.partition_point(|other| *other <= sum);
        self.best.insert(place, sum);
        if let (true, Some(&last)) = (self.best.len() == self.wanted, self.best.last()) {
            // The rounded row is no farther than this, as half a square was rounded down by half; the row itself may be
            // farther by as much as rounding moves, and so may the rounded one of a row that is nearer.
            let farthest = (2.0 * (f64::from(last) - self.start) + 1.0).max(0.0).sqrt();
            self.bound = self.bound.min(bound(farthest + 2.0 * self.moved, self.start));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m512i, _mm512_cmple_epi32_mask, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_storeu_si512,
    };

    use super::{Coarse, GROUP, Query, RARE, SIDE, STEP, TRIAL, fits};

    /// Numbers of a vector.
    const LANES: usize = SIDE / 2;

    /// Has each query keep the rows that pass; gives how many rows it has been through.
    #[allow(unsafe_code)]
    pub(super) fn run(rows: &Coarse, n_rows: usize, packed: &[i8], known: &mut [Query]) -> usize {
        assert!(fits(), "the codes are those of another machine");
        // SAFETY: the processor has what is needed, as was just asserted.
        unsafe { through(rows, n_rows, packed, known) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn through(rows: &Coarse, n_rows: usize, packed: &[i8], known: &mut [Query]) -> usize {
        let panels = rows.starts.as_chunks::<SIDE>().0;
        let Some(stride) = rows.codes.len().checked_div(panels.len()) else { return 0 };
        let mut n_kept = 0;
        for (index, (panel, starts)) in rows.codes.chunks_exact(stride).zip(panels).enumerate() {
            let first = index * SIDE;
            if n_kept > known.len() * (TRIAL + first / RARE) {
                return first;
            }
            let groups = packed.chunks_exact(stride / SIDE * GROUP).zip(known.chunks_mut(GROUP));
            for (factors, known) in groups {
                let sums = tile(starts, panel, factors);
                for (sums, known) in sums.iter().zip(known) {
                    let bound = _mm512_set1_epi32(known.bound);
                    let near = [0, 1].map(|half| _mm512_cmple_epi32_mask(sums[half], bound));
                    if near[0] | near[1] == 0 {
                        continue;
                    }
                    let mut numbers = [0; SIDE];
                    store(sums, &mut numbers);
                    for (place, &sum) in numbers.iter().enumerate() {
                        if sum <= known.bound && first + place < n_rows {
                            known.keep(sum, (first + place) as u32);
                            n_kept += 1;
                        }
                    }
                }
            }
        }
        n_rows
    }

    /// The sums of the rows of a panel and a group of queries: the start of the row less the products.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn tile(starts: &[i32; SIDE], panel: &[u8], factors: &[i8]) -> [[__m512i; 2]; GROUP] {
        let (low, high) = starts.split_at(LANES);
        let mut sums = [[numbers(low), numbers(high)]; GROUP];
        let panel = panel.as_chunks::<{ SIDE * STEP }>().0;
        for (rows, factors) in panel.iter().zip(factors.as_chunks::<{ GROUP * STEP }>().0) {
            let (low, high) = rows.split_at(LANES * STEP);
            let (low, high) = (bytes(low), bytes(high));
            let factors = factors.as_chunks::<STEP>().0;
            for place in 0..GROUP {
                let factor = _mm512_set1_epi32(i32::from_le_bytes(factors[place].map(i8::cast_unsigned)));
                sums[place][0] = _mm512_dpbusd_epi32(sums[place][0], low, factor);
                sums[place][1] = _mm512_dpbusd_epi32(sums[place][1], high, factor);
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[allow(unsafe_code)]
    fn numbers(numbers: &[i32]) -> __m512i {
        let numbers: &[i32; LANES] = numbers.first_chunk().expect("a vector of numbers");
        // SAFETY: the array is as long as the vector, and the load asks for no alignment.
        unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[allow(unsafe_code)]
    fn bytes(bytes: &[u8]) -> __m512i {
        let bytes: &[u8; LANES * STEP] = bytes.first_chunk().expect("a vector of bytes");
        // SAFETY: the array is as long as the vector, and the load asks for no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    #[allow(unsafe_code)]
    fn store(sums: &[__m512i; 2], numbers: &mut [i32; SIDE]) {
        let (low, high) = numbers.split_at_mut(LANES);
        // SAFETY: each half is as long as the vector, and the store asks for no alignment.
        unsafe {
            _mm512_storeu_si512(low.as_mut_ptr().cast(), sums[0]);
            _mm512_storeu_si512(high.as_mut_ptr().cast(), sums[1]);
        }
    }
}
