//! Sparse rows that are far from each other; with the draws of [`Points`](perennial_numeric::neighbors::Points), so that the
//! starts are those of the same rows in dense form.

use std::ops::Range;

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use super::lloyd::add;
use super::sparse::{Sparse, squared_to};
use super::spots::{Finder, Spots, check_size};

/// Rows among which one draw is made.
const BLOCK: usize = 4096;
/// Passes of the parallel start, and how many rows each draws for each that is wanted.
const ROUNDS: usize = 5;
const OVERSAMPLING: f64 = 2.0;

/// A row, written out.
struct Target {
    cells: Vec<f64>,
    length: f64,
}

impl Sparse<'_> {
    fn target(&self, row: usize) -> Target {
        Target { cells: self.gather(&[row]), length: self.lengths[row] }
    }

    /// Makes each of `closest`, from row `first` on, the smaller of itself and the squared distance to the target.
    fn lower(&self, target: &Target, first: usize, closest: &mut [f32]) {
        for (place, closest) in closest.iter_mut().enumerate() {
            let row = first + place;
            let squared = squared_to(self.csr.row(row), self.lengths[row], &target.cells, target.length);
            *closest = closest.min((squared * self.scale) as f32);
        }
    }

    fn lower_all(&self, to: usize, closest: &mut [f32]) {
        let target = self.target(to);
        reduce::fill_chunks(closest, BLOCK, |first, closest| self.lower(&target, first, closest));
    }

    /// For each of some rows the sum over all rows of the smaller of `closest` and the squared distance to it, times the weight.
    fn potentials(&self, to: &[usize], closest: &[f32], weights: Option<&[f64]>) -> Vec<f64> {
        let targets: Vec<Target> = to.iter().map(|&row| self.target(row)).collect();
        let part = |rows: Range<usize>| {
            let one = |target: &Target| {
                let mut own = closest[rows.clone()].to_vec();
                self.lower(target, rows.start, &mut own);
                own.iter().zip(rows.clone()).map(|(own, row)| share(*own, weights, row)).sum()
            };
            targets.iter().map(one).collect::<Vec<f64>>()
        };
        reduce::map_reduce(self.n_rows(), BLOCK, part, add).unwrap_or_default()
    }
}

fn share(closest: f32, weights: Option<&[f64]>, row: usize) -> f64 {
    f64::from(closest) * weights.map_or(1.0, |weights| weights[row])
}

fn shares(closest: &[f32], weights: Option<&[f64]>, rows: Range<usize>) -> Vec<f64> {
    rows.map(|row| share(closest[row], weights, row)).collect()
}

/// A row in proportion to its share.
fn draw(
    n_rows: usize,
    random: &mut Random,
    shares: &(dyn Fn(Range<usize>) -> Vec<f64> + Sync),
) -> Option<usize> {
    let sums = reduce::map_chunks(n_rows, BLOCK, |rows| shares(rows).iter().sum::<f64>());
    draw_from(&sums, n_rows, random, shares)
}

fn draw_from(
    sums: &[f64],
    n_rows: usize,
    random: &mut Random,
    shares: &(dyn Fn(Range<usize>) -> Vec<f64> + Sync),
) -> Option<usize> {
    let start = random.weighted_index(sums)? * BLOCK;
    Some(start + random.weighted_index(&shares(start..(start + BLOCK).min(n_rows)))?)
}

impl Finder for &Sparse<'_> {
    fn nearest(&self, centres: &[f64], nearest: &mut [u32]) {
        self.find(centres, nearest);
    }

    fn far_apart_in(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        let n_rows = self.n_rows();
        let n_trials = 2 + (k.max(1) as f64).ln() as usize;
        let ones = |rows: Range<usize>| {
            rows.map(|row| weights.map_or(1.0, |weights| weights[row])).collect::<Vec<f64>>()
        };
        let first = draw(n_rows, random, &ones).unwrap_or(0);
        let mut chosen = vec![first];
        let mut closest = vec![f32::INFINITY; n_rows];
        self.lower_all(first, &mut closest);
        while chosen.len() < k {
            ctx.check()?;
            let near = |rows: Range<usize>| shares(&closest, weights, rows);
            let sums = reduce::map_chunks(n_rows, BLOCK, |rows| near(rows).iter().sum::<f64>());
            let mut trials: Vec<usize> =
                (0..n_trials).filter_map(|_| draw_from(&sums, n_rows, random, &near)).collect();
            if trials.is_empty() {
                // All rows are where a centre is already.
                trials.extend(draw(n_rows, random, &ones));
            }
            let potentials = self.potentials(&trials, &closest, weights);
            let better = |best: usize, trial: usize| {
                if potentials[trial] < potentials[best] { trial } else { best }
            };
            let best = (1..trials.len()).fold(0, better);
            let next = trials.get(best).copied().unwrap_or(0);
            self.lower_all(next, &mut closest);
            chosen.push(next);
        }
        Ok(chosen)
    }

    fn far_apart_at_once(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        let n_rows = self.n_rows();
        let mut drawn = self.far_apart_in(ctx, 1, weights, random)?;
        let mut closest = vec![f32::INFINITY; n_rows];
        self.lower_all(drawn[0], &mut closest);
        let own = random.stream("rounds");
        for round in 0..ROUNDS {
            ctx.step(round, ROUNDS)?;
            let near = |rows: Range<usize>| shares(&closest, weights, rows);
            let sums = reduce::map_chunks(n_rows, BLOCK, |rows| near(rows).iter().sum::<f64>());
            let total: f64 = sums.iter().sum();
            if !(total > 0.0) {
                break;
            }
            let factor = OVERSAMPLING * k as f64 / total;
            let own = own.fork(round as u64);
            let new = reduce::map_chunks(n_rows, BLOCK, |rows| {
                let mut random = own.fork((rows.start / BLOCK) as u64);
                let drawn =
                    rows.clone().zip(near(rows)).filter(|(_, share)| random.uniform() < factor * share);
                drawn.map(|(row, _)| row).collect::<Vec<usize>>()
            })
            .concat();
            for &row in &new {
                ctx.check()?;
                self.lower_all(row, &mut closest);
            }
            drawn.extend(new);
        }
        if drawn.len() <= k {
            return self.far_apart_in(ctx, k, weights, random);
        }
        check_size(drawn.len(), self.width())?;
        let candidates = self.take(&drawn, false)?;
        let mut nearest = vec![0; n_rows];
        self.find(&self.gather(&drawn), &mut nearest);
        let mut counts = vec![0.0; drawn.len()];
        for (row, &centre) in nearest.iter().enumerate() {
            counts[centre as usize] += weights.map_or(1.0, |weights| weights[row]);
        }
        let chosen = (&candidates).far_apart_in(ctx, k, Some(&counts), random)?;
        Ok(chosen.into_iter().map(|place| drawn[place]).collect())
    }
}
