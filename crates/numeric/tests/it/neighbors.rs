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

/// Dense rows, and the lowest dense row that each hangs together with, by all pairs.
/// Wide rows are searched in bytes first, where the machine multiplies those.
#[test]
fn wide_rows_are_found_to_the_bit() {
    let mut random = Random::new(11);
    for (n, width) in [(1500, 37), (700, 24), (40, 130), (900, 64)] {
        let spread = rows(n, width, 12, false);
        let heavy = spread.mapv(|value| value.powi(7));
        // Two heaps, narrower than a step of a byte: all rows of a heap must be measured.
        let heaps =
            Array2::from_shape_fn((n, width), |(row, _)| (row % 2 * 100) as f64 + 0.01 * random.normal());
        // A column apart from which all are the same, and rows that stand several times.
        let mut alike = Array2::from_elem((n, width), 3.5);
        (0..n).for_each(|row| alike[[row, 5]] = (row % 17) as f64);
        // Rounding moves all numbers of a row the same way, so that it moves the row as far as it can.
        let diagonal = Array2::from_shape_fn((n, width), |(row, _)| (row as f64).sin());
        let all = [
            ("diagonal", diagonal),
            ("spread", spread.clone()),
            ("rounded", spread.mapv(f64::round)),
            ("shifted", &spread * 1e-3 + 1e9),
            ("small", &spread * 1e-200),
            ("large", &spread * 1e150),
            ("heavy tails", heavy),
            ("heaps", heaps),
            ("alike", alike),
        ];
        for (name, x) in all {
            let picked =
                |factor: f64| Array2::from_shape_fn((60, width), |(row, j)| x[[row * 7 % n, j]] * factor);
            let tree = Index::new(&x, Metric::Euclidean, Search::Tree).unwrap();
            let brute = Index::new(&x, Metric::Euclidean, Search::Brute).unwrap();
            // Queries that are rows, that lie among the rows, and that lie beyond all of them.
            for (k, factor) in [(1, 1.0), (9, 0.99), (40, 1.0), (9, 40.0)] {
                let queries = picked(factor);
                let (found, truth) =
                    (brute.nearest(&queries, k).unwrap(), tree.nearest(&queries, k).unwrap());
                assert_eq!(found, truth, "{name}, {n} x {width}, {k} nearest, {factor}");
                let radius = truth.distances()[k / 2];
                let within = |index: &Index| index.within(&Context::new(), &queries, radius).unwrap();
                assert_eq!(within(&brute), within(&tree), "{name}, {n} x {width}, within {radius}, {factor}");
            }
            // One that is far from all rows beside others.
            let mut queries = picked(0.99);
            queries.row_mut(17).mapv_inplace(|value| 40.0 * value);
            assert_eq!(
                brute.nearest(&queries, 9).unwrap(),
                tree.nearest(&queries, 9).unwrap(),
                "{name}, far"
            );
            // Weights whose sum depends on their order: they are added row by row.
            if n < 800 && !["small", "large"].contains(&name) {
                let weights: Vec<f64> = (0..n).map(|row| 0.1 * (1 + row % 7) as f64).collect();
                let radius = tree.nearest(&x, 5).unwrap().distances()[4] * (1.0 + 1e-9);
                let (dense, lowest) = plain_links(Metric::Euclidean, &x, radius, &weights, 1.0);
                let links = brute.links(&Context::new(), &x, radius, Some(&weights), 1.0).unwrap();
                assert_eq!((links.dense, links.lowest), (dense, lowest), "{name}, links");
            }
        }
    }
}

fn plain_links(
    metric: Metric,
    x: &Array2<f64>,
    radius: f64,
    weights: &[f64],
    enough: f64,
) -> (Vec<bool>, Vec<u32>) {
    let n = x.nrows();
    let near = |a: usize, b: usize| plain(metric, x.row(a), x.row(b)) <= radius;
    let weight = |a: usize| (0..n).filter(|&b| near(a, b)).map(|b| weights[b]).sum::<f64>();
    let dense: Vec<bool> = (0..n).map(|row| weight(row) >= enough).collect();
    let mut lowest = vec![u32::MAX; n];
    for first in (0..n).filter(|&row| dense[row]) {
        let mut waiting = if lowest[first] == u32::MAX { vec![first] } else { Vec::new() };
        while let Some(row) = waiting.pop() {
            if dense[row] && lowest[row] == u32::MAX {
                lowest[row] = first as u32;
                waiting.extend((0..n).filter(|&other| near(row, other)));
            }
        }
    }
    let of_dense = lowest.clone();
    for row in (0..n).filter(|&row| !dense[row]) {
        let near = (0..n).filter(|&other| dense[other] && near(row, other));
        lowest[row] = near.map(|other| of_dense[other]).min().unwrap_or(u32::MAX);
    }
    (dense, lowest)
}

#[test]
fn links_are_those_of_all_pairs_by_every_way() {
    let metrics = [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev, Metric::Cosine];
    for (n, width, seed) in
        [(1, 1, 1), (31, 2, 2), (32, 2, 3), (33, 1, 4), (290, 2, 5), (200, 3, 6), (200, 6, 7)]
    {
        for (is_round, radius, enough) in
            [(true, 1.0, 9.0), (false, 0.2, 4.0), (false, 0.6, 12.0), (false, 0.05, 2.0), (true, 40.0, 1.0)]
        {
            let x = rows(n, width, seed, is_round);
            let weights: Vec<f64> = (0..n).map(|row| (row % 3) as f64).collect();
            for metric in metrics {
                // Angles of whole numbers are not exact.
                if metric == Metric::Cosine && is_round {
                    continue;
                }
                for search in [Search::Tree, Search::Brute] {
                    let index = Index::new(&x, metric, search).unwrap();
                    for weights in [None, Some(&weights[..])] {
                        let links = index.links(&Context::new(), &x, radius, weights, enough).unwrap();
                        let ones = vec![1.0; n];
                        let truth = plain_links(metric, &x, radius, weights.unwrap_or(&ones), enough);
                        let about = format!("{metric} {search:?} {n} x {width}, radius {radius}");
                        assert_eq!((links.dense, links.lowest), truth, "{about}");
                    }
                }
            }
        }
    }
    let angles = rows(300, 2, 8, false);
    let index = Index::new(&angles, Metric::Haversine, Search::Tree).unwrap();
    let links = index.links(&Context::new(), &angles, 0.1, None, 4.0).unwrap();
    assert_eq!((links.dense, links.lowest), plain_links(Metric::Haversine, &angles, 0.1, &[1.0; 300], 4.0));
    assert!(index.links(&Context::new(), &angles, f64::NAN, None, 4.0).is_err());
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
