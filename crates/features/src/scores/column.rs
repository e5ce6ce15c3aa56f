//! The columns of a matrix one by one, with the weights of their rows.

use ndarray::ArrayRef2;
use perennial_core::{Error, Matrix, Result, Rows, Train};
use perennial_numeric::reduce;

/// A number that is stored.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) row: usize,
    pub(crate) value: f64,
    pub(crate) weight: f64,
}

/// The columns of dense or sparse rows; rows without weight are left out.
pub(crate) struct Columns<'a> {
    cells: Cells<'a>,
    weights: Vec<f64>,
    total: f64,
    n_live: usize,
}

enum Cells<'a> {
    Dense(&'a ArrayRef2<f64>),
    Sparse(Vec<Vec<(usize, f64)>>),
}

/// The stored numbers of a column, and the weight of the rows in which it is 0 without being stored.
pub(crate) struct Column {
    pub(crate) cells: Vec<Cell>,
    pub(crate) rest: f64,
}

/// A column around its mean, shrunk by a power of two so that squares stay in range.
pub(crate) struct Centred {
    /// The deviations of what is stored.
    pub(crate) cells: Vec<Cell>,
    /// The weight of the rows that are not stored.
    pub(crate) rest: f64,
    /// The deviation of each of them; 0 where there are none.
    pub(crate) rest_deviation: f64,
    /// The power of two that the numbers are multiplied by.
    scale: f64,
}

impl<'a> Columns<'a> {
    pub(crate) fn of<Y: ?Sized>(train: &Train<'a, Matrix, Y>) -> Result<Self> {
        let x: &'a Matrix = train.x;
        let weights = weights(train, x.n_rows());
        let total = reduce::sum(&weights);
        if !total.is_finite() {
            return Err(Error::overflow(
                "the weights add up to more than an `f64` can hold; give smaller ones",
            ));
        }
        let cells = match x.sparse() {
            None => Cells::Dense(x.dense()?),
            Some(csr) => {
                let mut columns: Vec<Vec<(usize, f64)>> = vec![Vec::new(); csr.n_cols()];
                for row in 0..csr.n_rows() {
                    let (own, values) = csr.row(row);
                    for (&column, &value) in own.iter().zip(values) {
                        columns[column as usize].push((row, value));
                    }
                }
                Cells::Sparse(columns)
            }
        };
        let n_live = weights.iter().filter(|weight| **weight > 0.0).count();
        Ok(Columns { cells, weights, total, n_live })
    }

    /// The weight of all rows.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// The weight of each row.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    pub(crate) fn column(&self, column: usize) -> Column {
        let cell = |(row, value): (usize, f64)| {
            let weight = self.weights[row];
            (weight > 0.0).then_some(Cell { row, value, weight })
        };
        let cells: Vec<Cell> = match &self.cells {
            Cells::Dense(x) => x.column(column).iter().copied().enumerate().filter_map(cell).collect(),
            Cells::Sparse(columns) => columns[column].iter().copied().filter_map(cell).collect(),
        };
        let rest = if cells.len() == self.n_live {
            0.0
        } else {
            (self.total - cells.iter().map(|cell| cell.weight).sum::<f64>()).max(0.0)
        };
        Column { cells, rest }
    }
}

/// The weight of each row; 1 where there are none.
fn weights<Y: ?Sized>(train: &Train<'_, Matrix, Y>, n_rows: usize) -> Vec<f64> {
    train.weights.map_or_else(|| vec![1.0; n_rows], <[f64]>::to_vec)
}

impl Column {
    /// Numbers that are all stored.
    pub(crate) fn of_all(values: &[f64], weights: &[f64]) -> Self {
        let all = values.iter().zip(weights).enumerate();
        let live = all.filter(|(_, (_, weight))| **weight > 0.0);
        let cells = live.map(|(row, (&value, &weight))| Cell { row, value, weight }).collect();
        Column { cells, rest: 0.0 }
    }

    /// The deviations from the mean, in units of a power of two; none where all numbers are equal, whatever rounding would make of them.
    pub(crate) fn centred(mut self, total: f64) -> Option<Centred> {
        let zeros = self.rest > 0.0;
        let first = if zeros { 0.0 } else { self.cells.first()?.value };
        if self.cells.iter().all(|cell| cell.value == first) {
            return None;
        }
        let largest = self.cells.iter().fold(0.0_f64, |most, cell| most.max(cell.value.abs()));
        // All below 1/2, so that their sum is in range where that of their weights is.
        let scale = 0.25 * 2.0_f64.powi(-(largest.log2().floor() as i32).clamp(-1000, 1023));
        self.cells.iter_mut().for_each(|cell| cell.value *= scale);
        let cells = &self.cells;
        let mean = reduce::sum_by(cells.len(), |at| cells[at].weight * cells[at].value) / total;
        self.cells.iter_mut().for_each(|cell| cell.value -= mean);
        let rest_deviation = if zeros { -mean } else { 0.0 };
        Some(Centred { cells: self.cells, rest: self.rest, rest_deviation, scale })
    }
}

impl Centred {
    /// The sum of squares of the deviations as they are here.
    pub(crate) fn squares(&self) -> f64 {
        let square = |at: usize| self.cells[at].weight * self.cells[at].value * self.cells[at].value;
        reduce::sum_by(self.cells.len(), square) + self.rest * self.rest_deviation * self.rest_deviation
    }

    /// The variance over the weight of all rows, in the units of the column.
    pub(crate) fn variance(&self, total: f64) -> f64 {
        self.squares() / total / self.scale / self.scale
    }
}
