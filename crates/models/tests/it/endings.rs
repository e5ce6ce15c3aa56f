//! Searches that are stopped early say so, and how far they were.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, NoTarget, Outputs, Values};
use perennial_models::compose::SelfTrainingClassifier;
use perennial_models::linear::{Hinge, Insensitive};
use perennial_models::{
    BayesianGaussianMixture, BayesianRidge, ElasticNet, FtrlClassifier, GaussianMixture, GaussianNaiveBayes,
    GraphicalLasso, HuberRegressor, KMeans, LassoLars, LinearSvc, LinearSvr, LogisticRegression, MeanShift,
    MiniBatchKMeans, MultiTaskElasticNet, PassiveAggressive, Perceptron, PoissonRegressor, QuantileRegressor,
    SgdClassifier, SgdRegressor, TheilSenRegressor,
};

fn rows() -> (Matrix, Values) {
    let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (2 * j + 3)) as f64 * 0.7).sin());
    let y = (0..60).map(|i| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.4 * (i as f64 * 2.1).cos()).collect();
    (x.into(), y)
}

/// Columns that share a wave, so that no search is over after one step.
fn tied() -> (Matrix, Values, Classes) {
    let wave = |i: usize, step: f64| (i as f64 * step).sin();
    let x = Array2::from_shape_fn((60, 4), |(i, j)| wave(i, 0.7) + 0.5 * wave(i * (2 * j + 3), 0.7));
    let y: Vec<f64> = (0..60).map(|i| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.8 * (i as f64 * 2.3).cos()).collect();
    let classes = Classes::from_labels(y.iter().map(|y| *y > 0.0));
    (x.into(), y.into(), classes)
}

#[test]
fn lines_say_how_far_they_were() {
    let (x, y) = rows();
    let fit = |n: usize| BayesianRidge::new().max_iter(n).fit(&x, &y).unwrap();
    let (early, late) = (fit(1), fit(500));
    assert!(!early.converged() && early.gap() > 1e-8 && early.n_iterations() == 1, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-8 && late.n_iterations() > 1, "{}", late.gap());
    let fit = |n: usize| HuberRegressor::new().max_iter(n).fit(&x, &y).unwrap();
    let (early, late) = (fit(1), fit(500));
    assert!(!early.converged() && early.gap() > late.gap(), "{} and {}", early.gap(), late.gap());
    assert!(late.converged());
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| *y > 0.0));
    let fit = |n: usize| FtrlClassifier::new().max_iter(n).fit(&x, &classes).unwrap();
    let (early, late) = (fit(1), fit(2000));
    // The first pass moves all coefficients from 0.
    assert!(!early.converged() && early.last_change() == 1.0, "{}", early.last_change());
    assert!(late.converged() && late.last_change() < 0.01, "{}", late.last_change());
    assert_eq!(early.model().converged(), early.converged());
}

#[test]
fn clusters_say_how_far_they_were() {
    let (x, _) = rows();
    let fit = |n: usize| MeanShift::new().bandwidth(0.8).max_iter(n).fit(&x, &NoTarget).unwrap();
    let (early, late) = (fit(1), fit(300));
    assert!(!early.converged() && early.last_shift() > 0.8e-3, "{}", early.last_shift());
    assert!(late.converged() && late.last_shift() <= 0.8e-3, "{}", late.last_shift());
    let settings = MiniBatchKMeans::new().n_clusters(3).batch_size(20).seed(1);
    let early = settings.clone().max_iter(1).fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.last_change() > 0.0, "{}", early.last_change());
}

#[test]
fn self_training_says_what_is_left() {
    let x = Matrix::from(Array2::from_shape_fn((40, 1), |(i, _)| i as f64));
    let y = Classes::from_labels((0..40).map(|i| match i {
        0..5 => "low",
        35..40 => "high",
        _ => "?",
    }));
    let settings = SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?");
    let all = settings.clone().max_iter(100).fit(&x, &y).unwrap();
    assert!(all.converged());
    assert_eq!(all.n_labelled() + all.n_unlabelled(), 30);
    let none = settings.threshold(1.0).max_iter(1).fit(&x, &y).unwrap();
    assert_eq!(none.n_labelled() + none.n_unlabelled(), 30);
    assert!(none.n_unlabelled() == 0 || none.converged() == (none.n_iterations() == 0));
}

#[test]
fn smooth_and_kinked_lines_say_how_far_they_were() {
    let (x, y, classes) = tied();
    let settings = LogisticRegression::new();
    let early = settings.clone().tolerance(1e-10).max_iter(1).fit(&x, &classes).unwrap();
    let late = settings.fit(&x, &classes).unwrap();
    assert!(!early.converged() && early.gradient_norm() > 1e-10 && early.n_iterations() <= 1);
    assert!(late.converged() && late.gradient_norm() < early.gradient_norm());

    let counts: Values = y.as_slice().iter().map(|y| y.exp()).collect();
    let early = PoissonRegressor::new().tolerance(1e-10).max_iter(1).fit(&x, &counts).unwrap();
    let late = PoissonRegressor::new().fit(&x, &counts).unwrap();
    assert!(!early.converged() && early.gradient_norm() > 1e-10 && early.n_iterations() <= 1);
    assert!(late.converged() && late.gradient_norm() < early.gradient_norm());

    for loss in [Hinge::Plain, Hinge::Squared] {
        let settings = LinearSvc::new().loss(loss);
        let early = settings.clone().tolerance(1e-10).max_iter(1).fit(&x, &classes).unwrap();
        let late = settings.fit(&x, &classes).unwrap();
        assert!(!early.converged() && early.gap() > 1e-10, "{loss:?}: {}", early.gap());
        assert!(late.converged() && late.gap() < early.gap(), "{loss:?}: {}", late.gap());
    }
    for loss in [Insensitive::Plain, Insensitive::Squared] {
        let settings = LinearSvr::new().loss(loss).epsilon(0.5);
        let early = settings.clone().tolerance(1e-10).max_iter(1).fit(&x, &y).unwrap();
        let late = settings.fit(&x, &y).unwrap();
        assert!(!early.converged() && early.gap() > 1e-10, "{loss:?}: {}", early.gap());
        assert!(late.converged() && late.gap() < early.gap(), "{loss:?}: {}", late.gap());
    }
    let early = TheilSenRegressor::new().seed(1).tolerance(1e-12).max_iter(1).fit(&x, &y).unwrap();
    let late = TheilSenRegressor::new().seed(1).fit(&x, &y).unwrap();
    assert!(!early.converged() && early.gap() > 1e-12, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-9, "{}", late.gap());
    // However early the path through the inside ends, steps from corner to corner go on to the optimum.
    let early = QuantileRegressor::new().max_iter(1).fit(&x, &y).unwrap();
    let late = QuantileRegressor::new().fit(&x, &y).unwrap();
    assert!(early.converged() && late.converged() && early.gap() == 0.0);
    let apart = &early.coefficients() - &late.coefficients();
    assert!(apart.iter().all(|apart| apart.abs() < 1e-9), "{apart}");
}

#[test]
fn sparse_lines_say_how_far_they_were() {
    let (x, y, _) = tied();
    // The first column has the other sign at first, so that no guess of the signs ends the search after one sweep.
    let cells = x.dense().unwrap();
    let turned: Values = (0..60).map(|i| 2.0 * cells[[i, 3]] - cells[[i, 0]]).collect();
    let settings = ElasticNet::new().alpha(0.01);
    let early = settings.clone().tolerance(1e-12).max_iter(1).fit(&x, &turned).unwrap();
    let late = settings.fit(&x, &turned).unwrap();
    assert!(!early.converged() && early.gap() > 1e-12, "{}", early.gap());
    assert!(late.converged() && late.gap() < early.gap(), "{}", late.gap());
    let both: Outputs =
        Array2::from_shape_fn((60, 2), |(i, k)| if k == 0 { y.as_slice()[i] } else { (i as f64).sin() })
            .into();
    let settings = MultiTaskElasticNet::new().alpha(0.01);
    let early = settings.clone().tolerance(1e-12).max_iter(1).fit(&x, &both).unwrap();
    let late = settings.fit(&x, &both).unwrap();
    assert!(!early.converged() && early.gap() > 1e-12, "{}", early.gap());
    assert!(late.converged() && late.gap() < early.gap(), "{}", late.gap());
    let settings = LassoLars::new().alpha(1e-3);
    let early = settings.clone().max_iter(1).fit(&x, &y).unwrap();
    let late = settings.fit(&x, &y).unwrap();
    assert!(!early.converged() && early.gap() > 0.0, "{}", early.gap());
    assert!(late.converged() && late.gap() == 0.0, "{}", late.gap());
}

#[test]
fn passes_over_the_rows_say_how_far_they_were() {
    let (x, y, classes) = tied();
    macro_rules! passes {
        ($($settings:expr, $target:expr;)*) => {
            $(
                let early = $settings.seed(1_u64).max_iter(1).fit(&x, $target).unwrap();
                let late = $settings.seed(1_u64).max_iter(10_000).fit(&x, $target).unwrap();
                let (early, late) = (early.model(), late.model());
                let what = stringify!($settings);
                assert!(!early.converged() && early.gap() > 0.0, "{what}: {}", early.gap());
                assert!(late.converged() && late.n_iterations() < 10_000, "{what}: {}", late.gap());
            )*
        };
    }
    passes! {
        SgdClassifier::new(), &classes;
        Perceptron::new(), &classes;
        PassiveAggressive::new(), &classes;
        SgdRegressor::new(), &y;
    }
}

#[test]
fn centres_and_mixtures_say_how_far_they_were() {
    let (x, _, _) = tied();
    let settings = KMeans::new().n_clusters(4).n_init(1).seed(1);
    let early = settings.clone().max_iter(1).fit(&x, &NoTarget).unwrap();
    let late = settings.fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.last_shift() > 0.0, "{}", early.last_shift());
    assert!(late.converged() && late.last_shift() < early.last_shift(), "{}", late.last_shift());

    // Two clouds that overlap.
    let clouds = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| match j {
        0 => (i % 2) as f64 * 1.5 + ((i * i) % 17) as f64 * 0.2,
        _ => ((i * 7) % 11) as f64 * 0.3 + (i % 2) as f64,
    }));
    let settings = GaussianMixture::new().n_components(2).seed(1);
    let fit = |n: usize| settings.clone().tolerance(1e-12).max_iter(n).fit(&clouds, &NoTarget).unwrap();
    // One step has none before it to be compared with.
    assert!(!fit(1).converged() && fit(1).last_change().is_none());
    assert!(!fit(2).converged() && fit(2).last_change().is_some_and(|change| change.abs() > 1e-12));
    let late = settings.clone().max_iter(1000).fit(&clouds, &NoTarget).unwrap();
    assert!(late.converged() && late.last_change().is_some_and(|change| change.abs() < 1e-3));
    let settings = BayesianGaussianMixture::new().n_components(2).seed(1);
    let fit = |n: usize| settings.clone().tolerance(1e-12).max_iter(n).fit(&clouds, &NoTarget).unwrap();
    assert!(!fit(1).converged() && fit(1).last_change().is_none());
    assert!(!fit(2).converged() && fit(2).last_change().is_some_and(|change| change.abs() > 1e-12));
    let late = settings.clone().max_iter(1000).fit(&clouds, &NoTarget).unwrap();
    assert!(late.converged() && late.last_change().is_some_and(|change| change.abs() < 1e-3));

    let settings = GraphicalLasso::new().alpha(0.1);
    let early = settings.clone().tolerance(1e-12).max_iter(1).fit(&x, &NoTarget).unwrap();
    let late = settings.max_iter(10_000).fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.gap() > 1e-12, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-6, "{}", late.gap());
}

#[cfg(feature = "kernels")]
#[test]
fn kernels_say_how_far_they_were() {
    use perennial_models::gaussian_process::{GaussianProcessClassifier, GaussianProcessRegressor};
    use perennial_models::{OneClassSvm, Svc, Svr};

    let (x, y, classes) = tied();
    let early = Svc::new().max_iter(1).fit(&x, &classes).unwrap();
    let late = Svc::new().fit(&x, &classes).unwrap();
    assert!(!early.converged() && early.gap() > 1e-3, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-3, "{}", late.gap());
    let early = Svr::new().max_iter(1).fit(&x, &y).unwrap();
    let late = Svr::new().fit(&x, &y).unwrap();
    assert!(!early.converged() && early.gap() > 1e-3, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-3, "{}", late.gap());
    let early = OneClassSvm::new().max_iter(1).fit(&x, &NoTarget).unwrap();
    let late = OneClassSvm::new().fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.gap() > 1e-3, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-3, "{}", late.gap());

    let early = GaussianProcessRegressor::new().max_iter(1).fit(&x, &y).unwrap();
    let late = GaussianProcessRegressor::new().fit(&x, &y).unwrap();
    assert!(!early.converged() && early.gap() > 0.01, "{}", early.gap());
    assert!(late.gap() < early.gap(), "{}", late.gap());
    let early = GaussianProcessClassifier::new().max_iter(1).fit(&x, &classes).unwrap();
    let late = GaussianProcessClassifier::new().fit(&x, &classes).unwrap();
    assert!(!early.converged() && early.gap() > 0.01, "{}", early.gap());
    assert!(late.gap() < early.gap(), "{}", late.gap());
}

#[cfg(feature = "neural")]
#[test]
fn networks_say_what_each_pass_came_to() {
    use perennial_models::neural::{Layer, MlpClassifier, MlpRegressor};

    let (x, y, classes) = tied();
    let settings = MlpClassifier::new().layers([Layer::dense(4)]).seed(1).tolerance(0.01);
    let early = settings.clone().max_iter(1).fit(&x, &classes).unwrap();
    let late = settings.max_iter(20_000).fit(&x, &classes).unwrap();
    assert!(!early.converged() && early.history().len() == 1);
    assert!(late.converged() && late.history().len() < 20_000);
    let settings = MlpRegressor::new().layers([Layer::dense(4)]).seed(1).tolerance(0.01);
    let early = settings.clone().max_iter(1).fit(&x, &y).unwrap();
    let late = settings.max_iter(20_000).fit(&x, &y).unwrap();
    assert!(!early.converged() && early.history().len() == 1);
    assert!(late.converged() && late.history().len() < 20_000);
}
