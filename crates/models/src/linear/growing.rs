//! The Cholesky factor of the products of columns that join one by one.

use super::coordinate::Quadratic;

/// A column of which less than this share of the square is its own depends on those that are in.
const OWN: f64 = 1e-12;

/// Columns, and the factor of their products row by row.
pub(super) struct Growing {
    columns: Vec<usize>,
    factor: Vec<Vec<f64>>,
}

impl Growing {
    pub(super) fn new() -> Self {
        Growing { columns: Vec::new(), factor: Vec::new() }
    }

    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Takes a column in; `false` where those that are in determine it.
    pub(super) fn push(&mut self, problem: &Quadratic, column: usize) -> bool {
        let products = problem.row(column);
        let mut row: Vec<f64> = Vec::with_capacity(self.columns.len() + 1);
        for (&other, known) in self.columns.iter().zip(&self.factor) {
            let sum: f64 = row.iter().zip(known).map(|(a, b)| a * b).sum();
            row.push((products[other] - sum) / known[known.len() - 1]);
        }
        let rest = products[column] - row.iter().map(|value| value * value).sum::<f64>();
        if !(rest > OWN * products[column]) {
            return false;
        }
        row.push(rest.sqrt());
        self.columns.push(column);
        self.factor.push(row);
        true
    }

    /// Takes out the column at a place, and gives it; the factor of those behind it is made again.
    pub(super) fn remove(&mut self, problem: &Quadratic, place: usize) -> usize {
        let behind = self.columns.split_off(place);
        self.factor.truncate(place);
        for &column in &behind[1..] {
            self.push(problem, column);
        }
        behind[0]
    }

    /// The `x` with `products x = right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(right.len());
        for (row, value) in self.factor.iter().zip(right) {
            let sum: f64 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
            x.push((value - sum) / row[row.len() - 1]);
        }
        for i in (0..x.len()).rev() {
            let sum: f64 = (i + 1..x.len()).map(|k| self.factor[k][i] * x[k]).sum();
            x[i] = (x[i] - sum) / self.factor[i][i];
        }
        x
    }
}
