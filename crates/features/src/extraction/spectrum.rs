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

/// `wanted` components, or all; of the rows around their mean, which comes too, or as they are.
pub(super) fn spectrum(
    x: &ArrayRef2<f64>,
    centred: bool,
    wanted: Option<usize>,
    solver: PcaSolver,
    (seed, n_iter): (u64, usize),
    ctx: &Context,
) -> Result<(Vec<f64>, Spectrum)> {
    let (n_rows, n_cols) = x.dim();
    let small = n_rows.min(n_cols);
    let k = wanted.unwrap_or(small).min(small);
    let random =
        solver == PcaSolver::Randomized || (solver == PcaSolver::Auto && small > 1000 && 10 * k <= small);
    let tall = n_cols <= COVARIANCE_COLS && n_rows >= 4 * n_cols && k < n_cols;
    if solver == PcaSolver::Covariance || (solver == PcaSolver::Auto && tall && !random) {
        let (mean, found) = covariance(x, centred, k)?;
        ctx.check()?;
        let kept = found.s[0] > 0.0 && found.s[k - 1] >= KEPT_SHARE * found.s[0];
        // Below this, squares have lost digits at the bottom of the range of f64.
        if solver == PcaSolver::Covariance || (kept && found.total > 1e-280) {
            return Ok((mean, found));
        }
    }
    let mean = if centred { Centred::column_means(x) } else { vec![0.0; n_cols] };
    let rows = Centred::new(x, centred.then_some(&mean));
    let total = in_range(rows.sum_of_squares())?;
    ctx.check()?;
    let found = match random {
        true => randomized(&rows, n_cols, k, total, seed, n_iter, ctx)?,
        false => full(x, centred.then_some(&mean), k, total)?,
    };
    Ok((mean, found))
}

fn in_range(total: f64) -> Result<f64> {
    if total < 1e300 {
        return Ok(total);
    }
    Err(Error::overflow(
        "the numbers are so large that their variance leaves the range of f64; scale the columns first",
    ))
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

fn covariance(x: &ArrayRef2<f64>, centred: bool, k: usize) -> Result<(Vec<f64>, Spectrum)> {
    const MOST: usize = 20_000;
    let n_cols = x.ncols();
    if n_cols > MOST {
        return Err(Error::too_large(format!(
            "the covariance of {n_cols} columns would be decomposed; at most {MOST} are: choose `PcaSolver::Randomized`"
        )));
    }
    let (mean, gram) = match centred {
        true => Centred::moments(x),
        false => (vec![0.0; n_cols], Centred::new(x, None).gram()),
    };
    let total = in_range(gram.diag().iter().sum())?;
    let eigen = eigh(&gram)?;
    let vt = Array2::from_shape_fn((k, n_cols), |(i, j)| eigen.vectors[[j, n_cols - 1 - i]]);
    let s = (0..k).map(|i| eigen.values[n_cols - 1 - i].max(0.0).sqrt()).collect();
    Ok((mean, Spectrum { s, vt: upright(vt), total }))
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
        let largest =
            row.iter().fold(0.0_f64, |best, value| if value.abs() > best.abs() { *value } else { best });
        if largest < 0.0 {
            row.mapv_inplace(|value| -value);
        }
    }
    vt
}
