//! Many points against few centres: the nearest centre of each, as k-means asks for again and again.

use pulp::Simd;

use super::norm::{Squares, between};
use super::panels::{side, tile};
use crate::reduce;

/// Centres of one tile.
const GROUP: usize = 6;
/// Points of one task; a multiple of the rows of a panel on any machine.
const BLOCK: usize = 4096;

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
        let n_groups = (centres.len() / width).div_ceil(GROUP);
        let (mut factors, mut starts) =
            (vec![0.0f32; n_groups * GROUP * width], vec![f32::INFINITY; n_groups * GROUP]);
        let mut longest_centre: f64 = 0.0;
        for (place, centre) in centres.chunks_exact(width).enumerate() {
            let group = &mut factors[place / GROUP * GROUP * width..][..GROUP * width];
            let mut length = 0.0;
            for (column, (value, shift)) in centre.iter().zip(&self.shift).enumerate() {
                let value = (value - shift) * self.scale;
                length += value * value;
                group[column * GROUP + place % GROUP] = -value as f32;
            }
            starts[place] = (length / 2.0) as f32;
            longest_centre = longest_centre.max(length.sqrt());
        }
        // As for the bounds of the search: each product and each sum errs by one part in 2^24 of the whole.
        let products = longest_centre * (longest_centre / 2.0 + self.longest);
        let shift = self.shift.iter().map(|shift| (shift * self.scale).powi(2)).sum::<f64>().sqrt();
        let rounding = (width + 8) as f64 * 2f64.powi(-23) * products;
        let slack = rounding
            + shift * 2f64.powi(-50) * (self.longest + longest_centre) * (width as f64).sqrt()
            + 1e-36;
        // Where the slack is beyond `f32` everything is measured.
        let slack = if slack < 1e30 { ((2.0 * slack) as f32).next_up() } else { f32::INFINITY };
        let stride = self.side * (width + 1);
        reduce::fill_chunks(nearest, BLOCK, |first, nearest| {
            let n_panels = nearest.len().div_ceil(self.side);
            let panels = &self.panels[first / self.side * stride..][..n_panels * stride];
            let cells = &self.cells[first * width..];
            let (factors, starts) = (&factors, &starts);
            let place = Place { panels, factors, starts, width, slack, nearest, cells, centres };
            pulp::Arch::new().dispatch(place);
        });
    }

    /// For each point the smaller of `closest` and its squared distance to point `to`, in the scale of the panels; and the
    /// sum of those over the points, each times its weight.
    pub(crate) fn closer(&self, to: &[usize], closest: &[f32], weights: Option<&[f64]>) -> Vec<f64> {
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
    fn lower(&self, to: usize, first: usize, closest: &mut [f32]) {
        let (width, side) = (self.width, self.side);
        let stride = side * (width + 1);
        let target: Vec<f32> =
            (1..=width).map(|column| self.panels[to / side * stride + column * side + to % side]).collect();
        let panels = &self.panels[first / side * stride..];
        pulp::Arch::new().dispatch(Lower { panels, target: &target, closest });
    }

    /// `k` points that are far from each other, by greedy k-means++ (Arthur and Vassilvitskii, 2007): each is the
    /// best of several that are drawn in proportion to their squared distance from those before, times their weight.
    ///
    /// # Panics
    /// When there are no points.
    pub fn far_apart(
        &self,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut crate::random::Random,
    ) -> Vec<usize> {
        let n_points = self.n_points();
        assert!(n_points > 0, "there must be points to draw from");
        let n_trials = 2 + (k.max(1) as f64).ln() as usize;
        let ones = |rows: std::ops::Range<usize>| {
            rows.map(|row| weights.map_or(1.0, |weights| weights[row])).collect::<Vec<f64>>()
        };
        let first = draw(n_points, random, &ones).unwrap_or(0);
        let mut chosen = vec![first];
        let mut closest = vec![f32::INFINITY; n_points];
        reduce::fill_chunks(&mut closest, BLOCK, |start, closest| self.lower(first, start, closest));
        while chosen.len() < k {
            let shares = |rows: std::ops::Range<usize>| {
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                rows.map(|row| f64::from(closest[row]) * weight(row)).collect::<Vec<f64>>()
            };
            let sums = reduce::map_chunks(n_points, BLOCK, |rows| shares(rows).iter().sum::<f64>());
            let mut trials: Vec<usize> = (0..n_trials)
                .filter_map(|_| {
                    let block = random.weighted_index(&sums)?;
                    let start = block * BLOCK;
                    let inside = random.weighted_index(&shares(start..(start + BLOCK).min(n_points)))?;
                    Some(start + inside)
                })
                .collect();
            if trials.is_empty() {
                // All points are where a centre is already.
                trials.extend(draw(n_points, random, &ones));
                trials.truncate(1);
            }
            let potentials = self.closer(&trials, &closest, weights);
            let mut best = 0;
            for trial in 1..trials.len() {
                if potentials[trial] < potentials[best] {
                    best = trial;
                }
            }
            let next = trials.get(best).copied().unwrap_or(0);
            reduce::fill_chunks(&mut closest, BLOCK, |start, closest| self.lower(next, start, closest));
            chosen.push(next);
        }
        chosen
    }
}

/// A point in proportion to its share.
fn draw(
    n_points: usize,
    random: &mut crate::random::Random,
    shares: &(impl Fn(std::ops::Range<usize>) -> Vec<f64> + Sync),
) -> Option<usize> {
    let sums = reduce::map_chunks(n_points, BLOCK, |rows| shares(rows).iter().sum::<f64>());
    let start = random.weighted_index(&sums)? * BLOCK;
    Some(start + random.weighted_index(&shares(start..(start + BLOCK).min(n_points)))?)
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

impl pulp::WithSimd for Place<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Place { panels, factors, starts, width, slack, nearest, cells, centres } = self;
        let (panels, _) = S::as_simd_f32s(panels);
        let side = 2 * S::F32_LANES;
        for (index, (nearest, panel)) in
            nearest.chunks_mut(side).zip(panels.chunks_exact(2 * (width + 1))).enumerate()
        {
            let mut best = [simd.splat_f32s(f32::INFINITY); 2];
            let mut second = best;
            let mut which = [simd.splat_f32s(0.0); 2];
            for (group, (factors, starts)) in
                factors.chunks_exact(GROUP * width).zip(starts.as_chunks::<GROUP>().0).enumerate()
            {
                let sums = tile::<S, GROUP>(simd, panel, factors);
                for place in 0..GROUP {
                    let (start, number) =
                        (simd.splat_f32s(starts[place]), simd.splat_f32s((group * GROUP + place) as f32));
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
            let as_floats = |vectors: &[S::f32s; 2]| -> [f32; 64] {
                let mut out = [0.0; 64];
                let floats: &[f32] = pulp::bytemuck::cast_slice(vectors.as_slice());
                out[..floats.len()].copy_from_slice(floats);
                out
            };
            let (best, second, which) = (as_floats(&best), as_floats(&second), as_floats(&which));
            for (place, nearest) in nearest.iter_mut().enumerate() {
                let sure = second[place] - best[place] > slack;
                *nearest = if sure || centres.len() == width {
                    which[place] as u32
                } else {
                    measure(&cells[(index * side + place) * width..][..width], centres)
                };
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
