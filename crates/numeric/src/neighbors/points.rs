//! Many points against few centres: the nearest centre of each, as k-means asks for again and again.

use pulp::Simd;

use super::norm::{Squares, between};
use super::panels::{side, tile};
use crate::reduce;
use crate::simd::{self, Kernel};

/// Points of one task; a multiple of the rows of a panel on any machine.
pub(super) const BLOCK: usize = 4096;

/// Points whose nearest centres are asked for, packed once in panels of `f32`.
///
/// The answers are those of exact arithmetic in `f64`: where two centres are nearer to each other than the rounding of
/// `f32`, the point is measured again. Of centres at one distance the first counts.
///
/// ```
/// use perennial_numeric::neighbors::Points;
///
/// let points = Points::new(&[0.0, 1.0, 5.0, 6.0], 1);
/// let mut nearest = vec![0; 4];
/// points.nearest(&[0.4, 5.5], &mut nearest);
/// assert_eq!(nearest, [0, 0, 1, 1]);
/// ```
#[derive(Debug)]
pub struct Points<'a> {
    cells: &'a [f64],
    width: usize,
    side: usize,
    /// For each panel zeros, then the values of its points column by column.
    panels: Vec<f32>,
    shift: Vec<f64>,
    scale: f64,
    longest: f64,
}

impl<'a> Points<'a> {
    /// Points of `width` numbers each, one after the other. Their squares must not overflow.
    ///
    /// # Panics
    /// When `width` is 0.
    pub fn new(cells: &'a [f64], width: usize) -> Self {
        assert!(width > 0, "points have at least one coordinate");
        let n_points = cells.len() / width;
        let sums = |rows: std::ops::Range<usize>| {
            let mut sums = vec![0.0; width];
            for row in cells[rows.start * width..rows.end * width].chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            sums
        };
        let total = reduce::map_reduce(n_points, BLOCK, sums, crate::linalg::add);
        let total = total.unwrap_or_else(|| vec![0.0; width]);
        let shift: Vec<f64> = total.iter().map(|sum| sum / n_points.max(1) as f64).collect();
        let measure = |rows: std::ops::Range<usize>| {
            let mut most = [0.0f64; 2];
            for row in cells[rows.start * width..rows.end * width].chunks_exact(width) {
                let mut length = 0.0;
                for (value, shift) in row.iter().zip(&shift) {
                    let value = (value - shift).abs();
                    most[0] = if value > most[0] { value } else { most[0] };
                    length += value * value;
                }
                most[1] = most[1].max(length);
            }
            most
        };
        let larger = |a: [f64; 2], b: [f64; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        let [largest, longest] = reduce::map_reduce(n_points, BLOCK, measure, larger).unwrap_or([0.0; 2]);
        let scale = 1.0 / crate::linalg::power_of_two(largest);
        let side = side();
        let stride = side * (width + 1);
        let mut panels = vec![0.0f32; n_points.div_ceil(side) * stride];
        reduce::fill_rows(&mut panels, stride, 64, |first, panels| {
            for (index, panel) in panels.chunks_exact_mut(stride).enumerate() {
                let rows = cells[(first + index) * side * width..].chunks_exact(width).take(side);
                for (place, row) in rows.enumerate() {
                    for (column, (value, shift)) in row.iter().zip(&shift).enumerate() {
                        panel[(column + 1) * side + place] = ((value - shift) * scale) as f32;
                    }
                }
            }
        });
        Points { cells, width, side, panels, shift, scale, longest: longest.sqrt() * scale }
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        self.cells.len() / self.width
    }

    /// The numbers of the points.
    pub fn cells(&self) -> &[f64] {
        self.cells
    }

    /// The nearest centre of each point.
    ///
    /// # Panics
    /// When `nearest` is not as long as there are points, or there is no centre.
    pub fn nearest(&self, centres: &[f64], nearest: &mut [u32]) {
        let width = self.width;
        assert_eq!(nearest.len(), self.n_points(), "there must be one place for each point");
        assert!(centres.len() >= width, "there must be a centre");
        let packed = Packed::new(centres, width, &self.shift, self.scale);
        let slack = packed.slack(self.longest, &self.shift, self.scale);
        let stride = self.side * (width + 1);
        reduce::fill_chunks(nearest, BLOCK, |first, nearest| {
            let n_panels = nearest.len().div_ceil(self.side);
            let panels = &self.panels[first / self.side * stride..][..n_panels * stride];
            let cells = &self.cells[first * width..];
            packed.find(panels, slack, nearest, cells, centres);
        });
    }

    /// For each point the smaller of `closest` and its squared distance to point `to`, in the scale of the panels; and the
    /// sum of those over the points, each times its weight.
    pub(super) fn closer(&self, to: &[usize], closest: &[f32], weights: Option<&[f64]>) -> Vec<f64> {
        let add = crate::linalg::add;
        let part = |rows: std::ops::Range<usize>| {
            let mut potentials = vec![0.0; to.len()];
            let mut own = vec![0.0f32; rows.len()];
            for (potential, &to) in potentials.iter_mut().zip(to) {
                own.copy_from_slice(&closest[rows.clone()]);
                self.lower(to, rows.start, &mut own);
                *potential = total(&own, weights.map(|weights| &weights[rows.clone()]));
            }
            potentials
        };
        reduce::map_reduce(self.n_points(), BLOCK, part, add).unwrap_or_default()
    }

    /// Makes each of `closest`, from point `first` on, the smaller of itself and the squared distance to point `to`.
    pub(super) fn lower(&self, to: usize, first: usize, closest: &mut [f32]) {
        let (width, side) = (self.width, self.side);
        let stride = side * (width + 1);
        let target: Vec<f32> =
            (1..=width).map(|column| self.panels[to / side * stride + column * side + to % side]).collect();
        let panels = &self.panels[first / side * stride..];
        simd::arch().dispatch(Lower { panels, target: &target, closest });
    }
}

/// The nearest centre of each of some points of `width` numbers that are asked about once: as [`Points::nearest`], without
/// keeping the panels. Right for numbers of any size.
///
/// # Panics
/// When `width` is 0, `nearest` is not as long as there are points, or there is no centre.
///
/// ```
/// let mut nearest = [9; 3];
/// perennial_numeric::neighbors::nearest_centres(&[0.0, 1.0, 6.0], 1, &[0.4, 5.5], &mut nearest);
/// assert_eq!(nearest, [0, 0, 1]);
/// ```
pub fn nearest_centres(cells: &[f64], width: usize, centres: &[f64], nearest: &mut [u32]) {
    assert!(width > 0, "points have at least one coordinate");
    assert_eq!(nearest.len(), cells.len() / width, "there must be one place for each point");
    assert!(centres.len() >= width, "there must be a centre");
    let n_centres = centres.len() / width;
    let largest = |numbers: &[f64]| numbers.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let tame = |most: f64| most == 0.0 || (1e-90..=1e90).contains(&most);
    let is_tame = tame(largest(centres));
    let mut shift = vec![0.0; width];
    for centre in centres.chunks_exact(width) {
        shift.iter_mut().zip(centre).for_each(|(shift, value)| *shift += value / n_centres as f64);
    }
    let apart = centres.chunks_exact(width).flat_map(|centre| centre.iter().zip(&shift));
    let spread = apart.fold(0.0, |most: f64, (value, shift)| most.max((value - shift).abs()));
    let scale = 1.0 / crate::linalg::power_of_two(spread);
    let packed = Packed::new(centres, width, &shift, scale);
    let side = side();
    let stride = side * (width + 1);
    reduce::fill_chunks(nearest, BLOCK, |first, nearest| {
        let cells = &cells[first * width..(first + nearest.len()) * width];
        // A few panels at a time stay in the cache.
        let n_rows = side * (2048 / stride).max(1);
        let mut panels = vec![0.0f32; n_rows / side * stride];
        for (nearest, cells) in nearest.chunks_mut(n_rows).zip(cells.chunks(n_rows * width)) {
            let longest =
                simd::widest(Pack { cells, width, side, shift: &shift, scale, panels: &mut panels });
            if is_tame && longest < 1e15 {
                // The lengths are those of rounded numbers, added up in `f32`.
                let slack = packed.slack(1.01 * f64::from(longest), &shift, scale);
                let used = &panels[..nearest.len().div_ceil(side) * stride];
                packed.find(used, slack, nearest, cells, centres);
                continue;
            }
            for (nearest, point) in nearest.iter_mut().zip(cells.chunks_exact(width)) {
                // In a unit in which squares neither overflow nor vanish.
                let unit = crate::linalg::power_of_two(largest(point).max(largest(centres)));
                let scaled = |numbers: &[f64]| numbers.iter().map(|value| value / unit).collect::<Vec<f64>>();
                *nearest = measure(&scaled(point), &scaled(centres));
            }
        }
    });
}

/// Packs points as [`Points`] does; gives the length of the longest.
struct Pack<'a> {
    cells: &'a [f64],
    width: usize,
    side: usize,
    shift: &'a [f64],
    scale: f64,
    panels: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let Pack { cells, width, side, shift, scale, panels } = self;
        let mut longest = 0.0f32;
        let mut lengths = [0.0f32; 64];
        let lengths = &mut lengths[..side.min(64)];
        for (cells, panel) in cells.chunks(side * width).zip(panels.chunks_exact_mut(side * (width + 1))) {
            let n_rows = cells.len() / width;
            let (zeros, columns) = panel.split_at_mut(side);
            zeros.fill(0.0);
            lengths.fill(0.0);
            for (column, (out, shift)) in columns.chunks_exact_mut(side).zip(shift).enumerate() {
                for (place, out) in out[..n_rows].iter_mut().enumerate() {
                    *out = ((cells[place * width + column] - shift) * scale) as f32;
                }
                out[n_rows..].fill(0.0);
                lengths.iter_mut().zip(out.iter()).for_each(|(length, value)| *length += value * value);
            }
            for length in lengths.iter() {
                // What is no number must not be passed over.
                longest = if *length <= longest || longest.is_nan() { longest } else { *length };
            }
        }
        longest.sqrt()
    }
}

/// Centres in the form that the tiles want.
struct Packed {
    width: usize,
    side: usize,
    factors: Vec<f32>,
    starts: Vec<f32>,
    longest: f64,
}

impl Packed {
    fn new(centres: &[f64], width: usize, shift: &[f64], scale: f64) -> Self {
        // As many centres in a tile as leave the fewest places empty.
        let n_centres = centres.len() / width;
        let side = (4..=6).rev().min_by_key(|side| n_centres.next_multiple_of(*side)).unwrap_or(6);
        let n_groups = n_centres.div_ceil(side);
        let (mut factors, mut starts) =
            (vec![0.0f32; n_groups * side * width], vec![f32::INFINITY; n_groups * side]);
        let mut longest: f64 = 0.0;
        for (place, centre) in centres.chunks_exact(width).enumerate() {
            let group = &mut factors[place / side * side * width..][..side * width];
            let mut length = 0.0;
            for (column, (value, shift)) in centre.iter().zip(shift).enumerate() {
                let value = (value - shift) * scale;
                length += value * value;
                group[column * side + place % side] = -value as f32;
            }
            starts[place] = (length / 2.0) as f32;
            longest = longest.max(length.sqrt());
        }
        Packed { width, side, factors, starts, longest }
    }

    /// Two centres whose sums are nearer than this may be in the wrong order, for points no longer than `longest`.
    fn slack(&self, longest: f64, shift: &[f64], scale: f64) -> f32 {
        // As for the bounds of the search: each product and each sum errs by one part in 2^24 of the whole.
        let products = self.longest * (self.longest / 2.0 + longest);
        let shift = shift.iter().map(|shift| (shift * scale).powi(2)).sum::<f64>().sqrt();
        let rounding = (self.width + 8) as f64 * 2f64.powi(-23) * products;
        let slack =
            rounding + shift * 2f64.powi(-50) * (longest + self.longest) * (self.width as f64).sqrt() + 1e-36;
        // Where the slack is beyond `f32` everything is measured.
        if slack < 1e30 { ((2.0 * slack) as f32).next_up() } else { f32::INFINITY }
    }

    fn find(&self, panels: &[f32], slack: f32, nearest: &mut [u32], cells: &[f64], centres: &[f64]) {
        let (factors, starts, width) = (&self.factors, &self.starts, self.width);
        let place = Place { panels, factors, starts, width, slack, nearest, cells, centres };
        match self.side {
            4 => simd::arch().dispatch(Tiles::<4>(place)),
            5 => simd::arch().dispatch(Tiles::<5>(place)),
            _ => simd::arch().dispatch(Tiles::<6>(place)),
        }
    }
}

/// The sum, each value times its weight.
fn total(values: &[f32], weights: Option<&[f64]>) -> f64 {
    match weights {
        Some(weights) => values.iter().zip(weights).map(|(value, weight)| f64::from(*value) * weight).sum(),
        None => {
            let (blocks, rest) = values.as_chunks::<8>();
            let mut lanes = [0.0; 8];
            for block in blocks {
                for (lane, value) in lanes.iter_mut().zip(block) {
                    *lane += f64::from(*value);
                }
            }
            lanes.iter().sum::<f64>() + rest.iter().map(|value| f64::from(*value)).sum::<f64>()
        }
    }
}

struct Lower<'a> {
    panels: &'a [f32],
    target: &'a [f32],
    closest: &'a mut [f32],
}

impl pulp::WithSimd for Lower<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Lower { panels, target, closest } = self;
        let (panels, _) = S::as_simd_f32s(panels);
        let panels = panels.chunks_exact(2 * (target.len() + 1));
        for (closest, panel) in closest.chunks_mut(2 * S::F32_LANES).zip(panels) {
            let mut sums = [simd.splat_f32s(0.0); 2];
            for (column, target) in panel.as_chunks::<2>().0[1..].iter().zip(target) {
                let target = simd.splat_f32s(*target);
                for half in 0..2 {
                    let difference = simd.sub_f32s(column[half], target);
                    // Not fused: the sum is the same on every machine.
                    sums[half] = simd.add_f32s(sums[half], simd.mul_f32s(difference, difference));
                }
            }
            let sums: &[f32] = pulp::bytemuck::cast_slice(sums.as_slice());
            for (closest, sum) in closest.iter_mut().zip(sums) {
                *closest = if *sum < *closest { *sum } else { *closest };
            }
        }
    }
}

struct Place<'a> {
    panels: &'a [f32],
    factors: &'a [f32],
    starts: &'a [f32],
    width: usize,
    slack: f32,
    nearest: &'a mut [u32],
    cells: &'a [f64],
    centres: &'a [f64],
}

/// Tiles of `R` centres.
struct Tiles<'a, const R: usize>(Place<'a>);

impl<const R: usize> pulp::WithSimd for Tiles<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Place { panels, factors, starts, width, slack, nearest, cells, centres } = self.0;
        let (panels, _) = S::as_simd_f32s(panels);
        let side = 2 * S::F32_LANES;
        for (index, (nearest, panel)) in
            nearest.chunks_mut(side).zip(panels.chunks_exact(2 * (width + 1))).enumerate()
        {
            let mut best = [simd.splat_f32s(f32::INFINITY); 2];
            let mut second = best;
            let mut which = [simd.splat_f32s(0.0); 2];
            for (group, (factors, starts)) in
                factors.chunks_exact(R * width).zip(starts.as_chunks::<R>().0).enumerate()
            {
                let sums = tile::<S, R>(simd, panel, factors);
                for place in 0..R {
                    let (start, number) =
                        (simd.splat_f32s(starts[place]), simd.splat_f32s((group * R + place) as f32));
                    for half in 0..2 {
                        let sum = simd.add_f32s(sums[place][half], start);
                        let nearer = simd.less_than_f32s(sum, best[half]);
                        let behind = simd.select_f32s(nearer, best[half], sum);
                        second[half] = simd.min_f32s(second[half], behind);
                        which[half] = simd.select_f32s(nearer, number, which[half]);
                        best[half] = simd.select_f32s(nearer, sum, best[half]);
                    }
                }
            }
            let gaps = [simd.sub_f32s(second[0], best[0]), simd.sub_f32s(second[1], best[1])];
            let gaps: &[f32] = pulp::bytemuck::cast_slice(gaps.as_slice());
            let which: &[f32] = pulp::bytemuck::cast_slice(which.as_slice());
            for (nearest, which) in nearest.iter_mut().zip(which) {
                *nearest = *which as u32;
            }
            // Not `gap <= slack`: what cannot be compared must be measured.
            let sure = gaps.iter().fold(true, |sure, gap| sure & (*gap > slack));
            if sure || centres.len() == width {
                continue;
            }
            for (place, nearest) in nearest.iter_mut().enumerate() {
                if !(gaps[place] > slack) {
                    *nearest = measure(&cells[(index * side + place) * width..][..width], centres);
                }
            }
        }
    }
}

/// The nearest centre, by the sums of squared differences.
#[inline(never)]
fn measure(point: &[f64], centres: &[f64]) -> u32 {
    let (mut best, mut which) = (f64::INFINITY, 0);
    for (number, centre) in centres.chunks_exact(point.len()).enumerate() {
        let distance = between(Squares, point, centre);
        if distance < best {
            (best, which) = (distance, number as u32);
        }
    }
    which
}
