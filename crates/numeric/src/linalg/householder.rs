//! Householder QR of blocks that fit the cache (Golub and Van Loan, 2013, sections 5.2 and 5.4).
//!
//! It is our own because that of faer leaves out columns that depend on earlier ones within a tolerance; here that
//! decision belongs to the caller, and all digits are kept until then.

use faer::linalg::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::reduce::dot_chunk;

/// Columns whose reflections are applied together to the columns on their right.
const PANEL: usize = 8;

/// A column-major matrix.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    numbers: Vec<f64>,
}

impl Columns {
    pub(super) fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Columns { n_rows, n_cols, numbers: vec![0.0; n_rows * n_cols] }
    }

    pub(super) fn from_fn(n_rows: usize, n_cols: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let mut columns = Columns::zeros(n_rows, n_cols);
        for j in 0..n_cols {
            for (i, number) in columns.column_mut(j).iter_mut().enumerate() {
                *number = value(i, j);
            }
        }
        columns
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.numbers[j * self.n_rows + i]
    }

    pub(super) fn column(&self, j: usize) -> &[f64] {
        &self.numbers[j * self.n_rows..(j + 1) * self.n_rows]
    }

    pub(super) fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.numbers[j * self.n_rows..(j + 1) * self.n_rows]
    }

    fn swap(&mut self, a: usize, b: usize) {
        for i in 0..self.n_rows {
            self.numbers.swap(a * self.n_rows + i, b * self.n_rows + i);
        }
    }

    /// Column `k` and the columns from `k + 1` to `end`, below row `from`.
    fn split(&mut self, k: usize, end: usize) -> (&mut [f64], impl Iterator<Item = &mut [f64]>) {
        let n_rows = self.n_rows;
        let (left, right) = self.numbers[k * n_rows..end * n_rows].split_at_mut(n_rows);
        (left, right.chunks_exact_mut(n_rows))
    }

    /// The triangular factor R of the QR decomposition: at most as many rows as columns.
    pub(super) fn into_r(mut self) -> Columns {
        let steps = self.n_rows.min(self.n_cols);
        for start in (0..steps).step_by(PANEL) {
            let end = (start + PANEL).min(steps);
            let taus: Vec<f64> = (start..end).map(|k| self.eliminate(k, end)).collect();
            if end < self.n_cols {
                self.apply_panel(start, &taus);
            }
        }
        Columns::from_fn(steps, self.n_cols, |i, j| if i <= j { self.at(i, j) } else { 0.0 })
    }

    /// Makes column `k` zero below the diagonal and reflects the columns up to `end`; gives tau.
    /// The tail of the column keeps the vector of the reflection.
    fn eliminate(&mut self, k: usize, end: usize) -> f64 {
        let (column, rest) = self.split(k, end);
        let tau = reflection(&mut column[k..]);
        if tau != 0.0 {
            rest.for_each(|other| reflect(&column[k + 1..], tau, &mut other[k..]));
        }
        tau
    }

    /// Applies `I - V T^T V^T` of the panel from column `start` to the columns on its right.
    fn apply_panel(&mut self, start: usize, taus: &[f64]) {
        let (n_rows, width) = (self.n_rows - start, taus.len());
        let right = self.n_cols - start - width;
        let v = Mat::from_fn(n_rows, width, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => self.at(start + i, start + j),
        });
        let mut overlaps = Mat::zeros(width, width);
        matmul::matmul(overlaps.as_mut(), Accum::Replace, v.transpose(), &v, 1.0, Par::Seq);
        let mut t = Mat::<f64>::zeros(width, width);
        for k in 0..width {
            t[(k, k)] = taus[k];
            for i in 0..k {
                let sum: f64 = (i..k).map(|l| t[(i, l)] * overlaps[(l, k)]).sum();
                t[(i, k)] = -taus[k] * sum;
            }
        }
        let first = (start + width) * self.n_rows;
        let mut target = MatMut::from_column_major_slice_mut(&mut self.numbers[first..], self.n_rows, right)
            .subrows_mut(start, n_rows);
        let mut projected = Mat::zeros(width, right);
        matmul::matmul(projected.as_mut(), Accum::Replace, v.transpose(), target.as_ref(), 1.0, Par::Seq);
        let mut weighted = Mat::zeros(width, right);
        matmul::matmul(weighted.as_mut(), Accum::Replace, t.transpose(), &projected, 1.0, Par::Seq);
        let v: MatRef<'_, f64> = v.as_ref();
        matmul::matmul(target.as_mut(), Accum::Add, v, &weighted, -1.0, Par::Seq);
    }

    /// QR with the largest remaining column first: R in the upper triangle, the order of the columns,
    /// and the same reflections applied to `other`.
    pub(super) fn pivoted_qr(&mut self, other: &mut Columns) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.n_cols).collect();
        for k in 0..self.n_rows.min(self.n_cols) {
            let remains = |j: usize| dot_chunk(&self.column(j)[k..], &self.column(j)[k..]);
            let (mut best, mut largest) = (k, remains(k));
            for j in k + 1..self.n_cols {
                let size = remains(j);
                if size > largest {
                    (best, largest) = (j, size);
                }
            }
            if best != k {
                self.swap(k, best);
                order.swap(k, best);
            }
            self.eliminate_with(k, other);
        }
        order
    }

    /// QR without pivoting, the reflections applied to `other`; R is in the upper triangle.
    pub(super) fn qr_with(&mut self, other: &mut Columns) -> Vec<f64> {
        (0..self.n_rows.min(self.n_cols)).map(|k| self.eliminate_with(k, other)).collect()
    }

    fn eliminate_with(&mut self, k: usize, other: &mut Columns) -> f64 {
        let tau = self.eliminate(k, self.n_cols);
        if tau != 0.0 {
            for j in 0..other.n_cols {
                reflect(&self.column(k)[k + 1..], tau, &mut other.column_mut(j)[k..]);
            }
        }
        tau
    }

    /// Multiplies `other` by Q from the left, after [`qr_with`](Columns::qr_with) gave `taus`.
    pub(super) fn apply_q(&self, taus: &[f64], other: &mut Columns) {
        for (k, &tau) in taus.iter().enumerate().rev() {
            for j in 0..other.n_cols {
                reflect(&self.column(k)[k + 1..], tau, &mut other.column_mut(j)[k..]);
            }
        }
    }

    /// Solves `R x = rhs` with the upper triangle of the first `n` columns, in place.
    pub(super) fn solve_upper(&self, n: usize, rhs: &mut [f64]) {
        for j in (0..n).rev() {
            rhs[j] /= self.at(j, j);
            let value = rhs[j];
            for (other, r) in rhs[..j].iter_mut().zip(self.column(j)) {
                *other -= value * r;
            }
        }
    }

    /// Solves `R^T x = rhs` with the upper triangle of the first `n` columns, in place.
    pub(super) fn solve_upper_t(&self, n: usize, rhs: &mut [f64]) {
        for j in 0..n {
            let known = dot_chunk(&self.column(j)[..j], &rhs[..j]);
            rhs[j] = (rhs[j] - known) / self.at(j, j);
        }
    }
}

/// Turns `x` into (beta, v) with `(I - tau (1, v)(1, v)^T) x = (beta, 0)`, and gives tau.
fn reflection(x: &mut [f64]) -> f64 {
    let Some((head, tail)) = x.split_first_mut() else { return 0.0 };
    let squares = dot_chunk(tail, tail);
    if squares == 0.0 {
        return 0.0;
    }
    let beta = -(*head * *head + squares).sqrt().copysign(*head);
    let scale = 1.0 / (*head - beta);
    tail.iter_mut().for_each(|value| *value *= scale);
    let tau = (beta - *head) / beta;
    *head = beta;
    tau
}

/// Applies `I - tau (1, v)(1, v)^T` to `x`.
fn reflect(v: &[f64], tau: f64, x: &mut [f64]) {
    let Some((head, tail)) = x.split_first_mut() else { return };
    let amount = tau * (*head + dot_chunk(v, tail));
    *head -= amount;
    for (x, v) in tail.iter_mut().zip(v) {
        *x -= amount * v;
    }
}
