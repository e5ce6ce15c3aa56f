//! Points that are far from each other, for the starts of clusterings.

use perennial_core::{Context, Result};

use super::points::{BLOCK, Points};
use crate::random::Random;
use crate::reduce;

/// Passes of the parallel start, and how many points each draws for each that is wanted.
const ROUNDS: usize = 5;
const OVERSAMPLING: f64 = 2.0;

impl Points<'_> {
    /// `k` points that are far from each other, by greedy k-means++ (Arthur and Vassilvitskii, 2007): each is the
    /// best of several that are drawn in proportion to their squared distance from those before, times their weight.
    ///
    /// # Panics
    /// When there are no points.
    pub fn far_apart(&self, k: usize, weights: Option<&[f64]>, random: &mut Random) -> Vec<usize> {
        // Nobody stops a context of its own.
        self.far_apart_in(&Context::new(), k, weights, random).unwrap_or_default()
    }

    /// As [`far_apart`](Points::far_apart), with somebody who may stop the work.
    ///
    /// # Errors
    /// When it is cancelled.
    ///
    /// # Panics
    /// When there are no points.
    pub fn far_apart_in(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        let n_points = self.n_points();
        assert!(n_points > 0, "there must be points to draw from");
        let n_trials = 2 + (k.max(1) as f64).ln() as usize;
        let ones = |rows: std::ops::Range<usize>| {
            rows.map(|row| weights.map_or(1.0, |weights| weights[row])).collect::<Vec<f64>>()
        };
        let first = draw(n_points, random, &ones).unwrap_or(0);
        let mut chosen = vec![first];
        let mut closest = vec![f32::INFINITY; n_points];
        self.lower_all(first, &mut closest);
        while chosen.len() < k {
            ctx.check()?;
            let shares = |rows: std::ops::Range<usize>| self.shares(&closest, weights, rows);
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
            self.lower_all(next, &mut closest);
            chosen.push(next);
        }
        Ok(chosen)
    }

    /// `k` points that are far from each other, by k-means|| (Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, 2012): in
    /// each of five passes about `2 k` points are drawn at once, by their squared distance from those before, times their
    /// weight; of all that were drawn, weighted by the points they are nearest to, k-means++ chooses. Fewer passes over
    /// the points than [`far_apart`](Points::far_apart) where `k` is large.
    ///
    /// # Errors
    /// When it is cancelled.
    ///
    /// # Panics
    /// When there are no points.
    pub fn far_apart_at_once(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        let (n_points, width) = (self.n_points(), self.cells().len() / self.n_points().max(1));
        let mut drawn = self.far_apart_in(ctx, 1, weights, random)?;
        let mut closest = vec![f32::INFINITY; n_points];
        self.lower_all(drawn[0], &mut closest);
        let own = random.stream("rounds");
        for round in 0..ROUNDS {
            ctx.step(round, ROUNDS)?;
            let sums = reduce::map_chunks(n_points, BLOCK, |rows| {
                self.shares(&closest, weights, rows).iter().sum::<f64>()
            });
            let total: f64 = sums.iter().sum();
            if !(total > 0.0) {
                break;
            }
            let factor = OVERSAMPLING * k as f64 / total;
            let own = own.fork(round as u64);
            let new = reduce::map_chunks(n_points, BLOCK, |rows| {
                let mut random = own.fork((rows.start / BLOCK) as u64);
                let shares = self.shares(&closest, weights, rows.clone());
                let drawn = rows.zip(shares).filter(|(_, share)| random.uniform() < factor * share);
                drawn.map(|(row, _)| row).collect::<Vec<usize>>()
            })
            .concat();
            for &point in &new {
                ctx.check()?;
                self.lower_all(point, &mut closest);
            }
            drawn.extend(new);
        }
        if drawn.len() <= k {
            return self.far_apart_in(ctx, k, weights, random);
        }
        let cells: Vec<f64> =
            drawn.iter().flat_map(|&point| self.cells()[point * width..][..width].to_vec()).collect();
        let mut nearest = vec![0; n_points];
        self.nearest(&cells, &mut nearest);
        let mut shares = vec![0.0; drawn.len()];
        for (point, &centre) in nearest.iter().enumerate() {
            shares[centre as usize] += weights.map_or(1.0, |weights| weights[point]);
        }
        let chosen = Points::new(&cells, width).far_apart_in(ctx, k, Some(&shares), random)?;
        Ok(chosen.into_iter().map(|place| drawn[place]).collect())
    }

    fn lower_all(&self, to: usize, closest: &mut [f32]) {
        reduce::fill_chunks(closest, BLOCK, |start, closest| self.lower(to, start, closest));
    }

    /// The squared distances from the nearest chosen point, times the weights.
    fn shares(&self, closest: &[f32], weights: Option<&[f64]>, rows: std::ops::Range<usize>) -> Vec<f64> {
        rows.map(|row| f64::from(closest[row]) * weights.map_or(1.0, |weights| weights[row])).collect()
    }
}

/// A point in proportion to its share.
fn draw(
    n_points: usize,
    random: &mut Random,
    shares: &(impl Fn(std::ops::Range<usize>) -> Vec<f64> + Sync),
) -> Option<usize> {
    let sums = reduce::map_chunks(n_points, BLOCK, |rows| shares(rows).iter().sum::<f64>());
    let start = random.weighted_index(&sums)? * BLOCK;
    Some(start + random.weighted_index(&shares(start..(start + BLOCK).min(n_points)))?)
}
