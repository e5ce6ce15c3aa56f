//! Maps of graphs by the eigenvectors of their Laplacians.

use std::ops::Range;

use ndarray::{Array1, Array2};
use perennial_core::{Context, Csr, Error, Result};
use serde::{Deserialize, Serialize};

use crate::kernel::Kernel;
use crate::linalg::{LargestEigen, largest_eigen, matmul};
use crate::neighbors::{Index, Metric, Search};
use crate::random::Random;
use crate::reduce;

/// The residual at which eigenvectors count as found, as a share of the largest eigenvalue.
const TOLERANCE: f64 = 1e-9;
/// The most rows whose likenesses are all held: they take 1.6 GB.
const MOST_ROWS: usize = 14_000;

/// How alike two rows are, for the graph of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Affinity {
    /// `exp(-gamma |x - y|^2)` of every pair.
    Rbf {
        /// How fast the likeness falls, above 0.
        gamma: f64,
    },
    /// 1 where each is among the nearest rows of the other, one half where one is, else 0.
    NearestNeighbors {
        /// How many of the nearest rows, itself included.
        n_neighbors: usize,
    },
}

/// A graph of rows with weights >= 0, the same in both directions.
#[derive(Clone, Debug)]
pub struct Graph(Edges);

#[derive(Clone, Debug)]
enum Edges {
    Dense(Array2<f64>),
    Sparse(Csr),
}

/// The map of a graph.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LaplacianMap {
    /// The smallest eigenvalues of the normalised Laplacian, the smallest first, from 0 to 2. As many are 0 as the graph
    /// has parts that are not connected.
    pub eigenvalues: Array1<f64>,
    /// The place of each row: eigenvectors in the columns, divided by the roots of the degrees.
    pub places: Array2<f64>,
    /// Whether the eigenvectors were found to nine digits or so.
    pub converged: bool,
    /// How far the worst of them still was from being one: the largest length of `L v - value v`, at most 2.
    pub residual: f64,
}

impl Graph {
    /// The graph of the rows of `x`.
    ///
    /// # Errors
    /// When a setting is out of its range, there are too many rows for a likeness of every pair or fewer than neighbours,
    /// or a number is not finite.
    pub fn of_rows(ctx: &Context, x: &ndarray::ArrayRef2<f64>, affinity: Affinity) -> Result<Self> {
        let n = x.nrows();
        match affinity {
            Affinity::Rbf { gamma } => {
                if !(gamma > 0.0 && gamma.is_finite()) {
                    return Err(Error::invalid_param("gamma", gamma, "a finite number > 0"));
                }
                if n > MOST_ROWS {
                    return Err(Error::too_large(format!(
                        "the likenesses of all pairs of {n} rows would be held; at most {MOST_ROWS} rows are taken: use nearest neighbours"
                    )));
                }
                let function = Kernel::rbf(gamma).resolve(x, None)?;
                let mut weights = function.points(x)?.gram(x)?;
                (0..n).for_each(|row| weights[[row, row]] = 0.0);
                Ok(Graph(Edges::Dense(weights)))
            }
            Affinity::NearestNeighbors { n_neighbors } => {
                if n_neighbors < 2 {
                    return Err(Error::invalid_param("n_neighbors", n_neighbors, "a whole number >= 2"));
                }
                let index = Index::new_in(ctx, x, Metric::Euclidean, Search::Auto)?;
                let near = index.nearest_others(ctx, x, n_neighbors - 1)?;
                let mut links: Vec<(u32, u32)> = Vec::with_capacity(2 * near.rows().len());
                for (row, others) in near.rows().chunks_exact(n_neighbors - 1).enumerate() {
                    links.extend(others.iter().flat_map(|&other| [(row as u32, other), (other, row as u32)]));
                }
                links.sort_unstable();
                let (mut indptr, mut indices, mut values) = (vec![0; n + 1], Vec::new(), Vec::new());
                for group in links.chunk_by(|a, b| a == b) {
                    indices.push(group[0].1);
                    values.push(0.5 * group.len() as f64);
                    indptr[group[0].0 as usize + 1] += 1;
                }
                (0..n).for_each(|row| indptr[row + 1] += indptr[row]);
                Ok(Graph(Edges::Sparse(Csr::new(n, indptr, indices, values)?)))
            }
        }
    }

    fn n(&self) -> usize {
        match &self.0 {
            Edges::Dense(weights) => weights.nrows(),
            Edges::Sparse(weights) => weights.n_cols(),
        }
    }

    fn degrees(&self) -> Vec<f64> {
        match &self.0 {
            Edges::Dense(weights) => weights.rows().into_iter().map(|row| row.sum()).collect(),
            Edges::Sparse(weights) => (0..self.n()).map(|row| weights.row(row).1.iter().sum()).collect(),
        }
    }

    fn times(&self, vectors: &Array2<f64>) -> Array2<f64> {
        match &self.0 {
            Edges::Dense(weights) => matmul(weights, vectors),
            Edges::Sparse(weights) => {
                let width = vectors.ncols();
                let mut out = vec![0.0; self.n() * width];
                let numbers = vectors.as_standard_layout();
                let numbers = numbers.as_slice().unwrap_or_default();
                reduce::fill_rows(&mut out, width, 256, |first, out| {
                    for (index, out) in out.chunks_exact_mut(width).enumerate() {
                        let (others, weights) = weights.row(first + index);
                        for (&other, weight) in others.iter().zip(weights) {
                            let row: Range<usize> = other as usize * width..(other as usize + 1) * width;
                            out.iter_mut().zip(&numbers[row]).for_each(|(out, value)| *out += weight * value);
                        }
                    }
                });
                Array2::from_shape_vec((self.n(), width), out).unwrap_or_default()
            }
        }
    }

    /// The map by the eigenvectors of the `k` smallest eigenvalues of the normalised Laplacian (Shi and Malik, 2000;
    /// Belkin and Niyogi, 2003). The first tells nothing where the graph is connected: its places are all the same.
    ///
    /// # Errors
    /// When there are fewer than `k` rows, or the work is cancelled.
    pub fn laplacian_map(&self, ctx: &Context, k: usize, random: &mut Random) -> Result<LaplacianMap> {
        // A row without links stands alone.
        let root = |degree: f64| if degree > 0.0 { degree.sqrt() } else { 1.0 };
        let roots: Vec<f64> = self.degrees().into_iter().map(root).collect();
        let scale = |vectors: &mut Array2<f64>| {
            for (mut row, root) in vectors.rows_mut().into_iter().zip(&roots) {
                row.mapv_inplace(|value| value / root);
            }
        };
        // What is largest of 2 - L is smallest of L.
        let alone: Vec<bool> = self.degrees().iter().map(|degree| !(*degree > 0.0)).collect();
        let times = |vectors: &Array2<f64>| {
            let mut scaled = vectors.clone();
            scale(&mut scaled);
            let mut product = self.times(&scaled);
            scale(&mut product);
            for (row, mut out) in product.rows_mut().into_iter().enumerate() {
                // The Laplacian of a row alone is 0.
                let own = if alone[row] { 2.0 } else { 1.0 };
                out.iter_mut().zip(vectors.row(row)).for_each(|(out, value)| *out += own * value);
            }
            product
        };
        let LargestEigen { values, mut vectors, converged, residual } =
            largest_eigen(self.n(), k, TOLERANCE, random, ctx, times)?;
        scale(&mut vectors);
        Ok(LaplacianMap {
            eigenvalues: values.mapv(|value| (2.0 - value).max(0.0)),
            places: vectors,
            converged,
            residual,
        })
    }
}
