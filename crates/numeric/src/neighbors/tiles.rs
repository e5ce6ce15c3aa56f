//! Tiles of products of points and centres: which centre of each point is nearest.

use pulp::Simd;

use super::norm::{Squares, between};
use super::panels::{side, tile};
use crate::simd::{self, Kernel};

/// Packs points as [`Points`] does; gives the length of the longest.
pub(super) struct Pack<'a> {
    pub(super) cells: &'a [f64],
    pub(super) width: usize,
    pub(super) side: usize,
    pub(super) shift: &'a [f64],
    pub(super) scale: f64,
    pub(super) panels: &'a mut [f32],
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
pub(super) struct Packed {
    width: usize,
    side: usize,
    factors: Vec<f32>,
    starts: Vec<f32>,
    longest: f64,
    /// Two centres whose sums are nearer than this may be in the wrong order, for the points that it was packed for.
    pub(super) slack: f32,
}

impl Packed {
    pub(super) fn new(centres: &[f64], width: usize, shift: &[f64], scale: f64) -> Self {
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
        Packed { width, side, factors, starts, longest, slack: f32::INFINITY }
    }

    /// Two centres whose sums are nearer than this may be in the wrong order, for points no longer than `longest`.
    pub(super) fn slack_for(&self, longest: f64, shift: &[f64], scale: f64) -> f32 {
        // As for the bounds of the search: each product and each sum errs by one part in 2^24 of the whole.
        let products = self.longest * (self.longest / 2.0 + longest);
        let shift = shift.iter().map(|shift| (shift * scale).powi(2)).sum::<f64>().sqrt();
        let rounding = (self.width + 8) as f64 * 2f64.powi(-23) * products;
        let slack =
            rounding + shift * 2f64.powi(-50) * (longest + self.longest) * (self.width as f64).sqrt() + 1e-36;
        // Where the slack is beyond `f32` everything is measured.
        if slack < 1e30 { ((2.0 * slack) as f32).next_up() } else { f32::INFINITY }
    }

    /// So many points, in panels, stay in the cache.
    pub(super) fn few(&self, width: usize) -> usize {
        let side = side();
        side * (2048 / (side * (width + 1))).max(1)
    }

    pub(super) fn find(
        &self,
        panels: &[f32],
        slack: f32,
        nearest: &mut [u32],
        cells: &[f64],
        centres: &[f64],
        [best, second]: [&mut [f32]; 2],
    ) {
        let (factors, starts, width) = (&self.factors, &self.starts, self.width);
        let place = Place { panels, factors, starts, width, slack, nearest, cells, centres, best, second };
        match self.side {
            4 => simd::arch().dispatch(Tiles::<4>(place)),
            5 => simd::arch().dispatch(Tiles::<5>(place)),
            _ => simd::arch().dispatch(Tiles::<6>(place)),
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
    /// The smallest and the next sum of each point; infinities where the point had to be measured. Empty where nobody asks.
    best: &'a mut [f32],
    second: &'a mut [f32],
}

/// Tiles of `R` centres.
struct Tiles<'a, const R: usize>(Place<'a>);

impl<const R: usize> pulp::WithSimd for Tiles<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Place {
            panels,
            factors,
            starts,
            width,
            slack,
            nearest,
            cells,
            centres,
            best: bests,
            second: seconds,
        } = self.0;
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
            let told = index * side..bests.len().min((index + 1) * side);
            if !told.is_empty() {
                let (best, second): (&[f32], &[f32]) = (
                    pulp::bytemuck::cast_slice(best.as_slice()),
                    pulp::bytemuck::cast_slice(second.as_slice()),
                );
                bests[told.clone()].copy_from_slice(&best[..told.len()]);
                seconds[told.clone()].copy_from_slice(&second[..told.len()]);
            }
            // Not `gap <= slack`: what cannot be compared must be measured.
            let sure = gaps.iter().fold(true, |sure, gap| sure & (*gap > slack));
            if sure || centres.len() == width {
                continue;
            }
            for (place, nearest) in nearest.iter_mut().enumerate() {
                if !(gaps[place] > slack) {
                    *nearest = measure(&cells[(index * side + place) * width..][..width], centres);
                    if let (Some(best), Some(second)) =
                        (bests.get_mut(index * side + place), seconds.get_mut(index * side + place))
                    {
                        (*best, *second) = (f32::INFINITY, f32::NEG_INFINITY);
                    }
                }
            }
        }
    }
}

/// The nearest centre, by the sums of squared differences.
#[inline(never)]
pub(super) fn measure(point: &[f64], centres: &[f64]) -> u32 {
    let (mut best, mut which) = (f64::INFINITY, 0);
    for (number, centre) in centres.chunks_exact(point.len()).enumerate() {
        let distance = between(Squares, point, centre);
        if distance < best {
            (best, which) = (distance, number as u32);
        }
    }
    which
}
