//! Exact nearest neighbours of all rows among themselves, by blocks of products.

use ndarray::{Array2, ArrayRef2, s};
use perennial_core::{Context, Error, Result};
use perennial_numeric::linalg::{Centred, matmul};
use perennial_numeric::reduce;

/// Rows of one task.
const BLOCK: usize = 256;

/// For each row its `k` nearest others, nearest first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nearest {
    pub(super) k: usize,
    pub(super) indices: Vec<u32>,
    pub(super) distances: Vec<f64>,
}

impl Nearest {
    pub(super) fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let range = i * self.k..(i + 1) * self.k;
        (&self.indices[range.clone()], &self.distances[range])
    }
}

/// Rows that others are compared with.
pub(super) struct Base {
    mean: Vec<f64>,
    turned: Array2<f64>,
    lengths: Vec<f64>,
}

impl Base {
    pub(super) fn new(x: &ArrayRef2<f64>) -> Result<Base> {
        let mean = Centred::column_means(x);
        let turned = Array2::from_shape_fn((x.ncols(), x.nrows()), |(j, i)| x[[i, j]] - mean[j]);
        let lengths: Vec<f64> =
            (0..x.nrows()).map(|i| turned.column(i).iter().map(|value| value * value).sum()).collect();
        if !lengths.iter().all(|length| *length < 1e300) {
            return Err(Error::overflow(
                "the numbers are so large that distances leave the range of f64; scale the columns first",
            ));
        }
        Ok(Base { mean, turned, lengths })
    }

    /// The `k` nearest of each row of `x`, which starts at row `first` of the base where it is the base itself, and is
    /// then not its own neighbour.
    fn block(&self, x: &ArrayRef2<f64>, k: usize, own: Option<usize>) -> (Vec<u32>, Vec<f64>) {
        let rows = &x.view() - &ndarray::ArrayView1::from(&self.mean);
        let products = matmul(&rows, &self.turned);
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        let mut found: Vec<(f64, u32)> = Vec::new();
        for (i, (row, products)) in rows.rows().into_iter().zip(products.rows()).enumerate() {
            let length: f64 = row.iter().map(|value| value * value).sum();
            found.clear();
            let mut bound = f64::INFINITY;
            for (j, (product, other)) in products.iter().zip(&self.lengths).enumerate() {
                let distance = ((length + other) - 2.0 * product).max(0.0);
                if distance < bound && own.is_none_or(|first| first + i != j) {
                    found.push((distance, j as u32));
                    if found.len() >= 2 * k + 32 {
                        found.select_nth_unstable_by(k - 1, order);
                        found.truncate(k);
                        bound = found[k - 1].0;
                    }
                }
            }
            found.sort_unstable_by(order);
            indices.extend(found.iter().take(k).map(|pair| pair.1));
            distances.extend(found.iter().take(k).map(|pair| pair.0.sqrt()));
        }
        (indices, distances)
    }

    /// The `k` nearest of each row of `x`; `same` where these are the rows of the base.
    pub(super) fn nearest(&self, x: &ArrayRef2<f64>, k: usize, same: bool, ctx: &Context) -> Result<Nearest> {
        let parts = reduce::try_map_chunks(x.nrows(), BLOCK, |rows| {
            ctx.check()?;
            let own = same.then_some(rows.start);
            Ok(self.block(&x.slice(s![rows, ..]), k, own))
        })?;
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        for (some, others) in parts {
            indices.extend(some);
            distances.extend(others);
        }
        Ok(Nearest { k, indices, distances })
    }
}

fn order(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}
