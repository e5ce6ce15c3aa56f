//! Moving points until neighbours are near: the second half of UMAP.

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

/// Points of one task.
const CHUNK: usize = 256;
/// Draws that the points of a pass share, each from a place of its own.
const DRAWS: usize = 1 << 16;
/// No coordinate moves further at once.
const CLIP: f32 = 4.0;
/// A neighbour and the points pushed away beside it, whose forces are computed together.
const LANES: usize = 8;

/// How near points are on the map: `1 / (1 + a d^(2 b))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Curve {
    a: f32,
    b: f32,
}

impl Curve {
    /// The curve nearest to 1 up to `min_dist` and a decay of scale `spread` after it, at 300 distances.
    pub(super) fn fit(min_dist: f64, spread: f64) -> Curve {
        let at = |i: usize| 3.0 * spread * i as f64 / 299.0;
        let truth = |x: f64| if x < min_dist { 1.0 } else { (-(x - min_dist) / spread).exp() };
        let loss = |a: f64, b: f64| -> f64 {
            (0..300).map(|i| (1.0 / (1.0 + a * at(i).powf(2.0 * b)) - truth(at(i))).powi(2)).sum()
        };
        // Levenberg and Marquardt in the logarithms of both numbers.
        let (mut u, mut v, mut damping) = (-(spread.ln()) * 2.0, 0.0f64, 1e-3);
        let mut value = loss(u.exp(), v.exp());
        for _ in 0..200 {
            let (a, b) = (u.exp(), v.exp());
            let (mut h, mut g) = ([0.0; 3], [0.0; 2]);
            for i in 1..300 {
                let x = at(i);
                let power = x.powf(2.0 * b);
                let fit = 1.0 / (1.0 + a * power);
                let slope = -fit * fit * a * power;
                let (du, dv) = (slope, slope * 2.0 * b * x.ln());
                let miss = fit - truth(x);
                (h[0], h[1], h[2]) = (h[0] + du * du, h[1] + du * dv, h[2] + dv * dv);
                (g[0], g[1]) = (g[0] + du * miss, g[1] + dv * miss);
            }
            let (p, q) = (h[0] * (1.0 + damping) + 1e-12, h[2] * (1.0 + damping) + 1e-12);
            let det = p * q - h[1] * h[1];
            let (su, sv) = ((q * g[0] - h[1] * g[1]) / det, (p * g[1] - h[1] * g[0]) / det);
            let new = loss((u - su).exp(), (v - sv).exp());
            if new < value {
                let gain = value - new;
                (u, v, value, damping) = (u - su, v - sv, new, damping / 3.0);
                if gain < 1e-14 {
                    break;
                }
            } else {
                damping *= 4.0;
                if damping > 1e12 {
                    break;
                }
            }
        }
        Curve { a: u.exp() as f32, b: v.exp() as f32 }
    }

    /// What differences are multiplied with at these squared distances: to draw points together in the first lane, to push
    /// them apart in the others.
    #[inline(always)]
    fn factors(&self, distances: &[f32; LANES]) -> [f32; LANES] {
        let mut factors = [0.0; LANES];
        for (factor, &distance) in factors.iter_mut().zip(distances) {
            *factor = power(distance, self.b);
        }
        let first = factors[0];
        for (factor, &distance) in factors.iter_mut().zip(distances) {
            let push = 2.0 * self.b / ((0.001 + distance) * (1.0 + self.a * *factor));
            *factor = if distance > 0.0 { push } else { 0.0 };
        }
        let distance = distances[0];
        let pull = -2.0 * self.a * self.b * first / (distance * (1.0 + self.a * first));
        factors[0] = if distance > 0.0 { pull } else { 0.0 };
        factors
    }
}

/// `x^b` for positive numbers to about five digits.
#[inline(always)]
fn power(x: f32, b: f32) -> f32 {
    let x = x.max(1e-30);
    // The logarithm to base 2: the exponent, and a series in (m - 1) / (m + 1) for m from 0.7 to 1.4.
    let bits = x.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = (bits as i32) >> 23;
    let m = f32::from_bits((bits & 0x007f_ffff) + 0x3f35_04f3);
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let log = exponent as f32 + s * (2.885_39 + s2 * (0.961_796_7 + s2 * (0.577_078 + s2 * 0.412_198_6)));
    let y = (b * log).clamp(-126.0, 126.0);
    const ROUND: f32 = 1.5 * (1u32 << 23) as f32;
    let whole = (y + ROUND) - ROUND;
    let r = (y - whole) * std::f32::consts::LN_2;
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (0.166_666_67 + r * (0.041_666_67 + r * 0.008_333_33))));
    p * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

/// The neighbours of each point, by compressed rows.
#[derive(Debug)]
pub(super) struct Edges {
    indptr: Vec<usize>,
    indices: Vec<u32>,
    /// How many times each edge is drawn in a pass: 1 for the strongest.
    shares: Vec<f32>,
}

impl Edges {
    pub(super) fn new(n: usize, edges: Vec<(u32, u32, f32)>, strongest: f32) -> Edges {
        let mut indptr = vec![0; n + 1];
        edges.iter().for_each(|edge| indptr[edge.0 as usize + 1] += 1);
        (0..n).for_each(|i| indptr[i + 1] += indptr[i]);
        Edges {
            indptr,
            indices: edges.iter().map(|edge| edge.1).collect(),
            shares: edges.iter().map(|edge| edge.2 / strongest).collect(),
        }
    }
}

/// How points are moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Layout {
    pub(super) curve: Curve,
    pub(super) n_sides: usize,
    pub(super) n_epochs: usize,
    pub(super) learning_rate: f32,
    pub(super) negative: usize,
}

impl Layout {
    pub(super) fn is_sound(&self) -> bool {
        let Curve { a, b } = self.curve;
        let positive = |value: f32| value > 0.0 && value.is_finite();
        positive(a) && positive(b) && positive(self.learning_rate) && self.n_sides > 0 && self.n_epochs > 0
    }

    /// Numbers of points, drawn for one pass.
    pub(super) fn table(&self, n: usize, random: &Random) -> Vec<u32> {
        let mut random = random.stream("away");
        (0..DRAWS).map(|_| random.below(n) as u32).collect()
    }

    /// Moves all points, each on its own from where the others lay before the pass.
    pub(super) fn train(
        &self,
        edges: &Edges,
        points: &mut [f32],
        random: &Random,
        ctx: &Context,
    ) -> Result<()> {
        let sides = self.n_sides;
        let n = points.len() / sides;
        let mut before = points.to_vec();
        for epoch in 0..self.n_epochs {
            ctx.step(epoch, self.n_epochs)?;
            let table = self.table(n, &random.fork(epoch as u64));
            let rate = self.learning_rate * (1.0 - epoch as f32 / self.n_epochs as f32);
            before.copy_from_slice(points);
            reduce::fill_rows(points, sides, CHUNK, |first, out| {
                let pass = Pass { layout: self, edges, before: &before, table: &table, epoch, rate };
                // The loops over the sides unroll where their number is a constant.
                simd::widest(
                    #[inline(always)]
                    || match sides {
                        2 => pass.run(2, first, out),
                        3 => pass.run(3, first, out),
                        _ => pass.run(sides, first, out),
                    },
                );
            });
        }
        Ok(())
    }

    /// Places a new point among fixed ones: first at the mean of its neighbours.
    pub(super) fn place(
        &self,
        indices: &[u32],
        shares: &[f32],
        fixed: &[f32],
        table: &[u32],
        point: &mut [f32],
    ) {
        let sides = self.n_sides;
        let at = |j: u32| &fixed[j as usize * sides..(j as usize + 1) * sides];
        let total: f32 = shares.iter().sum();
        for (&j, share) in indices.iter().zip(shares) {
            point.iter_mut().zip(at(j)).for_each(|(out, value)| *out += value * share / total);
        }
        let n_epochs = (self.n_epochs / 3).clamp(1, 100);
        // Rounding as in training, on the same vectors.
        simd::widest(
            #[inline(always)]
            || {
                let mut draw = 0;
                for epoch in 0..n_epochs {
                    let rate = 0.25 * self.learning_rate * (1.0 - epoch as f32 / n_epochs as f32);
                    for (&j, &share) in indices.iter().zip(shares) {
                        if !due(epoch, share) {
                            continue;
                        }
                        self.step(sides, point, (at(j), rate), rate, || {
                            let k = table[draw % DRAWS];
                            draw += 1;
                            Some(at(k))
                        });
                    }
                }
            },
        );
    }

    /// Draws a point to a neighbour and pushes it from the points that `away` names; all forces are those at the place
    /// where it stands, up to seven points at a time.
    #[inline(always)]
    fn step<'a>(
        &self,
        sides: usize,
        point: &mut [f32],
        near: (&'a [f32], f32),
        rate: f32,
        mut away: impl FnMut() -> Option<&'a [f32]>,
    ) {
        let mut left = self.negative;
        let mut first = Some(near);
        while first.is_some() || left > 0 {
            let none: &[f32] = &[];
            let (mut others, mut distances) = ([none; LANES], [0.0f32; LANES]);
            let pull = match first.take() {
                Some((near, rate)) => {
                    (others[0], distances[0]) = (near, squared(point, near));
                    rate
                }
                None => 0.0,
            };
            let n = left.min(LANES - 1);
            left -= n;
            for lane in 1..=n {
                if let Some(other) = away() {
                    (others[lane], distances[lane]) = (other, squared(point, other));
                }
            }
            let factors = self.curve.factors(&distances);
            let mut moved = [0.0f32; 3];
            if sides <= 3 {
                for lane in 0..=n {
                    let rate = if lane == 0 { pull } else { rate };
                    for (moved, (here, there)) in moved.iter_mut().zip(point.iter().zip(others[lane])) {
                        *moved += rate * (factors[lane] * (here - there)).clamp(-CLIP, CLIP);
                    }
                }
                point.iter_mut().zip(moved).for_each(|(here, moved)| *here += moved);
            } else {
                for side in 0..sides {
                    let here = point[side];
                    for lane in 0..=n {
                        let rate = if lane == 0 { pull } else { rate };
                        let there = others[lane].get(side).copied().unwrap_or(here);
                        point[side] += rate * (factors[lane] * (here - there)).clamp(-CLIP, CLIP);
                    }
                }
            }
        }
    }
}

/// Whether an edge that is drawn in this share of all passes is drawn in this one.
#[inline(always)]
fn due(epoch: usize, share: f32) -> bool {
    let times = |epoch: u32| (epoch as f32 * share) as i32;
    times(epoch as u32 + 1) > times(epoch as u32)
}

/// One pass over the points.
struct Pass<'a> {
    layout: &'a Layout,
    edges: &'a Edges,
    before: &'a [f32],
    table: &'a [u32],
    epoch: usize,
    rate: f32,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(&self, sides: usize, first: usize, out: &mut [f32]) {
        let Pass { layout, edges, before, table, epoch, rate } = *self;
        for (i, point) in (first..).zip(out.chunks_exact_mut(sides)) {
            let range = edges.indptr[i]..edges.indptr[i + 1];
            let mut draw = i * 97;
            for (&j, &share) in edges.indices[range.clone()].iter().zip(&edges.shares[range]) {
                // An edge is drawn as often as its share of the strongest one.
                if !due(epoch, share) {
                    continue;
                }
                // Each edge is there from both sides; in the original both ends move for each.
                let there = &before[j as usize * sides..][..sides];
                layout.step(sides, point, (there, 2.0 * rate), rate, || {
                    let k = table[draw % DRAWS] as usize;
                    draw += 1;
                    (k != i).then(|| &before[k * sides..][..sides])
                });
            }
        }
    }
}

#[inline(always)]
fn squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_to_five_digits() {
        for k in 1..4000 {
            let (x, b) = (k as f32 * 0.037, 0.3 + (k % 7) as f32 * 0.2);
            let truth = f64::from(x).powf(f64::from(b));
            assert!((f64::from(power(x, b)) - truth).abs() <= 1e-5 * truth, "{x}^{b}");
        }
    }

    #[test]
    fn the_curve_is_that_of_the_authors() {
        // umap.umap_.find_ab_params(1.0, 0.1) of umap-learn 0.5.12: 1.5769434603, 0.8950608780
        let curve = Curve::fit(0.1, 1.0);
        assert!((curve.a - 1.576_943_5).abs() < 1e-4 && (curve.b - 0.895_060_9).abs() < 1e-4, "{curve:?}");
    }
}
