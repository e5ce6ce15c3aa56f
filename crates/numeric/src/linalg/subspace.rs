//! The largest singular values of a matrix that is only multiplied with.

use ndarray::{Array1, Array2, s};
use perennial_core::{Context, Result};

use super::{Qr, eigh, matmul, svd};
use crate::random::Random;

/// How hard [`largest_singular`] tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subspace {
    /// How many singular values are wanted.
    pub n_components: usize,
    /// How many more directions are carried along.
    pub n_oversamples: usize,
    /// How often the directions are multiplied with the Gram matrix.
    pub n_iterations: usize,
}

/// The largest singular values of a matrix and the right vectors that belong to them, one in each row, from a random
/// subspace that is multiplied with the Gram matrix again and again (Halko, Martinsson and Tropp, 2011).
///
/// `times` multiplies the matrix, `gram_times` its Gram matrix with the vectors in the columns of what it gets. Singular
/// values below about 1e-8 of the largest are lost.
///
/// # Errors
/// When a product is not finite, the work is cancelled, or a decomposition fails.
pub fn largest_singular(
    n_cols: usize,
    effort: Subspace,
    random: &mut Random,
    ctx: &Context,
    times: impl Fn(&Array2<f64>) -> Array2<f64>,
    gram_times: impl Fn(&Array2<f64>) -> Array2<f64>,
) -> Result<(Array1<f64>, Array2<f64>)> {
    let width = (effort.n_components + effort.n_oversamples).min(n_cols);
    let mut basis = Array2::from_shape_simple_fn((n_cols, width), || random.normal());
    for step in 0..effort.n_iterations.max(1) {
        ctx.step(step, effort.n_iterations + 1)?;
        basis = orthonormal(&gram_times(&basis))?;
    }
    ctx.check()?;
    let product = times(&basis);
    let small = match product.nrows() > product.ncols() {
        true => svd(&Qr::new(&product, &Array2::zeros((product.nrows(), 0)), None, false)?.r())?,
        false => svd(&product)?,
    };
    let k = effort.n_components.min(small.s.len());
    let mut vt = matmul(&small.vt.slice(s![..k, ..]), &basis.t());
    for mut row in vt.rows_mut() {
        let largest =
            row.iter().fold(0.0, |best: f64, value| if value.abs() > best.abs() { *value } else { best });
        if largest < 0.0 {
            row.mapv_inplace(|value| -value);
        }
    }
    Ok((small.s.slice(s![..k]).to_owned(), vt))
}

/// An orthonormal basis of the columns, by the eigenvectors of their Gram matrix, twice: the second time the columns are
/// nearly orthonormal already, so that no digits are lost.
pub fn orthonormal(a: &Array2<f64>) -> Result<Array2<f64>> {
    let mut basis = a.clone();
    for _ in 0..2 {
        let largest = basis.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        let unit = super::power_of_two(largest);
        basis.mapv_inplace(|value| value / unit);
        let eigen = eigh(&super::gram(&basis, None))?;
        let top = eigen.values.iter().fold(0.0, |most: f64, value| most.max(*value));
        let mut turn = eigen.vectors;
        for (mut column, value) in turn.columns_mut().into_iter().zip(&eigen.values) {
            let scale = value.max(top * f64::EPSILON).max(f64::MIN_POSITIVE).sqrt();
            column.mapv_inplace(|entry| entry / scale);
        }
        basis = matmul(&basis, &turn);
    }
    Ok(basis)
}
