//! The factors that a factorisation starts from.

use ndarray::Array2;
use perennial_core::{Context, Result};
use perennial_numeric::random::Random;

use crate::extraction::non_negative::NonNegative;

/// The factors of the singular value decomposition made >= 0, their zeros filled with the mean.
pub(super) fn start(
    x: &NonNegative<'_>,
    k: usize,
    seed: u64,
    ctx: &Context,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let (n, p) = x.dim();
    let mean = x.mean();
    let (sizes, vt) = x.singular(k, seed, ctx)?;
    let left = x.times(&vt.t().to_owned());
    let mut random = Random::new(seed).stream("start");
    let (mut w, mut h) = (Array2::from_elem((n, k), mean), Array2::from_elem((p, k), mean));
    for part in 0..k {
        if part >= sizes.len() || !(sizes[part] > 1e-12 * sizes[0]) {
            let scale = (mean / k as f64).sqrt();
            w.column_mut(part).mapv_inplace(|_| scale * random.normal().abs());
            h.column_mut(part).mapv_inplace(|_| scale * random.normal().abs());
            continue;
        }
        let s = sizes[part];
        let (u, v) = (left.column(part).mapv(|value| value / s), vt.row(part).to_owned());
        let side = |values: &ndarray::Array1<f64>, sign: f64| values.mapv(|value| (sign * value).max(0.0));
        let norm =
            |values: &ndarray::Array1<f64>| values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let both = [1.0, -1.0].map(|sign| (side(&u, sign), side(&v, sign)));
        let norms = both.each_ref().map(|(u, v)| (norm(u), norm(v)));
        let better = usize::from(norms[1].0 * norms[1].1 > norms[0].0 * norms[0].1);
        let ((u, v), (nu, nv)) = (&both[better], norms[better]);
        if nu * nv > 0.0 {
            let scale = (s * nu * nv).sqrt();
            let fill = |value: f64| if value > 1e-6 { value } else { mean };
            w.column_mut(part).assign(&u.mapv(|value| fill(scale * value / nu)));
            h.column_mut(part).assign(&v.mapv(|value| fill(scale * value / nv)));
        }
    }
    Ok((w, h))
}
