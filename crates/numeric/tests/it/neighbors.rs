//! Nearest rows, beside the plainest loop over all pairs.

use ndarray::{Array2, ArrayView1};
use perennial_core::Context;
use perennial_numeric::neighbors::{Index, Metric, Search};
use perennial_numeric::random::Random;

fn rows(n: usize, width: usize, seed: u64, round: bool) -> Array2<f64> {
    let mut random = Random::new(seed);
    Array2::from_shape_fn((n, width), |_| if round { random.normal().round() } else { random.normal() })
}

fn plain(metric: Metric, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    let differences = || a.iter().zip(b).map(|(a, b)| (a - b).abs());
    let length = |x: ArrayView1<'_, f64>| x.iter().map(|v| v * v).sum::<f64>().sqrt();
    match metric {
        Metric::Manhattan => differences().sum(),
        Metric::Chebyshev => differences().fold(0.0, f64::max),
        Metric::Minkowski(p) => differences().map(|d| d.powf(p)).sum::<f64>().powf(1.0 / p),
        Metric::Cosine => {
            let lengths = length(a) * length(b);
            if lengths == 0.0 {
                1.0
            } else {
                1.0 - a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / lengths
            }
        }
        Metric::Haversine => {
            // As scipy and scikit-learn write it.
            let (across, along) = (((a[0] - b[0]) / 2.0).sin(), ((a[1] - b[1]) / 2.0).sin());
            2.0 * (across * across + a[0].cos() * b[0].cos() * along * along).sqrt().asin()
        }
        _ => differences().map(|d| d * d).sum::<f64>().sqrt(),
    }
}

fn check(metric: Metric, search: Search, x: &Array2<f64>, queries: &Array2<f64>, k: usize) {
    let index = Index::new(x, metric, search).unwrap();
    let found = index.nearest(queries, k).unwrap();
    let radius = 1.3;
    let ranges = index.within(&Context::new(), queries, radius).unwrap();
    for (query, point) in queries.rows().into_iter().enumerate() {
        let mut all: Vec<f64> = x.rows().into_iter().map(|row| plain(metric, point, row)).collect();
        let near = all.iter().filter(|distance| **distance < radius - 1e-9).count();
        let not_far = all.iter().filter(|distance| **distance < radius + 1e-9).count();
        let n_found = ranges.get(query).0.len();
        assert!((near..=not_far).contains(&n_found), "{metric} {search:?}: {n_found} of {near}");
        for (row, distance) in found.rows()[query * k..].iter().zip(&found.distances()[query * k..]).take(k) {
            assert!((all[*row as usize] - distance).abs() < 1e-7, "{metric} {search:?} {query}");
        }
        all.sort_by(f64::total_cmp);
        for (truth, distance) in all.iter().zip(&found.distances()[query * k..][..k]) {
            assert!((truth - distance).abs() < 1e-7, "{metric} {search:?} {query}: {distance} for {truth}");
        }
    }
}

#[test]
fn all_metrics_and_ways_agree_with_all_pairs() {
    let flat = [Metric::Euclidean, Metric::Cosine];
    let other = [Metric::Manhattan, Metric::Chebyshev, Metric::Minkowski(1.5), Metric::Minkowski(3.0)];
    for (n, width) in [(1, 1), (5, 3), (33, 2), (500, 1), (700, 3), (2000, 7), (400, 50)] {
        for round in [false, true] {
            let (x, queries) = (rows(n, width, 1, round), rows(60, width, 2, round));
            for search in [Search::Tree, Search::Brute, Search::Auto] {
                for metric in flat {
                    check(metric, search, &x, &queries, n.min(7));
                }
            }
            for metric in other {
                check(metric, Search::Auto, &x, &queries, n.min(40));
            }
        }
    }
    let angles = rows(900, 2, 3, false);
    for search in [Search::Tree, Search::Brute] {
        check(Metric::Haversine, search, &angles, &rows(50, 2, 4, false), 9);
    }
}

#[test]
fn ways_agree_to_the_bit_and_ties_go_to_lower_numbers() {
    let x = rows(3000, 4, 5, true) * 1e5 + 1e7;
    let tree = Index::new(&x, Metric::Euclidean, Search::Tree).unwrap();
    let brute = Index::new(&x, Metric::Euclidean, Search::Brute).unwrap();
    let found = tree.nearest(&x, 12).unwrap();
    assert_eq!(found, brute.nearest(&x, 12).unwrap());
    for (rows, distances) in found.rows().chunks(12).zip(found.distances().chunks(12)) {
        for place in 1..12 {
            let tied = distances[place] == distances[place - 1];
            assert!(distances[place] > distances[place - 1] || (tied && rows[place] > rows[place - 1]));
        }
    }
    assert_eq!(
        tree.within(&Context::new(), &x, 1e5).unwrap(),
        brute.within(&Context::new(), &x, 1e5).unwrap()
    );
    let alone = tree.nearest_others(&Context::new(), &x, 3).unwrap();
    assert!(alone.rows().chunks(3).enumerate().all(|(row, others)| !others.contains(&(row as u32))));
}

#[test]
fn numbers_at_the_ends_of_f64_are_measured() {
    for scale in [1e300, 1e-300, 1.0] {
        let x = rows(200, 3, 7, false) * scale;
        for search in [Search::Tree, Search::Brute] {
            let found = Index::new(&x, Metric::Euclidean, search).unwrap().nearest(&x, 2).unwrap();
            let small = Index::new(&(&x / scale), Metric::Euclidean, search).unwrap();
            let truth = small.nearest(&(&x / scale), 2).unwrap();
            for (found, truth) in found.distances().iter().zip(truth.distances()) {
                assert!((found / scale - truth).abs() < 1e-12);
            }
        }
    }
    let index = Index::new(&rows(50, 2, 8, false), Metric::Euclidean, Search::Brute).unwrap();
    let far = index.nearest(&Array2::from_elem((1, 2), 1e20), 1).unwrap();
    assert!((far.distances()[0] / (2f64.sqrt() * 1e20) - 1.0).abs() < 1e-12);
    assert!(index.nearest(&Array2::from_elem((1, 2), 1e300), 1).is_err());
}

#[test]
fn what_cannot_be_searched_is_an_error() {
    let x = rows(5, 3, 1, false);
    assert!(Index::new(&Array2::zeros((0, 3)), Metric::Euclidean, Search::Auto).is_err());
    assert!(Index::new(&Array2::zeros((3, 0)), Metric::Euclidean, Search::Auto).is_err());
    assert!(Index::new(&(&x * f64::NAN), Metric::Euclidean, Search::Auto).is_err());
    assert!(Index::new(&x, Metric::Haversine, Search::Auto).is_err());
    assert!(Index::new(&x, Metric::Minkowski(0.5), Search::Auto).is_err());
    let index = Index::new(&x, Metric::Euclidean, Search::Auto).unwrap();
    assert!(index.nearest(&x, 6).is_err());
    assert!(index.nearest(&x, 0).is_err());
    assert!(index.nearest(&rows(5, 2, 1, false), 1).is_err());
    assert!(index.within(&Context::new(), &x, f64::NAN).is_err());
    assert_eq!(index.nearest(&Array2::zeros((0, 3)), 1).unwrap().rows().len(), 0);
}
