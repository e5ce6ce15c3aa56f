//! The approximate search by a graph, beside the exact one.

use ndarray::{Array2, s};
use perennial_core::{CancelToken, Classes, Context, Estimator, Matrix, NoTarget, Predictor, Train};
use perennial_models::neighbors::{Metric, Search};
use perennial_models::{KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

check!(neighbors_classifier_graph, classifier, KNeighborsClassifier::new().search(Search::hnsw()));
check!(
    neighbors_regressor_graph,
    regressor,
    KNeighborsRegressor::new().search(Search::Hnsw { m: 4, ef_construction: 20, ef_search: 10 }),
    Tags::new().poor_score()
);

/// Rows around 40 centres.
fn rows(n: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(8);
    let centres = Array2::from_shape_simple_fn((40, width), || 2.0 * random.normal());
    let mut random = Random::new(seed);
    Array2::from_shape_fn((n, width), |(i, j)| centres[[i % 40, j]] + random.normal())
}

fn recall(x: &Matrix, queries: &Matrix, metric: Metric, search: Search, k: usize) -> f64 {
    let find = |search: Search| {
        let model = NearestNeighbors::new().metric(metric).search(search).fit(x, &NoTarget).unwrap();
        assert_eq!(model.search(), search);
        model.nearest(queries, k).unwrap()
    };
    let (truth, found) = (find(Search::Brute), find(search));
    let n = truth.rows().len() / k;
    let hits: usize = (0..n)
        .map(|query| {
            let ((truth, lengths), (found, distances)) = (truth.get(query), found.get(query));
            // What is found has its exact distance.
            for (row, distance) in found.iter().zip(distances) {
                let place = truth.iter().position(|other| other == row);
                assert!(place.is_none_or(|place| lengths[place] == *distance));
            }
            assert!(distances.windows(2).all(|pair| pair[0] <= pair[1]));
            found.iter().filter(|row| truth.contains(row)).count()
        })
        .sum();
    hits as f64 / (n * k) as f64
}

#[test]
fn most_of_the_nearest_are_found() {
    let (x, queries) = (Matrix::from(rows(8000, 24, 1)), Matrix::from(rows(200, 24, 2)));
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let usual = recall(&x, &queries, metric, Search::hnsw(), 10);
        assert!(usual > 0.95, "{metric}: {usual}");
        let hard = Search::Hnsw { m: 24, ef_construction: 200, ef_search: 300 };
        let best = recall(&x, &queries, metric, hard, 10);
        assert!(best > 0.995 && best >= usual, "{metric}: {best}");
    }
    // As many candidates as rows: all are found.
    let few = Matrix::from(rows(300, 5, 3));
    let all = Search::Hnsw { m: 16, ef_construction: 300, ef_search: 300 };
    assert_eq!(recall(&few, &few, Metric::Euclidean, all, 20), 1.0);
}

#[test]
fn the_graph_is_the_same_at_any_number_of_threads() {
    let x = Matrix::from(rows(3000, 12, 1));
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = NearestNeighbors::new().search(Search::hnsw()).fit(&x, &NoTarget).unwrap();
            model.nearest(&x, 7).unwrap()
        })
    };
    let one = find(1);
    assert!((2..=4).all(|threads| find(threads) == one));
    // Every row finds itself first.
    assert!((0..3000).all(|row| one.get(row).0[0] as usize == row));
}

#[test]
fn edges_of_the_graph() {
    let x = rows(500, 6, 1);
    let exact = NearestNeighbors::new().search(Search::Brute).fit(&x.clone().into(), &NoTarget).unwrap();
    let model = NearestNeighbors::new().search(Search::hnsw()).fit(&x.clone().into(), &NoTarget).unwrap();
    // By radius all rows are passed over, and as many as there are can be asked for.
    assert_eq!(model.within(&x.clone().into(), 3.0).unwrap(), exact.within(&x.clone().into(), 3.0).unwrap());
    assert_eq!(
        model.nearest(&x.clone().into(), 500).unwrap(),
        exact.nearest(&x.clone().into(), 500).unwrap()
    );
    // Many equal rows: the graph need not hold together.
    let same = Matrix::from(Array2::from_shape_fn((600, 2), |(i, _)| (i / 300) as f64));
    let labels = Classes::from_labels((0..600).map(|i| i / 300));
    let classifier = KNeighborsClassifier::new().search(Search::hnsw()).fit(&same, &labels).unwrap();
    assert_eq!(classifier.predict(&same).unwrap(), labels);
    let huge = Matrix::from(x.mapv(|value| value * 1e300));
    let model = NearestNeighbors::new().search(Search::hnsw()).fit(&huge, &NoTarget).unwrap();
    assert_eq!(model.nearest(&huge, 1).unwrap().rows(), (0..500).collect::<Vec<u32>>());
    for (search, name) in [
        (Search::Hnsw { m: 1, ef_construction: 100, ef_search: 64 }, "`m`"),
        (Search::Hnsw { m: 16, ef_construction: 0, ef_search: 64 }, "`ef_construction`"),
        (Search::Hnsw { m: 16, ef_construction: 100, ef_search: usize::MAX }, "`ef_search`"),
    ] {
        let error = NearestNeighbors::new().search(search).fit(&huge, &NoTarget).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let manhattan = NearestNeighbors::new().metric(Metric::Manhattan).search(Search::hnsw());
    assert!(manhattan.fit(&huge, &NoTarget).unwrap_err().to_string().contains("manhattan"));
    let token = CancelToken::new();
    token.cancel();
    let x = Matrix::from(x.slice(s![..100, ..]).to_owned());
    let train = Train::new(&x, &NoTarget).context(Context::new().with_cancel(token));
    assert!(NearestNeighbors::new().search(Search::hnsw()).fit_on(&train).is_err());
}
