//! Many points against few centres: the nearest centre of each, as k-means asks for again and again.

use perennial_core::memory;
use pulp::Simd;

use super::panels::side;
use super::tiles::{Pack, Packed, measure};
use crate::{reduce, simd};

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
    /// The squared length of each point, shifted and scaled.
    lengths: Vec<f64>,
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
            let mut largest: f64 = 0.0;
            let mut lengths = Vec::with_capacity(rows.len());
            for row in cells[rows.start * width..rows.end * width].chunks_exact(width) {
                let mut length = 0.0;
                for (value, shift) in row.iter().zip(&shift) {
                    let value = (value - shift).abs();
                    largest = if value > largest { value } else { largest };
                    length += value * value;
                }
                lengths.push(length);
            }
            (largest, lengths)
        };
        let (largest, lengths): (Vec<f64>, Vec<Vec<f64>>) =
            reduce::map_chunks(n_points, BLOCK, measure).into_iter().unzip();
        let scale = 1.0 / crate::linalg::power_of_two(largest.into_iter().fold(0.0, f64::max));
        let lengths: Vec<f64> = lengths.concat().into_iter().map(|length| length * scale * scale).collect();
        let longest = lengths.iter().copied().fold(0.0, f64::max).sqrt();
        let side = side();
        let stride = side * (width + 1);
        let mut panels: Vec<f32> = memory::zeros(n_points.div_ceil(side) * stride);
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
        Points { cells, width, side, panels, shift, scale, longest, lengths }
    }

    /// How many points there are.
    pub fn n_points(&self) -> usize {
        self.cells.len() / self.width
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// What numbers are multiplied by in the panels.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    pub(super) fn point(&self, point: usize) -> &[f64] {
        &self.cells[point * self.width..][..self.width]
    }

    /// The squared length of a point, shifted and scaled.
    pub(super) fn squared_length(&self, point: usize) -> f64 {
        self.lengths[point]
    }

    pub(super) fn pack_centres(&self, centres: &[f64]) -> Packed {
        let mut packed = Packed::new(centres, self.width, &self.shift, self.scale);
        packed.slack = packed.slack_for(self.longest, &self.shift, self.scale);
        packed
    }

    /// The nearest centre of points of a block, from number `first` on, and the sums of the two nearest where there is room for them.
    pub(super) fn find_block(
        &self,
        packed: &Packed,
        centres: &[f64],
        first: usize,
        sums: [&mut [f32]; 2],
        nearest: &mut [u32],
    ) {
        let stride = self.side * (self.width + 1);
        let n_panels = nearest.len().div_ceil(self.side);
        let panels = &self.panels[first / self.side * stride..][..n_panels * stride];
        packed.find(panels, packed.slack, nearest, &self.cells[first * self.width..], centres, sums);
    }

    /// As [`find_block`](Points::find_block) for [`few`](Packed::few) points, whose numbers are `cells`.
    pub(super) fn find_few(
        &self,
        packed: &Packed,
        centres: &[f64],
        cells: &[f64],
        sums: [&mut [f32]; 2],
        nearest: &mut [u32],
    ) {
        let (width, side) = (self.width, self.side);
        let mut panels = vec![0.0f32; nearest.len().div_ceil(side) * side * (width + 1)];
        let (shift, scale) = (&self.shift[..], self.scale);
        simd::widest(Pack { cells, width, side, shift, scale, panels: &mut panels });
        packed.find(&panels, packed.slack, nearest, cells, centres, sums);
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
        let packed = self.pack_centres(centres);
        reduce::fill_chunks(nearest, BLOCK, |first, nearest| {
            self.find_block(&packed, centres, first, [&mut [], &mut []], nearest);
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
        let n_rows = packed.few(width);
        let mut panels = vec![0.0f32; n_rows / side * stride];
        for (nearest, cells) in nearest.chunks_mut(n_rows).zip(cells.chunks(n_rows * width)) {
            let longest =
                simd::widest(Pack { cells, width, side, shift: &shift, scale, panels: &mut panels });
            if is_tame && longest < 1e15 {
                // The lengths are those of rounded numbers, added up in `f32`.
                let slack = packed.slack_for(1.01 * f64::from(longest), &shift, scale);
                let used = &panels[..nearest.len().div_ceil(side) * stride];
                packed.find(used, slack, nearest, cells, centres, [&mut [], &mut []]);
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
