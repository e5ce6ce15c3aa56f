//! Sparse rows around their weighted means, which are taken away from sums. A column that all rows store may lie far from 0, where
//! that would cost the digits of its spread: its entries count from its first one, which keeps it as sparse as it was.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Context, Csr, Result};
use perennial_numeric::reduce;

use super::centred::{Centred, add};

/// The most parts that are added up, as each is as large as the sums.
const PARTS: usize = 16;

/// Rows of one part.
fn block(n_rows: usize) -> usize {
    n_rows.div_ceil(PARTS).max(4096)
}

impl Centred<'_> {
    pub(super) fn find_sparse_means(&mut self, csr: &Csr) {
        self.find_origin(csr);
        let sums = |rows: Range<usize>| {
            let mut sums = vec![0.0; self.n_features];
            for row in rows {
                let (weight, (columns, values)) = (self.weight(row), csr.row(row));
                columns.iter().zip(values).for_each(|(&column, value)| {
                    sums[column as usize] += weight * (value - self.origin[column as usize])
                });
            }
            sums
        };
        let sums = reduce::map_reduce(self.n_rows, block(self.n_rows), sums, add).unwrap_or_default();
        self.shifts = sums.iter().map(|sum| sum / self.total_weight).collect();
        self.means = self.origin.iter().zip(&self.shifts).map(|(origin, shift)| origin + shift).collect();
        // The second sum takes back what the first lost to rounding.
        for _ in 0..2 {
            let drift = reduce::sum_by(self.n_rows, |row| self.weight(row) * self.target(row));
            self.mean += drift / self.total_weight;
        }
        self.start = Some(self.sparse_pull(csr, &[], &[]));
    }

    /// Of each column that every row with weight stores its first entry, of the others 0.
    fn find_origin(&mut self, csr: &Csr) {
        let mut counts = vec![0_usize; self.n_features];
        let counted = || (0..self.n_rows).filter(|&row| self.weight(row) > 0.0);
        for row in counted() {
            csr.row(row).0.iter().for_each(|&column| counts[column as usize] += 1);
        }
        let n_counted = counted().count();
        let mut origin = vec![0.0; self.n_features];
        if let Some(first) = counted().next() {
            let (columns, values) = csr.row(first);
            let full =
                columns.iter().zip(values).filter(|(column, _)| counts[**column as usize] == n_counted);
            full.for_each(|(&column, &value)| origin[column as usize] = value);
        }
        self.origin = origin;
    }

    /// As [`pull`](Centred::pull).
    pub(super) fn sparse_pull(&self, csr: &Csr, columns: &[usize], coefficients: &[f64]) -> (Vec<f64>, f64) {
        let n = self.n_features;
        let mut weights = vec![0.0; n];
        columns.iter().zip(coefficients).for_each(|(&j, weight)| weights[j] = *weight);
        let (mut sums, squares) = self.sparse_sums(csr, &weights, |row, fitted| self.target(row) - fitted);
        sums.truncate(n);
        (sums, squares)
    }

    /// For each feature the sum over the rows of weight, centred feature and what `of` makes of the row and its centred product
    /// with the coefficients; and the sum of the weighted squares of what it makes.
    pub(super) fn sparse_sums(
        &self,
        csr: &Csr,
        coefficients: &[f64],
        of: impl Fn(usize, f64) -> f64 + Sync,
    ) -> (Vec<f64>, f64) {
        let n = self.n_features;
        let offset: f64 = self.shifts.iter().zip(coefficients).map(|(shift, weight)| shift * weight).sum();
        let part = |rows: Range<usize>| {
            let mut sums = vec![0.0; n + 2];
            for row in rows {
                let (columns, values) = csr.row(row);
                let entries = || {
                    let columns = columns.iter().map(|&column| column as usize);
                    columns.zip(values).map(|(column, value)| (column, value - self.origin[column]))
                };
                let product: f64 = entries().map(|(column, value)| value * coefficients[column]).sum();
                let number = of(row, product - offset);
                let pull = self.weight(row) * number;
                sums[n] += pull * number;
                sums[n + 1] += pull;
                entries().for_each(|(column, value)| sums[column] += pull * value);
            }
            sums
        };
        let sums = reduce::map_reduce(self.n_rows, block(self.n_rows), part, add);
        let mut sums = sums.unwrap_or_else(|| vec![0.0; n + 2]);
        let (squares, pulls) = (sums[n], sums[n + 1]);
        sums.truncate(n);
        sums.iter_mut().zip(&self.shifts).for_each(|(sum, shift)| *sum -= shift * pulls);
        (sums, squares)
    }

    /// As [`products`](Centred::products).
    pub(super) fn sparse_products(
        &self,
        csr: &Csr,
        rows: Range<usize>,
        columns: Option<&[usize]>,
        ctx: &Context,
    ) -> Result<Array2<f64>> {
        let n = columns.map_or(self.n_features, <[usize]>::len);
        let (width, first) = (n + 2, rows.start);
        let mut places: Vec<Option<usize>> = Vec::new();
        if let Some(columns) = columns {
            places.resize(self.n_features, None);
            columns.iter().enumerate().for_each(|(place, &column)| places[column] = Some(place));
        }
        let place = |column: u32| match columns {
            None => Some(column as usize),
            Some(_) => places[column as usize],
        };
        let part = |part: Range<usize>| {
            ctx.check()?;
            let mut lower = vec![0.0; width * width];
            let mut inside: Vec<(usize, f64)> = Vec::new();
            for row in first + part.start..first + part.end {
                let (columns, values) = csr.row(row);
                let entries = columns.iter().zip(values);
                inside.clear();
                inside.extend(entries.filter_map(|(&column, value)| {
                    Some((place(column)?, value - self.origin[column as usize]))
                }));
                inside.extend([(n, self.target(row)), (n + 1, 1.0)]);
                let weight = self.weight(row);
                for (end, &(a, value)) in inside.iter().enumerate() {
                    let (sums, value) = (&mut lower[a * width..][..width], weight * value);
                    inside[..=end].iter().for_each(|&(b, other)| sums[b] += value * other);
                }
            }
            Ok(lower)
        };
        let sums = reduce::try_map_reduce(rows.len(), block(rows.len()), part, |a, b| Ok(add(a, b)))?;
        let lower = sums.unwrap_or_else(|| vec![0.0; width * width]);
        let raw = |a: usize, b: usize| lower[a.max(b) * width + a.min(b)];
        let mut shifts = vec![0.0; width];
        match columns {
            None => shifts[..n].copy_from_slice(&self.shifts),
            Some(columns) => shifts.iter_mut().zip(columns).for_each(|(shift, &j)| *shift = self.shifts[j]),
        }
        // Of the columns of a run of rows the sums around the means of all.
        let sum = |a: usize| raw(a, n + 1);
        let total = sum(n + 1);
        let mut products = Array2::from_shape_fn((width, width), |(a, b)| {
            raw(a, b) - shifts[a] * sum(b) - shifts[b] * sum(a) + shifts[a] * shifts[b] * total
        });
        for j in 0..n {
            // What rounding made less than nothing is a column without spread.
            if shifts[j] != 0.0 && products[[j, j]] <= 0.0 {
                products.row_mut(j).fill(0.0);
                products.column_mut(j).fill(0.0);
            }
        }
        Ok(products)
    }
}
