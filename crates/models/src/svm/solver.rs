//! The quadratic problem that all support vector machines solve.
//!
//! Minimise `1/2 b' K b + p' b + kink |b|_1` over `low <= b <= high` with a fixed sum of `b`. Classifiers have
//! `p = -y`, regressors `p = -y` and a kink of epsilon, one-class machines `p = 0`.
//!
//! Rows of the kernel matrix are the cost: so a working set of the rows that violate optimality most is solved by
//! sequential minimal optimisation, pairs chosen by second-order information (Fan, Chen and Lin, 2005), on a small
//! square of the matrix; then the gradient of all rows is brought up to date in one pass (Joachims, 1999; Wen and
//! others, 2018). What shrinking does for a method that passes all rows at each pair, the working set does here.

use perennial_core::{Context, Result};
use perennial_numeric::kernel::{Number, TrainRows};
use perennial_numeric::{reduce, simd};

use super::cache::RowCache;

/// The most rows of a working set.
const WORKING_SET: usize = 512;
/// Curvature that counts as none.
const FLAT: f64 = 1e-12;
/// Elements of one task of the gradient.
const CHUNK: usize = 4096;
/// Elements of a block of a search.
const BLOCK: usize = 32;

/// What is to be minimised.
pub(super) struct Problem<'a, T> {
    pub(super) kernel: &'a TrainRows<T>,
    pub(super) linear: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    pub(super) kink: f64,
    /// Where to begin; its sum is kept.
    pub(super) start: Vec<f64>,
}

/// When to stop, and how much memory to take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) max_iter: usize,
    /// Bytes of the cache of kernel rows.
    pub(super) cache: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub(super) beta: Vec<f64>,
    /// What is added to `K b` for the decision.
    pub(super) bias: f64,
    /// By how much the worst pair violates optimality.
    pub(super) gap: f64,
    pub(super) n_iterations: usize,
}

impl<T: Number> Problem<'_, T> {
    pub(super) fn solve(self, limits: Limits, ctx: &Context) -> Result<Solution> {
        let n = self.kernel.len();
        let mut cache = RowCache::new(self.kernel, limits.cache);
        let size = WORKING_SET.min(cache.capacity()).min(n);
        let mut state = State {
            gradient: self.linear,
            beta: self.start,
            low: self.low,
            high: self.high,
            kink: self.kink,
        };
        let diagonal = self.kernel.diagonal();
        let begun: Vec<usize> = (0..n).filter(|&t| state.beta[t] != 0.0).collect();
        for part in begun.chunks(size.max(1)) {
            ctx.check()?;
            let steps: Vec<f64> = part.iter().map(|&t| state.beta[t]).collect();
            state.add(&steps, &cache.rows(part));
        }
        let (mut working, mut n_iterations) = (Vec::new(), 0);
        let mut stuck = false;
        loop {
            ctx.check()?;
            let (lowest, highest) = state.extremes();
            let gap = (highest - lowest).max(0.0);
            // Rounding of the gradient hides smaller violations.
            let floor = 4.0 * f64::EPSILON * lowest.abs().max(highest.abs()).min(f64::MAX);
            let done = gap <= limits.tolerance.max(floor) || n_iterations >= limits.max_iter;
            if done || stuck || !gap.is_finite() {
                let bias = state.bias(lowest, highest);
                let gap = if gap.is_finite() { gap } else { 0.0 };
                return Ok(Solution { beta: state.beta, bias, gap, n_iterations });
            }
            working = state.choose(size, &working, lowest, highest);
            let rows = cache.rows(&working);
            let mut local = Local::new(&state, &working, &rows, &diagonal);
            let goal = (0.1 * gap).max(0.5 * limits.tolerance);
            let most = (limits.max_iter - n_iterations).min(64 * size.max(64));
            n_iterations += local.descend(goal, most);
            let steps: Vec<f64> =
                working.iter().zip(&local.beta).map(|(&t, beta)| beta - state.beta[t]).collect();
            stuck = steps.iter().all(|step| *step == 0.0);
            working.iter().zip(&local.beta).for_each(|(&t, &beta)| state.beta[t] = beta);
            state.add(&steps, &rows);
        }
    }
}

/// The unknowns and the gradient of the smooth part.
struct State {
    gradient: Vec<f64>,
    beta: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    kink: f64,
}

impl State {
    /// What is added to the gradient for a step upwards; infinity where there is none.
    fn up(&self, t: usize) -> f64 {
        if self.beta[t] >= self.high[t] {
            return f64::INFINITY;
        }
        if self.beta[t] >= 0.0 { self.kink } else { -self.kink }
    }

    /// What is added to the gradient for a step downwards; minus infinity where there is none.
    fn down(&self, t: usize) -> f64 {
        if self.beta[t] <= self.low[t] {
            return f64::NEG_INFINITY;
        }
        if self.beta[t] > 0.0 { self.kink } else { -self.kink }
    }

    /// The lowest slope upwards and the highest downwards: optimal where the first is not below the second.
    fn extremes(&self) -> (f64, f64) {
        (0..self.beta.len()).fold((f64::INFINITY, f64::NEG_INFINITY), |(lowest, highest), t| {
            let gradient = self.gradient[t];
            (lowest.min(gradient + self.up(t)), highest.max(gradient + self.down(t)))
        })
    }

    /// The working set: the newer half of the last one, then the worst rows of both kinds.
    fn choose(&self, size: usize, last: &[usize], lowest: f64, highest: f64) -> Vec<usize> {
        let n = self.beta.len();
        let mut taken = vec![false; n];
        let kept = last.len().min(size / 2);
        let mut chosen: Vec<usize> = last[last.len() - kept..].to_vec();
        chosen.iter().for_each(|&t| taken[t] = true);
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for t in 0..n {
            if taken[t] {
                continue;
            }
            let (up, down) = (self.gradient[t] + self.up(t), self.gradient[t] + self.down(t));
            if up < highest {
                ups.push((up, t));
            }
            if down > lowest {
                downs.push((-down, t));
            }
        }
        let wanted = size - chosen.len();
        for list in [&mut ups, &mut downs] {
            let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            if list.len() > wanted {
                list.select_nth_unstable_by(wanted, order);
                list.truncate(wanted);
            }
            list.sort_unstable_by(order);
        }
        for k in 0..wanted {
            for list in [&ups, &downs] {
                if let Some(&(_, t)) = list.get(k)
                    && !taken[t]
                    && chosen.len() < size
                {
                    taken[t] = true;
                    chosen.push(t);
                }
            }
        }
        chosen
    }

    /// Adds rows of the kernel matrix, so many times each, to the gradient.
    fn add<T: Number>(&mut self, steps: &[f64], rows: &[&[T]]) {
        let moved: Vec<(f64, &[T])> = steps
            .iter()
            .zip(rows)
            .filter(|(step, _)| **step != 0.0)
            .map(|(step, row)| (*step, *row))
            .collect();
        reduce::fill_chunks(&mut self.gradient, CHUNK, |first, out| {
            let (fours, rest) = moved.as_chunks::<4>();
            for [a, b, c, d] in fours {
                let range = first..first + out.len();
                simd::widest(AddFour {
                    out: &mut *out,
                    weights: [a.0, b.0, c.0, d.0],
                    rows: [&a.1[range.clone()], &b.1[range.clone()], &c.1[range.clone()], &d.1[range]],
                });
            }
            for (step, row) in rest {
                for (out, value) in out.iter_mut().zip(&row[first..]) {
                    *out += step * value.to_f64();
                }
            }
        });
    }

    fn bias(&self, lowest: f64, highest: f64) -> f64 {
        let (mut sum, mut n_free) = (0.0, 0.0);
        for t in 0..self.beta.len() {
            let beta = self.beta[t];
            if beta != 0.0 && beta > self.low[t] && beta < self.high[t] {
                sum += self.gradient[t] + self.kink.copysign(beta);
                n_free += 1.0;
            }
        }
        if n_free > 0.0 {
            return -sum / n_free;
        }
        match (lowest.is_finite(), highest.is_finite()) {
            (true, true) => -(lowest / 2.0 + highest / 2.0),
            (true, false) => -lowest,
            (false, true) => -highest,
            (false, false) => 0.0,
        }
    }
}

struct AddFour<'a, T> {
    out: &'a mut [f64],
    weights: [f64; 4],
    rows: [&'a [T]; 4],
}

impl<T: Number> simd::Kernel for AddFour<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let ([a, b, c, d], [wa, wb, wc, wd]) = (self.rows, self.weights);
        for ((((out, a), b), c), d) in self.out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out += (wa * a.to_f64() + wb * b.to_f64()) + (wc * c.to_f64() + wd * d.to_f64());
        }
    }
}

/// The problem on the working set alone.
struct Local<T> {
    n: usize,
    matrix: Vec<T>,
    diagonal: Vec<f64>,
    gradient: Vec<f64>,
    up: Vec<f64>,
    down: Vec<f64>,
    beta: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    kink: f64,
    scores: Vec<f64>,
}

impl<T: Number> Local<T> {
    fn new(state: &State, working: &[usize], rows: &[&[T]], diagonal: &[f64]) -> Self {
        // Whole blocks: what is added never moves.
        let n = working.len().next_multiple_of(BLOCK);
        let take = |values: &[f64], filler: f64| {
            let mut taken: Vec<f64> = working.iter().map(|&t| values[t]).collect();
            taken.resize(n, filler);
            taken
        };
        let mut matrix = vec![T::default(); n * n];
        for (out, row) in matrix.chunks_exact_mut(n).zip(rows) {
            for (out, &t) in out.iter_mut().zip(working) {
                *out = row[t];
            }
        }
        let mut up: Vec<f64> = working.iter().map(|&t| state.up(t)).collect();
        let mut down: Vec<f64> = working.iter().map(|&t| state.down(t)).collect();
        up.resize(n, f64::INFINITY);
        down.resize(n, f64::NEG_INFINITY);
        Local {
            n,
            matrix,
            diagonal: take(diagonal, 1.0),
            gradient: take(&state.gradient, 0.0),
            up,
            down,
            beta: take(&state.beta, 0.0),
            low: take(&state.low, 0.0),
            high: take(&state.high, 0.0),
            kink: state.kink,
            scores: vec![0.0; n],
        }
    }

    /// Moves pairs until none violates by more than `goal`; gives the number of steps.
    fn descend(&mut self, goal: f64, most: usize) -> usize {
        for step in 0..most {
            let Some((i, j, slope)) = simd::widest(Search(self, goal)) else { return step };
            let n = self.n;
            let curvature = self.diagonal[i] + self.diagonal[j] - 2.0 * self.matrix[i * n + j].to_f64();
            // A step ends where the penalty has its kink, or at a bound.
            let room_up =
                if self.beta[i] < 0.0 { self.high[i].min(0.0) } else { self.high[i] } - self.beta[i];
            let room_down =
                self.beta[j] - if self.beta[j] > 0.0 { self.low[j].max(0.0) } else { self.low[j] };
            let free = slope / curvature.max(FLAT);
            let size = free.min(room_up).min(room_down);
            if !(size > 0.0) {
                return step;
            }
            let edge =
                |room: f64, at: f64, step: f64, limit: f64| if room <= size { limit } else { at + step };
            let end_up = if self.beta[i] < 0.0 { self.high[i].min(0.0) } else { self.high[i] };
            let end_down = if self.beta[j] > 0.0 { self.low[j].max(0.0) } else { self.low[j] };
            self.beta[i] = edge(room_up, self.beta[i], size, end_up);
            self.beta[j] = edge(room_down, self.beta[j], -size, end_down);
            simd::widest(Move(self, i, j, size));
            self.refresh(i);
            self.refresh(j);
        }
        most
    }

    fn refresh(&mut self, t: usize) {
        let (beta, kink) = (self.beta[t], self.kink);
        self.up[t] = match (beta >= self.high[t], beta >= 0.0) {
            (true, _) => f64::INFINITY,
            (_, true) => kink,
            _ => -kink,
        };
        self.down[t] = match (beta <= self.low[t], beta > 0.0) {
            (true, _) => f64::NEG_INFINITY,
            (_, true) => kink,
            _ => -kink,
        };
    }
}

/// The best pair: the steepest way up, and the way down that gains most with it.
struct Search<'a, T>(&'a mut Local<T>, f64);

impl<T: Number> simd::Kernel for Search<'_, T> {
    type Output = Option<(usize, usize, f64)>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Search(local, goal) = self;
        let Local { matrix, gradient, up, down, scores, diagonal, n, .. } = local;
        let n = *n;
        let mut best = (f64::INFINITY, 0);
        let blocks = gradient.as_chunks::<BLOCK>().0.iter().zip(up.as_chunks::<BLOCK>().0);
        for (block, (gradient, up)) in blocks.enumerate() {
            let mut lanes = [f64::INFINITY; 8];
            for k in (0..BLOCK).step_by(8) {
                for lane in 0..8 {
                    let value = gradient[k + lane] + up[k + lane];
                    lanes[lane] = if value < lanes[lane] { value } else { lanes[lane] };
                }
            }
            let lowest = lanes.iter().copied().fold(f64::INFINITY, f64::min);
            if lowest < best.0 {
                best = (lowest, block);
            }
        }
        let (lowest, block) = best;
        let i = (block * BLOCK..(block + 1) * BLOCK).find(|&t| gradient[t] + up[t] == lowest)?;
        let row = &matrix[i * n..(i + 1) * n];
        let own = diagonal[i];
        let (mut highest, mut best) = ([f64::NEG_INFINITY; 8], (0.0, 0));
        let parts = gradient.as_chunks::<BLOCK>().0.iter().zip(down.as_chunks::<BLOCK>().0);
        let others = row.as_chunks::<BLOCK>().0.iter().zip(diagonal.as_chunks::<BLOCK>().0);
        let outs = scores.as_chunks_mut::<BLOCK>().0.iter_mut();
        for (block, (((gradient, down), (row, diagonal)), out)) in parts.zip(others).zip(outs).enumerate() {
            let mut lanes = [0.0; 8];
            for k in (0..BLOCK).step_by(8) {
                for lane in 0..8 {
                    let t = k + lane;
                    let value = gradient[t] + down[t];
                    highest[lane] = if value > highest[lane] { value } else { highest[lane] };
                    let slope = value - lowest;
                    let slope = if slope > 0.0 { slope } else { 0.0 };
                    let curvature = own + diagonal[t] - 2.0 * row[t].to_f64();
                    let curvature = if curvature > FLAT { curvature } else { FLAT };
                    let score = slope * slope / curvature;
                    out[t] = score;
                    lanes[lane] = if score > lanes[lane] { score } else { lanes[lane] };
                }
            }
            let largest = lanes.iter().copied().fold(0.0, f64::max);
            if largest > best.0 {
                best = (largest, block);
            }
        }
        let highest = highest.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !(highest - lowest > goal) {
            return None;
        }
        let (largest, block) = best;
        let j = (block * BLOCK..(block + 1) * BLOCK).find(|&t| scores[t] == largest)?;
        Some((i, j, gradient[j] + down[j] - lowest))
    }
}

struct Move<'a, T>(&'a mut Local<T>, usize, usize, f64);

impl<T: Number> simd::Kernel for Move<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Move(local, i, j, size) = self;
        let n = local.n;
        let (first, second) = (&local.matrix[i * n..(i + 1) * n], &local.matrix[j * n..(j + 1) * n]);
        for ((gradient, a), b) in local.gradient.iter_mut().zip(first).zip(second) {
            *gradient += size * (a.to_f64() - b.to_f64());
        }
    }
}
