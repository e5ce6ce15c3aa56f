//! The rows of a factor of a non-negative factorisation, with the other factor fixed.

use ndarray::Array2;
use perennial_numeric::simd;

/// Rows that are updated side by side.
const LANES: usize = 8;
/// Below this a denominator counts as 0.
const TINY: f64 = 1e-300;

/// The update of some rows, several of them side by side.
pub(super) struct Update<'a> {
    pub(super) out: &'a mut [f64],
    pub(super) products: &'a [f64],
    pub(super) gram: &'a [f64],
    pub(super) l1: f64,
    pub(super) k: usize,
    pub(super) coordinate: bool,
}

impl simd::Kernel for Update<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Update { out, products, gram, l1, k, coordinate } = self;
        let (mut rows, mut wanted, mut next) =
            (vec![[0.0; LANES]; k], vec![[0.0; LANES]; k], vec![[0.0; LANES]; k]);
        let mut moved = [0.0; LANES];
        for (out, products) in out.chunks_mut(LANES * k).zip(products.chunks(LANES * k)) {
            for lane in 0..LANES {
                for t in 0..k {
                    // Lanes without a row stay 0.
                    rows[t][lane] = out.get(lane * k + t).copied().unwrap_or(0.0);
                    wanted[t][lane] = products.get(lane * k + t).copied().unwrap_or(0.0);
                }
            }
            for t in 0..k {
                let mut sum = [0.0; LANES];
                for (factor, row) in gram[t * k..(t + 1) * k].iter().zip(&rows) {
                    for lane in 0..LANES {
                        sum[lane] += factor * row[lane];
                    }
                }
                let curvature = gram[t * k + t];
                for lane in 0..LANES {
                    let old = rows[t][lane];
                    if coordinate {
                        let gradient = sum[lane] - wanted[t][lane] + l1;
                        let possible = if old == 0.0 { gradient.min(0.0) } else { gradient };
                        moved[lane] += possible.abs();
                        let new = (old - gradient / curvature.max(TINY)).max(0.0);
                        rows[t][lane] = if curvature > TINY { new } else { old };
                    } else {
                        next[t][lane] = old * (wanted[t][lane] / (sum[lane] + l1).max(f64::EPSILON));
                    }
                }
            }
            let done = if coordinate { &rows } else { &next };
            for (lane, out) in out.chunks_exact_mut(k).enumerate() {
                (0..k).for_each(|t| out[t] = done[t][lane]);
            }
        }
        moved.iter().sum()
    }
}

/// Non-negative least squares by coordinate descent, from 0.
pub(super) fn least_squares(row: &mut [f64], wanted: &[f64], gram: &Array2<f64>) {
    let mut first = 0.0;
    for pass in 0..1000 {
        let mut moved = 0.0;
        for t in 0..row.len() {
            let sum: f64 = gram.row(t).iter().zip(row.iter()).map(|(g, w)| g * w).sum();
            let gradient = sum - wanted[t];
            moved += if row[t] == 0.0 { gradient.min(0.0).abs() } else { gradient.abs() };
            if gram[[t, t]] > 0.0 {
                row[t] = (row[t] - gradient / gram[[t, t]]).max(0.0);
            }
        }
        first = if pass == 0 { moved } else { first };
        if moved <= 1e-10 * first {
            break;
        }
    }
}
