//! From near the optimum of a sum of kinked costs to the corner that is the optimum.

use ndarray::{Array2, ArrayView1};
use perennial_core::{Context, Result};

use super::interior::{Kinked, KinkedMinimum};
use crate::linalg::{matvec, matvec_t};

/// Residuals below this, in units of the target, are those of rows that the corner meets.
const NOTHING: f64 = 1e-10;
/// So many changes of the inverse keep its digits.
const MOST_EXCHANGES: usize = 32;

/// Which rows meet the unknowns exactly, and on which side the others are.
struct Corner<'a> {
    problem: &'a Kinked,
    /// As many rows as unknowns.
    basis: Vec<usize>,
    /// The inverse of the rows of the basis.
    inverse: Array2<f64>,
    x: Vec<f64>,
    residuals: Vec<f64>,
    above: Vec<bool>,
    met: Vec<bool>,
    /// How often the inverse was changed since it was made.
    exchanges: usize,
}

impl Kinked {
    /// The corner where as many residuals as there are unknowns are 0 and which no other corner undercuts, found by going
    /// from corner to corner (Barrodale and Roberts, 1973) from one near `start`; `None` where there are quadratic costs or it does not
    /// come to an end. The columns must not depend on each other.
    ///
    /// # Errors
    /// When the work was cancelled.
    pub fn corner(&self, start: &KinkedMinimum, ctx: &Context) -> Result<Option<KinkedMinimum>> {
        let p = self.quadratic.len();
        if self.quadratic.iter().any(|q| *q > 0.0) || p > self.target.len() {
            return Ok(None);
        }
        let Some(mut corner) = Corner::near(self, start) else { return Ok(None) };
        let most = 50 * p + 1000;
        let mut stuck = 0;
        for step in 0..most {
            ctx.check()?;
            match corner.pivot(stuck > 30) {
                Pivot::Moved(length) => stuck = if length > 0.0 { 0 } else { stuck + 1 },
                Pivot::Failed => return Ok(None),
                Pivot::Best(multipliers) => {
                    let value = self.value(&corner.x, &corner.residuals);
                    let n_iterations = start.n_iterations + step;
                    let x = corner.x;
                    return Ok(Some(KinkedMinimum {
                        x,
                        multipliers,
                        value,
                        gap: 0.0,
                        n_iterations,
                        converged: true,
                    }));
                }
            }
        }
        Ok(None)
    }
}

enum Pivot {
    /// How far it went.
    Moved(f64),
    Best(Vec<f64>),
    Failed,
}

impl<'a> Corner<'a> {
    /// The rows whose multipliers are farthest from their bounds, as far as they do not depend on each other.
    fn near(problem: &'a Kinked, start: &KinkedMinimum) -> Option<Self> {
        let (n, p) = problem.design.dim();
        let inside: Vec<f64> = (0..n)
            .map(|i| {
                let (m, up, down) = (start.multipliers[i], problem.up[i], problem.down[i]);
                (m + down).min(up - m) / (up + down)
            })
            .collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| inside[b].total_cmp(&inside[a]).then(a.cmp(&b)));
        let mut chosen = Vec::with_capacity(p);
        let mut directions: Vec<Vec<f64>> = Vec::with_capacity(p);
        for row in order {
            let mut rest = problem.design.row(row).to_vec();
            let length = norm(&rest);
            // Twice, for the digits that the first pass loses.
            for _ in 0..2 {
                for direction in &directions {
                    let part: f64 = direction.iter().zip(&rest).map(|(a, b)| a * b).sum();
                    rest.iter_mut().zip(direction).for_each(|(rest, d)| *rest -= part * d);
                }
            }
            let own = norm(&rest);
            if own > 1e-7 * length && own > 0.0 {
                rest.iter_mut().for_each(|value| *value /= own);
                directions.push(rest);
                chosen.push(row);
                if chosen.len() == p {
                    break;
                }
            }
        }
        if chosen.len() < p {
            return None;
        }
        let mut met = vec![false; n];
        chosen.iter().for_each(|&row| met[row] = true);
        let above: Vec<bool> =
            (0..n).map(|i| 2.0 * start.multipliers[i] > problem.up[i] - problem.down[i]).collect();
        let mut corner = Corner {
            problem,
            basis: chosen,
            inverse: Array2::zeros((p, p)),
            x: Vec::new(),
            residuals: Vec::new(),
            above,
            met,
            exchanges: 0,
        };
        corner.refresh(None).then_some(corner)
    }

    /// The inverse (after an exchange of one row, or anew), the unknowns and the residuals; whether the rows of the basis
    /// allow it.
    fn refresh(&mut self, exchanged: Option<usize>) -> bool {
        let p = self.basis.len();
        let rows = Array2::from_shape_fn((p, p), |(i, j)| self.problem.design[[self.basis[i], j]]);
        if !exchanged.is_some_and(|k| self.exchange(k)) {
            let Some(inverse) = inverse(&rows) else { return false };
            self.inverse = inverse;
            self.exchanges = 0;
        }
        let right: Vec<f64> = self.basis.iter().map(|&row| self.problem.target[row]).collect();
        let mut x = self.inverse.dot(&ArrayView1::from(&right));
        for _ in 0..2 {
            let rest = ArrayView1::from(&right).to_owned() - rows.dot(&x);
            x += &self.inverse.dot(&rest);
        }
        self.x = x.to_vec();
        self.residuals = self.problem.residuals(&self.x);
        for (row, residual) in self.residuals.iter_mut().enumerate() {
            if self.met[row] || residual.abs() < NOTHING {
                *residual = 0.0;
            } else {
                self.above[row] = *residual > 0.0;
            }
        }
        self.x.iter().all(|x| x.is_finite())
    }

    /// The inverse where row `k` of the basis is another one (Sherman and Morrison, 1950); `false` where that would be
    /// inexact.
    fn exchange(&mut self, k: usize) -> bool {
        let moved = self.inverse.t().dot(&self.problem.design.row(self.basis[k]));
        if self.exchanges >= MOST_EXCHANGES || moved[k].abs() < 1e-3 {
            return false;
        }
        self.exchanges += 1;
        let column = self.inverse.column(k).to_owned() / moved[k];
        for (mut row, own) in self.inverse.rows_mut().into_iter().zip(&column) {
            for (j, value) in row.iter_mut().enumerate() {
                *value -= own * (moved[j] - f64::from(j == k));
            }
        }
        true
    }

    fn pivot(&mut self, careful: bool) -> Pivot {
        let problem = self.problem;
        let n = problem.target.len();
        let mut multipliers: Vec<f64> = (0..n)
            .map(|i| match (self.met[i], self.above[i]) {
                (true, _) => 0.0,
                (false, true) => problem.up[i],
                (false, false) => -problem.down[i],
            })
            .collect();
        let pull = matvec_t(&problem.design, &ArrayView1::from(&multipliers));
        let own = -self.inverse.t().dot(&pull);
        // The row of the basis that wants to leave most, as a share of its costs; the first one where ties go round.
        let mut leaving: Option<(f64, usize, bool)> = None;
        for (k, &row) in self.basis.iter().enumerate() {
            let (up, down) = (problem.up[row], problem.down[row]);
            let (over, under) = (own[k] - up, -down - own[k]);
            let excess = over.max(under) / (up + down);
            let best = leaving.is_none_or(|(most, at, _)| match careful {
                true => row < self.basis[at],
                false => excess > most,
            });
            if excess > 1e-9 && best {
                leaving = Some((excess, k, over > 0.0));
            }
        }
        let Some((_, k, rises)) = leaving else {
            for (k, &row) in self.basis.iter().enumerate() {
                multipliers[row] = own[k].clamp(-problem.down[row], problem.up[row]);
            }
            return Pivot::Best(multipliers);
        };
        let sign = if rises { -1.0 } else { 1.0 };
        let direction: Vec<f64> = self.inverse.column(k).iter().map(|value| sign * value).collect();
        let rates = matvec(&problem.design, &ArrayView1::from(&direction)).to_vec();
        let row = self.basis[k];
        let mut slope = if rises { problem.up[row] - own[k] } else { own[k] + problem.down[row] };
        // Where each residual that falls towards 0 gets there.
        let mut crossings: Vec<(f64, usize)> = (0..n)
            .filter(|&i| !self.met[i] && if self.above[i] { rates[i] > 1e-11 } else { rates[i] < -1e-11 })
            .map(|i| ((self.residuals[i] / rates[i]).max(0.0), i))
            .collect();
        crossings.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut entering = None;
        for (place, &(length, i)) in crossings.iter().enumerate() {
            slope += (problem.up[i] + problem.down[i]) * rates[i].abs();
            if slope >= 0.0 {
                entering = Some((place, length, i));
                break;
            }
        }
        let Some((place, length, entering)) = entering else { return Pivot::Failed };
        for &(_, i) in &crossings[..place] {
            self.above[i] = !self.above[i];
        }
        self.met[row] = false;
        self.above[row] = rises;
        self.met[entering] = true;
        self.basis[k] = entering;
        if self.refresh(Some(k)) { Pivot::Moved(length) } else { Pivot::Failed }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// By elimination with the largest pivots; `None` where there is none.
fn inverse(a: &Array2<f64>) -> Option<Array2<f64>> {
    let n = a.nrows();
    let (mut left, mut right) = (a.clone(), Array2::eye(n));
    for k in 0..n {
        let pivot =
            (k..n).fold(k, |best, i| if left[[i, k]].abs() > left[[best, k]].abs() { i } else { best });
        let value = left[[pivot, k]];
        if !(value.abs() > 1e-300) {
            return None;
        }
        for j in 0..n {
            left.swap([k, j], [pivot, j]);
            right.swap([k, j], [pivot, j]);
        }
        for j in 0..n {
            left[[k, j]] /= value;
            right[[k, j]] /= value;
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = left[[i, k]];
            if factor != 0.0 {
                for j in 0..n {
                    left[[i, j]] -= factor * left[[k, j]];
                    right[[i, j]] -= factor * right[[k, j]];
                }
            }
        }
    }
    right.iter().all(|value: &f64| value.is_finite()).then_some(right)
}
