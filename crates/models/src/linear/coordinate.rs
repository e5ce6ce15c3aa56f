//! Coordinate descent for squared errors with an elastic-net penalty, from products of columns alone.

use ndarray::{Array2, ArrayView1};
use perennial_core::{Context, Error, Result};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::simd::{Kernel, widest};

/// Half the mean squared error as a quadratic form: `(yy - 2 c . b + b . G b) / 2`.
pub(super) struct Quadratic {
    /// G, row by row.
    pub(super) gram: Vec<f64>,
    pub(super) cross: Vec<f64>,
    pub(super) target: f64,
}

/// The strength of the two penalties.
#[derive(Clone, Copy)]
pub(super) struct Penalty {
    pub(super) l1: f64,
    pub(super) l2: f64,
    /// Whether coefficients must be at least 0.
    pub(super) positive: bool,
}

impl Penalty {
    /// How strongly a coefficient at 0 is pulled away from it.
    pub(super) fn pulled(&self, pull: f64) -> f64 {
        if self.positive { pull.max(0.0) } else { pull.abs() }
    }
}

/// When to stop: at a duality gap of this share of the target's mean square, or after so many sweeps.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) max_iter: usize,
}

/// The coefficients, and how far they are from the best.
pub(super) struct State {
    pub(super) weights: Vec<f64>,
    /// `c - G b`.
    pub(super) pull: Vec<f64>,
    pub(super) gap: f64,
    pub(super) n_sweeps: usize,
    pub(super) converged: bool,
}

impl Quadratic {
    /// From sums of products of features, target and ones, divided by the sum of the weights.
    pub(super) fn new(products: &Array2<f64>, total_weight: f64) -> Result<Self> {
        let n = products.nrows() - 2;
        let mut gram = Vec::with_capacity(n * n);
        for row in products.rows().into_iter().take(n) {
            gram.extend(row.iter().take(n).map(|value| value / total_weight));
        }
        let cross: Vec<f64> = products.row(n).iter().take(n).map(|value| value / total_weight).collect();
        let target = products[[n, n]] / total_weight;
        if !gram.iter().chain(&cross).chain([&target]).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "the square of a column left the range of f64; standardise the features and scale the target",
            ));
        }
        Ok(Quadratic { gram, cross, target })
    }

    pub(super) fn n(&self) -> usize {
        self.cross.len()
    }

    pub(super) fn row(&self, j: usize) -> &[f64] {
        &self.gram[j * self.n()..(j + 1) * self.n()]
    }

    /// The state at the given coefficients.
    pub(super) fn at(&self, weights: Vec<f64>) -> State {
        let mut pull = self.cross.clone();
        for (j, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            pull.iter_mut().zip(self.row(j)).for_each(|(pull, g)| *pull -= weight * g);
        }
        State { weights, pull, gap: f64::INFINITY, n_sweeps: 0, converged: false }
    }

    /// Goes on from a state until the gap is small.
    pub(super) fn solve(
        &self,
        state: &mut State,
        penalty: Penalty,
        limits: Limits,
        ctx: &Context,
    ) -> Result<()> {
        let n = self.n();
        state.n_sweeps = 0;
        let all: Vec<usize> = (0..n).filter(|&j| self.row(j)[j] > 0.0).collect();
        for j in (0..n).filter(|&j| !(self.row(j)[j] > 0.0)) {
            state.weights[j] = 0.0;
        }
        let goal = limits.tolerance * self.target;
        loop {
            ctx.check()?;
            self.sweep(state, &all, penalty);
            state.gap = self.gap(state, penalty);
            state.converged = state.gap <= goal;
            if state.converged || state.n_sweeps >= limits.max_iter {
                return Ok(());
            }
            // The coefficients that are not 0 settle before the others are looked at again.
            let active: Vec<usize> = all.iter().copied().filter(|&j| state.weights[j] != 0.0).collect();
            let mut first = 0.0;
            while state.n_sweeps < limits.max_iter {
                let moved = self.sweep(state, &active, penalty);
                first = f64::max(first, moved);
                if !(moved > 0.1 * first && moved > 0.0) {
                    break;
                }
                if state.n_sweeps.is_multiple_of(64) {
                    ctx.check()?;
                }
            }
            if state.n_sweeps > 100 && self.finish(state, penalty) {
                return Ok(());
            }
        }
    }

    /// One pass over coordinates; the largest change, in the units of the target.
    fn sweep(&self, state: &mut State, coordinates: &[usize], penalty: Penalty) -> f64 {
        let (weights, pull) = (&mut state.weights[..], &mut state.pull[..]);
        let largest = widest(Sweep { quadratic: self, weights, pull, coordinates, penalty });
        state.n_sweeps += 1;
        largest
    }

    /// The distance of the objective to a lower bound of its least value (Fercoq, Gramfort and Salmon, 2015).
    pub(super) fn gap(&self, state: &State, penalty: Penalty) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let explained = dot(&self.cross, &state.weights);
        let squares = (self.target - explained - dot(&state.pull, &state.weights)).max(0.0);
        duality_gap(
            &state.pull,
            &state.weights,
            squares,
            self.target - explained,
            penalty,
            slack(&self.cross),
        )
    }

    /// Solves for the coefficients that are not 0 as if their signs were known, and takes the answer if they are: then
    /// it is exact but for rounding.
    pub(super) fn finish(&self, state: &mut State, penalty: Penalty) -> bool {
        let active: Vec<usize> = (0..self.n()).filter(|&j| state.weights[j] != 0.0).collect();
        if active.is_empty() || active.len() > 2000 {
            return false;
        }
        let size = active.len();
        let system = Array2::from_shape_fn((size, size), |(a, b)| {
            self.row(active[a])[active[b]] + if a == b { penalty.l2 } else { 0.0 }
        });
        let Ok(factor) = Cholesky::new(&system) else { return false };
        let right: Vec<f64> =
            active.iter().map(|&j| self.cross[j] - penalty.l1.copysign(state.weights[j])).collect();
        let mut answer = factor.solve(&ArrayView1::from(&right));
        // One step of refinement takes back the digits that the condition cost.
        let rest = ArrayView1::from(&right).to_owned() - system.dot(&answer);
        answer += &factor.solve(&rest);
        let same = active.iter().zip(&answer).all(|(&j, weight)| weight * state.weights[j] > 0.0);
        if !same {
            return false;
        }
        let mut weights = vec![0.0; self.n()];
        active.iter().zip(&answer).for_each(|(&j, weight)| weights[j] = *weight);
        let mut exact = self.at(weights);
        let most = penalty.l1 * (1.0 + 1e-10) + slack(&self.cross);
        let held = |j: usize| exact.weights[j] != 0.0 || penalty.pulled(exact.pull[j]) <= most;
        if !(0..self.n()).all(held) {
            return false;
        }
        exact.gap = self.gap(&exact, penalty);
        exact.n_sweeps = state.n_sweeps;
        exact.converged = true;
        *state = exact;
        true
    }
}

/// One pass over coordinates.
struct Sweep<'a> {
    quadratic: &'a Quadratic,
    weights: &'a mut [f64],
    pull: &'a mut [f64],
    coordinates: &'a [usize],
    penalty: Penalty,
}

impl Kernel for Sweep<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Sweep { quadratic, weights, pull, coordinates, penalty } = self;
        let mut largest: f64 = 0.0;
        for &j in coordinates {
            let row = quadratic.row(j);
            let (old, own) = (weights[j], row[j]);
            let free = pull[j] + own * old;
            let new = shrink(free, penalty) / (own + penalty.l2);
            let change = new - old;
            if change != 0.0 {
                weights[j] = new;
                pull.iter_mut().zip(row).for_each(|(pull, g)| *pull -= change * g);
                largest = largest.max(change * change * own);
            }
        }
        largest
    }
}

/// How far a pull may be from what it should be by rounding alone: it is a difference of numbers as large as these.
pub(super) fn slack(cross: &[f64]) -> f64 {
    1e-13 * cross.iter().fold(0.0, |most: f64, cross| most.max(cross.abs()))
}

/// The duality gap from `X^T r / n`, the coefficients, `r . r / n` and `r . y / n`; a pull that is too strong by less than
/// `slack` counts as none, as without a penalty no bound would be left.
pub(super) fn duality_gap(
    pull: &[f64],
    weights: &[f64],
    squares: f64,
    with_target: f64,
    penalty: Penalty,
    slack: f64,
) -> f64 {
    let Penalty { l1, l2, .. } = penalty;
    let steepest =
        pull.iter().zip(weights).fold(0.0, |most: f64, (pull, b)| most.max(penalty.pulled(pull - l2 * b)));
    let share = if steepest > l1 + slack { l1 / steepest } else { 1.0 };
    let length: f64 = weights.iter().map(|b| b.abs()).sum();
    let ridge: f64 = weights.iter().map(|b| b * b).sum();
    let gap = 0.5 * (1.0 + share * share) * (squares + l2 * ridge) + l1 * length - share * with_target;
    gap.max(0.0)
}

fn shrink(value: f64, penalty: Penalty) -> f64 {
    let by = penalty.l1;
    if value > by {
        value - by
    } else if value < -by && !penalty.positive {
        value + by
    } else {
        0.0
    }
}
