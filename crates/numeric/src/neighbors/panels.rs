//! Every row against every query, on vectors of `f32`.
//!
//! The kernel is that of a matrix product: a panel of rows stays in the first cache while groups of queries pass, and the
//! products stay in registers. What it gives are bounds: `|x|^2 / 2 - q x` of the rounded numbers differs from
//! that of the exact ones by no more than a slack that is known, and a row that could be among the answers is
//! measured again in `f64`. So the answers are exact, and few rows are measured twice.

use std::ops::Range;
use std::sync::OnceLock;

use pulp::Simd;

use super::broad;
use super::coarse::Coarse;
use super::collect::Collect;
use super::norm::{Squares, between};
use crate::{reduce, simd};

/// Queries of one tile: with two vectors of rows each as many sums as leave registers for the factors.
const GROUP: usize = 6;

/// Rows in `f32`, shifted to their mean and scaled to at most 1, transposed in panels of two vectors.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    pub(super) width: usize,
    pub(super) n_rows: usize,
    /// Rows of a panel.
    side: usize,
    /// Made when they are asked for, where bytes are searched first.
    packed: OnceLock<Vec<f32>>,
    pub(super) cells: Vec<f64>,
    pub(super) centre: Vec<f64>,
    /// The largest number without the shift.
    pub(super) largest: f64,
    pub(super) scale: f64,
    /// The length of the longest row, and that of the shift, in the scale of the panels.
    pub(super) longest: f64,
    pub(super) shift: f64,
    /// The rows in bytes, where those are searched first.
    coarse: Option<Coarse>,
}

/// The number of rows of a panel on this machine.
pub(crate) fn side() -> usize {
    struct Lanes;
    impl pulp::WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            2 * S::F32_LANES
        }
    }
    simd::arch().dispatch(Lanes)
}

impl Panels {
    /// Panels of rows of `width` numbers, of which there must be at least one.
    pub(super) fn new(cells: Vec<f64>, width: usize) -> Self {
        let n_rows = cells.len() / width;
        let sums = |rows: Range<usize>| {
            let mut sums = vec![0.0; width];
            for row in cells[rows.start * width..rows.end * width].chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            sums
        };
        let total = reduce::map_reduce(n_rows, 4096, sums, crate::linalg::add);
        let centre: Vec<f64> = total.unwrap_or_default().iter().map(|sum| sum / n_rows as f64).collect();
        let over_rows = |measure: &(dyn Fn(&[f64]) -> f64 + Sync)| {
            let part = |rows: Range<usize>| {
                let rows = cells[rows.start * width..rows.end * width].chunks_exact(width);
                rows.map(measure).fold(0.0, f64::max)
            };
            reduce::map_reduce(n_rows, 4096, part, f64::max).unwrap_or(0.0)
        };
        let largest = over_rows(&|row| simd::widest(Largest { row, centre: &centre }));
        let scale = 1.0 / crate::linalg::power_of_two(largest);
        let longest = over_rows(&|row| squared_length(row, &centre, scale)).sqrt();
        let shift = centre.iter().map(|centre| (centre * scale).powi(2)).sum::<f64>().sqrt();
        let side = if broad::fits() { broad::SIDE } else { side() };
        let packed = OnceLock::new();
        let mut panels = Panels {
            width,
            n_rows,
            side,
            packed,
            cells,
            centre,
            largest,
            scale,
            longest,
            shift,
            coarse: None,
        };
        panels.coarse = Coarse::new(&panels);
        if panels.coarse.is_none() {
            let mut packed = panels.empty();
            reduce::fill_rows(&mut packed, side * (width + 1), 64, |first, out| panels.pack(first, out));
            panels.packed = packed.into();
        }
        panels
    }

    /// Panels without rows.
    fn empty(&self) -> Vec<f32> {
        vec![0.0; self.n_rows.div_ceil(self.side) * self.side * (self.width + 1)]
    }

    /// For each panel half the squared lengths of its rows, then their values column by column.
    pub(super) fn packed(&self) -> &[f32] {
        self.packed.get_or_init(|| {
            // By one thread: the others may be waiting for what this one makes.
            let mut packed = self.empty();
            self.pack(0, &mut packed);
            packed
        })
    }

    /// Fills panels from number `first` on.
    fn pack(&self, first: usize, out: &mut [f32]) {
        let (width, side, scale) = (self.width, self.side, self.scale);
        for (index, panel) in out.chunks_exact_mut(side * (width + 1)).enumerate() {
            let start = (first + index) * side;
            let rows = self.cells[start * width..].chunks_exact(width).take(side);
            // Places without a row are farther than any row.
            panel[..side].fill(f32::INFINITY);
            for (place, row) in rows.enumerate() {
                panel[place] = (squared_length(row, &self.centre, scale) / 2.0) as f32;
                for (column, (value, centre)) in row.iter().zip(&self.centre).enumerate() {
                    panel[(column + 1) * side + place] = ((value - centre) * scale) as f32;
                }
            }
        }
    }

    /// Offers each query all rows that may be within its limit.
    pub(super) fn search<C: Collect>(&self, queries: &[f64], collects: &mut [C]) {
        let n_panels = self.n_rows.div_ceil(self.side);
        let mut done = 0;
        if let Some(coarse) = &self.coarse {
            let (n_done, far) = coarse.search(self, queries, collects);
            done = n_done.div_ceil(self.side);
            for query in far {
                let own = &queries[query * self.width..][..self.width];
                self.search_in(0..done, own, &mut collects[query..=query]);
            }
        }
        if done < n_panels {
            self.search_in(done..n_panels, queries, collects);
        }
    }

    /// The search in some of the panels.
    fn search_in<C: Collect>(&self, which: Range<usize>, queries: &[f64], collects: &mut [C]) {
        let width = self.width;
        let size = if broad::fits() { broad::GROUP } else { GROUP };
        let n_groups = collects.len().div_ceil(size);
        let mut packed = vec![0.0f32; n_groups * size * width];
        let mut known = Vec::with_capacity(n_groups * size);
        for (place, query) in queries.chunks_exact(width).enumerate() {
            let group = &mut packed[place / size * size * width..][..size * width];
            let mut length = 0.0;
            for (column, (value, centre)) in query.iter().zip(&self.centre).enumerate() {
                let value = (value - centre) * self.scale;
                length += value * value;
                group[column * size + place % size] = -value as f32;
            }
            known.push(Query::new(self, length));
        }
        known.resize(n_groups * size, Query { length: 0.0, slack: 0.0, bound: f32::NEG_INFINITY });
        for (query, collect) in known.iter_mut().zip(&*collects) {
            query.lower(collect.limit(), self.scale);
        }
        let scan = Scan { panels: self, which, queries, packed: &packed, known: &mut known, collects };
        match broad::fits() {
            true => broad::scan(scan),
            false => simd::arch().dispatch(scan),
        }
    }
}

fn squared_length(row: &[f64], centre: &[f64], scale: f64) -> f64 {
    row.iter().zip(centre).map(|(value, centre)| ((value - centre) * scale).powi(2)).sum()
}

/// The largest distance of a number of a row from the centre.
struct Largest<'a> {
    row: &'a [f64],
    centre: &'a [f64],
}

impl simd::Kernel for Largest<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut lanes = [0.0f64; 8];
        for (row, centre) in self.row.chunks(8).zip(self.centre.chunks(8)) {
            for ((lane, value), centre) in lanes.iter_mut().zip(row).zip(centre) {
                let apart = (value - centre).abs();
                *lane = if apart > *lane { apart } else { *lane };
            }
        }
        lanes.into_iter().fold(0.0, f64::max)
    }
}

/// What is known of a query: its squared length, how far a bound may be off, and the bound that rows must pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    length: f64,
    slack: f64,
    pub(super) bound: f32,
}

impl Query {
    fn new(panels: &Panels, length: f64) -> Self {
        let (longest, own) = (panels.longest, length.sqrt());
        // Each of the products and sums errs by one part in 2^24 of the whole; twice that is safe. Values that
        // vanish in `f32` are less than 2^-126.
        let products = longest * longest / 2.0 + own * longest;
        let rounding = (panels.width + 8) as f64 * 2f64.powi(-23) * products;
        let shift = panels.shift * 2f64.powi(-50) * (longest + own) * (panels.width as f64).sqrt();
        // Distances that are measured err too, which counts where a query is much farther than the rows are apart.
        let measured = (panels.width + 8) as f64 * 2f64.powi(-52) * (longest + own).powi(2);
        Query { length, slack: rounding + shift + measured + 1e-36, bound: f32::INFINITY }
    }

    #[inline(always)]
    fn lower(&mut self, limit: f64, scale: f64) {
        let bound = (limit * scale * scale - self.length) / 2.0 + self.slack;
        // A query that is too far for `f32` has a bound that lets everything pass.
        self.bound = if bound.is_finite() { (bound as f32).next_up() } else { f32::MAX };
        if self.length > 1e30 {
            self.bound = f32::NAN;
        }
    }
}

pub(super) struct Scan<'a, C> {
    pub(super) panels: &'a Panels,
    pub(super) which: Range<usize>,
    pub(super) queries: &'a [f64],
    pub(super) packed: &'a [f32],
    pub(super) known: &'a mut [Query],
    pub(super) collects: &'a mut [C],
}

impl<C: Collect> pulp::WithSimd for Scan<'_, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Scan { panels, which, queries, packed, known, collects } = self;
        let (width, side) = (panels.width, panels.side);
        let (all, _) = S::as_simd_f32s(panels.packed());
        for (index, panel) in all.chunks_exact(2 * (width + 1)).enumerate().take(which.end).skip(which.start)
        {
            for (group, factors) in packed.chunks_exact(GROUP * width).enumerate() {
                let sums = tile::<S, GROUP>(simd, panel, factors);
                for (place, sums) in sums.iter().enumerate() {
                    let at = group * GROUP + place;
                    let bound = simd.splat_f32s(known[at].bound);
                    // Not `sum <= bound`: what cannot be compared must be measured.
                    let far = [simd.less_than_f32s(bound, sums[0]), simd.less_than_f32s(bound, sums[1])];
                    let near = simd.not_m32s(simd.and_m32s(far[0], far[1]));
                    if simd.first_true_m32s(near) == S::F32_LANES || at >= collects.len() {
                        continue;
                    }
                    let query = &queries[at * width..][..width];
                    let collect = &mut collects[at];
                    measure(panels, index * side, as_floats::<S>(sums), query, &mut known[at], collect);
                }
            }
        }
    }
}

#[inline(always)]
fn as_floats<S: Simd>(vectors: &[S::f32s; 2]) -> &[f32] {
    pulp::bytemuck::cast_slice(vectors.as_slice())
}

/// Measures the rows of a panel that pass the bound.
#[inline(never)]
pub(super) fn measure<C: Collect>(
    panels: &Panels,
    first: usize,
    sums: &[f32],
    query: &[f64],
    known: &mut Query,
    collect: &mut C,
) {
    for (place, &sum) in sums.iter().enumerate() {
        let row = first + place;
        if sum > known.bound || row >= panels.n_rows {
            continue;
        }
        let distance = between(Squares, query, &panels.cells[row * panels.width..][..panels.width]);
        let limit = collect.limit();
        if distance <= limit {
            collect.offer(distance, row as u32);
            known.lower(collect.limit(), panels.scale);
        }
    }
}

/// The bounds of two vectors of rows and `R` queries: the start of the panel plus the products.
#[inline(always)]
pub(crate) fn tile<S: Simd, const R: usize>(
    simd: S,
    panel: &[S::f32s],
    factors: &[f32],
) -> [[S::f32s; 2]; R] {
    let (panel, _) = panel.as_chunks::<2>();
    let Some((start, columns)) = panel.split_first() else { return [[simd.splat_f32s(0.0); 2]; R] };
    let mut sums = [*start; R];
    for (column, factors) in columns.iter().zip(factors.as_chunks::<R>().0) {
        for place in 0..R {
            let factor = simd.splat_f32s(factors[place]);
            sums[place][0] = simd.mul_add_e_f32s(column[0], factor, sums[place][0]);
            sums[place][1] = simd.mul_add_e_f32s(column[1], factor, sums[place][1]);
        }
    }
    sums
}
