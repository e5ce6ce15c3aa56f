//! Estimators that take sparse rows give the numbers that they give for the same rows in dense form, and the same bits at any
//! number of threads.

use ndarray::{Array2, s};
use perennial_core::{
    Classes, Classifier, Csr, Estimator, Matrix, NoTarget, PartialFit, Predictor, Train, Transformer, Values,
};
use perennial_models::cluster::Init;
use perennial_models::linear::IterativeLinearModel;
use perennial_models::neighbors::{Metric, Search, Weighting};
use perennial_models::{
    ElasticNet, ElasticNetCv, KMeans, KNeighborsClassifier, KNeighborsRegressor, Lasso, LassoCv,
    MiniBatchKMeans, RadiusNeighborsClassifier, RadiusNeighborsRegressor, Ridge,
};
use perennial_numeric::random::Random;

use crate::linear_follow::sparse;

struct Example {
    dense: Matrix,
    sparse: Matrix,
    y: Values,
    weights: Vec<f64>,
}

/// Rows of which a share is filled, a line of some columns with noise, and weights of which some are 0.
fn example(n_rows: usize, n_cols: usize, share: f64, seed: u64) -> Example {
    let mut random = Random::new(seed);
    let cells = Array2::from_shape_simple_fn((n_rows, n_cols), || {
        let (filled, value) = (random.uniform() < share, random.normal());
        if filled { value + 1.0 } else { 0.0 }
    });
    let y: Vec<f64> = cells
        .rows()
        .into_iter()
        .map(|row| 5.0 + 2.0 * row[0] - 3.0 * row[1] + row[n_cols - 1] + 0.3 * random.normal())
        .collect();
    let weights = (0..n_rows).map(|row| (row % 4) as f64 * 0.5).collect();
    Example { sparse: sparse(&cells), dense: cells.into(), y: y.into(), weights }
}

/// Refuses numbers that differ by more than a share of their size.
fn assert_close(computed: &[f64], truth: &[f64], share: f64, what: &str) {
    assert_eq!(computed.len(), truth.len(), "{what}");
    for (computed, truth) in computed.iter().zip(truth) {
        assert!(
            (computed - truth).abs() <= share * truth.abs().max(1e-2),
            "{what}: {computed} instead of {truth}"
        );
    }
}

/// What `work` gives at 1 to 4 threads, if it is the same.
fn at_any_threads<T: PartialEq + Send + std::fmt::Debug>(work: impl Fn() -> T + Sync) -> T {
    let at = |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(&work);
    let first = at(1);
    (2..=4).for_each(|n| assert_eq!(at(n), first, "{n} threads"));
    first
}

fn cells(values: &ndarray::ArrayRef2<f64>) -> Vec<f64> {
    values.iter().copied().collect()
}

#[test]
fn kmeans_finds_the_clusters_of_the_dense_rows() {
    let Example { dense, sparse, weights, .. } = example(5000, 30, 0.2, 1);
    for init in [Init::KMeansPlusPlus, Init::KMeansParallel, Init::Random] {
        for weights in [None, Some(&weights[..])] {
            let settings = KMeans::new().n_clusters(7).init(init.clone()).seed(5).max_iter(40);
            let fit = |x: &Matrix| {
                let train = Train::new(x, &NoTarget);
                match weights {
                    Some(weights) => train.weights(weights).fit(&settings).unwrap(),
                    None => train.fit(&settings).unwrap(),
                }
            };
            let (a, b) = (fit(&dense), at_any_threads(|| fit(&sparse)));
            assert_close(&cells(b.centres()), &cells(a.centres()), 1e-10, "centres");
            assert_close(&[b.inertia()], &[a.inertia()], 1e-10, "inertia");
            assert_eq!((a.n_iterations(), a.converged()), (b.n_iterations(), b.converged()));
            assert_eq!(a.predict(&dense).unwrap(), b.predict(&sparse).unwrap());
            assert_eq!(a.predict(&dense).unwrap(), a.predict(&sparse).unwrap());
            let (far, near) = (a.transform(&dense).unwrap(), b.transform(&sparse).unwrap());
            assert_close(&cells(near.dense().unwrap()), &cells(far.dense().unwrap()), 1e-10, "distances");
        }
    }
}

#[test]
fn kmeans_of_sparse_rows_takes_what_is_hard() {
    // Rows of zeros, equal rows and rows that are centres.
    let rows = ndarray::array![
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [3.0, 0.0, 4.0],
        [3.0, 0.0, 4.0],
        [0.0, 1.0, 0.0],
        [0.0, 1.0, 0.0]
    ];
    let model = KMeans::new().n_clusters(3).seed(2).fit(&sparse(&rows), &NoTarget).unwrap();
    assert_eq!((model.inertia(), model.predict(&sparse(&rows)).unwrap().sizes()), (0.0, vec![2, 2, 2]));
    let far = model.transform(&sparse(&rows)).unwrap();
    assert!(
        far.dense().unwrap().rows().into_iter().all(|row| row.iter().filter(|far| **far == 0.0).count() == 1)
    );
    // More clusters than different rows: an error is none, but no row is lost.
    let model = KMeans::new().n_clusters(5).fit(&sparse(&rows), &NoTarget).unwrap();
    assert_eq!(model.inertia(), 0.0);
    // Units of any size.
    for unit in [1e-200, 1e200] {
        let scaled = rows.mapv(|value| value * unit);
        let given = Init::Given(scaled.select(ndarray::Axis(0), &[0, 2, 4]));
        let settings = KMeans::new().n_clusters(3).init(given);
        let (a, b) =
            (settings.fit(&sparse(&scaled), &NoTarget), settings.fit(&scaled.clone().into(), &NoTarget));
        match (a, b) {
            (Ok(a), Ok(b)) => {
                assert_eq!(a.centres(), b.centres());
                assert_eq!(a.predict(&sparse(&scaled)).unwrap(), b.predict(&scaled.into()).unwrap());
            }
            (a, b) => assert_eq!(a.unwrap_err().to_string(), b.unwrap_err().to_string()),
        }
    }
    let empty = Matrix::from(Csr::new(3, vec![0, 0, 0], vec![], vec![]).unwrap());
    assert_eq!(KMeans::new().n_clusters(1).fit(&empty, &NoTarget).unwrap().inertia(), 0.0);
    let error = KMeans::new().n_clusters(3).fit(&empty, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("3 clusters of 2 rows"), "{error}");
}

#[test]
fn mini_batches_of_sparse_rows_are_those_of_the_dense_rows() {
    let Example { dense, sparse, weights, .. } = example(3000, 20, 0.3, 3);
    let settings = MiniBatchKMeans::new().n_clusters(5).batch_size(256).seed(9);
    let fit = |x: &Matrix| Train::new(x, &NoTarget).weights(&weights).fit(&settings).unwrap();
    let (a, b) = (fit(&dense), at_any_threads(|| fit(&sparse)));
    assert_close(&cells(b.centres()), &cells(a.centres()), 1e-10, "centres");
    assert_close(&[b.inertia()], &[a.inertia()], 1e-10, "inertia");
    assert_eq!(a.predict(&dense).unwrap(), b.predict(&sparse).unwrap());
    let a = settings.partial_fit(a, &dense, &NoTarget).unwrap();
    let b = settings.partial_fit(b, &sparse, &NoTarget).unwrap();
    assert_close(&cells(b.centres()), &cells(a.centres()), 1e-10, "centres");
    assert_close(
        &cells(b.transform(&sparse).unwrap().dense().unwrap()),
        &cells(a.transform(&dense).unwrap().dense().unwrap()),
        1e-10,
        "distances",
    );
}

#[test]
fn ridge_of_sparse_rows_is_that_of_the_dense_rows() {
    for (n_rows, n_cols, share) in [(400, 30, 0.2), (60, 90, 0.3)] {
        let Example { dense, sparse, y, weights } = example(n_rows, n_cols, share, 4);
        for alpha in [0.5, 30.0] {
            for intercept in [true, false] {
                let settings = Ridge::new().alpha(alpha).fit_intercept(intercept);
                let fit = |x: &Matrix| Train::new(x, &y).weights(&weights).fit(&settings).unwrap();
                let (a, b) = (fit(&dense), at_any_threads(|| fit(&sparse)));
                let scale = a.coefficients().iter().fold(0.0, |most: f64, weight| most.max(weight.abs()));
                for (a, b) in a.coefficients().iter().zip(b.coefficients()) {
                    assert!((a - b).abs() < 1e-10 * scale, "{n_cols} columns, alpha {alpha}: {a} and {b}");
                }
                assert!((a.intercept() - b.intercept()).abs() < 1e-10 * (1.0 + a.intercept().abs()));
                assert_close(
                    b.predict(&sparse).unwrap().as_slice(),
                    a.predict(&dense).unwrap().as_slice(),
                    1e-9,
                    "predictions",
                );
            }
        }
    }
}

/// More columns than the products of which are factored, against `b = X^T (X X^T + alpha)^-1 y` of the rows around their
/// means.
#[test]
fn ridge_of_wide_sparse_rows_is_that_of_their_products() {
    let Example { dense, sparse, y, .. } = example(50, 2100, 0.02, 4);
    let x = dense.dense().unwrap().to_owned();
    let x = &x - &x.mean_axis(ndarray::Axis(0)).unwrap().insert_axis(ndarray::Axis(0));
    let mean = y.as_slice().iter().sum::<f64>() / 50.0;
    let centred: ndarray::Array1<f64> = y.as_slice().iter().map(|y| y - mean).collect();
    for alpha in [0.01, 30.0] {
        let model = at_any_threads(|| Ridge::new().alpha(alpha).fit(&sparse, &y).unwrap());
        let square = x.dot(&x.t()) + Array2::<f64>::eye(50) * alpha;
        let dual = perennial_numeric::linalg::Cholesky::new(&square).unwrap().solve(&centred);
        let truth = x.t().dot(&dual);
        for (found, truth) in model.coefficients().iter().zip(&truth) {
            assert!((found - truth).abs() < 1e-10, "{found} instead of {truth}");
        }
    }
}

#[test]
fn ridge_of_sparse_rows_without_penalty_takes_the_shortest_answer() {
    // The third column is the sum of the others.
    let mut random = Random::new(8);
    let rows =
        Array2::from_shape_simple_fn((40, 2), || if random.uniform() < 0.4 { random.normal() } else { 0.0 });
    let rows = ndarray::concatenate![
        ndarray::Axis(1),
        rows,
        rows.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1))
    ];
    let y: Values = rows.rows().into_iter().map(|row| 1.0 + 2.0 * row[0] - row[1]).collect();
    let model = Ridge::new().alpha(0.0).fit(&sparse(&rows), &y).unwrap();
    // Of b + c = 2 and d + c = -1 the shortest.
    assert_close(&model.coefficients().to_vec(), &[5.0 / 3.0, -4.0 / 3.0, 1.0 / 3.0], 1e-9, "coefficients");
    assert!((model.intercept() - 1.0).abs() < 1e-10);
    // A column that is constant, and one without entries.
    let rows = ndarray::array![[7.0, 0.0, 1.0], [7.0, 0.0, 0.0], [7.0, 0.0, 2.0], [7.0, 0.0, 0.0]];
    let y = Values::from(vec![3.0, 1.0, 5.0, 1.0]);
    let model = Ridge::new().alpha(1e-9).fit(&sparse(&rows), &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &[0.0, 0.0, 2.0], 1e-8, "coefficients");
    let error = Ridge::new().fit(&sparse(&(rows * 1e200)), &y).unwrap_err();
    assert!(error.to_string().contains("standardise"), "{error}");
}

fn same(a: &IterativeLinearModel, b: &IterativeLinearModel, what: &str) {
    let scale = 1.0 + a.coefficients().iter().fold(0.0, |most: f64, weight| most.max(weight.abs()));
    for (a, b) in a.coefficients().iter().zip(b.coefficients()) {
        assert!((a - b).abs() < 1e-10 * scale && (*a == 0.0) == (*b == 0.0), "{what}: {a} and {b}");
    }
    assert!((a.intercept() - b.intercept()).abs() < 1e-10 * scale.max(a.intercept().abs()), "{what}");
    assert!(a.converged() && b.converged(), "{what}");
}

#[test]
fn nets_of_sparse_rows_are_those_of_the_dense_rows() {
    // All products at once, few columns at a time, and more columns than products are kept of.
    for (n_rows, n_cols, share) in [(400, 30, 0.2), (200, 300, 0.2), (80, 2100, 0.05)] {
        let Example { dense, sparse, y, weights } = example(n_rows, n_cols, share, 6);
        for (alpha, l1_ratio, intercept) in [(0.1, 1.0, true), (0.05, 0.5, true), (0.1, 0.8, false)] {
            let settings = ElasticNet::new().alpha(alpha).l1_ratio(l1_ratio).fit_intercept(intercept);
            let settings = settings.tolerance(1e-9);
            let fit = |x: &Matrix| Train::new(x, &y).weights(&weights).fit(&settings).unwrap();
            let (a, b) = (fit(&dense), at_any_threads(|| fit(&sparse)));
            same(&a, &b, &format!("{n_cols} columns, alpha {alpha}"));
        }
        let settings = Lasso::new().positive(true).alpha(0.05).tolerance(1e-9);
        let fit = |x: &Matrix| settings.fit(x, &y).unwrap();
        same(&fit(&dense), &fit(&sparse), "positive");
        let path = |x: &Matrix| Lasso::new().path(&Train::new(x, &y), 12, 1e-2).unwrap();
        assert_close(path(&sparse).alphas(), path(&dense).alphas(), 1e-11, "strengths");
    }
}

#[test]
fn strengths_are_chosen_by_sparse_rows_as_by_dense_ones() {
    for (n_rows, n_cols, share) in [(200, 12, 0.3), (60, 2100, 0.05)] {
        let Example { dense, sparse, y, .. } = example(n_rows, n_cols, share, 7);
        let settings = LassoCv::new().n_alphas(6).eps(0.05).tolerance(1e-9);
        let (a, b) = (settings.fit(&dense, &y).unwrap(), settings.fit(&sparse, &y).unwrap());
        assert_close(&[b.alpha()], &[a.alpha()], 1e-11, "the strength");
        assert_close(&cells(b.mean_squared_errors()), &cells(a.mean_squared_errors()), 1e-8, "errors");
        same(a.model(), b.model(), "lasso");
    }
    let Example { dense, sparse, y, .. } = example(150, 10, 0.3, 7);
    let settings = ElasticNetCv::new().l1_ratios([0.2, 0.9]).n_alphas(8).tolerance(1e-9);
    let (a, b) = (settings.fit(&dense, &y).unwrap(), settings.fit(&sparse, &y).unwrap());
    assert_eq!(a.l1_ratio(), b.l1_ratio());
    same(a.model(), b.model(), "net");
}

#[test]
fn near_rows_are_found_among_sparse_rows() {
    // Full enough that no two rows are at one distance.
    let Example { dense, sparse, y, .. } = example(700, 25, 0.6, 11);
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| *y > 5.0));
    let asked = |x: &Matrix| perennial_core::Rows::take(x, &(0..200).collect::<Vec<_>>()).unwrap();
    for metric in [Metric::Euclidean, Metric::Cosine] {
        for weighting in [Weighting::Uniform, Weighting::Distance] {
            let settings = KNeighborsClassifier::new().n_neighbors(6).metric(metric).weighting(weighting);
            let (a, b) = (settings.fit(&dense, &classes).unwrap(), settings.fit(&sparse, &classes).unwrap());
            let said = at_any_threads(|| b.predict_proba(&asked(&sparse)).unwrap());
            assert_close(
                &cells(said.values()),
                &cells(a.predict_proba(&asked(&dense)).unwrap().values()),
                1e-10,
                "shares",
            );
            // Dense rows may ask sparse ones.
            assert_eq!(b.predict_proba(&asked(&dense)).unwrap(), said);
            let settings = KNeighborsRegressor::new().n_neighbors(4).metric(metric).weighting(weighting);
            let (a, b) = (settings.fit(&dense, &y).unwrap(), settings.fit(&sparse, &y).unwrap());
            let (a, b) = (a.predict(&asked(&dense)).unwrap(), b.predict(&asked(&sparse)).unwrap());
            assert_close(b.as_slice(), a.as_slice(), 1e-10, "answers");
            let settings = RadiusNeighborsRegressor::new().radius(0.7).metric(metric).weighting(weighting);
            let (a, b) = (settings.fit(&dense, &y).unwrap(), settings.fit(&sparse, &y).unwrap());
            let (a, b) = (a.predict(&asked(&dense)).unwrap(), b.predict(&asked(&sparse)).unwrap());
            assert_close(b.as_slice(), a.as_slice(), 1e-10, "answers within a radius");
        }
    }
}

#[test]
fn near_sparse_rows_of_any_size_and_those_that_are_refused() {
    let rows = ndarray::array![[0.0, 3.0], [0.0, 0.0], [4.0, 3.0], [0.0, 3.0], [0.0, 0.0]];
    let y = Values::from(vec![1.0, 2.0, 4.0, 8.0, 16.0]);
    for unit in [1e-160, 1.0, 1e160] {
        let scaled = rows.mapv(|value| value * unit);
        for metric in [Metric::Euclidean, Metric::Cosine] {
            for k in 1..=5 {
                // Of rows at one distance those with lower numbers come first.
                let settings = KNeighborsRegressor::new().n_neighbors(k).metric(metric).search(Search::Brute);
                let a = settings.fit(&scaled.clone().into(), &y).unwrap().predict(&scaled.clone().into());
                let b = settings.fit(&sparse(&scaled), &y).unwrap().predict(&sparse(&scaled));
                assert_eq!(a.unwrap(), b.unwrap(), "{unit} {metric} {k}");
            }
        }
    }
    let x = sparse(&rows);
    let classes = Classes::from_labels([0, 1, 0, 1, 0]);
    let error = RadiusNeighborsClassifier::new().metric(Metric::Manhattan).fit(&x, &classes).unwrap_err();
    assert!(error.to_string().contains("manhattan"), "{error}");
    let error =
        KNeighborsClassifier::new().n_neighbors(1).search(Search::Tree).fit(&x, &classes).unwrap_err();
    assert!(error.to_string().contains("one by one"), "{error}");
    // A model is saved and comes back.
    let model = KNeighborsClassifier::new().n_neighbors(2).fit(&x, &classes).unwrap();
    let text = serde_json::to_string(&model).unwrap();
    let back: perennial_models::neighbors::NeighborsClassifierModel = serde_json::from_str(&text).unwrap();
    assert_eq!((back.predict_proba(&x).unwrap(), &back), (model.predict_proba(&x).unwrap(), &model));
    let broken = text.replace("\"n_cols\":2", "\"n_cols\":3");
    assert!(serde_json::from_str::<perennial_models::neighbors::NeighborsClassifierModel>(&broken).is_err());
    let wide = rows.slice(s![.., ..1]).to_owned();
    assert!(model.predict(&sparse(&wide)).is_err());
}

#[test]
fn columns_far_from_nothing_keep_the_digits_of_their_spread() {
    let mut random = Random::new(12);
    let noise: Vec<f64> = (0..400).map(|_| random.normal()).collect();
    // Times, a constant, and a column with gaps.
    let cells = Array2::from_shape_fn((400, 3), |(row, column)| match column {
        0 => 1.7e9 + 100.0 * noise[row],
        1 => 7.0,
        _ if row % 3 == 0 => 1.0 + noise[row],
        _ => 0.0,
    });
    let y: Values = (0..400).map(|row| noise[row] + 0.5 * cells[[row, 2]] + 0.1 * random.normal()).collect();
    let (sparse, dense) = (sparse(&cells), Matrix::from(cells));
    for alpha in [0.01, 0.3] {
        let net = ElasticNet::new().alpha(alpha).tolerance(1e-10);
        let (found, truth) = (net.fit(&sparse, &y).unwrap(), net.fit(&dense, &y).unwrap());
        assert_near(&found.coefficients().to_vec(), &truth.coefficients().to_vec());
        let line = Ridge::new().alpha(alpha);
        let (found, truth) = (line.fit(&sparse, &y).unwrap(), line.fit(&dense, &y).unwrap());
        assert_near(&found.coefficients().to_vec(), &truth.coefficients().to_vec());
    }
}

fn assert_near(found: &[f64], truth: &[f64]) {
    for (found, truth) in found.iter().zip(truth) {
        // A constant column has a coefficient of rounding.
        assert!((found - truth).abs() <= 1e-5 * truth.abs() + 1e-11, "{found} is not {truth}");
    }
}
