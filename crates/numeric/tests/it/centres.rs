//! Points placed by centres, all pairs of distances and eigenvectors of products, beside plain loops.

use ndarray::Array2;
use perennial_core::Context;
use perennial_numeric::linalg::{eigh, largest_eigen, matmul};
use perennial_numeric::neighbors::{Index, Metric, Points, Search, nearest_centres, pairwise};
use perennial_numeric::random::Random;

/// The nearest centre by plain sums; the first of several.
fn plain(points: &[f64], width: usize, centres: &[f64]) -> Vec<u32> {
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let nearest = |point: &[f64]| {
        let mut best = (f64::INFINITY, 0);
        for (number, centre) in centres.chunks_exact(width).enumerate() {
            let distance = square(point, centre);
            if distance < best.0 {
                best = (distance, number as u32);
            }
        }
        best.1
    };
    points.chunks_exact(width).map(nearest).collect()
}

#[test]
fn centres_are_those_of_exact_arithmetic() {
    for (n, width, k, offset, scale) in [
        (5000, 16, 20, 0.0, 1.0),
        (1001, 3, 7, 1e9, 1.0),
        (777, 1, 1, 0.0, 1.0),
        (900, 130, 33, -5.0, 1e-60),
        (300, 5, 9, 0.0, 1e80),
    ] {
        let mut random = Random::new(n as u64);
        let mut draw =
            |n: usize| (0..n * width).map(|_| (random.normal() + offset) * scale).collect::<Vec<f64>>();
        let (points, centres) = (draw(n), draw(k));
        let mut once = vec![u32::MAX; n];
        nearest_centres(&points, width, &centres, &mut once);
        assert_eq!(once, plain(&points, width, &centres), "{n} x {width}");
        let mut kept = vec![u32::MAX; n];
        Points::new(&points, width).nearest(&centres, &mut kept);
        assert_eq!(once, kept);
    }
    // Numbers whose squares leave the range, and points far from all centres.
    let mut nearest = [9; 4];
    nearest_centres(&[-1e300, 1e300, 2e299, 0.0], 1, &[1e300, -1e300], &mut nearest);
    assert_eq!(nearest, [1, 0, 0, 0]);
    nearest_centres(&[1e-300, -1e-300, 1e-290, 0.0], 1, &[-1e-300, 1e-300], &mut nearest);
    assert_eq!(nearest, [1, 0, 1, 0]);
    nearest_centres(&[1e200, -1e200, 0.9, 0.1], 1, &[0.0, 1.0], &mut nearest);
    assert_eq!(nearest[2..], [1, 0]);
}

#[test]
fn pairs_have_the_distances_of_the_search() {
    let mut random = Random::new(2);
    let mut x = Array2::from_shape_simple_fn((70, 2), || random.normal());
    x.row_mut(3).fill(0.0);
    x.row_mut(4).fill(0.0);
    for metric in [
        Metric::Euclidean,
        Metric::Manhattan,
        Metric::Chebyshev,
        Metric::Minkowski(3.0),
        Metric::Cosine,
        Metric::Haversine,
    ] {
        let all = pairwise(metric, &x, &x).unwrap();
        let found = Index::new(&x, metric, Search::Auto).unwrap().nearest(&x, 70).unwrap();
        for query in 0..70 {
            let (rows, distances) = found.get(query);
            for (&row, distance) in rows.iter().zip(distances) {
                assert_eq!(all[[query, row as usize]], *distance, "{metric}");
            }
        }
    }
    assert!(pairwise(Metric::Euclidean, &x, &Array2::zeros((3, 3))).is_err());
    let huge = Array2::from_shape_fn((2, 2), |(i, _)| if i == 0 { f64::MAX } else { -f64::MAX });
    assert!(pairwise(Metric::Euclidean, &huge, &huge).is_err());
}

#[test]
fn eigenvectors_of_products_are_those_of_the_matrix() {
    let mut random = Random::new(6);
    // Three eigenvalues that are equal are all found.
    let n = 600;
    let a = Array2::from_shape_simple_fn((n, n), || random.normal());
    let turn = eigh(&(&a + &a.t())).unwrap().vectors;
    let value = |i: usize| if i < 3 { 5.0 } else { 4.0 / (1.0 + 0.05 * i as f64) };
    let scaled = Array2::from_shape_fn((n, n), |(i, j)| turn[[i, j]] * value(j));
    let matrix = matmul(&scaled, &turn.t());
    let found = largest_eigen(n, 5, 1e-10, &mut random, &Context::new(), |v| matmul(&matrix, v)).unwrap();
    assert!(found.converged);
    for place in 0..5 {
        assert!((found.values[place] - value(place)).abs() < 1e-9, "{}", found.values[place]);
    }
    let off = &matmul(&matrix, &found.vectors) - &(&found.vectors * &found.values);
    assert!(off.iter().all(|gap| gap.abs() < 1e-8));
    let unit = matmul(&found.vectors.t(), &found.vectors) - Array2::<f64>::eye(5);
    assert!(unit.iter().all(|gap| gap.abs() < 1e-10));
    assert!(largest_eigen(3, 4, 1e-9, &mut random, &Context::new(), |v| v.clone()).is_err());
}
