//! Sums of residuals that count by their sizes, by an interior point method.

use ndarray::{Array1, Array2, ArrayView1};
use perennial_core::{Context, Error, Result};

use crate::linalg::{Cholesky, gram, matvec, matvec_t};

/// Steps that come this close to a bound stop short of it.
const SHORT: f64 = 0.995;
/// Steps after the goal is reached: they bring digits that the gap, a difference of large numbers, cannot show.
const MORE: usize = 2;

/// Residuals `r = target - design . x` that cost `up` for each unit above 0 and `down` for each below, and half of
/// `quadratic` times the square of each unknown.
///
/// Quantile regression, the hinge loss and absolute penalties are all of this form.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Context;
/// use perennial_numeric::optimize::Kinked;
///
/// let median = Kinked {
///     design: array![[1.0], [1.0], [1.0]],
///     target: vec![1.0, 2.0, 9.0],
///     up: vec![0.5; 3],
///     down: vec![0.5; 3],
///     quadratic: vec![0.0],
/// };
/// let near = median.minimise(1e-10, 50, &Context::new())?;
/// assert!((near.x[0] - 2.0).abs() < 1e-6 && near.converged);
/// let corner = median.corner(&near, &Context::new())?;
/// assert_eq!(corner.map(|corner| corner.x), Some(vec![2.0]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kinked {
    /// Rows x unknowns.
    pub design: Array2<f64>,
    /// One number for each row.
    pub target: Vec<f64>,
    /// The cost of a unit above 0, >= 0; with `down` more than 0.
    pub up: Vec<f64>,
    /// The cost of a unit below 0, >= 0.
    pub down: Vec<f64>,
    /// One number >= 0 for each unknown.
    pub quadratic: Vec<f64>,
}

/// The best point that was found, with the multipliers of the residuals.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KinkedMinimum {
    /// The unknowns.
    pub x: Vec<f64>,
    /// For each row a number from `-down` to `up`: at the minimum `design^T multipliers = quadratic x`.
    pub multipliers: Vec<f64>,
    /// The value at `x`.
    pub value: f64,
    /// How far at most the value is above the least one, but for rounding.
    pub gap: f64,
    /// How many steps were taken.
    pub n_iterations: usize,
    /// Whether the gap came below the tolerance.
    pub converged: bool,
}

impl Kinked {
    fn check(&self) -> Result<()> {
        let (n, p) = self.design.dim();
        for (what, got, expected) in [
            ("the target", self.target.len(), n),
            ("the costs above 0", self.up.len(), n),
            ("the costs below 0", self.down.len(), n),
            ("the quadratic costs", self.quadratic.len(), p),
        ] {
            if got != expected {
                return Err(Error::length_mismatch(what, expected, got));
            }
        }
        if n == 0 || p == 0 {
            return Err(Error::empty(format!("the design has {n} rows and {p} columns")));
        }
        let costs = self.up.iter().zip(&self.down);
        if costs.clone().any(|(up, down)| !(*up >= 0.0 && *down >= 0.0 && up + down > 0.0)) {
            return Err(Error::malformed("the costs of a residual must be >= 0, and one of them above 0"));
        }
        if !self.design.iter().chain(&self.target).all(|value| value.is_finite()) {
            return Err(Error::overflow("a number of the design or the target is not finite; scale them"));
        }
        Ok(())
    }

    /// `target - design . x`.
    pub fn residuals(&self, x: &[f64]) -> Vec<f64> {
        let fitted = matvec(&self.design, &ArrayView1::from(x));
        self.target.iter().zip(&fitted).map(|(y, fitted)| y - fitted).collect()
    }

    /// The value at the unknowns whose residuals are given.
    pub fn value(&self, x: &[f64], residuals: &[f64]) -> f64 {
        let costs = self.up.iter().zip(&self.down);
        let cost = |(r, (up, down)): (&f64, (&f64, &f64))| if *r > 0.0 { up * r } else { -down * r };
        residuals.iter().zip(costs).map(cost).sum::<f64>() + self.half_square(x)
    }

    fn half_square(&self, x: &[f64]) -> f64 {
        0.5 * self.quadratic.iter().zip(x).map(|(q, x)| q * x * x).sum::<f64>()
    }

    /// Minimises the value by a primal-dual path to the optimum (Mehrotra, 1992; for quantile regression Portnoy and
    /// Koenker, 1997; for support vectors Ferris and Munson, 2002): a product of the columns, weighted anew, for each step.
    ///
    /// It stops when the gap is below `tolerance` times the value, or times a millionth of the value at 0.
    ///
    /// # Errors
    /// When lengths disagree, a number is not finite, or the work was cancelled. Running out of steps is no error.
    pub fn minimise(&self, tolerance: f64, max_iter: usize, ctx: &Context) -> Result<KinkedMinimum> {
        self.check()?;
        let curved = self.quadratic.iter().any(|q| *q > 0.0);
        let n = self.target.len();
        let zero = vec![0.0; self.quadratic.len()];
        let at_zero = self.value(&zero, &self.target);
        let mut state = self.start()?;
        let (mut best, mut after): (Option<KinkedMinimum>, usize) = (None, 0);
        for step in 0..=max_iter {
            ctx.step(step, max_iter)?;
            let found = self.measure(&state, step, |value| tolerance * (value + 1e-6 * at_zero));
            let done = found.converged;
            let better = best.as_ref().is_none_or(|best| found.gap < best.gap);
            // Once rounding lets the gap grow again there is nothing more to gain.
            let worse = best.as_ref().is_some_and(|best| !(found.gap < 1e3 * best.gap));
            if better || done {
                best = Some(found);
            }
            after += usize::from(done);
            if after > MORE || worse || step == max_iter {
                break;
            }
            let weights: Vec<f64> = (0..n)
                .map(|i| 1.0 / (state.below[i] / state.a[i] + state.above[i] / state.room[i]))
                .collect();
            let Some(factor) = self.factor(&weights) else { break };
            let mean = state.complementarity() / (2 * n) as f64;
            // A step towards the optimum tells how much centring is worth while.
            let plain = self.direction(&state, &factor, &weights, |_| (0.0, 0.0));
            let (first, second) = state.lengths(&plain, curved);
            let reached = state.after(&plain, first, second) / (2 * n) as f64;
            let centre = mean * (reached / mean).powi(3).min(1.0);
            let goal =
                |i: usize| (centre - plain.a[i] * plain.below[i], centre + plain.a[i] * plain.above[i]);
            let full = self.direction(&state, &factor, &weights, goal);
            let (first, second) = state.lengths(&full, curved);
            if !(first.max(second) > 1e-10) {
                break;
            }
            state.go(&full, first * SHORT, second * SHORT);
        }
        best.ok_or_else(|| {
            Error::overflow("the problem has no finite value; scale the features and the target")
        })
    }

    /// Least squares, and multipliers in the middle of their ranges.
    fn start(&self) -> Result<State> {
        let n = self.target.len();
        let factor = self.factor(&vec![1.0; n]).ok_or_else(|| {
            Error::singular("the columns depend on each other, or their squares are not finite")
        })?;
        let x = factor.solve(&matvec_t(&self.design, &ArrayView1::from(&self.target))).to_vec();
        let residuals = self.residuals(&x);
        let size = residuals.iter().map(|r| r.abs()).sum::<f64>() / n as f64;
        let apart = if size > 0.0 { size } else { 1.0 };
        let half: Vec<f64> = self.up.iter().zip(&self.down).map(|(up, down)| 0.5 * (up + down)).collect();
        Ok(State {
            x,
            a: half.clone(),
            room: half,
            above: residuals.iter().map(|r| r.max(0.0) + apart).collect(),
            below: residuals.iter().map(|r| (-r).max(0.0) + apart).collect(),
        })
    }

    /// The factor of `design^T diag(weights) design + diag(quadratic)`.
    fn factor(&self, weights: &[f64]) -> Option<Cholesky> {
        let mut system = gram(&self.design, Some(weights));
        system.diag_mut().iter_mut().zip(&self.quadratic).for_each(|(s, q)| *s += q);
        let largest = system.diag().iter().fold(0.0, |largest: f64, s| largest.max(*s));
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let mut extra = 0.0;
        for attempt in 0..8 {
            if let Ok(factor) = Cholesky::new(&system) {
                return Some(factor);
            }
            let next = largest * 1e-15 * 10f64.powi(attempt);
            system.diag_mut().iter_mut().for_each(|s| *s += next - extra);
            extra = next;
        }
        None
    }

    fn measure(&self, state: &State, step: usize, goal: impl Fn(f64) -> f64) -> KinkedMinimum {
        let residuals = self.residuals(&state.x);
        let value = self.value(&state.x, &residuals);
        let multipliers: Vec<f64> = state.a.iter().zip(&self.down).map(|(a, down)| a - down).collect();
        let balance = matvec_t(&self.design, &ArrayView1::from(&multipliers));
        let off: f64 = balance
            .iter()
            .zip(&state.x)
            .zip(&self.quadratic)
            .map(|((b, x), q)| ((b - q * x) * x).abs())
            .sum();
        let dual = self.target.iter().zip(&multipliers).map(|(y, m)| y * m).sum::<f64>()
            - self.half_square(&state.x);
        let gap = (value - dual).abs() + off;
        let converged = gap <= goal(value);
        KinkedMinimum { x: state.x.clone(), multipliers, value, gap, n_iterations: step, converged }
    }

    /// The Newton step towards complementary products as `goal` says: for the lower bounds and for the upper ones.
    fn direction(
        &self,
        state: &State,
        factor: &Cholesky,
        weights: &[f64],
        goal: impl Fn(usize) -> (f64, f64),
    ) -> Step {
        let n = self.target.len();
        let residuals = self.residuals(&state.x);
        let mut products = Vec::with_capacity(n);
        let mut shift = Vec::with_capacity(n);
        for i in 0..n {
            let (low, high) = goal(i);
            let (low, high) = (low - state.a[i] * state.below[i], high - state.room[i] * state.above[i]);
            // What the split of the residual is off, and what the products ask for.
            let off = residuals[i] - (state.above[i] - state.below[i]);
            products.push((low, high));
            shift.push(off + low / state.a[i] - high / state.room[i]);
        }
        let moved: Vec<f64> = shift.iter().zip(weights).map(|(shift, weight)| shift * weight).collect();
        // What is missing of the balance after the multipliers moved by themselves.
        let sums: Vec<f64> = (0..n).map(|i| state.a[i] - self.down[i] + moved[i]).collect();
        let mut right = matvec_t(&self.design, &ArrayView1::from(&sums));
        right.iter_mut().zip(&self.quadratic).zip(&state.x).for_each(|((r, q), x)| *r -= q * x);
        let x = factor.solve(&right);
        let fitted: Array1<f64> = matvec(&self.design, &x);
        let mut step = Step {
            x: x.to_vec(),
            a: Vec::with_capacity(n),
            above: Vec::with_capacity(n),
            below: Vec::with_capacity(n),
        };
        for i in 0..n {
            let a = weights[i] * (shift[i] - fitted[i]);
            step.a.push(a);
            step.below.push((products[i].0 - state.below[i] * a) / state.a[i]);
            step.above.push((products[i].1 + state.above[i] * a) / state.room[i]);
        }
        step
    }
}

/// Multipliers `a - down` with their distances to both bounds, and residuals `above - below`; all but `x` above 0.
struct State {
    x: Vec<f64>,
    a: Vec<f64>,
    room: Vec<f64>,
    above: Vec<f64>,
    below: Vec<f64>,
}

struct Step {
    x: Vec<f64>,
    a: Vec<f64>,
    above: Vec<f64>,
    below: Vec<f64>,
}

impl State {
    fn complementarity(&self) -> f64 {
        (0..self.a.len()).map(|i| self.a[i] * self.below[i] + self.room[i] * self.above[i]).sum()
    }

    /// How far the multipliers, and how far the rest can go, up to 1; the same where they meet in the balance.
    fn lengths(&self, step: &Step, together: bool) -> (f64, f64) {
        let (mut first, mut second): (f64, f64) = (1.0, 1.0);
        let reach = |value: f64, change: f64| if change < 0.0 { -value / change } else { f64::INFINITY };
        for i in 0..self.a.len() {
            first = first.min(reach(self.a[i], step.a[i])).min(reach(self.room[i], -step.a[i]));
            second = second.min(reach(self.above[i], step.above[i])).min(reach(self.below[i], step.below[i]));
        }
        if together { (first.min(second), first.min(second)) } else { (first, second) }
    }

    fn after(&self, step: &Step, first: f64, second: f64) -> f64 {
        (0..self.a.len())
            .map(|i| {
                (self.a[i] + first * step.a[i]) * (self.below[i] + second * step.below[i])
                    + (self.room[i] - first * step.a[i]) * (self.above[i] + second * step.above[i])
            })
            .sum()
    }

    fn go(&mut self, step: &Step, first: f64, second: f64) {
        let add = |to: &mut [f64], step: &[f64], by: f64| {
            to.iter_mut().zip(step).for_each(|(to, step)| *to = (*to + by * step).max(f64::MIN_POSITIVE));
        };
        add(&mut self.a, &step.a, first);
        add(&mut self.room, &step.a, -first);
        add(&mut self.above, &step.above, second);
        add(&mut self.below, &step.below, second);
        self.x.iter_mut().zip(&step.x).for_each(|(x, step)| *x += second * step);
    }
}
