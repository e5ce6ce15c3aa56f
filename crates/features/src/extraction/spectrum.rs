//! The directions in which rows spread most, by the way that suits their shape.

use ndarray::{Array1, Array2, ArrayRef2, Axis, s};
use perennial_core::{Context, Error, Result};
use perennial_numeric::linalg::{Centred, Qr, Subspace, eigh, largest_singular, svd};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// How principal components are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PcaSolver {
    /// The covariance where rows are many and few components of like size are wanted, random directions where both
    /// sides are beyond 1000 and few components are wanted, else the full decomposition.
    #[default]
    Auto,
    /// A singular value decomposition of the rows: all digits of small components too.
    Full,
    /// The eigenvectors of the covariance: one pass, but a component of a share `r` of the largest deviation keeps
    /// only about `16 + 2 log10(r)` digits, and none below 1e-8.
    Covariance,
    /// A random subspace, multiplied with the rows again and again (Halko, Martinsson and Tropp, 2011): only the largest
    /// components, to a few digits where many are of like size.
    Randomized,
}

/// Singular values, right vectors in rows, and the sum of all squares.
pub(super) struct Spectrum {
    pub(super) s: Array1<f64>,
    pub(super) vt: Array2<f64>,
    pub(super) total: f64,
}

/// The most columns whose covariance is decomposed without being asked for.
const COVARIANCE_COLS: usize = 1000;
/// The smallest share of the largest singular value that the covariance keeps to about 12 digits.
const KEPT_SHARE: f64 = 1e-2;

/// `wanted` components, or all.
pub(super) fn spectrum(
    x: &ArrayRef2<f64>,
    mean: Option<&[f64]>,
    wanted: Option<usize>,
    solver: PcaSolver,
    (seed, n_iter): (u64, usize),
    ctx: &Context,
) -> Result<Spectrum> {
    let (n_rows, n_cols) = x.dim();
    let small = n_rows.min(n_cols);
    let rows = Centred::new(x, mean);
    let total = rows.sum_of_squares();
    if !(total < 1e300) {
        return Err(Error::overflow(
            "the numbers are so large that their variance leaves the range of f64; scale the columns first",
        ));
    }
    ctx.check()?;
    let k = wanted.unwrap_or(small).min(small);
    // Below this, squares have lost digits at the bottom of the range of f64.
    let tiny = total < 1e-280;
    match solver {
        PcaSolver::Covariance => covariance(&rows, n_cols, k, total),
        PcaSolver::Randomized => randomized(&rows, n_cols, k, total, seed, n_iter, ctx),
        PcaSolver::Auto if small > 1000 && 10 * k <= small && !tiny => {
            randomized(&rows, n_cols, k, total, seed, n_iter, ctx)
        }
        PcaSolver::Auto if n_cols <= COVARIANCE_COLS && n_rows >= 4 * n_cols && k < n_cols && !tiny => {
            let found = covariance(&rows, n_cols, k, total)?;
            if found.s[k - 1] >= KEPT_SHARE * found.s[0] && found.s[0] > 0.0 {
                return Ok(found);
            }
            full(x, mean, k, total)
        }
        _ => full(x, mean, k, total),
    }
}

fn full(x: &ArrayRef2<f64>, mean: Option<&[f64]>, k: usize, total: f64) -> Result<Spectrum> {
    let mean = mean.map_or_else(|| Array1::zeros(x.ncols()), |mean| Array1::from(mean.to_vec()));
    let centred = &x.view() - &mean;
    // Tall data: R has the same singular values and directions as the rows.
    let found = if x.nrows() > x.ncols() {
        svd(&Qr::new(&centred, &Array2::zeros((x.nrows(), 0)), None, false)?.r())?
    } else {
        svd(&centred)?
    };
    let vt = found.vt.slice(s![..k, ..]).to_owned();
    Ok(Spectrum { s: found.s.slice(s![..k]).to_owned(), vt: upright(vt), total })
}

fn covariance(rows: &Centred<'_>, n_cols: usize, k: usize, total: f64) -> Result<Spectrum> {
    const MOST: usize = 20_000;
    if n_cols > MOST {
        return Err(Error::too_large(format!(
            "the covariance of {n_cols} columns would be decomposed; at most {MOST} are: choose `PcaSolver::Randomized`"
        )));
    }
    let eigen = eigh(&rows.gram())?;
    let order = || (n_cols - k..n_cols).rev();
    let vt = Array2::from_shape_fn((k, n_cols), |(i, j)| eigen.vectors[[j, n_cols - 1 - i]]);
    Ok(Spectrum { s: order().map(|i| eigen.values[i].max(0.0).sqrt()).collect(), vt: upright(vt), total })
}

fn randomized(
    rows: &Centred<'_>,
    n_cols: usize,
    k: usize,
    total: f64,
    seed: u64,
    n_iter: usize,
    ctx: &Context,
) -> Result<Spectrum> {
    let effort = Subspace { n_components: k, n_oversamples: 10, n_iterations: n_iter };
    let mut random = Random::new(seed);
    let (s, vt) =
        largest_singular(n_cols, effort, &mut random, ctx, |b| rows.times(b), |b| rows.gram_times(b))?;
    Ok(Spectrum { s, vt: upright(vt), total })
}

/// The entry of largest magnitude of each row made positive.
fn upright(mut vt: Array2<f64>) -> Array2<f64> {
    for mut row in vt.axis_iter_mut(Axis(0)) {
        let largest = row.iter().fold(0.0_f64, |best, value| if value.abs() > best.abs() { *value } else { best });
        if largest < 0.0 {
            row.mapv_inplace(|value| -value);
        }
    }
    vt
}
