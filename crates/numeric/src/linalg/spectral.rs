//! Singular values and eigenvalues.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::{evd, svd};
use faer::{Mat, Par, Spec};
use ndarray::{Array1, Array2, ArrayRef2};
use perennial_core::{Error, Result};

use super::blocks::{check_square, from_faer, magnitude, power_of_two, to_faer};

/// The thin singular value decomposition `a = u diag(s) vt`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Svd {
    /// Left vectors in its columns, rows x k, where k is the smaller side of the matrix.
    pub u: Array2<f64>,
    /// The k singular values, the largest first.
    pub s: Array1<f64>,
    /// Right vectors in its rows, k x columns; the largest entry of each is positive.
    pub vt: Array2<f64>,
}

/// The eigenvalues and eigenvectors of a symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Eigh {
    /// The eigenvalues, the smallest first.
    pub values: Array1<f64>,
    /// The eigenvectors in its columns; the largest entry of each is positive.
    pub vectors: Array2<f64>,
}

/// The thin singular value decomposition.
///
/// # Errors
/// When the matrix is empty or not finite, or the iteration fails.
///
/// ```
/// use ndarray::array;
/// let svd = perennial_numeric::linalg::svd(&array![[3.0, 0.0], [0.0, -5.0]])?;
/// assert!((svd.s[0] - 5.0).abs() < 1e-14 && (svd.s[1] - 3.0).abs() < 1e-14);
/// assert!((svd.vt[[0, 1]] - 1.0).abs() < 1e-14);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn svd(a: &ArrayRef2<f64>) -> Result<Svd> {
    let scale = power_of_two(magnitude(a, "the matrix to decompose")?);
    let (m, n) = a.dim();
    let size = m.min(n);
    let matrix = to_faer(a, 1.0 / scale);
    let (mut u, mut v) = (Mat::zeros(m, size), Mat::zeros(n, size));
    let mut s = Diag::zeros(size);
    // A QR step before tall problems would leave out nearly dependent columns, and digits with them.
    let mut settings = Spec::<svd::SvdParams, f64>::default();
    settings.config.qr_ratio_threshold = f64::INFINITY;
    let thin = svd::ComputeSvdVectors::Thin;
    let mut memory = MemBuffer::new(svd::svd_scratch::<f64>(m, n, thin, thin, Par::Seq, settings));
    svd::svd(
        matrix.as_ref(),
        s.as_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        settings,
    )
    .map_err(|_| no_convergence("singular values", m, n))?;
    let signs: Vec<f64> = (0..size).map(|k| sign_of_largest(&v, k)).collect();
    Ok(Svd {
        u: Array2::from_shape_fn((m, size), |(i, k)| u[(i, k)] * signs[k]),
        s: (0..size).map(|k| s[k] * scale).collect(),
        vt: Array2::from_shape_fn((size, n), |(k, j)| v[(j, k)] * signs[k]),
    })
}

/// The eigenvalues and eigenvectors of a symmetric matrix, of which only the lower triangle is read.
///
/// # Errors
/// When the matrix is empty, not square or not finite, or the iteration fails.
///
/// ```
/// use ndarray::array;
/// let eigen = perennial_numeric::linalg::eigh(&array![[2.0, 1.0], [1.0, 2.0]])?;
/// assert!((eigen.values[0] - 1.0).abs() < 1e-15 && (eigen.values[1] - 3.0).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn eigh(a: &ArrayRef2<f64>) -> Result<Eigh> {
    check_square(a, "the matrix to decompose")?;
    let scale = power_of_two(magnitude(a, "the matrix to decompose")?);
    let n = a.nrows();
    let matrix = to_faer(a, 1.0 / scale);
    let (mut vectors, mut values) = (Mat::zeros(n, n), Diag::zeros(n));
    let yes = evd::ComputeEigenvectors::Yes;
    let mut memory =
        MemBuffer::new(evd::self_adjoint_evd_scratch::<f64>(n, yes, Par::Seq, Default::default()));
    evd::self_adjoint_evd(
        matrix.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .map_err(|_| no_convergence("eigenvalues", n, n))?;
    for k in 0..n {
        let sign = sign_of_largest(&vectors, k);
        vectors.col_mut(k).iter_mut().for_each(|value| *value *= sign);
    }
    Ok(Eigh { values: (0..n).map(|k| values[k] * scale).collect(), vectors: from_faer(vectors.as_ref()) })
}

/// The sign of the entry of largest magnitude of a column, the first of equals.
fn sign_of_largest(vectors: &Mat<f64>, column: usize) -> f64 {
    let mut largest = 0.0;
    for i in 0..vectors.nrows() {
        let value: f64 = vectors[(i, column)];
        if value.abs() > f64::abs(largest) {
            largest = value;
        }
    }
    if largest < 0.0 { -1.0 } else { 1.0 }
}

fn no_convergence(what: &str, m: usize, n: usize) -> Error {
    Error::not_converged(format!(
        "the {what} of a {m} x {n} matrix did not converge; scale its columns to a like size"
    ))
}
