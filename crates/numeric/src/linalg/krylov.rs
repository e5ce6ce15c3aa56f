//! The largest eigenvalues of a symmetric matrix that is only multiplied with.

use ndarray::{Array1, Array2, Axis, s};
use perennial_core::{Context, Error, Result};

use super::{eigh, matmul, orthonormal};
use crate::random::Random;

/// Below this many rows the matrix is made and decomposed.
const SMALL: usize = 256;
/// Blocks of a basis, the first included.
const BLOCKS: usize = 16;
/// The most restarts.
const MOST_CYCLES: usize = 500;

/// Some eigenvalues and eigenvectors, and how well they are known.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LargestEigen {
    /// The eigenvalues, the largest first.
    pub values: Array1<f64>,
    /// The eigenvectors in its columns; the largest entry of each is positive.
    pub vectors: Array2<f64>,
    /// The largest length of `a v - value v` over the eigenvectors.
    pub residual: f64,
    /// Whether that came below the tolerance.
    pub converged: bool,
}

/// The `k` largest eigenvalues of a symmetric matrix of `n` rows, by a block Krylov method that starts again from the best
/// vectors (Golub and Underwood, 1977).
///
/// `times` multiplies the matrix with the vectors in the columns of what it gets. The block is larger than `k`, so
/// eigenvalues that are equal are found as often as they are there. The eigenvalues must not be below 0: add a
/// multiple of the unit matrix. Up to 256 rows the matrix is made and decomposed.
///
/// # Errors
/// When there are fewer than `k` rows, a product is not finite, or the work is cancelled.
pub fn largest_eigen(
    n: usize,
    k: usize,
    tolerance: f64,
    random: &mut Random,
    ctx: &Context,
    times: impl Fn(&Array2<f64>) -> Array2<f64>,
) -> Result<LargestEigen> {
    if k == 0 || k > n {
        return Err(Error::insufficient_data(format!(
            "{k} eigenvectors of a matrix of {n} rows were asked for; there must be at least 1, and as many rows"
        )));
    }
    let width = k + (k / 2).max(4);
    if n <= SMALL.max(2 * BLOCKS * width) {
        let eigen = eigh(&times(&Array2::eye(n)))?;
        let order: Vec<usize> = (0..k).map(|place| n - 1 - place).collect();
        return Ok(LargestEigen {
            values: eigen.values.select(Axis(0), &order),
            vectors: eigen.vectors.select(Axis(1), &order),
            residual: 0.0,
            converged: true,
        });
    }
    let mut start = orthonormal(&Array2::from_shape_simple_fn((n, width), || random.normal()))?;
    let mut product = times(&start);
    for cycle in 0..MOST_CYCLES {
        ctx.step(cycle, MOST_CYCLES)?;
        let (mut basis, mut products) = (start.clone(), product.clone());
        let mut last = product;
        for _ in 1..BLOCKS {
            ctx.check()?;
            // Twice: the second time takes away what rounding left.
            for _ in 0..2 {
                let along = matmul(&basis.t(), &last);
                last -= &matmul(&basis, &along);
                last = orthonormal(&last)?;
            }
            let next = times(&last);
            basis.append(Axis(1), last.view()).map_err(Error::other)?;
            products.append(Axis(1), next.view()).map_err(Error::other)?;
            last = next;
        }
        let small = matmul(&basis.t(), &products);
        let eigen = eigh(&((&small + &small.t()) / 2.0))?;
        let m = eigen.values.len();
        let order: Vec<usize> = (0..width).map(|place| m - 1 - place).collect();
        let turn = eigen.vectors.select(Axis(1), &order);
        let values = eigen.values.select(Axis(0), &order);
        start = matmul(&basis, &turn);
        product = matmul(&products, &turn);
        let off = (0..k).map(|place| {
            let gap = &product.column(place) - &(&start.column(place) * values[place]);
            gap.iter().map(|value| value * value).sum::<f64>().sqrt()
        });
        let residual = off.fold(0.0, f64::max);
        if !residual.is_finite() {
            return Err(Error::overflow("a product with the matrix is beyond the range of f64"));
        }
        let converged = residual <= tolerance * values[0].abs().max(f64::MIN_POSITIVE);
        if converged || cycle + 1 == MOST_CYCLES {
            let mut vectors = start.slice(s![.., ..k]).to_owned();
            for mut column in vectors.columns_mut() {
                let larger = |best: f64, value: &f64| if value.abs() > best.abs() { *value } else { best };
                if column.iter().fold(0.0, larger) < 0.0 {
                    column.mapv_inplace(|value| -value);
                }
            }
            return Ok(LargestEigen {
                values: values.slice(s![..k]).to_owned(),
                vectors,
                residual,
                converged,
            });
        }
    }
    Err(Error::not_converged("the eigenvalues were not looked for"))
}
