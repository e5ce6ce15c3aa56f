//! Ridge regression of sparse rows.

use ndarray::{Array1, ArrayRef1, s};
use perennial_core::{Csr, Error, Matrix, Result, Train, Values};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce::dot;

use super::centred::Centred;
use super::model::LinearModel;
use crate::rows::{power_of_two, tame_by};

/// Up to so many columns their products are factored.
const MOST_PRODUCTS: usize = 2048;
/// A pivot that is a smaller share of its column than this belongs to a column that depends on others.
const DEPENDENT: f64 = 1e-11;
/// Times that an answer is made better by the residuals of its equations.
const REFINEMENTS: usize = 3;
/// The most steps of one search by conjugate gradients.
const MOST_STEPS: usize = 20_000;
/// The residuals at which a search ends, as a share of the first, and those that an answer may have.
const TOLERANCE: f64 = 1e-15;
const ACCEPTED: f64 = 1e-9;

/// Solves `(X^T W X + alpha) b = X^T W y` for rows around their means, which are not written out: by the Cholesky factor of
/// the products of the columns where they are few and do not depend on each other, else by conjugate gradients (Hestenes
/// and Stiefel, 1952) from 0, whose answer without a penalty is the shortest.
pub(super) fn fit(
    train: &Train<'_, Matrix, Values>,
    csr: &Csr,
    alpha: f64,
    intercept: bool,
) -> Result<LinearModel> {
    let (weights, unit) = tame_by(train.weights);
    let y = train.y.as_slice();
    let size = power_of_two(y.iter().fold(0.0, |most: f64, value| most.max(value.abs())));
    let y: Vec<f64> = y.iter().map(|value| value / size).collect();
    let problem = Centred::new(train.x, &y, weights.as_deref(), intercept)?;
    let system = System { problem: &problem, csr, alpha: alpha / unit, train };
    let coefficients = system.solve()?;
    let constant = if intercept { problem.intercept(&coefficients) * size } else { 0.0 };
    let coefficients: Vec<f64> = coefficients.iter().map(|weight| weight * size).collect();
    if !coefficients.iter().chain([&constant]).all(|number| number.is_finite()) {
        return Err(too_large());
    }
    Ok(LinearModel::plain(train.x.features(), coefficients, constant))
}

fn too_large() -> Error {
    Error::overflow("the square of a column left the range of f64; standardise the features")
}

struct System<'a> {
    problem: &'a Centred<'a>,
    csr: &'a Csr,
    alpha: f64,
    train: &'a Train<'a, Matrix, Values>,
}

impl System<'_> {
    fn solve(&self) -> Result<Vec<f64>> {
        if self.problem.n_features <= MOST_PRODUCTS
            && let Some(answer) = self.by_products()?
        {
            return Ok(answer);
        }
        self.by_gradients()
    }

    /// What is left of the right side of the equations.
    fn residuals(&self, coefficients: &[f64]) -> Array1<f64> {
        let of = |row: usize, fitted: f64| self.problem.target(row) - fitted;
        let (mut pull, _) = self.problem.sparse_sums(self.csr, coefficients, of);
        pull.iter_mut().zip(coefficients).for_each(|(pull, weight)| *pull -= self.alpha * weight);
        Array1::from(pull)
    }

    /// None where a column depends on others.
    fn by_products(&self) -> Result<Option<Vec<f64>>> {
        let (problem, n) = (self.problem, self.problem.n_features);
        let products = problem.products(0..problem.n_rows, None, &self.train.ctx)?;
        let mut square = products.slice(s![..n, ..n]).to_owned();
        square.diag_mut().mapv_inplace(|own| own + self.alpha);
        if !square.iter().all(|value| value.is_finite()) {
            return Err(too_large());
        }
        let Ok(factor) = Cholesky::new_in(&self.train.ctx, &square) else {
            self.train.ctx.check()?;
            return Ok(None);
        };
        let lower = factor.lower();
        let depends = |j: usize| lower[[j, j]] * lower[[j, j]] <= DEPENDENT * square[[j, j]];
        if (0..n).any(depends) {
            return Ok(None);
        }
        let mut answer = Array1::zeros(n);
        for _ in 0..=REFINEMENTS {
            self.train.ctx.check()?;
            let mut residuals = self.residuals(&answer.to_vec());
            // A column without spread has no residual but that of rounding.
            let spreads = products.diag();
            residuals
                .iter_mut()
                .zip(spreads)
                .filter(|(_, own)| **own == 0.0)
                .for_each(|(left, _)| *left = 0.0);
            answer += &factor.solve(&residuals);
        }
        Ok(Some(answer.to_vec()))
    }

    fn by_gradients(&self) -> Result<Vec<f64>> {
        let n = self.problem.n_features;
        let mut answer = Array1::zeros(n);
        let mut residuals = self.residuals(&answer.to_vec());
        let first = length(&residuals);
        if !first.is_finite() {
            return Err(too_large());
        }
        let mut n_steps = 0;
        for _ in 0..=REFINEMENTS {
            if length(&residuals) <= 10.0 * TOLERANCE * first {
                break;
            }
            n_steps += self.descend(&mut answer, residuals, first)?;
            residuals = self.residuals(&answer.to_vec());
        }
        let left = length(&residuals) / first;
        if first == 0.0 && residuals.iter().any(|left| *left != 0.0) {
            return Err(Error::overflow(
                "the products of the columns and the target are too small for their squares; scale the features",
            ));
        }
        if first == 0.0 || left <= ACCEPTED {
            return Ok(answer.to_vec());
        }
        Err(Error::not_converged(format!(
            "the equations of the ridge regression were not solved after {n_steps} steps: {left:e} of their right side is left; \
             standardise the features, or raise `alpha`"
        )))
    }

    /// Conjugate gradients from an answer with its residuals; the number of steps.
    fn descend(&self, answer: &mut Array1<f64>, mut residuals: Array1<f64>, first: f64) -> Result<usize> {
        let mut direction = residuals.clone();
        let square = |vector: &Array1<f64>| dot(slice(vector), slice(vector));
        let mut before = square(&residuals);
        let limit = MOST_STEPS.min(10 * self.problem.n_rows.min(self.problem.n_features) + 100);
        for step in 0..limit {
            self.train.ctx.step(step, limit)?;
            let (mut moved, _) = self.problem.sparse_sums(self.csr, slice(&direction), |_, fitted| fitted);
            moved.iter_mut().zip(&direction).for_each(|(moved, part)| *moved += self.alpha * part);
            let moved = Array1::from(moved);
            let curvature = dot(slice(&direction), slice(&moved));
            if !(curvature > 0.0) {
                return Ok(step);
            }
            let share = before / curvature;
            answer.scaled_add(share, &direction);
            residuals.scaled_add(-share, &moved);
            let now = square(&residuals);
            if now.sqrt() <= TOLERANCE * first {
                return Ok(step + 1);
            }
            direction *= now / before;
            direction += &residuals;
            before = now;
        }
        Ok(limit)
    }
}

fn slice(vector: &ArrayRef1<f64>) -> &[f64] {
    vector.as_slice().unwrap_or_default()
}

fn length(vector: &ArrayRef1<f64>) -> f64 {
    dot(slice(vector), slice(vector)).sqrt()
}
