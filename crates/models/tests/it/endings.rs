//! Searches that are stopped early say so, and how far they were.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, NoTarget, Values};
use perennial_models::compose::SelfTrainingClassifier;
use perennial_models::{
    BayesianRidge, FtrlClassifier, GaussianNaiveBayes, HuberRegressor, MeanShift, MiniBatchKMeans,
};

fn rows() -> (Matrix, Values) {
    let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (2 * j + 3)) as f64 * 0.7).sin());
    let y = (0..60).map(|i| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.4 * (i as f64 * 2.1).cos()).collect();
    (x.into(), y)
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
