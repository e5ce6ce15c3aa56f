//! Distances against their definitions.

use ndarray::{Array2, array, s};
use perennial_numeric::distance::{
    chebyshev, cosine, euclidean, manhattan, nan_euclidean, squared_euclidean,
};
use proptest::prelude::*;

use crate::linalg::{random_matrix, same_for_layouts};
use crate::same_bits;

fn each(a: &Array2<f64>, b: &Array2<f64>, distance: impl Fn(&[f64], &[f64]) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| distance(&a.row(i).to_vec(), &b.row(j).to_vec()))
}

fn squares(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[test]
fn known_distances() {
    let (a, b) = (array![[0.0, 0.0], [1.0, 1.0]], array![[3.0, 4.0], [1.0, 1.0], [-2.0, -2.0]]);
    assert_eq!(euclidean(&a, &b).row(0).to_vec()[0], 5.0);
    assert_eq!(manhattan(&a, &b), array![[7.0, 2.0, 4.0], [5.0, 0.0, 6.0]]);
    assert_eq!(chebyshev(&a, &b), array![[4.0, 1.0, 2.0], [3.0, 0.0, 3.0]]);
    let angles = cosine(&a, &b);
    assert_eq!(angles.row(0).to_vec(), [1.0; 3]);
    assert!((angles[[1, 0]] - (1.0 - 7.0 / 50f64.sqrt())).abs() < 1e-15);
    assert!(angles[[1, 1]] == 0.0 && (angles[[1, 2]] - 2.0).abs() < 1e-15);
}

#[test]
fn missing_cells_are_left_out() {
    let n = f64::NAN;
    let a = array![[3.0, n, n, 6.0], [1.0, n, 4.0, 5.0], [n, n, n, n], [0.5, -2.0, 1e3, 0.0]];
    let b = array![[1.0, n, 4.0, 5.0], [n, 2.0, n, n], [0.25, 1.0, 3.0, n]];
    // scikit-learn 1.9.1: nan_euclidean_distances.
    let theirs = [
        [3.162_277_66, n, 5.5],
        [0.0, n, 1.767_766_95],
        [n, n, n],
        [1_150.096_372_77, 8.0, 1_151.241_684_73],
    ];
    for ((ours, theirs), place) in nan_euclidean(&a, &b).iter().zip(theirs.as_flattened()).zip(0..) {
        let same = if theirs.is_nan() { ours.is_nan() } else { (ours - theirs).abs() < 1e-8 };
        assert!(same, "{place}: {ours} {theirs}");
    }
    // Without missing cells it is the Euclidean distance.
    let (x, y) = (random_matrix(3, 9, 5), random_matrix(4, 6, 5));
    for (ours, usual) in nan_euclidean(&x, &y).iter().zip(&euclidean(&x, &y)) {
        assert!((ours - usual).abs() < 1e-12);
    }
}

#[test]
fn close_points_far_from_the_origin_keep_their_digits() {
    let mut a = random_matrix(1, 60, 8) + 1e8;
    let twin = a.slice(s![3..4, ..]).to_owned();
    a.slice_mut(s![40..41, ..]).assign(&twin);
    a[[40, 2]] += 1e-6;
    a[[41, 0]] = -3e9;
    let (found, truth) = (squared_euclidean(&a, &a), each(&a, &a, squares));
    for (found, truth) in found.iter().zip(&truth) {
        // Subtracting the centre rounds at the 1e-8 of the values' own spacing.
        assert!((found - truth).abs() <= 1e-7 * truth, "{found} {truth}");
    }
    assert!(found.diag().iter().all(|&d| d == 0.0));
    assert_eq!(found, found.t());
    let huge = array![[1e300, 1.0], [1e300, 2.0]];
    assert_eq!(squared_euclidean(&huge, &huge), array![[0.0, 1.0], [1.0, 0.0]]);
    assert!(cosine(&huge, &huge).iter().all(|&d| d == 0.0));
    let small = random_matrix(2, 1, 3);
    let angle = cosine(&small, &(&small + 1e-9))[[0, 0]];
    assert!(angle > 1e-20 && angle < 1e-16, "{angle}");
}

#[test]
fn the_same_bits_for_batches_threads_and_layouts() {
    let (a, b) = (random_matrix(3, 900, 11), random_matrix(4, 130, 11));
    for distance in [squared_euclidean, euclidean, manhattan, chebyshev, cosine] {
        let all = same_bits(|| distance(&a, &b));
        for batch in [1, 7, 64] {
            for start in (0..900).step_by(batch) {
                let rows = start..(start + batch).min(900);
                assert_eq!(distance(&a.slice(s![rows.clone(), ..]), &b), all.slice(s![rows, ..]));
            }
        }
        same_for_layouts(&a.slice(s![..50, ..]).to_owned(), |a| distance(a, &b));
        same_for_layouts(&b, |b| distance(&a, b));
        for (n, m, p) in [(0, 3, 2), (3, 0, 2), (0, 0, 0), (3, 2, 0)] {
            assert_eq!(distance(&Array2::zeros((n, p)), &Array2::zeros((m, p))).dim(), (n, m));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn definitions_hold(n in 1usize..20, m in 1usize..90, p in 1usize..20, seed in 0u64..1000) {
        let (a, b) = (random_matrix(seed, n, p), random_matrix(seed + 1, m, p));
        let close = |x: Array2<f64>, y: Array2<f64>| x.iter().zip(&y).all(|(x, y)| (x - y).abs() < 1e-12 * (1.0 + y));
        prop_assert!(close(squared_euclidean(&a, &b), each(&a, &b, squares)));
        prop_assert!(close(euclidean(&a, &b), each(&a, &b, |x, y| squares(x, y).sqrt())));
        let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum();
        prop_assert!(close(manhattan(&a, &b), each(&a, &b, sum)));
        let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
        let angle = |x: &[f64], y: &[f64]| 1.0 - dot(x, y) / (dot(x, x) * dot(y, y)).sqrt();
        prop_assert!(close(cosine(&a, &b), each(&a, &b, angle)));
    }
}
