//! Factors that are near to the rows by the generalised divergence of Kullback and Leibler (Lee and Seung, 2001).

use ndarray::Array2;
use perennial_core::{Error, Matrix, NoTarget, Result, Train};
use perennial_numeric::reduce;

use super::{Nmf, NmfModel, Parts, Penalty, at_least_tiny};
use crate::extraction::non_negative::{LEAST, NonNegative};

/// Passes between two looks at the error.
const BETWEEN: usize = 10;
/// The most steps for the shares of one row, and the move that ends them.
const MOST_STEPS: usize = 2000;
const STILL: f64 = 1e-10;

impl Nmf {
    /// The model from these factors on, by multiplicative updates.
    pub(super) fn by_divergence(
        &self,
        train: &Train<'_, Matrix, NoTarget>,
        (x, unit): (&NonNegative<'_>, f64),
        (mut w, mut h): (Array2<f64>, Array2<f64>),
    ) -> Result<NmfModel> {
        let (of_shares, of_parts) = self.penalties(x.dim());
        // The parts are in the unit, the shares are not, and the divergence is in it too.
        let for_w = Penalty { l1: of_shares.l1 / unit, l2: of_shares.l2 / unit };
        let for_h = Penalty { l1: of_parts.l1, l2: of_parts.l2 * unit };
        let far = |w: &Array2<f64>, h: &Array2<f64>| -> Result<f64> {
            Ok((2.0 * (divergence(x, w, h)? + for_w.of(w) + for_h.of(h))).sqrt())
        };
        let first = far(&w, &h)?;
        let share = |part: f64| if first > 0.0 { (part / first).max(0.0) } else { 0.0 };
        let (mut before, mut gap, mut n_iterations, mut converged) = (first, 0.0, 0, false);
        for pass in 0..self.max_iter {
            train.ctx.step(pass, self.max_iter)?;
            n_iterations = pass + 1;
            let wanted = x.over(&w, &h)?.times(&h);
            update(&mut w, &wanted, &sums(&h), for_w);
            let wanted = x.over(&w, &h)?.turned_times(&w);
            update(&mut h, &wanted, &sums(&w), for_h);
            let looks = pass % BETWEEN == BETWEEN - 1 && self.tolerance > 0.0;
            if looks || n_iterations == self.max_iter {
                let now = far(&w, &h)?;
                gap = share(before - now);
                converged = looks && before - now <= self.tolerance * first;
                before = now;
            }
            if converged {
                break;
            }
        }
        let reconstruction_error = (2.0 * unit * divergence(x, &w, &h)?).sqrt();
        NmfModel::new(Parts {
            features: train.x.features().clone(),
            components: h.t().mapv(|value| value * unit),
            penalty: of_shares,
            reconstruction_error,
            converged,
            n_iterations,
            gap,
            beta_loss: self.beta_loss,
        })
        .map_err(|_| Error::overflow("the parts leave the range of f64; scale the columns first"))
    }
}

/// The sums of the columns.
fn sums(factor: &Array2<f64>) -> Vec<f64> {
    factor.columns().into_iter().map(|column| column.sum()).collect()
}

/// Moves one factor with the other fixed; `sums` are those of the columns of the other.
fn update(factor: &mut Array2<f64>, wanted: &Array2<f64>, sums: &[f64], Penalty { l1, l2 }: Penalty) {
    for (mut row, wanted) in factor.rows_mut().into_iter().zip(wanted.rows()) {
        for ((value, wanted), sum) in row.iter_mut().zip(wanted).zip(sums) {
            *value *= wanted / (sum + l1 + l2 * *value).max(LEAST);
        }
    }
}

impl Penalty {
    /// What is paid for all entries of a factor.
    fn of(self, factor: &Array2<f64>) -> f64 {
        factor.iter().map(|value| (self.l1 + 0.5 * self.l2 * value) * value).sum()
    }
}

/// The divergence of the rows from `w h`.
fn divergence(x: &NonNegative<'_>, w: &Array2<f64>, h: &Array2<f64>) -> Result<f64> {
    let all: f64 = sums(w).iter().zip(sums(h)).map(|(w, h)| w * h).sum();
    Ok((x.log_sum(&x.over(w, h)?) + all).max(0.0))
}

/// The shares of the parts whose sums the rows diverge least from, rows x parts. Each row is on its own.
pub(super) fn shares(x: &NonNegative<'_>, components: &Array2<f64>, penalty: Penalty) -> Vec<f64> {
    let k = components.nrows();
    let (n_rows, n_cols) = x.dim();
    // Parts with the sum 1, so that the shares of a row add up to what the row does.
    let sums: Vec<f64> = components.rows().into_iter().map(|part| at_least_tiny(part.sum())).collect();
    let turned = Array2::from_shape_fn((n_cols, k), |(j, t)| components[[t, j]] / sums[t]);
    let mut out = vec![0.0; n_rows * k];
    reduce::fill_rows(&mut out, k, 64, |first, rows| {
        for (i, shares) in rows.chunks_exact_mut(k).enumerate() {
            one_row(shares, &x.entries(first + i), &turned, &sums, penalty);
        }
    });
    out
}

/// The shares of one row, from equal ones on.
fn one_row(
    shares: &mut [f64],
    entries: &[(usize, f64)],
    turned: &Array2<f64>,
    sums: &[f64],
    Penalty { l1, l2 }: Penalty,
) {
    let total: f64 = entries.iter().map(|(_, value)| value).sum();
    if !(total > 0.0) {
        return;
    }
    shares.fill(1.0 / shares.len() as f64);
    let mut wanted = vec![0.0; shares.len()];
    for _ in 0..MOST_STEPS {
        wanted.fill(0.0);
        for &(j, value) in entries {
            let parts = turned.row(j);
            let sum: f64 = parts.iter().zip(shares.iter()).map(|(part, share)| part * share).sum();
            let ratio = value / total / sum.max(LEAST);
            parts.iter().zip(&mut wanted).for_each(|(part, wanted)| *wanted += part * ratio);
        }
        let mut moved = 0.0_f64;
        for ((share, wanted), sum) in shares.iter_mut().zip(&wanted).zip(sums) {
            let mut whole = 1.0;
            if l1 > 0.0 {
                whole += l1 / sum;
            }
            if l2 > 0.0 {
                whole += l2 * (total * *share / sum / sum);
            }
            let new = *share * (wanted / whole);
            moved = moved.max((new - *share).abs());
            *share = new;
        }
        if moved <= STILL {
            break;
        }
    }
    // In this order: a part without numbers has no share, and the total over its sum may be infinite.
    shares.iter_mut().zip(sums).for_each(|(share, sum)| *share = *share / sum * total);
}
