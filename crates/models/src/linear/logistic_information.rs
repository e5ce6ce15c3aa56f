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

/// Where an unknown is: coefficient `j` of a class, or with `j` the number of features its intercept.
fn place(n_features: usize, n_vectors: usize, class: usize, j: usize) -> usize {
    if j < n_features { class * n_features + j } else { n_vectors * n_features + class }
}

/// The mean information of sparse rows about the coefficients of one or more vectors and their intercepts, unknowns x unknowns of the
/// design, as [`tie_classes`] leaves it. `curvatures` makes of the scores of a row the second derivatives of its loss, vectors x vectors.
pub(super) fn sparse_information(
    design: &Design<'_>,
    csr: &Csr,
    unknowns: &[f64],
    n_vectors: usize,
    curvatures: &(dyn Fn(&[f64], &mut [f64]) + Sync),
) -> Array2<f64> {
    let (n, k, size) = (design.n_features, n_vectors, unknowns.len());
    let of = |class: usize, j: usize| place(n, k, class, j);
    let part = |rows: Range<usize>| -> Array2<f64> {
        let mut sum = Array2::zeros((size, size));
        let mut own: Vec<(usize, f64)> = Vec::new();
        let (mut scores, mut curved) = (vec![0.0; k], vec![0.0; k * k]);
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
            for (class, score) in scores.iter_mut().enumerate() {
                *score = own.iter().map(|&(j, value)| unknowns[of(class, j)] * value).sum();
            }
            curvatures(&scores, &mut curved);
            for a in 0..k {
                for b in 0..k {
                    let factor = weight * curved[a * k + b];
                    for &(i, left) in &own {
                        for &(j, right) in &own {
                            sum[[of(a, i), of(b, j)]] += factor * left * right;
                        }
                    }
                }
            }
        }
        sum
    };
    let add = |left: Array2<f64>, right: Array2<f64>| left + right;
    let sum = reduce::map_reduce(design.n_rows, BLOCK, part, add);
    let mut mean = sum.unwrap_or_else(|| Array2::zeros((size, size))) / design.total_weight;
    tie_classes(&mut mean, design, k);
    mean
}

/// The second derivatives of the log loss of a row of several classes, by its scores.
pub(super) fn class_curvatures(scores: &[f64], curved: &mut [f64]) {
    let k = scores.len();
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
    for a in 0..k {
        // The share of all others, which keeps its digits where this one is near 1.
        let mut others = 0.0;
        for b in (0..k).filter(|&b| b != a) {
            curved[a * k + b] = -shares[a] * shares[b];
            others += shares[b];
        }
        curved[a * k + a] = shares[a] * others;
    }
}

/// The loss of several classes does not change when the same is added to all vectors. Making that direction costly moves no
/// step, as the gradient has nothing there, and makes the matrix positive definite.
pub(super) fn tie_classes(hessian: &mut Array2<f64>, design: &Design<'_>, n_vectors: usize) {
    let (n, k) = (design.n_features, n_vectors);
    if k == 1 {
        return;
    }
    for j in 0..n + usize::from(design.intercept) {
        for a in 0..k {
            for b in 0..k {
                hessian[[place(n, k, a, j), place(n, k, b, j)]] += 1.0 / (k * k) as f64;
            }
        }
    }
}

/// For the intercept, where there is one, and for each feature the covariances of its coefficients of all classes, classes x
/// classes, in the units of the input and one after the other: those of the coefficients that add up to 0 over the classes. `None` where columns
/// depend on each other. `hessian` is without penalty and with its [classes tied](tie_classes).
pub(super) fn class_covariances(
    hessian: &Array2<f64>,
    design: &Design<'_>,
    n_classes: usize,
) -> Option<Vec<f64>> {
    let (n, k) = (design.n_features, n_classes);
    let of = |class: usize, j: usize| place(n, k, class, j);
    let mut inverse = Cholesky::new(hessian).ok()?.inverse();
    // It has 1 / k^2 between all classes of an unknown, which makes its inverse 1 larger there than the
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
