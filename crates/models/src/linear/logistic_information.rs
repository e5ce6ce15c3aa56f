//! The information behind a logistic regression, for more than two classes and for sparse rows.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::Csr;
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;

use super::design::Design;

/// Up to so many unknowns the information is made where the solver had no need of it.
pub(super) const MOST_UNKNOWNS: usize = 500;
/// Rows of one task.
const BLOCK: usize = 4096;

/// The mean information of sparse rows about one vector and its intercept, unknowns x unknowns of the design; `curvature` is
/// that of a row's loss at its score.
pub(super) fn sparse_information(
    design: &Design<'_>,
    csr: &Csr,
    unknowns: &[f64],
    curvature: impl Fn(f64) -> f64 + Sync,
) -> Array2<f64> {
    let (n, size) = (design.n_features, unknowns.len());
    let part = |rows: Range<usize>| -> Array2<f64> {
        let mut sum = Array2::zeros((size, size));
        let mut own: Vec<(usize, f64)> = Vec::new();
        for row in rows {
            let weight = design.weight(row);
            if weight == 0.0 {
                continue;
            }
            let (columns, values) = csr.row(row);
            let scaled = |(&column, value): (&u32, &f64)| {
                let column = column as usize;
                (column, value / design.scales[column])
            };
            own.clear();
            own.extend(columns.iter().zip(values).map(scaled));
            if design.intercept {
                own.push((n, 1.0));
            }
            let score: f64 = own.iter().map(|&(place, value)| unknowns[place] * value).sum();
            let factor = weight * curvature(score);
            for &(i, a) in &own {
                for &(j, b) in &own {
                    sum[[i, j]] += factor * a * b;
                }
            }
        }
        sum
    };
    let add = |left: Array2<f64>, right: Array2<f64>| left + right;
    let sum = reduce::map_reduce(design.n_rows, BLOCK, part, add);
    sum.unwrap_or_else(|| Array2::zeros((size, size))) / design.total_weight
}

/// For the intercept, where there is one, and for each feature the covariances of its coefficients of all classes, classes x
/// classes, in the units of the input and one after the other: those of the coefficients that add up to 0 over the classes. `None` where columns
/// depend on each other. `hessian` is that of [`Loss`](super::logistic_loss::Loss) without penalty.
pub(super) fn class_covariances(
    hessian: &Array2<f64>,
    design: &Design<'_>,
    n_classes: usize,
) -> Option<Vec<f64>> {
    let (n, k) = (design.n_features, n_classes);
    let of = |class: usize, j: usize| if j < n { class * n + j } else { k * n + class };
    let mut inverse = Cholesky::new(hessian).ok()?.inverse();
    // The Hessian has 1 / k^2 between all classes of an unknown, which makes its inverse 1 larger there than the
    // pseudo-inverse.
    for j in 0..n + usize::from(design.intercept) {
        for a in 0..k {
            for b in 0..k {
                inverse[[of(a, j), of(b, j)]] -= 1.0;
            }
        }
    }
    let pairs = || (0..k).flat_map(move |a| (0..k).map(move |b| (a, b)));
    let mut covariances = Vec::with_capacity((n + 1) * k * k);
    if design.intercept {
        // The intercept of the features as they are is that of the centred ones less their means' share.
        let share = |j: usize| if j < n { -design.centres[j] / design.scales[j] } else { 1.0 };
        for (a, b) in pairs() {
            let mut sum = 0.0;
            for i in 0..=n {
                let along: f64 = (0..=n).map(|j| share(j) * inverse[[of(a, i), of(b, j)]]).sum();
                sum += share(i) * along;
            }
            covariances.push(sum / design.total_weight);
        }
    }
    for j in 0..n {
        let scale = design.scales[j];
        for (a, b) in pairs() {
            covariances.push(inverse[[of(a, j), of(b, j)]] / scale / scale / design.total_weight);
        }
    }
    covariances.iter().all(|value| value.is_finite()).then_some(covariances)
}
